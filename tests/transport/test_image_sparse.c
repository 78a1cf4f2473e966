/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crash.h"

int main(void)
{
	make_data();
	crash_all(DISK_SPARSE, "d0.vmdk");
	free(data);
	return tap_done();
}
