/*
 * A file system that finds a file by more names than the stored one, as vfat, exfat, SMB servers and
 * directories with case folding do: it shows another directory through FUSE.
 *
 *   folding DIRECTORY MOUNTPOINT [names] [norename]
 *
 * names     case does not matter, U+200B at the beginning is skipped, and what begins with a dot also has a short name:
 *           HTACCE~1 for .htaccess.
 * norename  RENAME_NOREPLACE fails with EINVAL, as on NFS, exfat, bindfs and mergerfs.
 *
 * Started by root: the kernel checks permissions, and new files get the owner that created them.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#define FUSE_USE_VERSION 31

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char backing[PATH_MAX];
static int other_names, no_rename;

static const char *visible(const char *name)
{
	while (!strncmp(name, "\xe2\x80\x8b", 3))
		name += 3;
	return name;
}

static int is_short(const char *name, const char *stored)
{
	char text[16];
	int length = 0;

	if (*stored != '.')
		return 0;
	for (; *stored && length < 6; stored++)
		if (*stored != '.')
			text[length++] = toupper((unsigned char)*stored);
	strcpy(text + length, "~1");
	return !strcasecmp(text, name);
}

/* The stored name of what `name` means in the directory; the name itself if nothing does. */
static void stored_name(const char *directory, const char *name, char *out)
{
	char path[2 * PATH_MAX];
	struct stat status;
	struct dirent *entry;
	DIR *list;

	snprintf(out, NAME_MAX + 1, "%s", name);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (!other_names || lstat(path, &status) == 0 || !(list = opendir(directory)))
		return;
	while ((entry = readdir(list))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!strcasecmp(visible(entry->d_name), visible(name)) || is_short(name, entry->d_name)) {
			snprintf(out, NAME_MAX + 1, "%s", entry->d_name);
			break;
		}
	}
	closedir(list);
}

static const char *real(const char *path, char *out)
{
	char copy[PATH_MAX], *rest, *word, name[NAME_MAX + 1];

	snprintf(copy, sizeof(copy), "%s", path);
	strcpy(out, backing);
	for (word = strtok_r(copy, "/", &rest); word; word = strtok_r(NULL, "/", &rest)) {
		stored_name(out, word, name);
		if (strlen(out) + strlen(name) + 2 > PATH_MAX)
			break;
		strcat(strcat(out, "/"), name);
	}
	return out;
}

#define REAL(path) real(path, (char[PATH_MAX]){ 0 })

static int result(int value)
{
	return value < 0 ? -errno : value;
}

/* What was just created belongs to whoever created it. */
static int made(const char *path, int value)
{
	struct fuse_context *by = fuse_get_context();

	if (value < 0)
		return -errno;
	return result(lchown(path, by->uid, by->gid));
}

static int on_getattr(const char *path, struct stat *status, struct fuse_file_info *file)
{
	return result(file && file->fh ? fstat(file->fh, status) : lstat(REAL(path), status));
}

static int on_readlink(const char *path, char *out, size_t size)
{
	ssize_t length = readlink(REAL(path), out, size - 1);

	if (length < 0)
		return -errno;
	out[length] = 0;
	return 0;
}

static int on_readdir(const char *path, void *out, fuse_fill_dir_t fill, off_t offset,
		      struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
	DIR *list = opendir(REAL(path));
	struct dirent *entry;

	(void)offset, (void)file, (void)flags;
	if (!list)
		return -errno;
	while ((entry = readdir(list))) {
		struct stat status = { .st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type) };

		fill(out, entry->d_name, &status, 0, 0);
	}
	closedir(list);
	return 0;
}

static int on_mknod(const char *path, mode_t mode, dev_t device)
{
	const char *to = REAL(path);

	return made(to, mknod(to, mode, device));
}

static int on_mkdir(const char *path, mode_t mode)
{
	const char *to = REAL(path);

	return made(to, mkdir(to, mode));
}

static int on_symlink(const char *target, const char *path)
{
	const char *to = REAL(path);

	return made(to, symlink(target, to));
}

static int on_unlink(const char *path)
{
	return result(unlink(REAL(path)));
}

static int on_rmdir(const char *path)
{
	return result(rmdir(REAL(path)));
}

static int on_rename(const char *from, const char *to, unsigned int flags)
{
	if (flags && no_rename)
		return -EINVAL;
	return result(renameat2(AT_FDCWD, REAL(from), AT_FDCWD, REAL(to), flags));
}

static int on_link(const char *from, const char *to)
{
	return result(link(REAL(from), REAL(to)));
}

static int on_chmod(const char *path, mode_t mode, struct fuse_file_info *file)
{
	return result(file && file->fh ? fchmod(file->fh, mode) : chmod(REAL(path), mode));
}

static int on_chown(const char *path, uid_t user, gid_t group, struct fuse_file_info *file)
{
	return result(file && file->fh ? fchown(file->fh, user, group) : lchown(REAL(path), user, group));
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
	return result(file && file->fh ? ftruncate(file->fh, size) : truncate(REAL(path), size));
}

static int on_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
	if (file && file->fh)
		return result(futimens(file->fh, times));
	return result(utimensat(AT_FDCWD, REAL(path), times, AT_SYMLINK_NOFOLLOW));
}

static int on_open(const char *path, struct fuse_file_info *file)
{
	int fd = open(REAL(path), file->flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL));

	if (fd < 0)
		return -errno;
	file->fh = fd;
	return 0;
}

static int on_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
	const char *to = REAL(path);
	int fd = open(to, file->flags | O_CREAT, mode);

	if (fd < 0)
		return -errno;
	file->fh = fd;
	return made(to, 0);
}

static int on_read(const char *path, char *out, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)path;
	return result(pread(file->fh, out, size, offset));
}

static int on_write(const char *path, const char *from, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)path;
	return result(pwrite(file->fh, from, size, offset));
}

static int on_release(const char *path, struct fuse_file_info *file)
{
	(void)path;
	close(file->fh);
	return 0;
}

static int on_statfs(const char *path, struct statvfs *status)
{
	return result(statvfs(REAL(path), status));
}

static void *on_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void)connection;
	umask(0);
	config->use_ino = 1;
	config->hard_remove = 1;
	config->nullpath_ok = 1;
	config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
	return NULL;
}

static const struct fuse_operations operations = {
	.init = on_init,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.readdir = on_readdir,
	.mknod = on_mknod,
	.mkdir = on_mkdir,
	.symlink = on_symlink,
	.unlink = on_unlink,
	.rmdir = on_rmdir,
	.rename = on_rename,
	.link = on_link,
	.chmod = on_chmod,
	.chown = on_chown,
	.truncate = on_truncate,
	.utimens = on_utimens,
	.open = on_open,
	.create = on_create,
	.read = on_read,
	.write = on_write,
	.release = on_release,
	.statfs = on_statfs,
};

int main(int count, char **words)
{
	char *arguments[] = { words[0], "-s", "-o", "allow_other,default_permissions", words[2], NULL };
	int at;

	if (count < 3 || !realpath(words[1], backing))
		return 2;
	for (at = 3; at < count; at++) {
		other_names |= !strcmp(words[at], "names");
		no_rename |= !strcmp(words[at], "norename");
	}
	return fuse_main(5, arguments, &operations, NULL);
}
