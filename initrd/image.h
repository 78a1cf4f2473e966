/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An opened initrd, and how a changed one is written.
 *
 * A file is a row of segments, each plain or packed by itself; what they unpack to is a row
 * of archives, each a row of members up to a trailer. A kernel unpacks one after the other
 * into the same tree, so of two members with one name the later one counts. Source: Linux
 * init/initramfs.c. Here every archive counts as a segment; a stream that holds two is
 * written as two streams. */
#ifndef INITRD_IMAGE_H
#define INITRD_IMAGE_H

#include "archive.h"
#include "base/vec.h"
#include "cpio.h"
#include "image_names.h"
#include "unrack/initrd.h"

#define IMAGE_MEMBERS_MAX (1u << 15) /* four times what a rescue image has; each is an object in JSON */
#define IMAGE_SEGMENTS_MAX 256

/* An image has so many of its bytes in memory, and the others in temporary files; and of those
 * at most this much is read before it is forgotten again. */
#define IMAGE_KEEP_MAX   (32u << 20)
#define IMAGE_READ_AHEAD (4u << 20)

struct image_item {
	struct initrd_member m; /* with the content that all links of one file share */
	struct cpio_member stored;
	size_t carrier; /* the item that the content is stored with: another one if that is shared */
};

struct image_segment {
	enum archive_packing how;
	size_t first, n;         /* its members */
	size_t offset, packed;   /* where in the file the stream is that it is in; both 0: it is new */
	bool early;              /* for microcode or ACPI tables */
	size_t unpacked;         /* what the archive itself has, without padding behind it */
	struct cpio_member trailer;
};

DEFINE_VEC(image_items, struct image_item);
DEFINE_VEC(image_segments, struct image_segment);
DEFINE_VEC(image_streams, struct store);

struct initrd {
	char *name;
	enum initrd_kind kind;
	enum initrd_special special;
	const char *reason; /* see initrd_reason */
	char container[160];
	struct image_streams streams; /* the file, then what is unpacked; members point into them */
	bool ramdisk;                 /* a filesystem, see ext2.h; then there are no segments */
	enum archive_packing ramdisk_how;
	size_t ramdisk_stream;        /* which one is the filesystem */
	size_t keep; /* how much of what comes may be kept in memory */
	const struct initrd *base; /* NULL, or what it is laid over, and points into */
	struct image_names names;  /* those of members, and the targets of links */
	size_t names_len;          /* of the former */
	struct image_items items;
	struct image_segments segments;
	size_t *by_name; /* items sorted by name, then by place */
};

/* initrd_open of what is in FILE, which is complete, and which the image owns afterwards, whatever
 * comes of it. */
int image_open(struct store *file, const char *name, struct initrd **out, struct unrack_error *err);

/* What an image is: the container of one that is a filesystem, and then, of any, all that its
 * members tell. */
void image_set_filesystem(struct initrd *i, enum archive_packing how, const char *fs);
void image_describe(struct initrd *i);

/* Whether TEXT is in the content of M. What is looked for are words in scripts, rules and libraries: in a file
 * that is larger than those are, only the first piece counts. */
#define IMAGE_SEARCHED_MAX (1u << 20)
/* LEFT: NULL, or for those who search many members, how many bytes they may still: any number of names may lead to
 * one content. */
#define IMAGE_SEARCHED_ALL (16u << 20)
bool image_holds(const struct initrd *i, const struct initrd_member *m, const char *text, size_t *left);
/* The N bytes at P of some content were read, and are not needed soon. For those who read little each of
 * many members: more of a file comes into memory than is read. */
void image_forget(const struct initrd *i, const void *p, size_t n);

/* Index of the member that counts for NAME; SIZE_MAX: none. */
size_t image_index(const struct initrd *i, const char *name);

/* The member that counts for the name at place *K of the sorted ones, from 0, and moves *K to
 * the next name; NULL: that was all. */
const struct initrd_member *image_next(const struct initrd *i, size_t *k);

struct image_new {
	char *name; /* "lib/mptspi.ko" */
	struct buf data;
};

/* The member ITEM, a file, gets other contents. */
struct image_replace {
	size_t item;
	const uint8_t *data;
	size_t n;
};

/* What is to be written differently. */
struct image_edit {
	const struct image_replace *replace;
	size_t n_replace;
	/* Files that come after all members of SEGMENT, 0644, of root, with MTIME. A member that
	 * has the name already goes. */
	const struct image_new *add;
	size_t n_add, segment;
	uint32_t mtime;
	const bool *drop; /* of each member: it goes; NULL: none does */
	bool gzip;        /* what was packed becomes gzip */
	size_t ramdisk_max; /* bytes that a ramdisk may have; 0: EXT2_RAMDISK_KIB */
};

/* EDIT may be NULL. */
int image_write_edited(const struct initrd *i, const struct image_edit *edit, struct buf *out,
		       struct unrack_error *err);

/* BASE with the members of ARCHIVE, which are written without a trailer, unpacked over it as
 * one more segment that is packed as HOW. It points into BASE, which has to live longer; ARCHIVE is copied. */
int image_overlay(const struct initrd *base, const struct buf *archive, enum archive_packing how, struct initrd **out,
		  struct unrack_error *err);

/* Appends what distinguishes two images, member by member, and a unified diff of the
 * member SCRIPT. -1: no memory. */
int image_compare(const struct initrd *old, const struct initrd *new, const char *script,
		  struct buf *out);

#endif
