/*
 * Times the start of sessions. The subjects take turns, in another order each
 * round, so that a disturbance of the machine meets all of them alike.
 *
 *   launch exec|reply ROUNDS COMMAND LABEL PROGRAM POLICY ACCOUNT ...
 *
 * exec: from the shell's execve to the first instruction of COMMAND, which
 * must be the program `stamp`. reply: to the first SFTP reply; the client's
 * SSH_FXP_INIT already lies in the pipe when the shell starts, as it does
 * when a client does not wait. Prints `LABEL<tab>MICROSECONDS` per start.
 *
 * A subject that needs more than half a second is started only twice more.
 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* draft-ietf-secsh-filexfer-02, section 4: length, SSH_FXP_INIT, version 3. */
static const unsigned char init[] = { 0, 0, 0, 5, 1, 0, 0, 0, 3 };
#define SSH_FXP_VERSION 2

static uint64_t first_instruction(struct session *session, const char *label)
{
	uint64_t stamp;
	read_all(session->from, &stamp, sizeof stamp, label);
	return stamp;
}

static uint64_t first_reply(struct session *session, const char *label)
{
	unsigned char reply[5];
	read_all(session->from, reply, sizeof reply, label);
	uint64_t stamp = now();
	if (reply[4] != SSH_FXP_VERSION) {
		errno = EPROTO;
		die("read SSH_FXP_VERSION");
	}
	return stamp;
}

#define SLOW 500000.0 /* microseconds */

/* One start; how long it took, in microseconds. */
static double start(const struct subject *subject, const char *command, int reply)
{
	struct session session = start_session(subject, command, START_AT_ONCE);
	if (reply)
		write_all(session.to, init, sizeof init, subject->label);
	uint64_t stamp = (reply ? first_reply : first_instruction)(&session, subject->label);
	double elapsed = (double)(stamp - started_at()) / 1000;
	int status = end_session(&session);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bench: %s ended with wait status 0x%x\n", subject->label, (unsigned)status);
		exit(1);
	}
	return elapsed;
}

int main(int words, char **word)
{
	if (words < 8 || (strcmp(word[1], "exec") && strcmp(word[1], "reply"))) {
		fprintf(stderr, "usage: launch exec|reply ROUNDS COMMAND LABEL PROGRAM POLICY ACCOUNT ...\n");
		return 2;
	}
	int count, reply = !strcmp(word[1], "reply");
	long rounds = positive(word[2], "read ROUNDS");
	struct subject *subjects = read_subjects(words - 4, word + 4, &count);
	int *order = calloc((size_t)count, sizeof *order);
	double *slowest = calloc((size_t)count, sizeof *slowest);
	if (!order || !slowest)
		die("allocate memory");

	/* Round -1 warms the caches and is not printed. */
	for (long round = -1; round < rounds; round++) {
		shuffle(order, count);
		for (int i = 0; i < count; i++) {
			int which = order[i];
			if (round >= 2 && slowest[which] > SLOW)
				continue;
			double elapsed = start(&subjects[which], word[3], reply);
			if (elapsed > slowest[which])
				slowest[which] = elapsed;
			if (round >= 0)
				printf("%s\t%.1f\n", subjects[which].label, elapsed);
		}
	}
	return 0;
}
