/*
 * Starts a program on a kernel that lacks something: without FEATURE [PROGRAM ARGUMENT...].
 *
 *   landlock  landlock_create_ruleset fails with ENOSYS
 *   notify    seccomp with a listener fails with EINVAL, and so does the query for its structures
 *   reading   process_vm_readv fails with EPERM, as under a profile that refuses it
 *   listener  there already is a listener, as inside some container managers: a second one fails with EBUSY
 *   tracing   process_vm_readv of any other process fails with EPERM, as under Yama's ptrace_scope 2
 *   dying     what is to become the server is killed at its start, as when there is no memory
 *   calls=N,N these system calls fail with EPERM, as under the seccomp profile of a container, and clone3 with ENOSYS
 *   nothing   nothing is missing
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
#define FAIL(number) ANSWER(SECCOMP_RET_ERRNO | (number))

static int load(struct sock_filter *code, unsigned length, unsigned flags)
{
	struct sock_fprog program = { .len = (unsigned short)length, .filter = code };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int refuse(char *numbers)
{
	static struct sock_filter code[4096] = { LOAD(nr), UNLESS(SYS_clone3, 1), FAIL(ENOSYS) };
	unsigned length = 3;
	char *word;

	for (word = strtok(numbers, ","); word && length + 3 < 4096; word = strtok(NULL, ",")) {
		code[length++] = (struct sock_filter)UNLESS((unsigned)atoi(word), 1);
		code[length++] = (struct sock_filter)FAIL(EPERM);
	}
	code[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
	return load(code, length, 0);
}

int main(int argc, char **argv)
{
	struct sock_filter landlock[] = { LOAD(nr), UNLESS(SYS_landlock_create_ruleset, 1), FAIL(ENOSYS),
					  ANSWER(SECCOMP_RET_ALLOW) };
	struct sock_filter notify[] = { LOAD(nr), UNLESS(SYS_seccomp, 6), LOAD(args[0]),
					UNLESS(SECCOMP_GET_NOTIF_SIZES, 1), FAIL(EINVAL), LOAD(args[1]),
					BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
					FAIL(EINVAL), ANSWER(SECCOMP_RET_ALLOW) };
	struct sock_filter reading[] = { LOAD(nr), UNLESS(SYS_process_vm_readv, 1), FAIL(EPERM),
					 ANSWER(SECCOMP_RET_ALLOW) };
	/* The program keeps this process id, and its guard has the next one, as long as nothing else is started
	 * meanwhile; the server has a higher one. */
	struct sock_filter tracing[] = { LOAD(nr), UNLESS(SYS_process_vm_readv, 3), LOAD(args[0]),
					 BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (unsigned)getpid() + 1, 0, 1), FAIL(EPERM),
					 ANSWER(SECCOMP_RET_ALLOW) };
	/* Only what is to become the server does this (see the row of rt_sigaction). */
	struct sock_filter dying[] = { LOAD(nr), UNLESS(SYS_rt_sigaction, 3), LOAD(args[0]), UNLESS(SIGVTALRM, 1),
				       ANSWER(SECCOMP_RET_KILL_PROCESS), ANSWER(SECCOMP_RET_ALLOW) };
	struct sock_filter all[] = { ANSWER(SECCOMP_RET_ALLOW) };
	int result = -1;

	if (argc < 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 99;
	if (!strcmp(argv[1], "landlock"))
		result = load(landlock, sizeof(landlock) / sizeof(*landlock), 0);
	else if (!strcmp(argv[1], "notify"))
		result = load(notify, sizeof(notify) / sizeof(*notify), 0);
	else if (!strcmp(argv[1], "reading"))
		result = load(reading, sizeof(reading) / sizeof(*reading), 0);
	else if (!strcmp(argv[1], "tracing"))
		result = load(tracing, sizeof(tracing) / sizeof(*tracing), 0);
	else if (!strcmp(argv[1], "dying"))
		result = load(dying, sizeof(dying) / sizeof(*dying), 0);
	else if (!strncmp(argv[1], "calls=", 6))
		result = refuse(argv[1] + 6);
	else if (!strcmp(argv[1], "listener"))
		result = load(all, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	else if (!strcmp(argv[1], "nothing"))
		result = 0;
	if (result < 0) {
		perror(argv[1]);
		return 98;
	}
	if (!strcmp(argv[1], "listener")) {
		/* The manager: it holds the listener, and the session runs below it. The kernel forgets a listener
		 * that nobody holds, so this process stays. */
		pid_t child = fork();
		int status;

		if (child == 0) {
			execv(argv[2], argv + 2);
			_exit(97);
		}
		if (waitpid(child, &status, 0) < 0)
			return 96;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 95;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 97;
}
