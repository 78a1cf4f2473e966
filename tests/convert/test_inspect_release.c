/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/convert/inspect.h"
#include "../support/tap.h"

int main(void)
{
	static const struct {
		const char *text, *family;
		int major, minor;
	} cases[] = {
		{ "Red Hat Enterprise Linux Server release 5.11 (Tikanga)", "rhel", 5, 11 },
		{ "Red Hat Enterprise Linux AS release 4 (Nahant Update 8)", "rhel", 4, 8 },
		{ "Red Hat Enterprise Linux ES release 3 (Taroon)", "rhel", 3, -1 },
		{ "Red Hat Linux Advanced Server release 2.1AS (Pensacola)", "rhel", 2, 1 },
		{ "Red Hat Enterprise Linux release 9.4 (Plow)", "rhel", 9, 4 },
		{ "CentOS release 5.11 (Final)", "centos", 5, 11 },
		{ "CentOS Linux release 7.9.2009 (Core)", "centos", 7, 9 },
		{ "CentOS Stream release 8", "centos", 8, -1 },
		{ "Enterprise Linux Enterprise Linux Server release 5.3 (Carthage)", "oracle", 5, 3 },
		{ "Oracle Linux Server release 6.10", "oracle", 6, 10 },
		{ "Scientific Linux SL release 5.5 (Boron)", "scientific", 5, 5 },
		{ "Rocky Linux release 9.2 (Blue Onyx)", "rocky", 9, 2 },
		{ "AlmaLinux release 8.8 (Sapphire Caracal)", "almalinux", 8, 8 },
		{ "Appliance release 5.2", "", 5, 2 },
		{ "Appliance", "", 0, -1 },
		{ "release x", "", 0, -1 },
		{ "release 99999999999999999999.88888888888888888888", "", 1615, 1615 },
		{ "", "", 0, -1 },
	};
	static const char *const others[] = { "Red Hat Linux release 7.3 (Valhalla)", "Fedora release 20 (Heisenbug)",
					      "Fedora Core release 4 (Stentz)", "Mandriva Linux release 2010.1" };
	static const struct {
		const char *text, *family;
		int major, minor;
	} os[] = {
		{ "ID=\"rhel\"\nVERSION_ID=\"9.4\"\n", "rhel", 9, 4 },
		{ "ID=eurolinux\nID_LIKE=\"fedora rhel centos\"\nVERSION_ID=8\n", "rhel", 8, -1 },
		{ "ID=ol\nVERSION_ID=7.9\n", "oracle", 7, 9 },
		{ "ID=debian\nVERSION_ID=12\n", NULL, 0, 0 },
		{ "ID=fedora\nVERSION_ID=40\n", NULL, 0, 0 },
		{ "ID=rhel\n", NULL, 0, 0 },
		{ "", NULL, 0, 0 },
	};
	const char *family;
	int major, minor;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		inspect_parse_release(cases[i].text, &family, &major, &minor);
		is_str(family, cases[i].family, "\"%s\"", cases[i].text);
		ok(major == cases[i].major && minor == cases[i].minor, "release %d.%d", major, minor);
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		inspect_parse_release(others[i], &family, &major, &minor);
		ok(!family, "%s is another system", others[i]);
	}
	for (size_t i = 0; i < sizeof os / sizeof os[0]; i++) {
		int r = inspect_parse_os_release(os[i].text, strlen(os[i].text), &family, &major, &minor);

		is_int(r, os[i].family ? 0 : -1, "os-release %zu", i);
		if (os[i].family)
			ok(!strcmp(family, os[i].family) && major == os[i].major && minor == os[i].minor, "%s %d.%d", family, major, minor);
	}
	return tap_done();
}
