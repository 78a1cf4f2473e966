/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading of modules that no alias loads, in images with and without systemd. */
#include "made_guest.h"

static const char aliased[] = "alias scsi:t-0x00* sd_mod\nalias block-major-8-* vmw_pvscsi\n";

/* An image of KIND that is changed; what is in the file WHERE of the result. */
static const char *changed(struct fixture *f, const char *where, struct buf *text)
{
	const struct initrd_member *m;
	struct initrd *i;

	made_end(&f->base);
	is_int(change(f), 0, "changed: %s", err.text);
	ok(loads(f, &f->out, f->wanted), "and the driver is loaded");
	i = made_open(&f->out);
	m = initrd_follow(i, where);
	buf_clear(text);
	if (m)
		buf_append(text, m->data, m->size);
	initrd_close(i);
	again(f);
	tear_down(f);
	return m ? buf_str(text) : "(none)";
}

static void physical6(struct fixture *f, const char *alias)
{
	static const char dep[] = "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\n";
	static const char all[] = "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\n"
				  "kernel/vmw_pvscsi.ko: kernel/scsi_mod.ko\n";

	set_up(f, "vmw_pvscsi");
	guest_free(&f->g);
	guest_new(&f->g, all, alias);
	f->c.tree = made_tree(EL6, all);
	made_el6(&f->base);
	made_modules(&f->base, EL6_DIR, dep);
	made_indexes(&f->base, EL6_DIR, dep, made_old_alias);
}

static void blacklists(void)
{
	static const char hook[] = "usr/lib/dracut/hooks/pre-udev/00-unrack.sh";
	CLEANUP_BUF struct buf text = { 0 };
	struct module_tree *t;
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "etc/modprobe.d/x.conf", "blacklist vmw_pvscsi\n");
	is_str(changed(&f, hook, &text), "modprobe -i vmw_pvscsi\n", "a hook loads what is blacklisted");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "etc/modprobe.d/x.conf", "install vmw_pvscsi /bin/true\ninstall scsi_mod /bin/true\n");
	is_str(changed(&f, hook, &text), "modprobe -i scsi_mod\nmodprobe -i vmw_pvscsi\n", "or has a command instead, in order");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "etc/cmdline.d/x.conf", "rd.driver.blacklist=a,vmw-pvscsi\n");
	is_str(changed(&f, hook, &text), "modprobe -i vmw_pvscsi\n", "by an argument, too");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "etc/modprobe.d/x.conf", "blacklist vmw_pvscsi\n");
	made_member(&f.base, "usr/lib/dracut", S_IFDIR | 0755, "");
	made_link(&f.base, "usr/lib/dracut/hooks", "../../../var/lib/dracut/hooks");
	is_str(changed(&f, "var/lib/dracut/hooks/pre-udev/00-unrack.sh", &text), "modprobe -i vmw_pvscsi\n",
	       "where RHEL 10 has hooks");

	physical6(&f, made_alias);
	t = (struct module_tree *)f.c.tree;
	made_text(&f.base, "etc/modprobe.d/x.conf", "blacklist vmw_pvscsi\n");
	is_str(changed(&f, "pre-udev/00-unrack.sh", &text), "modprobe -i vmw_pvscsi\n", "and where RHEL 6 has them");
	module_tree_free(t);
}

/* The loader's arguments are no part of the image, but count. */
static void arguments(void)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct initrd_needs needs = { .arguments = "ro root=/dev/sda2 rd.driver.blacklist=vmw_pvscsi quiet" };
	const char *wanted = "vmw_pvscsi";
	struct initrd_answer a;
	struct fixture f;
	struct initrd *i;

	set_up(&f, wanted);
	physical(&f);
	made_modules(&f.base, EL7_DIR, made_dep);
	made_indexes(&f.base, EL7_DIR, made_dep, made_alias);
	made_end(&f.base);
	i = made_open(&f.base);
	is_int(initrd_check_needs(i, tree, &wanted, 1, &needs, &a, &err), 0, "checks");
	is_str(a.text, "its command line keeps vmw_pvscsi from being loaded", "what the loader's line says");
	ok(!a.loads && a.missing_link == INITRD_LINK_DRIVER, "counts");
	initrd_answer_free(&a);
	needs.arguments = "rd.driver.pre=noalias";
	is_int(initrd_check_needs(i, tree, (const char *const[]){ "noalias" }, 1, &needs, &a, &err), 0, "checks");
	is_str(a.text, "it holds noalias and all that it needs, and loads it by name (command line)", "for good, too");
	initrd_answer_free(&a);
	initrd_close(i);

	needs.arguments = "rd.driver.blacklist=vmw_pvscsi";
	f.c.needs = &needs;
	is_int(change(&f), 0, "the repair");
	i = made_open(&f.out);
	ok(initrd_find(i, "usr/lib/dracut/hooks/pre-udev/00-unrack.sh"), "loads it nevertheless");
	initrd_close(i);

	/* The kernel's own. */
	needs.arguments = "quiet module_blacklist=x,vmw-pvscsi ro";
	is_int(change(&f), UNRACK_UNSUPPORTED, "nothing helps against the kernel");
	is_str(err.text, "initrd.img: cannot be repaired: the kernel does not take vmw_pvscsi, because of module_blacklist= on "
	       "its command line", "as is told");
	needs = (struct initrd_needs){ .root_on_lvm = true };
	is_int(change(&f), UNRACK_UNSUPPORTED, "nor is there anything to do for root on LVM");
	is_str(err.text, "initrd.img: cannot be repaired: root is on LVM, and lvm is not in it", "without its tools");
	ok(!f.changed && !f.out.len, "and nothing is handed out");
	tear_down(&f);
}

static void aliases(void)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct module_tree *t;
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	guest_text(&f.g, "modules.alias", aliased);
	guest_index(&f.g, KMOD_ALIAS, "modules.alias.bin", aliased);
	is_str(changed(&f, "etc/modules-load.d/unrack.conf", &text), "vmw_pvscsi\n", "an alias that is no device's loads nothing");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "usr/lib/udev/rules.d/80-drivers.rules", "# gone\n");
	is_str(changed(&f, "etc/modules-load.d/unrack.conf", &text), "sd_mod\nvmw_pvscsi\n",
	       "without udev's rule for them they are loaded by name");

	physical6(&f, aliased);
	t = (struct module_tree *)f.c.tree;
	is_str(changed(&f, "etc/cmdline", &text), " rdloaddriver=vmw_pvscsi\n", "RHEL 6");
	module_tree_free(t);
	physical6(&f, aliased);
	t = (struct module_tree *)f.c.tree;
	made_text(&f.base, "etc/cmdline", "rd_NO_LUKS\n");
	is_str(changed(&f, "etc/cmdline", &text), "rd_NO_LUKS rdloaddriver=vmw_pvscsi\n", "with arguments of its own");
	module_tree_free(t);

	/* a rule of 049's unit, no systemd-modules-load */
	set_up(&f, "noalias");
	physical(&f);
	made_text(&f.base, "usr/lib/systemd/systemd-modules-load", "");
	made_text(&f.base, "usr/lib/systemd/system/dracut-pre-udev.service", "ConditionPathExistsGlob=|/etc/cmdline.d/*.conf\n");
	is_str(changed(&f, "etc/cmdline.d/99-unrack.conf", &text), "rd.driver.pre=noalias\n", "RHEL 8 without modules-load");
	set_up(&f, "noalias");
	physical(&f);
	made_text(&f.base, "usr/lib/systemd/systemd-modules-load", "");
	is_str(changed(&f, "usr/lib/dracut/hooks/pre-udev/00-unrack.sh", &text), "modprobe -i noalias\n",
	       "RHEL 7, whose unit does not run for arguments in files");
	set_up(&f, "noalias");
	physical(&f);
	made_text(&f.base, "init", "#!/bin/sh\n");
	is_str(changed(&f, "etc/cmdline.d/99-unrack.conf", &text), "rd.driver.pre=noalias\n", "no systemd at all");

	set_up(&f, "noalias");
	physical(&f);
	made_text(&f.base, "usr/sbin/modprobe", "");
	made_text(&f.base, "init", "#!/bin/sh\n");
	made_end(&f.base);
	is_int(change(&f), UNRACK_UNSUPPORTED, "no modprobe");
	is_str(err.text, "initrd.img: cannot be repaired: nothing loads noalias: no alias leads to it", "is no way");
	tear_down(&f);
}

int main(void)
{
	tree = made_tree(EL7, made_dep);
	blacklists();
	arguments();
	aliases();
	module_tree_free(tree);
	return tap_done();
}
