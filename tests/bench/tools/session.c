#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLICY "/etc/xfersh.toml"

static uint64_t *start_time;

void die(const char *what)
{
	fprintf(stderr, "bench: cannot %s: %s\n", what, errno ? strerror(errno) : "unexpected end");
	exit(1);
}

long positive(const char *text, const char *what)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (*end || value < 1) {
		errno = EINVAL;
		die(what);
	}
	return value;
}

uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void shuffle(int *order, int count)
{
	static uint64_t state;
	if (!state)
		state = now() | 1;
	for (int i = 0; i < count; i++) {
		/* xorshift64, by G. Marsaglia; any order will do that is not always the same */
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		int place = (int)(state % (uint64_t)(i + 1));
		order[i] = order[place];
		order[place] = i;
	}
}

uint64_t started_at(void)
{
	return *start_time;
}

struct subject *read_subjects(int words, char **word, int *count)
{
	errno = EINVAL;
	if (words < 4 || words % 4)
		die("read the subjects, LABEL PROGRAM POLICY ACCOUNT each");
	*count = words / 4;
	struct subject *all = calloc((size_t)*count, sizeof *all);
	if (!all)
		die("allocate memory");
	for (int i = 0; i < *count; i++, word += 4) {
		errno = ENOENT;
		struct passwd *entry = getpwnam(word[3]);
		if (!entry)
			die(word[3]);
		all[i] = (struct subject){ word[0], word[1], word[2], word[3],
			strdup(entry->pw_dir), entry->pw_uid, entry->pw_gid };
	}
	return all;
}

void use_policy(const struct subject *subject)
{
	static const char *current;
	if (current && !strcmp(current, subject->policy))
		return;
	if (unlink(POLICY) && errno != ENOENT)
		die("remove " POLICY);
	if (strcmp(subject->policy, "-") && link(subject->policy, POLICY))
		die(subject->policy);
	current = subject->policy;
}

/* What sshd does between its fork and the execve of the login shell. */
static void become(const struct subject *subject)
{
	if (setsid() < 0 || setgroups(1, &subject->gid) || setgid(subject->gid) || setuid(subject->uid))
		die("become the account");
	if (chdir(subject->home))
		die(subject->home);
	umask(022);
}

static _Noreturn void child(const struct subject *subject, const char *command, int gate)
{
	char user[128], logname[128], home[512], shell[512], byte;
	snprintf(user, sizeof user, "USER=%s", subject->account);
	snprintf(logname, sizeof logname, "LOGNAME=%s", subject->account);
	snprintf(home, sizeof home, "HOME=%s", subject->home);
	snprintf(shell, sizeof shell, "SHELL=%s", subject->program);
	char *environment[] = { user, logname, home, "PATH=/usr/bin:/bin:/usr/sbin:/sbin", shell,
		"SSH_CLIENT=127.0.0.1 40000 22", "SSH_CONNECTION=127.0.0.1 40000 127.0.0.1 22", NULL };
	const char *name = strrchr(subject->program, '/');
	char *arguments[] = { (char *)(name ? name + 1 : subject->program), "-c", (char *)command, NULL };

	become(subject);
	if (gate >= 0 && read(gate, &byte, 1) != 1)
		die("wait at the gate");
	if (close_range(3, ~0u, 0))
		die("close descriptors");
	*start_time = now();
	execve(subject->program, arguments, environment);
	die(subject->program);
}

struct session start_session(const struct subject *subject, const char *command, enum hold hold)
{
	int in[2], out[2], gate[2] = { -1, -1 };
	if (!start_time) {
		signal(SIGPIPE, SIG_IGN);
		start_time = mmap(NULL, sizeof *start_time, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (start_time == MAP_FAILED)
			die("share memory");
	}
	use_policy(subject);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || (hold == HOLD_AT_GATE && pipe2(gate, O_CLOEXEC)))
		die("make a pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0)
			die("place the pipes");
		child(subject, command, gate[0]);
	}
	close(in[0]);
	close(out[1]);
	if (gate[0] >= 0)
		close(gate[0]);
	return (struct session){ pid, in[1], out[0], gate[1] };
}

int end_session(struct session *session)
{
	int status;
	close(session->to);
	close(session->from);
	while (waitpid(session->pid, &status, 0) < 0)
		if (errno != EINTR)
			die("wait for the session");
	return status;
}

void read_all(int from, void *buffer, size_t size, const char *label)
{
	for (char *at = buffer; size;) {
		errno = 0;
		ssize_t got = read(from, at, size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, "bench: %s: ", label);
			die("read from the server");
		}
		at += got;
		size -= (size_t)got;
	}
}

void write_all(int to, const void *buffer, size_t size, const char *label)
{
	for (const char *at = buffer; size;) {
		ssize_t put = write(to, at, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			fprintf(stderr, "bench: %s: ", label);
			die("write to the server");
		}
		at += put;
		size -= (size_t)put;
	}
}
