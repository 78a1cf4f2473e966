/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest seam: files of an installed system, with all its filesystems mounted as its
 * own fstab says. Implementations: libguestfs on disk images (guest_gfs.c), and a plain
 * directory (guest_dir.c) for tests and for trees that are mounted already. No guest
 * code is ever run, and symbolic links never lead outside the guest.
 *
 * Paths are absolute within the guest. Operations follow symbolic links in the last
 * component unless their name begins with l. Threads: one at a time. */
#ifndef UNRACK_GUEST_H
#define UNRACK_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

enum guest_type { GUEST_NONE, GUEST_FILE, GUEST_DIR, GUEST_LINK, GUEST_OTHER };

struct guest_stat {
	enum guest_type type; /* GUEST_NONE: there is no such file */
	uint32_t mode;        /* permission bits */
	uint32_t uid, gid;
	uint64_t size;
	int64_t mtime;        /* seconds */
	uint64_t ino;
};

/* A mounted filesystem of the guest, and free space on it. */
struct guest_mount {
	char *where;     /* "/", "/boot" */
	char *device;    /* as the appliance names it: "/dev/sda3"; partition by number of disk */
	int disk;        /* 0-based index of the image, or -1 (LVM, md) */
	int partition;   /* 1-based, or 0 */
	char *fstype;    /* "ext3" */
	char *label, *uuid; /* may be empty */
	uint64_t free_bytes;
	uint64_t free_inodes;
};

/* A partition or logical volume, mounted or not, as far as its first bytes say what it is. */
struct guest_part {
	char *device;    /* as the appliance names it: "/dev/sda2", "/dev/VolGroup00/LogVol00" */
	int disk;        /* 0-based index of the image, or -1 (LVM, md) */
	int partition;   /* 1-based; 0: the whole disk, or no partition */
	char *fstype;    /* "ext3", "swap", "LVM2_member", ...; "" when it is not known */
	char *label, *uuid; /* may be empty */
};

struct guest;

struct guest_ops {
	int (*lstat)(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err);
	int (*stat)(struct guest *g, const char *path, struct guest_stat *st, struct unrack_error *err);
	int (*readlink)(struct guest *g, const char *path, struct buf *target, struct unrack_error *err);
	/* Whole content; more than LIMIT bytes, or not a regular file, is UNRACK_DAMAGED;
	 * a missing one UNRACK_IO with sys_errno ENOENT. OUT is replaced. */
	int (*read)(struct guest *g, const char *path, uint64_t limit, struct buf *out,
		    struct unrack_error *err);
	/* A descriptor for the content of a large file, by which it is read to its end before anything else is
	 * asked of G; the caller closes it. It may be a copy, in a temporary file (base/tempfile.h). Errors
	 * are those of read, but for more than LIMIT bytes, which is UNRACK_UNSUPPORTED. */
	int (*open)(struct guest *g, const char *path, uint64_t limit, int *fd, struct unrack_error *err);
	/* Names in a directory, each followed by a NUL, sorted by bytes, without . and .. */
	int (*list)(struct guest *g, const char *path, struct buf *names, struct unrack_error *err);
	/* All paths below a directory, of files and directories, relative to it
	 * ("kernel/fs/ext3/ext3.ko"), each followed by a NUL, sorted by bytes. */
	int (*find)(struct guest *g, const char *path, struct buf *names, struct unrack_error *err);
	/* An existing file is written in place: inode, mode, owner and labels stay. A new one gets
	 * MODE, UID, GID, and the security label of LABEL_FROM (may be NULL) if that has one. */
	int (*write)(struct guest *g, const char *path, const void *data, size_t n, uint32_t mode,
		     uint32_t uid, uint32_t gid, const char *label_from, struct unrack_error *err);
	/* More for the end of a file that write has written. */
	int (*append)(struct guest *g, const char *path, const void *data, size_t n, struct unrack_error *err);
	int (*rename)(struct guest *g, const char *from, const char *to, struct unrack_error *err);
	int (*unlink)(struct guest *g, const char *path, struct unrack_error *err);
	int (*symlink)(struct guest *g, const char *target, const char *path, struct unrack_error *err);
	/* value of a security.selinux or other attribute; empty when there is none */
	int (*getxattr)(struct guest *g, const char *path, const char *name, struct buf *value,
			struct unrack_error *err);
	int (*sync)(struct guest *g, struct unrack_error *err);
	/* Everything that was written is in the images, and the appliance has ended. Only
	 * close may follow. Without it nothing that was written may be trusted. */
	int (*finish)(struct guest *g, struct unrack_error *err);
	void (*close)(struct guest *g); /* frees CTX and G itself, not its mounts and parts */
};

struct guest {
	const struct guest_ops *ops;
	void *ctx;
	struct guest_mount *mounts; /* the first one is "/"; malloc'd, as their strings are */
	unsigned n_mounts;
	struct guest_part *parts; /* all of them, by disk and partition; malloc'd as well */
	unsigned n_parts;
	unsigned disks;        /* how many images */
	/* The first 64 KiB of disk 0..disks-1 (boot sector, stage 1.5), for the loader's check; may be NULL. */
	const uint8_t *const *disk_heads;
	const uint64_t *disk_sizes;
	bool writable;
};

/* Conveniences over the table. */
bool guest_exists(struct guest *g, const char *path); /* also false on an error */
/* A missing file gives an empty buffer and *found = false, not an error. */
int guest_read_if(struct guest *g, const char *path, uint64_t limit, struct buf *out, bool *found,
		  struct unrack_error *err);
/* As ops->write, of all that the file FD holds, piece by piece. */
int guest_write_from(struct guest *g, const char *path, int fd, uint32_t mode, uint32_t uid, uint32_t gid,
		     const char *label_from, struct unrack_error *err);
/* Follows symbolic links of every component within the guest: the path of the real file
 * (which need not exist in its last component). At most 40 links. */
int guest_resolve(struct guest *g, const char *path, struct buf *real, struct unrack_error *err);
int guest_finish(struct guest *g, struct unrack_error *err);
void guest_close(struct guest *g); /* NULL is fine; frees mounts and parts, then calls ops->close */
/* Of a file's st_mode. */
enum guest_type guest_type_of(uint32_t mode);
/* Sorts names that are each followed by a NUL; for implementations. -1: no memory. */
int guest_sort_names(struct buf *names);

struct guest_image {
	const char *path;   /* raw, or a qcow2 overlay */
	const char *format; /* "raw", "qcow2" */
};

/* Opens the images together in one appliance, finds the root filesystem, mounts
 * everything its fstab says (old device names are translated). WRITABLE: the images are
 * overlays that may be changed, and are complete only after guest_finish. Otherwise they
 * stay as they are: dirty journals are replayed on overlays that the appliance throws away.
 * LOG must outlive the guest; its stop flag ends the appliance.
 * No system found, or not RHEL-like: UNRACK_UNSUPPORTED (exit 6). A filesystem that cannot
 * be mounted: UNRACK_DAMAGED. No kernel for the appliance, no QEMU: UNRACK_MISSING. */
struct log;
int guest_open_images(const struct guest_image *images, unsigned n, bool writable,
		      const struct log *log, struct guest **out, struct unrack_error *err);

/* A directory that holds a root tree, as one mount "/" without device or label. Owners
 * are not set when the caller has no right to give files away (tests without root). */
int guest_open_dir(const char *root, bool writable, struct guest **out, struct unrack_error *err);

#endif
