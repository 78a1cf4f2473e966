/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_sys.h"

static struct scan_facts facts_of(const char *name)
{
	struct scan_facts f;
	char dir[128];

	snprintf(dir, sizeof dir, "%s/block/%s", fake_sys, name);
	scan_sysfs_facts(dir, &f);
	return f;
}

static void which(void)
{
	static const char *const disks[] = { "sdaa", "sdb", "sda", "nvme0n1", "nvme0n10", "nvme0n2", "cciss!c0d0", "vda", "hda" },
				 *const others[] = { "loop0", "ram0", "zram0", "sr0", "md0", "md_d1", "dm-3", "fd0", "nbd3" };
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct scan_names names;
	char all[256] = "";

	is_int(scan_sysfs_list(&fake_root, &names, &e), 0, "a machine without disks");
	is_int(names.n, 0, "has none");
	for (size_t i = 0; i < sizeof disks / sizeof *disks; i++)
		fake_disk(disks[i], "pci/block", 1);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		fake_disk(others[i], "virtual/block", 1);
	fake_disk("sdc", "pci/block", 1);
	fake_sh("echo 5 >sys/block/sdc/device/type");
	fake_disk("hdc", "pci/block", 1);
	fake_sh("echo cdrom >sys/block/hdc/device/media && echo disk >sys/block/hda/device/media");
	fake_disk("nvme0c0n1", "pci/block", 1);
	fake_sh("echo 1 >sys/block/nvme0c0n1/hidden");
	fake_disk("built", "virtual/block", 1);
	fake_sh("touch sys/block/built/slaves/sda");
	is_int(scan_sysfs_list(&fake_root, &names, &e), 0, "a machine with disks");
	for (unsigned i = 0; i < names.n; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s ", names.at[i]);
	is_str(all, "cciss!c0d0 hda nvme0n1 nvme0n2 nvme0n10 sda sdb sdaa vda ", "disks only, in the order of people");
	scan_names_free(&names);
	ok(names.n == 0 && !names.at, "freed");
}

static void buses(void)
{
	static const struct {
		const char *name, *place, *bus;
		bool removable;
	} disks[] = {
		{ "sdba", "pci0/ata1/host0/target0/block", "ata", false },
		{ "sdbb", "pci0/usb1/1-1/host6/target6/block", "usb", true },
		{ "sdbc", "pci0/host2/rport-2:0-1/target2/block", "fc", false },
		{ "sdbd", "pci0/host3/port-3:0/end_device-3:0/block", "sas", false },
		{ "sdbe", "platform/host4/session1/block", "iscsi", false },
		{ "sdbf", "pci0/host5/target5:2:0/block", "scsi", false },
		{ "sdbg", "pci0/virtio1/host5/block", "virtio", false },
		{ "vdb", "pci0/virtio2/block", "virtio", false },
		{ "nvme7n1", "pci0/nvme/nvme7", "nvme", false },
		{ "cciss!c1d0", "pci0/cciss1", "cciss", false },
		{ "hdb", "pci0/ide0", "ide", false },
		{ "sdbh", "pci0/usbx/hostile", "", false },
	};

	for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
		struct scan_facts f;

		fake_disk(disks[i].name, disks[i].place, 1);
		f = facts_of(disks[i].name);
		is_str(f.bus, disks[i].bus, "%s: its bus", disks[i].name);
		is_int(f.removable, disks[i].removable, "%s: whether it is pulled out", disks[i].name);
	}
}

static void facts(void)
{
	struct scan_facts f;

	fake_disk("sdda", "pci0/host9/block", 10);
	fake_sh("cd sys/block/sdda && echo 'DELL    ' >device/vendor && echo 'PERC 6/i        ' >device/model && "
		"echo 1 >removable && echo 1 >ro && echo 4096 >queue/logical_block_size && echo naa.6 >device/wwid && echo S >device/serial");
	f = facts_of("sdda");
	is_str(f.model, "DELL PERC 6/i", "vendor and model");
	is_str(f.wwid, "naa.6", "WWID");
	is_str(f.serial, "S", "serial number");
	ok(f.removable && f.read_only && f.sector_bytes == 4096, "removable, read-only, 4 KiB sectors");
	is_int(f.bytes, 10 << 20, "a size in sectors of 512 bytes, whatever its own are");
	fake_sh("cd sys/block/sdda && echo 'ATA     ' >device/vendor && echo 18446744073709551615 >size");
	f = facts_of("sdda");
	is_str(f.model, "PERC 6/i", "ATA is no vendor");
	is_int(f.bytes, 0, "an absurd size is none");
	fake_sh("cd sys/block/sdda && echo 0x1af4 >device/vendor && echo 18014398509481984 >size");
	f = facts_of("sdda");
	is_str(f.model, "PERC 6/i", "nor is a number");
	is_int(f.bytes, 0, "a size beyond all numbers is none");
	f = facts_of("missing");
	ok(!*f.model && !*f.bus && f.bytes == 0 && f.sector_bytes == 0, "nothing of what is not there");
}

static void parts(void)
{
	char dir[128], *node = scan_sysfs_node(&fake_root, "cciss!c0d0p1"), want[128];
	struct json *holders;

	snprintf(want, sizeof want, "%s/cciss/c0d0p1", fake_dev);
	is_str(node, want, "the node of a name with a slash");
	free(node);
	fake_sh("cd 'sys/block/cciss!c0d0' && mkdir -p 'cciss!c0d0p1/holders' 'cciss!c0d0p12/holders' power9 && "
		"echo 63 >'cciss!c0d0p1/start' && echo 99 >'cciss!c0d0p12/start' && touch holders/md0 'cciss!c0d0p1/holders/dm-0' "
		"'cciss!c0d0p12/holders/dm-0' 'cciss!c0d0p12/holders/dm-9'");
	fake_sh("mkdir sys/block/dm-0 2>/dev/null; mkdir -p sys/block/dm-0/dm && echo vg0-root >sys/block/dm-0/dm/name");
	snprintf(dir, sizeof dir, "%s/block/cciss!c0d0", fake_sys);
	node = scan_sysfs_partition(&fake_root, dir, 12);
	snprintf(want, sizeof want, "%s/cciss/c0d0p12", fake_dev);
	is_str(node, want, "the node of a partition");
	free(node);
	ok(!scan_sysfs_partition(&fake_root, dir, 9) && !scan_sysfs_partition(&fake_root, dir, 0) &&
	   !scan_sysfs_partition(&fake_root, "/nonexistent", 1), "and of none");
	holders = scan_sysfs_holders(&fake_root, dir);
	is_int(json_len(holders), 3, "what is built on it, each once");
	for (size_t i = 0; i < json_len(holders); i++) {
		const char *h = json_at_str(holders, i, "") + strlen(fake_dev);

		ok(!strcmp(h, "/md0") || !strcmp(h, "/mapper/vg0-root") || !strcmp(h, "/dm-9"), "%s, by the name that people know", h);
	}
	json_free(holders);
}

int main(void)
{
	fake_open();
	which();
	buses();
	facts();
	parts();
	fake_close();
	return tap_done();
}
