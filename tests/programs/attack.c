/*
 * Stands in for sftp-server or rsync (policy keys sftp_server, rsync), or runs as an ordinary program: reads one line
 * of words from standard input, does that many times, and prints the result. For what no client can be made to do
 * fast enough or often enough.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char *words[8];

/* One attempt of one kind of call at `path`; `spare` is a name that the session may always use. */
static int attempt(const char *call, const char *path, const char *spare)
{
	const struct timespec times[2] = { { .tv_sec = 77 }, { .tv_sec = 77 } };
	int fd, result;

	if (!strcmp(call, "write") || !strcmp(call, "truncate")) {
		fd = openat(AT_FDCWD, path, O_WRONLY | (*call == 't' ? O_TRUNC : 0));
		if (fd < 0)
			return -1;
		result = *call == 't' ? 0 : (int)pwrite(fd, "EVIL", 4, 0);
		close(fd);
		return result;
	}
	if (!strcmp(call, "create")) {
		fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0644);
		if (fd >= 0)
			close(fd);
		return fd;
	}
	if (!strcmp(call, "mkdir"))
		return mkdirat(AT_FDCWD, path, 0755);
	if (!strcmp(call, "chmod"))
		return chmod(path, 0604);
	if (!strcmp(call, "times"))
		return utimensat(AT_FDCWD, path, times, 0);
	if (!strcmp(call, "xattr"))
		return setxattr(path, "user.race", "x", 1, 0);
	if (!strcmp(call, "unlink"))
		return unlinkat(AT_FDCWD, path, 0);
	if (!strcmp(call, "rename")) {
		fd = openat(AT_FDCWD, spare, O_WRONLY | O_CREAT, 0644);
		if (fd >= 0)
			close(fd);
		return renameat2(AT_FDCWD, spare, AT_FDCWD, path, 0);
	}
	if (!strcmp(call, "link")) {
		static int hit;
		struct stat made, allowed;

		/* A second name of the wrong file stays; otherwise the next attempt would hide it. */
		if (hit)
			return -1;
		unlinkat(AT_FDCWD, spare, 0);
		result = linkat(AT_FDCWD, path, AT_FDCWD, spare, 0);
		if (result == 0 && stat(words[5], &allowed) == 0 && stat(spare, &made) == 0)
			hit = made.st_ino != allowed.st_ino;
		return result;
	}
	printf("unknown call %s\n", call);
	exit(3);
}

/* Creates or removes what the next attempt at `good` needs. */
static void prepare(const char *call, const char *good)
{
	if (!strcmp(call, "mkdir"))
		unlinkat(AT_FDCWD, good, AT_REMOVEDIR);
	else if (!strcmp(call, "create"))
		unlinkat(AT_FDCWD, good, 0);
	else if (!strcmp(call, "unlink"))
		attempt("create", good, NULL);
}

/* strike CALL PATH SPARE COUNT ALLOWED: the same attempt again and again. */
static void strike(const char *path)
{
	long count = atol(words[4]), well = 0, i;

	for (i = 0; i < count; i++) {
		prepare(words[1], path);
		well += attempt(words[1], path, words[3]) >= 0;
	}
	printf("attempts %ld well %ld\n", count, well);
}

/* rewrite CALL PATH SPARE COUNT ALLOWED: another process changes one byte of the path all the time, `*` or `.`. */
static void rewrite(void)
{
	char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile int *over = (int *)(shared + 2048);
	char *star;
	long count = atol(words[4]), well = 0, i;
	char good[1024];
	pid_t writer;

	strcpy(shared, words[2]);
	star = strchr(shared, '*');
	*star = 'n';
	snprintf(good, sizeof(good), "%s", shared);
	writer = fork();
	if (writer < 0) {
		printf("cannot fork: %d\n", errno);
		return;
	}
	if (writer == 0) {
		unsigned turn = 0;

		/* Uneven times, so that no regularity in the guard hides the change. */
		while (!*over) {
			*(volatile char *)star = turn & 1 ? '.' : 'n';
			for (unsigned wait = (turn * 2654435761u) >> 21; wait; wait--)
				__asm__ volatile("");
			turn++;
			over[1] = 1;
		}
		_exit(0);
	}
	while (!over[1])
		sched_yield();
	for (i = 0; i < count; i++) {
		prepare(words[1], good);
		well += attempt(words[1], shared, words[3]) >= 0;
	}
	*over = 1;
	waitpid(writer, NULL, 0);
	printf("attempts %ld well %ld\n", count, well);
}

/* swap LINK ONE OTHER: a symbolic link that leads to the one or the other, until standard input ends. */
static void swap(void)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	char fresh[1024];
	long turns = 0;

	snprintf(fresh, sizeof(fresh), "%s-new", words[1]);
	printf("swapping\n");
	fflush(stdout);
	while (poll(&in, 1, 0) == 0) {
		unlinkat(AT_FDCWD, fresh, 0);
		if (symlinkat(words[2 + (turns & 1)], AT_FDCWD, fresh) == 0)
			turns += renameat2(AT_FDCWD, fresh, AT_FDCWD, words[1], 0) == 0;
	}
	printf("turns %ld\n", turns);
}

static void nothing(int number)
{
	(void)number;
}

/* mkdirs DIRECTORY COUNT: each must be created exactly once, although signals arrive all the time. */
static void mkdirs(void)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	long count = atol(words[2]), made = 0, twice = 0, broken = 0, i;
	char path[1024];

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%ld", words[1], i);
		if (mkdirat(AT_FDCWD, path, 0755) == 0)
			made++;
		else if (errno == EEXIST)
			twice++;
		else
			broken++;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("made %ld twice %ld broken %ld\n", made, twice, broken);
}

/* churn DIRECTORY COUNT [wait]: operations of every kind, leaving one file out of every eight; then waits for the end of its input. */
static void churn(void)
{
	long count = atol(words[2]), failed = 0, i;
	char one[1024], two[1024];
	int fd;

	for (i = 0; i < count; i += 8) {
		snprintf(one, sizeof(one), "%s/f%ld", words[1], i);
		snprintf(two, sizeof(two), "%s/g%ld", words[1], i);
		fd = openat(AT_FDCWD, one, O_WRONLY | O_CREAT | O_EXCL, 0644);
		failed += fd < 0;
		failed += fchmod(fd, 0600) < 0;
		close(fd);
		failed += renameat2(AT_FDCWD, one, AT_FDCWD, two, 0) < 0;
		failed += utimensat(AT_FDCWD, two, NULL, 0) < 0;
		/* A refused one among them. */
		failed += openat(AT_FDCWD, ".bashrc", O_WRONLY) >= 0;
		failed += chmod(two, 0640) < 0;
		failed += mkdirat(AT_FDCWD, one, 0755) < 0;
		failed += unlinkat(AT_FDCWD, one, AT_REMOVEDIR) < 0;
	}
	printf("done %ld failed %ld\n", count, failed);
	fflush(stdout);
	/* Somebody looks at the guard. */
	if (words[3] && read(0, one, 1) < 0)
		exit(4);
}

/* flood PATH COUNT: opens for writing. */
static void flood(void)
{
	long count = atol(words[2]), well = 0, i;
	int fd;

	for (i = 0; i < count; i++) {
		fd = openat(AT_FDCWD, words[1], O_WRONLY);
		if (fd >= 0) {
			well++;
			close(fd);
		}
	}
	printf("attempts %ld well %ld\n", count, well);
}

/* allocate PATH SIZE MODE OFFSET LENGTH: fallocate(2) on a file that is written full up to SIZE; prints the result. */
static void allocate(void)
{
	static char block[65536];
	long size = atol(words[2]), at;
	int fd = openat(AT_FDCWD, words[1], O_RDWR | O_CREAT | O_EXCL, 0644);
	struct stat status;
	long result;

	/* Past the limit: an error, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	memset(block, 'x', sizeof(block));
	for (at = 0; at < size; at += (long)sizeof(block))
		if (write(fd, block, sizeof(block)) < 0)
			printf("cannot write: %d\n", errno);
	/* Written blocks count once they are on the disk. */
	fsync(fd);
	result = syscall(SYS_fallocate, fd, (int)strtol(words[3], NULL, 0), atol(words[4]), atol(words[5]));
	printf("errno %d ", result < 0 ? errno : 0);
	fstat(fd, &status);
	printf("size %lld blocks %lld\n", (long long)status.st_size, (long long)status.st_blocks);
}

/* sleepers COUNT: processes that only wait, including this one. */
static void sleepers(void)
{
	long count = atol(words[1]), i, made = 0;

	for (i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0)
			for (;;)
				poll(NULL, 0, 1000);
		made += child > 0;
	}
	printf("sleeping %ld\n", made);
	fflush(stdout);
	for (;;)
		poll(NULL, 0, 1000);
}

/* Processes without a parent that end again and again: the guard is told of each. */
static void orphans(void)
{
	if (fork() != 0)
		return;
	for (;;) {
		if (fork() == 0) {
			if (fork() == 0)
				poll(NULL, 0, 250);
			_exit(0);
		}
		wait(NULL);
		poll(NULL, 0, 250);
	}
}

/* noise orphans|quiet [FILE]: never ends, whatever signal or end of input comes; keeps writing to FILE. */
static void noise(void)
{
	char block[1024];
	int fd = -1;

	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	if (words[2])
		fd = openat(AT_FDCWD, words[2], O_WRONLY | O_CREAT, 0644);
	printf("noisy %d\n", fd);
	fflush(stdout);
	if (!strcmp(words[1], "orphans"))
		orphans();
	memset(block, 'x', sizeof(block));
	for (;;) {
		poll(NULL, 0, fd < 0 ? 100000 : 5);
		if (fd >= 0 && write(fd, block, sizeof(block)) < 0)
			fd = -1;
	}
}

static void tell(const char *what, long result)
{
	printf("%s %s\n", what, result < 0 ? "refused" : "done");
	fflush(stdout);
}

/* assault SIGNAL [PID]: every way to send a signal to the parent or to PID. */
static void assault(void)
{
	int number = atoi(words[1]), fd;
	pid_t target = words[2] ? atoi(words[2]) : getppid();
	siginfo_t info = { .si_code = SI_QUEUE };

	/* SIGCONT first, since a stopped process cannot undo SIGSTOP itself. */
	tell("kill", syscall(SYS_kill, target, number));
	tell("tkill", syscall(SYS_tkill, target, number));
	tell("tgkill", syscall(SYS_tgkill, target, target, number));
	tell("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, target, number, &info));
	tell("rt_tgsigqueueinfo", syscall(SYS_rt_tgsigqueueinfo, target, target, number, &info));
	fd = (int)syscall(SYS_pidfd_open, target, 0);
	tell("pidfd_open", fd);
	tell("pidfd_send_signal", syscall(SYS_pidfd_send_signal, fd, number, NULL, 0));
	tell("fcntl", fcntl(0, F_SETOWN, target));
	printf("over\n");
}

/* masks DIRECTORY: what two processes create under changing masks. */
static void masks(void)
{
	static const mode_t all[] = { 0, 022, 077, 027, 0777 & ~0600 };
	char path[1024];
	unsigned i;
	int fd;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		mode_t before = umask(all[i]);

		if (i > 0 && before != all[i - 1])
			printf("mask %u: %03o before, expected %03o\n", i, before, all[i - 1]);
		snprintf(path, sizeof(path), "%s/f%u", words[1], i);
		fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0666);
		if (fd >= 0)
			close(fd);
		snprintf(path, sizeof(path), "%s/d%u", words[1], i);
		mkdirat(AT_FDCWD, path, 0777);
	}
	/* A process has its own mask, and begins with its parent's. */
	if (words[2]) {
		pid_t child;

		umask(007);
		child = fork();
		if (child == 0) {
			snprintf(path, sizeof(path), "%s/inherited", words[1]);
			mkdirat(AT_FDCWD, path, 0777);
			umask(055);
			snprintf(path, sizeof(path), "%s/child", words[1]);
			mkdirat(AT_FDCWD, path, 0777);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		snprintf(path, sizeof(path), "%s/parent", words[1]);
		mkdirat(AT_FDCWD, path, 0777);
	}
	printf("masked\n");
}

/* heir PATH COUNT: opens a file and forks; then only the child has it open, and writes to it from time to time. */
static void heir(const char *path)
{
	static char block[65536];
	int fd = open(path, O_WRONLY | O_CREAT, 0644);
	long count = atol(words[2]);
	struct stat status = { 0 };
	pid_t child = fork();

	if (child == 0) {
		while (count--) {
			if (write(fd, block, sizeof(block)) < 0)
				_exit(1);
			usleep(10000);
		}
		_exit(0);
	}
	close(fd);
	waitpid(child, NULL, 0);
	stat(path, &status);
	printf("bytes %ld\n", (long)status.st_size);
}

int main(int argc, char **argv)
{
	char line[4200] = "", *word, *rest = NULL;
	int count = 0;

	(void)argc;
	(void)argv;
	/* Byte by byte: nothing of what follows the line is taken. */
	for (size_t i = 0; i + 1 < sizeof(line) && read(0, line + i, 1) == 1 && line[i] != '\n'; i++)
		;
	for (word = strtok_r(line, " \n", &rest); word && count < 8; word = strtok_r(NULL, " \n", &rest))
		words[count++] = word;
	if (!count)
		return 3;
	if (!strcmp(words[0], "strike"))
		strike(words[2]);
	else if (!strcmp(words[0], "rewrite"))
		rewrite();
	else if (!strcmp(words[0], "swap"))
		swap();
	else if (!strcmp(words[0], "mkdirs"))
		mkdirs();
	else if (!strcmp(words[0], "churn"))
		churn();
	else if (!strcmp(words[0], "flood"))
		flood();
	else if (!strcmp(words[0], "allocate"))
		allocate();
	else if (!strcmp(words[0], "sleepers"))
		sleepers();
	else if (!strcmp(words[0], "noise"))
		noise();
	else if (!strcmp(words[0], "assault"))
		assault();
	else if (!strcmp(words[0], "masks"))
		masks();
	else if (!strcmp(words[0], "heir"))
		heir(words[1]);
	else
		printf("unknown %s\n", words[0]);
	return fflush(stdout);
}
