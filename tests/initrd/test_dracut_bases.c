/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an image that gets a segment is packed by, and made by. */
#include <unistd.h>

#include "../../initrd/image.h"
#include "base/size.h"
#include "made_elf.h"
#include "made_guest.h"

static bool packed(struct buf *b, const char *command)
{
	char path[] = "/tmp/unrack-base-XXXXXX", line[200];
	CLEANUP_BUF struct buf out = { 0 };
	int fd = mkstemp(path);
	bool good;

	made(fd >= 0 && write(fd, b->data, b->len) == (ssize_t)b->len && close(fd) == 0, path);
	snprintf(line, sizeof line, "%s < %s 2>/dev/null", command, path);
	good = made_by(&out, line);
	unlink(path);
	buf_clear(b);
	buf_append(b, out.data, out.len);
	return good;
}

static void bases(void)
{
	static const char *const commands[] = {
		"cat", "gzip -9n", "xz --check=crc32", "xz -T2 --block-size=65536 --check=crc32", "lz4 -l -q -9",
		"bzip2", "xz --format=lzma",
	};

	for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
		CLEANUP_BUF struct buf early = { 0 };
		struct fixture f;

		set_up(&f, "vmw_pvscsi");
		physical(&f);
		made_end(&f.base);
		if (!packed(&f.base, commands[k])) {
			ok(true, "%s # SKIP it is not here", commands[k]);
			tear_down(&f);
			continue;
		}
		is_int(change(&f), 0, "a base by %s", commands[k]);
		ok(begins_with(&f.out, &f.base) && loads(&f, &f.out, "vmw_pvscsi"), "gets a segment that counts");
		again(&f);

		made_text(&early, "kernel/x86/microcode/GenuineIntel.bin", "microcode");
		made_end(&early);
		buf_clear(&f.base);
		physical(&f);
		made_end(&f.base);
		packed(&f.base, commands[k]);
		buf_append(&early, f.base.data, f.base.len);
		buf_clear(&f.base);
		buf_append(&f.base, early.data, early.len);
		is_int(change(&f), 0, "with microcode in front");
		ok(begins_with(&f.out, &f.base) && loads(&f, &f.out, "vmw_pvscsi"), "too");
		tear_down(&f);
	}
}

/* What others make of it: the segment by gzip and cpio. */
static void by_cpio(void)
{
	char path[] = "/tmp/unrack-segment-XXXXXX", line[300];
	CLEANUP_BUF struct buf out = { 0 };
	struct fixture f;
	FILE *p;

	set_up(&f, "vmw_pvscsi");
	if (system("cpio --version >/dev/null 2>&1") != 0) {
		ok(true, "cpio # SKIP it is not here");
		tear_down(&f);
		return;
	}
	snprintf(line, sizeof line, "d=$(mktemp -d) && cd $d && mkdir -p usr/lib/dracut usr/lib/modules/" EL7 " usr/lib/udev/rules.d && ln -s usr/lib lib && "
		 "echo bash > usr/lib/dracut/modules.txt && echo 'ENV{MODALIAS} kmod load' > usr/lib/udev/rules.d/80-x.rules && find . | cpio --quiet -o -H newc | gzip -9n; rm -r $d");
	made(made_by(&f.base, line), "an image by cpio");
	is_int(change(&f), 0, "an image by cpio");
	ok(loads(&f, &f.out, "vmw_pvscsi"), "is changed");
	made(mkdtemp(path), path);
	snprintf(line, sizeof line, "cd %s && tail -c +%zu - > s.gz && gzip -t s.gz && gzip -dc s.gz | cpio --quiet -idm && "
		 "cat usr/lib/modules/" EL7 "/kernel/drivers/scsi/vmw_pvscsi.ko.xz > x; [ -d usr/lib/modules/" EL7 "/kernel ]",
		 path, (size_t)round_up(f.base.len, 4) + 1);
	p = popen(line, "w");
	made(p && fwrite(f.out.data, 1, f.out.len, p) == f.out.len, line);
	is_int(pclose(p), 0, "gzip and cpio unpack the segment");
	snprintf(line, sizeof line, "cat %s/x; modprobe -C /dev/null -d %s/usr -S " EL7
		 " --show-depends pci:v000015ADd000007C0sv0sd0bc0sc0i0 2>&1 | sed 's/.*kernel/kernel/'", path, path);
	made_by(&out, line);
	if (system("modprobe --version >/dev/null 2>&1") == 0)
		is_str(buf_str(&out), "\177ELF kernel/drivers/scsi/vmw_pvscsi.ko.xz of the guest"
		       "kernel/drivers/scsi/scsi_mod.ko.xz \nkernel/drivers/scsi/vmw_pvscsi.ko.xz \n", "and modprobe finds all of it");
	else
		ok(true, "modprobe # SKIP it is not here");
	snprintf(line, sizeof line, "rm -r %s", path);
	made(system(line) == 0, line);
	tear_down(&f);
}

/* A kernel that can't unpack the image can't be helped by a segment. */
static void packing(void)
{
	struct fixture f;

	set_up(&f, "vmw_pvscsi");
	physical(&f);
	made_end(&f.base);
	if (packed(&f.base, "zstd -q -15")) {
		is_int(change(&f), UNRACK_UNSUPPORTED, "a base by zstd, for a kernel of RHEL 7");
		is_str(err.text, "initrd.img: cannot be repaired: it is packed with zstd, which kernel " EL7 " does not unpack; pack it "
		       "anew with gzip", "is told");
	} else {
		ok(true, "a base by zstd # SKIP it is not here");
	}
	tear_down(&f);
}

/* A kernel that does not unpack gzip gets a segment that is not packed. */
static void without_gzip(void)
{
	static const char *const commands[] = { "cat", "xz --check=crc32", "gzip -9n" };
	struct made_files none = { .n = 0 };
	const struct module_source source = { .read = made_files_read, .ctx = &none,
					      .config = "# CONFIG_RD_GZIP is not set\nCONFIG_RD_XZ=y\n" };
	struct module_tree *t = made_tree(EL7, made_dep);

	made(module_tree_attach(t, &source, &err) == 0, "a configuration");
	for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
		bool good = strncmp(commands[k], "gzip", 4) != 0;
		struct fixture f;
		size_t at;

		set_up(&f, "vmw_pvscsi");
		physical(&f);
		made_end(&f.base);
		f.c.tree = t;
		if (!packed(&f.base, commands[k])) {
			ok(true, "a base by %s # SKIP it is not here", commands[k]);
			tear_down(&f);
			continue;
		}
		at = round_up(f.base.len, 4);
		is_int(change(&f), good ? 0 : UNRACK_UNSUPPORTED, "a base by %s, for a kernel without gzip", commands[k]);
		if (good)
			ok(begins_with(&f.out, &f.base) && f.out.len > at + 6 && !memcmp(f.out.data + at, "070701", 6) &&
			   loads(&f, &f.out, "vmw_pvscsi"), "gets a segment as it is");
		else
			is_str(err.text, "initrd.img: cannot be repaired: it is packed with gzip, which kernel " EL7 " does not unpack; "
			       "it takes it unpacked", "is told");
		tear_down(&f);
	}
	module_tree_free(t);
}

int main(void)
{
	tree = made_tree(EL7, made_dep);
	bases();
	packing();
	without_gzip();
	by_cpio();
	module_tree_free(tree);
	return tap_done();
}
