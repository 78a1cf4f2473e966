/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../support/tap.h"
#include "unrack/bootconf.h"

static struct unrack_error err;

static char *value_of(void *ctx, const char *name)
{
	(void)ctx;
	return !strcmp(name, "kernelopts") ? strdup("root=/dev/x ro") : NULL;
}

static void test_parse(void)
{
	const char *text = "title Red Hat (4.18) 8.10 (Ootpa)\n\n# c\nversion 4.18\nlinux /vmlinuz-4.18 x\n"
			   "initrd /initramfs-4.18.img $tuned_initrd\ninitrd /other\noptions\t$kernelopts $tuned_params \r\noptions b\nlinuxx y\n";
	struct bls_entry e;
	struct buf out = { 0 };

	is_int(bls_parse(text, strlen(text), &e, &err), 0, "parsed");
	is_str(e.title, "Red Hat (4.18) 8.10 (Ootpa)", "the title");
	is_str(e.version, "4.18", "version");
	is_str(e.kernel, "/vmlinuz-4.18", "kernel");
	is_str(e.initrd, "/initramfs-4.18.img", "the first initrd");
	is_str(e.options, "$kernelopts $tuned_params b", "options of all lines");
	is_int(bls_expand(e.options, value_of, NULL, &out, &err), 0, "expanded");
	is_str(buf_str(&out), "root=/dev/x ro  b", "what is not set is nothing");
	bls_expand("a$ ${kernelopts}$$x ${y", value_of, NULL, &out, &err);
	is_str(buf_str(&out), "a$ root=/dev/x ro$ ${y", "braces, and dollars of nothing");
	bls_free(&e);
	is_int(bls_parse("", 0, &e, &err), 0, "an empty file");
	ok(!e.kernel && !e.title && !*e.options, "says nothing");
	bls_free(&e);
	buf_free(&out);
}

static void test_edit(void)
{
	static const struct edit_name name = { "/dev/cciss/c0d0p2", "UUID=1" };
	static const char *const add[] = { "nompath" };
	const struct args_change c = { .names = { &name, 1 }, .add = add, .n_add = 1 };
	const char *text = "title /dev/cciss/c0d0p2 a=/dev/cciss/c0d0p2\noptions   root=/dev/cciss/c0d0p2 ro \r\n  options x\nid y";
	const char *variable = "options $kernelopts x=/dev/cciss/c0d0p2";
	struct buf out = { 0 };

	is_int(bls_edit(text, strlen(text), &c, &out, &err), 0, "edited");
	is_str(buf_str(&out), "title /dev/cciss/c0d0p2 a=/dev/cciss/c0d0p2\noptions   root=UUID=1 ro nompath \r\n  options x\nid y",
	       "options only, words added once");
	is_int(bls_edit(variable, strlen(variable), &c, &out, &err), 0, "with $kernelopts");
	is_str(buf_str(&out), "options $kernelopts x=UUID=1", "nothing is added: grubenv has it");
	buf_free(&out);
}

static void test_order(void)
{
	ok(bls_compare("m-4.18.0-553.el8.x86_64.conf", "m-4.18.0-80.el8.x86_64.conf") < 0, "553 before 80");
	ok(bls_compare("m-0-rescue-m.conf", "m-4.18.0-80.el8.x86_64.conf") > 0, "the rescue kernel last");
	ok(bls_compare("m-5.14.0-70.13.1.el9.conf", "m-5.14.0-70.el9.conf") < 0, "numbers before words");
	ok(bls_compare("m-5.14.0~rc1", "m-5.14.0") > 0, "a tilde is older");
	ok(bls_compare("a", "b") > 0 && bls_compare("b", "a") < 0, "words by their letters");
	is_int(bls_compare("a-01", "a-01"), 0, "equal");
	ok(bls_compare("a-01", "a-1") != 0, "equal versions still have an order");
}

int main(void)
{
	test_parse();
	test_edit();
	test_order();
	return tap_done();
}
