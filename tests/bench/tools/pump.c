/*
 * Times transfers over the pipes that sshd would hold; no ssh in between. The
 * subjects take turns, in another order each round.
 *
 *   pump MODE ROUNDS SIZE CPUS COMMAND LABEL PROGRAM POLICY ACCOUNT ...
 *
 * put, get: one file of SIZE MiB by SFTP, 64 requests of 32 KiB under way, as
 * OpenSSH's client does it. sink, source: the same for `scp -t` and `scp -f`.
 * many: SIZE files of 1 KiB by SFTP, every reply waited for.
 * CPUS is CLIENT,SESSION: where this program and where the session runs.
 *
 * Uploads go to ~/uploads and are removed after each round, downloads come
 * from ~/uploads/download. The clock starts when the session is up. Prints
 * `LABEL<tab>SECONDS<tab>CPU SECONDS OF THE SESSION, its start included`.
 */
#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum mode { PUT, GET, MANY, SINK, SOURCE, MODES };
static const char *const mode_name[MODES] = { "put", "get", "many", "sink", "source" };

static void run_on(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die("run on the CPU asked for");
}

static double session_seconds(void)
{
	struct rusage usage;
	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void transfer(struct session *session, enum mode mode, long size, const char *label)
{
	char path[64];
	uint64_t bytes = (uint64_t)size << 20;
	switch (mode) {
	case PUT:
		sftp_put(session, "uploads/upload", bytes, label);
		break;
	case GET:
		sftp_get(session, "uploads/download", bytes, label);
		break;
	case MANY:
		for (long n = 0; n < size; n++) {
			snprintf(path, sizeof path, "uploads/many%ld", n);
			sftp_put(session, path, 1024, label);
		}
		break;
	case SINK:
		scp_put(session, "upload", bytes, label);
		break;
	default:
		scp_get(session, bytes, label);
	}
}

/* Removes what was uploaded; it must be there, and of the right size. */
static void remove_uploads(const struct subject *subject, enum mode mode, long size)
{
	char path[1024];
	if (mode == GET || mode == SOURCE)
		return;
	for (long n = 0; n < (mode == MANY ? size : 1); n++) {
		snprintf(path, sizeof path, "%s/uploads/%s", subject->home, mode == MANY ? "many" : "upload");
		if (mode == MANY)
			snprintf(path + strlen(path), 32, "%ld", n);
		FILE *file = fopen(path, "r");
		if (!file || fseek(file, 0, SEEK_END) || ftell(file) != (mode == MANY ? 1024 : size << 20))
			die(path);
		fclose(file);
		unlink(path);
	}
}

int main(int words, char **word)
{
	int mode = 0, client_cpu, session_cpu, count;
	while (words > 1 && mode < MODES && strcmp(word[1], mode_name[mode]))
		mode++;
	if (words < 10 || mode == MODES || sscanf(word[4], "%d,%d", &client_cpu, &session_cpu) != 2) {
		fprintf(stderr, "usage: pump MODE ROUNDS SIZE CPUS COMMAND LABEL PROGRAM POLICY ACCOUNT ...\n");
		return 2;
	}
	long rounds = positive(word[2], "read ROUNDS"), size = positive(word[3], "read SIZE");
	struct subject *subjects = read_subjects(words - 6, word + 6, &count);

	int *order = calloc((size_t)count, sizeof *order);
	if (!order)
		die("allocate memory");

	for (long round = -1; round < rounds; round++) { /* round -1 warms the caches */
		shuffle(order, count);
		for (int i = 0; i < count; i++) {
			struct subject *subject = &subjects[order[i]];
			double used = session_seconds();
			run_on(session_cpu);
			struct session session = start_session(subject, word[5], START_AT_ONCE);
			run_on(client_cpu);
			wire_reset();
			if (mode < SINK)
				sftp_hello(&session, subject->label);
			uint64_t begin = now();
			transfer(&session, mode, size, subject->label);
			double elapsed = (double)(now() - begin) / 1e9;
			int status = end_session(&session);
			if (!WIFEXITED(status) || WEXITSTATUS(status)) {
				fprintf(stderr, "bench: %s ended with wait status 0x%x\n", subject->label, (unsigned)status);
				return 1;
			}
			remove_uploads(subject, mode, size);
			if (round >= 0)
				printf("%s\t%.6f\t%.6f\n", subject->label, elapsed, session_seconds() - used);
		}
	}
	return 0;
}
