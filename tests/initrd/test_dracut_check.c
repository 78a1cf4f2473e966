/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "made_dracut.h"

static struct unrack_error err;
static struct module_tree *tree, *tree6;
static struct buf b;

static void check_for(const struct module_tree *t, const char *wanted, const char *want)
{
	struct initrd *i = made_close(&b);
	struct initrd_answer a;

	err = (struct unrack_error)UNRACK_ERROR_INIT;
	is_int(initrd_check(i, t, &wanted, 1, &a, &err), 0, "checks for %s", wanted);
	is_str(a.text, want, "its answer");
	is_int(a.loads, !strncmp(want, "it holds ", 9) && strncmp(want, "it holds no", 11) != 0, "its verdict");
	ok(a.loads == !a.missing.len, "a reason for each no");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void check(const char *wanted, const char *want)
{
	check_for(tree, wanted, want);
}

static void good(void)
{
	const char *wanted = "vmw_pvscsi";
	struct initrd_answer a;
	struct initrd *i;

	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	i = made_close(&b);
	is_int(initrd_check(i, tree, &wanted, 1, &a, &err), 0, "checks");
	is_str(a.text, "it holds vmw_pvscsi and all that it needs", "modules and indexes are there");
	is_str(buf_str(&a.order), "scsi_mod\nsd_mod\nvmw_pvscsi\n", "in their order");
	ok(a.loads && a.kind == INITRD_DRACUT, "its verdict and kind");
	initrd_answer_free(&a);
	initrd_close(i);
}

/* What boots and what does not, as tried with a real kernel, kmod and dracut. */
static void tried(void)
{
	/* B: not in it */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_old_dep);
	made_indexes(&b, EL7_DIR, made_old_dep, made_old_alias);
	check("vmw_pvscsi", "vmw_pvscsi is not in it");
	/* C: all of it, behind what was there */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_old_dep);
	made_indexes(&b, EL7_DIR, made_old_dep, made_old_alias);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	check("vmw_pvscsi", "it holds vmw_pvscsi and all that it needs");
	/* D: texts are new, but kmod reads only the .bin */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_old_dep, made_old_alias);
	made_text(&b, EL7_DIR "modules.dep", made_dep);
	made_text(&b, EL7_DIR "modules.alias", made_alias);
	check("vmw_pvscsi", "vmw_pvscsi is in it, but its modules.dep.bin does not list it");
	/* the same, but only of one */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_old_alias);
	check("vmw_pvscsi", "nothing loads vmw_pvscsi: no alias leads to it");
	/* E: a hook with insmod, which is not there */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_old_alias);
	made_text(&b, "usr/lib/dracut/hooks/pre-trigger/01-x.sh", "insmod /lib/modules/x/vmw_pvscsi.ko\n");
	check("vmw_pvscsi", "nothing loads vmw_pvscsi: no alias leads to it");
	/* H: without systemd, by name, no alias */
	made_el7(&b);
	made_text(&b, "init", "#!/bin/sh\n");
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_old_alias);
	made_text(&b, "etc/cmdline.d/x.conf", "rd.driver.pre=x,vmw-pvscsi,y\n");
	check("vmw_pvscsi", "it holds vmw_pvscsi and all that it needs, and loads it by name (etc/cmdline.d/x.conf)");
}

static void loading(void)
{
	static const char loads[] = "it holds vmw_pvscsi and all that it needs, and loads it by name (";
	static const char *const by_name[][3] = {
		{ "etc/modules-load.d/x.conf", "# comment\n\nvmw_pvscsi\n", "loads" },
		{ "usr/lib/modules-load.d/x.conf", "sg\nvmw_pvscsi", "loads" },
		{ "etc/modules-load.d/x.conf", "#vmw_pvscsi\n", "" },
		{ "etc/modules-load.d/x", "vmw_pvscsi\n", "" },
		/* RHEL 7's unit does not look there */
		{ "etc/cmdline.d/x.conf", "rd.driver.pre=vmw_pvscsi\n", "" },
		{ "usr/lib/dracut/hooks/pre-udev/00-x.sh", "#!/bin/sh\n\tmodprobe -q vmw_pvscsi\n", "loads" },
		{ "usr/lib/dracut/hooks/initqueue/settled/x.sh", "/sbin/modprobe -a sg vmw-pvscsi; true\n", "loads" },
		{ "usr/lib/dracut/hooks/pre-pivot/x.sh", "modprobe vmw_pvscsi\n", "" },
		{ "usr/lib/dracut/hooks/pre-udev/x.sh", "modprobe sg || vmw_pvscsi\n", "" },
	};
	char want[300];

	for (size_t k = 0; k < sizeof by_name / sizeof *by_name; k++) {
		made_el7(&b);
		made_modules(&b, EL7_DIR, made_dep);
		made_indexes(&b, EL7_DIR, made_dep, made_old_alias);
		made_text(&b, by_name[k][0], by_name[k][1]);
		snprintf(want, sizeof want, "%s%s)", loads, by_name[k][0]);
		check("vmw_pvscsi", by_name[k][2][0] ? want : "nothing loads vmw_pvscsi: no alias leads to it");
	}
	/* 049's unit does */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_old_alias);
	made_text(&b, "usr/lib/systemd/system/dracut-pre-udev.service", "ConditionPathExistsGlob=|/etc/cmdline.d/*.conf\n");
	made_text(&b, "etc/cmdline.d/x.conf", "rd.driver.pre=vmw_pvscsi\n");
	snprintf(want, sizeof want, "%setc/cmdline.d/x.conf)", loads);
	check("vmw_pvscsi", want);

	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	check("noalias", "nothing loads noalias: no alias leads to it");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_text(&b, "etc/modprobe.d/x.conf", "# blacklist ahci\nblacklist vmw_pvscsi\n");
	check("vmw_pvscsi", "its etc/modprobe.d/x.conf keeps vmw_pvscsi from being loaded");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_text(&b, "etc/modprobe.d/x.conf", "install vmw-pvscsi /bin/true\n"
		  "install sd_mod /sbin/modprobe --ignore-install sd_mod; echo\n");
	check("vmw_pvscsi", "its etc/modprobe.d/x.conf has a command run in place of loading vmw_pvscsi");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_text(&b, "etc/cmdline.d/x.conf", "rd.driver.blacklist=vmw_pvscsi");
	check("vmw_pvscsi", "its etc/cmdline.d/x.conf keeps vmw_pvscsi from being loaded");
}

static void links_in_the_chain(void)
{
	/* a file that the index needs, but not the kernel's */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_index(&b, EL7_DIR, KMOD_DEP, "modules.dep.bin",
		   "kernel/drivers/scsi/vmw_pvscsi.ko.xz: kernel/gone.ko\nkernel/drivers/scsi/scsi_mod.ko.xz:\n"
		   "kernel/drivers/scsi/sd_mod.ko.xz:\n");
	check("vmw_pvscsi", "vmw_pvscsi is in it, but not all that its modules.dep.bin says it needs");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	check("vmw_pvscsi", "scsi_mod is in it, but it has no modules.dep.bin (and 2 more)");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_text(&b, EL7_DIR "modules.dep.bin", "\260\007\364W\001 not one");
	check("vmw_pvscsi", "scsi_mod is in it, but its modules.dep.bin does not list it (and 2 more)");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_index(&b, EL7_DIR, KMOD_DEP, "modules.dep.bin", made_dep);
	check("vmw_pvscsi", "nothing loads sd_mod: it has no modules.alias.bin (and 1 more)");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_text(&b, EL7_DIR "modules.alias.bin", "x");
	check("vmw_pvscsi", "nothing loads sd_mod: its modules.alias.bin is damaged (and 1 more)");
	/* an empty file, and links to another and to nothing */
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_text(&b, EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz", "");
	check("vmw_pvscsi", "vmw_pvscsi is not in it");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_link(&b, EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz", "/lib/modules/x");
	check("vmw_pvscsi", "vmw_pvscsi is not in it");
	made_el7(&b);
	made_modules(&b, EL7_DIR, made_dep);
	made_indexes(&b, EL7_DIR, made_dep, made_alias);
	made_link(&b, EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz", "../../../../9/vmw_pvscsi.ko.xz");
	made_text(&b, "usr/lib/modules/9/vmw_pvscsi.ko.xz", "\177ELF");
	check("vmw_pvscsi", "it holds vmw_pvscsi and all that it needs");

	made_el7(&b);
	check("vmw_pvscsi", "it holds no modules of kernel " EL7);
	made_el7(&b);
	made_modules(&b, "usr/lib/modules/3.10.0-957.el7.x86_64/", made_dep);
	check("vmw_pvscsi", "it holds no modules of kernel " EL7);
	made_text(&b, "usr/lib/modules/3.10.0-957.el7.x86_64/kernel/sd_mod.ko", "x");
	made_text(&b, "usr/lib/dracut/modules.txt", "bash");
	check("vmw_pvscsi", "it is made for kernel 3.10.0-957.el7.x86_64, and holds no modules of kernel " EL7);
}

/* module-init-tools take the texts where there is no .bin. */
static void el6(void)
{
	static const char dep[] = "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\nkernel/vmw_pvscsi.ko: kernel/scsi_mod.ko\n";

	made_el6(&b);
	made_modules(&b, EL6_DIR, dep);
	made_text(&b, EL6_DIR "modules.dep", dep);
	made_text(&b, EL6_DIR "modules.alias", made_alias);
	check_for(tree6, "vmw_pvscsi", "it holds vmw_pvscsi and all that it needs");
	made_el6(&b);
	made_modules(&b, EL6_DIR, dep);
	made_text(&b, EL6_DIR "modules.dep", dep);
	made_text(&b, EL6_DIR "modules.alias", made_old_alias);
	check_for(tree6, "vmw_pvscsi", "nothing loads vmw_pvscsi: no alias leads to it");
	made_el6(&b);
	made_modules(&b, EL6_DIR, dep);
	made_text(&b, EL6_DIR "modules.dep", dep);
	made_text(&b, EL6_DIR "modules.alias", made_alias);
	made_index(&b, EL6_DIR, KMOD_ALIAS, "modules.alias.bin", made_old_alias);
	check_for(tree6, "vmw_pvscsi", "nothing loads vmw_pvscsi: no alias leads to it");
	made_el6(&b);
	made_modules(&b, EL6_DIR, dep);
	made_text(&b, EL6_DIR "modules.dep", "");
	check_for(tree6, "vmw_pvscsi", "scsi_mod is in it, but it has no modules.dep (and 2 more)");
	made_el6(&b);
	made_modules(&b, EL6_DIR, dep);
	made_text(&b, EL6_DIR "modules.dep", dep);
	made_text(&b, "etc/cmdline", "rdloaddriver=vmw_pvscsi ");
	check_for(tree6, "vmw_pvscsi", "nothing loads sd_mod: it has no modules.alias");
	/* kmod does not, even if it is called modprobe too */
	made_el6(&b);
	made_text(&b, "lib/libkmod.so.2", "\177ELF");
	made_modules(&b, EL6_DIR, dep);
	made_text(&b, EL6_DIR "modules.dep", dep);
	made_text(&b, EL6_DIR "modules.alias", made_alias);
	check_for(tree6, "vmw_pvscsi", "scsi_mod is in it, but it has no modules.dep.bin (and 2 more)");
}

static void names(void)
{
	struct initrd_answer a;
	struct initrd *i;

	made_el7(&b);
	made_text(&b, "etc/cmdline.d/95root-dev.conf", " root=block:/dev/sda2 rootfstype=xfs rootflags=rw\n");
	made_text(&b, "etc/cmdline.d/90lvm.conf", " rd.lvm.lv=rhel/root\trd.lvm.lv=rhel/swap rd.lvm.lv=rhel/root\n");
	made_text(&b, "etc/cmdline.d/95resume.conf", "resume=\"/dev/mapper/rhel-swap\"\n");
	made_text(&b, "etc/cmdline.d/90mdraid.conf", "rd.md.uuid=1:2:3:4 x=\"a b\" journal=UUID=7 l=/dev/cciss/c0d0p1\n");
	made_text(&b, "etc/cmdline.d/README", "root=/dev/not\n");
	made_text(&b, "usr/lib/dracut/hooks/initqueue/finished/devexists-\\x2fdev.sh", "[ -e \"/dev/disk/by-uuid/8\" ]\n[ -e \"/dev/$x\" ]\n");
	i = made_close(&b);
	is_int(initrd_check(i, tree, NULL, 0, &a, &err), 0, "nothing wanted");
	ok(a.loads, "is loaded");
	is_str(a.root, "/dev/sda2", "root");
	is_str(a.root_fs, "xfs", "its filesystem");
	is_str(a.resume, "/dev/mapper/rhel-swap", "resume, without quotes");
	is_str(buf_str(&a.mentions), "/dev/rhel/root\n/dev/rhel/swap\nUUID=7\n/dev/cciss/c0d0p1\n/dev/disk/by-uuid/8\n",
	       "volumes and other devices, each once");
	is_str(buf_str(&a.arguments), "rd.lvm.lv=rhel/root\nrd.lvm.lv=rhel/swap\nrd.lvm.lv=rhel/root\nrd.md.uuid=1:2:3:4\n"
	       "x=\"a b\"\njournal=UUID=7\nl=/dev/cciss/c0d0p1\nresume=\"/dev/mapper/rhel-swap\"\n"
	       "root=block:/dev/sda2\nrootfstype=xfs\nrootflags=rw\n", "all arguments");
	initrd_answer_free(&a);
	initrd_close(i);

	made_el6(&b);
	made_text(&b, "etc/cmdline", "root=LABEL=x rd_LVM_LV=vg/root");
	made_text(&b, "etc/cmdline.d/x.conf", "root=/dev/not\n");
	i = made_close(&b);
	is_int(initrd_check(i, tree6, NULL, 0, &a, &err), 0, "RHEL 6");
	is_str(a.root, "LABEL=x", "has one file for them");
	is_str(buf_str(&a.mentions), "/dev/vg/root\n", "and older names");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void special(void)
{
	const char *wanted = "vmw_pvscsi";
	struct initrd_answer a;
	struct initrd *i;

	made_el7(&b);
	made_text(&b, "squash-root.img", "hsqs");
	i = made_close(&b);
	is_int(initrd_check(i, tree, &wanted, 1, &a, &err), UNRACK_UNSUPPORTED, "a squashed image");
	is_str(err.text, "initrd.img: its files are in a squashed filesystem inside, which unrack does not look into", "is told");
	is_int(initrd_check(i, tree, NULL, 0, &a, &err), 0, "but may be asked for names");
	initrd_answer_free(&a);
	initrd_close(i);
}

/* Links in circles, folders that are none, configuration without end. */
static void hostile(void)
{
	struct initrd_answer a;
	struct initrd *i;

	made_text(&b, "usr/lib/dracut/modules.txt", "");
	made_link(&b, "lib", "usr/lib");
	made_link(&b, "usr/lib", "/lib");
	i = made_close(&b);
	is_int(initrd_check(i, tree, NULL, 0, &a, &err), UNRACK_DAMAGED, "links in a circle");
	is_str(err.text, "initrd.img: its links from /lib/modules lead nowhere; take another copy of this file", "are told");
	initrd_close(i);

	made_el7(&b);
	made_link(&b, "usr/lib/modules", "../../../../../../../../etc");
	made_modules(&b, "etc/" EL7 "/", made_dep);
	made_indexes(&b, "etc/" EL7 "/", made_dep, made_alias);
	check("vmw_pvscsi", "it holds vmw_pvscsi and all that it needs");

	made_el7(&b);
	{
		char *big = calloc(1, (5 << 20) + 1);

		made(big, "5 MiB");
		memset(big, 'x', 5 << 20);
		made_text(&b, "etc/cmdline.d/x.conf", big);
		free(big);
	}
	i = made_close(&b);
	is_int(initrd_check(i, tree, NULL, 0, &a, &err), UNRACK_UNSUPPORTED, "configuration without end");
	is_str(err.text, "initrd.img: its configuration files are larger than 1 MiB together, or name more than those of any initrd do", "is told");
	initrd_close(i);

	made_el7(&b);
	for (int k = 0; k < 20000; k++) {
		char name[80];

		snprintf(name, sizeof name, "usr/lib/modules/" EL7 "/kernel/a%d.ko", k);
		made_link(&b, name, "../../../../../lib/modules/x");
	}
	check("vmw_pvscsi", "it holds no modules of kernel " EL7);
}

int main(void)
{
	tree = made_tree(EL7, made_dep);
	tree6 = made_tree(EL6, "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\nkernel/vmw_pvscsi.ko: kernel/scsi_mod.ko\n");
	good();
	tried();
	loading();
	links_in_the_chain();
	el6();
	names();
	special();
	hostile();
	module_tree_free(tree);
	module_tree_free(tree6);
	buf_free(&b);
	return tap_done();
}
