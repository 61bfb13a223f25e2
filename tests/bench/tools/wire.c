#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char packet[BLOCK + 1024]; /* the one that is being built */
static uint32_t length;

static unsigned char input[4 * BLOCK]; /* bytes that came and were not looked at */
static size_t begin, end;

void wire_reset(void)
{
	begin = end = 0;
}

static _Noreturn void refuse(const char *label, const char *what)
{
	fprintf(stderr, "bench: %s: the server did not %s\n", label, what);
	exit(1);
}

/* The next `size` bytes from the server; they stay valid until the next call. */
static const unsigned char *take(struct session *session, size_t size, const char *label)
{
	if (end - begin < size) {
		memmove(input, input + begin, end - begin);
		end -= begin;
		begin = 0;
		while (end < size) {
			errno = 0;
			ssize_t got = read(session->from, input + end, sizeof input - end);
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				refuse(label, "go on");
			end += (size_t)got;
		}
	}
	begin += size;
	return input + begin - size;
}

static uint32_t number_at(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_number(uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		packet[length++] = (unsigned char)(value >> shift);
}

static void put_bytes(const void *bytes, uint32_t size)
{
	put_number(size);
	memcpy(packet + length, bytes, size);
	length += size;
}

static void begin_packet(unsigned char type, uint32_t id)
{
	length = 4;
	packet[length++] = type;
	put_number(id);
}

static void send_packet(struct session *session, const char *label)
{
	uint32_t size = length;
	length = 0;
	put_number(size - 4);
	write_all(session->to, packet, size, label);
}

/* Waits for a reply of this type; its bytes after the request's number, and how many. */
static const unsigned char *reply(struct session *session, unsigned char type, uint32_t *size, const char *label)
{
	uint32_t whole = number_at(take(session, 4, label));
	if (whole < 5 || whole > sizeof input)
		refuse(label, "send a packet of a sensible length");
	const unsigned char *body = take(session, whole, label);
	if (body[0] != type)
		refuse(label, "grant the request");
	*size = whole - 5;
	return body + 5;
}

static void expect_success(struct session *session, const char *label)
{
	uint32_t size;
	const unsigned char *body = reply(session, SSH_FXP_STATUS, &size, label);
	if (size < 4 || number_at(body))
		refuse(label, "carry the request out");
}

void sftp_hello(struct session *session, const char *label)
{
	uint32_t size;
	length = 4;
	packet[length++] = SSH_FXP_INIT;
	put_number(3);
	send_packet(session, label);
	reply(session, SSH_FXP_VERSION, &size, label);
}

struct handle sftp_open(struct session *session, const char *path, uint32_t flags, const char *label)
{
	struct handle handle;
	begin_packet(SSH_FXP_OPEN, 1);
	put_bytes(path, (uint32_t)strlen(path));
	put_number(flags);
	put_number(0);
	send_packet(session, label);
	uint32_t size;
	const unsigned char *body = reply(session, SSH_FXP_HANDLE, &size, label);
	if (size < 4 || (handle.size = number_at(body)) != size - 4 || handle.size > sizeof handle.bytes)
		refuse(label, "send a handle");
	memcpy(handle.bytes, body + 4, handle.size);
	return handle;
}

void sftp_close(struct session *session, const struct handle *handle, const char *label)
{
	begin_packet(SSH_FXP_CLOSE, 2);
	put_bytes(handle->bytes, handle->size);
	send_packet(session, label);
	expect_success(session, label);
}

static void put_place(const struct handle *handle, uint64_t offset)
{
	put_bytes(handle->bytes, handle->size);
	put_number((uint32_t)(offset >> 32));
	put_number((uint32_t)offset);
}

static uint32_t block_at(uint64_t offset, uint64_t size)
{
	return size - offset < BLOCK ? (uint32_t)(size - offset) : BLOCK;
}

void sftp_put(struct session *session, const char *path, uint64_t size, const char *label)
{
	static const unsigned char data[BLOCK];
	struct handle handle = sftp_open(session, path, SSH_FXF_WRITE | SSH_FXF_CREAT | SSH_FXF_TRUNC, label);
	int under_way = 0;
	for (uint64_t offset = 0; offset < size; offset += BLOCK) {
		if (under_way == WINDOW) {
			expect_success(session, label);
			under_way--;
		}
		begin_packet(SSH_FXP_WRITE, 3);
		put_place(&handle, offset);
		put_bytes(data, block_at(offset, size));
		send_packet(session, label);
		under_way++;
	}
	for (; under_way; under_way--)
		expect_success(session, label);
	sftp_close(session, &handle, label);
}

void sftp_get(struct session *session, const char *path, uint64_t size, const char *label)
{
	struct handle handle = sftp_open(session, path, SSH_FXF_READ, label);
	uint64_t asked = 0;
	for (uint64_t received = 0; received < size;) {
		for (; asked < size && asked - received < (uint64_t)WINDOW * BLOCK; asked += BLOCK) {
			begin_packet(SSH_FXP_READ, 4);
			put_place(&handle, asked);
			put_number(block_at(asked, size));
			send_packet(session, label);
		}
		uint32_t got;
		const unsigned char *body = reply(session, SSH_FXP_DATA, &got, label);
		if (number_at(body) != block_at(received, size))
			refuse(label, "send a whole block");
		received += number_at(body);
	}
	sftp_close(session, &handle, label);
}

static void scp_answer(struct session *session, const char *label)
{
	if (*take(session, 1, label))
		refuse(label, "accept the file");
}

void scp_put(struct session *session, const char *name, uint64_t size, const char *label)
{
	static const unsigned char data[BLOCK];
	char line[256];
	int written = snprintf(line, sizeof line, "C0644 %llu %s\n", (unsigned long long)size, name);
	scp_answer(session, label);
	write_all(session->to, line, (size_t)written, label);
	scp_answer(session, label);
	for (uint64_t offset = 0; offset < size; offset += BLOCK)
		write_all(session->to, data, block_at(offset, size), label);
	write_all(session->to, "", 1, label);
	scp_answer(session, label);
}

void scp_get(struct session *session, uint64_t size, const char *label)
{
	char line[256];
	unsigned long long offered = 0;
	size_t used = 0;
	write_all(session->to, "", 1, label);
	while (used < sizeof line - 1 && (line[used] = (char)*take(session, 1, label)) != '\n')
		used++;
	line[used] = 0;
	if (sscanf(line, "C%*o %llu", &offered) != 1 || offered != size)
		refuse(label, "offer the file");
	write_all(session->to, "", 1, label);
	for (uint64_t offset = 0; offset < size; offset += BLOCK)
		take(session, block_at(offset, size), label);
	scp_answer(session, label);
	write_all(session->to, "", 1, label);
}
