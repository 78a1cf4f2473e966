/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../support/tap.h"
#include "base/size.h"
#include "unrack/bootconf.h"

static struct unrack_error err;
static const struct edit_name table[] = {
	{ "/dev/cciss/c0d0p2", "UUID=1-2" }, { "/dev/cciss/c0d0p3", NULL }, { "vg1/swap", NULL },
};

static void test_put(void)
{
	static const char *const add[] = { "rd.multipath=0", "nompath" };
	static const struct {
		const char *before, *after, *what;
		size_t n_add;
	} cases[] = {
		{ "ro  root=/dev/cciss/c0d0p2\tquiet ", "ro  root=UUID=1-2\tquiet ", "a value is replaced, blanks stay", 0 },
		{ "root=\"/dev/cciss/c0d0p2\" x", "root=\"UUID=1-2\" x", "within its quotes", 0 },
		{ "ro resume=/dev/cciss/c0d0p3 quiet", "ro quiet", "a word goes with the blank before it", 0 },
		{ "rd.lvm.lv=vg1/swap rd.lvm.lv=vg1/swapx", " rd.lvm.lv=vg1/swapx", "whole values only", 0 },
		{ "dyndbg=\"a b=/dev/cciss/c0d0p2\" c", "dyndbg=\"a b=/dev/cciss/c0d0p2\" c", "what quotes hold together is one word", 0 },
		{ "ro quiet ", "ro quiet rd.multipath=0 nompath ", "words are added before the blanks at the end", 2 },
		{ "nompath ro", "nompath ro rd.multipath=0", "unless they are there", 2 },
		{ "", "rd.multipath=0", "to nothing", 1 },
		{ "=x =/dev/cciss/c0d0p2 \"", "=x =UUID=1-2 \"", "words without a name, a quote left open", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct args_change c = { .names = { table, ARRAY_LEN(table) }, .add = add, .n_add = cases[i].n_add };
		struct buf out = { 0 }, again = { 0 };

		is_int(args_put(cases[i].before, strlen(cases[i].before), &c, &out), 0, "put");
		is_str(buf_str(&out), cases[i].after, "%s", cases[i].what);
		args_put(buf_str(&out), out.len, &c, &again);
		is_str(buf_str(&again), cases[i].after, "a second time changes nothing");
		buf_free(&out);
		buf_free(&again);
	}
	ok(args_has("a nompath b", 11, "nompath"), "a word is there");
	ok(!args_has("a nompathx nompath=1", 20, "nompath"), "others that begin like it are not");
}

static void test_next(void)
{
	const char *text = "ro root=/dev/x  quiet a=\"b c\" =d e=";
	char *name, *value;
	size_t at = 0;

	ok(args_next(text, strlen(text), &at, &name, &value), "a first one");
	ok(!strcmp(name, "root") && !strcmp(value, "/dev/x"), "root");
	free(name), free(value);
	ok(args_next(text, strlen(text), &at, &name, &value), "the next");
	ok(!strcmp(name, "a") && !strcmp(value, "b c"), "without quotes");
	free(name), free(value);
	ok(args_next(text, strlen(text), &at, &name, &value), "an empty value");
	ok(!strcmp(name, "e") && !*value, "is one");
	free(name), free(value);
	ok(!args_next(text, strlen(text), &at, &name, &value), "and that is all");
}

static void test_files(void)
{
	static const char *const add[] = { "nompath" };
	const struct args_change c = { .names = { table, ARRAY_LEN(table) }, .add = add, .n_add = 1 };
	const char *cmdline = "root=/dev/cciss/c0d0p2 ro\r\nresume=/dev/cciss/c0d0p3";
	const char *grub = "# GRUB_CMDLINE_LINUX=\"root=/dev/cciss/c0d0p2\"\nGRUB_CMDLINE_LINUX=\"resume=/dev/cciss/c0d0p2 quiet\" # x\n"
			   "GRUB_CMDLINE_LINUX_DEFAULT='a=/dev/cciss/c0d0p2'\nGRUB_CMDLINE_LINUX=\"open\\\n a=/dev/cciss/c0d0p2\"";
	struct buf out = { 0 };

	is_int(args_edit(cmdline, strlen(cmdline), &c, &out, &err), 0, "a file of arguments");
	is_str(buf_str(&out), "root=UUID=1-2 ro nompath\r\n", "its lines and their ends");
	is_int(args_edit_sysconfig(grub, strlen(grub), "GRUB_CMDLINE_LINUX", &c, true, &out, &err), 0, "default/grub");
	is_str(buf_str(&out), "# GRUB_CMDLINE_LINUX=\"root=/dev/cciss/c0d0p2\"\nGRUB_CMDLINE_LINUX=\"resume=UUID=1-2 quiet nompath\" # x\n"
	       "GRUB_CMDLINE_LINUX_DEFAULT='a=/dev/cciss/c0d0p2'\nGRUB_CMDLINE_LINUX=\"open\\\n a=/dev/cciss/c0d0p2\"",
	       "within the quotes of that key; values over several lines stay");
	is_int(args_edit_sysconfig(grub, strlen(grub), "GRUB_CMDLINE_LINUX_DEFAULT", &c, false, &out, &err), 0, "another key");
	has_str(buf_str(&out), "_DEFAULT='a=UUID=1-2'\n", "names, and nothing added");
	buf_free(&out);
}

int main(void)
{
	test_put();
	test_next();
	test_files();
	return tap_done();
}
