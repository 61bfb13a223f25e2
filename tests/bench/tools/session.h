/*
 * How a benchmark starts a login shell: as sshd would, for one account, with
 * one policy. Used by launch, count, idle and pump, so that all of them
 * measure the same thing.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdint.h>
#include <sys/types.h>

/* One contestant: a program that understands `-c COMMAND`. */
struct subject {
	const char *label;
	const char *program;
	const char *policy; /* file that becomes /etc/xfersh.toml, "-" for none */
	const char *account;
	const char *home;
	uid_t uid;
	gid_t gid;
};

/* A running session and the pipes that sshd would hold. */
struct session {
	pid_t pid;
	int to;   /* the server's standard input */
	int from; /* the server's standard output */
	int gate; /* held sessions only: a byte written here lets it start */
};

enum hold { START_AT_ONCE, HOLD_AT_GATE };

/*
 * Reads subjects given as four words each: LABEL PROGRAM POLICY ACCOUNT.
 * Ends the program if their number is wrong or an account is unknown.
 */
struct subject *read_subjects(int words, char **word, int *count);

/* Makes the subject's policy the machine's; does nothing if it is already. */
void use_policy(const struct subject *subject);

/* Starts `PROGRAM -c COMMAND` as the subject's account. */
struct session start_session(const struct subject *subject, const char *command, enum hold hold);

/* CLOCK_MONOTONIC just before the last session's execve, in nanoseconds. */
uint64_t started_at(void);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now(void);

/* Closes the pipes, waits for the end, returns the status of waitpid. */
int end_session(struct session *session);

/* Read or write all of it; end the program with the session's name if they cannot. */
void read_all(int from, void *buffer, size_t size, const char *label);
void write_all(int to, const void *buffer, size_t size, const char *label);

/* Puts 0 ... COUNT-1 into `order`, in another random order each time. */
void shuffle(int *order, int count);

/* Prints `bench: cannot WHAT: CAUSE` and ends the program. */
_Noreturn void die(const char *what);

/* A decimal option argument of at least one. */
long positive(const char *text, const char *what);

#endif
