/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/target.h"

int main(void)
{
	static const char *const all[] = { "3.0", "3.5", "4.0", "4.1", "5.0", "5.1", "5.5", "6.0", "6.5",
					   "6.7", "7.0", "8.0", "9.0" };
	const char *list = esx_list();
	int hw = 0;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		const struct esx_version *e = esx_find(all[i]);

		ok(e && e->hw_max >= hw, "ESX %s is known, with no older hardware than the one before", all[i]);
		hw = e ? e->hw_max : 0;
		has_str(list, all[i], "and is in the list for messages");
		ok(e && esx_runs_hw(e, e->hw_max) && esx_runs_hw(e, 4), "it runs its own hardware version and 4");
		ok(e && !esx_runs_hw(e, e->hw_max + 1), "and none that is newer");
	}
	ok(!esx_find("2.5") && !esx_find("6") && !esx_find(""), "other versions are not known");
	ok(!esx_runs_hw(esx_find("9.0"), 12) && !esx_runs_hw(esx_find("9.0"), 5) && !esx_runs_hw(esx_find("9.0"), 0),
	   "hardware versions that no ESX had are refused");
	ok(!esx_find("4.0")->pvscsi_boot && esx_find("4.1")->pvscsi_boot, "booting from PVSCSI begins with 4.1");
	ok(!esx_find("3.5")->ide_disk && esx_find("4.0")->ide_disk, "IDE disks begin with 4.0");
	ok(esx_find("5.1")->disk_max == 2199023255040ull, "2 TiB less a sector up to 5.1");
	ok(esx_find("5.5")->disk_max == 68169720922112ull, "62 TiB from 5.5 on");
	return tap_done();
}
