/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/edit.h"

static void test_get(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "KEY=value\n", "value" }, { "KEY=\"a b\"\r\n", "a b" }, { "KEY='a b' # c\n", "a b" },
		{ "KEY=a b\n", "a" }, { "KEY=a; X=b\n", "a" }, { " \tKEY=a", "a" }, { "export KEY=a\n", "a" },
		{ "KEY=1\nKEY=2\n", "2" }, { "KEY=\n", "" }, { "KEY=\"", "" }, { "#KEY=a\n", NULL },
		{ "KEYS=a\nXKEY=b\n", NULL }, { "KEY = a\n", NULL }, { "KEY", NULL }, { "", NULL }, { "export", NULL },
		{ "KEY=\"unclosed\nX=\"", "unclosed" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *got = sysconfig_get(cases[i].text, strlen(cases[i].text), "KEY");

		if (cases[i].want)
			is_str(got, cases[i].want, "case %zu", i);
		else
			ok(!got, "none in case %zu", i);
		free(got);
	}
}

int main(void)
{
	static const struct edit_name pairs[] = { { "/dev/hda", "/dev/sda" }, { "/dev/hdb", NULL } };
	const struct edit_names names = { pairs, 2 };
	const char *text = "# boot=/dev/hda\nboot=/dev/hda\nforcelba=0\nboot=\"/dev/hda\" # x\nboot=/dev/hdb\nreboot=/dev/hda";
	const char *ifcfg = "# Broadcom\nDEVICE=eth0\r\n HWADDR=00:1A:4B:11:22:33\r\nHWADDR=\"\"\nNOHWADDR=1\n#HWADDR=x\nHWADDR=2";
	struct unrack_error err;
	struct buf out = { 0 };

	test_get();
	is_int(sysconfig_edit(text, strlen(text), "boot", &names, &out, &err), 0, "edited");
	is_str(buf_str(&out), "# boot=/dev/hda\nboot=/dev/sda\nforcelba=0\nboot=\"/dev/sda\" # x\nboot=/dev/hdb\nreboot=/dev/hda",
	       "values of that key only, quotes and comments stay");
	is_int(sysconfig_comment(ifcfg, strlen(ifcfg), "HWADDR", &out, &err), 0, "commented out");
	is_str(buf_str(&out), "# Broadcom\nDEVICE=eth0\r\n# HWADDR=00:1A:4B:11:22:33\r\n#HWADDR=\"\"\nNOHWADDR=1\n#HWADDR=x\n#HWADDR=2",
	       "every line that sets the key, and no other");
	buf_free(&out);
	return tap_done();
}
