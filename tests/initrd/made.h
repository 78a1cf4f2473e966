/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initrds and module trees made at test time. What cannot be made ends the test. */
#ifndef TESTS_INITRD_MADE_H
#define TESTS_INITRD_MADE_H

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../initrd/cpio.h"
#include "../../initrd/gzip.h"
#include "../support/tap.h"
#include "unrack/initrd.h"

#define MADE __attribute__((unused)) static

MADE void made(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! cannot make %s\n", what);
	exit(1);
}

MADE void made_file(struct buf *b, const char *name, const char *path)
{
	char block[4096];
	FILE *f = fopen(path, "rb");
	size_t n;

	made(f, path);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		made(buf_append(b, block, n) == 0, name);
	fclose(f);
}

/* What a command prints; false: it failed, or is not here. */
MADE bool made_by(struct buf *b, const char *command)
{
	char block[4096];
	FILE *f = popen(command, "r");
	size_t n;

	made(f, command);
	buf_clear(b);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		made(buf_append(b, block, n) == 0, command);
	return pclose(f) == 0;
}

/* --- cpio --- */

MADE void made_node(struct buf *b, const char *name, uint32_t mode, uint32_t ino, uint32_t nlink,
		    uint32_t major, uint32_t minor, const void *data, size_t n)
{
	const struct cpio_member m = {
		.name = name, .ino = ino, .mode = mode, .nlink = nlink, .mtime = 1234567890,
		.dev_major = 8, .dev_minor = 1, .rdev_major = major, .rdev_minor = minor,
		.data = data, .size = (uint32_t)n,
	};
	made(cpio_write(b, &m) == 0, name);
}

MADE void made_member(struct buf *b, const char *name, uint32_t mode, const char *text)
{
	made_node(b, name, mode, 1000 + (uint32_t)b->len, 1, 0, 0, text, strlen(text));
}

MADE void made_end(struct buf *b)
{
	const struct cpio_member m = { .name = CPIO_TRAILER, .nlink = 1 };

	made(cpio_write(b, &m) == 0 && buf_zeros(b, -b->len % 512) == 0, "a trailer");
}

MADE void made_gzip(struct buf *plain)
{
	struct unrack_error err;
	struct buf packed = { 0 };

	made(gzip_pack(plain->data, plain->len, &packed, &err) == 0, "a gzip stream");
	buf_free(plain);
	*plain = packed;
}

/* An initrd as mkinitrd makes it: SCRIPT, and the modules of the names, separated by blanks. */
MADE void made_initrd(struct buf *b, const char *script, const char *modules)
{
	char name[80], content[80];

	made_member(b, "bin", S_IFDIR | 0755, "");
	made_member(b, "bin/nash", S_IFREG | 0755, "\177ELF nash");
	made_member(b, "bin/insmod", S_IFREG | 0755, "\177ELF insmod");
	made_member(b, "bin/modprobe", S_IFLNK | 0777, "/sbin/nash");
	if (strstr(script, "lvm vgscan"))
		made_member(b, "bin/lvm", S_IFREG | 0755, "\177ELF lvm");
	made_member(b, "sbin", S_IFLNK | 0777, "bin");
	made_member(b, "dev", S_IFDIR | 0755, "");
	made_node(b, "dev/console", S_IFCHR | 0600, 77, 1, 5, 1, NULL, 0);
	made_member(b, "lib", S_IFDIR | 0755, "");
	for (const char *p = modules; *p; p += strspn(p, " ")) {
		int n = (int)strcspn(p, " ");

		snprintf(name, sizeof name, "lib/%.*s.ko", n, p);
		snprintf(content, sizeof content, "\177ELF %.*s of the image", n, p);
		made_member(b, name, S_IFREG | 0644, content);
		p += n;
	}
	made_member(b, "init", S_IFREG | 0755, script);
	made_end(b);
	made_gzip(b);
}

/* B may change afterwards. */
MADE struct initrd *made_open(const struct buf *b)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	int fd = memfd_create("initrd", MFD_CLOEXEC);
	struct initrd *i;

	made(fd >= 0 && write(fd, b->data, b->len) == (ssize_t)b->len && lseek(fd, 0, SEEK_SET) == 0, "a file");
	if (initrd_read(fd, "initrd.img", &i, &err) < 0) {
		printf("# %s\n", err.text);
		made(false, "an open initrd");
	}
	close(fd);
	return i;
}

/* --- The modules of a RHEL 5 kernel, modules.dep in the form of module-init-tools --- */

#define EL5 "2.6.18-398.el5"
#define EL5_K "/lib/modules/" EL5 "/kernel/"
static const char made_el5_dep[] __attribute__((unused)) =
	EL5_K "drivers/scsi/scsi_mod.ko:\n"
	EL5_K "drivers/scsi/sd_mod.ko: " EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/scsi/scsi_transport_spi.ko: " EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/scsi/scsi_transport_sas.ko: " EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/message/fusion/mptbase.ko: " EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/message/fusion/mptscsih.ko: " EL5_K "drivers/message/fusion/mptbase.ko "
		EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/message/fusion/mptspi.ko: " EL5_K "drivers/scsi/scsi_transport_spi.ko "
		EL5_K "drivers/message/fusion/mptscsih.ko " EL5_K "drivers/message/fusion/mptbase.ko "
		EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/scsi/aic7xxx/aic79xx.ko: " EL5_K "drivers/scsi/scsi_transport_spi.ko "
		EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/block/cciss.ko: " EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/ata/libata.ko: " EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "drivers/ata/ahci.ko: " EL5_K "drivers/ata/libata.ko " EL5_K "drivers/scsi/scsi_mod.ko\n"
	EL5_K "fs/jbd/jbd.ko:\n"
	EL5_K "fs/ext3/ext3.ko: " EL5_K "fs/jbd/jbd.ko\n"
	EL5_K "drivers/usb/host/ehci-hcd.ko:\n"
	EL5_K "drivers/net/e1000/e1000.ko:\n";

/* --- Those of RHEL 3 (modutils) and of RHEL 4 from update 3 on --- */

#define EL3 "2.4.21-63.ELsmp"
#define EL3_K "/lib/modules/" EL3 "/kernel/drivers/"
static const char made_el3_dep[] __attribute__((unused)) =
	EL3_K "scsi/scsi_mod.o:\n"
	EL3_K "scsi/sd_mod.o:\t" EL3_K "scsi/scsi_mod.o\n"
	EL3_K "scsi/BusLogic.o:\t" EL3_K "scsi/scsi_mod.o\n"
	EL3_K "scsi/aic7xxx/aic7xxx.o:\t" EL3_K "scsi/scsi_mod.o\n"
	EL3_K "message/fusion/mptbase.o:\n"
	EL3_K "message/fusion/mptscsih.o:\t" EL3_K "message/fusion/mptbase.o \\\n"
	"\t" EL3_K "scsi/scsi_mod.o\n"
	EL3_K "md/lvm-mod.o:\n"
	EL3_K "md/md.o:\n"
	EL3_K "md/raid1.o:\t" EL3_K "md/md.o\n"
	EL3_K "md/xor.o:\n"
	"/lib/modules/" EL3 "/kernel/fs/jbd/jbd.o:\n"
	"/lib/modules/" EL3 "/kernel/fs/ext3/ext3.o:\t/lib/modules/" EL3 "/kernel/fs/jbd/jbd.o\n";

#define EL4 "2.6.9-89.EL"
#define EL4_K "/lib/modules/" EL4 "/kernel/drivers/"
static const char made_el4_dep[] __attribute__((unused)) =
	EL4_K "scsi/scsi_mod.ko:\n"
	EL4_K "scsi/sd_mod.ko: " EL4_K "scsi/scsi_mod.ko\n"
	EL4_K "scsi/libata.ko: " EL4_K "scsi/scsi_mod.ko\n"
	EL4_K "scsi/ata_piix.ko: " EL4_K "scsi/libata.ko " EL4_K "scsi/scsi_mod.ko\n"
	EL4_K "scsi/aic7xxx/aic7xxx.ko: " EL4_K "scsi/scsi_mod.ko\n"
	EL4_K "message/fusion/mptbase.ko:\n"
	EL4_K "message/fusion/mptscsi.ko: " EL4_K "message/fusion/mptbase.ko " EL4_K "scsi/scsi_mod.ko\n"
	EL4_K "message/fusion/mptspi.ko: " EL4_K "message/fusion/mptscsi.ko " EL4_K "message/fusion/mptbase.ko "
		EL4_K "scsi/scsi_mod.ko\n"
	EL4_K "md/dm-mod.ko:\n"
	EL4_K "md/dm-mirror.ko: " EL4_K "md/dm-mod.ko\n"
	EL4_K "md/dm-zero.ko: " EL4_K "md/dm-mod.ko\n"
	EL4_K "md/dm-snapshot.ko: " EL4_K "md/dm-mod.ko\n"
	EL4_K "md/raid1.ko:\n"
	"/lib/modules/" EL4 "/kernel/fs/jbd/jbd.ko:\n"
	"/lib/modules/" EL4 "/kernel/fs/ext3/ext3.ko: /lib/modules/" EL4 "/kernel/fs/jbd/jbd.ko\n";

/* The files that modules.dep lists, as a listing of the directory. */
MADE struct module_tree *made_tree(const char *kver, const char *dep)
{
	struct unrack_error err;
	struct module_tree *t;
	struct buf files = { 0 };
	char top[80];

	snprintf(top, sizeof top, "/lib/modules/%s/", kver);
	for (const char *p = dep; *p; p = strchr(p, '\n') + 1) {
		const char *path = strncmp(p, top, strlen(top)) ? p : p + strlen(top);

		if (*p == '\t')
			continue;
		made(buf_append(&files, path, strcspn(path, ":")) == 0 && buf_zeros(&files, 1) == 0, dep);
	}
	made(module_tree_new(kver, (const char *)files.data, files.len, dep, NULL, &t, &err) == 0, dep);
	buf_free(&files);
	return t;
}

/* For struct initrd_change: the content is the path. */
MADE int made_read(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	(void)ctx;
	if (buf_printf(out, "\177ELF %s of the guest", path) < 0)
		return error_nomem(err);
	return 0;
}

/* --- Hostile input --- */

MADE unsigned made_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

#endif
