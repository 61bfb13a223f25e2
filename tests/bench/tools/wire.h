/*
 * The client's end of a file transfer, as little as the benchmarks need: SFTP
 * version 3 (draft-ietf-secsh-filexfer-02) and the scp protocol, over pipes.
 */
#ifndef WIRE_H
#define WIRE_H

#include "session.h"

#include <stdint.h>

enum {
	SSH_FXP_INIT = 1, SSH_FXP_VERSION = 2, SSH_FXP_OPEN = 3, SSH_FXP_CLOSE = 4,
	SSH_FXP_READ = 5, SSH_FXP_WRITE = 6, SSH_FXP_STATUS = 101,
	SSH_FXP_HANDLE = 102, SSH_FXP_DATA = 103,
};
enum { SSH_FXF_READ = 1, SSH_FXF_WRITE = 2, SSH_FXF_CREAT = 8, SSH_FXF_TRUNC = 16 };

/* What OpenSSH's client uses: the bytes of one request, and requests under way. */
#define BLOCK 32768
#define WINDOW 64

struct handle {
	uint32_t size;
	unsigned char bytes[256];
};

/* Each ends the program if the server answers with anything but success. */
void sftp_hello(struct session *session, const char *label);
struct handle sftp_open(struct session *session, const char *path, uint32_t flags, const char *label);
void sftp_close(struct session *session, const struct handle *handle, const char *label);
void sftp_put(struct session *session, const char *path, uint64_t size, const char *label);
void sftp_get(struct session *session, const char *path, uint64_t size, const char *label);
void scp_put(struct session *session, const char *name, uint64_t size, const char *label);
void scp_get(struct session *session, uint64_t size, const char *label);

/* Forgets bytes that an earlier session's server sent. */
void wire_reset(void);

#endif
