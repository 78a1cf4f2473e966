/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images as dracut makes them, file by file. */
#ifndef TESTS_INITRD_MADE_DRACUT_H
#define TESTS_INITRD_MADE_DRACUT_H

#include "../../initrd/kmod_index.h"
#include "made.h"

#define EL7 "3.10.0-1160.el7.x86_64"
#define EL7_DIR "usr/lib/modules/" EL7 "/"
#define EL6 "2.6.32-754.el6.x86_64"
#define EL6_DIR "lib/modules/" EL6 "/"

/* The modules of a kernel, short. */
static const char made_dep[] __attribute__((unused)) =
	"kernel/drivers/scsi/scsi_mod.ko.xz:\n"
	"kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/scsi/vmw_pvscsi.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/libata.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/libahci.ko.xz: kernel/drivers/ata/libata.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz kernel/drivers/ata/libata.ko.xz "
		"kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/scsi/noalias.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n";
static const char made_alias[] __attribute__((unused)) =
	"alias scsi:t-0x00* sd_mod\n"
	"alias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi\n"
	"alias pci:v*d*sv*sd*bc01sc06i01* ahci\n";
/* What of them a physical machine's image has. */
static const char made_old_dep[] __attribute__((unused)) =
	"kernel/drivers/scsi/scsi_mod.ko.xz:\n"
	"kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/libata.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/libahci.ko.xz: kernel/drivers/ata/libata.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz kernel/drivers/ata/libata.ko.xz "
		"kernel/drivers/scsi/scsi_mod.ko.xz\n";
static const char made_old_alias[] __attribute__((unused)) =
	"alias scsi:t-0x00* sd_mod\nalias pci:v*d*sv*sd*bc01sc06i01* ahci\n";

MADE void made_text(struct buf *b, const char *name, const char *text)
{
	made_member(b, name, S_IFREG | 0644, text);
}

MADE void made_link(struct buf *b, const char *name, const char *to)
{
	made_member(b, name, S_IFLNK | 0777, to);
}

/* The parent folders of EL7's images, systemd, and kmod. */
MADE void made_el7(struct buf *b)
{
	static const char *const dirs[] = {
		"usr", "usr/bin", "usr/lib", "usr/lib/modules", "usr/lib/modules/" EL7, "usr/lib/modules/" EL7 "/kernel",
		"usr/lib/modules/" EL7 "/kernel/drivers", "usr/lib/modules/" EL7 "/kernel/drivers/scsi",
		"usr/lib/modules/" EL7 "/kernel/drivers/ata", "etc", "etc/cmdline.d",
	};

	for (size_t k = 0; k < sizeof dirs / sizeof *dirs; k++)
		made_member(b, dirs[k], S_IFDIR | 0755, "");
	made_link(b, "lib", "usr/lib");
	made_link(b, "bin", "usr/bin");
	made_link(b, "sbin", "usr/sbin");
	made_link(b, "init", "usr/lib/systemd/systemd");
	made_text(b, "usr/lib/systemd/systemd", "\177ELF systemd");
	made_text(b, "usr/lib/systemd/systemd-modules-load", "\177ELF");
	made_text(b, "usr/lib/systemd/system/dracut-pre-udev.service", "ConditionKernelCommandLine=|rd.driver.pre\n");
	made_text(b, "usr/lib/dracut-lib.sh", "for i in /etc/cmdline.d/*.conf; do\n");
	made_text(b, "usr/lib/dracut/modules.txt", "bash\nsystemd\n");
	made_text(b, "usr/bin/kmod", "\177ELF kmod");
	made_link(b, "usr/sbin/modprobe", "../bin/kmod");
	made_text(b, "usr/lib/udev/rules.d/80-drivers.rules", "ENV{MODALIAS}==\"?*\", RUN{builtin}+=\"kmod load $env{MODALIAS}\"\n");
}

/* dracut 004: /init is a script, module-init-tools, nothing under usr/lib. */
MADE void made_el6(struct buf *b)
{
	made_text(b, "init", "#!/bin/sh\n");
	made_member(b, "lib", S_IFDIR | 0755, "");
	made_text(b, "lib/dracut-lib.sh", "[ -e /etc/cmdline ] && read CMDLINE_ETC </etc/cmdline\n");
	made_text(b, "sbin/modprobe", "\177ELF modprobe");
	made_text(b, "lib/udev/rules.d/80-drivers.rules", "ENV{MODALIAS}==\"?*\", RUN+=\"/sbin/modprobe -b $env{MODALIAS}\"\n");
	made_member(b, "lib/modules", S_IFDIR | 0755, "");
	made_member(b, "lib/modules/" EL6, S_IFDIR | 0755, "");
	made_member(b, "lib/modules/" EL6 "/kernel", S_IFDIR | 0755, "");
}

/* The files that DEP lists, in folder DIR. */
MADE void made_modules(struct buf *b, const char *dir, const char *dep)
{
	for (const char *p = dep; *p; p = strchr(p, '\n') + 1) {
		char name[300], text[300];

		snprintf(name, sizeof name, "%s%.*s", dir, (int)strcspn(p, ":"), p);
		snprintf(text, sizeof text, "\177ELF %.*s of the image", (int)strcspn(p, ":"), p);
		made_text(b, name, text);
	}
}

MADE void made_index(struct buf *b, const char *dir, enum kmod_index_kind kind, const char *name, const char *text)
{
	CLEANUP_BUF struct buf bin = { 0 };
	struct unrack_error err;
	char path[300];

	made(kmod_index_make(kind, text, &bin, &err) == 0, name);
	snprintf(path, sizeof path, "%s%s", dir, name);
	made_node(b, path, S_IFREG | 0644, 5000 + (uint32_t)b->len, 1, 0, 0, bin.data, bin.len);
}

/* modules.dep and modules.alias with their .bin. */
MADE void made_indexes(struct buf *b, const char *dir, const char *dep, const char *alias)
{
	char path[300];

	snprintf(path, sizeof path, "%smodules.dep", dir);
	made_text(b, path, dep);
	made_index(b, dir, KMOD_DEP, "modules.dep.bin", dep);
	snprintf(path, sizeof path, "%smodules.alias", dir);
	made_text(b, path, alias);
	made_index(b, dir, KMOD_ALIAS, "modules.alias.bin", alias);
}

MADE struct initrd *made_close(struct buf *b)
{
	struct initrd *i;

	made_end(b);
	i = made_open(b);
	buf_clear(b);
	return i;
}

#endif
