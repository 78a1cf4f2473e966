/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "ext2.h"
#include "ext2_layout.h"

#define READ_PIECE  (1u << 20)
#define ZEROS_PIECE 4096u

/* --- Reading ---------------------------------------------------------------------------- */

static const char *keep_name(struct initrd *i, const char *stored, struct unrack_error *err)
{
	char name[CPIO_NAME_MAX];
	const char *copy;
	size_t n;

	memcpy(name, stored, strlen(stored) + 1);
	n = image_names_plain(name);
	if (n >= IMAGE_NAMES_MAX - i->names_len) {
		error_set(err, UNRACK_UNSUPPORTED, "%s: has names of more than %u MiB, which no initrd has", i->name,
			  IMAGE_NAMES_MAX >> 20);
		return NULL;
	}
	i->names_len += n + 1;
	copy = image_names_add(&i->names, name, n);
	if (!copy)
		error_nomem(err);
	return copy;
}

static int add_item(struct initrd *i, const struct cpio_member *c, struct unrack_error *err)
{
	const char *name = keep_name(i, c->name, err);
	const struct image_item item = {
		.m = {
			.name = name,
			.mode = c->mode, .uid = c->uid, .gid = c->gid, .nlink = c->nlink, .ino = c->ino,
			.rdev_major = c->rdev_major, .rdev_minor = c->rdev_minor,
			.mtime = c->mtime, .data = c->data, .size = c->size,
		},
		.stored = *c,
		.carrier = i->items.len,
	};

	if (!name)
		return err->code;
	if (i->items.len == IMAGE_MEMBERS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: holds more than %u files, which no initrd does",
				 i->name, IMAGE_MEMBERS_MAX);
	return image_items_push(&i->items, item) < 0 ? error_nomem(err) : 0;
}

static int add_segment(struct initrd *i, struct image_segment *seg, const struct cpio_member *trailer,
		       struct unrack_error *err)
{
	seg->n = i->items.len - seg->first;
	seg->trailer = *trailer;
	if (i->segments.len == IMAGE_SEGMENTS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: consists of more than %u archives, which no "
				 "initrd does", i->name, IMAGE_SEGMENTS_MAX);
	return image_segments_push(&i->segments, *seg) < 0 ? error_nomem(err) : 0;
}

/* There may be many of them. */
static size_t skip_zeros(const struct store *s, size_t at)
{
	size_t forgotten = at;

	for (size_t n; at < s->len && !s->data[at]; at += n) {
		n = (size_t)min_u64(s->len - at, ZEROS_PIECE);
		if (!is_zero(s->data + at, n)) {
			while (!s->data[at])
				at++;
			return at;
		}
		if (at - forgotten > IMAGE_READ_AHEAD) {
			store_forget(s, forgotten, at);
			forgotten = at;
		}
	}
	return at;
}

static int misplaced(const struct initrd *i, size_t at, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "%s: behind padding, a member begins at byte %zu of its cpio archive, which is no "
			 "multiple of 4, so no kernel would unpack it; make it anew", i->name, at);
}

/* One archive at *AT of S, up to its trailer; *AT is moved behind that. SEG says where S is from. */
static int read_archive(struct initrd *i, struct image_segment seg, const struct store *s, size_t *at,
			struct unrack_error *err)
{
	size_t begin = *at, forgotten = *at;
	struct cpio_member m;

	seg.first = i->items.len;
	for (;;) {
		int r;

		/* A kernel skips zeros before each member. */
		*at = skip_zeros(s, *at);
		if (*at % 4 && *at < s->len)
			return misplaced(i, *at, err);
		r = cpio_read(s->data, s->len, at, &m, i->name, err);
		if (r < 0)
			return r;
		if (*at - forgotten > IMAGE_READ_AHEAD) {
			store_forget(s, forgotten, *at);
			forgotten = *at;
		}
		if (!strcmp(m.name, CPIO_TRAILER)) {
			seg.unpacked = *at - begin;
			if (seg.how == PACK_PLAIN) {
				seg.offset = begin;
				seg.packed = seg.unpacked;
			}
			return add_segment(i, &seg, &m, err);
		}
		if ((r = add_item(i, &m, err)) < 0)
			return r;
	}
}

/* The archives that one packed stream holds. */
static int read_stream(struct initrd *i, struct image_segment seg, const struct store *s,
		       struct unrack_error *err)
{
	size_t at = skip_zeros(s, 0);

	if (archive_packing_of(s->data + at, s->len - at) != PACK_PLAIN)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is packed more than once, which no kernel can undo",
				 i->name);
	while (at < s->len) {
		int r = read_archive(i, seg, s, &at, err);

		if (r < 0)
			return r;
		at = skip_zeros(s, at);
	}
	store_forget(s, 0, s->len);
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
	image_set_filesystem(i, how, fs);
	return strcmp(fs, "ext2") != 0 ? 0 : ext2_read(i, i->streams.len - 1, err);
}

/* Unpacks what begins at *AT of the file. *ROOM is how much may still be unpacked. */
static int read_packed(struct initrd *i, enum archive_packing how, size_t *at, size_t *room,
		       struct unrack_error *err)
{
	const size_t end = i->streams.at[0].len;
	struct image_segment seg = { .how = how, .offset = *at };
	struct store s = { .keep = i->keep };
	const char *fs;
	size_t used;
	int r = archive_unpack_store(how, &i->streams.at[0], *at, *room, i->name, &s, &used, err);

	if (r == 0 && image_streams_push(&i->streams, s) < 0)
		r = error_nomem(err);
	if (r < 0) {
		store_free(&s);
		return r;
	}
	i->keep -= store_resident(&s);
	*room -= s.len;
	seg.packed = used;
	fs = *at == 0 ? filesystem_of(s.data, s.len) : NULL;
	*at += used;
	if (!fs)
		return read_stream(i, seg, &s, err);
	*at = end;
	return read_filesystem(i, how, fs, err);
}

/* What people make in place of an image; NULL: nothing that is known. */
static const char *mistaken(const uint8_t *p, size_t n)
{
	if (n >= 4 && get_le32(p) == 0x184d2204)
		return "is packed with lz4 in its form of today, which no kernel unpacks; pack it anew with lz4 -l";
	return cpio_mistaken(p, n);
}

static int read_segment(struct initrd *i, size_t *at, size_t *room, struct unrack_error *err)
{
	const struct store *file = &i->streams.at[0];
	const uint8_t *p = file->data;
	enum archive_packing how = archive_packing_of(p + *at, file->len - *at);
	const struct image_segment seg = { .how = how };
	const char *fs;

	if (how != PACK_PLAIN)
		return read_packed(i, how, at, room, err);
	if (cpio_magic(p + *at, file->len - *at) && *at % 4 == 0)
		return read_archive(i, seg, file, at, err);
	fs = *at == 0 ? filesystem_of(p, file->len) : NULL;
	if (!fs && *at == 0 && mistaken(p, file->len))
		return error_set(err, UNRACK_DAMAGED, "%s: %s", i->name, mistaken(p, file->len));
	if (!fs)
		return error_set(err, UNRACK_DAMAGED, "%s: at byte %zu of %zu there is neither a packed "
				 "stream nor a cpio archive; take another copy of this file",
				 i->name, *at, file->len);
	*at = file->len;
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
		size_t carrier = l[from].item;

		for (to = from; to < n && same_file(&l[from], &l[to]); to++)
			if (i->items.at[l[to].item].stored.size)
				carrier = l[to].item;
		for (size_t k = from; k < to; k++) {
			struct image_item *item = &i->items.at[l[k].item];

			item->carrier = carrier;
			item->m.data = i->items.at[carrier].stored.data;
			item->m.size = i->items.at[carrier].stored.size;
		}
	}
	free(l);
	return 0;
}

/* A kernel leaves out links whose targets are longer than a path may be. */
static int keep_links(struct initrd *i, struct unrack_error *err)
{
	size_t all = 0;

	for (size_t k = 0; k < i->items.len; k++) {
		struct initrd_member *m = &i->items.at[k].m;
		const char *copy;

		if (!S_ISLNK(m->mode))
			continue;
		if (m->size >= CPIO_NAME_MAX)
			return error_set(err, UNRACK_DAMAGED, "%s: the link %.200s has a target of %zu bytes; a path has less "
					 "than %u", i->name, m->name, m->size, CPIO_NAME_MAX);
		all += m->size;
		if (all > IMAGE_NAMES_MAX)
			return error_set(err, UNRACK_UNSUPPORTED, "%s: has links with targets of more than %u MiB, which no "
					 "initrd has", i->name, IMAGE_NAMES_MAX >> 20);
		copy = image_names_add(&i->names, (const char *)m->data, m->size);
		if (!copy)
			return error_nomem(err);
		image_forget(i, m->data, m->size);
		m->data = (const uint8_t *)copy;
	}
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

static int read_image(struct initrd *i, struct unrack_error *err)
{
	const struct store file = i->streams.at[0];
	size_t n = file.len, at = skip_zeros(&file, 0), room = INITRD_UNPACKED_MAX;
	int r;

	if (at == n)
		return error_set(err, UNRACK_DAMAGED, "%s: is empty; take another copy of this file", i->name);
	/* A filesystem's first bytes may be zeros. */
	if (at && filesystem_of(file.data, n))
		at = 0;
	while (at < n && !i->container[0]) {
		if ((r = read_segment(i, &at, &room, err)) < 0)
			return r;
		at = skip_zeros(&file, at);
	}
	if (!i->container[0] && !i->segments.len)
		return error_set(err, UNRACK_DAMAGED, "%s: holds no archive; take another copy of this file",
				 i->name);
	if ((r = keep_links(i, err)) < 0 || (r = share_contents(i, err)) < 0 || (r = index_names(i, err)) < 0)
		return r;
	image_describe(i);
	return 0;
}

int image_open(struct store *file, const char *name, struct initrd **out, struct unrack_error *err)
{
	struct initrd *i = calloc(1, sizeof *i);
	int r;

	*out = NULL;
	if (!i || !(i->name = strdup(name)) || image_streams_push(&i->streams, *file) < 0) {
		store_free(file);
		initrd_close(i);
		return error_nomem(err);
	}
	/* Somebody else's bytes are in memory, too. */
	i->keep = IMAGE_KEEP_MAX - min_u64(store_resident(file), IMAGE_KEEP_MAX);
	r = read_image(i, err);
	initrd_forget(i);
	if (r < 0)
		initrd_close(i);
	else
		*out = i;
	return r;
}

int initrd_open(const void *bytes, size_t n, const char *name, struct initrd **out,
		struct unrack_error *err)
{
	struct store file;

	store_borrow(&file, bytes, n);
	return image_open(&file, name, out, err);
}

static int read_file(int fd, const char *name, struct store *file, struct unrack_error *err)
{
	CLEANUP_FREE uint8_t *piece = malloc(READ_PIECE);
	ssize_t n;
	int r = 0;

	if (!piece)
		return error_nomem(err);
	while (r == 0 && (n = read(fd, piece, READ_PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "can't read %s", name);
		if ((size_t)n > INITRD_FILE_MAX - file->len)
			return error_set(err, UNRACK_UNSUPPORTED, "%s: has more than %u MiB; no initrd is that large",
					 name, INITRD_FILE_MAX >> 20);
		r = store_add(file, piece, (size_t)n, err);
	}
	return r < 0 ? r : store_end(file, err);
}

int initrd_read(int fd, const char *name, struct initrd **out, struct unrack_error *err)
{
	struct store file = { .keep = IMAGE_KEEP_MAX };
	int r = read_file(fd, name, &file, err);

	*out = NULL;
	if (r == 0)
		return image_open(&file, name, out, err);
	store_free(&file);
	return r;
}

static int lay_over(struct initrd *i, const struct initrd *base, const struct buf *archive,
		    enum archive_packing how, struct unrack_error *err)
{
	const struct cpio_member trailer = { .name = CPIO_TRAILER, .nlink = 1 };
	const struct image_segment seg = { .how = how };
	CLEANUP_BUF struct buf b = { 0 };
	struct store s = { .keep = IMAGE_KEEP_MAX };
	size_t at = 0;
	int r;

	i->base = base;
	for (size_t k = 0; k < base->items.len; k++)
		if (image_items_push(&i->items, base->items.at[k]) < 0)
			return error_nomem(err);
	for (size_t k = 0; k < base->segments.len; k++)
		if (image_segments_push(&i->segments, base->segments.at[k]) < 0)
			return error_nomem(err);
	if (cpio_write(&b, &trailer) < 0)
		return error_nomem(err);
	if ((r = store_add(&s, archive->data, archive->len, err)) < 0 ||
	    (r = store_add(&s, b.data, b.len, err)) < 0 || (r = store_end(&s, err)) < 0 ||
	    image_streams_push(&i->streams, s) < 0) {
		store_free(&s);
		return r < 0 ? r : error_nomem(err);
	}
	r = read_archive(i, seg, &s, &at, err);
	if (r == 0)
		r = share_contents(i, err);
	if (r == 0)
		r = index_names(i, err);
	if (r == 0)
		image_describe(i);
	return r;
}

int image_overlay(const struct initrd *base, const struct buf *archive, enum archive_packing how, struct initrd **out,
		  struct unrack_error *err)
{
	struct initrd *i = calloc(1, sizeof *i);
	int r;

	*out = NULL;
	if (!i || !(i->name = strdup(base->name))) {
		initrd_close(i);
		return error_nomem(err);
	}
	r = lay_over(i, base, archive, how, err);
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
		store_free(&i->streams.at[k]);
	image_names_free(&i->names);
	image_streams_free(&i->streams);
	image_items_free(&i->items);
	image_segments_free(&i->segments);
	free(i->by_name);
	free(i->name);
	free(i);
}

/* --- Answers ---------------------------------------------------------------------------- */

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
