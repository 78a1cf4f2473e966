/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans for the servers of el7.h, with images that dracut made for the physical machine. */
#ifndef TESTS_CONVERT_PLAN7_H
#define TESTS_CONVERT_PLAN7_H

#include "../../p2v/convert/apply.h"
#include "../initrd/made_dracut.h"
#include "el7.h"
#include "plan_of.h"

static struct unrack_error err;
static struct guest *g;
static struct guest_facts f;
static struct target t;
static struct plan p;

/* Images other than dracut made them: without LVM's programs; without root's filesystem; with the VM's driver. */
static bool el7_without_lvm, el7_without_ext4, el7_with_driver;

/* hpsa's closure, ext4, dm-mod and LVM are in it, vmw_pvscsi is not. */
MADE void el7_image(struct buf *b, int release, const char *kver)
{
	static const char some[] = "kernel/drivers/scsi/scsi_mod.ko:\n"
				  "kernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko\n"
				  "kernel/drivers/scsi/hpsa.ko: kernel/drivers/scsi/scsi_mod.ko\n"
				  "kernel/drivers/md/dm-mod.ko:\n";
	static const char alias[] = "alias scsi:t-0x00* sd_mod\nalias pci:v0000103Cd*sv*sd*bc*sc*i* hpsa\n"
				    "alias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi\n"
				    "alias fs-ext4 ext4\nalias devname:mapper/control dm_mod\n";
	static const char *const below[] = { "", "kernel", "kernel/drivers", "kernel/drivers/scsi", "kernel/drivers/md",
					     "kernel/fs", "kernel/fs/ext4" };
	const char *lib = release == 6 ? "lib" : "usr/lib";
	char dir[40], path[160], top[100], dep[400];

	snprintf(dep, sizeof dep, "%s%s%s", some, el7_without_ext4 ? "" : "kernel/fs/ext4/ext4.ko:\n",
		 el7_with_driver ? "kernel/drivers/scsi/vmw_pvscsi.ko: kernel/drivers/scsi/scsi_mod.ko\n" : "");
	made_member(b, "usr", S_IFDIR | 0755, "");
	made_member(b, lib, S_IFDIR | 0755, "");
	snprintf(dir, sizeof dir, "%s/modules", lib);
	made_member(b, dir, S_IFDIR | 0755, "");
	for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
		snprintf(path, sizeof path, "%s/%.50s%s%s", dir, kver, *below[i] ? "/" : "", below[i]);
		made_member(b, path, S_IFDIR | 0755, "");
	}
	if (release == 6) {
		made_text(b, "init", "#!/bin/sh\n");
		made_text(b, "lib/dracut-lib.sh", "[ -e /etc/cmdline ] && read CMDLINE_ETC </etc/cmdline\n");
		made_text(b, "sbin/modprobe", "\177ELF modprobe");
		made_text(b, "lib/udev/rules.d/80-drivers.rules", "ENV{MODALIAS}==\"?*\", RUN+=\"/sbin/modprobe -b $env{MODALIAS}\"\n");
	} else {
		made_link(b, "lib", "usr/lib");
		made_link(b, "init", "usr/lib/systemd/systemd");
		made_text(b, "usr/lib/systemd/systemd", "\177ELF systemd");
		made_text(b, "usr/lib/dracut-lib.sh", "for i in /etc/cmdline.d/*.conf; do\n");
		made_text(b, "usr/lib/dracut/modules.txt", "bash\nsystemd\nlvm\n");
		made_text(b, "usr/bin/kmod", "\177ELF kmod");
		made_link(b, "usr/sbin/modprobe", "../bin/kmod");
		made_text(b, "usr/lib/udev/rules.d/80-drivers.rules", "ENV{MODALIAS}==\"?*\", RUN{builtin}+=\"kmod load $env{MODALIAS}\"\n");
	}
	if (!el7_without_lvm) {
		made_text(b, "sbin/lvm", "\177ELF lvm");
		made_text(b, "sbin/lvm_scan", "#!/bin/sh\n");
		snprintf(path, sizeof path, "%s/udev/rules.d/64-lvm.rules", lib);
		made_text(b, path, "RUN+=\"/sbin/initqueue --settled --onetime --unique /sbin/lvm_scan\"\n");
	}
	snprintf(top, sizeof top, "%s/%.50s/", dir, kver);
	made_modules(b, top, dep);
	made_indexes(b, top, dep, alias);
	made_end(b);
	made_gzip(b);
}

/* The same with multipath. */
MADE void el7_multipath_image(struct buf *b, int release, const char *kver)
{
	made_text(b, "etc/multipath.conf", "defaults { user_friendly_names yes }\n");
	el7_image(b, release, kver);
}

MADE int plan7_with(int release, bool writable, void (*change)(struct guest *g))
{
	struct target_request req = { .esx = "6.7" };

	err = (struct unrack_error)UNRACK_ERROR_INIT;
	memset(&p, 0, sizeof p);
	g = el7_open(release, writable);
	if (change)
		change(g);
	return plan_of(g, &req, &f, &t, &p, &err);
}

MADE int plan7(int release)
{
	return plan7_with(release, false, NULL);
}

MADE void done7(void)
{
	plan_free(&p);
	facts_free(&f);
	guest_close(g);
}

MADE const struct edit *edit7(const char *path, enum edit_kind kind)
{
	for (size_t i = 0; i < p.n_edits; i++)
		if (!strcmp(p.edits[i].path, path) && p.edits[i].kind == kind)
			return &p.edits[i];
	return NULL;
}

MADE const char *after7(const char *path)
{
	const struct edit *e = edit7(path, EDIT_WRITE);

	return e ? buf_str(&e->after) : "(not changed)";
}

MADE const char *warnings7(void)
{
	static char all[4096];

	all[0] = '\0';
	for (size_t i = 0; i < p.n_warnings; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s\n", p.warnings[i]);
	return all;
}

#endif
