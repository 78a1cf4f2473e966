/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would bite when a disk is copied and run on ESX. One sentence for each, that says what
 * follows. Limits of virtual disks: VMware KB 1003565 (2 TB - 512 B) and 2058287 (62 TB). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "scan_parts.h"

#define DISK_2T ((2ull << 40) - SECTOR_SIZE)
#define DISK_62T (62ull << 40)
#define SMALL (8ull << 20) /* no release fits; virtual floppies of management boards are so */

static void warn_size(const struct scan_subject *d, struct scan_notes *notes)
{
	uint64_t bytes = d->facts->bytes;

	notes->trouble |= bytes > DISK_62T || (d->facts->sector_bytes && d->facts->sector_bytes != SECTOR_SIZE);
	if (bytes > DISK_62T)
		scan_warn(notes->list, "%s is larger than 62 TiB: no ESX has such virtual disks; only its volumes can be moved", d->path);
	else if (bytes > DISK_2T)
		scan_warn(notes->list, "%s is larger than 2 TiB - 512 bytes: only ESX 5.5 and later have such virtual disks", d->path);
	else if (bytes > 0 && bytes < SMALL)
		scan_warn(notes->list, "%s has only %llu bytes: too few for a system, it may be no disk of the machine", d->path,
			  (unsigned long long)bytes);
	if (bytes % SECTOR_SIZE)
		scan_warn(notes->list, "%s does not end with a whole sector of 512 bytes: it may be cut off; the copy fills the last "
			  "sector with zeros", d->path);
	if (d->facts->sector_bytes && d->facts->sector_bytes != SECTOR_SIZE)
		scan_warn(notes->list, "%s has logical sectors of %u bytes, which VMware's virtual disks do not have: copy refuses it; its "
			  "volumes can only be moved to another disk", d->path, d->facts->sector_bytes);
}

/* WHERE: "partition 2 of /dev/sda", "/dev/sda". */
static void warn_signature(const struct parts_signature *sig, const char *where, struct scan_notes *notes)
{
	const char *type = sig->type, *end = strstr(type, "_raid_member");
	bool hibernated = !strcmp(type, "swsuspend");
	bool controller = end && end != type && strcmp(type, "linux_raid_member") != 0;

	notes->trouble |= hibernated || controller;
	if (sig->ambiguous)
		scan_warn(notes->list, "%s has the signatures of more than one filesystem: which one is in use can't be told (wipefs lists "
			  "them); it is copied whole", where);
	else if (hibernated)
		scan_warn(notes->list, "%s holds a system that hibernates: its filesystems are in the middle of their work, and the "
			  "virtual machine would wake up on other hardware; start the machine and shut it down first", where);
	else if (!strcmp(type, "crypto_LUKS"))
		scan_warn(notes->list, "%s is encrypted (LUKS): it is copied whole, but unrack can't look inside, and if the system is there, "
			  "can't make it boot", where);
	else if (!strcmp(type, "LVM1_member"))
		scan_warn(notes->list, "%s is a physical volume of LVM version 1: it is copied as it is, but unrack can't look inside, and if "
			  "the system is there, can't make it boot", where);
	else if (controller)
		scan_warn(notes->list, "%s is a member of a controller's RAID (%.*s), which a virtual machine does not have: copy the whole "
			  "array as the controller or dmraid shows it, or, of a mirror, one member", where,
			  (int)(end - type), type);
}

static void warn_partitions(const struct scan_subject *d, struct scan_notes *notes)
{
	char where[512];

	for (unsigned i = 0; i < d->parts->n; i++) {
		const struct parts_entry *e = &d->parts->at[i];

		notes->trouble |= e->outside;
		snprintf(where, sizeof where, "partition %u of %s", e->number, d->path);
		if (e->outside)
			scan_warn(notes->list, "%s ends at byte %llu, but the disk at byte %llu: its end is cut off, or hidden from here "
				  "(a host protected area, another controller), and what is there would be lost", where,
				  (unsigned long long)(e->first + e->bytes), (unsigned long long)d->facts->bytes);
		else
			warn_signature(&e->sig, where, notes);
	}
	if (d->parts->n == PARTS_MAX)
		scan_warn(notes->list, "%s has %u partitions or more; those behind are not listed here, but are copied", d->path, PARTS_MAX);
}

static void warn_content(const struct scan_subject *d, struct scan_notes *notes)
{
	const struct parts *p = d->parts;

	warn_signature(&p->whole, d->path, notes);
	notes->trouble |= d->partition;
	if (d->partition)
		scan_warn(notes->list, "%s is a partition: a copy of it has neither a partition table nor a boot loader, and does not boot; "
			  "name the whole disk", d->path);
	else if (*p->table && !strcmp(p->whole.type, "linux_raid_member"))
		scan_warn(notes->list, "%s is, as a whole, a member of an md array, and its partition table is the array's", d->path);
	if (*p->table || *p->whole.type || p->whole.ambiguous || notes->table_is_told)
		return;
	if (*d->identity)
		scan_warn(notes->list, "%s has no partition table and no known signature: raw data such as a database's, or the member of a "
			  "hardware RAID without its controller; it is copied whole", d->path);
	else
		scan_warn(notes->list, "%s seems to be empty: there is no partition table, no signature, and only zeros at its beginning",
			  d->path);
}

/* Arrays that the boot CD has assembled. */
static void warn_holders(const struct scan_subject *d, struct scan_notes *notes)
{
	for (size_t i = 0; i < json_len(d->holders); i++) {
		const char *node = json_at_str(d->holders, i, ""), *name = strrchr(node, '/');

		if (name && !strncmp(name, "/md", 3) && isdigit((unsigned char)name[3]))
			scan_warn(notes->list, "%s is running on %s: a resync changes the disk while it is copied; mdadm --stop %s ends that",
				  node, d->path, node);
	}
}

void scan_warn_disk(const struct scan_subject *d, struct scan_notes *notes)
{
	warn_size(d, notes);
	warn_holders(d, notes);
	if (!d->parts)
		return;
	warn_partitions(d, notes);
	warn_content(d, notes);
}
