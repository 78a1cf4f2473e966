/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images for a kernel that has none, out of those of other kernels. */
#include "../../initrd/image.h"
#include "made_guest.h"

#define OLD "3.10.0-957.el7.x86_64"
#define OLD_DIR "usr/lib/modules/" OLD "/"

static int rebase(struct fixture *f)
{
	struct initrd *i = made_open(&f->base);
	int r;

	f->c.wanted = &f->wanted;
	f->c.ctx = &f->g;
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	buf_clear(&f->summary);
	r = initrd_rebase(i, &f->c, &f->out, &f->summary, &err);
	initrd_close(i);
	return r;
}

static const char old_dep[] =
	"kernel/drivers/scsi/scsi_mod.ko.xz:\nkernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/libata.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libata.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/scsi/gone_since.ko.xz:\n";

/* An image of kernel OLD, without folders of EL7. */
static void of_old(struct buf *b)
{
	made_el7(b);
	made_modules(b, OLD_DIR, old_dep);
	made_indexes(b, OLD_DIR, old_dep, made_old_alias);
	made_text(b, OLD_DIR "modules.builtin", "old\n");
	made_text(b, "etc/cmdline.d/90lvm.conf", "rd.lvm.lv=vg/root\n");
}

/* Microcode in front, gzip behind: what a kernel's package makes. */
static void with_microcode(struct fixture *f)
{
	CLEANUP_BUF struct buf early = { 0 };

	made_text(&early, "kernel/x86/microcode/GenuineIntel.bin", "microcode");
	made_end(&early);
	made_gzip(&f->base);
	buf_append(&early, f->base.data, f->base.len);
	buf_clear(&f->base);
	buf_append(&f->base, early.data, early.len);
}

static void good(void)
{
	CLEANUP_BUF struct buf names = { 0 }, first = { 0 };
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_end(&f.base);
	with_microcode(&f);
	is_int(rebase(&f), 0, "an image of another kernel: %s", err.text);
	ok(loads(&f, &f.out, "vmw_pvscsi") && loads(&f, &f.out, "ahci"), "loads this kernel's modules");
	is_str(buf_str(&f.summary), "made of initrd.img, which is for kernel " OLD ": 5 modules of kernel " EL7 " in place of 5\n"
	       "not in that kernel: gone_since\n", "which is told");
	i = made_open(&f.out);
	buf_clear(&names);
	initrd_kernels(i, &names);
	is_str(buf_str(&names), EL7 "\n", "it has modules of this kernel only");
	is_str(initrd_container(i), "newc cpio (early), gzip newc cpio, gzip newc cpio", "microcode is in front");
	m = initrd_find(i, "kernel/x86/microcode/GenuineIntel.bin");
	ok(m && m->size == 9 && !memcmp(f.out.data, "070701", 6), "not packed");
	m = initrd_find(i, EL7_DIR "kernel/drivers/ata/libahci.ko.xz");
	ok(m && memmem(m->data, m->size, "of the guest", 12), "what its modules need comes from the guest");
	ok(!initrd_find(i, EL7_DIR "kernel/drivers/scsi/noalias.ko.xz"), "others do not come");
	m = initrd_find(i, EL7_DIR "modules.builtin");
	is_str(m ? (const char *)m->data : "", "kernel/fs/ext4/ext4.ko\n", "indexes are this kernel's");
	ok(initrd_find(i, "etc/cmdline.d/90lvm.conf") && initrd_find(i, "usr/lib/systemd/systemd"), "the rest is as it was");
	initrd_close(i);

	buf_append(&first, f.out.data, f.out.len);
	is_int(rebase(&f), 0, "again");
	ok(f.out.len == first.len && !memcmp(f.out.data, first.data, first.len), "gives the same bytes");
	again(&f);
	tear_down(&f);
}

/* A base that has this kernel's modules, too: a damaged image may have been repaired so far. */
static void own_modules(void)
{
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_modules(&f.base, EL7_DIR, made_old_dep);
	made_end(&f.base);
	is_int(rebase(&f), 0, "an image of two kernels");
	i = made_open(&f.out);
	m = initrd_find(i, EL7_DIR "kernel/drivers/scsi/scsi_mod.ko.xz");
	ok(m && memmem(m->data, m->size, "of the guest", 12), "gets all from the guest");
	initrd_close(i);
	tear_down(&f);
}

/* dracut links equal files: the only copy may be among those that go. */
static void links(void)
{
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_node(&f.base, "etc/same", S_IFREG | 0644, 777, 2, 0, 0, NULL, 0);
	made_node(&f.base, OLD_DIR "modules.same", S_IFREG | 0644, 777, 2, 0, 0, "content", 7);
	made_end(&f.base);
	is_int(rebase(&f), 0, "a file that shares its content");
	i = made_open(&f.out);
	m = initrd_find(i, "etc/same");
	ok(m && m->size == 7 && !memcmp(m->data, "content", 7), "with one that goes keeps it");
	initrd_close(i);
	tear_down(&f);
}

static void el6(void)
{
	static const char dep[] = "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\nkernel/vmw_pvscsi.ko: kernel/scsi_mod.ko\n";
	static const char old[] = "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\n";
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	guest_free(&f.g);
	guest_new(&f.g, dep, made_alias);
	f.c.tree = made_tree("2.6.32-696.el6.x86_64", dep);
	made_el6(&f.base);
	made_modules(&f.base, EL6_DIR, old);
	made_indexes(&f.base, EL6_DIR, old, made_old_alias);
	made_end(&f.base);
	is_int(rebase(&f), 0, "RHEL 6");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "loads the driver");
	i = made_open(&f.out);
	ok(initrd_find(i, "lib/modules/2.6.32-696.el6.x86_64/kernel/vmw_pvscsi.ko"), "from where that has modules");
	ok(!initrd_find(i, "lib/modules/" EL6), "the old folder is gone");
	initrd_close(i);
	module_tree_free((struct module_tree *)f.c.tree);
	tear_down(&f);
}

static void other_forms(void)
{
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_end(&f.base);
	is_int(rebase(&f), 0, "a plain image");
	i = made_open(&f.out);
	is_str(initrd_container(i), "newc cpio, gzip newc cpio", "stays so");
	initrd_close(i);
	buf_clear(&f.base);
	made_el7(&f.base);
	made_text(&f.base, "usr/lib/dracut/modules.txt", "rescue\n");
	made_end(&f.base);
	is_int(rebase(&f), 0, "a rescue image without modules");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "gets what is wanted");
	tear_down(&f);

	/* everything is in the kernel */
	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_end(&f.base);
	f.c.n_wanted = 0;
	made(module_tree_new("5.0", "", 0, NULL, "kernel/drivers/scsi/vmw_pvscsi.ko\n",
			     (struct module_tree **)&f.c.tree, &err) == 0, "a kernel without modules");
	guest_text(&f.g, "modules.dep", "");
	is_int(rebase(&f), UNRACK_UNSUPPORTED, "a kernel of which nothing is known");
	guest_text(&f.g, "modules.dep", "#\n");
	is_int(rebase(&f), 0, "a kernel without modules: %s", err.text);
	i = made_open(&f.out);
	ok(!initrd_find(i, OLD_DIR "modules.dep") && initrd_find(i, "usr/lib/systemd/systemd"), "loses the other's");
	initrd_close(i);
	module_tree_free((struct module_tree *)f.c.tree);
	tear_down(&f);
}

static void refused(struct fixture *f, int code, const char *text)
{
	if (f->base.len % 4 == 0)
		made_end(&f->base);
	is_int(rebase(f), code, "refused");
	has_str(err.text, text, "why");
	ok(!f->out.len, "and nothing is handed out");
	tear_down(f);
}

static void refusals(void)
{
	static const struct initrd_needs lvm = { .root_on_lvm = true };
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_text(&f.base, "usr/lib/dracut/modules.txt", "bash\nkdumpbase\n");
	refused(&f, UNRACK_UNSUPPORTED, "initrd.img: is an image for crash dumps; none to boot can be made of it");
	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_text(&f.base, "squash-root.img", "hsqs");
	refused(&f, UNRACK_UNSUPPORTED, "its files are in a squashed filesystem inside");
	set_up(&f, "vmw_pvscsi");
	made_text(&f.base, "init", "#!/bin/nash\n");
	refused(&f, UNRACK_UNSUPPORTED, "that dracut did not make; none for another kernel can be made of it");
	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	f.c.needs = &lvm;
	refused(&f, UNRACK_UNSUPPORTED, "cannot be repaired: root is on LVM, and lvm is not in it");
	set_up(&f, "not_there");
	of_old(&f.base);
	refused(&f, UNRACK_MISSING, "kernel " EL7 " has no module not_there");
	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	f.g.fails = EIO;
	refused(&f, UNRACK_IO, "Input/output error");
	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	guest_remove(&f.g, "kernel/drivers/ata/ahci.ko.xz");
	refused(&f, UNRACK_IO, "kernel/drivers/ata/ahci.ko.xz");
	set_up(&f, "vmw_pvscsi");
	made_text(&f.base, "usr/lib/dracut/modules.txt", "");
	made_link(&f.base, "lib", "usr/lib");
	made_link(&f.base, "usr/lib", "/lib");
	refused(&f, UNRACK_DAMAGED, "its links from /lib/modules lead nowhere");
}

static void mutations(void)
{
	CLEANUP_BUF struct buf whole = { 0 };
	unsigned seed = 7, sane = 0;
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	of_old(&f.base);
	made_end(&f.base);
	buf_append(&whole, f.base.data, f.base.len);
	for (int round = 0; round < 200; round++) {
		struct initrd *i;
		int r;

		buf_clear(&f.base);
		buf_append(&f.base, whole.data, whole.len);
		for (unsigned k = 1 + made_random(&seed) % 4; k; k--)
			f.base.data[made_random(&seed) % f.base.len] = (uint8_t)made_random(&seed);
		r = initrd_open(f.base.data, f.base.len, "initrd.img", &i, &err);
		initrd_close(i);
		if (r == 0)
			r = rebase(&f);
		sane += r == 0 ? f.out.len > 0 : (r < 0 && err.text[0]);
	}
	is_int(sane, 200, "damaged images are used or refused");
	tear_down(&f);
}

int main(void)
{
	tree = made_tree(EL7, made_dep);
	good();
	own_modules();
	links();
	el6();
	other_forms();
	refusals();
	mutations();
	module_tree_free(tree);
	return tap_done();
}
