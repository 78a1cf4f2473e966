/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/digest_table.h"

/* Header and entries; the checksum is the file's last 8 bytes and of all before them. */
#define MAGIC "UNRKAFTR"
#define VERSION 1u
#define HEADER_SIZE 24u
#define AT_VERSION 8
#define AT_COUNT 16
#define ENTRY_SIZE (8u + DIGEST_SIZE)
#define SUM_SIZE 8u
/* 64 GiB of replaced grains: a fix replaces some hundred megabytes at most. */
#define ENTRIES_MAX (1u << 20)
#define FILE_MAX (HEADER_SIZE + (size_t)ENTRIES_MAX * ENTRY_SIZE + SUM_SIZE)

int digest_after_write(const struct io *io, const char *path, const struct digest_after_entry *e,
		       uint64_t n, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	uint8_t entry[ENTRY_SIZE], header[HEADER_SIZE] = MAGIC, sum[SUM_SIZE];

	if (n > ENTRIES_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s can't list %llu changed grains, only %u",
				 path, (unsigned long long)n, ENTRIES_MAX);
	put_le32(header + AT_VERSION, VERSION);
	put_le64(header + AT_COUNT, n);
	if (buf_reserve(&b, HEADER_SIZE + (size_t)n * ENTRY_SIZE + SUM_SIZE) < 0)
		return error_nomem(err);
	buf_append(&b, header, sizeof header);
	for (uint64_t i = 0; i < n; i++) {
		if (i > 0 && e[i].grain <= e[i - 1].grain)
			return error_set(err, UNRACK_INTERNAL, "%s: grains are not in order", path);
		put_le64(entry, e[i].grain);
		memcpy(entry + 8, e[i].digest.b, DIGEST_SIZE);
		buf_append(&b, entry, sizeof entry);
	}
	put_le64(sum, checksum64(b.data, b.len));
	buf_append(&b, sum, sizeof sum);
	return io_replace_file(io, path, b.data, b.len, 0666, err);
}

static int check_file(const struct buf *b, const char *path, struct unrack_error *err)
{
	if (b->len < HEADER_SIZE + SUM_SIZE || memcmp(b->data, MAGIC, 8) != 0)
		return error_set(err, UNRACK_DAMAGED, "%s is not a list of changed grains", path);
	if (get_le64(b->data + b->len - SUM_SIZE) != checksum64(b->data, b->len - SUM_SIZE))
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: its checksum is wrong", path);
	if (get_le32(b->data + AT_VERSION) != VERSION)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has format version %u, this unrack knows version %u; use the newer one",
				 path, get_le32(b->data + AT_VERSION), VERSION);
	if (get_le64(b->data + AT_COUNT) != (b->len - HEADER_SIZE - SUM_SIZE) / ENTRY_SIZE ||
	    (b->len - HEADER_SIZE - SUM_SIZE) % ENTRY_SIZE)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: it does not have its %llu entries",
				 path, (unsigned long long)get_le64(b->data + AT_COUNT));
	return 0;
}

int digest_after_read(const struct io *io, const char *path, struct digest_after_entry **e,
		      uint64_t *n, struct unrack_error *err)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct digest_after_entry *list;
	uint64_t count;
	int r;

	*e = NULL;
	*n = 0;
	r = io_read_file(io, path, FILE_MAX, &b, err);
	if (r < 0)
		return err->sys_errno == ENOENT ? 0 : r;
	r = check_file(&b, path, err);
	if (r == UNRACK_DAMAGED)
		error_suffix(err, "; put a good copy of it back, or copy the disk into another folder");
	if (r < 0)
		return r;
	count = get_le64(b.data + AT_COUNT);
	list = calloc((size_t)count + 1, sizeof *list);
	if (!list)
		return error_nomem(err);
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *p = b.data + HEADER_SIZE + i * ENTRY_SIZE;

		list[i].grain = get_le64(p);
		memcpy(list[i].digest.b, p + 8, DIGEST_SIZE);
		if (i > 0 && list[i].grain <= list[i - 1].grain) {
			free(list);
			return error_set(err, UNRACK_DAMAGED, "%s is damaged: grains are not in order",
					 path);
		}
	}
	*e = list;
	*n = count;
	return 0;
}
