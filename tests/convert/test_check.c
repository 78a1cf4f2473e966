/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/convert/apply.h"
#include "el5.h"
#include "unrack/check.h"
#include "unrack/plan.h"

static struct unrack_error err;
static struct guest *g;
static struct guest_facts f;
static struct target t;
static struct check_verdict v;
static bool with_volumes; /* partition 5 holds LVM */

static void target_is(enum target_scsi scsi, enum target_nic nic, const char *disk_module)
{
	t = (struct target){ .esx = esx_find("6.7"), .hw = 14, .disk = disk_device_find(scsi), .nic = nic_device_find(nic),
			     .firmware = FIRMWARE_BIOS };
	snprintf(t.disk_module, sizeof t.disk_module, "%s", disk_module);
}

static void fix(void)
{
	struct plan p;

	g = el5_open(true);
	is_int(inspect_guest(g, &f, &err), 0, "inspected");
	is_int(plan_make(g, &f, &t, &p, &err), 0, "planned: %s", err.text);
	is_int(apply_plan(g, &p, NULL, &err), 0, "applied");
	plan_free(&p);
	facts_free(&f);
	guest_close(g);
}

static void check(const struct check_files *files)
{
	check_free(&v);
	g = el5_open(false);
	if (with_volumes)
		el5_add_part(g, "/dev/sda5", 5, "LVM2_member", "");
	is_int(inspect_guest(g, &f, &err), 0, "inspected");
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	is_int(check_guest(g, &f, &t, files, &v, &err), 0, "checked: %s", err.text);
	facts_free(&f);
	guest_close(g);
}

/* The N-th link of that name. */
static const struct check_link *nth(const char *name, int n)
{
	static const struct check_link none = { "none", CHECK_UNKNOWN, (char *)"(no such link)", (char *)"" };

	for (size_t i = 0; i < v.n_links; i++)
		if (!strcmp(v.links[i].name, name) && n-- == 0)
			return &v.links[i];
	return &none;
}

static const struct check_link *link_of(const char *name)
{
	return nth(name, 0);
}

static void state(const char *name, enum check_state want, const char *evidence, const char *reason)
{
	const struct check_link *l = link_of(name);

	is_str(check_state_name(l->state), check_state_name(want), "%s", name);
	if (evidence)
		has_str(l->evidence, evidence, "its evidence");
	if (reason)
		has_str(l->reason, reason, "its reason");
	else
		ok(!l->reason, "no reason is needed");
}

static void test_broken(void)
{
	el5_make();
	target_is(SCSI_LSILOGIC, NIC_E1000, "mptspi");
	check(NULL);
	ok(!v.boots, "an unrepaired server would not boot");
	state("firmware", CHECK_OK, "BIOS, as the guest", NULL);
	state("boot disk", CHECK_OK, "the first disk starts GRUB legacy", NULL);
	state("default entry", CHECK_OK, "/boot/grub/grub.conf: entry 0, Red Hat Enterprise Linux Server (" EL5 ")", NULL);
	state("kernel", CHECK_OK, "/boot/vmlinuz-" EL5 " is kernel " EL5, NULL);
	state("initrd", CHECK_OK, "/boot/initrd-" EL5 ".img: ", NULL);
	state("driver", CHECK_BAD, "mptspi for lsilogic; loads ehci-hcd, ",
	      "the initrd does not load it before it looks for root: ");
	has_str(link_of("driver")->evidence, "; aliases scsi_hostadapter cciss", "with the aliases");
	state("root", CHECK_BAD, "the loader: /dev/cciss/c0d0p3", "the VM has no such device: its disks are /dev/sda and so on");
	is_int(nth("root", 1)->state, CHECK_WARN, "what the initrd says counts less than the loader");
	is_int(nth("root", 2)->state, CHECK_BAD, "what fstab says counts");
	state("mounts", CHECK_WARN, "fstab line 4: /dev/cciss/c0d0p2 at swap", "the VM has no such device");
	state("console", CHECK_OK, "the screen", NULL);
	state("network", CHECK_WARN, "eth0, alias tg3, HWADDR 00:1a:4b:11:22:33", "its alias names another driver");
	is_str(nth("network", 1)->evidence, "kudzu runs at boot", "kudzu");
	has_str(v.text, "it would not boot on ESX 6.7 with lsilogic and e1000: driver: ", "the first fault");
	has_str(v.text, "; and 2 more", "and how many more");
}

static void test_repaired(void)
{
	struct buf text = { 0 };
	struct json *j;

	fix();
	check(NULL);
	ok(v.boots, "repaired, it would boot: %s", v.text);
	state("driver", CHECK_OK, "mptspi for lsilogic; loads ", NULL);
	has_str(link_of("driver")->evidence, "scsi_mod, sd_mod, ", "SCSI first");
	has_str(link_of("driver")->evidence, "mptbase, mptscsih, mptspi", "in load order");
	has_str(link_of("driver")->evidence, "aliases scsi_hostadapter mptbase, scsi_hostadapter1 mptspi", "with the aliases");
	state("root", CHECK_OK, "the loader: /dev/sda3, which is partition 3 of disk 0 (ext3)", NULL);
	is_int(nth("root", 1)->state, CHECK_OK, "in the initrd");
	is_int(nth("root", 2)->state, CHECK_OK, "and in fstab");
	state("mounts", CHECK_OK, "2 other filesystems and swap areas are there", NULL);
	state("network", CHECK_OK, "eth0, alias e1000", NULL);
	is_str(v.text, "it would boot on ESX 6.7 with lsilogic and e1000: kernel " EL5 " finds /dev/sda3", "in one sentence");
	is_int(check_to_text(&v, &text), 0, "for people");
	has_str(buf_str(&text), "ok      firmware        BIOS, as the guest\n", "a line for each link");
	has_str(buf_str(&text), "yes: it would boot on ESX 6.7", "and the verdict");
	j = check_to_json(&v);
	ok(json_bool(j, "boots", false), "for programs");
	is_int(json_len(json_get(j, "links")), v.n_links, "with all links");
	is_str(json_str(json_at(json_get(j, "links"), 0), "state", ""), "ok", "their states");
	json_free(j);
	buf_free(&text);

	target_is(SCSI_PVSCSI, NIC_VMXNET3, "vmw_pvscsi");
	check(NULL);
	ok(!v.boots, "on another target it would not");
	state("driver", CHECK_BAD, "there is no /lib/modules/" EL5 "/kernel/drivers/scsi/vmw_pvscsi.ko or ",
	      "kernel " EL5 " has no driver for pvscsi; take another controller with --scsi");
	state("network", CHECK_WARN, "there is no /lib/modules/" EL5 "/kernel/drivers/net/vmxnet3/vmxnet3.ko", "it boots without a network");
	target_is(SCSI_IDE, NIC_E1000, "piix");
	check(NULL);
	state("driver", CHECK_OK, "piix for ide; loads ", NULL);
	state("root", CHECK_BAD, "the loader: /dev/sda3", "its disks are /dev/hda and so on");
	target_is(SCSI_LSILOGIC, NIC_E1000, "mptspi");
}

static void test_links(void)
{
	el5_put("/boot/vmlinuz-" EL5, "not a kernel");
	check(NULL);
	state("kernel", CHECK_BAD, "12 bytes", "it is not a Linux kernel for PCs");
	el5_put_kernel(EL5);
	el5_put("/etc/inittab", "id:3:initdefault:\n#S0:12345:respawn:/sbin/agetty ttyS0\nS1:12345:respawn:/sbin/agetty ttyS1 9600\n");
	check(NULL);
	state("console", CHECK_WARN, "inittab line 3: a login on a serial port", "the VM has none");
	el5_put("/boot/grub/grub.conf", "default=0\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/ console=tty0 console=ttyS0,9600 "
		"resume=/dev/sda9\ninitrd /initrd-" EL5 ".img\ntitle b\nroot (hd0,0)\nkernel /vmlinuz-2.6.18-99.el5\ntitle c\n"
		"chainloader +1\n");
	check(NULL);
	ok(v.boots, "warnings do not stop it: %s", v.text);
	state("console", CHECK_WARN, "console=ttyS0,9600", "the VM has no serial port");
	state("root", CHECK_OK, "the loader: LABEL=/, which is partition 3 of disk 0", NULL);
	is_str(nth("mounts", 1)->evidence, "the loader: resume=/dev/sda9", "a resume device that is not there");
	state("other entry", CHECK_WARN, "/boot/grub/grub.conf: entry 1, b", "/boot/vmlinuz-2.6.18-99.el5 is not there");
	has_str(v.text, "; 3 warnings", "they are counted");
	el5_put("/etc/fstab", "LABEL=/ / ext3 defaults 1 1\n/dev/sdb1 /san ext3 defaults 1 2\n/dev/sdb2 /san2 ext3 defaults 0 0\n"
		"/dev/md3 /raid ext3 defaults 1 2\n");
	check(NULL);
	state("mounts", CHECK_BAD, "fstab line 2: /dev/sdb1 at /san", "the VM has no such device");
	is_int(nth("mounts", 1)->state, CHECK_WARN, "without fsck the boot goes on");
	is_str(nth("mounts", 2)->evidence, "1 other filesystems and swap areas are there", "RAID is not looked into");
	el5_put("/etc/fstab", "/dev/sda1 / ext3 defaults 1 1\n");
	check(NULL);
	is_str(nth("root", 2)->reason, "that is another filesystem than the guest's root", "fstab names another filesystem");
	el5_put("/etc/fstab", "LABEL=/ / ext3 defaults 1 1\n");
	el5_put("/etc/crypttab", "swap /dev/sda9 /dev/urandom swap\ntmp /dev/sdb1 /dev/urandom tmp\n");
	check(NULL);
	ok(!v.boots, "what would destroy data stops it");
	state("harm", CHECK_BAD, "/etc/crypttab line 2 makes an encrypted /tmp on /dev/sdb1", "that name may be another disk");
	el5_remove("/etc/crypttab");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd1,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/\ninitrd /initrd-" EL5 ".img\n");
	check(NULL);
	state("default entry", CHECK_BAD, "entry 0 reads from (hd1,0)", "the VM boots from (hd0)");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/\ninitrd /gone.img\n");
	check(NULL);
	state("initrd", CHECK_BAD, "/boot/gone.img", "it is not there");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/\ninitrd /grub\n");
	check(NULL);
	state("initrd", CHECK_BAD, "/boot/grub", "it is no file");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/\ninitrd /rescue.img\n");
	el5_put("/boot/rescue.img", "x");
	check(NULL);
	state("initrd", CHECK_UNKNOWN, "/boot/rescue.img", "by its name it is an image for kdump or rescue, or one that is kept");
	ok(!v.boots, "that it boots is not claimed");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/\ninitrd /initrd-" EL5 ".img\n");
	made(rename(el5_path("/boot/initrd-" EL5 ".img"), el5_path("/boot/good.img")) == 0, "a file is put aside");
	el5_put("/boot/initrd-" EL5 ".img", "");
	made(truncate(el5_path("/boot/initrd-" EL5 ".img"), (off_t)INITRD_FILE_MAX + 1) == 0, "a large file");
	check(NULL);
	state("initrd", CHECK_UNKNOWN, "/boot/initrd-" EL5 ".img", "has more than the 512 MiB");
	has_str(v.text, "whether it would boot on ESX 6.7 with lsilogic and e1000 can't be told", "which a kernel may take, though");
	made(rename(el5_path("/boot/good.img"), el5_path("/boot/initrd-" EL5 ".img")) == 0, "and back");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/\n");
	check(NULL);
	state("initrd", CHECK_BAD, "none", "the kernel needs modules to reach its root");
	el5_put("/boot/grub/grub.conf", "default=4\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 "\n");
	check(NULL);
	state("default entry", CHECK_BAD, "/boot/grub/grub.conf: entry 4 of 1", "none of the entries");
	state("kernel", CHECK_UNKNOWN, "2 kernels in /boot", "which one starts is not known");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd0,0)\nkernel /gone root=LABEL=/\n");
	check(NULL);
	state("kernel", CHECK_BAD, "/boot/gone", "it is not there");
	el5_clean();
}

static void test_lists(void)
{
	el5_make();
	target_is(SCSI_LSILOGIC, NIC_E1000, "mptspi");
	fix();
	el5_put("/lib/modules/" EL5 "/modules.dep", "");
	check(NULL);
	state("driver", CHECK_WARN, "mptspi for lsilogic; loads ", "modules.dep is missing or does not list mptspi");
	el5_put_modules(EL5, made_el5_dep);
	with_volumes = true;
	el5_put("/etc/lvm/lvm.conf", "# LVM\nfilter = [ \"a|/dev/cciss/|\", \"r|.*|\" ]\n");
	check(NULL);
	state("mounts", CHECK_WARN, "lvm.conf line 2: a filter", "it hides /dev/sda5");
	el5_put("/etc/lvm/lvm.conf", "# LVM\nfilter = [ \"a|/dev/sda|\", \"r|.*|\" ]\n");
	check(NULL);
	state("mounts", CHECK_OK, NULL, NULL);
	with_volumes = false;
	el5_clean();
}

/* Root in a volume group on the third partition, and another physical volume if SECOND. */
static void check_on_volume(bool second)
{
	check_free(&v);
	g = el5_open(false);
	free(g->parts[2].fstype);
	g->parts[2].fstype = strdup("LVM2_member");
	if (second)
		el5_add_part(g, "/dev/sda5", 5, "LVM2_member", "");
	free(g->mounts[0].device);
	g->mounts[0].device = strdup("/dev/VolGroup00/LogVol00");
	g->mounts[0].disk = -1;
	is_int(inspect_guest(g, &f, &err), 0, "inspected");
	is_int(check_guest(g, &f, &t, NULL, &v, &err), 0, "checked");
	facts_free(&f);
	guest_close(g);
}

static void put_filter(const char *lvm_conf)
{
	struct buf script = { 0 }, image = { 0 };

	made_file(&script, "el5-lvm.init", "tests/initrd/data/el5-lvm.init");
	made_member(&image, "etc/lvm/lvm.conf", S_IFREG | 0644, lvm_conf);
	made_initrd(&image, buf_str(&script), EL5_MODULES " dm-mod");
	el5_put_bytes("/boot/initrd-" EL5 ".img", image.data, image.len);
	buf_free(&script);
	buf_free(&image);
}

/* The filter of the lvm.conf in an image by mkinitrd. */
static void test_filter(void)
{
	el5_make();
	target_is(SCSI_LSILOGIC, NIC_E1000, "mptspi");
	put_filter("devices {\n\tfilter = [ \"a|/dev/cciss/|\", \"r|.*|\" ]\n}\n");
	check_on_volume(false);
	is_str(check_state_name(nth("initrd", 1)->state), "bad", "root's only physical volume is hidden");
	is_str(nth("initrd", 1)->reason, "its filter hides /dev/sda3, which root is on; unrack fix lets pass what it did not hide on the "
	       "server; else remove the filter there, make the image again (mkinitrd -f), then copy it again", "with what to do");
	put_filter("devices {\n\tfilter = [ \"r|/dev/sda5|\" ]\n}\n");
	check_on_volume(true);
	is_str(check_state_name(nth("initrd", 1)->state), "warn", "one of two is hidden, which may be on purpose");
	is_str(nth("initrd", 1)->reason, "its filter hides /dev/sda5, and not all physical volumes: root is found unless its volume group "
	       "is on that one, too", "that is told");
	el5_clean();
}

static void test_sectors(void)
{
	static const uint8_t empty[512];
	const uint8_t *heads[] = { empty, el5_head };

	el5_make();
	g = el5_open(false);
	g->disk_heads = heads;
	g->disks = 2;
	check_free(&v);
	is_int(inspect_guest(g, &f, &err), 0, "the boot disk is not the first");
	is_int(check_guest(g, &f, &t, NULL, &v, &err), 0, "checked");
	state("boot disk", CHECK_BAD, "the first disk starts nothing, disk 1 starts GRUB legacy", "give that disk first");
	check_free(&v);
	facts_free(&f);
	heads[0] = el5_head;
	el5_head[0x40] = 0x81;
	is_int(inspect_guest(g, &f, &err), 0, "a stage 1 for another drive");
	is_int(check_guest(g, &f, &t, NULL, &v, &err), 0, "checked");
	state("boot disk", CHECK_BAD, "and then BIOS drive 0x81", "the VM boots from 0x80");
	check_free(&v);
	facts_free(&f);
	guest_close(g);
	el5_clean();
}

static void test_files(void)
{
	struct check_disk d = { "web01.vmdk", true, "lsilogic", "web01-flat.vmdk", true, 1000448, 1000448, DISK_FLAT };
	struct check_files files = { NULL, NULL, &d, 1 };

	el5_make();
	fix();
	check(&files);
	ok(v.boots, "a machine folder: %s", v.text);
	state("vm file", CHECK_UNKNOWN, "there is no .vmx yet", "write it with unrack vm");
	state("descriptor", CHECK_OK, "web01.vmdk: adapterType lsilogic, 1000448 bytes", NULL);
	state("extent", CHECK_OK, "web01-flat.vmdk: 1000448 bytes", NULL);
	files.vmx = "web01.vmx";
	files.vmx_text = "scsi0.present = \"TRUE\"\nscsi0.virtualDev = \"lsilogic\"\nethernet0.virtualDev = \"e1000\"\n";
	check(&files);
	state("vm file", CHECK_OK, "web01.vmx: disks on lsilogic, network on e1000", NULL);
	files.vmx_text = "scsi0.virtualDev = \"lsilogic\"\nethernet0.virtualDev = \"vmxnet3\"\n";
	check(&files);
	state("vm file", CHECK_WARN, "network on vmxnet3", "the target's network is on e1000");
	files.vmx_text = "sata0:0.fileName = \"web01.vmdk\"\n";
	check(&files);
	ok(!v.boots, "another controller");
	state("vm file", CHECK_BAD, "disks on sata", "the target's disks are on lsilogic; write it again with unrack vm");
	d.adapter_type = "ide";
	check(&files);
	state("descriptor", CHECK_BAD, "adapterType ide", "needs adapterType lsilogic");
	d.adapter_type = "buslogic";
	check(&files);
	state("descriptor", CHECK_WARN, "adapterType buslogic", "as a rule");
	d.descriptor_found = false;
	check(&files);
	state("descriptor", CHECK_BAD, "web01.vmdk is missing beside web01-flat.vmdk", "ESX finds no disk without it");
	d.descriptor_found = true;
	d.format = DISK_STREAM;
	check(&files);
	state("extent", CHECK_WARN, "web01-flat.vmdk: 1000448 bytes, streamOptimized", "unrack export --format flat");
	d.format = DISK_SPARSE;
	check(&files);
	state("extent", CHECK_WARN, "monolithicSparse", "ESX does not run it as it is");
	d.format = DISK_FLAT;
	d.extent_bytes = 1000000;
	check(&files);
	state("extent", CHECK_BAD, "web01-flat.vmdk has 1000000 bytes", "web01.vmdk says 1000448");
	d.extent_bytes = d.declared_bytes = (62ull << 40) + 512;
	check(&files);
	state("extent", CHECK_BAD, NULL, "ESX 6.7 has disks of at most 68169720922112 bytes");
	d.extent_found = false;
	check(&files);
	state("extent", CHECK_BAD, "web01-flat.vmdk is missing", "run the copy again");
	/* A card with another address than the interface insists on. */
	el5_put("/etc/sysconfig/network-scripts/ifcfg-eth0", EL5_IFCFG);
	files.vmx_text = "scsi0.virtualDev = \"lsilogic\"\nethernet1.address = \"00:1a:4b:11:22:33\"\n";
	check(&files);
	state("network", CHECK_OK, "HWADDR 00:1a:4b:11:22:33", NULL);
	files.vmx_text = "scsi0.virtualDev = \"lsilogic\"\nethernet0.address = \"00:50:56:11:22:33\"\n";
	check(&files);
	state("network", CHECK_WARN, "HWADDR 00:1a:4b:11:22:33", "no card of the VM has that address");
	el5_clean();
}

/* What is not repaired is at least told. */
static void test_families(void)
{
	el5_make();
	el5_put("/etc/redhat-release", "CentOS release 6.9 (Final)\n");
	el5_put("/boot/grub2/grub.cfg", "");
	el5_remove("/boot/grub/grub.conf");
	el5_remove("/boot/grub/menu.lst");
	el5_remove("/etc/grub.conf");
	g = el5_open(false);
	memset(el5_head, 0, 512);
	is_int(inspect_guest(g, &f, &err), 0, "a guest with GRUB 2");
	check_free(&v);
	is_int(check_guest(g, &f, &t, NULL, &v, &err), 0, "is checked as far as that goes");
	ok(!v.boots, "it does not boot");
	state("default entry", CHECK_BAD, "/boot/grub2/grub.cfg: entry 0 of 0", "is none of the entries");
	facts_free(&f);
	guest_close(g);
	el5_clean();
}

int main(void)
{
	test_broken();
	test_repaired();
	test_links();
	test_lists();
	test_filter();
	test_sectors();
	test_files();
	test_families();
	check_free(&v);
	return tap_done();
}
