/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names in a machine folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "parts.h"

bool machine_name_ok(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && n <= MACHINE_NAME_MAX && name[n] == '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* The folder that PATH really is, for a path that ends in dots. */
static int real_folder(const struct io *io, const char *path, char real[PATH_MAX], struct unrack_error *err)
{
	char link[64];
	ssize_t n;
	int fd = -1, r = io_open(io, path, O_PATH | O_DIRECTORY, 0, &fd, err);

	if (r < 0)
		return r;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, real, PATH_MAX - 1);
	if (n < 0)
		r = error_errno(err, errno, "can't find out the name of %s", path);
	else
		real[n] = '\0';
	io->ops->close(io->ctx, fd);
	return r;
}

int machine_name_in(const struct io *io, const char *folder, char name[MACHINE_NAME_MAX + 1],
		    struct unrack_error *err)
{
	CLEANUP_FREE char *copy = strdup(folder);
	char real[PATH_MAX];
	const char *last;
	size_t n;

	if (!copy)
		return error_nomem(err);
	for (n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	last = strrchr(copy, '/') ? strrchr(copy, '/') + 1 : copy;
	if (!strcmp(last, ".") || !strcmp(last, "..")) {
		int r = real_folder(io, copy, real, err);

		if (r < 0)
			return r;
		last = strrchr(real, '/') ? strrchr(real, '/') + 1 : real;
	}
	if (!machine_name_ok(last))
		return error_set(err, UNRACK_USAGE,
				 "\"%s\" can't be a machine's name: use 1 to %u letters, digits, dots, "
				 "underscores and dashes", last, MACHINE_NAME_MAX);
	strcpy(name, last);
	return 0;
}

int machine_folder_name(const char *folder, char name[MACHINE_NAME_MAX + 1],
			struct unrack_error *err)
{
	return machine_name_in(io_posix(), folder, name, err);
}

int machine_make_folder(const struct io *io, const char *folder, struct unrack_error *err)
{
	char name[MACHINE_NAME_MAX + 1];
	char path[PATH_MAX];
	int r = machine_name_in(io, folder, name, err);

	if (r < 0)
		return r;
	if (snprintf(path, sizeof path, "%s/unrack", folder) >= (int)sizeof path)
		return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", folder);
	r = io_mkdir(io, folder, err);
	if (r < 0 && err->sys_errno == ENOENT)
		return error_set(err, UNRACK_USAGE,
				 "can't make the folder %s: make the folder that it lies in first", folder);
	return r < 0 ? r : io_mkdir(io, path, err);
}

/* Is the file ST one of those in FOLDER (another name of it, say a hard link)? */
static bool is_file_of(const char *folder, const struct stat *st)
{
	DIR *dir CLEANUP_CLOSEDIR = opendir(folder);
	struct dirent *e;
	struct stat is;

	while (dir && (e = readdir(dir)))
		if (fstatat(dirfd(dir), e->d_name, &is, 0) == 0 && is.st_dev == st->st_dev &&
		    is.st_ino == st->st_ino)
			return true;
	return false;
}

int machine_check_source(const char *folder, const char *source, struct unrack_error *err)
{
	CLEANUP_FREE char *f = realpath(folder, NULL);
	CLEANUP_FREE char *s = realpath(source, NULL);
	struct stat st;
	size_t n = f ? strlen(f) : 0;

	/* What is missing is nowhere; whoever opens it says so. */
	if (!f || !s || stat(s, &st) < 0)
		return 0;
	if ((strncmp(s, f, n) == 0 && s[n] == '/') || is_file_of(f, &st))
		return error_set(err, UNRACK_UNSAFE,
				 "the source %s is a file of the folder %s itself; choose another folder",
				 source, folder);
	return 0;
}

/* How a file's path goes on behind the folder. FLAT: the disk's image lies beside its descriptor. */
static int tail(char *to, size_t size, const char *name, enum machine_file file, int disk, bool flat)
{
	char base[MACHINE_NAME_MAX + 16];

	if (disk > 0)
		snprintf(base, sizeof base, "%s_%d", name, disk);
	else
		snprintf(base, sizeof base, "%s", name);
	switch (file) {
	case MACHINE_DESCRIPTOR:
		return snprintf(to, size, "%s.vmdk", base);
	case MACHINE_IMAGE:
		return snprintf(to, size, flat ? "%s-flat.vmdk" : "%s.vmdk", base);
	case MACHINE_VMX:
		return snprintf(to, size, "%s.vmx", name);
	case MACHINE_MANIFEST:
		return snprintf(to, size, "unrack/manifest.json");
	case MACHINE_JOURNAL:
		return snprintf(to, size, "unrack/disk%d.journal", disk);
	case MACHINE_DIGESTS:
		return snprintf(to, size, "unrack/disk%d.digests", disk);
	case MACHINE_MAP:
		return snprintf(to, size, "unrack/disk%d.map", disk);
	case MACHINE_BAD:
		return snprintf(to, size, "unrack/disk%d.bad", disk);
	case MACHINE_KEPT:
		return snprintf(to, size, "unrack/disk%d.kept", disk);
	case MACHINE_EVIDENCE:
		return snprintf(to, size, "unrack/evidence");
	case MACHINE_PROOF:
		return snprintf(to, size, "unrack/proof");
	case MACHINE_FIX:
		return snprintf(to, size, "unrack/fix");
	case MACHINE_UNDO:
		return snprintf(to, size, "unrack/fix/undo-disk%d", disk);
	case MACHINE_AFTER:
		return snprintf(to, size, "unrack/fix/disk%d.after", disk);
	case MACHINE_UNRACK:
		return snprintf(to, size, "unrack");
	}
	return 0;
}

char *machine_path(const struct machine *m, enum machine_file file, int disk)
{
	const struct machine_disk *d = file == MACHINE_IMAGE ? machine_find_disk(m, disk) : NULL;
	char end[MACHINE_NAME_MAX + 64];
	char *path;

	tail(end, sizeof end, machine_name(m), file, disk, !d || d->format == DISK_FLAT);
	return asprintf(&path, "%s/%s", machine_folder(m), end) < 0 ? NULL : path;
}
