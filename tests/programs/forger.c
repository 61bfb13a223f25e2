/*
 * forger TITLE: starts a session of its own account under ptrace(2), and makes its front show TITLE as its arguments.
 * The front becomes as inaccessible as a guard, and stays stopped. Prints "forged", and ends both at the end of its
 * input.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the kernel reads the arguments: field 48 of proc_pid_stat(5). */
static void *arguments(pid_t pid)
{
	char path[64], text[4096] = "";
	char *field;
	int number;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file || !fgets(text, sizeof(text), file))
		return NULL;
	fclose(file);
	field = strrchr(text, ')') + 2;
	for (number = 3; number < 48; number++)
		field = strchr(field, ' ') + 1;
	return (void *)strtoul(field, NULL, 10);
}

static int becomes_inaccessible(pid_t pid)
{
	struct __ptrace_syscall_info info;

	memset(&info, 0, sizeof(info));
	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       info.entry.nr == SYS_prctl && info.entry.args[0] == PR_SET_DUMPABLE && info.entry.args[1] == 0;
}

int main(int argc, char **argv)
{
	static char *session[] = { "xfersh", "-c", "/usr/lib/openssh/sftp-server", NULL };
	static char room[1024] = "ROOM=", *environment[] = { room, NULL };
	struct iovec title = { argv[1], argc > 1 ? strlen(argv[1]) + 1 : 0 }, there = title;
	int status = 0;
	char byte;
	pid_t pid;

	memset(room + strlen(room), 'x', sizeof(room) - strlen(room) - 1);
	pid = fork();
	if (pid == 0) {
		setsid();
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execve("/opt/xfersh", session, environment);
		_exit(97);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
	do {
		if (!WIFSTOPPED(status) || ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
			return 96;
		waitpid(pid, &status, 0);
	} while (!becomes_inaccessible(pid));
	there.iov_base = arguments(pid);
	if (process_vm_writev(pid, &title, 1, &there, 1, 0) != (ssize_t)title.iov_len)
		return 95;
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_DETACH, pid, NULL, SIGSTOP);
	printf("forged\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	kill(pid, SIGKILL);
	return 0;
}
