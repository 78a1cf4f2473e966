/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that is a plain directory. Every path is looked up by openat2 with
 * RESOLVE_IN_ROOT (Linux 5.6), so that the guest's symbolic links, absolute ones and
 * "..", lead to where they would lead inside the guest. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "unrack/guest.h"

#define DEPTH_MAX 64        /* of folders, in find */
#define NAMES_MAX (64u << 20) /* bytes of names, in list and find */
#define XATTR_LIMIT 65536   /* the kernel's XATTR_SIZE_MAX */

struct dir_guest {
	int root;
	char *path;
};

static struct dir_guest *dir_of(struct guest *g)
{
	return g->ctx;
}

/* A descriptor, or a negative errno. */
static int open_in(struct guest *g, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, dir_of(g)->root, path, &how, sizeof how);
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : (int)fd;
}

static int fail(struct unrack_error *err, int errnum, const char *doing, const char *path)
{
	if (errnum == ELOOP) {
		int r = error_set(err, UNRACK_DAMAGED,
				  "can't %s the guest's %s: its symbolic links go in a circle", doing, path);

		err->sys_errno = ELOOP;
		return r;
	}
	return error_errno(err, errnum, "can't %s the guest's %s", doing, path);
}

static int refuse_read_only(struct guest *g, const char *path, struct unrack_error *err)
{
	if (g->writable)
		return 0;
	return error_set(err, UNRACK_INTERNAL, "the guest is open for reading, %s can't be changed", path);
}

static int stat_by(struct guest *g, const char *path, int flags, struct guest_stat *out,
		   struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = open_in(g, path, O_PATH | flags, 0);
	struct stat st;

	memset(out, 0, sizeof *out);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fail(err, -fd, "look at", path);
	if (fstat(fd, &st) < 0)
		return fail(err, errno, "look at", path);
	out->type = guest_type_of(st.st_mode);
	out->mode = st.st_mode & 07777;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	out->size = (uint64_t)st.st_size;
	out->mtime = st.st_mtime;
	out->ino = st.st_ino;
	return 0;
}

static int dir_lstat(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err)
{
	return stat_by(g, path, O_NOFOLLOW, st, err);
}

static int dir_stat(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err)
{
	return stat_by(g, path, 0, st, err);
}

static int dir_readlink(struct guest *g, const char *path, struct buf *target, struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = open_in(g, path, O_PATH | O_NOFOLLOW, 0);
	char text[4096];
	ssize_t n;

	buf_clear(target);
	if (fd < 0)
		return fail(err, -fd, "read the link", path);
	n = readlinkat(fd, "", text, sizeof text);
	if (n < 0)
		return fail(err, errno == ENOENT ? EINVAL : errno, "read the link", path);
	return buf_append(target, text, (size_t)n) < 0 ? error_nomem(err) : 0;
}

/* Opens a regular file, and nothing else: opening a pipe would wait, a device would act. */
static int open_file(struct guest *g, const char *path, int flags, int *fd, struct stat *st,
		     struct unrack_error *err)
{
	CLEANUP_CLOSE int look = open_in(g, path, O_PATH, 0);

	if (look < 0)
		return fail(err, -look, "open", path);
	if (fstat(look, st) < 0)
		return fail(err, errno, "open", path);
	if (!S_ISREG(st->st_mode))
		return error_set(err, UNRACK_DAMAGED, "the guest's %s is not a regular file", path);
	*fd = open_in(g, path, flags, 0);
	return *fd < 0 ? fail(err, -*fd, "open", path) : 0;
}

static int dir_read(struct guest *g, const char *path, uint64_t limit, struct buf *out,
		    struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int r;

	buf_clear(out);
	r = open_file(g, path, O_RDONLY, &fd, &st, err);
	if (r < 0)
		return r;
	for (;;) {
		ssize_t n;

		if (buf_reserve(out, 65536) < 0)
			return error_nomem(err);
		n = read(fd, out->data + out->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, errno, "read", path);
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (out->len > limit) {
			buf_clear(out);
			return error_set(err, UNRACK_DAMAGED,
					 "the guest's %s is larger than the %llu bytes it may have", path,
					 (unsigned long long)limit);
		}
	}
}

static int dir_open(struct guest *g, const char *path, uint64_t limit, int *fd, struct unrack_error *err)
{
	struct stat st;
	int r = open_file(g, path, O_RDONLY, fd, &st, err);

	if (r < 0 || (uint64_t)st.st_size <= limit)
		return r;
	close(*fd);
	*fd = -1;
	return error_set(err, UNRACK_UNSUPPORTED, "the guest's %s has more than the %llu MiB that it may have", path,
			 (unsigned long long)limit >> 20);
}

/* Adds the names in the folder FD (which is taken over), each behind PREFIX; with DEPTH
 * left, those of the folders below too. */
static int add_names(int fd, const char *prefix, unsigned depth, bool below, struct buf *names)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, e = readdir(d)) != NULL) {
		size_t start = names->len;
		int sub;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (buf_puts(names, prefix) < 0 || buf_append(names, e->d_name, strlen(e->d_name) + 1) < 0) {
			r = -ENOMEM;
		} else if (names->len > NAMES_MAX) {
			r = -E2BIG;
		} else if (below) {
			CLEANUP_BUF struct buf inner = { 0 };

			sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (sub < 0) {
				r = errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
			} else if (depth == 0) {
				close(sub);
				r = -E2BIG;
			} else if (buf_puts(&inner, (const char *)names->data + start) < 0 ||
				   buf_puts(&inner, "/") < 0) {
				close(sub);
				r = -ENOMEM;
			} else {
				r = add_names(sub, buf_str(&inner), depth - 1, true, names);
			}
		}
	}
	if (r == 0 && errno)
		r = -errno;
	closedir(d);
	return r;
}

static int names_of(struct guest *g, const char *path, bool below, struct buf *names,
		    struct unrack_error *err)
{
	int fd = open_in(g, path, O_RDONLY | O_DIRECTORY, 0), r;

	buf_clear(names);
	if (fd < 0)
		return fail(err, -fd, "list", path);
	r = add_names(fd, "", DEPTH_MAX, below, names);
	if (r == -E2BIG)
		return error_set(err, UNRACK_DAMAGED,
				 "the guest's %s holds more files than a system has there", path);
	if (r < 0)
		return fail(err, -r, "list", path);
	return guest_sort_names(names) < 0 ? error_nomem(err) : 0;
}

static int dir_list(struct guest *g, const char *path, struct buf *names, struct unrack_error *err)
{
	return names_of(g, path, false, names, err);
}

static int dir_find(struct guest *g, const char *path, struct buf *names, struct unrack_error *err)
{
	return names_of(g, path, true, names, err);
}

static int write_all(int fd, const uint8_t *data, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, data, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		data += w;
		n -= (size_t)w;
	}
	return 0;
}

/* The way to an O_PATH descriptor's extended attributes. */
static void proc_path(char out[64], int fd)
{
	snprintf(out, 64, "/proc/self/fd/%d", fd);
}

static int dir_getxattr(struct guest *g, const char *path, const char *name, struct buf *value,
			struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = open_in(g, path, O_PATH, 0);
	char by_fd[64];
	ssize_t n;

	buf_clear(value);
	if (fd < 0)
		return fail(err, -fd, "look at", path);
	proc_path(by_fd, fd);
	if (buf_reserve(value, XATTR_LIMIT) < 0)
		return error_nomem(err);
	n = getxattr(by_fd, name, value->data, XATTR_LIMIT);
	if (n < 0 && (errno == ENODATA || errno == ENOTSUP))
		n = 0;
	if (n < 0)
		return error_errno(err, errno, "can't read %s of the guest's %s", name, path);
	value->len = (size_t)n;
	value->data[n] = '\0';
	return 0;
}

/* Owner, mode and label of a file that has just been made. */
static int dress_new(struct guest *g, int fd, const char *path, uint32_t mode, uint32_t uid,
		     uint32_t gid, const char *label_from, struct unrack_error *err)
{
	CLEANUP_BUF struct buf label = { 0 };
	int r;

	if (fchown(fd, uid, gid) < 0 && !(errno == EPERM && geteuid() != 0))
		return fail(err, errno, "set the owner of", path);
	if (fchmod(fd, mode & 07777) < 0)
		return fail(err, errno, "set the mode of", path);
	if (!label_from)
		return 0;
	r = dir_getxattr(g, label_from, "security.selinux", &label, err);
	if (r < 0 || label.len == 0)
		return r;
	if (fsetxattr(fd, "security.selinux", label.data, label.len, 0) < 0)
		return fail(err, errno, "set the label of", path);
	return 0;
}

static int dir_write(struct guest *g, const char *path, const void *data, size_t n, uint32_t mode,
		     uint32_t uid, uint32_t gid, const char *label_from, struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int r = refuse_read_only(g, path, err);

	if (r < 0)
		return r;
	r = open_file(g, path, O_WRONLY | O_TRUNC, &fd, &st, err);
	if (r < 0 && err->sys_errno == ENOENT) {
		fd = open_in(g, path, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			return fail(err, -fd, "create", path);
		r = dress_new(g, fd, path, mode, uid, gid, label_from, err);
	}
	if (r < 0)
		return r;
	r = write_all(fd, data, n);
	return r < 0 ? fail(err, -r, "write", path) : 0;
}

static int dir_append(struct guest *g, const char *path, const void *data, size_t n, struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int r = refuse_read_only(g, path, err);

	if (r == 0)
		r = open_file(g, path, O_WRONLY | O_APPEND, &fd, &st, err);
	if (r < 0)
		return r;
	r = write_all(fd, data, n);
	return r < 0 ? fail(err, -r, "write", path) : 0;
}

/* Opens the folder of PATH; gives the last component (within PATH), or NULL: see ERR. */
static const char *open_parent(struct guest *g, const char *path, int *fd, struct unrack_error *err)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];

	if (!slash || !slash[1] || (size_t)(slash + 1 - path) >= sizeof folder) {
		error_set(err, UNRACK_INTERNAL, "\"%.64s\" is not the path of a file in the guest", path);
		return NULL;
	}
	memcpy(folder, path, (size_t)(slash + 1 - path));
	folder[slash + 1 - path] = '\0';
	*fd = open_in(g, folder, O_PATH | O_DIRECTORY, 0);
	if (*fd < 0) {
		fail(err, -*fd, "open the folder of", path);
		return NULL;
	}
	return slash + 1;
}

static int dir_rename(struct guest *g, const char *from, const char *to, struct unrack_error *err)
{
	CLEANUP_CLOSE int from_fd = -1;
	CLEANUP_CLOSE int to_fd = -1;
	const char *from_name, *to_name;
	int r = refuse_read_only(g, from, err);

	if (r < 0)
		return r;
	from_name = open_parent(g, from, &from_fd, err);
	to_name = from_name ? open_parent(g, to, &to_fd, err) : NULL;
	if (!to_name)
		return err->code;
	return renameat(from_fd, from_name, to_fd, to_name) < 0 ? fail(err, errno, "rename", from) : 0;
}

static int dir_unlink(struct guest *g, const char *path, struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	const char *name;
	int r = refuse_read_only(g, path, err);

	if (r < 0)
		return r;
	name = open_parent(g, path, &fd, err);
	if (!name)
		return err->code;
	return unlinkat(fd, name, 0) < 0 ? fail(err, errno, "remove", path) : 0;
}

static int dir_symlink(struct guest *g, const char *target, const char *path, struct unrack_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	const char *name;
	int r = refuse_read_only(g, path, err);

	if (r < 0)
		return r;
	name = open_parent(g, path, &fd, err);
	if (!name)
		return err->code;
	return symlinkat(target, fd, name) < 0 ? fail(err, errno, "make the link", path) : 0;
}

static int dir_sync(struct guest *g, struct unrack_error *err)
{
	if (g->writable && syncfs(dir_of(g)->root) < 0)
		return error_errno(err, errno, "can't bring %s to stable storage", dir_of(g)->path);
	return 0;
}

static void dir_close(struct guest *g)
{
	struct dir_guest *d = dir_of(g);

	if (d->root >= 0)
		close(d->root);
	free(d->path);
	free(d);
	free(g);
}

static const struct guest_ops dir_ops = {
	.lstat = dir_lstat,
	.stat = dir_stat,
	.readlink = dir_readlink,
	.read = dir_read,
	.open = dir_open,
	.list = dir_list,
	.find = dir_find,
	.write = dir_write,
	.append = dir_append,
	.rename = dir_rename,
	.unlink = dir_unlink,
	.symlink = dir_symlink,
	.getxattr = dir_getxattr,
	.sync = dir_sync,
	.finish = dir_sync,
	.close = dir_close,
};

static int add_root_mount(struct guest *g, struct unrack_error *err)
{
	struct guest_mount *m = calloc(1, sizeof *m);
	struct statvfs vfs;

	if (!m)
		return error_nomem(err);
	g->mounts = m;
	g->n_mounts = 1;
	m->where = strdup("/");
	m->device = strdup("");
	m->disk = -1;
	m->fstype = strdup("");
	m->label = strdup("");
	m->uuid = strdup("");
	if (!m->where || !m->device || !m->fstype || !m->label || !m->uuid)
		return error_nomem(err);
	if (fstatvfs(dir_of(g)->root, &vfs) < 0)
		return error_errno(err, errno, "can't look at %s", dir_of(g)->path);
	m->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	m->free_inodes = vfs.f_ffree;
	return 0;
}

int guest_open_dir(const char *root, bool writable, struct guest **out, struct unrack_error *err)
{
	struct guest *g = calloc(1, sizeof *g);
	struct dir_guest *d = calloc(1, sizeof *d);
	int r;

	if (!g || !d) {
		free(g);
		free(d);
		return error_nomem(err);
	}
	g->ops = &dir_ops;
	g->ctx = d;
	g->writable = writable;
	d->path = strdup(root);
	d->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!d->path)
		r = error_nomem(err);
	else if (d->root < 0)
		r = error_errno(err, errno, "can't open the folder %s", root);
	else
		r = add_root_mount(g, err);
	if (r < 0) {
		guest_close(g);
		return r;
	}
	*out = g;
	return 0;
}
