/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/target.h"

int main(void)
{
	static const struct {
		const char *family;
		int release, bits;
		const char *esx, *want;
	} cases[] = {
		{ "rhel", 2, 32, "3.5", "rhel2" },
		{ "rhel", 3, 64, "3.5", "rhel3-64" },
		{ "rhel", 4, 32, "6.7", "rhel4" },
		{ "rhel", 5, 64, "3.5", "rhel5-64" },
		{ "rhel", 5, 32, "8.0", "rhel5" },
		{ "rhel", 6, 64, "4.0", "rhel6-64" },
		{ "rhel", 6, 64, "3.5", "rhel5-64" },
		{ "rhel", 7, 64, "5.0", "rhel6-64" },
		{ "rhel", 9, 64, "6.7", "rhel8-64" },
		{ "rhel", 10, 64, "8.0", "rhel9-64" },
		{ "rhel", 10, 64, "9.0", "rhel10-64" },
		{ "centos", 5, 64, "6.7", "centos-64" },
		{ "centos", 5, 64, "4.1", "rhel5-64" },
		{ "centos", 7, 64, "6.7", "centos7-64" },
		{ "centos", 3, 32, "6.7", "rhel3" },
		{ "oracle", 6, 32, "7.0", "oraclelinux6" },
		{ "scientific", 6, 64, "6.7", "rhel6-64" },
		{ "rocky", 9, 64, "8.0", "rockylinux-64" },
		{ "rocky", 9, 64, "7.0", "rhel9-64" },
		{ NULL, 5, 64, "6.7", "rhel5-64" },
		{ "rhel", 0, 32, "6.7", "otherlinux" },
		{ "rhel", 1, 64, "6.7", "otherlinux-64" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		is_str(target_guest_os(cases[i].family, cases[i].release, cases[i].bits, esx_find(cases[i].esx)),
		       cases[i].want, "%s %d, %d bits, on ESX %s", cases[i].family ? cases[i].family : "no family",
		       cases[i].release, cases[i].bits, cases[i].esx);
	return tap_done();
}
