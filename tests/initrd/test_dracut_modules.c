/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packed modules, for images that read them and for those that do not. */
#include "../../initrd/archive.h"
#include "../../initrd/dracut_modules.h"
#include "made_guest.h"

/* The driver of the guest as `xz` packs it; false: there is none here. */
static bool pack_driver(struct fixture *f, const char *command)
{
	struct buf *b = guest_file(&f->g, "kernel/drivers/scsi/vmw_pvscsi.ko.xz");
	char line[200];

	buf_clear(b);
	snprintf(line, sizeof line, "printf '\\177ELF packed' | %s 2>/dev/null", command);
	return made_by(b, line) && b->len > 16;
}

/* A physical machine's image whose modules are not packed. */
static void plain(struct fixture *f)
{
	static const char dep[] = "kernel/drivers/scsi/scsi_mod.ko:\nkernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko\n";

	made_el7(&f->base);
	made_modules(&f->base, EL7_DIR, dep);
	made_indexes(&f->base, EL7_DIR, dep, made_old_alias);
}

static void readers(void)
{
	static const struct { const char *libkmod, *library; enum archive_packing how; bool reads; } cases[] = {
		{ "\177ELF liblzma.so.5", "usr/lib64/liblzma.so.5.2.2", PACK_XZ, true },
		{ "\177ELF liblzma.so.5", "usr/lib64/libz.so.1", PACK_XZ, false },
		{ "\177ELF libc.so.6", "usr/lib64/liblzma.so.5", PACK_XZ, false },
		{ "\177ELF libz.so.1", "usr/lib64/libz.so.1", PACK_GZIP, true },
		{ "\177ELF libzstd.so.1", "usr/lib64/libzstd.so.1", PACK_ZSTD, true },
		{ "\177ELF libzstd.so.1", "usr/lib64/libzstd.so.1", PACK_BZIP2, false },
		{ "\177ELF", "usr/lib64/x", PACK_PLAIN, true },
	};
	CLEANUP_BUF struct buf b = { 0 };

	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct initrd *i;

		made_el7(&b);
		made_text(&b, "usr/lib64/libkmod.so.2", cases[k].libkmod);
		made_text(&b, cases[k].library, "\177ELF");
		i = made_close(&b);
		is_int(dracut_reads_packing(i, cases[k].how), cases[k].reads, "%s with %s, %s", cases[k].libkmod + 1,
		       cases[k].library, archive_packing_name(cases[k].how));
		initrd_close(i);
	}
}

static void put(const char *command, const char *libkmod, bool packed)
{
	const struct initrd_member *m;
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	plain(&f);
	made_text(&f.base, "usr/lib64/libkmod.so.2", libkmod);
	made_text(&f.base, "usr/lib64/liblzma.so.5", "\177ELF");
	made_end(&f.base);
	if (!pack_driver(&f, command)) {
		ok(true, "%s # SKIP it is not here", command);
		tear_down(&f);
		return;
	}
	is_int(change(&f), 0, "a module packed by %s: %s", command, err.text);
	ok(loads(&f, &f.out, "vmw_pvscsi"), "is loaded");
	i = made_open(&f.out);
	m = initrd_find(i, packed ? EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz" : EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko");
	ok(m && (packed ? m->size == guest_file(&f.g, "kernel/drivers/scsi/vmw_pvscsi.ko.xz")->len :
			  m->size == 11 && !memcmp(m->data, "\177ELF packed", 11)),
	   packed ? "packed as it is" : "unpacked, since nothing in the image reads it");
	m = initrd_find(i, EL7_DIR "modules.dep.bin");
	is_str(m ? kmod_index_find(m->data, m->size, "vmw_pvscsi") : "",
	       packed ? "kernel/drivers/scsi/vmw_pvscsi.ko.xz: kernel/drivers/scsi/scsi_mod.ko" :
			"kernel/drivers/scsi/vmw_pvscsi.ko: kernel/drivers/scsi/scsi_mod.ko", "modules.dep names that file");
	initrd_close(i);
	again(&f);
	tear_down(&f);
}

static void damaged(void)
{
	struct fixture f;
	struct buf *b;

	set_up(&f, "vmw_pvscsi");
	plain(&f);
	made_end(&f.base);
	if (!pack_driver(&f, "xz")) {
		ok(true, "xz # SKIP it is not here");
	} else {
		b = guest_file(&f.g, "kernel/drivers/scsi/vmw_pvscsi.ko.xz");
		b->len -= 20;
		is_int(change(&f), UNRACK_DAMAGED, "a packed module that is cut");
		has_str(err.text, "kernel/drivers/scsi/vmw_pvscsi.ko.xz: ", "is named");
	}
	tear_down(&f);
	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	if (pack_driver(&f, "xz")) {
		struct initrd *i;

		is_int(change(&f), 0, "an image that has packed modules");
		i = made_open(&f.out);
		ok(initrd_find(i, EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz"), "gets more of them");
		initrd_close(i);
	}
	tear_down(&f);
}

int main(void)
{
	tree = made_tree(EL7, made_dep);
	readers();
	put("xz --check=crc32", "\177ELF liblzma.so.5", true);
	put("xz --check=crc32", "\177ELF", false);
	put("gzip -n", "\177ELF", false);
	put("zstd -q", "\177ELF liblzma.so.5", false);
	damaged();
	module_tree_free(tree);
	return tap_done();
}
