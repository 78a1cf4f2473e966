/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initrds: what they hold, whether they load a driver before they look for root, and how
 * to make them do so. Knows nothing of disks or of guests' filesystems: bytes in, bytes
 * out; module files come through the caller.
 *
 * Containers are recognised by content, never by release. Threads: any, one per object. */
#ifndef UNRACK_INITRD_H
#define UNRACK_INITRD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/module_tree.h"

#define INITRD_FILE_MAX (512u << 20)     /* larger files are refused */
#define INITRD_UNPACKED_MAX (512u << 20) /* and those that unpack to more */

enum initrd_kind {
	INITRD_NASH,    /* started by a nash script: cpio's /init (RHEL 4, 5), or /linuxrc of a ramdisk (2.1, 3) */
	INITRD_DRACUT,  /* cpio made by dracut: RHEL 6 and later */
	INITRD_OTHER,   /* readable, or a cramfs, romfs or ext3, which show no members; left alone */
};

/* What an image by dracut is, besides, as far as its content tells. */
enum initrd_special {
	INITRD_ORDINARY,
	INITRD_RESCUE, /* made for any machine; may be checked and changed like others */
	INITRD_KDUMP,  /* boots after a crash only; made anew by kdump itself: never changed. May be any kind */
	INITRD_SQUASH, /* its files are in a filesystem inside, which is not looked into */
};

struct initrd_member {
	const char *name; /* as stored, but for slashes and "." that a kernel passes over: "etc/passwd"; "." is root's folder */
	uint32_t mode, uid, gid, nlink, ino;
	uint32_t rdev_major, rdev_minor;
	int64_t mtime;
	const uint8_t *data; /* contents, or a symlink's target; belongs to the image */
	size_t size;
};

struct initrd;

/* NAME is for messages. BYTES are not copied: they have to stay until initrd_close.
 * Cut short, damaged, or followed by something that no kernel would unpack: UNRACK_DAMAGED.
 * Larger than any initrd, or lzo: UNRACK_UNSUPPORTED.
 *
 * Memory: what is unpacked, beyond the first 32 MiB, is in a temporary file without a name in
 * $TMPDIR or /var/tmp, and mapped; where there is no place for it, the error of that. */
int initrd_open(const void *bytes, size_t n, const char *name, struct initrd **out,
		struct unrack_error *err);
/* The same for what can be read from FD, from where it stands to its end. FD may be closed
 * afterwards; the file may be changed. It is what takes the least memory. */
int initrd_read(int fd, const char *name, struct initrd **out, struct unrack_error *err);
void initrd_close(struct initrd *i);
/* Contents of members were read that are not needed soon: what is in files leaves memory. For those
 * who read many, or large ones. */
void initrd_forget(const struct initrd *i);
enum initrd_kind initrd_get_kind(const struct initrd *i);
enum initrd_special initrd_get_special(const struct initrd *i);
/* Why it is left alone, or what else is special with it: "it is a rescue image, made for any
 * machine"; "" if nothing is. */
const char *initrd_reason(const struct initrd *i);
const char *initrd_container(const struct initrd *i); /* "newc cpio (early), gzip newc cpio", "gzip ext2", ... */
/* An ext2 filesystem, as kernels of the 2.4 series take it. Members are in the order of its folders,
 * root's own, ".", first; extended attributes are not shown, and stay. */
bool initrd_is_ramdisk(const struct initrd *i);
const char *initrd_script(const struct initrd *i); /* the member that a kernel starts: "init", "linuxrc" */
size_t initrd_len(const struct initrd *i);
const struct initrd_member *initrd_at(const struct initrd *i, size_t k);
/* Of several members with one name the last: that is the one a kernel leaves. */
const struct initrd_member *initrd_find(const struct initrd *i, const char *name);
/* The same for a path in the running image, with or without a leading '/': symbolic links on the
 * way and at its end are followed. */
const struct initrd_member *initrd_follow(const struct initrd *i, const char *path);

/* One archive of the row that a file is; a ramdisk has none. */
struct initrd_segment {
	const char *packing; /* "gzip", ...; "" for none */
	const char *format;  /* "newc cpio", "crc cpio" */
	bool early;          /* for microcode or ACPI tables, which a kernel takes before it unpacks anything */
	size_t first, n;     /* its members: initrd_at(i, first) and those behind it */
	size_t offset;       /* in the file, of the stream that it is in; a stream may hold several */
	size_t packed;       /* the length of that stream */
	size_t unpacked;     /* of the archive alone */
};
size_t initrd_segments(const struct initrd *i);
void initrd_segment_at(const struct initrd *i, size_t k, struct initrd_segment *out);

/* Kernels whose modules it holds, as folders or the modules themselves say, one per line; those
 * are all that a file alone tells of which kernel it is for. -1: no memory. */
int initrd_kernels(const struct initrd *i, struct buf *out);

struct initrd_difference {
	const struct initrd_member *old, *new; /* NULL: there is none */
	bool meta;    /* kind, mode, owner or device number */
	bool content; /* of a file; the target of a symbolic link */
	bool time;
};
/* EACH is called for every name whose members differ, in the order of the names. What it
 * returns ends the comparison unless it is 0, and is returned. -1, too, when there is no memory. */
int initrd_compare(const struct initrd *old, const struct initrd *new,
		   int (*each)(void *ctx, const struct initrd_difference *d), void *ctx);

/* --- Answers ---------------------------------------------------------------------------- */
/* The link of the chain from the kernel to its root filesystem that is missing; the first one
 * in this order, in which a kernel comes by them. */
enum initrd_link {
	INITRD_LINK_NONE,       /* all are there */
	INITRD_LINK_DRIVER,     /* a module that is wanted is not loaded, or not in the image */
	INITRD_LINK_WAIT,       /* the disks, or their nodes, are not waited for */
	INITRD_LINK_OLD_DISKS,  /* lines take hold of disks of another machine (dmraid, multipath) */
	INITRD_LINK_ARRAY,      /* root is on md, and nothing starts its arrays */
	INITRD_LINK_VOLUME,     /* root is on LVM, and nothing activates it */
	INITRD_LINK_FILESYSTEM, /* the module of root's filesystem is missing */
	INITRD_LINK_ROOT,       /* root is never looked for */
};
const char *initrd_link_name(enum initrd_link l); /* "driver", "wait", ...; "none" */

/* What root needs besides its driver, as far as the caller knows it: zero is unknown. */
struct initrd_needs {
	const char *root_fs;     /* the kind of its filesystem: "ext3", "xfs" */
	bool root_on_lvm, root_on_md;
	const char *root_volume; /* of LVM: "vg/root" */
	const char *arguments;   /* of the kernel, as the boot loader gives them */
};

struct initrd_answer {
	enum initrd_kind kind;
	enum initrd_link missing_link; /* NONE: nothing is known to keep it from finding root */
	bool loads;          /* every wanted module is loaded before root is looked for, and nothing
			      * in the script keeps the disks from being found then */
	struct buf order;    /* modules in load order, one per line */
	struct buf files;    /* the member of the image that each of them is loaded from, one per line; of
			      * modules that udev loads, whose order is not fixed, as the image lists them */
	struct buf missing;  /* wanted ones that are not loaded or not in the image, one per line, with the reason */
	char root[256];      /* the root device baked in ("" = from the command line only) */
	char root_fs[32];
	char resume[256];
	struct buf volumes;  /* LVM: groups ("vg") and volumes ("vg/root") that it activates, one per line;
			      * "*": all that there are */
	struct buf arrays;   /* md: nodes ("/dev/md0") or UUIDs that it starts, one per line */
	struct buf filesystems; /* modules of filesystems that it loads or holds, one per line */
	struct buf mentions; /* other device names in the script, one per line */
	struct buf arguments; /* of the kernel, that are baked into a dracut image (etc/cmdline,
			       * etc/cmdline.d), one per line: "rd.lvm.lv=vg/root" */
	size_t ramdisk_kib;  /* of a ramdisk: how large the kernel's must be (ramdisk_size=); 0: none */
	char text[512];      /* one sentence: why not, or how */
};

/* WANTED: module names; those that TREE, that kernel's modules, knows to be built in count
 * as loaded. What they need is wanted too, and so is sd_mod if they drive disks. N may be 0:
 * then only the names in the script are asked for. INITRD_OTHER, and
 * INITRD_SQUASH if anything is wanted: UNRACK_UNSUPPORTED; a wanted module that the kernel
 * has not: UNRACK_MISSING.
 *
 * By dracut: the image must hold the modules, its own indexes list them as the reader in the
 * image (kmod, module-init-tools) sees them, and an alias or a name lead to them. */
int initrd_check(const struct initrd *i, const struct module_tree *tree,
		 const char *const *wanted, size_t n, struct initrd_answer *out,
		 struct unrack_error *err);
/* The same, and whether all that NEEDS says is there; NULL: nothing is known. The reasons are
 * among OUT's missing ones, under the names of their links; "loads" is of the drivers only. */
int initrd_check_needs(const struct initrd *i, const struct module_tree *tree,
		       const char *const *wanted, size_t n, const struct initrd_needs *needs,
		       struct initrd_answer *out, struct unrack_error *err);
void initrd_answer_free(struct initrd_answer *a);

/* --- Repair ----------------------------------------------------------------------------- */
struct initrd_file {
	const char *path; /* "etc/lvm/lvm.conf" */
	const void *data;
	size_t n;
};

struct initrd_change {
	const struct module_tree *tree;
	const char *const *wanted; /* module names to be loaded, in this order, with their closure */
	size_t n_wanted;
	/* Content of a file by its path relative to /lib/modules/KVER: of a module, or of one of
	 * the kernel's indexes (modules.alias.bin), which a dracut image needs; for one that is
	 * not there the error's sys_errno is ENOENT. */
	int (*read_module)(void *ctx, const char *path, struct buf *out, struct unrack_error *err);
	void *ctx;
	/* Device names in the script to replace: pairs {old, new}, longest match wins, whole
	 * names only (/dev/cciss/c0d0p1 is not part of /dev/cciss/c0d0p12). new NULL: the line goes,
	 * unless it is the one that mounts root: then UNRACK_USAGE. Messages and comments stay. If a
	 * new name is also an old one, a second call changes it again: call once per change. */
	const char *const (*devices)[2];
	size_t n_devices;
	/* Files that get another content. INITRD_NASH: only those that the image has. */
	const struct initrd_file *files;
	size_t n_files;
	/* INITRD_NASH: text of the guest's modules.conf or modprobe.conf, whose options the modules that
	 * come in get; NULL: none. */
	const char *modules_conf;
	/* Of a ramdisk: how many bytes the kernel gives it at most (ramdisk_size= counts KiB). 0: what
	 * TREE's kernel has by itself, 8192 KiB, and 4096 KiB of the 2.4.9 of RHEL 2.1. */
	size_t ramdisk_max;
	const struct initrd_needs *needs; /* as in initrd_check_needs; NULL: nothing is known */
};

/* A new image with the change. *changed is false, and OUT empty, when the image is right as
 * it is. SUMMARY: a member-by-member diff as text (added, changed, a unified diff of the script).
 * Nothing is handed out that initrd_check would refuse. What read_module returns may be packed.
 *
 * INITRD_NASH: the image is written anew; a ramdisk in place, and as much larger as it must be. More
 * than RAMDISK_MAX: UNRACK_NOSPACE, and the sentence has the ramdisk_size= it would take. Lines of
 * dmraid, multipath and iSCSI go too; others that are not touched stay as they are, those of old adapters among them.
 *
 * INITRD_DRACUT: the image stays as it is, byte for byte, and gets one gzip'd segment behind it,
 * which the kernel unpacks over it: the modules that are missing, as they are in the guest, and
 * the kernel's indexes. Device names are those in the kernel arguments that are baked in; new
 * NULL: the argument goes, but for root=. Not changed (UNRACK_UNSUPPORTED) are kdump and squashed
 * images, and one of another kernel than TREE is of. */
int initrd_change(const struct initrd *i, const struct initrd_change *c, struct buf *out,
		  bool *changed, struct buf *summary, struct unrack_error *err);

/* An image for a kernel that has no usable one. BASE is one by dracut, of another kernel of the same
 * guest or a rescue image: its kernel's modules go, and those of C's tree of the same names take their
 * place, as far as that kernel has them; then it is changed as by initrd_change. What was packed is
 * by gzip, which every kernel unpacks. SUMMARY: a line of what became of the modules.
 * UNRACK_UNSUPPORTED: BASE is none by dracut, or kdump's, or squashed. */
int initrd_rebase(const struct initrd *base, const struct initrd_change *c, struct buf *out,
		  struct buf *summary, struct unrack_error *err);

/* What an image that is made from nothing is for. */
struct initrd_recipe {
	const char *name;  /* of the image, for messages */
	int release;       /* of RHEL: 2 (2.1), 3, 4, 5 */
	const struct module_tree *tree;
	const char *const *wanted; /* drivers of disks, in this order */
	size_t n_wanted;
	/* As in struct initrd_change; and a file of the guest by its path ("/sbin/nash"), links followed. */
	int (*read_module)(void *ctx, const char *path, struct buf *out, struct unrack_error *err);
	int (*read_file)(void *ctx, const char *path, struct buf *out, struct unrack_error *err);
	void *ctx;
	const char *root;         /* as fstab has it: "LABEL=/", "/dev/VolGroup00/LogVol00" */
	const char *root_fs;      /* "ext3" */
	const char *root_options; /* "defaults,usrquota"; NULL: defaults */
	const char *resume;       /* RHEL 5: the first swap of fstab; NULL: none */
	const char *const *groups; /* LVM: volume groups that root and swap are on */
	size_t n_groups;
	const char *const *arrays; /* md: "/dev/md0", ..., that root or its volume group is on */
	size_t n_arrays;
	int64_t mtime;             /* of all its members */
	size_t ramdisk_max;        /* as in struct initrd_change */
};

#define INITRD_GROUP_MAX 128

/* The name of the volume group of a device ("/dev/vg/root", "/dev/mapper/vg-root"). False: it is
 * not on LVM, as far as its name tells. */
bool initrd_volume_group(const char *device, char out[INITRD_GROUP_MAX]);

/* An initrd as that release's mkinitrd would have made it on the machine: of the guest's own nash,
 * insmod, LVM tools and configuration (modprobe.conf, lvm.conf, udev.conf), with the kernel's modules.
 * SUMMARY: its members, and the script. Nothing is handed out that initrd_check_needs would refuse.
 * Deterministic. UNRACK_MISSING: the guest has no such program, the kernel no such driver;
 * UNRACK_UNSUPPORTED: that release cannot start from such a root; UNRACK_NOSPACE: see initrd_change. */
int initrd_make(const struct initrd_recipe *recipe, struct buf *out, struct buf *summary,
		struct unrack_error *err);

/* The same members in the same container, each with the header it had: for round trips.
 * Deterministic. What is neither a row of cpio archives nor ext2, or would have more than 192 MiB:
 * UNRACK_UNSUPPORTED. */
int initrd_write(const struct initrd *i, struct buf *out, struct unrack_error *err);

#endif
