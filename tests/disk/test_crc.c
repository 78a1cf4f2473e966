/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/crc.h"
#include "../support/tap.h"

int main(void)
{
	/* The check value of the catalogue of CRCs (reveng), and LVM2's first value. */
	ok(~crc_ieee(~0u, "123456789", 9) == 0xcbf43926, "the check value of CRC-32");
	ok(crc_ieee(0xf597a6cf, "", 0) == 0xf597a6cf, "nothing changes nothing");
	ok(crc_ieee(crc_ieee(5, "1234", 4), "56789", 5) == crc_ieee(5, "123456789", 9), "in parts as at once");
	return tap_done();
}
