/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes a disk that disk: its partition table and the signatures in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "parts.h"
#include "sysfs.h"
#include "unrack/buf.h"
#include "unrack/digest.h"
#include "unrack/disk.h"

#define HEAD_BYTES 65536u

/* Identities are printable ASCII; what is not becomes an underscore. */
static int add_line(struct buf *b, const char *key, const char *value)
{
	size_t at;

	if (buf_printf(b, "%s=", key) < 0)
		return -1;
	at = b->len;
	if (buf_puts(b, value) < 0)
		return -1;
	for (; at < b->len; at++)
		if (b->data[at] < ' ' || b->data[at] > '~')
			b->data[at] = '_';
	return buf_puts(b, "\n");
}

/* "3.ext3=<uuid>" for a signature; nothing when there is none, or one without a UUID (FAT has a
 * serial number, which blkid calls one too). */
static int add_signature(unsigned number, const struct parts_signature *sig, struct buf *b)
{
	char key[80];

	if (!*sig->type || !*sig->uuid)
		return 0;
	snprintf(key, sizeof key, "%u.%s", number, sig->type);
	return add_line(b, key, sig->uuid);
}

static int add_table(const struct parts *p, struct buf *b)
{
	if (!*p->table)
		return add_signature(0, &p->whole, b);
	if (*p->id && add_line(b, !strcmp(p->table, "gpt") ? "gpt" : "mbr", p->id) < 0)
		return -1;
	for (unsigned i = 0; i < p->n; i++)
		if (add_signature(p->at[i].number, &p->at[i].sig, b) < 0)
			return -1;
	return 0;
}

static int add_advisory(const struct stat *st, struct buf *b)
{
	char dir[64], value[256];

	snprintf(dir, sizeof dir, "/sys/dev/block/%u:%u", major(st->st_rdev), minor(st->st_rdev));
	if (sysfs_model(dir, value, sizeof value) && add_line(b, "model", value) < 0)
		return -1;
	if (sysfs_serial(dir, value, sizeof value) && add_line(b, "serial", value) < 0)
		return -1;
	return sysfs_wwid(dir, value, sizeof value) ? add_line(b, "wwid", value) : 0;
}

/* A disk without any signature is told by its first bytes: a raw database, a bare boot
 * sector. One of zeros has nothing to be told by. */
static int add_head(int fd, struct buf *b, struct unrack_error *err)
{
	char *head CLEANUP_FREE = calloc(1, HEAD_BYTES);
	char hex[17];
	size_t got = 0;
	ssize_t n;

	if (!head)
		return error_nomem(err);
	while (got < HEAD_BYTES && (n = pread(fd, head + got, HEAD_BYTES - got, (off_t)got)) != 0) {
		if (n < 0)
			return error_errno(err, errno, "its first sectors, by which it is recognised, can't be "
					   "read; copy it with ddrescue first, and that copy with unrack");
		got += (size_t)n;
	}
	if (is_zero(head, got))
		return 0;
	snprintf(hex, sizeof hex, "%016llx", (unsigned long long)checksum64(head, got));
	return add_line(b, "head", hex) < 0 ? error_nomem(err) : 0;
}

int identify_parts(const char *path, uint64_t bytes, const struct parts *p, struct identity *id,
		   struct unrack_error *err)
{
	struct buf strict CLEANUP_BUF = { 0 }, advisory CLEANUP_BUF = { 0 };
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "can't open %s", path);
	if (add_table(p, &strict) < 0 || (S_ISBLK(st.st_mode) && add_advisory(&st, &advisory) < 0))
		return error_nomem(err);
	if (strict.len == 0) {
		int r = add_head(fd, &strict, err);

		if (r < 0)
			return error_prefix(err, "%s", path);
	}
	return identity_init(id, bytes, buf_str(&strict), buf_str(&advisory), err);
}

int disk_identify(const char *path, uint64_t bytes, struct identity *id, struct unrack_error *err)
{
	struct parts *p CLEANUP_FREE = NULL;
	int r = parts_read(path, bytes, &p, err);

	return r < 0 ? r : identify_parts(path, bytes, p, id, err);
}
