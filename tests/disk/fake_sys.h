/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree like /sys and /dev in a temporary folder, for the tests of scan. */
#ifndef FAKE_SYS_H
#define FAKE_SYS_H

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/disk/scan_parts.h"
#include "../support/tap.h"

static char fake[32];
static char fake_sys[64], fake_dev[64];
static struct scan_root fake_root = { fake_sys, fake_dev };

/* Runs in the folder; the test ends when it fails. */
__attribute__((format(printf, 1, 2))) static void fake_sh(const char *fmt, ...)
{
	char cmd[4096];
	size_t n = (size_t)snprintf(cmd, sizeof cmd, "cd %s && ", fake);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd + n, sizeof cmd - n, fmt, ap);
	va_end(ap);
	if (system(cmd) != 0) {
		printf("Bail out! failed: %s\n", cmd);
		exit(1);
	}
}

static void fake_open(void)
{
	tap_folder(fake, sizeof fake, "scan");
	snprintf(fake_sys, sizeof fake_sys, "%s/sys", fake);
	snprintf(fake_dev, sizeof fake_dev, "%s/dev", fake);
	fake_sh("mkdir -p sys/block dev");
}

/* Makes the folders of PATH, which is below the folder. */
static void fake_folder(const char *path)
{
	char all[512];
	size_t n = (size_t)snprintf(all, sizeof all, "%s/", fake);

	for (; *path && n + 1 < sizeof all; path++) {
		all[n] = '\0';
		if (*path == '/')
			mkdir(all, 0755);
		all[n++] = *path;
	}
	all[n] = '\0';
	mkdir(all, 0755);
}

__attribute__((format(printf, 3, 4))) static void fake_value(const char *dir, const char *file, const char *fmt, ...)
{
	char path[512];
	va_list ap;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s/%s", fake, dir, file);
	f = fopen(path, "w");
	if (!f) {
		printf("Bail out! can't write %s\n", path);
		exit(1);
	}
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
}

/* A disk of MIB at PLACE below sys/devices ("pci0/host0/block"), as sysfs shows it. */
__attribute__((unused)) static void fake_disk(const char *name, const char *place, unsigned mib)
{
	static const char *const folders[] = { "holders", "slaves", "queue", "device" };
	char dir[256], path[512], link[300];

	snprintf(dir, sizeof dir, "sys/devices/%s/%s", place, name);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
		fake_folder(path);
	}
	fake_value(dir, "size", "%u\n", mib * 2048);
	fake_value(dir, "removable", "0\n");
	fake_value(dir, "ro", "0\n");
	fake_value(dir, "queue/logical_block_size", "512\n");
	snprintf(link, sizeof link, "../devices/%s/%s", place, name);
	snprintf(path, sizeof path, "%s/block/%s", fake_sys, name);
	if (symlink(link, path) < 0) {
		printf("Bail out! can't make %s\n", path);
		exit(1);
	}
}

static void fake_close(void)
{
	fake_sh("cd / && rm -r %s", fake);
}

#endif
