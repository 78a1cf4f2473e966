/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>
#include <unistd.h>

#include "../../initrd/image.h"
#include "base/size.h"
#include "made_elf.h"
#include "made_guest.h"

static void repair(void)
{
	CLEANUP_BUF struct buf first = { 0 }, names = { 0 };
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;
	size_t n_base, at;

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	buf_zeros(&f.base, 1); /* so that padding is needed */
	i = made_open(&f.base);
	n_base = initrd_len(i);
	initrd_close(i);
	ok(!loads(&f, &f.base, "vmw_pvscsi"), "an image of a physical machine does not load the driver");
	is_int(change(&f), 0, "it is changed");
	ok(f.changed && begins_with(&f.out, &f.base), "into one that begins with the old");
	at = f.base.len + 3;
	ok(!f.out.data[f.base.len] && !f.out.data[at - 1] && at % 4 == 0 && f.out.data[at] == 0x1f,
	   "and goes on with zeros and a gzip segment");
	ok(!memcmp(f.out.data + at + 4, "\0\0\0\0", 4), "without a time");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "and loads the driver");
	ok(loads(&f, &f.out, "ahci"), "and the old one");
	members_of(&f.out, n_base, &names);
	is_str(buf_str(&names),
	       EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz\n" EL7_DIR "modules.dep\n" EL7_DIR "modules.dep.bin\n"
	       EL7_DIR "modules.alias\n" EL7_DIR "modules.alias.bin\n" EL7_DIR "modules.symbols\n" EL7_DIR "modules.symbols.bin\n"
	       EL7_DIR "modules.softdep\n" EL7_DIR "modules.order\n", "what is new in it: no folder that is there");
	has_str(buf_str(&f.summary), "appended a segment of ", "the summary tells the size");
	has_str(buf_str(&f.summary), "added   " EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz, 54 bytes\n", "each new member");
	has_str(buf_str(&f.summary), "changed " EL7_DIR "modules.dep, ", "and changed ones");
	i = made_open(&f.out);
	m = initrd_find(i, EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz");
	ok(m && !memcmp(m->data, "\177ELF kernel/drivers/scsi/vmw_pvscsi.ko.xz of the guest", m->size) &&
	   m->mode == (S_IFREG | 0644) && !m->uid && m->mtime == 1234567890, "the file is the guest's");
	m = initrd_find(i, EL7_DIR "kernel/drivers/scsi/scsi_mod.ko.xz");
	ok(m && memmem(m->data, m->size, "of the image", 12), "one that was there stays");
	m = initrd_find(i, EL7_DIR "modules.alias.bin");
	ok(m && m->size == guest_file(&f.g, "modules.alias.bin")->len &&
	   !memcmp(m->data, guest_file(&f.g, "modules.alias.bin")->data, m->size), "indexes are the guest's, byte for byte");
	initrd_close(i);

	buf_append(&first, f.out.data, f.out.len);
	change(&f);
	ok(f.out.len == first.len && !memcmp(f.out.data, first.data, first.len), "the same gives the same bytes");
	again(&f);
	f.wanted = "noalias";
	is_int(change(&f), 0, "for one more target");
	members_of(&f.out, n_base + 9, &names);
	is_str(buf_str(&names), EL7_DIR "kernel/drivers/scsi/noalias.ko.xz\netc/modules-load.d/\netc/modules-load.d/unrack.conf\n",
	       "only what is missing is added; one without an alias is loaded by name");
	has_str(buf_str(&f.summary), "added   etc/modules-load.d/unrack.conf, 8 bytes\n", "which is told");
	ok(loads(&f, &f.out, "vmw_pvscsi") && loads(&f, &f.out, "noalias"), "both are loaded");
	again(&f);
	tear_down(&f);
}

/* Guests whose indexes are not whole. */
static void guests_indexes(void)
{
	static const char files[] = "kernel/drivers/scsi/sd_mod.ko.xz\0kernel/drivers/scsi/vmw_pvscsi.ko.xz";
	struct module_tree *bare;
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	guest_remove(&f.g, "modules.dep.bin");
	guest_remove(&f.g, "modules.alias.bin");
	guest_remove(&f.g, "modules.symbols.bin");
	is_int(change(&f), 0, "texts only");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "the indexes are made");
	i = made_open(&f.out);
	m = initrd_find(i, EL7_DIR "modules.symbols.bin");
	ok(m && kmod_index_find(m->data, m->size, "symbol:scsi_add_host"), "all three");
	initrd_close(i);
	again(&f);
	tear_down(&f);

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	guest_index(&f.g, KMOD_DEP, "modules.dep.bin", made_old_dep);
	guest_text(&f.g, "modules.alias.bin", "cut");
	is_int(change(&f), 0, "old and damaged indexes");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "are made anew");
	tear_down(&f);

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	guest_remove(&f.g, "modules.alias.bin");
	guest_remove(&f.g, "modules.alias");
	guest_remove(&f.g, "modules.softdep");
	is_int(change(&f), 0, "no aliases");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "loaded by name");
	tear_down(&f);

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	guest_remove(&f.g, "modules.dep");
	is_int(change(&f), 0, "no modules.dep, but it is known what the driver needs");
	i = made_open(&f.out);
	m = initrd_find(i, EL7_DIR "modules.dep.bin");
	is_str(m ? kmod_index_find(m->data, m->size, "vmw_pvscsi") : "",
	       "kernel/drivers/scsi/vmw_pvscsi.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz", "is made");
	is_str(m ? kmod_index_find(m->data, m->size, "ahci") : "",
	       "kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz kernel/drivers/ata/libata.ko.xz "
	       "kernel/drivers/scsi/scsi_mod.ko.xz", "out of the image's own");
	initrd_close(i);
	made(module_tree_new(EL7, files, sizeof files, NULL, NULL, &bare, &err) == 0, "a tree without modules.dep");
	f.c.tree = bare;
	is_int(change(&f), UNRACK_UNSUPPORTED, "no modules.dep");
	is_str(err.text, "/lib/modules/" EL7 "/modules.dep is missing or empty, so initrd.img can't be repaired; run depmod -a "
	       EL7 " on the server, then copy it again", "is told");
	ok(!f.changed && !f.out.len, "and nothing is handed out");
	f.g.fails = EIO;
	is_int(change(&f), UNRACK_IO, "a read that fails");
	is_str(err.text, "can't read kernel/drivers/scsi/vmw_pvscsi.ko.xz: Input/output error", "is told in the reader's words");
	tear_down(&f);
	module_tree_free(bare);

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	guest_text(&f.g, "kernel/drivers/scsi/vmw_pvscsi.ko.xz", "");
	is_int(change(&f), UNRACK_DAMAGED, "an empty module");
	is_str(err.text, "kernel/drivers/scsi/vmw_pvscsi.ko.xz: is empty; install the package of kernel " EL7 " again", "is told");
	tear_down(&f);

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	guest_text(&f.g, "modules.order", "");
	guest_text(&f.g, "modules.softdep", "softdep vmw_pvscsi pre: noalias unknown post: ahci\nsoftdep x pre: ahci\nsoftdep\n");
	is_int(change(&f), 0, "softdeps");
	i = made_open(&f.out);
	ok(initrd_find(i, EL7_DIR "kernel/drivers/scsi/noalias.ko.xz"), "come along");
	ok(!initrd_find(i, EL7_DIR "modules.order"), "empty files do not");
	initrd_close(i);
	tear_down(&f);
}

/* An image whose modules were unpacked when it was made. */
static void other_names(void)
{
	static const char dep[] = "kernel/drivers/scsi/scsi_mod.ko:\nkernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko\n";
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	made_el7(&f.base);
	made_modules(&f.base, EL7_DIR, dep);
	made_indexes(&f.base, EL7_DIR, dep, made_old_alias);
	made_end(&f.base);
	is_int(change(&f), 0, "files of other names");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "still count");
	i = made_open(&f.out);
	m = initrd_find(i, EL7_DIR "modules.dep");
	has_str(m ? (const char *)m->data : "", "kernel/drivers/scsi/vmw_pvscsi.ko.xz: kernel/drivers/scsi/scsi_mod.ko\n",
		"modules.dep names those that are there");
	ok(!initrd_find(i, EL7_DIR "kernel/drivers/scsi/scsi_mod.ko.xz"), "which do not come twice");
	initrd_close(i);
	again(&f);
	tear_down(&f);
}

static void el6(void)
{
	static const char dep[] = "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\nkernel/drivers/vmw_pvscsi.ko: kernel/scsi_mod.ko\n"
				  "kernel/noalias.ko:\n";
	static const char old[] = "kernel/scsi_mod.ko:\nkernel/sd_mod.ko: kernel/scsi_mod.ko\n";
	struct module_tree *t = made_tree(EL6, dep);
	CLEANUP_BUF struct buf names = { 0 };
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;
	size_t n;

	set_up(&f, "vmw_pvscsi");
	guest_free(&f.g);
	guest_new(&f.g, dep, made_alias);
	f.c.tree = t;
	made_el6(&f.base);
	made_modules(&f.base, EL6_DIR, old);
	made_text(&f.base, EL6_DIR "modules.dep", old);
	made_text(&f.base, EL6_DIR "modules.alias", made_old_alias);
	made_text(&f.base, EL6_DIR "modules.softdep", "# Soft dependencies extracted from modules themselves.\n");
	made_text(&f.base, "etc/cmdline", "rd_NO_DM root=/dev/sda2\nsecond line");
	made_end(&f.base);
	made_gzip(&f.base);
	i = made_open(&f.base);
	n = initrd_len(i);
	initrd_close(i);
	is_int(change(&f), 0, "an image of RHEL 6");
	ok(begins_with(&f.out, &f.base) && loads(&f, &f.out, "vmw_pvscsi"), "is changed too");
	members_of(&f.out, n, &names);
	is_str(buf_str(&names), EL6_DIR "kernel/drivers/\n" EL6_DIR "kernel/drivers/vmw_pvscsi.ko\n" EL6_DIR "modules.dep\n"
	       EL6_DIR "modules.dep.bin\n" EL6_DIR "modules.alias\n" EL6_DIR "modules.alias.bin\n" EL6_DIR "modules.symbols\n"
	       EL6_DIR "modules.symbols.bin\n" EL6_DIR "modules.order\n" EL6_DIR "modules.builtin\n",
	       "in /lib, with the folders that are missing");
	again(&f);
	f.wanted = "noalias";
	is_int(change(&f), 0, "a driver without an alias");
	i = made_open(&f.out);
	m = initrd_find(i, "etc/cmdline");
	is_str(m ? (const char *)m->data : "", "rd_NO_DM root=/dev/sda2 rdloaddriver=noalias\n", "goes into the one line that is read");
	initrd_close(i);
	again(&f);
	tear_down(&f);
	module_tree_free(t);
}

/* A folder's member with the name of a link would undo that: see also what repair() adds. */
static void links(void)
{
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	made_el7(&f.base);
	made_link(&f.base, EL7_DIR "kernel", "/data/k");
	made_indexes(&f.base, EL7_DIR, made_old_dep, made_old_alias);
	made_end(&f.base);
	is_int(change(&f), UNRACK_UNSUPPORTED, "modules below a link are not looked for");
	has_str(err.text, "initrd.img: cannot be repaired: scsi_mod is not in it", "and none are put on it");
	tear_down(&f);

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, EL7_DIR "kernel/drivers/scsi", "a file");
	made_end(&f.base);
	is_int(change(&f), UNRACK_DAMAGED, "a file where a folder should be");
	is_str(err.text, "initrd.img: " EL7_DIR "kernel/drivers/scsi in it is no folder, but should be; take another copy of this file",
	       "is told");
	tear_down(&f);
}

/* --- Bases ------------------------------------------------------------------------------- */

/* --- Names ------------------------------------------------------------------------------- */

static void names(void)
{
	static const char *const devices[][2] = {
		{ "/dev/cciss/c0d0p2", "/dev/sda2" }, { "/dev/cciss/c0d0p3", "/dev/sda3" },
		{ "/dev/mapper/mpatha", NULL },
	};
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "ahci");
	f.c.devices = devices;
	f.c.n_devices = 3;
	physical(&f);
	made_text(&f.base, "etc/cmdline.d/a.conf", " root=block:/dev/cciss/c0d0p2  resume=\"/dev/cciss/c0d0p3\" x=/dev/cciss/c0d0p22\n"
		  "y=/dev/mapper/mpatha z=a,/dev/cciss/c0d0p3,b w=x/dev/cciss/c0d0p3\n");
	made_text(&f.base, "etc/cmdline.d/b.conf", "rd.lvm.lv=rhel/root\n");
	made_end(&f.base);
	is_int(change(&f), 0, "names in a good image");
	ok(f.changed && begins_with(&f.out, &f.base), "are changed");
	i = made_open(&f.out);
	m = initrd_find(i, "etc/cmdline.d/a.conf");
	is_str(m ? (const char *)m->data : "", " root=block:/dev/sda2  resume=\"/dev/sda3\" x=/dev/cciss/c0d0p22\n"
	       " z=a,/dev/sda3,b w=x/dev/cciss/c0d0p3\n", "whole ones, and arguments that have to go");
	is_str(initrd_at(i, initrd_len(i) - 1)->name, "etc/cmdline.d/a.conf", "in one member");
	initrd_close(i);
	has_str(buf_str(&f.summary), "--- etc/cmdline.d/a.conf\n", "the summary shows the lines");
	again(&f);
	tear_down(&f);

	set_up(&f, "ahci");
	f.c.devices = (const char *const[][2]){ { "/dev/mapper/mpatha", NULL } };
	f.c.n_devices = 1;
	physical(&f);
	made_text(&f.base, "etc/cmdline.d/a.conf", "root=/dev/mapper/mpatha");
	made_end(&f.base);
	is_int(change(&f), UNRACK_USAGE, "root cannot go");
	is_str(err.text, "initrd.img: /dev/mapper/mpatha is the root device in it, and has to have another name in the virtual machine",
	       "and said so");
	tear_down(&f);
}

/* --- Refusals ----------------------------------------------------------------------------- */

static void files(void)
{
	static const struct initrd_file file = { "etc/lvm/lvm.conf", "filter new\n", 11 };
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "ahci");
	made_text(&f.base, "etc/lvm/lvm.conf", "filter old\n");
	physical(&f);
	made_end(&f.base);
	is_int(change(&f), 0, "an image that loads its driver");
	ok(!f.changed, "stays");
	f.c.files = &file;
	f.c.n_files = 1;
	is_int(change(&f), 0, "with another content of a file");
	ok(f.changed && begins_with(&f.out, &f.base), "it gets a segment");
	i = made_open(&f.out);
	m = initrd_find(i, file.path);
	ok(m && m->size == 11 && !memcmp(m->data, file.data, 11), "where the file is");
	initrd_close(i);
	has_str(buf_str(&f.summary), "-filter old\n+filter new\n", "its lines are shown");
	ok(loads(&f, &f.out, "ahci"), "and all else is as it was");
	again(&f);
	tear_down(&f);
}

/* A kernel writes into a file that is there, and so into all its names. */
static void linked_files(void)
{
	static const struct initrd_file file = { "usr/bin/tool", "#!/bin/sh\nnew\n", 14 };
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;
	size_t n, base;

	set_up(&f, "ahci");
	physical(&f);
	made_node(&f.base, "usr/bin/tool", S_IFREG | 0755, 7, 2, 0, 0, NULL, 0);
	made_node(&f.base, "usr/bin/other", S_IFREG | 0755, 7, 2, 0, 0, "#!/bin/sh\nold\n", 14);
	made_end(&f.base);
	i = made_open(&f.base);
	base = initrd_len(i);
	initrd_close(i);
	f.c.files = &file;
	f.c.n_files = 1;
	is_int(change(&f), 0, "another content of a file with two names");
	i = made_open(&f.out);
	n = initrd_len(i);
	is_int(n, base + 2, "comes with two members");
	ok(S_ISLNK(initrd_at(i, n - 2)->mode) && !strcmp(initrd_at(i, n - 2)->name, file.path),
	   "a link, which takes the name away from the file");
	m = initrd_find(i, file.path);
	ok(m == initrd_at(i, n - 1) && m->nlink == 1 && !memcmp(m->data, file.data, 14), "and the new file");
	is_int(m ? m->mode : 0, S_IFREG | 0755, "which can be run like the old one");
	m = initrd_find(i, "usr/bin/other");
	ok(m && !memcmp(m->data, "#!/bin/sh\nold\n", 14), "the other name keeps the old one");
	initrd_close(i);
	again(&f);
	tear_down(&f);
}

static void refused(struct fixture *f, const char *want)
{
	made_end(&f->base);
	is_int(change(f), UNRACK_UNSUPPORTED, "refused");
	is_str(err.text, want, "why");
	ok(!f->changed && !f->out.len && !f->summary.len, "and nothing is handed out");
	tear_down(f);
}

static void refusals(void)
{
	static const char evil[] = "../../../etc/vmw_pvscsi.ko:\n";
	static const struct initrd_file file = { "etc/lvm/lvm.conf", "x", 1 };
	struct module_tree *t = made_tree(EL7, evil);
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "usr/lib/dracut/modules.txt", "kdumpbase\n");
	refused(&f, "initrd.img: is an image for crash dumps, which kdump makes anew by itself; it is left as it is");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "squash-root.img", "hsqs");
	f.c.files = &file;
	f.c.n_files = 1;
	f.c.n_wanted = 0;
	refused(&f, "initrd.img: its files are in a squashed filesystem inside, over which nothing can be laid; it is left as it is");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "usr/lib/dracut/modules.txt", "kdumpbase\n");
	f.c.files = &file;
	f.c.n_files = 1;
	f.c.n_wanted = 0;
	refused(&f, "initrd.img: is an image for crash dumps, which kdump makes anew by itself; it is left as it is");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "squash-root.img", "hsqs");
	refused(&f, "initrd.img: its files are in a squashed filesystem inside, which unrack does not look into");
	set_up(&f, "vmw_pvscsi");
	made_text(&f.base, "usr/lib/dracut/modules.txt", "bash\n");
	made_modules(&f.base, "usr/lib/modules/5.14.0-1.el9.x86_64/", made_old_dep);
	refused(&f, "initrd.img is made for kernel 5.14.0-1.el9.x86_64 and not for " EL7 "; take the modules of "
		    "5.14.0-1.el9.x86_64, or make an image for " EL7 " with this one as its base");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	f.c.tree = t;
	guest_text(&f.g, "../../../etc/vmw_pvscsi.ko", "x");
	refused(&f, "initrd.img: usr/lib/modules/" EL7 "/../../../etc/vmw_pvscsi.ko is no name for a file in it");
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "usr/lib/dracut/modules.txt", "rescue\n");
	made_end(&f.base);
	is_int(change(&f), 0, "a rescue image is changed like others");
	ok(f.changed, "since it boots like others");
	tear_down(&f);
	module_tree_free(t);
}

/* --- Hostile, and large ------------------------------------------------------------------- */

static void mutations(void)
{
	CLEANUP_BUF struct buf whole = { 0 };
	unsigned seed = 11, good = 0;
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_text(&f.base, "etc/cmdline.d/a.conf", "root=/dev/sda2\n");
	made_end(&f.base);
	buf_append(&whole, f.base.data, f.base.len);
	for (int round = 0; round < 400; round++) {
		struct initrd *i;
		int r;

		buf_clear(&f.base);
		buf_append(&f.base, whole.data, whole.len);
		for (unsigned k = 1 + made_random(&seed) % 4; k; k--)
			f.base.data[made_random(&seed) % f.base.len] = (uint8_t)made_random(&seed);
		r = initrd_open(f.base.data, f.base.len, "initrd.img", &i, &err);
		initrd_close(i);
		if (r == 0)
			r = change(&f);
		good += r == 0 ? !f.changed || begins_with(&f.out, &f.base) : (r < 0 && err.text[0]);
	}
	is_int(good, 400, "damaged images are repaired or refused");
	tear_down(&f);
}

/* 60 MiB that do not pack, as an image full of packed modules is. */
static void speed(void)
{
	CLEANUP_BUF struct buf content = { 0 };
	struct timespec t0, t1;
	struct fixture f;
	struct initrd *i;
	unsigned seed = 1;
	double s;

	set_up(&f, "vmw_pvscsi");
	buf_reserve(&content, 60 << 20);
	while (content.len < 60 << 20) {
		uint32_t v = made_random(&seed) << 16 ^ made_random(&seed);

		memcpy(content.data + content.len, &v, 4);
		content.len += 4;
	}
	physical(&f);
	made_node(&f.base, "usr/lib/firmware", S_IFREG | 0644, 1, 1, 0, 0, content.data, content.len);
	made_end(&f.base);
	i = made_open(&f.base);
	f.c.wanted = &f.wanted;
	f.c.ctx = &f.g;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	is_int(initrd_change(i, &f.c, &f.out, &f.changed, &f.summary, &err), 0, "an image of 60 MiB");
	clock_gettime(CLOCK_MONOTONIC, &t1);
	s = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	printf("# in %.2f s, %zu bytes more\n", s, f.out.len - f.base.len);
	ok(f.changed && s < 10 && f.out.len - f.base.len < 65536, "in bounded time, and grows a little");
	initrd_close(i);
	tear_down(&f);
}

/* A module in the image that is another kernel's: the guest's own one is laid over it. */
static void builds(void)
{
	static const char path[] = EL7_DIR "kernel/drivers/scsi/scsi_mod.ko.xz";
	CLEANUP_BUF struct buf other = { 0 };
	struct made_files files = { .n = 0 };
	const char *wanted = "scsi_mod";
	const struct initrd_member *m;
	struct initrd_answer a;
	struct module_tree *t;
	struct fixture f;
	struct initrd *i;

	made_module(&other, "depends=\nvermagic=3.10.0-123.el7.x86_64 SMP mod_unload modversions\n", NULL);
	made_module(made_add(&files, "kernel/drivers/scsi/scsi_mod.ko.xz"), "depends=\nvermagic=" EL7 " SMP mod_unload modversions\n",
		    NULL);
	t = made_files_tree(&files, EL7, "kernel/drivers/scsi/scsi_mod.ko.xz:\n", NULL, NULL);
	set_up(&f, wanted);
	physical(&f);
	made_node(&f.base, path, S_IFREG | 0644, 9, 1, 0, 0, other.data, other.len);
	made_text(&f.base, "etc/modules-load.d/x.conf", "scsi_mod\n");
	made_end(&f.base);
	i = made_open(&f.base);
	is_int(initrd_check(i, t, &wanted, 1, &a, &err), 0, "checks");
	has_str(a.text, "scsi_mod is in it, but " EL7_DIR "kernel/drivers/scsi/scsi_mod.ko.xz was built for \"3.10.0-123.el7.x86_64 SMP",
		"a module of another kernel is as good as none");
	initrd_answer_free(&a);
	initrd_close(i);
	guest_remove(&f.g, "kernel/drivers/scsi/scsi_mod.ko.xz");
	buf_append(guest_file(&f.g, "kernel/drivers/scsi/scsi_mod.ko.xz"), files.at[0].data.data, files.at[0].data.len);
	f.c.tree = t;
	is_int(change(&f), 0, "it is repaired");
	ok(begins_with(&f.out, &f.base) && loads(&f, &f.out, wanted), "with the kernel's own");
	i = made_open(&f.out);
	m = initrd_find(i, path);
	ok(m && m->size == files.at[0].data.len && !memcmp(m->data, files.at[0].data.data, m->size), "in the place of the other");
	initrd_close(i);
	again(&f);
	tear_down(&f);
	module_tree_free(t);
	made_files_free(&files);
}

int main(void)
{
	tree = made_tree(EL7, made_dep);
	repair();
	guests_indexes();
	other_names();
	el6();
	links();
	builds();
	names();
	files();
	linked_files();
	refusals();
	mutations();
	speed();
	module_tree_free(tree);
	return tap_done();
}
