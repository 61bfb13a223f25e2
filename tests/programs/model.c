/*
 * A server of the checker (tests/suite/model): stands in for sftp-server or rsync and makes the system calls that it is told
 * to, in batches and at full speed, so that two sessions meet at the same names.
 *
 *     batch COUNT REPEAT      then COUNT lines, one call each; all are read before the first is made
 *
 * It answers, for each line of the batch: INDEX OK DENIED FAILED ERRNO VALUE, where DENIED counts EACCES and EPERM,
 * ERRNO and VALUE are those of the last time; then "read N" for each file that said "old-N" when it was read; then "end".
 *
 * Lines (SLOT is 0 to 7, or 0 to 99 for those of `many`; modes are octal):
 *     open HOW SLOT PATH      HOW: r, w or b (both), then any of c (create), x (exclusive), t (truncate), a (append)
 *     write SLOT LENGTH       read SLOT            close SLOT           dup SLOT SLOT
 *     fsize SLOT LENGTH       alloc SLOT MODE LENGTH                    fmode SLOT MODE      size SLOT
 *     put PATH                new PATH             slurp PATH           list PATH            stat PATH
 *     mkdir PATH              rmdir PATH           unlink PATH
 *     rename FROM TO          move FROM TO         (move: to a free name only)
 *     link FROM TO            symlink TARGET PATH
 *     mode MODE PATH          times PATH           truncate LENGTH PATH                      xattr PATH
 *     orphans MILLISECONDS TIMES    in the background: children whose parent ends at once, one after the other
 *     sleep MILLISECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define LINES 4096
#define TOKENS 65536
#define SLOTS 100

struct op {
	char *words[5];
	long ok, denied, failed, value;
	int error;
};

static struct op ops[LINES];
static int slots[SLOTS];
static char seen[TOKENS];
static char block[65536];

static int *slot(const char *word)
{
	unsigned number = atoi(word);

	return &slots[number < SLOTS ? number : 0];
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int flags_of(const char *how)
{
	int flags = *how == 'r' ? O_RDONLY : *how == 'w' ? O_WRONLY : O_RDWR;

	for (how++; *how; how++)
		flags |= *how == 'c' ? O_CREAT : *how == 'x' ? O_EXCL : *how == 't' ? O_TRUNC : O_APPEND;
	return flags;
}

/* Notes what a file contains when it is read. */
static long look(int fd)
{
	char text[32] = "";
	long got = pread(fd, text, sizeof(text) - 1, 0);

	if (got > 4 && !strncmp(text, "old-", 4))
		seen[atoi(text + 4) & (TOKENS - 1)] = 1;
	return got;
}

static long open_path(const char *how, const char *path)
{
	/* An open for reading would wait forever for the writer of a FIFO. */
	return openat(AT_FDCWD, path, flags_of(how) | O_NONBLOCK, 0644);
}

static long put(const char *how, const char *path)
{
	long fd = open_path(how, path);

	if (fd < 0)
		return -1;
	if (write(fd, "new content\n", 12) < 0)
		errno = 0;
	close(fd);
	return 0;
}

static long write_block(int fd, long length)
{
	long done = 0;

	while (done < length) {
		long part = length - done, got;

		if (part > (long)sizeof(block))
			part = sizeof(block);
		got = write(fd, block, part);
		if (got < 0)
			return done ? done : -1;
		done += got;
	}
	return done;
}

static long list(const char *path)
{
	char names[4096];
	long fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK), got;

	if (fd < 0)
		return -1;
	got = syscall(SYS_getdents64, fd, names, sizeof(names));
	close(fd);
	return got;
}

static void nap(long milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* From now on, every so often a process ends whose parent has already ended. */
static long orphans(long milliseconds, long times)
{
	pid_t worker = fork();

	if (worker != 0)
		return worker < 0 ? -1 : 0;
	while (times-- > 0) {
		pid_t child = fork();

		if (child == 0) {
			if (fork() == 0)
				nap(milliseconds / 2);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		nap(milliseconds);
	}
	_exit(0);
}

static long on_slot(const char *call, char **word)
{
	int *fd = slot(word[1]);
	struct stat status;

	if (!strcmp(call, "write"))
		return write_block(*fd, atol(word[2]));
	if (!strcmp(call, "read"))
		return look(*fd);
	if (!strcmp(call, "close")) {
		int old = *fd;

		*fd = -1;
		return close(old);
	}
	if (!strcmp(call, "dup")) {
		int copy = dup(*fd);

		if (copy < 0)
			return -1;
		shut(slot(word[2]));
		*slot(word[2]) = copy;
		return 0;
	}
	if (!strcmp(call, "fsize"))
		return ftruncate(*fd, atol(word[2]));
	if (!strcmp(call, "alloc"))
		return fallocate(*fd, (int)strtol(word[2], NULL, 0), 0, atol(word[3]));
	if (!strcmp(call, "fmode"))
		return fchmod(*fd, strtol(word[2], NULL, 8));
	return fstat(*fd, &status) < 0 ? -1 : status.st_size;
}

static long by_name(const char *call, char **word)
{
	const struct timespec times[2] = { { .tv_sec = 77 }, { .tv_sec = 77 } };
	struct stat status;

	if (!strcmp(call, "put"))
		return put("wct", word[1]);
	if (!strcmp(call, "new"))
		return put("wcx", word[1]);
	if (!strcmp(call, "list"))
		return list(word[1]);
	if (!strcmp(call, "stat"))
		return fstatat(AT_FDCWD, word[1], &status, AT_SYMLINK_NOFOLLOW);
	if (!strcmp(call, "mkdir"))
		return mkdirat(AT_FDCWD, word[1], 0755);
	if (!strcmp(call, "rmdir") || !strcmp(call, "unlink"))
		return unlinkat(AT_FDCWD, word[1], *call == 'r' ? AT_REMOVEDIR : 0);
	if (!strcmp(call, "rename") || !strcmp(call, "move"))
		return renameat2(AT_FDCWD, word[1], AT_FDCWD, word[2], *call == 'm' ? RENAME_NOREPLACE : 0);
	if (!strcmp(call, "link"))
		return linkat(AT_FDCWD, word[1], AT_FDCWD, word[2], 0);
	if (!strcmp(call, "symlink"))
		return symlinkat(word[1], AT_FDCWD, word[2]);
	if (!strcmp(call, "mode"))
		return fchmodat(AT_FDCWD, word[2], strtol(word[1], NULL, 8), 0);
	if (!strcmp(call, "times"))
		return utimensat(AT_FDCWD, word[1], times, 0);
	if (!strcmp(call, "truncate"))
		return truncate(word[2], atol(word[1]));
	if (!strcmp(call, "xattr"))
		return setxattr(word[1], "user.model", "x", 1, 0);
	fprintf(stderr, "unknown call %s\n", call);
	exit(3);
}

static long make(char **word)
{
	static const char *const on_slots[] = { "write", "read", "close", "dup", "fsize", "alloc", "fmode", "size" };
	const char *call = word[0];
	unsigned i;
	long fd;

	if (!strcmp(call, "open")) {
		fd = open_path(word[1], word[3]);
		if (fd < 0)
			return -1;
		shut(slot(word[2]));
		*slot(word[2]) = fd;
		return 0;
	}
	if (!strcmp(call, "slurp")) {
		fd = open_path("r", word[1]);
		if (fd < 0 || look(fd) < 0) {
			int error = errno;

			if (fd >= 0)
				close(fd);
			errno = error;
			return -1;
		}
		return close(fd);
	}
	if (!strcmp(call, "sleep"))
		return nap(atol(word[1])), 0;
	if (!strcmp(call, "orphans"))
		return orphans(atol(word[1]), atol(word[2]));
	for (i = 0; i < sizeof(on_slots) / sizeof(on_slots[0]); i++)
		if (!strcmp(call, on_slots[i]))
			return on_slot(call, word);
	return by_name(call, word);
}

static void once(struct op *op)
{
	errno = 0;
	op->value = make(op->words);
	op->error = op->value < 0 ? errno : 0;
	if (op->value >= 0)
		op->ok++;
	else if (errno == EACCES || errno == EPERM)
		op->denied++;
	else
		op->failed++;
}

static int take(struct op *op, char *line)
{
	char *rest = NULL, *word;
	int count = 0;

	memset(op, 0, sizeof(*op));
	for (word = strtok_r(line, " \n", &rest); word && count < 5; word = strtok_r(NULL, " \n", &rest))
		op->words[count++] = strdup(word);
	return count;
}

static void answer(long count)
{
	long i;

	for (i = 0; i < count; i++) {
		struct op *op = &ops[i];

		printf("%ld %ld %ld %ld %d %ld\n", i, op->ok, op->denied, op->failed, op->error, op->value);
		for (int w = 0; w < 5; w++)
			free(op->words[w]);
	}
	for (i = 0; i < TOKENS; i++)
		if (seen[i])
			printf("read %ld\n", i);
	memset(seen, 0, sizeof(seen));
	printf("end\n");
	fflush(stdout);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	long count, repeat, i;

	memset(slots, -1, sizeof(slots));
	memset(block, 'n', sizeof(block));
	while (getline(&line, &size, stdin) > 0) {
		if (sscanf(line, "batch %ld %ld", &count, &repeat) != 2 || count < 1 || count > LINES)
			return 3;
		for (i = 0; i < count; i++)
			if (getline(&line, &size, stdin) <= 0 || !take(&ops[i], line))
				return 3;
		while (repeat-- > 0)
			for (i = 0; i < count; i++)
				once(&ops[i]);
		answer(count);
	}
	return 0;
}
