/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../support/tap.h"
#include "unrack/netconf.h"

static struct unrack_error err;

static void get(const char *text, const char *section, const char *key, const char *want, const char *what)
{
	char *value = ini_get(text, strlen(text), section, key);

	if (want)
		is_str(value, want, "%s", what);
	else
		ok(!value, "%s", what);
	free(value);
}

static void test_get(void)
{
	const char *text = "key=0\n[a]\n# key=1\n;key=2\nkey = 3 \r\nkey2=4\n[ab]\nkey=5\n[a]\nkey=6 = 7\nempty=\nkey";

	get(text, "a", "key", "6 = 7", "the last one of a section");
	get(text, "ab", "key", "5", "of another");
	get(text, "a", "key2", "4", "whole keys");
	get(text, "a", "empty", "", "an empty value");
	get(text, "a", "ke", NULL, "no beginning of a key");
	get(text, "b", "key", NULL, "a section that is not there");
	get("", "a", "key", NULL, "an empty file");
	get("[a\nkey=1", "a", "key", NULL, "a section without its bracket");
}

static void test_keyfile(void)
{
	const char *text = "[connection]\nid=uplink\ntype=ethernet\ninterface-name=enp3s0\nautoconnect=false\n\n[ethernet]\n"
			   "mac-address=00:1A:4B:11:22:33\n[ipv4]\nmethod=manual\naddress1=10.0.0.2/24\n";
	const char *old = "[connection]\ntype=802-3-ethernet\n[802-3-ethernet]\nmac-address=1\n", *vlan = "[connection]\ntype=vlan\nid=v\n";
	struct nm_keyfile k;

	is_int(nm_keyfile_parse(text, strlen(text), &k, &err), 0, "parsed");
	ok(!strcmp(k.id, "uplink") && !strcmp(k.interface, "enp3s0") && k.card && !k.autoconnect, "a wired card");
	is_str(k.mac, "00:1A:4B:11:22:33", "with its address");
	is_str(k.method, "manual", "and method");
	nm_keyfile_free(&k);
	is_int(nm_keyfile_parse(old, strlen(old), &k, &err), 0, "older names");
	ok(k.card && k.autoconnect && !k.interface && !*k.id, "are cards as well");
	is_str(k.mac, "1", "with their address");
	nm_keyfile_free(&k);
	is_int(nm_keyfile_parse(vlan, strlen(vlan), &k, &err), 0, "a VLAN");
	ok(!k.card, "is no card");
	nm_keyfile_free(&k);
}

int main(void)
{
	test_get();
	test_keyfile();
	return tap_done();
}
