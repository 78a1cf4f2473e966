/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan7.h"
#include "unrack/bootconf.h"

#define NEW_ARGS "root=/dev/mapper/rhel-root ro crashkernel=auto rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap resume=UUID=" SWAP_UUID7 " rhgb quiet"

static void check_reasons(void)
{
	for (size_t i = 0; i < p.n_edits; i++)
		ok(p.edits[i].reason && strlen(p.edits[i].reason) > 20, "%s: %s", p.edits[i].path, p.edits[i].reason);
}

/* Applies the plan; a second one must be empty. */
static void apply_twice(int release)
{
	struct buf text = { 0 };

	done7();
	is_int(plan7_with(release, true, NULL), 0, "planned: %s", err.text);
	is_int(apply_plan(g, &p, NULL, &err), 0, "applied: %s", err.text);
	done7();
	is_int(plan7(release), 0, "planned again: %s", err.text);
	plan_to_text(&p, &text);
	is_int(p.n_edits, 0, "nothing is left to do: %s", buf_str(&text));
	buf_free(&text);
	done7();
}

static void test_el6(void)
{
	el7_make(6, el7_image);
	is_int(plan7(6), 0, "RHEL 6: %s", err.text);
	is_str(after7("/etc/fstab"), "/dev/mapper/rhel-root / ext4 defaults 1 1\nUUID=" BOOT_UUID7 " /boot ext4 defaults 1 2\n"
	       "UUID=" SWAP_UUID7 " swap swap defaults 0 0\n", "partitions that move by UUID, volumes stay");
	has_str(after7("/boot/grub/grub.conf"), "#boot=/dev/sda\n", "whole disks by their new name");
	has_str(after7("/boot/grub/grub.conf"), "rd_LVM_LV=rhel/root rd_LVM_LV=rhel/swap rd_NO_MD quiet\n", "arguments stay");
	is_str(after7("/boot/grub/device.map"), "(hd0) /dev/sda\n", "device.map");
	has_str(after7("/etc/lvm/lvm.conf"), "filter = [ \"a|^/dev/sd|\",", "LVM's filter");
	ok(edit7("/boot/initramfs-" KVER7 ".img", EDIT_WRITE), "the image changes");
	ok(!edit7("/boot/initramfs-" KVER7 "kdump.img", EDIT_WRITE), "kdump's does not");
	check_reasons();
	apply_twice(6);
	el5_clean();
}

static void test_el7(void)
{
	const struct edit *e;

	el7_make(7, el7_image);
	is_int(plan7(7), 0, "RHEL 7: %s", err.text);
	has_str(after7("/boot/grub2/grub.cfg"), "linux16 /vmlinuz-" KVER7 " " NEW_ARGS "\n", "the entry's arguments");
	has_str(after7("/boot/grub2/grub.cfg"), "linux16 /vmlinuz-" KVER7_OLD " " NEW_ARGS "\n", "the other's");
	has_str(after7("/boot/grub2/grub.cfg"), "linux16 /vmlinuz-0-rescue-" MACHINE_ID " " NEW_ARGS "\n", "the rescue entry's too");
	has_str(after7("/etc/default/grub"), "GRUB_CMDLINE_LINUX=\"rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap resume=UUID=" SWAP_UUID7 " rhgb quiet\"\n",
		"those of later entries");
	is_str(after7("/boot/grub2/grubenv"), "(not changed)", "grubenv has none");
	e = edit7("/boot/initramfs-" KVER7 ".img", EDIT_RENAME);
	is_str(e ? e->to : NULL, "/boot/initramfs-" KVER7 "-phys.img", "the old image is kept");
	e = edit7("/boot/initramfs-" KVER7 ".img", EDIT_WRITE);
	ok(e && e->binary && e->after.len > 0, "the new one is written");
	has_str(e ? buf_str(&e->summary) : NULL, "kernel/drivers/scsi/vmw_pvscsi.ko", "with the driver");
	has_str(e ? e->reason : NULL, "it does not load vmw_pvscsi before it looks for root", "which it lacked");
	ok(edit7("/boot/initramfs-" KVER7_OLD ".img", EDIT_WRITE), "the other kernel's too");
	ok(!edit7("/boot/initramfs-0-rescue-" MACHINE_ID ".img", EDIT_WRITE), "the rescue image is left alone");
	check_reasons();
	is_int(p.n_warnings, 0, "no warning: %s", warnings7());
	apply_twice(7);
	el5_clean();
}

static void test_el8(void)
{
	const struct edit *e;
	char *value;

	el7_make(8, el7_image);
	is_int(plan7(8), 0, "RHEL 8: %s", err.text);
	e = edit7("/boot/grub2/grubenv", EDIT_WRITE);
	ok(e && e->after.len == GRUBENV_BYTES, "grubenv keeps its size");
	value = e ? grubenv_get(buf_str(&e->after), e->after.len, "kernelopts") : NULL;
	is_str(value, NEW_ARGS " ", "its arguments change");
	free(value);
	has_str(after7("/boot/grub2/grub.cfg"), "  set kernelopts=\"" NEW_ARGS " \"\n", "and what grub.cfg has for want of them");
	ok(!edit7("/boot/loader/entries/" MACHINE_ID "-" KVER7 ".conf", EDIT_WRITE), "entries name them by a variable");
	check_reasons();
	apply_twice(8);
	el5_clean();
}

static void test_el9(void)
{
	el7_make(9, el7_image);
	is_int(plan7(9), 0, "RHEL 9: %s", err.text);
	has_str(after7("/boot/loader/entries/" MACHINE_ID "-" KVER7 ".conf"), "options " NEW_ARGS "\n", "arguments in the entry");
	has_str(after7("/boot/loader/entries/" MACHINE_ID "-" KVER7_OLD ".conf"), "options " NEW_ARGS "\n", "in the other");
	is_str(after7("/etc/kernel/cmdline"), NEW_ARGS "\n", "and for later ones");
	check_reasons();
	apply_twice(9);
	el5_clean();
}

static void test_arguments(void)
{
	char lines[980];
	size_t n;

	el7_make(9, el7_multipath_image);
	el7_put_bls(KVER7, "root=/dev/mapper/mpathap9 rd.lvm.lv=rhel/root rd.lvm.lv=data/gone resume=/dev/disk/by-id/x ro");
	el5_put("/etc/fstab", "UUID=" ROOT_UUID7 " / ext4 defaults 1 1\n/dev/mapper/mpatha1 /boot ext4 defaults 1 2\n");
	is_int(plan7(9), UNRACK_UNSUPPORTED, "a root that nothing explains");
	has_str(err.text, "/boot/loader/entries/" MACHINE_ID "-" KVER7 ".conf names /dev/mapper/mpathap9, and nothing says which", "is refused");
	done7();
	el7_put_bls(KVER7, "root=/dev/mapper/rhel-root rd.lvm.lv=rhel/root rd.lvm.lv=data/gone resume=/dev/disk/by-id/x ro");
	is_int(plan7(9), 0, "volumes that are missing: %s", err.text);
	has_str(after7("/boot/loader/entries/" MACHINE_ID "-" KVER7 ".conf"), "options root=/dev/mapper/rhel-root rd.lvm.lv=rhel/root ro "
		"rd.multipath=0 nompath\n", "their arguments go, and multipath is switched off");
	has_str(warnings7(), "has rd.lvm.lv=data/gone, and no such volume is on the disks given", "which is said");
	has_str(edit7("/boot/loader/entries/" MACHINE_ID "-" KVER7 ".conf", EDIT_WRITE)->reason, "starts multipath for the physical machine's disks",
		"with the reason");
	has_str(after7("/etc/fstab"), "UUID=" BOOT_UUID7 " /boot ", "names of multipath by UUID");
	has_str(after7("/etc/default/grub"), "rhgb quiet rd.multipath=0 nompath\"\n", "for later entries");
	apply_twice(9);
	el5_clean();

	el7_make(6, el7_multipath_image);
	is_int(plan7(6), 0, "RHEL 6: %s", err.text);
	has_str(after7("/boot/grub/grub.conf"), " quiet rd_NO_MULTIPATH nompath\n", "has other words for it");
	done7();
	el5_clean();

	el7_make(8, el7_image);
	memset(lines, 'x', sizeof lines);
	n = (size_t)snprintf(lines, sizeof lines, "saved_entry=" MACHINE_ID "-" KVER7 "\nkernelopts=root=/dev/mapper/rhel-root a=/dev/cciss/c0d0p3 b=");
	lines[n] = 'x';
	strcpy(lines + sizeof lines - 2, "\n");
	el7_put_grubenv(lines);
	is_int(plan7(8), UNRACK_NOSPACE, "arguments that no longer fit into grubenv");
	has_str(err.text, "kernelopts does not fit into the guest's grubenv", "are refused");
	done7();
	el5_clean();
}

int main(void)
{
	test_el6();
	test_el7();
	test_el8();
	test_el9();
	test_arguments();
	return tap_done();
}
