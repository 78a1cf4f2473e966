/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guestOS values: the vSphere API's identifiers without "Guest", "_64" as "-64". A value
 * that an ESX does not know is shown as unsupported there, so each has the hardware version
 * from which it may be used, and an older one stands in below that. */
#include <string.h>

#include "base/size.h"
#include "unrack/target.h"

struct os_name {
	const char *family;
	int release_from, release_to;
	int first_hw;
	const char *bits32, *bits64; /* NULL: there is no such system */
};

/* First match wins. Identifiers of rebuilds appeared later than the systems; before that
 * the one of RHEL is right, since the systems are the same. */
static const struct os_name names[] = {
	{ "centos", 4, 5, 8, "centos", "centos-64" },
	{ "centos", 6, 6, 13, "centos6", "centos6-64" },
	{ "centos", 7, 7, 13, "centos7", "centos7-64" },
	{ "centos", 8, 8, 14, NULL, "centos8-64" },
	{ "centos", 9, 9, 17, NULL, "centos9-64" },
	{ "oracle", 4, 5, 8, "oraclelinux", "oraclelinux-64" },
	{ "oracle", 6, 6, 13, "oraclelinux6", "oraclelinux6-64" },
	{ "oracle", 7, 7, 13, "oraclelinux7", "oraclelinux7-64" },
	{ "oracle", 8, 8, 14, NULL, "oraclelinux8-64" },
	{ "oracle", 9, 9, 17, NULL, "oraclelinux9-64" },
	{ "rocky", 8, 10, 20, NULL, "rockylinux-64" },
	{ "almalinux", 8, 10, 20, NULL, "almalinux-64" },
	{ NULL, 2, 2, 4, "rhel2", "rhel2" },
	{ NULL, 3, 3, 4, "rhel3", "rhel3-64" },
	{ NULL, 4, 4, 4, "rhel4", "rhel4-64" },
	{ NULL, 10, 99, 22, NULL, "rhel10-64" },
	{ NULL, 9, 99, 17, NULL, "rhel9-64" },
	{ NULL, 8, 99, 14, NULL, "rhel8-64" },
	{ NULL, 7, 99, 10, "rhel7", "rhel7-64" },
	{ NULL, 6, 99, 7, "rhel6", "rhel6-64" },
	{ NULL, 5, 99, 4, "rhel5", "rhel5-64" },
};

const char *target_guest_os(const char *family, int release, int bits, const struct esx_version *esx)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct os_name *n = &names[i];
		const char *id = bits == 32 ? n->bits32 : n->bits64;

		if (id && (!n->family || (family && !strcmp(n->family, family))) &&
		    release >= n->release_from && release <= n->release_to && esx->hw_max >= n->first_hw)
			return id;
	}
	return bits == 32 ? "otherlinux" : "otherlinux-64";
}
