/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/devname.h"

static void test_parse(void)
{
	static const struct {
		const char *name, *disk;
		enum devname_family family;
		unsigned number, partition;
	} good[] = {
		{ "/dev/hda", "hda", DEVNAME_HD, 0, 0 },
		{ "/dev/hdc3", "hdc", DEVNAME_HD, 2, 3 },
		{ "sdb63", "sdb", DEVNAME_SD, 1, 63 },
		{ "/dev/sdaa1", "sdaa", DEVNAME_SD, 26, 1 },
		{ "/dev/sdzz15", "sdzz", DEVNAME_SD, 701, 15 },
		{ "/dev/xvda2", "xvda", DEVNAME_XVD, 0, 2 },
		{ "/dev/vdb", "vdb", DEVNAME_VD, 1, 0 },
		{ "/dev/i2o/hdb2", "i2o/hdb", DEVNAME_I2O, 1, 2 },
		{ "/dev/cciss/c0d0", "cciss/c0d0", DEVNAME_CCISS, 0, 0 },
		{ "/dev/cciss/c0d0p12", "cciss/c0d0", DEVNAME_CCISS, 0, 12 },
		{ "cciss/c1d15p1", "cciss/c1d15", DEVNAME_CCISS, 271, 1 },
		{ "/dev/ida/c0d1p2", "ida/c0d1", DEVNAME_IDA, 1, 2 },
		{ "/dev/rd/c0d0p1", "rd/c0d0", DEVNAME_RD, 0, 1 },
		{ "/dev/nvme0n1p2", "nvme0n1", DEVNAME_NVME, 0, 2 },
		{ "/dev/nvme1n2", "nvme1n2", DEVNAME_NVME, 257, 0 },
	};
	static const char *const bad[] = {
		"", "/dev/", "/dev/md0", "/dev/VolGroup00/LogVol00", "LABEL=/", "UUID=1234", "/dev/hd", "/dev/hdA",
		"/dev/hdaa", "/dev/sda0", "/dev/sda01", "/dev/sda1x", "/dev/sda1000", "/dev/sdaaaa", "/dev/cciss/c0d0p",
		"/dev/cciss/c0d0p0", "/dev/cciss/c0", "/dev/cciss/c0d", "/dev/cciss/c00d0", "/dev/cciss/c0d0p1p1",
		"/dev/nvme0", "/dev/nvme0n0", "/dev/nvme0n1p", "/dev/nvmen1", "/dev/sd a", "/dev/mapper/mpath0p1",
		"/dev/sda-very-long-name-that-goes-on-and-on-and-on-and-on-and-on-and-on", "sd", "/dev/fd0", "/dev/scd0",
	};
	struct devname d;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ok(devname_parse(good[i].name, &d), "%s is a disk's name", good[i].name);
		is_str(d.disk, good[i].disk, "of the disk %s", good[i].disk);
		ok(d.family == good[i].family && d.number == good[i].number && d.partition == good[i].partition,
		   "family, number %u and partition %u", d.number, d.partition);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ok(!devname_parse(bad[i], &d), "\"%s\" is none", bad[i]);
}

static void test_find(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "mkswap /dev/hda2", "/dev/hda2" },
		{ "dd if=/dev/zero of=/dev/cciss/c0d0p2 bs=1M", "/dev/cciss/c0d0p2" },
		{ "/dev/sda;sync", "/dev/sda" },
		{ "\"/dev/sdb1\"", "/dev/sdb1" },
		{ "cat /mnt/dev/hda1", "" },
		{ "./dev/hda1", "" },
		{ "/dev/hda12x /dev/hdb", "/dev/hdb" },
		{ "/dev/null", "" },
		{ "/dev/", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char got[128];
		size_t at, len;

		devname_find(cases[i].text, strlen(cases[i].text), &at, &len);
		snprintf(got, sizeof got, "%.*s", (int)len, cases[i].text + at);
		is_str(got, cases[i].want, "in \"%s\"", cases[i].text);
	}
	ok(devname_is_hardware_alias("/dev/disk/by-id/scsi-3600508b1001c-part1") &&
	   devname_is_hardware_alias("/dev/mapper/mpath0p1") && !devname_is_hardware_alias("/dev/disk/by-uuid/1") &&
	   !devname_is_hardware_alias("/dev/mapper/VolGroup00-LogVol00"), "names that depend on hardware");
	ok(devname_is_hardware_alias("/dev/mapper/mpatha-part2") && devname_is_hardware_alias("/dev/mapper/mpathap2") &&
	   devname_is_hardware_alias("/dev/mapper/hpt37x_bbdeaf1") && devname_is_hardware_alias("/dev/emcpowera2"),
	   "of multipath, fake RAID and PowerPath");
	ok(!devname_is_hardware_alias("/dev/mapper/mpathvg-root") && !devname_is_hardware_alias("/dev/mapper/mpath--vg-root") &&
	   !devname_is_hardware_alias("/dev/mapper/hptvg-root") && !devname_is_hardware_alias("/dev/emcpowervg/root"),
	   "volumes whose groups' names begin like theirs");
}

static void test_make(void)
{
	char name[DEVNAME_MAX];

	devname_make("sd", 0, 3, name);
	is_str(name, "/dev/sda3", "the first disk's third partition");
	devname_make("sd", 25, 0, name);
	is_str(name, "/dev/sdz", "the twenty-sixth disk");
	devname_make("sd", 26, 1, name);
	is_str(name, "/dev/sdaa1", "the one after");
	devname_make("hd", 2, 1, name);
	is_str(name, "/dev/hdd1", "the third IDE disk leaves hdc to the CD");
	devname_make("nvme", 1, 2, name);
	is_str(name, "/dev/nvme0n2p2", "the second NVMe disk");
}

/* One case: what is learnt and mentioned ("disk=image" learns), and what names become. */
static void one_map(const char *what, unsigned images, const char *const *in, const char *const (*want)[2])
{
	static const char *const results[] = { "kept", "new", "absent", "unsure" };
	static struct devname_map m;

	devname_map_init(&m, images);
	for (; *in; in++) {
		char disk[64];
		int image;

		if (sscanf(*in, "%63[^=]=%d", disk, &image) == 2)
			devname_map_learn(&m, disk, image, "a test says so");
		else
			devname_map_mention(&m, *in);
	}
	devname_map_settle(&m);
	for (; (*want)[0]; want++) {
		char out[DEVNAME_MAX];
		enum devname_result r = devname_translate(&m, (*want)[0], out);

		is_str(r == DEVNAME_NEW ? out : results[r], (*want)[1], "%s: %s", what, (*want)[0]);
	}
}

#define IN(...) (const char *const[]){ __VA_ARGS__, NULL }
#define WANT(...) (const char *const[][2]){ __VA_ARGS__, { NULL, NULL } }

static void test_map(void)
{
	int image;
	unsigned partition;
	struct devname_map m;

	one_map("one disk, known", 1, IN("/dev/cciss/c0d0=0", "/dev/cciss/c0d0p3"),
		WANT({ "/dev/cciss/c0d0p3", "/dev/sda3" }, { "cciss/c0d0", "sda" }, { "/dev/md0", "kept" },
		     { "LABEL=/", "kept" }, { "/dev/hdc", "unsure" }));
	one_map("one disk, only mentioned", 1, IN("/dev/hda2"), WANT({ "/dev/hda1", "/dev/sda1" }));
	one_map("one disk that is sda already", 1, IN("/dev/sda=0"), WANT({ "/dev/sda1", "kept" }));
	one_map("one disk that was sdb", 1, IN("/dev/sdb=0", "/dev/sda1"),
		WANT({ "/dev/sdb1", "/dev/sda1" }, { "/dev/sda1", "absent" }));
	one_map("one disk, two names", 1, IN("/dev/sda1", "/dev/sdb1"),
		WANT({ "/dev/sda1", "unsure" }, { "/dev/sdb1", "unsure" }));
	one_map("one disk, a SAN disk is not copied", 1, IN("/dev/cciss/c0d0=0", "/dev/sda1"),
		WANT({ "/dev/cciss/c0d0p1", "/dev/sda1" }, { "/dev/sda1", "absent" }));
	one_map("two disks, in order", 2, IN("/dev/cciss/c0d0=0", "/dev/cciss/c0d1p1"),
		WANT({ "/dev/cciss/c0d1p1", "/dev/sdb1" }));
	one_map("two disks, as many names", 2, IN("/dev/sdc1", "/dev/sda1"),
		WANT({ "/dev/sda1", "kept" }, { "/dev/sdc1", "/dev/sdb1" }));
	one_map("one disk, and the name of another", 1, IN("/dev/cciss/c0d1p1"),
		WANT({ "/dev/cciss/c0d1p1", "unsure" }));
	one_map("one disk, of the second controller", 1, IN("/dev/cciss/c1d0p1"),
		WANT({ "/dev/cciss/c1d0p1", "/dev/sda1" }));
	one_map("two disks, swapped by the BIOS", 2, IN("/dev/sdb=0", "/dev/sda=1"),
		WANT({ "/dev/sdb1", "/dev/sda1" }, { "/dev/sda1", "/dev/sdb1" }));
	one_map("two disks, another controller", 2, IN("/dev/cciss/c0d0=0", "/dev/cciss/c1d0p1"),
		WANT({ "/dev/cciss/c0d0p1", "/dev/sda1" }, { "/dev/cciss/c1d0p1", "unsure" }));
	one_map("two disks, two families", 2, IN("/dev/hda1", "/dev/sda1"),
		WANT({ "/dev/hda1", "unsure" }, { "/dev/sda1", "unsure" }));
	one_map("three disks, one name", 3, IN("/dev/sdb1"), WANT({ "/dev/sdb1", "unsure" }));
	one_map("the first fact wins", 2, IN("/dev/sda=1", "/dev/sda=0", "/dev/sdb=1", "/dev/sdb=0"),
		WANT({ "/dev/sda1", "/dev/sdb1" }, { "/dev/sdb1", "/dev/sda1" }));
	one_map("converted in part", 1, IN("/dev/sda=0", "/dev/cciss/c0d0=0"),
		WANT({ "/dev/sda3", "kept" }, { "/dev/cciss/c0d0p3", "/dev/sda3" }));
	one_map("an image beyond the last is no fact", 1, IN("/dev/sdb=1", "/dev/sda=0"),
		WANT({ "/dev/sdb1", "absent" }, { "/dev/sda1", "kept" }));

	devname_map_init(&m, 1);
	devname_map_learn(&m, "/dev/hda", 0, "why");
	devname_map_target(&m, "hd");
	ok(devname_locate(&m, "/dev/hda7", &image, &partition) && image == 0 && partition == 7, "a name is located");
	ok(!devname_locate(&m, "/dev/hdb7", &image, &partition), "an unknown one is not");
	for (int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof name, "/dev/cciss/c%dd%d", i / 10, i % 10);
		devname_map_mention(&m, name);
	}
	devname_map_settle(&m);
	is_int(m.n, DEVNAME_DISKS, "a thousand names do not overflow the map");
}

static void test_aliases(void)
{
	static const struct {
		const char *name;
		unsigned partition;
	} cases[] = {
		{ "/dev/disk/by-id/scsi-3600508b1001c-part2", 2 }, { "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part15", 15 },
		{ "/dev/disk/by-id/scsi-3600508b1001c", 0 }, { "/dev/disk/by-id/x-part", 0 }, { "/dev/disk/by-id/x-part2x", 0 },
		{ "/dev/mapper/mpathap3", 3 }, { "/dev/mapper/mpathaa4", 4 }, { "/dev/mapper/mpatha", 0 },
		{ "/dev/mapper/mpathp", 0 }, { "/dev/mapper/rhel-root2", 0 }, { "/dev/sda3", 0 }, { "", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		is_int(devname_alias_partition(cases[i].name), cases[i].partition, "the partition that \"%s\" ends with", cases[i].name);
}

int main(void)
{
	test_aliases();
	test_parse();
	test_find();
	test_make();
	test_map();
	return tap_done();
}
