/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/edit.h"

static void one(const char *text, unsigned line, const char *want, const char *what)
{
	struct unrack_error err;
	struct buf out = { 0 };

	is_int(lvmconf_rejects(text, strlen(text), "/dev/sda5"), line, "%s", what);
	is_int(lvmconf_edit(text, strlen(text), "/dev/sda5", "sd", &out, &err), 0, "edited");
	is_str(buf_str(&out), want ? want : text, "%s", want ? "as it must be" : "nothing changes");
	is_int(lvmconf_rejects(buf_str(&out), out.len, "/dev/sda5"), 0, "and it is seen then");
	buf_free(&out);
}

int main(void)
{
	one("devices {\n    filter = [ \"a/.*/\" ]\n}\n", 0, NULL, "RHEL's own");
	one("devices {\n # filter = [ \"r/.*/\" ]\n filter = [ \"r|/dev/cdrom|\" ]\n}\n", 0, NULL, "CDs only");
	one("devices {\n\tfilter=[\"a|^/dev/cciss/|\", \"r|.*|\"]\r\n}", 2,
	    "devices {\n\tfilter=[ \"a|^/dev/sd|\",\"a|^/dev/cciss/|\", \"r|.*|\"]\r\n}", "one controller only");
	one("filter = [ # ours ]\n \"a/emcpower.*/\",\n \"r{sd.}\", \"r(sd.*)\" ]\n", 1,
	    "filter = [ \"a|^/dev/sd|\", # ours ]\n \"a/emcpower.*/\",\n \"r{sd.}\", \"r(sd.*)\" ]\n", "over lines");
	one("filter = [ \"a|sda5$|\", \"r|.*|\" ]\nglobal_filter = [ \"r|/dev/sd|\" ]\n", 2,
	    "filter = [ \"a|sda5$|\", \"r|.*|\" ]\nglobal_filter = [ \"a|^/dev/sd|\", \"r|/dev/sd|\" ]\n", "the second one");
	one("filters = [ \"r|.*|\" ]\nfilter [ \"r\" ]\nfilter = \"r|.*|\"\nfilter", 0, NULL, "not lists");
	one("filter = [ \"r|.*", 0, NULL, "cut short");
	one("filter = [ \"r|((sd|)\", \"\", \"r|(((s{255}){255}){255})|\", \"r|(s)\\\\1|\" ]", 0, NULL, "no expressions");
	return tap_done();
}
