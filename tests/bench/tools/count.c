/*
 * Counts what a shell does until its server's execve has succeeded: user
 * instructions, by single steps, and system calls, of every process of the
 * session. Needs no hardware counters, so it works in any virtual machine
 * and gives nearly the same numbers each time.
 *
 *   count ROUNDS SERVER COMMAND LABEL PROGRAM POLICY ACCOUNT ...
 *
 * SERVER is the file whose execve ends the count. Prints
 * `LABEL<tab>INSTRUCTIONS<tab>SYSTEM CALLS<tab>PROCESSES<tab>CPUIDS` per round. A
 * string instruction with a repeat prefix counts once, as in hardware counters.
 */
#define _GNU_SOURCE
#include "session.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_PROCESSES 64
#define OPTIONS (PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

struct process {
	pid_t pid;
	unsigned long at; /* where the last step stopped */
};

struct tally {
	long instructions, calls, processes, cpuids;
};

static struct process processes[MOST_PROCESSES];
static struct tally tally;

static struct process *process_of(pid_t pid)
{
	for (long i = 0; i < tally.processes; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	if (tally.processes == MOST_PROCESSES) {
		errno = E2BIG;
		die("follow so many processes");
	}
	processes[tally.processes] = (struct process){ pid, 0 };
	return &processes[tally.processes++];
}

static unsigned long instruction_pointer(pid_t pid)
{
#if defined(__x86_64__)
	return (unsigned long)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), 0);
#elif defined(__aarch64__)
	struct user_regs_struct registers = { 0 };
	struct iovec place = { &registers, sizeof registers };
	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &place);
	return registers.pc;
#endif
}

/* The first bytes of the instruction at `address`; eight need not be mapped. */
static unsigned long bytes_at(pid_t pid, unsigned long address)
{
	errno = 0;
	unsigned long bytes = (unsigned long)ptrace(PTRACE_PEEKTEXT, pid, address, 0);
	if (errno)
		bytes = (unsigned long)ptrace(PTRACE_PEEKTEXT, pid, address - 6, 0) >> 48;
	return bytes;
}

static int is_system_call(unsigned long bytes)
{
#if defined(__x86_64__)
	return (bytes & 0xffff) == 0x050f;
#elif defined(__aarch64__)
	return (bytes & 0xffffffff) == 0xd4000001;
#endif
}

/* CPUID leaves a virtual machine each time, which takes microseconds. */
static int is_cpuid(unsigned long bytes)
{
#if defined(__x86_64__)
	return (bytes & 0xffff) == 0xa20f;
#else
	(void)bytes;
	return 0;
#endif
}

static int is_repeated(unsigned long bytes)
{
#if defined(__x86_64__)
	return (bytes & 0xff) == 0xf3 || (bytes & 0xff) == 0xf2;
#else
	(void)bytes;
	return 0;
#endif
}

/* Counts the instruction that `process` is about to execute. */
static void look_at_next(struct process *process)
{
	unsigned long at = instruction_pointer(process->pid);
	unsigned long bytes = bytes_at(process->pid, at);
	if (is_system_call(bytes))
		tally.calls++;
	if (is_cpuid(bytes))
		tally.cpuids++;
	if (at != process->at || !is_repeated(bytes))
		tally.instructions++;
	process->at = at;
}

static int runs(pid_t pid, const struct stat *server)
{
	char link[64];
	struct stat program;
	snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
	return !stat(link, &program) && program.st_dev == server->st_dev && program.st_ino == server->st_ino;
}

/* Steps all processes of the session until one of them runs the server. */
static void step_until_server(pid_t first, const struct stat *server, const char *label)
{
	int counting = 0;
	for (;;) {
		int status, deliver = 0;
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			die("wait for a step");
		if (!WIFSTOPPED(status)) {
			if (pid == first) {
				fprintf(stderr, "bench: %s ended before its server started\n", label);
				exit(1);
			}
			continue;
		}
		int event = status >> 16;
		struct process *process = process_of(pid);
		if (event == PTRACE_EVENT_EXEC) {
			if (runs(pid, server))
				return;
			counting = 1; /* the first execve is the shell's own */
		} else if (!event && WSTOPSIG(status) == SIGTRAP) {
			if (counting)
				look_at_next(process);
		} else if (!event) {
			deliver = WSTOPSIG(status);
		}
		if (ptrace(counting ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, 0, deliver) && errno != ESRCH)
			die("step");
	}
}

static void count(const struct subject *subject, const char *command, const struct stat *server)
{
	struct session session = start_session(subject, command, HOLD_AT_GATE);
	tally = (struct tally){ 0 };
	if (ptrace(PTRACE_SEIZE, session.pid, 0, OPTIONS))
		die("trace the session");
	write_all(session.gate, "", 1, subject->label);
	close(session.gate);
	step_until_server(session.pid, server, subject->label);
	printf("%s\t%ld\t%ld\t%ld\t%ld\n", subject->label, tally.instructions, tally.calls,
		tally.processes, tally.cpuids);
	fflush(stdout);

	for (long i = 0; i < tally.processes; i++)
		kill(processes[i].pid, SIGKILL);
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;)
		if (WIFSTOPPED(status)) /* forked just now */
			kill(pid, SIGKILL);
	close(session.to);
	close(session.from);
}

int main(int words, char **word)
{
	if (words < 8) {
		fprintf(stderr, "usage: count ROUNDS SERVER COMMAND LABEL PROGRAM POLICY ACCOUNT ...\n");
		return 2;
	}
	int subjects_count;
	struct stat server;
	long rounds = positive(word[1], "read ROUNDS");
	if (stat(word[2], &server))
		die(word[2]);
	struct subject *subjects = read_subjects(words - 4, word + 4, &subjects_count);
	for (long round = 0; round < rounds; round++)
		for (int i = 0; i < subjects_count; i++)
			count(&subjects[i], word[3], &server);
	return 0;
}
