/* Drives libssh as a client: libssh_client PROTOCOL ACTION, where the protocol is sftp or scp. */

#include <dirent.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <libssh/sftp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static ssh_session session;
static sftp_session sftp;

static int failed(const char *what)
{
	fprintf(stderr, "%s: %s (sftp status %d)\n", what, ssh_get_error(session), sftp ? sftp_get_error(sftp) : 0);
	return 1;
}

/* `start` is where both files continue; 0 creates the target again. */
static int put(const char *from, const char *to, off_t start, mode_t mode)
{
	static char bytes[16384];
	ssize_t got;
	int local = open(from, O_RDONLY);
	sftp_file file = sftp_open(sftp, to, O_WRONLY | (start ? 0 : O_CREAT | O_TRUNC), mode);
	if (local < 0 || file == NULL)
		return failed(to);
	lseek(local, start, SEEK_SET);
	sftp_seek64(file, start);
	while ((got = read(local, bytes, sizeof bytes)) > 0)
		if (sftp_write(file, bytes, got) != got)
			return failed(to);
	close(local);
	return sftp_close(file) == SSH_OK ? 0 : failed(to);
}

static int get(const char *from, const char *to, off_t start, mode_t mode)
{
	static char bytes[16384];
	ssize_t got;
	int local = open(to, O_WRONLY | O_CREAT, mode);
	sftp_file file = sftp_open(sftp, from, O_RDONLY, 0);
	if (local < 0 || file == NULL)
		return failed(from);
	lseek(local, start, SEEK_SET);
	sftp_seek64(file, start);
	while ((got = sftp_read(file, bytes, sizeof bytes)) > 0)
		if (write(local, bytes, got) != got)
			return failed(to);
	close(local);
	return got == 0 && sftp_close(file) == SSH_OK ? 0 : failed(from);
}

static void join(char *path, const char *directory, const char *name)
{
	snprintf(path, 4096, "%s/%s", directory, name);
}

static int tree_up(const char *from, const char *to, int make)
{
	int bad = 0;
	struct dirent *entry;
	DIR *list = opendir(from);
	if (list == NULL || (make && sftp_mkdir(sftp, to, 0755) != 0))
		return failed(to);
	while ((entry = readdir(list)) != NULL) {
		char source[4096], target[4096];
		struct stat facts;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		join(source, from, entry->d_name);
		join(target, to, entry->d_name);
		stat(source, &facts);
		bad |= S_ISDIR(facts.st_mode) ? tree_up(source, target, 1) : put(source, target, 0, facts.st_mode & 0777);
	}
	closedir(list);
	return bad;
}

static int tree_down(const char *from, const char *to)
{
	int bad = 0;
	sftp_attributes entry;
	sftp_dir list = sftp_opendir(sftp, from);
	if (list == NULL || mkdir(to, 0755) != 0)
		return failed(from);
	while ((entry = sftp_readdir(sftp, list)) != NULL) {
		char source[4096], target[4096];
		join(source, from, entry->name);
		join(target, to, entry->name);
		if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
			bad |= entry->type == SSH_FILEXFER_TYPE_DIRECTORY ? tree_down(source, target)
									   : get(source, target, 0, entry->permissions & 0777);
		sftp_attributes_free(entry);
	}
	return sftp_closedir(list) == SSH_OK ? bad : failed(from);
}

static int kept(void)
{
	struct stat facts;
	struct timeval times[2] = {{0, 0}, {0, 0}};
	sftp_attributes remote;
	stat("up/kept.sh", &facts);
	times[0].tv_sec = times[1].tv_sec = facts.st_mtime;
	if (put("up/kept.sh", "uploads/kept.sh", 0, 0600) || sftp_chmod(sftp, "uploads/kept.sh", facts.st_mode & 0777) ||
	    sftp_utimes(sftp, "uploads/kept.sh", times))
		return failed("uploads/kept.sh");
	remote = sftp_stat(sftp, "out/kept.sh");
	if (remote == NULL || get("out/kept.sh", "down/kept.sh", 0, 0600))
		return failed("out/kept.sh");
	times[0].tv_sec = times[1].tv_sec = remote->mtime;
	return chmod("down/kept.sh", remote->permissions & 0777) || utimes("down/kept.sh", times);
}

static int by_sftp(const char *action)
{
	struct stat half;
	sftp = sftp_new(session);
	if (sftp == NULL || sftp_init(sftp) != SSH_OK)
		return failed("sftp");
	if (strcmp(action, "upload") == 0)
		return put("up/file.bin", "uploads/file.bin", 0, 0644);
	if (strcmp(action, "download") == 0)
		return get("out/file.bin", "down/file.bin", 0, 0644);
	if (strcmp(action, "tree-up") == 0)
		return tree_up("up/tree", "uploads/tree", 1);
	if (strcmp(action, "tree-down") == 0)
		return tree_down("out/tree", "down/tree");
	if (strcmp(action, "names-up") == 0)
		return tree_up("up/names", "uploads/names", 0);
	if (strcmp(action, "names-down") == 0)
		return tree_down("out/names", "down/names");
	if (strcmp(action, "empty") == 0)
		return put("up/zero", "uploads/zero", 0, 0644) || get("out/zero", "down/zero", 0, 0644);
	if (strcmp(action, "resume-up") == 0) {
		sftp_attributes there = sftp_stat(sftp, "uploads/part.bin");
		return there == NULL || put("up/part.bin", "uploads/part.bin", there->size, 0644);
	}
	if (strcmp(action, "resume-down") == 0)
		return stat("down/part.bin", &half) || get("out/part.bin", "down/part.bin", half.st_size, 0644);
	if (strcmp(action, "kept") == 0)
		return kept();
	if (strcmp(action, "rename") == 0)
		return sftp_rename(sftp, "uploads/old.txt", "uploads/new.txt") ? failed("rename") : 0;
	if (strcmp(action, "delete") == 0)
		return sftp_unlink(sftp, "uploads/old.txt") ? failed("unlink") : 0;
	if (strcmp(action, "dotfile") == 0)
		return put("up/file.bin", getenv("DOT"), 0, 0644);
	return 2;
}

static int scp_put(const char *from, const char *directory)
{
	static char bytes[1 << 20];
	const char *name = strrchr(from, '/') + 1;
	int local = open(from, O_RDONLY);
	ssize_t size = read(local, bytes, sizeof bytes);
	ssh_scp scp = ssh_scp_new(session, SSH_SCP_WRITE, directory);
	if (scp == NULL || ssh_scp_init(scp) != SSH_OK || ssh_scp_push_file(scp, name, size, 0644) != SSH_OK ||
	    (size > 0 && ssh_scp_write(scp, bytes, size) != SSH_OK) || ssh_scp_close(scp) != SSH_OK)
		return failed(from);
	ssh_scp_free(scp);
	return close(local);
}

static int scp_get(const char *from, const char *to)
{
	static char bytes[16384];
	size_t left;
	int local = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssh_scp scp = ssh_scp_new(session, SSH_SCP_READ, from);
	if (scp == NULL || ssh_scp_init(scp) != SSH_OK || ssh_scp_pull_request(scp) != SSH_SCP_REQUEST_NEWFILE)
		return failed(from);
	left = ssh_scp_request_get_size(scp);
	ssh_scp_accept_request(scp);
	while (left > 0) {
		int got = ssh_scp_read(scp, bytes, sizeof bytes);
		if (got <= 0 || write(local, bytes, got) != got)
			return failed(from);
		left -= got;
	}
	ssh_scp_close(scp);
	ssh_scp_free(scp);
	return close(local);
}

static int scp_names(int up)
{
	int bad = 0;
	struct dirent *entry;
	DIR *list = opendir("up/names");
	mkdir("down/names", 0755);
	while ((entry = readdir(list)) != NULL) {
		char source[4096], target[4096];
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		join(source, up ? "up/names" : "out/names", entry->d_name);
		join(target, "down/names", entry->d_name);
		bad |= up ? scp_put(source, "uploads/names") : scp_get(source, target);
	}
	closedir(list);
	return bad;
}

static int by_scp(const char *action)
{
	if (strcmp(action, "upload") == 0)
		return scp_put("up/file.bin", "uploads");
	if (strcmp(action, "download") == 0)
		return scp_get("out/file.bin", "down/file.bin");
	if (strcmp(action, "names-up") == 0)
		return scp_names(1);
	if (strcmp(action, "names-down") == 0)
		return scp_names(0);
	if (strcmp(action, "empty") == 0)
		return scp_put("up/zero", "uploads") || scp_get("out/zero", "down/zero");
	if (strcmp(action, "dotfile") == 0)
		return scp_put("up/file.bin", getenv("DOT"));
	return 2;
}

int main(int count, char **words)
{
	int port = 22, strict = 0;
	ssh_key key;
	if (count == 2 && strcmp(words[1], "version") == 0)
		return printf("libssh %s\n", ssh_version(0)) < 0;
	if (count != 3)
		return 2;
	session = ssh_new();
	ssh_options_set(session, SSH_OPTIONS_HOST, "127.0.0.1");
	ssh_options_set(session, SSH_OPTIONS_PORT, &port);
	ssh_options_set(session, SSH_OPTIONS_USER, getenv("U"));
	ssh_options_set(session, SSH_OPTIONS_STRICTHOSTKEYCHECK, &strict);
	if (ssh_connect(session) != SSH_OK || ssh_pki_import_privkey_file(getenv("KEY"), NULL, NULL, NULL, &key) != SSH_OK ||
	    ssh_userauth_publickey(session, NULL, key) != SSH_AUTH_SUCCESS)
		return failed("connect");
	return strcmp(words[1], "sftp") == 0 ? by_sftp(words[2]) : by_scp(words[2]);
}
