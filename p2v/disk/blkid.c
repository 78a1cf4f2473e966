/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Partition tables and signatures. The only file that includes libblkid. */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "parts.h"

#define TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" /* UEFI specification 2.10, table 5.7 */
#define DOS_ESP 0xef
#define DOS_ACTIVE 0x80
#define GPT_LEGACY_BOOT (1u << 2) /* UEFI specification 2.10, table 5.8 */

static void free_probe(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}
#define CLEANUP_PROBE __attribute__((cleanup(free_probe)))

static void lookup(blkid_probe pr, const char *name, char *out, size_t room)
{
	const char *value;

	if (blkid_probe_lookup_value(pr, name, &value, NULL) == 0)
		snprintf(out, room, "%s", value);
}

/* The signature in a range, of RAID members only if that is asked for. *FAILED: not all could be read that was
 * looked at, so nothing is known. -1: no memory. */
static int probe(int fd, uint64_t off, uint64_t len, bool raid_only, struct parts_signature *sig, bool *failed)
{
	blkid_probe pr CLEANUP_PROBE = blkid_new_probe();
	char usage[16] = "";
	int r;

	if (!pr)
		return -1;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL |
					  BLKID_SUBLKS_USAGE);
	if (raid_only)
		blkid_probe_filter_superblocks_usage(pr, BLKID_FLTR_ONLYIN, BLKID_USAGE_RAID);
	if (blkid_probe_set_device(pr, fd, (blkid_loff_t)off, (blkid_loff_t)len) < 0)
		return 0;
	r = blkid_do_safeprobe(pr);
	sig->ambiguous = r == -2;
	*failed = r < 0 && r != -2;
	if (r != 0)
		return 0;
	lookup(pr, "TYPE", sig->type, sizeof sig->type);
	lookup(pr, "UUID", sig->uuid, sizeof sig->uuid);
	lookup(pr, "LABEL", sig->label, sizeof sig->label);
	lookup(pr, "USAGE", usage, sizeof usage);
	sig->raid = !strcmp(usage, "raid");
	return 0;
}

/* A bad sector where some filesystem's mark might be does not make another disk of it: what was known by its UUID
 * has to be known by it when it begins to fail. */
static int read_signature(int fd, uint64_t off, uint64_t len, bool raid_only, struct parts_signature *sig)
{
	int to CLEANUP_CLOSE = -1;
	bool failed = false;
	int r = probe(fd, off, len, raid_only, sig, &failed);

	if (r < 0 || !failed)
		return r;
	to = ends_open(fd, off, len);
	return to < 0 ? 0 : probe(to, 0, len, raid_only, sig, &failed);
}

static int read_partition(int fd, blkid_partition from, uint64_t disk, struct parts *p)
{
	struct parts_entry *e = &p->at[p->n];
	const char *guid = blkid_partition_get_type_string(from);
	unsigned long long flags = blkid_partition_get_flags(from);
	uint64_t end;

	if (mul_overflows((uint64_t)blkid_partition_get_start(from), SECTOR_SIZE, &e->first) ||
	    mul_overflows((uint64_t)blkid_partition_get_size(from), SECTOR_SIZE, &e->bytes) ||
	    add_overflows(e->first, e->bytes, &end) || e->bytes == 0)
		return 0;
	p->n++;
	e->number = (unsigned)blkid_partition_get_partno(from);
	e->extended = blkid_partition_is_extended(from);
	e->outside = end > disk;
	if (guid) {
		snprintf(e->type, sizeof e->type, "%s", guid);
		e->bootable = !strcmp(guid, TYPE_ESP) || flags & GPT_LEGACY_BOOT;
	} else {
		int type = blkid_partition_get_type(from);

		snprintf(e->type, sizeof e->type, "%x", (unsigned)type);
		e->bootable = !strcmp(p->table, "dos") && (type == DOS_ESP || flags & DOS_ACTIVE);
	}
	return e->extended || e->outside ? 0 : read_signature(fd, e->first, e->bytes, false, &e->sig);
}

/* A superblock at the end of the last partition is also one at the end of the disk. The label of
 * a physical volume before a table is left over: LVM takes no disk that has partitions. */
static void drop_false(struct parts *p)
{
	if (!strncmp(p->whole.type, "LVM", 3))
		memset(&p->whole, 0, sizeof p->whole);
	for (unsigned i = 0; i < p->n; i++)
		if (*p->whole.type && !strcmp(p->at[i].sig.type, p->whole.type) && !strcmp(p->at[i].sig.uuid, p->whole.uuid))
			memset(&p->whole, 0, sizeof p->whole);
}

static int read_table(int fd, uint64_t bytes, struct parts *p)
{
	blkid_probe pr CLEANUP_PROBE = blkid_new_probe();
	blkid_partlist list = NULL;
	blkid_parttable table;
	const char *id;
	int n;

	if (!pr)
		return -1;
	if (blkid_probe_set_device(pr, fd, 0, 0) == 0) {
		blkid_probe_enable_partitions(pr, 1);
		list = blkid_probe_get_partitions(pr);
	}
	table = list ? blkid_partlist_get_table(list) : NULL;
	if (!table)
		return read_signature(fd, 0, bytes, false, &p->whole);
	snprintf(p->table, sizeof p->table, "%s", blkid_parttable_get_type(table));
	id = blkid_parttable_get_id(table);
	snprintf(p->id, sizeof p->id, "%s", id ? id : "");
	n = blkid_partlist_numof_partitions(list);
	for (int i = 0; i < n && p->n < PARTS_MAX; i++)
		if (read_partition(fd, blkid_partlist_get_partition(list, i), bytes, p) < 0)
			return -1;
	if (read_signature(fd, 0, bytes, true, &p->whole) < 0)
		return -1;
	drop_false(p);
	return 0;
}

int parts_read(const char *path, uint64_t bytes, struct parts **out, struct unrack_error *err)
{
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	struct parts *p;

	if (fd < 0)
		return error_errno(err, errno, "can't open %s", path);
	p = calloc(1, sizeof *p);
	if (!p || read_table(fd, bytes, p) < 0) {
		free(p);
		return error_nomem(err);
	}
	*out = p;
	return 0;
}
