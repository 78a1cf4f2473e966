/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "unrack/accel.h"
#include "unrack/proc.h"

void appliance_last_words(const char *console, char out[256])
{
	size_t end = strlen(console), start, n = 0;

	while (end > 0 && strchr("\r\n ", console[end - 1]))
		end--;
	for (start = end; start > 0 && !strchr("\r\n", console[start - 1]);)
		start--;
	for (; start < end && n < 255; start++)
		if (console[start] >= ' ' && console[start] < 127)
			out[n++] = console[start];
	out[n] = '\0';
}

static bool have(const char *program)
{
	struct unrack_error dropped;
	char *path CLEANUP_FREE = NULL;

	return proc_find(program, "", &path, &dropped) == 0;
}

static bool have_kernel(const char *pattern)
{
	char *path CLEANUP_FREE = accel_kernel(pattern);

	return path;
}

int appliance_programs(struct unrack_error *err)
{
	if (!have("supermin") && !getenv("LIBGUESTFS_PATH"))
		return error_set(err, UNRACK_MISSING, "supermin, which builds libguestfs's appliance, is not "
				 "installed; install the package supermin");
	if (!have("qemu-system-x86_64") && !have("qemu-kvm") && !have("qemu-system-aarch64"))
		return error_set(err, UNRACK_MISSING, "QEMU, which runs libguestfs's appliance, is not installed; "
				 "install qemu-system-x86 (qemu-kvm on RHEL)");
	if (!have("qemu-img"))
		return error_set(err, UNRACK_MISSING, "qemu-img, which libguestfs's appliance needs, is not "
				 "installed; install qemu-utils (qemu-img on RHEL)");
	return 0;
}

void appliance_first_line(const char *error, char out[256])
{
	size_t n;

	error = error ? error : "it gave no reason";
	n = strcspn(error, "\r\n");
	while (n > 0 && strchr(". ", error[n - 1]))
		n--;
	snprintf(out, 256, "%.*s", (int)n, error);
}

int appliance_explain(const char *error, const char *console, struct unrack_error *err)
{
	char words[256], line[256];
	int r = appliance_programs(err);

	if (r < 0)
		return r;
	if (!have_kernel("/boot/vmlinuz*") && !have_kernel("/lib/modules/*/vmlinuz") &&
	    !getenv("LIBGUESTFS_PATH"))
		return error_set(err, UNRACK_MISSING, "libguestfs's appliance needs a kernel, and /boot has none that "
				 "this user can read; install linux-image-cloud-amd64 (kernel on RHEL), or run as "
				 "root");
	appliance_last_words(console, words);
	appliance_first_line(error, line);
	return error_set(err, UNRACK_MISSING, "libguestfs's appliance does not start: %s%s%s%s; "
			 "libguestfs-test-tool shows why", line, words[0] ? " (" : "", words, words[0] ? ")" : "");
}
