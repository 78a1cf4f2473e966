/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/module_options.h"
#include "made.h"

static void is_options(const char *conf, const char *name, const char *want)
{
	CLEANUP_BUF struct buf b = { 0 };

	is_int(module_options(conf, name, &b), 0, "options of %s", name);
	is_str(buf_str(&b), want, "are \"%s\"", want);
}

int main(void)
{
	is_options("alias eth0 e100\noptions aic7xxx aic7xxx=verbose\noptions\te100 speed=10\n", "aic7xxx", " aic7xxx=verbose");
	is_options("options aic7xxx a=1 \\\n\tb=2\\\nc=3\noptions x d=4\n", "aic7xxx", " a=1 b=2 c=3");
	is_options("options dm-mod a=1\n  options dm_mod b=2", "dm_mod", " a=1 b=2");
	is_options("#options x a=1\noptionsx x a=1\noptions xy a=1\noptions\noptions x\n", "x", "");
	is_options("options x a=\"1 2\"\r\n", "x", " a=\"1 2\"");
	is_options("options x a=\\b\\", "x", " a=\\b\\");
	is_options("\\\n\\\n", "x", "");
	is_options("", "x", "");
	is_options(NULL, "x", "");
	return tap_done();
}
