/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <string.h>
#include <sys/stat.h>

#include "base/size.h"

#define CPIO_BLOCK 512 /* GNU cpio fills its last block; so did every initrd */

static bool is_replaced_by_new(const struct image_edit *edit, const char *name)
{
	for (size_t k = 0; edit && k < edit->n_add; k++)
		if (!strcmp(edit->add[k].name, name))
			return true;
	return false;
}

/* The member of a file with several names that carries the content, in archive SEG. */
static size_t carrier_of(const struct initrd *i, const struct image_segment *seg, size_t item)
{
	const struct image_item *it = &i->items.at[item];

	for (size_t k = seg->first; k < seg->first + seg->n; k++)
		if (i->items.at[k].stored.data == it->m.data && i->items.at[k].stored.size == it->m.size)
			return k;
	return item;
}

static uint32_t greatest_ino(const struct initrd *i, const struct image_segment *seg)
{
	uint32_t max = 0;

	for (size_t k = seg->first; k < seg->first + seg->n; k++)
		max = i->items.at[k].stored.ino > max ? i->items.at[k].stored.ino : max;
	return max;
}

static int put_dir(struct buf *b, const char *name, uint32_t ino, uint32_t mtime)
{
	const struct cpio_member m = {
		.name = name, .ino = ino, .mode = S_IFDIR | 0755, .nlink = 2, .mtime = mtime,
	};

	return cpio_write(b, &m);
}

/* New files lie directly in lib/, which mkinitrd always made. */
static int put_new_files(const struct initrd *i, const struct image_segment *seg,
			 const struct image_edit *edit, struct buf *b)
{
	/* With one link the number has no meaning; it may even wrap. */
	uint32_t ino = greatest_ino(i, seg) + 1;

	if (!initrd_find(i, "lib") && put_dir(b, "lib", ino++, edit->mtime) < 0)
		return -1;
	for (size_t k = 0; k < edit->n_add; k++, ino++) {
		const struct image_new *f = &edit->add[k];
		const struct cpio_member m = {
			.name = f->name, .ino = ino, .mode = S_IFREG | 0644, .nlink = 1,
			.mtime = edit->mtime, .data = f->data.data, .size = (uint32_t)f->data.len,
		};
		if (cpio_write(b, &m) < 0)
			return -1;
	}
	return 0;
}

static int put_segment(const struct initrd *i, size_t s, const struct image_edit *edit, struct buf *b)
{
	const struct image_segment *seg = &i->segments.at[s];
	size_t replace = SIZE_MAX;

	if (edit && edit->replace >= seg->first && edit->replace - seg->first < seg->n)
		replace = carrier_of(i, seg, edit->replace);
	for (size_t k = seg->first; k < seg->first + seg->n; k++) {
		struct cpio_member m = i->items.at[k].stored;

		if (is_replaced_by_new(edit, i->items.at[k].m.name))
			continue;
		if (k == replace) {
			m.data = edit->data;
			m.size = (uint32_t)edit->n;
		}
		if (cpio_write(b, &m) < 0)
			return -1;
	}
	if (edit && edit->n_add && s == edit->segment && put_new_files(i, seg, edit, b) < 0)
		return -1;
	if (cpio_write(b, &seg->trailer) < 0)
		return -1;
	return buf_zeros(b, round_up(b->len, CPIO_BLOCK) - b->len);
}

int image_write_edited(const struct initrd *i, const struct image_edit *edit, struct buf *out,
		       struct unrack_error *err)
{
	uint64_t more = edit ? edit->n : 0;
	int r;

	if (!i->segments.len)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image of the form %s; only cpio archives and "
				 "ext2 filesystems can be rewritten", i->name, i->container);
	for (size_t k = 0; edit && k < edit->n_add; k++)
		more += edit->add[k].data.len;
	if (more > INITRD_UNPACKED_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: would grow by %llu MiB, which no initrd does",
				 i->name, (unsigned long long)more >> 20);
	for (size_t s = 0; s < i->segments.len; s++) {
		CLEANUP_BUF struct buf b = { 0 };

		if (put_segment(i, s, edit, &b) < 0)
			return error_nomem(err);
		r = archive_pack(i->segments.at[s].how, b.data, b.len, i->name, out, err);
		if (r < 0)
			return r;
		/* A plain archive must begin at a multiple of 4. */
		if (s + 1 < i->segments.len && buf_zeros(out, -out->len % 4) < 0)
			return error_nomem(err);
	}
	return 0;
}

int initrd_write(const struct initrd *i, struct buf *out, struct unrack_error *err)
{
	return image_write_edited(i, NULL, out, err);
}
