/*
 * Memory of idle sessions: starts SESSIONS of each subject, waits until the
 * server of each has answered SSH_FXP_INIT and two seconds more, and reads the
 * proportional set size (PSS, proc_pid_smaps_rollup(5)) of every process.
 *
 *   idle SESSIONS SERVER COMMAND LABEL PROGRAM POLICY ACCOUNT ...
 *   idle --hold SESSIONS SERVER COMMAND LABEL PROGRAM POLICY ACCOUNT
 *
 * Prints `LABEL<tab>KIB BEYOND THE SERVER<tab>KIB OF THE SERVER<tab>PROCESSES`
 * per session. A process belongs to a session if it, or its parent, and so
 * on, is the one that was started. A subject that is its own server has
 * nothing beyond it. With --hold the sessions stay open until the standard
 * input ends.
 */
#define _GNU_SOURCE
#include "session.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REST 2 /* seconds: a guard may give memory back when it has nothing to do */

static const unsigned char init[] = { 0, 0, 0, 5, 1, 0, 0, 0, 3 };

struct memory {
	long beyond, server, processes;
};

/* The number after `name` in a file of /proc, or -1. */
static long number_in(const char *file, pid_t pid, const char *name)
{
	char path[64], line[256], format[32];
	long value = -1;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	snprintf(format, sizeof format, "%s %%ld", name);
	FILE *text = fopen(path, "r");
	if (!text)
		return -1;
	while (value < 0 && fgets(line, sizeof line, text))
		if (sscanf(line, format, &value) != 1)
			value = -1;
	fclose(text);
	return value;
}

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void add_process(struct memory *memory, pid_t pid, const struct stat *server)
{
	char path[64];
	struct stat program;
	long size = number_in("smaps_rollup", pid, "Pss:");
	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	if (size < 0 || stat(path, &program))
		die("read the memory of a session");
	memory->processes++;
	if (same_file(&program, server))
		memory->server += size;
	else
		memory->beyond += size;
}

/* Which of the sessions the process belongs to, or -1. */
static long session_of(pid_t pid, const struct session *session, long sessions)
{
	for (; pid > 1; pid = (pid_t)number_in("status", pid, "PPid:"))
		for (long n = 0; n < sessions; n++)
			if (session[n].pid == pid)
				return n;
	return -1;
}

static void read_memory(struct memory *memory, const struct session *session, long sessions, const struct stat *server)
{
	DIR *all = opendir("/proc");
	if (!all)
		die("list /proc");
	for (struct dirent *entry; (entry = readdir(all));) {
		pid_t pid = atoi(entry->d_name);
		long n = pid > 1 ? session_of(pid, session, sessions) : -1;
		if (n >= 0)
			add_process(&memory[n], pid, server);
	}
	closedir(all);
}

/* Starts, measures and ends the sessions of one subject. */
static void measure(const struct subject *subject, const char *command, const struct stat *server, long sessions, int hold)
{
	unsigned char reply[5], byte;
	struct stat program;
	struct session *session = calloc((size_t)sessions, sizeof *session);
	struct memory *memory = calloc((size_t)sessions, sizeof *memory);
	if (!session || !memory)
		die("allocate memory");
	/* What serves the files: the program itself, if the server is not asked. */
	if (stat(subject->program, &program))
		die(subject->program);
	for (long n = 0; n < sessions; n++) {
		session[n] = start_session(subject, command, START_AT_ONCE);
		write_all(session[n].to, init, sizeof init, subject->label);
		read_all(session[n].from, reply, sizeof reply, subject->label);
	}
	sleep(REST);
	read_memory(memory, session, sessions, server);
	if (!memory[0].server) { /* it is its own server */
		memset(memory, 0, (size_t)sessions * sizeof *memory);
		read_memory(memory, session, sessions, &program);
	}
	for (long n = 0; n < sessions; n++) {
		if (!memory[n].server) {
			errno = ESRCH;
			die("find the server of a session");
		}
		printf("%s\t%ld\t%ld\t%ld\n", subject->label, memory[n].beyond, memory[n].server, memory[n].processes);
	}
	fflush(stdout);
	if (hold)
		while (read(0, &byte, 1) > 0)
			;
	for (long n = 0; n < sessions; n++)
		end_session(&session[n]);
	free(session);
	free(memory);
}

int main(int words, char **word)
{
	int hold = words > 1 && !strcmp(word[1], "--hold"), count;
	words -= hold;
	word += hold;
	if (words < 8) {
		fprintf(stderr, "usage: idle [--hold] SESSIONS SERVER COMMAND LABEL PROGRAM POLICY ACCOUNT ...\n");
		return 2;
	}
	struct stat server;
	long sessions = positive(word[1], "read SESSIONS");
	if (stat(word[2], &server))
		die(word[2]);
	struct subject *subjects = read_subjects(words - 4, word + 4, &count);
	for (int i = 0; i < count; i++)
		measure(&subjects[i], word[3], &server, sessions, hold);
	return 0;
}
