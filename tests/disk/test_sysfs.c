/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "../../p2v/disk/sysfs.h"
#include "../support/tap.h"

int main(void)
{
	char dir[] = "/tmp/unrack-sysfs-XXXXXX", cmd[512], out[16];

	if (!mkdtemp(dir))
		skip_all("no temporary folder");
	snprintf(cmd, sizeof cmd, "cd %s && mkdir device && printf '  ST3  X  \\n' >device/model && printf '\\n' >empty && "
		 "printf 'a\\nb\\n' >two && printf 0123456789012345678 >long && printf 18446744073709551615 >max && "
		 "printf 99999999999999999999 >huge && printf 0x10 >hex && printf -- -1 >minus && printf 12x >odd && "
		 "printf eui.00 >wwid && printf S1 >serial && printf S2 >device/serial", dir);
	ok(system(cmd) == 0, "(a folder)");
	ok(sysfs_model(dir, out, sizeof out), "a model");
	is_str(out, "ST3  X", "without the spaces around it");
	ok(!sysfs_value(dir, "empty", out, sizeof out), "an empty line is no value");
	ok(!sysfs_value(dir, "device", out, sizeof out), "nor is a folder");
	snprintf(out, sizeof out, "before");
	ok(!sysfs_value(dir, "missing", out, sizeof out), "nor what is not there");
	is_str(out, "", "and nothing of before is left");
	sysfs_value(dir, "two", out, sizeof out);
	is_str(out, "a", "the first line");
	sysfs_value(dir, "long", out, sizeof out);
	is_str(out, "012345678901234", "cut to its room");
	ok(sysfs_number(dir, "max", 1) == UINT64_MAX, "a number");
	is_int(sysfs_number(dir, "hex", 1), 16, "a hexadecimal one");
	is_int(sysfs_number(dir, "huge", 1), 1, "one that is too large is none");
	is_int(sysfs_number(dir, "minus", 1), 1, "nor is one below zero");
	is_int(sysfs_number(dir, "odd", 1), 1, "nor one with letters");
	is_int(sysfs_number(dir, "missing", 7), 7, "a missing one");
	sysfs_serial(dir, out, sizeof out);
	is_str(out, "S2", "SCSI's serial number goes before virtio's");
	sysfs_wwid(dir, out, sizeof out);
	is_str(out, "eui.00", "NVMe's WWID");
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	return system(cmd) == 0 ? tap_done() : 1;
}
