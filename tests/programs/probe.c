/*
 * Stands in for sftp-server (policy key sftp_server): reads one line of words from standard input, does that one
 * thing, and answers "ok" or "errno N". For what a server that has been taken over could try.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int answer(long result)
{
	if (result < 0)
		printf("errno %d\n", errno);
	else
		printf("ok\n");
	return fflush(stdout);
}

/* Runs a program in a child; success is its exit status 0. */
static long runs(int fd, const char *path, char *const argv[])
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -1;
	if (child == 0) {
		if (fd >= 0)
			fexecve(fd, argv, environ);
		else
			execv(path, argv);
		_exit(100);
	}
	if (waitpid(child, &status, 0) < 0)
		return -1;
	errno = EACCES;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static long memfd_runs(const char *path)
{
	char buffer[65536], *argv[] = { "memfd", NULL };
	int from = open(path, O_RDONLY), to = memfd_create("memfd", 0);
	ssize_t count;

	if (from < 0 || to < 0)
		return -1;
	while ((count = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, count) != count)
			return -1;
	return runs(to, NULL, argv);
}

static long inet(int type, int port, int listens)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	if (listens)
		return bind(fd, (struct sockaddr *)&to, sizeof(to));
	if (type == SOCK_DGRAM)
		return sendto(fd, "probe", 5, 0, (struct sockaddr *)&to, sizeof(to));
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static long local(const char *path, int abstract)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t length = sizeof(to);

	if (fd < 0)
		return -1;
	strncpy(to.sun_path + abstract, path, sizeof(to.sun_path) - 2);
	if (abstract)
		length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(path);
	return connect(fd, (struct sockaddr *)&to, length);
}

static long report(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { 0 };
	struct rlimit limit;
	mode_t mask = umask(0);
	char where[4096];
	int number, bounding = 0, ambient = 0;

	if (syscall(SYS_capget, &header, sets) < 0)
		return -1;
	for (number = 0; number < 64; number++) {
		bounding += prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1;
		ambient += prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number, 0, 0) == 1;
	}
	printf("effective %x%08x\n", sets[1].effective, sets[0].effective);
	printf("permitted %x%08x\n", sets[1].permitted, sets[0].permitted);
	printf("inheritable %x%08x\n", sets[1].inheritable, sets[0].inheritable);
	printf("bounding %d\nambient %d\n", bounding, ambient);
	printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf("ids %d %d %d %d\n", getuid(), geteuid(), getgid(), getegid());
	printf("umask %04o\n", mask);
	if (getrlimit(RLIMIT_CORE, &limit) == 0)
		printf("core %ld\n", (long)limit.rlim_cur);
	if (getcwd(where, sizeof(where)))
		printf("cwd %s\n", where);
	for (number = 0; number < 1024; number++)
		if (fcntl(number, F_GETFD) >= 0)
			printf("descriptor %d\n", number);
	for (number = 1; number < 32; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			printf("ignored %d\n", number);
	}
	for (number = 0; environ[number]; number++)
		printf("env %s\n", environ[number]);
	return 0;
}

int main(int argc, char **argv)
{
	char line[4200] = "", *what, *first, *second;
	char *nothing[] = { "true", NULL };

	if (argc > 1 && argv[1][0] != '-')
		snprintf(line, sizeof(line), "%s", argv[1]);
	else if (!fgets(line, sizeof(line), stdin))
		return 3;
	what = strtok(line, " \n");
	first = strtok(NULL, " \n");
	second = strtok(NULL, " \n");
	if (!what)
		return 3;
	if (!first)
		first = "";
	if (!strcmp(what, "report"))
		return answer(report());
	if (!strcmp(what, "exec"))
		return answer(runs(-1, first, nothing));
	if (!strcmp(what, "interpret")) {
		char *arguments[] = { first, second, NULL };

		return answer(runs(-1, first, arguments));
	}
	if (!strcmp(what, "memfd"))
		return answer(memfd_runs(first));
	if (!strcmp(what, "fork"))
		return answer(fork() < 0 ? -1 : 0);
	if (!strcmp(what, "tcp"))
		return answer(inet(SOCK_STREAM, atoi(first), 0));
	if (!strcmp(what, "tcp-bind"))
		return answer(inet(SOCK_STREAM, atoi(first), 1));
	if (!strcmp(what, "udp"))
		return answer(inet(SOCK_DGRAM, atoi(first), 0));
	if (!strcmp(what, "unix"))
		return answer(local(first, 0));
	if (!strcmp(what, "abstract"))
		return answer(local(first, 1));
	if (!strcmp(what, "kill"))
		return answer(kill(atoi(first), 0));
	if (!strcmp(what, "trace"))
		return answer(ptrace(PTRACE_SEIZE, atoi(first), 0, 0));
	if (!strcmp(what, "userns"))
		return answer(unshare(CLONE_NEWUSER));
	if (!strcmp(what, "write"))
		return answer(open(first, O_WRONLY | O_CREAT | O_TRUNC, 0644));
	if (!strcmp(what, "read"))
		return answer(open(first, O_RDONLY));
	if (!strcmp(what, "chmod"))
		return answer(chmod(first, 0700));
	if (!strcmp(what, "setgid"))
		return answer(setgid(0));
	printf("unknown %s\n", what);
	return 3;
}
