/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/scan_parts.h"
#include "../support/tap.h"

static struct scan_facts facts;
static struct parts parts;
static struct json *holders;
static bool partition, trouble, told;
static const char *identity;

static void fresh(void)
{
	facts = (struct scan_facts){ .bytes = 1ull << 40, .sector_bytes = 512 };
	memset(&parts, 0, sizeof parts);
	snprintf(parts.table, sizeof parts.table, "dos");
	identity = "mbr=1\n";
	partition = told = false;
}

static const char *say(void)
{
	static char out[4096];
	struct scan_subject d = { "/dev/sda", &facts, &parts, identity, partition, holders };
	struct scan_notes notes = { json_new_array(), false, told };

	scan_warn_disk(&d, &notes);
	out[0] = '\0';
	for (size_t i = 0; i < json_len(notes.list); i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s\n", json_at_str(notes.list, i, ""));
	json_free(notes.list);
	trouble = notes.trouble;
	return out;
}

static void sizes(void)
{
	fresh();
	is_str(say(), "", "an ordinary disk");
	facts.bytes = (2ull << 40) - 512;
	is_str(say(), "", "the largest disk of ESX before 5.5");
	facts.bytes += 512;
	has_str(say(), "only ESX 5.5 and later", "a sector more");
	ok(!trouble, "is no reason against it");
	facts.bytes = (62ull << 40) + 512;
	has_str(say(), "larger than 62 TiB: no ESX", "more than ESX can have");
	ok(trouble, "is one");
	facts.bytes = 1474560;
	has_str(say(), "has only 1474560 bytes", "a floppy disk");
	facts.bytes = (1 << 30) + 100;
	has_str(say(), "does not end with a whole sector", "an image of odd size");
	fresh();
	facts.sector_bytes = 4096;
	has_str(say(), "logical sectors of 4096 bytes, which VMware's virtual disks do not have: copy refuses it", "4Kn");
	ok(trouble, "can't be copied");
	facts.sector_bytes = 0;
	is_str(say(), "", "sectors of unknown size");
}

static const char *with(const char *type)
{
	fresh();
	parts.n = 1;
	parts.at[0].number = 2;
	snprintf(parts.at[0].sig.type, sizeof parts.at[0].sig.type, "%s", type);
	return say();
}

static void signatures(void)
{
	is_str(with("ext3"), "", "a filesystem");
	is_str(with("linux_raid_member"), "", "a member of md");
	has_str(with("swsuspend"), "partition 2 of /dev/sda holds a system that hibernates", "a hibernated system");
	ok(trouble, "is in trouble");
	has_str(with("crypto_LUKS"), "partition 2 of /dev/sda is encrypted (LUKS)", "an encrypted partition");
	ok(!trouble, "is not");
	has_str(with("LVM1_member"), "physical volume of LVM version 1", "LVM 1");
	has_str(with("isw_raid_member"), "a controller's RAID (isw)", "a RAID of the firmware");
	ok(trouble, "does not work alone");
	fresh();
	snprintf(parts.whole.type, sizeof parts.whole.type, "ddf_raid_member");
	has_str(say(), "/dev/sda is a member of a controller's RAID (ddf)", "a whole disk of one");
	snprintf(parts.whole.type, sizeof parts.whole.type, "linux_raid_member");
	has_str(say(), "is, as a whole, a member of an md array", "or of md, with a table in the array");
	fresh();
	parts.n = 1;
	parts.at[0].sig.ambiguous = true;
	has_str(say(), "the signatures of more than one filesystem", "two filesystems in one place");
}

static void tables(void)
{
	fresh();
	parts.n = 1;
	parts.at[0] = (struct parts_entry){ .number = 7, .first = 1ull << 39, .bytes = 1ull << 40, .outside = true };
	has_str(say(), "partition 7 of /dev/sda ends at byte 1649267441664, but the disk at byte 1099511627776", "a partition behind the end");
	ok(trouble, "is trouble");
	fresh();
	parts.n = PARTS_MAX;
	has_str(say(), "has 256 partitions or more", "more partitions than are read");
	fresh();
	parts.table[0] = '\0';
	has_str(say(), "raw data such as a database's", "a disk with something unknown");
	identity = "";
	has_str(say(), "seems to be empty", "an empty one");
	told = true;
	is_str(say(), "", "unless the reason is known");
	fresh();
	partition = true;
	has_str(say(), "is a partition: a copy of it has neither a partition table nor a boot loader", "a partition");
	fresh();
	json_add_str(holders, "/dev/mapper/mdata");
	is_str(say(), "", "a volume is on it");
	json_add_str(holders, "/dev/md127");
	is_str(say(), "/dev/md127 is running on /dev/sda: a resync changes the disk while it is copied; mdadm --stop /dev/md127 "
	       "ends that\n", "a running array");
}

int main(void)
{
	holders = json_new_array();
	sizes();
	signatures();
	tables();
	json_free(holders);
	return tap_done();
}
