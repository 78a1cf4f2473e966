/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes a disk that disk: its partition table and the signatures in it. The only
 * file that includes libblkid. */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/buf.h"
#include "unrack/digest.h"
#include "unrack/disk.h"

#define PARTITIONS_MAX 256
#define HEAD_BYTES 65536u

static void free_probe(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}
#define CLEANUP_PROBE __attribute__((cleanup(free_probe)))

/* Identities are printable ASCII; what is not becomes an underscore. */
static int add_line(struct buf *b, const char *key, const char *value, size_t n)
{
	size_t at;

	if (buf_printf(b, "%s=", key) < 0)
		return -1;
	at = b->len;
	if (buf_append(b, value, n) < 0)
		return -1;
	for (; at < b->len; at++)
		if (b->data[at] < ' ' || b->data[at] > '~')
			b->data[at] = '_';
	return buf_puts(b, "\n");
}

/* "3.ext3=<uuid>" for the signature in a range; nothing when there is none, or one
 * without a UUID (FAT has a serial number, which blkid calls one too). */
static int add_signature(int fd, unsigned number, uint64_t off, uint64_t len, struct buf *b)
{
	blkid_probe pr CLEANUP_PROBE = blkid_new_probe();
	const char *type, *uuid;
	char key[80];
	size_t n;

	if (!pr)
		return -1;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID);
	if (blkid_probe_set_device(pr, fd, (blkid_loff_t)off, (blkid_loff_t)len) < 0 ||
	    blkid_do_safeprobe(pr) != 0)
		return 0;
	if (blkid_probe_lookup_value(pr, "TYPE", &type, NULL) < 0 ||
	    blkid_probe_lookup_value(pr, "UUID", &uuid, &n) < 0)
		return 0;
	snprintf(key, sizeof key, "%u.%s", number, type);
	return add_line(b, key, uuid, strlen(uuid));
}

static int add_table(int fd, uint64_t bytes, struct buf *b)
{
	blkid_probe pr CLEANUP_PROBE = blkid_new_probe();
	blkid_partlist list;
	blkid_parttable table;
	const char *id;
	int n;

	if (!pr)
		return -1;
	if (blkid_probe_set_device(pr, fd, 0, 0) < 0)
		return 0;
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_FORCE_GPT);
	list = blkid_probe_get_partitions(pr);
	table = list ? blkid_partlist_get_table(list) : NULL;
	if (!table)
		return add_signature(fd, 0, 0, bytes, b);
	id = blkid_parttable_get_id(table);
	if (id && *id &&
	    add_line(b, !strcmp(blkid_parttable_get_type(table), "gpt") ? "gpt" : "mbr", id, strlen(id)) < 0)
		return -1;
	n = blkid_partlist_numof_partitions(list);
	for (int i = 0; i < n && i < PARTITIONS_MAX; i++) {
		blkid_partition p = blkid_partlist_get_partition(list, i);
		uint64_t off, len, end;

		if (blkid_partition_is_extended(p) ||
		    mul_overflows((uint64_t)blkid_partition_get_start(p), SECTOR_SIZE, &off) ||
		    mul_overflows((uint64_t)blkid_partition_get_size(p), SECTOR_SIZE, &len) ||
		    add_overflows(off, len, &end) || end > bytes || len == 0)
			continue;
		if (add_signature(fd, (unsigned)blkid_partition_get_partno(p), off, len, b) < 0)
			return -1;
	}
	return 0;
}

/* One value of the disk's sysfs folder, without the spaces that firmware pads with. 1 if
 * there is one. */
static int add_sysfs(const struct stat *st, const char *file, const char *key, struct buf *b)
{
	char path[128], value[256];
	FILE *f CLEANUP_FCLOSE = NULL;
	size_t n;
	char *s;

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%s", major(st->st_rdev), minor(st->st_rdev), file);
	f = fopen(path, "re");
	if (!f || !fgets(value, sizeof value, f))
		return 0;
	for (n = strlen(value); n > 0 && (unsigned char)value[n - 1] <= ' ';)
		value[--n] = '\0';
	for (s = value; *s == ' ';)
		s++;
	if (!*s)
		return 0;
	return add_line(b, key, s, strlen(s)) < 0 ? -1 : 1;
}

/* Where drivers show them: SCSI and ATA below device/, virtio (serial) and NVMe (wwid) not. */
static int add_advisory(const struct stat *st, struct buf *b)
{
	static const struct {
		const char *key, *files[2];
	} values[] = {
		{ "model", { "device/model", NULL } },
		{ "serial", { "device/serial", "serial" } },
		{ "wwid", { "device/wwid", "wwid" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		int r = 0;

		for (size_t k = 0; k < 2 && values[i].files[k] && r == 0; k++)
			r = add_sysfs(st, values[i].files[k], values[i].key, b);
		if (r < 0)
			return -1;
	}
	return 0;
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
			return error_errno(err, errno, "can't read the first sectors of the disk");
		got += (size_t)n;
	}
	if (is_zero(head, got))
		return 0;
	snprintf(hex, sizeof hex, "%016llx", (unsigned long long)checksum64(head, got));
	return add_line(b, "head", hex, 16) < 0 ? error_nomem(err) : 0;
}

int disk_identify(const char *path, uint64_t bytes, struct identity *id, struct unrack_error *err)
{
	struct buf strict CLEANUP_BUF = { 0 }, advisory CLEANUP_BUF = { 0 };
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "can't open %s", path);
	if (add_table(fd, bytes, &strict) < 0 ||
	    (S_ISBLK(st.st_mode) && add_advisory(&st, &advisory) < 0))
		return error_nomem(err);
	if (strict.len == 0) {
		int r = add_head(fd, &strict, err);

		if (r < 0)
			return error_prefix(err, "%s", path);
	}
	return identity_init(id, bytes, buf_str(&strict), buf_str(&advisory), err);
}
