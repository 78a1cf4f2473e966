/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/edit.h"

static const char text[] =
	"#!/bin/sh\n"
	"# mkswap /dev/hda1\n"
	"touch /var/lock/subsys/local\n"
	"mkswap /dev/hda2 && swapon /dev/hda2 # mkfs /dev/hda9\n"
	"dd if=/dev/hda3 of=/dev/hda5 bs=1M\n"
	"/sbin/mkfs.ext3 -q \"/dev/hdb1\"\r\n"
	"hdparm -d1 /dev/hda\n"
	"mkfs.ext3 /dev/VolGroup00/scratch\n"
	"echo added /dev/hda\n"
	"raw /dev/raw/raw1 /dev/sdq1";

int main(void)
{
	static const struct {
		unsigned line;
		const char *command, *device;
	} want[] = {
		{ 4, "mkswap", "/dev/hda2" }, { 4, "mkswap", "/dev/hda2" }, { 5, "dd", "/dev/hda5" },
		{ 6, "mkfs.ext3", "/dev/hdb1" }, { 10, "raw", "/dev/sdq1" },
	};
	static const struct edit_name pairs[] = { { "/dev/hda", "/dev/sda" }, { "/dev/hda2", "/dev/sda2" },
						  { "/dev/hda3", "/dev/sda3" }, { "/dev/hda5", "/dev/sda5" }, { "/dev/sdq1", NULL } };
	const struct edit_names names = { pairs, 5 };
	struct script_cursor c = { 0 };
	struct script_danger d;
	struct unrack_error err;
	struct buf out = { 0 };
	static char huge[400000];
	size_t n = 0, found = 0;

	while (n < 5 && script_next_danger(text, sizeof text - 1, &c, &d)) {
		char device[64];

		snprintf(device, sizeof device, "%.*s", (int)d.device_len, d.device);
		is_int(d.line, want[n].line, "in line %u", want[n].line);
		is_str(d.command, want[n].command, "%s", want[n].command);
		is_str(device, want[n].device, "on %s", want[n].device);
		n++;
	}
	is_int(n, 5, "five dangers");
	ok(!script_next_danger(text, sizeof text - 1, &c, &d), "and no more");

	is_int(script_edit(text, sizeof text - 1, &names, &out, &err), 0, "edited");
	is_str(buf_str(&out),
	       "#!/bin/sh\n"
	       "# mkswap /dev/hda1\n"
	       "touch /var/lock/subsys/local\n"
	       "mkswap /dev/sda2 && swapon /dev/sda2 # mkfs /dev/hda9\n"
	       "dd if=/dev/hda3 of=/dev/sda5 bs=1M\n"
	       "/sbin/mkfs.ext3 -q \"/dev/hdb1\"\r\n"
	       "hdparm -d1 /dev/hda\n"
	       "mkfs.ext3 /dev/VolGroup00/scratch\n"
	       "echo added /dev/hda\n"
	       "raw /dev/raw/raw1 /dev/sdq1", "only what is written to");

	n = (size_t)snprintf(huge, sizeof huge, "mkswap");
	while (n + 20 < sizeof huge)
		n += (size_t)snprintf(huge + n, sizeof huge - n, " /dev/hda2");
	memset(&c, 0, sizeof c);
	while (script_next_danger(huge, n, &c, &d))
		found++;
	is_int(found, (n - 6) / 10, "a line of forty thousand names takes no time");
	buf_free(&out);
	return tap_done();
}
