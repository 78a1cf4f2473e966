/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/disk.h"

static bool may(uint8_t *disk, uint64_t size)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct block_source *s;
	bool m = false;

	block_source_open_memory(disk, size, "disk", &s, &e);
	is_int(disk_may_boot_efi(s, &m, &e), 0, "looked at");
	block_source_close(s);
	return m;
}

int main(void)
{
	uint8_t disk[1024] = { 0 };

	ok(!may(disk, sizeof disk), "an empty disk does not boot by EFI");
	disk[446 + 4] = 0xee;
	ok(!may(disk, sizeof disk), "nor one without a boot signature");
	disk[510] = 0x55;
	disk[511] = 0xaa;
	ok(may(disk, sizeof disk), "a GPT may");
	ok(!may(disk, 511), "a disk too short for a table can't");
	disk[446 + 4] = 0x83;
	ok(!may(disk, sizeof disk), "a DOS table with Linux can't");
	disk[446 + 3 * 16 + 4] = 0xef;
	ok(may(disk, sizeof disk), "unless it has a system partition");
	return tap_done();
}
