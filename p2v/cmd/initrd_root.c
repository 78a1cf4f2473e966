/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_root.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "unrack/devname.h"

/* The value of the last "KEY=..." among ARGS, which is the one that counts; false: there is none. */
static bool find_value(const char *args, const char *key, char *out, size_t size)
{
	size_t k = strlen(key);
	bool found = false;

	for (const char *p = args + strspn(args, " \t\n"); *p; p += strspn(p, " \t\n")) {
		size_t n = strcspn(p, " \t\n");

		if (n > k && !strncmp(p, key, k) && n - k < size) {
			snprintf(out, size, "%.*s", (int)(n - k), p + k);
			found = true;
		}
		p += n;
	}
	return found;
}

/* "vg-name/lv" of "vg--name-lv", as device-mapper joins them; false: it is not the name of a volume. */
static bool split_mapper(const char *name, char *out, size_t size)
{
	size_t n = 0;
	bool split = false;

	if (!strncmp(name, "luks-", 5) || strlen(name) >= size)
		return false;
	for (; *name; name++) {
		if (*name == '-' && name[1] == '-')
			name++;
		else if (*name == '-' && (split || !n || !name[1]))
			return false;
		else if (*name == '-') {
			split = true;
			out[n++] = '/';
			continue;
		}
		out[n++] = *name;
	}
	out[n] = '\0';
	return split;
}

/* "vg/lv" of "/dev/vg/lv", unless that folder is a driver's, or udev's. */
static bool split_folder(const char *name, char *out, size_t size)
{
	static const char *const others[] = {
		"cciss/", "ida/", "rd/", "ataraid/", "i2o/", "disk/", "mapper/", "mpath/", "md/", "evms/", "block/", "dm/",
		"ubd/", "xvd/",
	};
	const char *slash = strchr(name, '/');

	if (!slash || slash == name || !slash[1] || strchr(slash + 1, '/') || strlen(name) >= size)
		return false;
	for (size_t k = 0; k < ARRAY_LEN(others); k++)
		if (!strncmp(name, others[k], strlen(others[k])))
			return false;
	strcpy(out, name);
	return true;
}

/* Whether ARGS have dracut start arrays; dracut 004 had the older name. */
static bool starts_arrays(const char *args)
{
	char uuid[256];

	return find_value(args, "rd.md.uuid=", uuid, sizeof uuid) || find_value(args, "rd_MD_UUID=", uuid, sizeof uuid);
}

int initrd_root_parse(const char *device, const char *kind, const char *args, struct initrd_root *out,
		      struct unrack_error *err)
{
	const char *name;

	memset(out, 0, sizeof *out);
	out->known = device || kind || args;
	if ((device && strlen(device) >= sizeof out->device) || (kind && strlen(kind) >= sizeof out->fs))
		return error_set(err, UNRACK_USAGE, "--root or --root-fs is longer than any name of that kind");
	if (device)
		strcpy(out->device, device);
	else if (args)
		find_value(args, "root=", out->device, sizeof out->device);
	if (kind)
		strcpy(out->fs, kind);
	else if (args)
		find_value(args, "rootfstype=", out->fs, sizeof out->fs);
	out->needs.arguments = args;
	out->needs.root_fs = out->fs[0] ? out->fs : NULL;
	name = strncmp(out->device, "/dev/", 5) ? "" : out->device + 5;
	out->needs.root_on_md = !strncmp(name, "md", 2) && (isdigit((unsigned char)name[2]) || name[2] == '/');
	out->needs.root_on_lvm = !devname_is_hardware_alias(out->device) &&
				 (!strncmp(name, "mapper/", 7) ? split_mapper(name + 7, out->volume, sizeof out->volume) :
				  split_folder(name, out->volume, sizeof out->volume));
	out->needs.root_volume = out->needs.root_on_lvm ? out->volume : NULL;
	if (args && (!*name || !strncmp(name, "disk/", 5) || out->needs.root_on_lvm))
		out->needs.root_on_md |= starts_arrays(args);
	return 0;
}

/* What is on the disks has the same such name everywhere; and names of VMware's own disks are those of the target. */
static bool is_of_target(const char *name)
{
	static const char *const starts[] = {
		"/dev/disk/by-id/dm-", "/dev/disk/by-id/lvm-", "/dev/disk/by-id/md-", "/dev/disk/by-id/scsi-36000c29",
		"/dev/disk/by-id/wwn-0x6000c29", "/dev/disk/by-id/scsi-0VMware_", "/dev/disk/by-id/ata-VMware_",
		"/dev/disk/by-id/nvme-VMware_",
	};

	for (size_t k = 0; k < ARRAY_LEN(starts); k++)
		if (!strncmp(name, starts[k], strlen(starts[k])))
			return true;
	return false;
}

bool initrd_root_strange(const char *root, const struct disk_device *d)
{
	struct devname name;

	if (!d || strncmp(root, "/dev/", 5) != 0)
		return false;
	if (!devname_parse(root, &name))
		return devname_is_hardware_alias(root) && !is_of_target(root);
	switch (name.family) {
	case DEVNAME_OTHER:
		return false;
	case DEVNAME_HD:
		return d->kind != SCSI_IDE;
	case DEVNAME_SD:
		return d->kind == SCSI_NVME;
	case DEVNAME_NVME:
		return d->kind != SCSI_NVME;
	default:
		return true;
	}
}

void initrd_root_say_strange(const char *root, const struct disk_device *d, char *out, size_t size)
{
	snprintf(out, size, "root is %.200s, and no disk behind %s is called that; name root by its label or UUID, or as it is "
		 "called there", root, d->name);
}
