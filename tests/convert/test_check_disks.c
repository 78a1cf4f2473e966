/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests with GRUB 2, dracut and LVM, link by link. */
#include "plan7.h"
#include "unrack/check.h"

static struct check_verdict v;

static void check(int release, void (*change)(struct guest *g))
{
	check_free(&v);
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	g = el7_open(release, false);
	if (change)
		change(g);
	is_int(inspect_guest(g, &f, &err), 0, "inspected: %s", err.text);
	is_int(check_guest(g, &f, &t, NULL, &v, &err), 0, "checked: %s", err.text);
	facts_free(&f);
	guest_close(g);
}

static void fix(int release)
{
	is_int(plan7_with(release, true, NULL), 0, "planned: %s", err.text);
	is_int(apply_plan(g, &p, NULL, &err), 0, "applied");
	done7();
}

/* Whether a link of that name has this state, evidence and reason. */
static void has(const char *name, enum check_state state, const char *evidence, const char *reason)
{
	for (size_t i = 0; i < v.n_links; i++) {
		const struct check_link *l = &v.links[i];

		if (!strcmp(l->name, name) && l->state == state && strstr(l->evidence, evidence) &&
		    strstr(l->reason ? l->reason : "", reason)) {
			ok(true, "%s is %s: %s", name, check_state_name(state), l->evidence);
			return;
		}
	}
	ok(false, "%s is %s", name, check_state_name(state));
	for (size_t i = 0; i < v.n_links; i++)
		printf("# %s %s: %s (%s)\n", check_state_name(v.links[i].state), v.links[i].name, v.links[i].evidence,
		       v.links[i].reason ? v.links[i].reason : "");
}

static void test_chain(void)
{
	static const int releases[] = { 6, 7, 8, 9, 10 };

	for (size_t i = 0; i < sizeof releases / sizeof *releases; i++) {
		int release = releases[i];

		el7_make(release, el7_image);
		plan7(release);
		done7();
		check(release, NULL);
		ok(!v.boots, "RHEL %d as it was does not boot: %s", release, v.text);
		has("driver", CHECK_BAD, "vmw_pvscsi for pvscsi", "the initrd does not load it before it looks for root");
		has("default entry", CHECK_OK, release > 7 ? "/boot/loader/entries/" MACHINE_ID "-" KVER7 ".conf: entry 0" : "entry", "");
		has("root", CHECK_OK, "the loader: /dev/mapper/rhel-root, which is /dev/rhel/root (ext4)", "");
		has("mounts", release > 6 ? CHECK_BAD : CHECK_WARN, release > 6 ? "/dev/cciss/c0d0p1 at /boot" : "/dev/cciss/c0d0p3", "the VM has no such device");
		if (release > 6)
			has("network", CHECK_WARN, "enp3s0", "the VM's card gets another name");
		fix(release);
		check(release, NULL);
		ok(v.boots, "fixed it does: %s", v.text);
		has("driver", CHECK_OK, "dm-mod", "");
		has("network", CHECK_OK, release > 6 ? "enp3s0" : "eth0", "");
		el5_clean();
	}
}

static void without_swap(struct guest *guest)
{
	guest->parts[4].fstype[0] = '\0';
	strcpy(guest->parts[4].device, "/dev/rhel/x");
}

static void other_uuid(struct guest *guest)
{
	guest->parts[0].uuid[0] = 'f';
}

static void test_links(void)
{
	el7_make(9, el7_image);
	fix(9);
	check(9, without_swap);
	ok(!v.boots, "a volume of the arguments is missing");
	has("mounts", CHECK_BAD, "rd.lvm.lv=rhel/swap", "the initramfs waits for it");
	check(9, other_uuid);
	ok(!v.boots, "GRUB 2 searches in vain");
	has("default entry", CHECK_BAD, "searches for the filesystem " BOOT_UUID7, "none of the disks given has it");
	el5_put("/etc/lvm/devices/system.devices", "IDTYPE=sys_wwid IDNAME=naa.6 PVID=x\n");
	el5_put("/etc/fstab", "/dev/mapper/rhel-root / ext4 defaults 1 1\n/dev/sdx1 /data xfs nofail 0 0\n/dev/sdx2 /y xfs noauto 0 0\n");
	check(9, NULL);
	ok(v.boots, "a disk with nofail may be missing");
	has("mounts", CHECK_WARN, "system.devices", "by their identities");
	has("mounts", CHECK_WARN, "/dev/sdx1", "");
	el5_put("/etc/fstab", "/dev/mapper/rhel-root / ext4 defaults 1 1\n/dev/sdx1 /data xfs defaults 0 0\n");
	check(9, NULL);
	ok(!v.boots, "without it systemd stops");
	el5_clean();

	el7_make(7, el7_image);
	fix(7);
	g = el7_open(7, false);
	el5_head[0x64] = 0x81;
	is_int(inspect_guest(g, &f, &err), 0, "inspected");
	check_free(&v);
	check_guest(g, &f, &t, NULL, &v, &err);
	has("boot disk", CHECK_BAD, "BIOS drive 0x81", "the VM boots from 0x80");
	facts_free(&f);
	guest_close(g);
	el5_clean();
}

static void filtered_image(struct buf *b, int release, const char *kver)
{
	made_text(b, "etc/lvm/lvm.conf", "devices {\n\tfilter = [ \"a|^/dev/cciss/|\", \"r|.*|\" ]\n}\n");
	el7_image(b, release, kver);
}

static void test_filter(void)
{
	el7_make(8, filtered_image);
	plan7(8);
	done7();
	check(8, NULL);
	has("initrd", CHECK_BAD, "etc/lvm/lvm.conf in it", "its filter hides /dev/sda2, which root is on");
	fix(8);
	check(8, NULL);
	ok(v.boots, "a filter in the image is changed in the new segment: %s", v.text);
	is_int(plan7(8), 0, "once");
	is_int(p.n_edits, 0, "and nothing again");
	done7();
	el5_clean();
}

/* The driver alone does not lead to root. */
static void test_root(void)
{
	el7_without_lvm = el7_with_driver = true;
	el7_make(7, el7_image);
	el7_without_lvm = false;
	is_int(plan7(7), UNRACK_UNSUPPORTED, "an image without lvm can't be repaired");
	has_str(err.text, "root is on LVM, and lvm is not in it", "which is told");
	done7();
	check(7, NULL);
	ok(!v.boots, "nor does it boot: %s", v.text);
	has("driver", CHECK_OK, "vmw_pvscsi for pvscsi", "");
	has("initrd", CHECK_BAD, "what root needs besides: volume", "root is on LVM, and lvm is not in it");
	el5_clean();

	el7_without_ext4 = true;
	el7_make(7, el7_image);
	el7_without_ext4 = el7_with_driver = false;
	plan7(7);
	has_str(edit7("/boot/initramfs-" KVER7 ".img", EDIT_WRITE)->reason, "it lacks what root needs besides: ", "one without root's filesystem");
	done7();
	check(7, NULL);
	ok(!v.boots, "does not boot: %s", v.text);
	has("driver", CHECK_BAD, "vmw_pvscsi for pvscsi", "ext4 is not in it");
	fix(7);
	check(7, NULL);
	ok(v.boots, "repaired it does: %s", v.text);
	el5_clean();
}

int main(void)
{
	test_chain();
	test_root();
	test_links();
	test_filter();
	check_free(&v);
	return tap_done();
}
