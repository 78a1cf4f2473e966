/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>

#include "../../p2v/convert/inspect.h"
#include "../support/tap.h"

static uint8_t head[512];

static void sector(const char *what, enum boot_sector want)
{
	is_int(inspect_boot_sector(head, sizeof head), want, "%s", what);
}

int main(void)
{
	is_int(inspect_boot_sector(head, 511), BOOT_SECTOR_UNREAD, "less than a sector");
	sector("zeros", BOOT_SECTOR_EMPTY);
	memcpy(head + 510, "\x55\xaa", 2);
	head[446] = 0x80;
	sector("a partition table alone", BOOT_SECTOR_EMPTY);
	memcpy(head, "\x33\xc0\x8e\xd0", 4);
	sector("code that is not known", BOOT_SECTOR_OTHER);
	memcpy(head + 0x17f, "GRUB \0Geom\0Hard Disk\0Read\0 Error", 32);
	memcpy(head + 0x3e, "\3\2\xff", 3);
	sector("stage 1 of GRUB legacy", BOOT_SECTOR_GRUB_LEGACY);
	memcpy(head + 0x3e, "\4\0", 2);
	sector("GRUB 2", BOOT_SECTOR_GRUB2);
	memcpy(head + 6, "LILO", 4);
	sector("LILO", BOOT_SECTOR_LILO);
	head[510] = 0;
	sector("code without the signature", BOOT_SECTOR_EMPTY);
	return tap_done();
}
