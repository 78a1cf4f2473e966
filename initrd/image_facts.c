/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an image tells of itself, besides its members. */
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "image_path.h"

#define KVER_MAX 128
#define KERNELS_MAX 64
#define MODULE_MAX (64u << 20)

const struct initrd_member *initrd_follow(const struct initrd *i, const char *path)
{
	return image_at(i, path);
}

size_t initrd_segments(const struct initrd *i)
{
	return i->segments.len;
}

void initrd_segment_at(const struct initrd *i, size_t k, struct initrd_segment *out)
{
	const struct image_segment *s = &i->segments.at[k];

	out->packing = archive_packing_name(s->how);
	out->format = s->trailer.header[5] == '2' ? "crc cpio" : "newc cpio";
	out->early = s->early;
	out->first = s->first;
	out->n = s->n;
	out->offset = s->offset;
	out->packed = s->packed;
	out->unpacked = s->unpacked;
}

/* --- Contents --------------------------------------------------------------------------- */

void initrd_forget(const struct initrd *i)
{
	for (; i; i = i->base)
		for (size_t k = 0; k < i->streams.len; k++)
			store_forget(&i->streams.at[k], 0, i->streams.at[k].len);
}

void image_forget(const struct initrd *i, const void *p, size_t n)
{
	for (; i; i = i->base)
		for (size_t k = 0; k < i->streams.len; k++) {
			const struct store *s = &i->streams.at[k];
			size_t at = (uintptr_t)p - (uintptr_t)s->data;

			if (s->mapped && (uintptr_t)p >= (uintptr_t)s->data && at < s->len)
				store_forget(s, at, at + n);
		}
}

bool image_holds(const struct initrd *i, const struct initrd_member *m, const char *text, size_t *left)
{
	size_t n = (size_t)min_u64(m->size, IMAGE_SEARCHED_MAX);
	bool found;

	if (left && n > *left)
		return false;
	if (left)
		*left -= n;
	found = n && memmem(m->data, n, text, strlen(text));
	image_forget(i, m->data, n);
	return found;
}

/* --- Kernels ---------------------------------------------------------------------------- */

static int add_kernel(struct buf *out, const char *p, size_t n)
{
	size_t lines = 0;

	if (!n || n >= KVER_MAX)
		return 0;
	for (const char *s = buf_str(out); *s; s += strcspn(s, "\n") + 1)
		if (++lines == KERNELS_MAX || (!strncmp(s, p, n) && s[n] == '\n'))
			return 0;
	return buf_append(out, p, n) < 0 ? -1 : buf_puts(out, "\n");
}

/* "lib/modules/KVER/..." */
static int add_folder(struct buf *out, const char *name)
{
	static const char *const tops[] = { "lib/modules/", "usr/lib/modules/" };

	for (size_t k = 0; k < ARRAY_LEN(tops); k++) {
		size_t n = strlen(tops[k]);

		if (!strncmp(name, tops[k], n))
			return add_kernel(out, name + n, strcspn(name + n, "/"));
	}
	return 0;
}

/* A module says which kernel it is of: "vermagic=KVER SMP ..." since 2.6, before
 * "kernel_version=KVER". Sources: include/linux/vermagic.h, and include/linux/module.h of 2.4. */
static int add_module(struct buf *out, const struct initrd_member *m)
{
	static const char *const keys[] = { "vermagic=", "kernel_version=" };
	const char *end = (const char *)m->data + m->size;

	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		const char *p = memmem(m->data, m->size, keys[k], strlen(keys[k])), *stop;

		if (!p)
			continue;
		p += strlen(keys[k]);
		for (stop = p; stop < end && *stop > ' ' && *stop < 127; stop++)
			;
		return stop < end ? add_kernel(out, p, (size_t)(stop - p)) : 0;
	}
	return 0;
}

static bool is_flat_module(const struct initrd *i, const struct initrd_member *m)
{
	size_t n = strlen(m->name);
	bool elf;

	if (!S_ISREG(m->mode) || strncmp(m->name, "lib/", 4) != 0 || strchr(m->name + 4, '/') || m->size <= 4 ||
	    m->size > MODULE_MAX || (strcmp(m->name + n - 2, ".o") != 0 && strcmp(m->name + n - 3, ".ko") != 0))
		return false;
	elf = !memcmp(m->data, "\177ELF", 4);
	image_forget(i, m->data, 4);
	return elf;
}

int initrd_kernels(const struct initrd *i, struct buf *out)
{
	const struct initrd_member *m;
	size_t read = 0;
	int r = 0;

	for (size_t k = 0; r == 0 && (m = image_next(i, &k));) {
		/* Any number of names may lead to one content. */
		bool flat = read <= INITRD_UNPACKED_MAX && is_flat_module(i, m);

		r = flat ? add_module(out, m) : add_folder(out, m->name);
		if (flat) {
			image_forget(i, m->data, m->size);
			read += m->size;
		}
	}
	return r;
}
