/*
 * Memory of idle sessions: starts SESSIONS of each subject, waits until the
 * server of each has answered SSH_FXP_INIT, and reads the proportional set
 * size (PSS, proc_pid_smaps_rollup(5)) of every process of a session.
 *
 *   idle SESSIONS SERVER COMMAND LABEL PROGRAM POLICY ACCOUNT ...
 *
 * Prints `LABEL<tab>KIB BEYOND THE SERVER<tab>KIB OF THE SERVER<tab>PROCESSES`
 * per session. A process belongs to a session if it, or its parent, and so
 * on, is the one that was started.
 */
#define _GNU_SOURCE
#include "session.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const unsigned char init[] = { 0, 0, 0, 5, 1, 0, 0, 0, 3 };

struct memory {
	long beyond, server, processes;
};

/* The number after `name` in a file of /proc, or -1. */
static long number_in(const char *file, pid_t pid, const char *name)
{
	char path[64], line[256], format[32];
	long value = -1;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	snprintf(format, sizeof format, "%s %%ld", name);
	FILE *text = fopen(path, "r");
	if (!text)
		return -1;
	while (value < 0 && fgets(line, sizeof line, text))
		if (sscanf(line, format, &value) != 1)
			value = -1;
	fclose(text);
	return value;
}

static int belongs_to(pid_t pid, pid_t session)
{
	while (pid > 1 && pid != session)
		pid = (pid_t)number_in("status", pid, "PPid:");
	return pid == session;
}

static void add_process(struct memory *memory, pid_t pid, const struct stat *server)
{
	char path[64];
	struct stat program;
	long size = number_in("smaps_rollup", pid, "Pss:");
	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	if (size < 0 || stat(path, &program))
		die("read the memory of a session");
	memory->processes++;
	if (program.st_dev == server->st_dev && program.st_ino == server->st_ino)
		memory->server += size;
	else
		memory->beyond += size;
}

static struct memory memory_of(pid_t session, const struct stat *server)
{
	struct memory memory = { 0 };
	DIR *all = opendir("/proc");
	if (!all)
		die("list /proc");
	for (struct dirent *entry; (entry = readdir(all));) {
		pid_t pid = atoi(entry->d_name);
		if (pid > 1 && belongs_to(pid, session))
			add_process(&memory, pid, server);
	}
	closedir(all);
	return memory;
}

int main(int words, char **word)
{
	if (words < 8) {
		fprintf(stderr, "usage: idle SESSIONS SERVER COMMAND LABEL PROGRAM POLICY ACCOUNT ...\n");
		return 2;
	}
	int count;
	struct stat server;
	unsigned char reply[5];
	long sessions = positive(word[1], "read SESSIONS");
	if (stat(word[2], &server))
		die(word[2]);
	struct subject *subjects = read_subjects(words - 4, word + 4, &count);
	struct session *session = calloc((size_t)sessions, sizeof *session);
	if (!session)
		die("allocate memory");

	for (int i = 0; i < count; i++) {
		for (long n = 0; n < sessions; n++) {
			session[n] = start_session(&subjects[i], word[3], START_AT_ONCE);
			write_all(session[n].to, init, sizeof init, subjects[i].label);
			read_all(session[n].from, reply, sizeof reply, subjects[i].label);
		}
		for (long n = 0; n < sessions; n++) {
			struct memory memory = memory_of(session[n].pid, &server);
			if (!memory.server) {
				errno = ESRCH;
				die("find the server of a session");
			}
			printf("%s\t%ld\t%ld\t%ld\n", subjects[i].label, memory.beyond, memory.server, memory.processes);
		}
		for (long n = 0; n < sessions; n++)
			end_session(&session[n]);
	}
	return 0;
}
