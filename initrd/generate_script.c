/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "generate.h"
#include "module_file.h"
#include "module_options.h"

/* --- Modules ---------------------------------------------------------------------------- */

static bool is_hcd(const char *name)
{
	size_t n = strlen(name);

	return n >= 8 && (!strcmp(name + n - 7, "hci-hcd") || !strcmp(name + n - 7, "hci_hcd"));
}

/* RHEL 2.1 tells of modules without ".o". A blank always follows the file. */
static int put_module(struct generate *g, const char *path, bool *usb)
{
	struct buf *b = &g->script;
	char file[MODULE_FILE_NAME], name[64];
	size_t before;

	module_name_of(path, name);
	module_file_name(path, file);
	if (*usb && !is_hcd(name)) {
		*usb = false;
		if (buf_puts(b, "mount -t usbfs /proc/bus/usb /proc/bus/usb\n") < 0)
			return -1;
	} else if (g->release >= NASH_EL4 && is_hcd(name)) {
		*usb = true;
	}
	if (buf_printf(b, "echo \"Loading %s module\"\ninsmod /lib/%s", g->release == NASH_EL21 ? name : file, file) < 0)
		return -1;
	before = b->len;
	if (module_options(buf_str(&g->modules_conf), name, b) < 0)
		return -1;
	return buf_puts(b, b->len == before ? " \n" : "\n");
}

static int put_modules(struct generate *g)
{
	bool usb = false;
	int bad = 0;

	for (size_t k = 0; k < g->modules.n; k++)
		bad |= put_module(g, g->modules.paths[k], &usb);
	return bad;
}

static bool loads_scsi(const struct generate *g)
{
	char name[64];

	for (size_t k = 0; k < g->modules.n; k++) {
		module_name_of(g->modules.paths[k], name);
		if (!strcmp(name, "scsi_mod"))
			return true;
	}
	return false;
}

/* --- Root ------------------------------------------------------------------------------- */

static int put_arrays(struct generate *g)
{
	int bad = 0;

	for (size_t k = 0; k < g->recipe->n_arrays; k++)
		bad |= buf_printf(&g->script, "raidautorun %s\n", g->recipe->arrays[k]);
	return bad;
}

static int put_volumes(struct generate *g)
{
	struct buf *b = &g->script;
	int bad = 0;

	if (!g->recipe->n_groups)
		return 0;
	bad |= buf_puts(b, "echo Scanning logical volumes\n"
			   "lvm vgscan --ignorelockingfailure\n"
			   "echo Activating logical volumes\n"
			   "lvm vgchange -ay --ignorelockingfailure");
	for (size_t k = 0; k < g->recipe->n_groups; k++)
		bad |= buf_printf(b, " %s", g->recipe->groups[k]);
	return bad | buf_puts(b, "\n");
}

static const char *options(const struct generate *g)
{
	return g->recipe->root_options && g->recipe->root_options[0] ? g->recipe->root_options : "defaults";
}

static int put_node(struct generate *g, const char *name, unsigned major, unsigned minor)
{
	return buf_printf(&g->script, "mknod /dev/%s c %u %u\n", name, major, minor);
}

/* --- Releases --------------------------------------------------------------------------- */

static int put_el21(struct generate *g)
{
	struct buf *b = &g->script;

	return put_modules(g) |
	       buf_puts(b, "mount -t proc /proc /proc\n"
			   "echo Mounting /proc filesystem\n"
			   "echo Creating root device\n"
			   "mkrootdev /dev/root\n") |
	       put_arrays(g) |
	       buf_printf(b, "echo 0x0100 > /proc/sys/kernel/real-root-dev\n"
			     "umount /proc\n"
			     "echo Mounting root filesystem\n"
			     "mount --ro -t %s /dev/root /sysroot\n"
			     "pivot_root /sysroot /sysroot/initrd\n", g->recipe->root_fs);
}

static int put_el3(struct generate *g)
{
	const struct initrd_recipe *r = g->recipe;
	struct buf *b = &g->script;
	int bad;

	bad = buf_puts(b, "mount -t proc /proc /proc\n"
			  "setquiet\n"
			  "echo Mounted /proc filesystem\n") |
	      put_modules(g) | put_arrays(g) |
	      buf_puts(b, "echo Creating block devices\n"
			  "mkdevices /dev\n");
	bad |= buf_puts(b, r->n_groups ? "echo Scanning logical volumes\n"
					 "vgscan\n"
					 "echo Activating logical volumes\n"
					 "vgchange -ay\n"
				       : "echo Creating root device\n"
					 "mkrootdev /dev/root\n");
	return bad | buf_printf(b, "echo 0x0100 > /proc/sys/kernel/real-root-dev\n"
				   "echo Mounting root filesystem\n"
				   "mount -o %s --ro -t %s %s /sysroot\n"
				   "pivot_root /sysroot /sysroot/initrd\n"
				   "umount /initrd/proc\n",
				options(g), r->root_fs, r->n_groups ? r->root : "/dev/root");
}

static int put_el4(struct generate *g)
{
	struct buf *b = &g->script;
	int bad;

	bad = buf_puts(b, "mount -t proc /proc /proc\n"
			  "setquiet\n"
			  "echo Mounted /proc filesystem\n"
			  "echo Mounting sysfs\n"
			  "mount -t sysfs none /sys\n");
	if (g->udev)
		bad |= buf_puts(b, "echo Creating /dev\n"
				   "mount -o mode=0755 -t tmpfs none /dev\n"
				   "mknod /dev/console c 5 1\n"
				   "mknod /dev/null c 1 3\n"
				   "mknod /dev/zero c 1 5\n"
				   "mkdir /dev/pts\n"
				   "mkdir /dev/shm\n"
				   "echo Starting udev\n"
				   "/sbin/udevstart\n"
				   "echo -n \"/sbin/hotplug\" > /proc/sys/kernel/hotplug\n");
	bad |= put_modules(g);
	if (g->udev)
		bad |= buf_puts(b, "/sbin/udevstart\n");
	bad |= put_arrays(g);
	if (!g->udev)
		bad |= buf_puts(b, "echo Creating block devices\n"
				   "mkdevices /dev\n");
	if (g->recipe->n_groups)
		bad |= buf_puts(b, "echo Making device-mapper control node\n"
				   "mkdmnod\n") | put_volumes(g);
	bad |= buf_printf(b, "echo Creating root device\n"
			     "mkrootdev /dev/root\n"
			     "umount /sys\n"
			     "echo Mounting root filesystem\n"
			     "mount -o %s --ro -t %s /dev/root /sysroot\n", options(g), g->recipe->root_fs);
	if (g->udev)
		bad |= buf_puts(b, "mount -t tmpfs --bind /dev /sysroot/dev\n");
	bad |= buf_puts(b, "echo Switching to new root\n"
			   "switchroot /sysroot\n");
	return g->udev ? bad | buf_puts(b, "umount /initrd/dev\n") : bad;
}

static int put_el5_nodes(struct generate *g)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {
		{ "null", 1, 3 }, { "zero", 1, 5 }, { "systty", 4, 0 }, { "tty", 5, 0 }, { "console", 5, 1 },
		{ "ptmx", 5, 2 }, { "rtc", 10, 135 },
	};
	char name[16];
	int bad = 0;

	for (size_t k = 0; k < sizeof nodes / sizeof *nodes; k++)
		bad |= put_node(g, nodes[k].name, nodes[k].major, nodes[k].minor);
	for (unsigned k = 0; k <= 12; k++) {
		snprintf(name, sizeof name, "tty%u", k);
		bad |= put_node(g, name, 4, k);
	}
	for (unsigned k = 0; k <= 3; k++) {
		snprintf(name, sizeof name, "ttyS%u", k);
		bad |= put_node(g, name, 4, 64 + k);
	}
	return bad;
}

/* fstab's options, with ro in place of ro and rw, and without _netdev. */
static int put_read_only(const struct generate *g, struct buf *b)
{
	const char *p = options(g);
	bool any = false;
	int bad = 0;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n && !(n == 2 && (!memcmp(p, "ro", 2) || !memcmp(p, "rw", 2))) &&
		    !(n == 7 && !memcmp(p, "_netdev", 7))) {
			bad |= buf_append(b, p, n) | buf_puts(b, ",");
			any = true;
		}
		p += n + (p[n] == ',');
	}
	return bad | buf_puts(b, any ? "ro" : "defaults,ro");
}

static int put_el5(struct generate *g)
{
	const struct initrd_recipe *r = g->recipe;
	struct buf *b = &g->script;
	int bad;

	bad = buf_puts(b, "mount -t proc /proc /proc\n"
			  "setquiet\n"
			  "echo Mounting proc filesystem\n"
			  "echo Mounting sysfs filesystem\n"
			  "mount -t sysfs /sys /sys\n"
			  "echo Creating /dev\n"
			  "mount -o mode=0755 -t tmpfs /dev /dev\n"
			  "mkdir /dev/pts\n"
			  "mount -t devpts -o gid=5,mode=620 /dev/pts /dev/pts\n"
			  "mkdir /dev/shm\n"
			  "mkdir /dev/mapper\n"
			  "echo Creating initial device nodes\n") |
	      put_el5_nodes(g) |
	      buf_puts(b, "echo Setting up hotplug.\n"
			  "hotplug\n"
			  "echo Creating block device nodes.\n"
			  "mkblkdevs\n") |
	      put_modules(g);
	if (loads_scsi(g))
		bad |= buf_puts(b, "echo Waiting for driver initialization.\n"
				   "stabilized --hash --interval 250 /proc/scsi/scsi\n");
	if (r->n_groups)
		bad |= buf_puts(b, "echo Making device-mapper control node\n"
				   "mkdmnod\n");
	bad |= buf_puts(b, "mkblkdevs\n") | put_arrays(g) | put_volumes(g);
	if (r->resume)
		bad |= buf_printf(b, "resume %s\n", r->resume);
	bad |= buf_printf(b, "echo Creating root device.\n"
			     "mkrootdev -t %s -o ", r->root_fs) |
	       put_read_only(g, b) | buf_printf(b, " %s\n", r->root);
	return bad | buf_puts(b, "echo Mounting root filesystem.\n"
				 "mount /sysroot\n"
				 "echo Setting up other filesystems.\n"
				 "setuproot\n"
				 "echo Switching to new root and running init.\n"
				 "switchroot\n");
}

int generate_script(struct generate *g)
{
	static int (*const put[])(struct generate *g) = { put_el21, put_el3, put_el4, put_el5 };

	return buf_puts(&g->script, "#!/bin/nash\n\n") | put[g->release](g) ? -1 : 0;
}
