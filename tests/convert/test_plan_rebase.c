/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels without a usable initramfs get one made of another's. */
#include "plan7.h"

#define IMAGE "/boot/initramfs-" KVER7 ".img"
#define IMAGE_OLD "/boot/initramfs-" KVER7_OLD ".img"
#define RESCUE "/boot/initramfs-0-rescue-" MACHINE_ID ".img"

static const char *reason_of(const char *path)
{
	const struct edit *e = edit7(path, EDIT_WRITE);

	return e ? e->reason : "(not written)";
}

/* The image at PATH as it would be: whether it loads the driver for kernel KVER. */
static void loads(const char *path, const char *kver)
{
	const struct edit *e = edit7(path, EDIT_WRITE);
	struct module_tree *tree = made_tree(kver, el7_dep);
	const char *wanted = "vmw_pvscsi";
	struct initrd_answer a;
	struct initrd *i;

	ok(e && e->binary, "%s is written", path);
	if (e) {
		i = made_open(&e->after);
		is_int(initrd_check(i, tree, &wanted, 1, &a, &err), 0, "it can be checked");
		ok(a.loads, "and loads the driver: %s", a.text);
		initrd_answer_free(&a);
		initrd_close(i);
	}
	module_tree_free(tree);
}

static void apply_twice(int release)
{
	done7();
	is_int(plan7_with(release, true, NULL), 0, "planned again");
	is_int(apply_plan(g, &p, NULL, &err), 0, "applied: %s", err.text);
	done7();
	is_int(plan7(release), 0, "and again");
	ok(!edit7(IMAGE, EDIT_WRITE) && !edit7(IMAGE_OLD, EDIT_WRITE), "there is nothing left to do");
}

static void test_missing(void)
{
	const struct edit *e;

	el7_make(7, el7_image);
	el5_remove(IMAGE);
	is_int(plan7(7), 0, "the default kernel's image is missing: %s", err.text);
	loads(IMAGE, KVER7);
	is_str(reason_of(IMAGE), IMAGE ", which the boot loader names, is not there; so one is made of " IMAGE_OLD
	       ", with the modules of kernel " KVER7 " in it", "with the reason");
	e = edit7(IMAGE, EDIT_WRITE);
	ok(e && !e->existed && e->mode == 0600 && !strcmp(e->label_from, IMAGE_OLD), "as a new file for root only");
	has_str(e ? buf_str(&e->summary) : "", "made of " IMAGE_OLD ", which is for kernel " KVER7_OLD ": 5 modules of kernel " KVER7
		" in place of 5\n", "and what became of the modules");
	ok(!edit7(IMAGE, EDIT_RENAME), "there is no old one to keep");
	loads(IMAGE_OLD, KVER7_OLD);
	apply_twice(7);
	done7();
	el5_clean();

	el7_make(9, el7_image);
	el5_remove(IMAGE_OLD);
	is_int(plan7(9), 0, "another kernel's is missing");
	loads(IMAGE_OLD, KVER7_OLD);
	has_str(reason_of(IMAGE_OLD), "so one is made of " IMAGE ",", "it is made of the default one's");
	is_int(p.n_warnings, 0, "without a warning: %s", warnings7());
	apply_twice(9);
	done7();
	el5_clean();
}

static void test_damaged(void)
{
	const struct edit *e;

	el7_make(7, el7_image);
	el5_put(IMAGE, "junk");
	is_int(plan7(7), 0, "the default kernel's image is damaged: %s", err.text);
	loads(IMAGE, KVER7);
	has_str(reason_of(IMAGE), IMAGE ": ", "which is said");
	has_str(reason_of(IMAGE), "; so one is made of " IMAGE_OLD, "and what is done");
	e = edit7(IMAGE, EDIT_RENAME);
	is_str(e ? e->to : NULL, "/boot/initramfs-" KVER7 "-phys.img", "what was there is kept");
	apply_twice(7);
	done7();
	el5_clean();

	el7_make(7, el7_image);
	el5_put(IMAGE, "");
	el5_put(IMAGE_OLD, "junk");
	el7_put_image("0-rescue-" MACHINE_ID, el7_image, 7);
	is_int(plan7(7), 0, "all are damaged but the rescue image: %s", err.text);
	has_str(reason_of(IMAGE), "so one is made of " RESCUE, "that serves");
	has_str(reason_of(IMAGE_OLD), "so one is made of " RESCUE, "both kernels");
	loads(IMAGE, KVER7);
	loads(IMAGE_OLD, KVER7_OLD);
	ok(!edit7(RESCUE, EDIT_WRITE) && !edit7(RESCUE, EDIT_RENAME), "and stays as it is");
	apply_twice(7);
	done7();
	el5_clean();
}

static void full(struct guest *guest)
{
	guest->mounts[1].free_bytes = 700;
}

static void test_refused(void)
{
	el7_make(7, el7_image);
	el5_put(IMAGE, "junk");
	el5_put(IMAGE_OLD, "junk");
	is_int(plan7(7), UNRACK_UNSUPPORTED, "no usable image at all");
	has_str(err.text, ", and none can be made of another: " RESCUE ": ", "is told, with what is wrong with the last one");
	done7();
	el5_remove(RESCUE);
	is_int(plan7(7), UNRACK_UNSUPPORTED, "no other");
	has_str(err.text, "there is no usable initramfs of another kernel, and no rescue image", "is told, too");
	done7();
	el5_clean();

	el7_without_lvm = true;
	el7_make(7, el7_image);
	el7_without_lvm = false;
	el5_remove(IMAGE);
	is_int(plan7(7), UNRACK_UNSUPPORTED, "one without LVM");
	has_str(err.text, IMAGE_OLD ": cannot be repaired: root is on LVM, and lvm is not in it", "would not do");
	done7();
	el5_clean();

	el7_make(7, el7_image);
	el5_remove(IMAGE_OLD);
	is_int(plan7_with(7, false, full), UNRACK_NOSPACE, "no room even for the default one's");
	done7();
	el5_put(IMAGE, "junk");
	el7_put_image(KVER7_OLD, el7_image, 7);
	is_int(plan7_with(7, false, full), UNRACK_UNSUPPORTED, "no room for one that is made");
	has_str(err.text, "KiB does not fit on /boot, which has 0 KiB free", "is told");
	done7();
	el5_clean();

	/* nothing that the loader names: which file would it be? */
	el7_make(6, el7_image);
	el5_remove(IMAGE);
	is_int(plan7(6), UNRACK_UNSUPPORTED, "RHEL 6 with a single kernel");
	has_str(err.text, IMAGE ", which the boot loader names, is not there, and none can be made of another: there is no usable "
		"initramfs of another kernel, and no rescue image", "has nothing to make one of");
	done7();
	el5_clean();
}

int main(void)
{
	test_missing();
	test_damaged();
	test_refused();
	return tap_done();
}
