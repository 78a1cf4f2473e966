/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sysfs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

bool sysfs_value(const char *dir, const char *file, char *out, size_t room)
{
	char path[PATH_MAX], value[256];
	FILE *f CLEANUP_FCLOSE = NULL;
	size_t n;
	char *s = value;

	*out = '\0';
	if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
		return false;
	f = fopen(path, "re");
	if (!f || !fgets(value, sizeof value, f))
		return false;
	for (n = strlen(value); n > 0 && (unsigned char)value[n - 1] <= ' ';)
		value[--n] = '\0';
	while (*s == ' ')
		s++;
	snprintf(out, room, "%s", s);
	return *out != '\0';
}

uint64_t sysfs_number(const char *dir, const char *file, uint64_t def)
{
	char value[32], *end;
	unsigned long long v;

	if (!sysfs_value(dir, file, value, sizeof value) || value[0] == '-')
		return def;
	errno = 0;
	v = strtoull(value, &end, 0);
	return errno || *end ? def : v;
}

bool sysfs_model(const char *dir, char *out, size_t room)
{
	return sysfs_value(dir, "device/model", out, room);
}

bool sysfs_serial(const char *dir, char *out, size_t room)
{
	return sysfs_value(dir, "device/serial", out, room) || sysfs_value(dir, "serial", out, room);
}

bool sysfs_wwid(const char *dir, char *out, size_t room)
{
	return sysfs_value(dir, "device/wwid", out, room) || sysfs_value(dir, "wwid", out, room);
}
