/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/size.h"
#include "unrack/disk.h"

#define MBR_TABLE 446
#define MBR_ENTRY 16
#define MBR_TYPE 4      /* within an entry */
#define TYPE_GPT 0xee   /* a protective entry: the table is a GPT */
#define TYPE_ESP 0xef   /* an EFI system partition */

int disk_may_boot_efi(struct block_source *s, bool *may, struct unrack_error *err)
{
	uint8_t mbr[SECTOR_SIZE] = { 0 };
	int r = s->size < sizeof mbr ? 0 : block_source_read(s, mbr, sizeof mbr, 0, err);

	*may = false;
	if (r < 0 || mbr[510] != 0x55 || mbr[511] != 0xaa)
		return r;
	for (unsigned i = 0; i < 4; i++) {
		uint8_t type = mbr[MBR_TABLE + i * MBR_ENTRY + MBR_TYPE];

		*may |= type == TYPE_GPT || type == TYPE_ESP;
	}
	return 0;
}
