/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ext2.h"

#include <string.h>
#include <sys/stat.h>

#include "base/size.h"

#define CPIO_BLOCK 512 /* GNU cpio fills its last block; so did every initrd */

static bool is_replaced_by_new(const struct image_edit *edit, const char *name)
{
	for (size_t k = 0; k < edit->n_add; k++)
		if (!strcmp(edit->add[k].name, name))
			return true;
	return false;
}

static uint32_t greatest_ino(const struct initrd *i, const struct image_segment *seg)
{
	uint32_t max = 0;

	for (size_t k = seg->first; k < seg->first + seg->n; k++)
		max = i->items.at[k].stored.ino > max ? i->items.at[k].stored.ino : max;
	return max;
}

/* An archive that is being written, with what was not forgotten of what its members have. */
struct writer {
	const struct initrd *image;
	struct store to;
	size_t read;
};

static int put_zeros(struct writer *w, size_t n, struct unrack_error *err)
{
	static const uint8_t zeros[CPIO_BLOCK];

	return store_add(&w->to, zeros, n, err);
}

static int put_member(struct writer *w, const struct cpio_member *m, struct unrack_error *err)
{
	CLEANUP_BUF struct buf head = { 0 };
	int r;

	if (cpio_write_head(&head, m) < 0)
		return error_nomem(err);
	/* Contents may be written more often than they were stored. */
	if (m->size > INITRD_UNPACKED_MAX || w->to.len > INITRD_UNPACKED_MAX - m->size)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: would unpack to more than %u MiB when written; no initrd is "
				 "that large", w->image->name, INITRD_UNPACKED_MAX >> 20);
	r = store_add(&w->to, head.data, head.len, err);
	for (size_t at = 0, n; r == 0 && at < m->size; at += n) {
		n = (size_t)min_u64(m->size - at, IMAGE_READ_AHEAD);
		r = store_add(&w->to, m->data + at, n, err);
		w->read += n;
		if (w->read >= IMAGE_READ_AHEAD) {
			initrd_forget(w->image);
			w->read = 0;
		}
	}
	return r < 0 ? r : put_zeros(w, -w->to.len % 4, err);
}

static int put_dir(struct writer *w, const char *name, uint32_t ino, uint32_t mtime, struct unrack_error *err)
{
	const struct cpio_member m = {
		.name = name, .ino = ino, .mode = S_IFDIR | 0755, .nlink = 2, .mtime = mtime,
	};

	return put_member(w, &m, err);
}

/* New files lie directly in lib/, which mkinitrd always made. */
static int put_new_files(struct writer *w, const struct image_segment *seg, const struct image_edit *edit,
			 struct unrack_error *err)
{
	/* With one link the number has no meaning; it may even wrap. */
	uint32_t ino = greatest_ino(w->image, seg) + 1;
	int r = 0;

	if (!initrd_find(w->image, "lib"))
		r = put_dir(w, "lib", ino++, edit->mtime, err);
	for (size_t k = 0; r == 0 && k < edit->n_add; k++, ino++) {
		const struct image_new *f = &edit->add[k];
		const struct cpio_member m = {
			.name = f->name, .ino = ino, .mode = S_IFREG | 0644, .nlink = 1,
			.mtime = edit->mtime, .data = f->data.data, .size = (uint32_t)f->data.len,
		};

		r = put_member(w, &m, err);
	}
	return r;
}

static bool goes(const struct initrd *i, const struct image_edit *edit, size_t k)
{
	return edit && ((edit->drop && edit->drop[k]) || is_replaced_by_new(edit, i->items.at[k].m.name));
}

/* What the member K of SEG gets instead of its content, if it carries that; NULL: nothing. */
static const struct image_replace *replaced(const struct initrd *i, const struct image_segment *seg,
					    const struct image_edit *edit, size_t k)
{
	for (size_t n = 0; edit && n < edit->n_replace; n++) {
		size_t item = edit->replace[n].item;

		if (item >= seg->first && item - seg->first < seg->n && i->items.at[item].carrier == k)
			return &edit->replace[n];
	}
	return NULL;
}

static int put_segment(struct writer *w, size_t s, const struct image_edit *edit, struct unrack_error *err)
{
	const struct initrd *i = w->image;
	const struct image_segment *seg = &i->segments.at[s];
	int r = 0;

	for (size_t k = seg->first; r == 0 && k < seg->first + seg->n; k++) {
		const struct image_replace *new = replaced(i, seg, edit, k);
		struct cpio_member m = i->items.at[k].stored;

		if (goes(i, edit, k))
			continue;
		/* the content may be stored with a name that goes */
		if (!m.size && i->items.at[k].m.size && goes(i, edit, i->items.at[k].carrier)) {
			m.data = i->items.at[k].m.data;
			m.size = (uint32_t)i->items.at[k].m.size;
		}
		if (new) {
			m.data = new->data;
			m.size = (uint32_t)new->n;
		}
		r = put_member(w, &m, err);
	}
	if (r == 0 && edit && edit->n_add && s == edit->segment)
		r = put_new_files(w, seg, edit, err);
	if (r == 0)
		r = put_member(w, &seg->trailer, err);
	if (r == 0)
		r = put_zeros(w, round_up(w->to.len, CPIO_BLOCK) - w->to.len, err);
	return r < 0 ? r : store_end(&w->to, err);
}

/* What follows segment S must be found: a plain archive begins at a multiple of 4, and lz4 ends
 * at a size of zero, wherever its 4 bytes begin. */
static int put_gap(const struct initrd *i, size_t s, enum archive_packing how, struct buf *out)
{
	if (s + 1 == i->segments.len)
		return 0;
	return buf_zeros(out, -out->len % 4 + (how == PACK_LZ4 ? 8 : 0));
}

static enum archive_packing packing_of(const struct image_segment *seg, const struct image_edit *edit)
{
	return edit && edit->gzip && seg->how != PACK_PLAIN ? PACK_GZIP : seg->how;
}

int image_write_edited(const struct initrd *i, const struct image_edit *edit, struct buf *out,
		       struct unrack_error *err)
{
	uint64_t more = 0;
	int r;

	if (i->ramdisk)
		return ext2_write(i, edit, out, err);
	if (!i->segments.len)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image of the form %s; only cpio archives and "
				 "ext2 filesystems can be rewritten", i->name, i->container);
	for (size_t k = 0; edit && k < edit->n_add; k++)
		more += edit->add[k].data.len;
	for (size_t k = 0; edit && k < edit->n_replace; k++)
		more += edit->replace[k].n;
	if (more > INITRD_UNPACKED_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: would grow by %llu MiB, which no initrd does",
				 i->name, (unsigned long long)more >> 20);
	for (size_t s = 0; s < i->segments.len; s++) {
		enum archive_packing how = packing_of(&i->segments.at[s], edit);
		struct writer w = { .image = i, .to = { .keep = IMAGE_KEEP_MAX } };

		r = put_segment(&w, s, edit, err);
		if (r == 0)
			r = archive_pack(how, &w.to, i->name, out, err);
		store_free(&w.to);
		if (r < 0)
			return r;
		if (put_gap(i, s, how, out) < 0)
			return error_nomem(err);
	}
	return 0;
}

int initrd_write(const struct initrd *i, struct buf *out, struct unrack_error *err)
{
	return image_write_edited(i, NULL, out, err);
}
