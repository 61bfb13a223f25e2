/*
 * A server that somebody has taken over. It replaces sftp-server, scp or rsync and makes the system calls that
 * standard input asks for, by their numbers, one case per line:
 *
 *     ID STEP ; STEP ; ...         answered by: ID RESULT, the last result, or the first that failed
 *     STEP is NUMBER ARGUMENT...   results below zero are errno, negated
 *
 * An argument is a number, or a letter, a colon and a value:
 *     p:TEXT    pointer to a string (%XX is a byte)        e:TEXT    the same, its NUL the last byte of a page
 *     x:TEXT    the same, no NUL before a page that is not there     L:N  a string of N times "a/"
 *     v:HEX     pointer to these bytes                     b:N       pointer to N zero bytes
 *     a:TEXT    pointer to a vector: TEXT, NULL            i:TEXT    pointer to one struct iovec
 *     s:PATH=TEXT  pointer to a struct msghdr (or mmsghdr) with TEXT for the socket at PATH
 *     r:PATH    descriptor, O_RDONLY                       w:PATH    descriptor, O_RDWR
 *     o:PATH    descriptor, O_PATH                         O:PATH    the same, O_NOFOLLOW
 *     m:PATH    pointer to "/proc/self/fd/N" of o:PATH     d:PATH    pointer to "/dev/fd/N" of o:PATH
 *     n:PATH    pointer to "/proc/self/fd/N/NAME", N being the directory of PATH
 *     t:NAME    pid: self, guard                           P:NAME    pointer to "/proc/PID/..." for NAME of PID/...
 *     $         the last result                            R:        pointer to "/proc/self/fd/$"
 *     u:        an address where nothing is                c:TEXT    descriptor, a pipe with TEXT in it
 * Steps that are not system calls: "store ADDRESS" writes one byte there, "fill" opens /dev/null until it fails,
 * "forks N" forks until it fails or N times, "close" closes everything that was opened.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPENED 64

static int opened[OPENED], count;
static long last, failed;
static char *page; /* one page, then one that is not there */

static long keep(long fd)
{
	if (fd < 0)
		failed = -errno;
	else if (count < OPENED)
		opened[count++] = fd;
	return fd;
}

static long open_as(const char *path, int flags)
{
	return keep(open(path, flags));
}

/* Decodes %XX in place and returns the length. */
static size_t decode(char *text)
{
	char *to = text, *from = text;

	while (*from) {
		unsigned int byte;

		if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
			*to++ = byte;
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
	return to - text;
}

static char *print(const char *format, long fd, const char *name)
{
	char *text = NULL;

	if (asprintf(&text, format, fd, name) < 0)
		abort();
	return text;
}

static long parent(char *path, char **name)
{
	char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (slash)
		*slash = 0;
	return open_as(slash ? (slash == path ? "/" : path) : ".", O_PATH);
}

static char *bytes(const char *hex)
{
	size_t length = strlen(hex) / 2, at;
	char *all = calloc(1, length + 1);

	for (at = 0; at < length; at++) {
		unsigned int byte = 0;

		sscanf(hex + 2 * at, "%2x", &byte);
		all[at] = byte;
	}
	return all;
}

static long pid_of(const char *name)
{
	return strcmp(name, "guard") ? getpid() : getppid();
}

static long pipe_with(char *text)
{
	int ends[2];
	size_t length = decode(text);

	if (pipe(ends) < 0)
		return keep(-1);
	keep(ends[1]);
	if (write(ends[1], text, length) < 0)
		failed = -errno;
	return keep(ends[0]);
}

static char *repeat(long times)
{
	char *all = calloc(2, times + 1);

	while (times--)
		memcpy(all + 2 * times, "a/", 2);
	return all;
}

static void *message(char *path, char *text)
{
	static struct sockaddr_un name;
	static struct iovec one;
	static struct mmsghdr all;

	name.sun_family = AF_UNIX;
	strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
	one = (struct iovec){ .iov_base = strdup(text), .iov_len = strlen(text) };
	all.msg_hdr = (struct msghdr){ .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &one, .msg_iovlen = 1 };
	return &all;
}

static long argument(char *word)
{
	char *value = word + 2, *name, **vector;
	struct iovec *one;
	size_t size = sysconf(_SC_PAGESIZE);

	if (!strcmp(word, "$"))
		return last;
	if (!word[0] || word[1] != ':')
		return strtoll(word, NULL, 0);
	if (strchr("vbLt", *word) == NULL)
		decode(value);
	switch (*word) {
	case 'p': return (long)strdup(value);
	case 'e': return (long)strcpy(page + size - strlen(value) - 1, value);
	case 'x': return (long)memcpy(page + size - strlen(value), value, strlen(value));
	case 'L': return (long)repeat(atol(value));
	case 'v': return (long)bytes(value);
	case 'b': return (long)calloc(1, atol(value) + 1);
	case 'a':
		vector = calloc(2, sizeof(*vector));
		vector[0] = strdup(value);
		return (long)vector;
	case 'i':
		one = calloc(1, sizeof(*one));
		one->iov_base = strdup(value);
		one->iov_len = strlen(value);
		return (long)one;
	case 's':
		name = strchr(value, '=');
		*name = 0;
		return (long)message(value, name + 1);
	case 'r': return open_as(value, O_RDONLY);
	case 'w': return open_as(value, O_RDWR);
	case 'o': return open_as(value, O_PATH);
	case 'O': return open_as(value, O_PATH | O_NOFOLLOW);
	case 'm': return (long)print("/proc/self/fd/%ld%s", open_as(value, O_PATH), "");
	case 'd': return (long)print("/dev/fd/%ld%s", open_as(value, O_PATH), "");
	case 'n':
		last = parent(value, &name);
		return (long)print("/proc/self/fd/%ld/%s", last, name);
	case 't': return pid_of(value);
	case 'P': return (long)print("/proc/%ld/%s", pid_of(strncmp(value, "guard", 5) ? "self" : "guard"), strchr(value, '/') + 1);
	case 'R': return (long)print("/proc/self/fd/%ld%s", last, "");
	case 'u': return (long)(page + size);
	case 'c': return pipe_with(value);
	}
	fprintf(stderr, "unknown argument %s\n", word);
	exit(3);
}

static long fill(void)
{
	struct rlimit limit;
	long number = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	while (number < 100000 && dup(0) >= 0)
		number++;
	return number;
}

static long forks(long most)
{
	long number;

	for (number = 0; number < most; number++) {
		pid_t child = fork();

		if (child < 0)
			return number ? number : -errno;
		if (child == 0)
			for (;;)
				pause();
	}
	return number;
}

static long step(char *text)
{
	char *rest = NULL, *word = strtok_r(text, " ", &rest), *next;
	long arguments[6] = { 0 };
	int number = 0;
	long result;

	if (!word)
		return 0;
	while ((next = strtok_r(NULL, " ", &rest)) && number < 6)
		arguments[number++] = argument(next);
	if (failed)
		return failed;
	if (!strcmp(word, "store")) {
		*(volatile char *)arguments[0] = '#';
		return 0;
	}
	if (!strcmp(word, "fill"))
		return fill();
	if (!strcmp(word, "forks"))
		return forks(arguments[0]);
	if (!strcmp(word, "close"))
		return close_range(3, ~0U, 0) < 0 ? -errno : 0;
	result = syscall(atol(word), arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
	return result < 0 ? -errno : result;
}

static void one_case(char *line)
{
	char *rest = NULL, *id = strtok_r(line, " ", &rest), *words, *next = rest;

	if (!id)
		return;
	last = failed = 0;
	while ((words = next) && last >= 0) {
		next = strstr(words, " ; ");
		if (next) {
			*next = 0;
			next += 3;
		}
		last = step(words);
	}
	printf("%s %ld\n", id, last);
	fflush(stdout);
	/* What a call opened is closed by its number; anything else that is left is for the test to see. */
	while (count > 0)
		close(opened[--count]);
	if (close_range(3, ~0U, 0) < 0)
		close(3);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0, length = sysconf(_SC_PAGESIZE);
	ssize_t got;

	page = mmap(NULL, 2 * length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || munmap(page + length, length) < 0)
		return 3;
	while ((got = getline(&line, &size, stdin)) > 0) {
		line[got - 1] = 0;
		one_case(line);
	}
	return 0;
}
