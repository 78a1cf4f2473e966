/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "../../initrd/archive.h"
#include "made.h"

static const char script[] = "#!/bin/nash\nmount -t proc /proc /proc\nmkblkdevs\nmkrootdev -t ext3 -o defaults,ro LABEL=/\n"
			     "mount /sysroot\nswitchroot\n";

static int read_nothing(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	(void)ctx;
	(void)out;
	return error_errno(err, ENOENT, "can't read %s", path);
}

/* An image packed as HOW; CRC: its members have checksums. */
static struct initrd *image(enum archive_packing how, bool crc)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf plain = { 0 }, packed = { 0 };
	struct store s;
	struct initrd *i;

	made_member(&plain, "bin/nash", S_IFREG | 0755, "\177ELF nash");
	made_member(&plain, "init", S_IFREG | 0755, script);
	made_end(&plain);
	for (size_t at = 0; crc && at + 6 <= plain.len; at++)
		if (!memcmp(plain.data + at, "070701", 6))
			plain.data[at + 5] = '2';
	store_borrow(&s, plain.data, plain.len);
	made(archive_pack(how, &s, "image", &packed, &err) == 0, err.text);
	i = made_open(&packed);
	buf_free(&plain);
	buf_free(&packed);
	return i;
}

/* What is missing for kernel KVER, whose configuration may be known. */
static const char *missing(const struct initrd *i, const char *kver, const char *config)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct module_source source = { .read = read_nothing, .config = config };
	struct initrd_answer a;
	struct module_tree *t;
	static char text[512];

	made(module_tree_new(kver, "", 0, NULL, NULL, &t, &err) == 0 && module_tree_attach(t, &source, &err) == 0, kver);
	made(initrd_check(i, t, NULL, 0, &a, &err) == 0, err.text);
	snprintf(text, sizeof text, "%s", buf_str(&a.missing));
	initrd_answer_free(&a);
	module_tree_free(t);
	return text;
}

static void packings(void)
{
	static const struct {
		enum archive_packing how;
		const char *name, *before, *since;
	} rows[] = {
		{ PACK_PLAIN, "", NULL, "2.6.9-5.EL" },
		{ PACK_GZIP, "gzip", NULL, "2.6.9-5.EL" },
		{ PACK_BZIP2, "bzip2", "2.6.18-398.el5", "2.6.32-71.el6.x86_64" },
		{ PACK_LZMA, "lzma", "2.6.29.6", "2.6.30" },
		{ PACK_XZ, "xz", "2.6.18-8.el5", "3.10.0-123.el7.x86_64" },
		{ PACK_LZ4, "lz4", "2.6.32-754.el6.x86_64", "4.18.0-80.el8.x86_64" },
		{ PACK_ZSTD, "zstd", "3.10.0-1160.el7.x86_64", "6.12.0-55.el10.x86_64" },
	};

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct initrd *i = image(rows[k].how, false);
		char want[200];

		is_str(missing(i, rows[k].since, NULL), "", "%s: kernel %s unpacks it", rows[k].name, rows[k].since);
		if (rows[k].before) {
			snprintf(want, sizeof want, "image: it is packed with %s, which kernel %s does not unpack; pack it anew with "
				 "gzip\n", rows[k].name, rows[k].before);
			is_str(missing(i, rows[k].before, NULL), want, "kernel %s does not", rows[k].before);
		}
		is_str(missing(i, "strange", NULL), "", "of a kernel without a number nothing is said");
		initrd_close(i);
	}
}

static void configured(void)
{
	struct initrd *i = image(PACK_XZ, false);

	is_str(missing(i, "4.18.0-80.el8.x86_64", "CONFIG_RD_GZIP=y\nCONFIG_RD_XZ=y\n"), "", "its configuration has xz");
	has_str(missing(i, "4.18.0-80.el8.x86_64", "CONFIG_RD_GZIP=y\n# CONFIG_RD_XZ is not set\n"), "it is packed with xz, which "
		"kernel 4.18.0-80.el8.x86_64 does not", "or has not, whatever its number");
	is_str(missing(i, "4.18.0-80.el8.x86_64", "CONFIG_SCSI=m\n"), "", "a piece of one says nothing");
	has_str(missing(i, "2.6.18-8.el5", "CONFIG_RD_GZIP=y\nCONFIG_RD_XZ=y\n"), "it is packed with xz", "an old kernel has no such "
		"choice");
	initrd_close(i);
}

static void formats(void)
{
	struct initrd *i = image(PACK_GZIP, true);

	is_str(missing(i, "4.18.0-553.el8_10.x86_64", NULL), "image: it is a cpio archive with checksums (crc), which kernel "
	       "4.18.0-553.el8_10.x86_64 does not unpack; make it anew with cpio -o -H newc\n", "checksums, of RHEL 8");
	is_str(missing(i, "5.14.0-503.el9.x86_64", NULL), "", "of that of RHEL 9 it is not known");
	is_str(missing(i, "6.12.0-55.el10.x86_64", NULL), "", "and since");
	initrd_close(i);
	i = image(PACK_GZIP, false);
	is_str(missing(i, "2.4.21-63.ELsmp", NULL), "image: it is a cpio archive, and kernel 2.4.21-63.ELsmp takes only "
	       "filesystems\n", "2.4 knows no cpio");
	initrd_close(i);
}

int main(void)
{
	packings();
	configured();
	formats();
	return tap_done();
}
