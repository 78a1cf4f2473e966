/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks as /sys/block shows them. Attributes: Linux' Documentation/ABI/stable/sysfs-block; SCSI
 * device types: SPC-4, table 140. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "scan_parts.h"
#include "sysfs.h"

#define NAMES_MAX 65536u /* entries of a folder that are looked at */
#define SCSI_CD 5

/* NAME begins with PREFIX and a digit. */
static bool numbered(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(name, prefix, n) && isdigit((unsigned char)name[n]);
}

/* Made of memory, of files, of a network's blocks or of other disks, or no disk at all. */
static bool is_other(const char *name)
{
	static const char *const prefixes[] = { "ram", "zram", "loop", "sr", "scd", "fd", "md", "md_d", "dm-",
						"nbd", "drbd", "mtdblock", "bcache" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (numbered(name, prefixes[i]))
			return true;
	return false;
}

static bool is_empty_folder(const char *path)
{
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			return false;
	return true;
}

static bool is_disk(const struct scan_root *root, const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX + 16], media[32];

	if (name[0] == '.' || is_other(name) ||
	    snprintf(dir, sizeof dir, "%s/block/%s", root->sys, name) >= (int)sizeof dir)
		return false;
	snprintf(path, sizeof path, "%s/slaves", dir);
	if (!is_empty_folder(path) || sysfs_number(dir, "hidden", 0) == 1 ||
	    sysfs_number(dir, "device/type", 0) == SCSI_CD)
		return false;
	/* IDE's drives of all kinds are called hd. */
	return !sysfs_value(dir, "device/media", media, sizeof media) || !strcmp(media, "disk");
}

/* sdb before sdaa, and sd2 before sd10. */
static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t n = strlen(x), m = strlen(y);

	if (!strncmp(x, y, 2) && n != m && x[strcspn(x, "0123456789")] == '\0' &&
	    y[strcspn(y, "0123456789")] == '\0')
		return n < m ? -1 : 1;
	return strverscmp(x, y);
}

int scan_names_add(struct scan_names *names, const char *name)
{
	char **at = realloc(names->at, (names->n + 1) * sizeof *at);

	if (!at)
		return -1;
	names->at = at;
	at[names->n] = strdup(name);
	return at[names->n] ? (int)names->n++ : -1;
}

void scan_names_free(struct scan_names *names)
{
	for (unsigned i = 0; i < names->n; i++)
		free(names->at[i]);
	free(names->at);
	*names = (struct scan_names){ NULL, 0 };
}

int scan_sysfs_list(const struct scan_root *root, struct scan_names *out, struct unrack_error *err)
{
	char path[PATH_MAX];
	DIR *dir CLEANUP_CLOSEDIR = NULL;
	struct dirent *e;

	*out = (struct scan_names){ NULL, 0 };
	snprintf(path, sizeof path, "%s/block", root->sys);
	dir = opendir(path);
	while (dir && out->n < NAMES_MAX && (e = readdir(dir)))
		if (is_disk(root, e->d_name) && scan_names_add(out, e->d_name) < 0) {
			scan_names_free(out);
			return error_nomem(err);
		}
	if (out->n > 1)
		qsort(out->at, out->n, sizeof *out->at, by_name);
	return 0;
}

/* The bus by the driver's own name space, else by the path of the device through the machine. */
static void find_bus(const char *dir, char out[16])
{
	static const struct {
		const char *prefix, *bus;
	} names[] = { { "nvme", "nvme" }, { "vd", "virtio" }, { "xvd", "xen" }, { "cciss!", "cciss" },
		      { "ida!", "ida" }, { "hd", "ide" }, { "mmcblk", "mmc" }, { "dasd", "dasd" } },
	  steps[] = { { "usb", "usb" }, { "fw", "firewire" }, { "ata", "ata" }, { "rport-", "fc" },
		      { "session", "iscsi" }, { "end_device-", "sas" }, { "virtio", "virtio" }, { "host", "scsi" } };
	char real[PATH_MAX], *rest = real, *step;
	const char *name;

	*out = '\0';
	if (!realpath(dir, real))
		return;
	name = strrchr(real, '/') + 1;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strncmp(name, names[i].prefix, strlen(names[i].prefix))) {
			snprintf(out, 16, "%s", names[i].bus);
			return;
		}
	while ((step = strsep(&rest, "/")))
		for (size_t i = 0; i < ARRAY_LEN(steps); i++)
			if (numbered(step, steps[i].prefix)) {
				/* A host is found on the way to all of them. */
				if (strcmp(steps[i].bus, "scsi") != 0 || !*out)
					snprintf(out, 16, "%s", steps[i].bus);
				break;
			}
}

void scan_sysfs_facts(const char *dir, struct scan_facts *out)
{
	char vendor[64], model[128];

	memset(out, 0, sizeof *out);
	sysfs_model(dir, model, sizeof model);
	/* ATA disks have none, virtio's is a number. */
	if (sysfs_value(dir, "device/vendor", vendor, sizeof vendor) && strcmp(vendor, "ATA") != 0 &&
	    strncmp(vendor, "0x", 2) != 0)
		snprintf(out->model, sizeof out->model, "%s%s%s", vendor, *model ? " " : "", model);
	else
		snprintf(out->model, sizeof out->model, "%s", model);
	sysfs_serial(dir, out->serial, sizeof out->serial);
	sysfs_wwid(dir, out->wwid, sizeof out->wwid);
	find_bus(dir, out->bus);
	out->removable = sysfs_number(dir, "removable", 0) == 1 || !strcmp(out->bus, "usb") ||
			 !strcmp(out->bus, "firewire") || !strcmp(out->bus, "mmc");
	out->read_only = sysfs_number(dir, "ro", 0) == 1;
	if (mul_overflows(sysfs_number(dir, "size", 0), SECTOR_SIZE, &out->bytes) || out->bytes > INT64_MAX)
		out->bytes = 0;
	out->sector_bytes = (unsigned)min_u64(sysfs_number(dir, "queue/logical_block_size", 0), UINT_MAX);
}

char *scan_sysfs_node(const struct scan_root *root, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", root->dev, name) < 0)
		return NULL;
	for (char *p = path + strlen(root->dev); *p; p++)
		if (*p == '!')
			*p = '/';
	return path;
}

/* The number at the end of the name of a partition's folder; 0 when it is none. */
static unsigned partition_number(const char *dir, const char *name)
{
	char path[PATH_MAX];
	size_t n = strlen(name);

	if (name[0] == '.' || snprintf(path, sizeof path, "%s/%s/start", dir, name) >= (int)sizeof path ||
	    access(path, F_OK) < 0)
		return 0;
	while (n > 0 && isdigit((unsigned char)name[n - 1]))
		n--;
	return (unsigned)strtoul(name + n, NULL, 10);
}

char *scan_sysfs_partition(const struct scan_root *root, const char *dir, unsigned number)
{
	DIR *d CLEANUP_CLOSEDIR = opendir(dir);
	struct dirent *e;

	while (d && number && (e = readdir(d)))
		if (partition_number(dir, e->d_name) == number)
			return scan_sysfs_node(root, e->d_name);
	return NULL;
}

/* LVM's and multipath's devices by the names that people know. */
static char *holder_node(const struct scan_root *root, const char *name)
{
	char dir[PATH_MAX], mapped[256], *path = NULL;

	snprintf(dir, sizeof dir, "%s/block/%s", root->sys, name);
	if (!sysfs_value(dir, "dm/name", mapped, sizeof mapped))
		return scan_sysfs_node(root, name);
	return asprintf(&path, "%s/mapper/%s", root->dev, mapped) < 0 ? NULL : path;
}

static void add_holders(const struct scan_root *root, const char *dir, struct json *out)
{
	char path[PATH_MAX];
	DIR *d CLEANUP_CLOSEDIR = NULL;
	struct dirent *e;

	if (snprintf(path, sizeof path, "%s/holders", dir) >= (int)sizeof path)
		return;
	d = opendir(path);
	while (d && (e = readdir(d)) && json_len(out) < NAMES_MAX) {
		char *node CLEANUP_FREE = e->d_name[0] == '.' ? NULL : holder_node(root, e->d_name);
		bool known = !node;

		for (size_t i = 0; i < json_len(out) && !known; i++)
			known = !strcmp(json_at_str(out, i, ""), node);
		if (!known)
			json_add_str(out, node);
	}
}

struct json *scan_sysfs_holders(const struct scan_root *root, const char *dir)
{
	struct json *out = json_new_array();
	DIR *d CLEANUP_CLOSEDIR = opendir(dir);
	char path[PATH_MAX];
	struct dirent *e;

	if (!out)
		return NULL;
	add_holders(root, dir, out);
	while (d && (e = readdir(d)))
		if (partition_number(dir, e->d_name) &&
		    snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < (int)sizeof path)
			add_holders(root, path, out);
	return out;
}
