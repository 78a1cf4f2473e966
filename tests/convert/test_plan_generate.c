/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels of RHEL 5 without a usable initrd get one made from nothing. */
#include "../../p2v/convert/apply.h"
#include "el5.h"
#include "plan_of.h"

#define IMAGE "/boot/initrd-" EL5 ".img"
#define IMAGE_OLD "/boot/initrd-" OLD_KVER ".img"

static struct unrack_error err;
static struct guest *g;
static struct guest_facts f;
static struct target t;
static struct plan p;
static bool has_volume; /* partition 5 is a physical volume */
static const char *root_volume; /* NULL: root is a partition */

/* Partition 3 becomes swap's, a volume of another group, and that of the label / is VOLUME. */
static void put_root_in(const char *volume)
{
	el5_add_part(g, volume, 0, "ext3", "/");
	g->parts[g->n_parts - 1].disk = -1;
	el5_add_part(g, "/dev/swaps/one", 0, "swap", "SWAP");
	g->parts[g->n_parts - 1].disk = -1;
	g->parts[2].label[0] = '\0';
	free(g->mounts[0].device);
	g->mounts[0].device = strdup(volume);
	g->mounts[0].disk = -1;
	g->mounts[0].partition = 0;
}

static int plan5(bool writable)
{
	struct target_request req = { .esx = "6.7", .scsi = SCSI_LSILOGIC, .nic = NIC_E1000 };

	err = (struct unrack_error)UNRACK_ERROR_INIT;
	g = el5_open(writable);
	if (has_volume)
		el5_add_part(g, "/dev/sda5", 5, "LVM2_member", "");
	if (root_volume)
		put_root_in(root_volume);
	return plan_of(g, &req, &f, &t, &p, &err);
}

static void done(void)
{
	plan_free(&p);
	facts_free(&f);
	guest_close(g);
}

static const struct edit *edit_of(const char *path, enum edit_kind kind)
{
	for (size_t i = 0; i < p.n_edits; i++)
		if (!strcmp(p.edits[i].path, path) && p.edits[i].kind == kind)
			return &p.edits[i];
	return NULL;
}

static const char *reason_of(const char *path)
{
	const struct edit *e = edit_of(path, EDIT_WRITE);

	return e ? e->reason : "(not written)";
}

static const char *summary_of(const char *path)
{
	const struct edit *e = edit_of(path, EDIT_WRITE);

	return e ? buf_str(&e->summary) : "(not written)";
}

static void put_program(const char *path)
{
	uint8_t elf[64] = "\177ELF\2\1\1";

	put_le16(elf + 16, 2);
	put_le16(elf + 18, 62);
	el5_put_bytes(path, elf, sizeof elf);
}

static void make_server(void)
{
	el5_make();
	put_program("/sbin/nash");
	put_program("/sbin/insmod.static");
	put_program("/sbin/lvm.static");
}

static void apply_twice(void)
{
	done();
	is_int(plan5(true), 0, "planned again");
	is_int(apply_plan(g, &p, NULL, &err), 0, "applied: %s", err.text);
	done();
	is_int(plan5(false), 0, "and again");
	ok(!edit_of(IMAGE, EDIT_WRITE) && !edit_of(IMAGE_OLD, EDIT_WRITE), "there is nothing left to do");
	done();
	el5_clean();
}

/* The image that would be written loads the driver, and waits for it. */
static void loads(const char *path)
{
	const struct edit *e = edit_of(path, EDIT_WRITE);
	struct module_tree *tree = made_tree(EL5, made_el5_dep);
	const char *wanted = "mptspi";
	struct initrd_answer a;
	struct initrd *i;

	ok(e && e->binary, "%s is written", path);
	if (e) {
		i = made_open(&e->after);
		is_int(initrd_check(i, tree, &wanted, 1, &a, &err), 0, "it can be checked");
		ok(a.loads && a.missing_link == INITRD_LINK_NONE, "and boots: %s", a.text);
		initrd_answer_free(&a);
		initrd_close(i);
	}
	module_tree_free(tree);
}

static void missing(void)
{
	const struct edit *e;

	make_server();
	el5_remove(IMAGE);
	is_int(plan5(false), 0, "the default kernel's initrd is missing: %s", err.text);
	loads(IMAGE);
	is_str(reason_of(IMAGE), IMAGE ", which the boot loader names, is not there; so one is made as mkinitrd of RHEL 5 makes "
	       "it, of the guest's own programs and the modules of kernel " EL5, "with the reason");
	e = edit_of(IMAGE, EDIT_WRITE);
	ok(e && !e->existed && e->mode == 0600, "as a new file for root only");
	is_str(e ? e->label_from : NULL, "/boot/vmlinuz-" EL5, "with the label of its kernel");
	has_str(summary_of(IMAGE), "+mkrootdev -t ext3 -o defaults,ro /dev/sda3\n", "root has its new name");
	has_str(summary_of(IMAGE), "+resume /dev/sda2\n", "and swap");
	ok(!edit_of(IMAGE, EDIT_RENAME), "there is no old one to keep");
	ok(edit_of(IMAGE_OLD, EDIT_WRITE), "the other kernel's is changed as ever");
	is_int(p.n_warnings, 0, "without a warning");
	apply_twice();

	make_server();
	el5_put(IMAGE_OLD, "junk");
	is_int(plan5(false), 0, "the other kernel's is damaged: %s", err.text);
	has_str(reason_of(IMAGE_OLD), IMAGE_OLD ": ", "which is said");
	has_str(reason_of(IMAGE_OLD), "; so one is made as mkinitrd of RHEL 5 makes it, ", "and what is done");
	e = edit_of(IMAGE_OLD, EDIT_RENAME);
	is_str(e ? e->to : NULL, "/boot/initrd-" OLD_KVER "-phys.img", "what was there is kept");
	apply_twice();

	make_server();
	el5_put(IMAGE, "070707000000000000100644");
	is_int(plan5(false), 0, "an archive that no kernel unpacks: %s", err.text);
	has_str(reason_of(IMAGE), "is a cpio archive of the old form (odc), which no kernel unpacks; ", "is as good as none");
	loads(IMAGE);
	apply_twice();
}

/* Swap on LVM: its group is activated, so that it can be looked at. */
static void on_volumes(void)
{
	make_server();
	el5_remove(IMAGE);
	el5_put("/etc/fstab", "LABEL=/ / auto defaults,acl 1 1\nLABEL=/boot /boot ext3 defaults 1 2\n"
			      "/dev/mapper/VolGroup00-LogVol01 swap swap defaults 0 0\n");
	el5_put("/boot/grub/grub.conf", "default=0\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\n"
		"initrd /initrd-" EL5 ".img\n");
	el5_put("/etc/lvm/lvm.conf", "devices {\n    filter = [ \"a|^/dev/cciss/|\", \"r|.*|\" ]\n}\n");
	has_volume = true;
	is_int(plan5(false), 0, "swap on LVM: %s", err.text);
	loads(IMAGE);
	has_str(summary_of(IMAGE), "+lvm vgchange -ay --ignorelockingfailure VolGroup00\n", "its group is activated");
	has_str(summary_of(IMAGE), "+resume /dev/mapper/VolGroup00-LogVol01\n", "before it is asked for");
	has_str(summary_of(IMAGE), "+mkrootdev -t ext3 -o defaults,acl,ro LABEL=/\n", "root has its options and the kind that it has");
	ok(edit_of("/etc/lvm/lvm.conf", EDIT_WRITE), "lvm.conf is changed");
	has_str(summary_of(IMAGE), "added   etc/lvm/lvm.conf, 71 bytes\n", "and so is the image's");
	apply_twice();
	has_volume = false;
}

/* Neither fstab nor the loader tells that root and swap are on LVM. */
static void by_label(void)
{
	make_server();
	el5_remove(IMAGE);
	el5_put("/etc/fstab", "LABEL=/ / ext3 defaults 1 1\nLABEL=/boot /boot ext3 defaults 1 2\nLABEL=SWAP swap swap defaults 0 0\n");
	el5_put("/boot/grub/grub.conf", "default=0\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\n"
		"initrd /initrd-" EL5 ".img\n");
	has_volume = true;
	root_volume = "/dev/vg-a/root";
	is_int(plan5(false), 0, "root on LVM by its label: %s", err.text);
	has_str(summary_of(IMAGE), "+lvm vgchange -ay --ignorelockingfailure vg-a swaps\n", "its group is activated, and that of swap");
	has_str(summary_of(IMAGE), "+mkrootdev -t ext3 -o defaults,ro LABEL=/\n", "before it is looked for");
	apply_twice();
	has_volume = false;
	root_volume = NULL;
}

/* The only image of a kernel is one that is left alone. */
static void left_alone(void)
{
	static const char *const names[] = { "initrd-rescue.img", "initrd-" EL5 "-phys.img" };
	char conf[400], path[64];

	for (size_t k = 0; k < 2; k++) {
		make_server();
		snprintf(path, sizeof path, "/boot/%s", names[k]);
		snprintf(conf, sizeof conf, "default=0\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\ninitrd /%s\n",
			 names[k]);
		el5_put("/boot/grub/grub.conf", conf);
		el5_put(path, "kept");
		is_int(plan5(false), UNRACK_UNSUPPORTED, "the VM would start with %s", names[k]);
		has_str(err.text, path, "it is named");
		has_str(err.text, ", which the boot loader names, is by its name an image for kdump or rescue, or one that is kept, and is "
			"left alone; have the server start another one", "and what to do is told");
		done();
		el5_clean();
	}
}

/* An entry whose initrd is a folder, for want of its last component. */
static void folder(void)
{
	make_server();
	el5_put("/boot/grub/grub.conf", "default=0\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\n"
		"initrd /initrd-" EL5 ".img\ntitle b\nroot (hd0,0)\nkernel /vmlinuz-" OLD_KVER " ro root=LABEL=/\ninitrd /grub\n");
	is_int(plan5(false), 0, "an entry names a folder: %s", err.text);
	ok(!edit_of("/boot/grub", EDIT_RENAME) && !edit_of("/boot/grub", EDIT_WRITE), "which stays");
	is_str(p.n_warnings ? p.warnings[0] : "", "kernel " OLD_KVER " is left as it is: /boot/grub, which the boot loader names, is no "
	       "file; correct that entry on the server, then copy it again", "and is told");
	done();
	el5_put("/boot/grub/grub.conf", "default=0\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\ninitrd /\n");
	is_int(plan5(false), UNRACK_UNSUPPORTED, "the default entry does");
	has_str(err.text, "/boot/, which the boot loader names, is no file", "and is told");
	done();
	el5_clean();
}

/* An image that nobody knows, for the default kernel. */
static void another_entry(void)
{
	struct buf b = { 0 };

	make_server();
	made_member(&b, "init", S_IFREG | 0755, "#!/bin/sh\n");
	made_end(&b);
	el5_put_bytes("/boot/own.img", b.data, b.len);
	el5_put("/boot/grub/grub.conf", "default=0\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\n"
		"initrd /initrd-" EL5 ".img\ntitle b\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\ninitrd /own.img\n");
	is_int(plan5(false), 0, "another entry starts the kernel with it: %s", err.text);
	loads(IMAGE);
	ok(!edit_of("/boot/own.img", EDIT_WRITE) && !edit_of("/boot/own.img", EDIT_RENAME), "it stays");
	has_str(p.n_warnings ? p.warnings[0] : "", "/boot/own.img, which another entry starts kernel " EL5 " with, is left as it is: "
		"/boot/own.img: is an image of the form newc cpio, ", "which is told");
	done();
	el5_put("/boot/grub/grub.conf", "default=1\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\n"
		"initrd /initrd-" EL5 ".img\ntitle b\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro root=LABEL=/\ninitrd /own.img\n");
	is_int(plan5(false), UNRACK_UNSUPPORTED, "the default one does");
	has_str(err.text, "/boot/own.img: is an image of the form newc cpio, ", "and it is named");
	done();
	el5_clean();
	buf_free(&b);
}

static void refused(const char *text, const char *what)
{
	is_int(plan5(false), UNRACK_UNSUPPORTED, "%s", what);
	has_str(err.text, text, "and says so");
	is_int(p.n_edits, 0, "without a plan");
	done();
}

static void refusals(void)
{
	make_server();
	el5_put(IMAGE, "junk");
	el5_remove("/sbin/nash");
	refused(", and none can be made: there is no /sbin/nash in the guest, which an initrd needs", "a guest without nash");
	put_program("/sbin/nash");
	el5_put("/etc/redhat-release", "Red Hat Enterprise Linux AS release 3 (Taroon Update 9)\n");
	is_int(plan5(false), UNRACK_UNSUPPORTED, "RHEL 3");
	ok(!strstr(err.text, "can be made"), "is not repaired: %s", err.text);
	done();
	el5_clean();
}

int main(void)
{
	missing();
	on_volumes();
	by_label();
	left_alone();
	folder();
	another_entry();
	refusals();
	return tap_done();
}
