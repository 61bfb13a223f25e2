/*
 * Stands in for the system's syslog: takes what is sent to SOCKET, keeps
 * nothing. On SIGTERM it prints how many lines came and ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_term(int number)
{
	ended = number;
}

int main(int words, char **word)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct sigaction action = { .sa_handler = on_term };
	char line[8192];
	long lines = 0;
	if (words != 2 || strlen(word[1]) >= sizeof address.sun_path)
		return 2;
	strcpy(address.sun_path, word[1]);
	int log = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (log < 0 || bind(log, (struct sockaddr *)&address, sizeof address) || chmod(word[1], 0666)) {
		fprintf(stderr, "bench: cannot listen on %s: %s\n", word[1], strerror(errno));
		return 1;
	}
	struct timeval patience = { .tv_usec = 200000 }; /* a SIGTERM just before recv is seen then */
	setsockopt(log, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	while (!ended)
		if (recv(log, line, sizeof line, 0) >= 0)
			lines++;
	while (recv(log, line, sizeof line, MSG_DONTWAIT) >= 0)
		lines++;
	printf("%ld\n", lines);
	return 0;
}
