/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/size.h"
#include "ext2.h"
#include "ext2_layout.h"

/* --- Reading ---------------------------------------------------------------------------- */

static const char *plain_name(const char *s)
{
	for (;;) {
		if (s[0] == '/')
			s++;
		else if (s[0] == '.' && s[1] == '/')
			s += 2;
		else
			return s;
	}
}

static int add_item(struct initrd *i, const struct cpio_member *c, struct unrack_error *err)
{
	const struct image_item item = {
		.m = {
			.name = plain_name(c->name),
			.mode = c->mode, .uid = c->uid, .gid = c->gid, .nlink = c->nlink, .ino = c->ino,
			.rdev_major = c->rdev_major, .rdev_minor = c->rdev_minor,
			.mtime = c->mtime, .data = c->data, .size = c->size,
		},
		.stored = *c,
	};

	if (i->items.len == IMAGE_MEMBERS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: holds more than %u files, which no initrd does",
				 i->name, IMAGE_MEMBERS_MAX);
	return image_items_push(&i->items, item) < 0 ? error_nomem(err) : 0;
}

static int add_segment(struct initrd *i, enum archive_packing how, size_t first,
		       const struct cpio_member *trailer, struct unrack_error *err)
{
	const struct image_segment seg = { how, first, i->items.len - first, *trailer };

	if (i->segments.len == IMAGE_SEGMENTS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: consists of more than %u archives, which no "
				 "initrd does", i->name, IMAGE_SEGMENTS_MAX);
	return image_segments_push(&i->segments, seg) < 0 ? error_nomem(err) : 0;
}

/* One archive, up to its trailer; *AT is moved behind that. */
static int read_archive(struct initrd *i, enum archive_packing how, const uint8_t *p, size_t n,
			size_t *at, struct unrack_error *err)
{
	size_t first = i->items.len;
	struct cpio_member m;

	for (;;) {
		int r = cpio_read(p, n, at, &m, i->name, err);

		if (r < 0)
			return r;
		if (!strcmp(m.name, CPIO_TRAILER))
			return add_segment(i, how, first, &m, err);
		if ((r = add_item(i, &m, err)) < 0)
			return r;
	}
}

static size_t skip_zeros(const uint8_t *p, size_t n, size_t at)
{
	while (at < n && !p[at])
		at++;
	return at;
}

/* The archives that one packed stream holds. */
static int read_stream(struct initrd *i, enum archive_packing how, const struct buf *b,
		       struct unrack_error *err)
{
	size_t at = skip_zeros(b->data, b->len, 0);

	while (at < b->len) {
		int r = read_archive(i, how, b->data, b->len, &at, err);

		if (r < 0)
			return r;
		at = skip_zeros(b->data, b->len, at);
	}
	return 0;
}

/* What an image that is no cpio is: only the first segment is asked. Magic numbers of
 * the filesystems that kernels of the 2.4 series take for a ramdisk. */
static const char *filesystem_of(const uint8_t *p, size_t n)
{
	if (cpio_magic(p, n))
		return NULL;
	if (ext2_layout_kind(p, n))
		return ext2_layout_kind(p, n);
	if (n >= 4 && get_le32(p) == 0x28cd3d45)
		return "cramfs";
	if (n >= 8 && !memcmp(p, "-rom1fs-", 8))
		return "romfs";
	return NULL;
}

/* FS is all there is, in the last stream. */
static int read_filesystem(struct initrd *i, enum archive_packing how, const char *fs, struct unrack_error *err)
{
	i->kind = INITRD_OTHER;
	i->ramdisk_how = how;
	snprintf(i->container, sizeof i->container, "%s%s%s", archive_packing_name(how),
		 how == PACK_PLAIN ? "" : " ", fs);
	return strcmp(fs, "ext2") != 0 ? 0 : ext2_read(i, i->streams.len - 1, err);
}

/* The segment at *AT of the file. *ROOM is how much may still be unpacked. */
static int read_segment(struct initrd *i, const uint8_t *p, size_t n, size_t *at, size_t *room,
			struct unrack_error *err)
{
	enum archive_packing how = archive_packing_of(p + *at, n - *at);
	const char *fs;
	struct buf b = { 0 };
	size_t used;
	int r;

	if (how == PACK_PLAIN) {
		if (cpio_magic(p + *at, n - *at) && *at % 4 == 0)
			return read_archive(i, how, p, n, at, err);
		fs = *at == 0 ? filesystem_of(p, n) : NULL;
		if (!fs)
			return error_set(err, UNRACK_DAMAGED, "%s: at byte %zu of %zu there is neither a packed "
					 "stream nor a cpio archive; take another copy of this file",
					 i->name, *at, n);
		*at = n;
		return read_filesystem(i, how, fs, err);
	}
	r = archive_unpack(how, p + *at, n - *at, *room, i->name, &b, &used, err);
	if (r == 0 && image_streams_push(&i->streams, b) < 0)
		r = error_nomem(err);
	if (r < 0) {
		buf_free(&b);
		return r;
	}
	*room -= b.len;
	fs = *at == 0 ? filesystem_of(b.data, b.len) : NULL;
	*at += used;
	if (!fs)
		return read_stream(i, how, &b, err);
	*at = n;
	return read_filesystem(i, how, fs, err);
}

/* --- Making sense of the members -------------------------------------------------------- */

struct link {
	uint32_t ino, dev_major, dev_minor;
	size_t segment, item;
};

/* Items of an archive follow each other, so sorting by them sorts by archive too. */
static int compare_links(const void *va, const void *vb)
{
	const struct link *a = va, *b = vb;

#define BY(field)                                                                       \
	do {                                                                            \
		if (a->field != b->field)                                               \
			return a->field < b->field ? -1 : 1;                            \
	} while (0)
	BY(ino);
	BY(dev_major);
	BY(dev_minor);
	BY(item);
#undef BY
	return 0;
}

static bool same_file(const struct link *a, const struct link *b)
{
	return a->segment == b->segment && a->ino == b->ino && a->dev_major == b->dev_major &&
	       a->dev_minor == b->dev_minor;
}

/* cpio stores the content of a file with several names once, usually with the last one.
 * Within an archive, names with one inode number are one file, as in init/initramfs.c. */
static int share_contents(struct initrd *i, struct unrack_error *err)
{
	struct link *l = calloc(i->items.len + 1, sizeof *l);
	size_t n = 0;

	if (!l)
		return error_nomem(err);
	for (size_t s = 0; s < i->segments.len; s++) {
		const struct image_segment *seg = &i->segments.at[s];

		for (size_t k = seg->first; k < seg->first + seg->n; k++) {
			const struct cpio_member *c = &i->items.at[k].stored;

			if (c->nlink > 1 && S_ISREG(c->mode))
				l[n++] = (struct link){ c->ino, c->dev_major, c->dev_minor, s, k };
		}
	}
	qsort(l, n, sizeof *l, compare_links);
	for (size_t from = 0, to; from < n; from = to) {
		const struct image_item *carrier = &i->items.at[l[from].item];

		for (to = from; to < n && same_file(&l[from], &l[to]); to++)
			if (i->items.at[l[to].item].stored.size)
				carrier = &i->items.at[l[to].item];
		for (size_t k = from; k < to; k++) {
			i->items.at[l[k].item].m.data = carrier->stored.data;
			i->items.at[l[k].item].m.size = carrier->stored.size;
		}
	}
	free(l);
	return 0;
}

static int compare_names(const void *va, const void *vb, void *vi)
{
	const struct initrd *i = vi;
	size_t a = *(const size_t *)va, b = *(const size_t *)vb;
	int d = strcmp(i->items.at[a].m.name, i->items.at[b].m.name);

	return d ? d : a < b ? -1 : a > b;
}

static int index_names(struct initrd *i, struct unrack_error *err)
{
	i->by_name = malloc((i->items.len + 1) * sizeof *i->by_name);
	if (!i->by_name)
		return error_nomem(err);
	for (size_t k = 0; k < i->items.len; k++)
		i->by_name[k] = k;
	qsort_r(i->by_name, i->items.len, sizeof *i->by_name, compare_names, i);
	return 0;
}

/* "#!/bin/nash" */
static bool is_nash_script(const struct initrd_member *m)
{
	const char *p = (const char *)m->data, *end, *base;

	if (!S_ISREG(m->mode) || m->size < 3 || memcmp(p, "#!", 2) != 0)
		return false;
	end = memchr(p, '\n', m->size);
	end = end ? end : p + m->size;
	for (p += 2; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	for (base = p; p < end && *p != ' ' && *p != '\t' && *p != '\r'; p++)
		if (*p == '/')
			base = p + 1;
	return p - base == 4 && !memcmp(base, "nash", 4);
}

/* Where dracut's modules 99squash and 95squash-* of all versions put what they squashed. */
static bool is_squashed(const struct initrd *i)
{
	static const char *const names[] = {
		"squash/root.img", "squash-root.img", "squashfs-root.img", "erofs-root.img",
	};

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (initrd_find(i, names[k]))
			return true;
	return false;
}

/* dracut lists the modules (of its own) that an image is made of. */
static bool is_made_of(const struct initrd *i, const char *module)
{
	static const char *const names[] = { "usr/lib/dracut/modules.txt", "lib/dracut/modules.txt" };
	size_t len = strlen(module);

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		const struct initrd_member *m = initrd_find(i, names[k]);
		const char *p = m ? (const char *)m->data : NULL, *end = p ? p + m->size : NULL, *line;

		for (; p < end; p = line + 1) {
			line = memchr(p, '\n', (size_t)(end - p));
			line = line ? line : end;
			if ((size_t)(line - p) == len && !memcmp(p, module, len))
				return true;
		}
	}
	return false;
}

static enum initrd_special special_of(const struct initrd *i)
{
	if (is_made_of(i, "kdumpbase"))
		return INITRD_KDUMP;
	if (is_squashed(i))
		return INITRD_SQUASH;
	return is_made_of(i, "rescue") ? INITRD_RESCUE : INITRD_ORDINARY;
}

static bool is_dracut(const struct initrd *i)
{
	/* dracut 004 puts lib/dracut-lib.sh there, later ones usr/lib/dracut/ and more. */
	static const char *const marks[] = { "lib/dracut", "usr/lib/dracut", "var/lib/dracut" };

	for (size_t k = 0; k < i->items.len; k++)
		for (size_t m = 0; m < ARRAY_LEN(marks); m++)
			if (!strncmp(i->items.at[k].m.name, marks[m], strlen(marks[m])))
				return true;
	return false;
}

static void set_kind(struct initrd *i)
{
	const struct initrd_member *script = initrd_find(i, initrd_script(i));

	if (script && is_nash_script(script))
		i->kind = INITRD_NASH;
	else
		i->kind = !i->ramdisk && (is_dracut(i) || is_squashed(i)) ? INITRD_DRACUT : INITRD_OTHER;
	if (i->kind == INITRD_DRACUT)
		i->special = special_of(i);
}

static void describe(struct initrd *i)
{
	size_t len = 0;

	for (size_t s = 0; s < i->segments.len; s++) {
		enum archive_packing how = i->segments.at[s].how;
		const uint8_t *h = i->segments.at[s].trailer.header;

		if (s == 4) {
			snprintf(i->container + len, sizeof i->container - len, " and %zu more",
				 i->segments.len - s);
			break;
		}
		len += (size_t)snprintf(i->container + len, sizeof i->container - len, "%s%s%s%s cpio",
					s ? ", " : "", archive_packing_name(how),
					how == PACK_PLAIN ? "" : " ", h[5] == '2' ? "crc" : "newc");
	}
	set_kind(i);
}

static int open_image(struct initrd *i, const uint8_t *p, size_t n, struct unrack_error *err)
{
	size_t at = skip_zeros(p, n, 0), room = INITRD_UNPACKED_MAX;
	int r;

	if (at == n)
		return error_set(err, UNRACK_DAMAGED, "%s: is empty; take another copy of this file", i->name);
	/* A filesystem's first bytes may be zeros. */
	if (at && filesystem_of(p, n))
		at = 0;
	while (at < n && !i->container[0]) {
		if ((r = read_segment(i, p, n, &at, &room, err)) < 0)
			return r;
		at = skip_zeros(p, n, at);
	}
	if (i->container[0]) {
		r = index_names(i, err);
		if (r == 0)
			set_kind(i);
		return r;
	}
	if (!i->segments.len)
		return error_set(err, UNRACK_DAMAGED, "%s: holds no archive; take another copy of this file",
				 i->name);
	if ((r = share_contents(i, err)) < 0 || (r = index_names(i, err)) < 0)
		return r;
	describe(i);
	return 0;
}

int initrd_open(const void *bytes, size_t n, const char *name, struct initrd **out,
		struct unrack_error *err)
{
	struct initrd *i = calloc(1, sizeof *i);
	struct buf copy = { 0 };
	int r;

	*out = NULL;
	/* Members of plain segments point into the copy. */
	if (!i || !(i->name = strdup(name)) || buf_append(&copy, bytes, n) < 0 ||
	    image_streams_push(&i->streams, copy) < 0) {
		buf_free(&copy);
		initrd_close(i);
		return error_nomem(err);
	}
	r = open_image(i, copy.data, n, err);
	if (r < 0)
		initrd_close(i);
	else
		*out = i;
	return r;
}

static int lay_over(struct initrd *i, const struct initrd *base, const struct buf *archive,
		    struct unrack_error *err)
{
	const struct cpio_member trailer = { .name = CPIO_TRAILER, .nlink = 1 };
	struct buf b = { 0 };
	size_t at = 0;
	int r;

	for (size_t k = 0; k < base->items.len; k++)
		if (image_items_push(&i->items, base->items.at[k]) < 0)
			return error_nomem(err);
	for (size_t k = 0; k < base->segments.len; k++)
		if (image_segments_push(&i->segments, base->segments.at[k]) < 0)
			return error_nomem(err);
	if (buf_append(&b, archive->data, archive->len) < 0 || cpio_write(&b, &trailer) < 0 ||
	    image_streams_push(&i->streams, b) < 0) {
		buf_free(&b);
		return error_nomem(err);
	}
	r = read_archive(i, PACK_GZIP, b.data, b.len, &at, err);
	if (r == 0)
		r = share_contents(i, err);
	if (r == 0)
		r = index_names(i, err);
	if (r == 0)
		describe(i);
	return r;
}

int image_overlay(const struct initrd *base, const struct buf *archive, struct initrd **out,
		  struct unrack_error *err)
{
	struct initrd *i = calloc(1, sizeof *i);
	int r;

	*out = NULL;
	if (!i || !(i->name = strdup(base->name))) {
		initrd_close(i);
		return error_nomem(err);
	}
	r = lay_over(i, base, archive, err);
	if (r < 0)
		initrd_close(i);
	else
		*out = i;
	return r;
}

void initrd_close(struct initrd *i)
{
	if (!i)
		return;
	for (size_t k = 0; k < i->streams.len; k++)
		buf_free(&i->streams.at[k]);
	image_streams_free(&i->streams);
	image_items_free(&i->items);
	image_segments_free(&i->segments);
	free(i->by_name);
	free(i->name);
	free(i);
}

/* --- Answers ---------------------------------------------------------------------------- */

enum initrd_kind initrd_get_kind(const struct initrd *i)
{
	return i->kind;
}

enum initrd_special initrd_get_special(const struct initrd *i)
{
	return i->special;
}

const char *initrd_container(const struct initrd *i)
{
	return i->container;
}

bool initrd_is_ramdisk(const struct initrd *i)
{
	return i->ramdisk;
}

const char *initrd_script(const struct initrd *i)
{
	return i->ramdisk ? "linuxrc" : "init";
}

size_t initrd_len(const struct initrd *i)
{
	return i->items.len;
}

const struct initrd_member *initrd_at(const struct initrd *i, size_t k)
{
	return &i->items.at[k].m;
}

size_t image_index(const struct initrd *i, const char *name)
{
	size_t low = 0, high = i->items.len;

	/* Behind the last one that is not greater. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(i->items.at[i->by_name[mid]].m.name, name) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || strcmp(i->items.at[i->by_name[low - 1]].m.name, name) != 0)
		return SIZE_MAX;
	return i->by_name[low - 1];
}

const struct initrd_member *image_next(const struct initrd *i, size_t *k)
{
	const struct initrd_member *m = NULL;

	while (*k < i->items.len) {
		const struct initrd_member *here = &i->items.at[i->by_name[*k]].m;

		if (m && strcmp(here->name, m->name) != 0)
			break;
		m = here;
		++*k;
	}
	return m;
}

const struct initrd_member *initrd_find(const struct initrd *i, const char *name)
{
	size_t k = image_index(i, name);

	return k == SIZE_MAX ? NULL : &i->items.at[k].m;
}
