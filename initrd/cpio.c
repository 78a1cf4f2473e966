/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpio.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/size.h"

/* The numbers of a header, in order. */
enum {
	INO, MODE, UID, GID, NLINK, MTIME, FILESIZE, DEV_MAJOR, DEV_MINOR,
	RDEV_MAJOR, RDEV_MINOR, NAMESIZE, CHECK, NUMBERS
};

bool cpio_magic(const uint8_t *p, size_t n)
{
	return n >= 6 && (!memcmp(p, "070701", 6) || !memcmp(p, "070702", 6));
}

const char *cpio_mistaken(const uint8_t *p, size_t n)
{
	static const struct {
		size_t at;
		const char *magic, *what;
	} others[] = {
		{ 0, "070707", "is a cpio archive of the old form (odc), which no kernel unpacks; make it anew with cpio -o -H newc" },
		{ 0, "\xc7\x71", "is a cpio archive of the old binary form, which no kernel unpacks; make it anew with cpio -o -H newc" },
		{ 0, "\x71\xc7", "is a cpio archive of the old binary form, which no kernel unpacks; make it anew with cpio -o -H newc" },
		{ 257, "ustar", "is a tar archive, which no kernel unpacks; make it anew with cpio -o -H newc" },
	};

	for (size_t k = 0; k < ARRAY_LEN(others); k++) {
		size_t len = strlen(others[k].magic);

		if (n >= others[k].at + len && !memcmp(p + others[k].at, others[k].magic, len))
			return others[k].what;
	}
	return NULL;
}

static bool read_number(const uint8_t *p, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 8; i++) {
		int digit = hex_value((char)p[i]);

		if (digit < 0)
			return false;
		*out = *out << 4 | (uint32_t)digit;
	}
	return true;
}

static void put_number(uint8_t *header, int k, uint32_t value)
{
	char text[9];

	snprintf(text, sizeof text, "%08X", value);
	memcpy(header + 6 + 8 * k, text, 8);
}

int cpio_read(const uint8_t *p, size_t n, size_t *at, struct cpio_member *m, const char *name,
	      struct unrack_error *err)
{
	uint32_t v[NUMBERS];
	size_t left = n - *at, name_end, data;
	const uint8_t *h = p + *at;

	if (left < CPIO_HEADER)
		return error_set(err, UNRACK_DAMAGED, "%s: its cpio archive ends at byte %zu without a trailer; "
				 "take another copy of this file", name, n);
	if (!cpio_magic(h, left) && *at == 0 && cpio_mistaken(h, left))
		return error_set(err, UNRACK_DAMAGED, "%s: %s", name, cpio_mistaken(h, left));
	if (!cpio_magic(h, left))
		return error_set(err, UNRACK_DAMAGED, "%s: at byte %zu of its cpio archive a member should begin, "
				 "but does not; take another copy of this file", name, *at);
	for (int k = 0; k < NUMBERS; k++)
		if (!read_number(h + 6 + 8 * k, &v[k]))
			return error_set(err, UNRACK_DAMAGED, "%s: the cpio header at byte %zu has something "
					 "else than a number in it; take another copy of this file",
					 name, *at);
	if (v[NAMESIZE] == 0 || v[NAMESIZE] > CPIO_NAME_MAX)
		return error_set(err, UNRACK_DAMAGED, "%s: the cpio header at byte %zu says its name has %u bytes; "
				 "1 to %u are possible", name, *at, v[NAMESIZE], CPIO_NAME_MAX);
	/* Header and name are padded together; at the very end padding may be missing. */
	name_end = CPIO_HEADER + (size_t)v[NAMESIZE];
	data = (size_t)min_u64(round_up(name_end, 4), left);
	if (name_end > left || v[FILESIZE] > left - data)
		return error_set(err, UNRACK_DAMAGED, "%s: the cpio member at byte %zu says it has %u bytes, "
				 "but the archive ends before; take another copy of this file",
				 name, *at, v[FILESIZE]);
	if (h[CPIO_HEADER + v[NAMESIZE] - 1] != '\0')
		return error_set(err, UNRACK_DAMAGED, "%s: the name of the cpio member at byte %zu has no end",
				 name, *at);
	*m = (struct cpio_member){
		.header = h,
		.name = (const char *)h + CPIO_HEADER,
		.ino = v[INO], .mode = v[MODE], .uid = v[UID], .gid = v[GID],
		.nlink = v[NLINK], .mtime = v[MTIME],
		.dev_major = v[DEV_MAJOR], .dev_minor = v[DEV_MINOR],
		.rdev_major = v[RDEV_MAJOR], .rdev_minor = v[RDEV_MINOR],
		.data = h + data, .size = v[FILESIZE],
	};
	*at += (size_t)min_u64(round_up(data + (uint64_t)v[FILESIZE], 4), left);
	return 0;
}

static uint32_t checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i];
	return sum;
}

/* The header of a member that was read, with another size if its data was exchanged. */
static void old_header(uint8_t h[CPIO_HEADER], const struct cpio_member *m, uint32_t *name_size)
{
	uint32_t size, check;

	memcpy(h, m->header, CPIO_HEADER);
	read_number(h + 6 + 8 * NAMESIZE, name_size);
	read_number(h + 6 + 8 * FILESIZE, &size);
	if (size != m->size)
		put_number(h, FILESIZE, m->size);
	if (h[5] == '2' && m->data != m->header + round_up(CPIO_HEADER + *name_size, 4)) {
		check = checksum(m->data, m->size);
		put_number(h, CHECK, check);
	}
}

int cpio_write_head(struct buf *out, const struct cpio_member *m)
{
	uint32_t name_size = (uint32_t)strlen(m->name) + 1;
	uint8_t h[CPIO_HEADER];

	if (m->header) {
		old_header(h, m, &name_size);
	} else {
		const uint32_t v[NUMBERS] = {
			m->ino, m->mode, m->uid, m->gid, m->nlink, m->mtime, m->size, m->dev_major,
			m->dev_minor, m->rdev_major, m->rdev_minor, name_size, 0,
		};
		memcpy(h, "070701", 6);
		for (int k = 0; k < NUMBERS; k++)
			put_number(h, k, v[k]);
	}
	if (buf_append(out, h, CPIO_HEADER) < 0 || buf_append(out, m->name, name_size) < 0)
		return -1;
	return buf_zeros(out, -out->len % 4);
}

int cpio_write(struct buf *out, const struct cpio_member *m)
{
	if (cpio_write_head(out, m) < 0 || buf_append(out, m->data, m->size) < 0)
		return -1;
	return buf_zeros(out, -out->len % 4);
}
