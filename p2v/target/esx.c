/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/size.h"
#include "unrack/target.h"

#define GIB_MB 1024ull
#define DISK_2T (0x20000000000ull - SECTOR_SIZE)
#define DISK_62T (62ull << 40)

/* Configuration maxima of 3.5 to 8.0, VMware KB 1003746 and 2007240 (hardware versions), KB
 * 2058287 (62 TB disks). The hardware version is that of the first release of each: a later
 * update of the same version runs it too. Booting from PVSCSI: vSphere 4.0 U1's page has it
 * for no Linux boot disk; 4.1 has. */
static const struct esx_version versions[] = {
	/* name  hw  disk      vcpus  memory            nics pvscsi ide */
	{ "3.0", 4, DISK_2T, 4, 16 * GIB_MB, 4, false, false },
	{ "3.5", 4, DISK_2T, 4, 64 * GIB_MB, 4, false, false },
	{ "4.0", 7, DISK_2T, 8, 255 * GIB_MB, 10, false, true },
	{ "4.1", 7, DISK_2T, 8, 255 * GIB_MB, 10, true, true },
	{ "5.0", 8, DISK_2T, 32, 1011 * GIB_MB, 10, true, true },
	{ "5.1", 9, DISK_2T, 64, 1011 * GIB_MB, 10, true, true },
	{ "5.5", 10, DISK_62T, 64, 1011 * GIB_MB, 10, true, true },
	{ "6.0", 11, DISK_62T, 128, 4080 * GIB_MB, 10, true, true },
	{ "6.5", 13, DISK_62T, 128, 6128 * GIB_MB, 10, true, true },
	{ "6.7", 14, DISK_62T, 128, 6128 * GIB_MB, 10, true, true },
	{ "7.0", 17, DISK_62T, 256, 6128 * GIB_MB, 10, true, true },
	{ "8.0", 20, DISK_62T, 768, 24560 * GIB_MB, 10, true, true },
	{ "9.0", 22, DISK_62T, 768, 24560 * GIB_MB, 10, true, true },
};

const struct esx_version *esx_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		if (!strcmp(versions[i].name, name))
			return &versions[i];
	return NULL;
}

const char *esx_list(void)
{
	return "3.0, 3.5, 4.0, 4.1, 5.0, 5.1, 5.5, 6.0, 6.5, 6.7, 7.0, 8.0, 9.0";
}

bool esx_runs_hw(const struct esx_version *esx, int hw)
{
	/* 5 was never given out; 6, 12 and 16 are Workstation's. */
	static const int known[] = { 4, 7, 8, 9, 10, 11, 13, 14, 15, 17, 18, 19, 20, 21, 22 };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i] == hw)
			return hw <= esx->hw_max;
	return false;
}
