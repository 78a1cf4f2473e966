/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../support/tap.h"
#include "base/size.h"
#include "unrack/bootconf.h"

#define CFG                                                                                     \
	"set pager=1\nif [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\nelse\n"     \
	"   set default=\"${saved_entry}\"\nfi\nfunction load_video {\n  if [ x ]; then\n    insmod vga\n  fi\n}\n" \
	"set root='hd0,msdos9'\n"                                                                 \
	"menuentry 'Red Hat (3.10.0-1160) \\ 7.9' --class red $menuentry_id_option 'gnulinux-3.10.0-1160' {\n" \
	"\tset root='hd0,msdos1'\n"                                                               \
	"\tif [ x$feature_platform_search_hint = xy ]; then\n"                                    \
	"\t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1 --hint='hd0,msdos1'  aaaa-1\n" \
	"\telse\n\t  search --no-floppy --fs-uuid --set=root aaaa-1\n\tfi\n"                       \
	"\tlinux16 /vmlinuz-3.10.0-1160 root=/dev/cciss/c0d0p2 ro  quiet \n\tinitrd16 /initramfs-3.10.0-1160.img\n}\n" \
	"submenu \"Old ones\" --id old {\n"                                                        \
	"menuentry 'It'\\''s old' --id=o1 {\n\tlinux /vmlinuz-3.10.0-123 root=/dev/cciss/c0d0p2\n\tinitrd /a.img /b.img\n}\n" \
	"\tmenuentry \"Second\" {\n\tlinuxefi /v x\n\t}\n}\n"                                       \
	"menuentry 'Windows' {\n\tchainloader +1\n}\n"

static struct unrack_error err;

static void test_parse(void)
{
	struct grub2_conf g;

	is_int(grub2conf_parse(CFG, strlen(CFG), &g, &err), 0, "parsed");
	is_int(g.n, 4, "four entries");
	is_str(g.entries[0].title, "Red Hat (3.10.0-1160) \\ 7.9", "the title");
	is_str(g.entries[0].id, "gnulinux-3.10.0-1160", "the id");
	is_str(g.entries[0].uuid, "aaaa-1", "the filesystem that is searched for");
	is_str(g.entries[0].device, "hd0,msdos1", "the device before that");
	is_str(g.entries[0].kernel, "/vmlinuz-3.10.0-1160", "the kernel");
	is_str(g.entries[0].args, "root=/dev/cciss/c0d0p2 ro  quiet ", "its arguments as they are written");
	is_str(g.entries[0].initrd, "/initramfs-3.10.0-1160.img", "the initrd");
	is_str(g.entries[1].title, "It's old", "a title of several quotes");
	is_str(g.entries[1].id, "o1", "--id=");
	is_str(g.entries[1].initrd, "/a.img", "the first initrd");
	ok(g.entries[1].submenu == 0 && g.entries[2].submenu == 0 && g.entries[2].number == 1, "in a submenu");
	ok(g.entries[2].efi && !g.entries[1].efi, "one for EFI");
	ok(g.entries[3].submenu == -1 && g.entries[3].number == 2 && !g.entries[3].kernel, "behind it, no kernel");
	is_int(g.n_submenus, 1, "one submenu");
	ok(g.default_saved && !g.default_value && !g.blscfg, "the default is saved");
	is_str(g.device, "hd0,msdos9", "the root outside");

	is_int(grub2conf_default(&g, "0"), 0, "by number");
	is_int(grub2conf_default(&g, "2"), 3, "submenus count");
	is_int(grub2conf_default(&g, "1>1"), 2, "in a submenu by number");
	is_int(grub2conf_default(&g, "Old ones>It's old"), 1, "by titles");
	is_int(grub2conf_default(&g, "old>o1"), 1, "by ids");
	is_int(grub2conf_default(&g, "old"), 1, "a submenu starts its first");
	is_int(grub2conf_default(&g, "gnulinux-3.10.0-1160"), 0, "by id");
	is_int(grub2conf_default(&g, "Second"), 0, "one in a submenu needs the submenu's name");
	is_int(grub2conf_default(&g, "7"), 0, "none of them: the first");
	is_int(grub2conf_default(&g, NULL), 0, "nothing saved: the first");
	grub2conf_free(&g);

	is_int(grub2conf_parse("", 0, &g, &err), 0, "an empty file");
	is_int(grub2conf_default(&g, "0"), -1, "has no default");
	grub2conf_free(&g);
}

static void test_bls(void)
{
	const char *text = "set default=\"1\"\nmenuentry a {\n}\nsearch --set=boot --fs-uuid b-1\nif [ -z \"${kernelopts}\" ]; then\n"
			   "  set kernelopts=\"root=/dev/sda2 ro \"\nfi\nset tuned_params=\"skew=1\"\ninsmod blscfg\nblscfg\nmenuentry b {\n}\n";
	const char *stub = "search --no-floppy --root-dev-only --fs-uuid --set=dev c-1\nset prefix=($dev)/grub2\nexport $prefix\n"
			   "configfile $prefix/grub.cfg\n";
	struct grub2_conf g;

	is_int(grub2conf_parse(text, strlen(text), &g, &err), 0, "entries elsewhere");
	ok(g.blscfg && g.bls_number == 1, "come behind the first");
	is_str(g.kernelopts, "root=/dev/sda2 ro ", "kernelopts");
	is_str(g.tuned_params, "skew=1", "tuned_params");
	is_str(g.default_value, "1", "a literal default");
	is_str(g.uuid, "b-1", "the filesystem of /boot");
	grub2conf_free(&g);
	is_int(grub2conf_parse(stub, strlen(stub), &g, &err), 0, "EFI's stub");
	is_str(g.configfile, "$prefix/grub.cfg", "goes on elsewhere");
	is_str(g.uuid, "c-1", "on that filesystem");
	grub2conf_free(&g);
}

static void test_device(void)
{
	int disk, partition;

	ok(grub2conf_device("hd0,msdos1", &disk, &partition) && disk == 0 && partition == 1, "msdos");
	ok(grub2conf_device("(hd1,gpt12)", &disk, &partition) && disk == 1 && partition == 12, "gpt");
	ok(grub2conf_device("hd2", &disk, &partition) && disk == 2 && partition == 0, "a whole disk");
	ok(grub2conf_device("hd0,3", &disk, &partition) && partition == 3, "without the table's name");
	ok(!grub2conf_device("lvm/rhel-root", &disk, &partition) && !grub2conf_device("hd", &disk, &partition) &&
	   !grub2conf_device("hd0,msdos1x", &disk, &partition) && !grub2conf_device("", &disk, &partition), "others are none");
}

static void test_edit(void)
{
	static const struct edit_name name = { "/dev/cciss/c0d0p2", "UUID=1" };
	static const char *const add[] = { "nompath" };
	struct args_change c = { .names = { &name, 1 } };
	const char *text = "# linux /v root=/dev/cciss/c0d0p2\n\tlinux16 /v root=/dev/cciss/c0d0p2 ro\t\r\n  set kernelopts=\"a=/dev/cciss/c0d0p2 \"\n"
			   "echo root=/dev/cciss/c0d0p2\nset kernelopts=\"open\nlinux\nlinux /v";
	struct buf out = { 0 };

	is_int(grub2conf_edit(text, strlen(text), &c, &out, &err), 0, "edited");
	is_str(buf_str(&out), "# linux /v root=/dev/cciss/c0d0p2\n\tlinux16 /v root=UUID=1 ro\t\r\n  set kernelopts=\"a=UUID=1 \"\n"
	       "echo root=/dev/cciss/c0d0p2\nset kernelopts=\"open\nlinux\nlinux /v", "arguments only, all else byte for byte");
	c = (struct args_change){ .add = add, .n_add = 1 };
	grub2conf_edit(text, strlen(text), &c, &out, &err);
	has_str(buf_str(&out), "\tlinux16 /v root=/dev/cciss/c0d0p2 ro nompath\t\r\n", "a word is added");
	has_str(buf_str(&out), "kernelopts=\"a=/dev/cciss/c0d0p2 nompath \"\n", "there too");
	ok(strlen(buf_str(&out)) >= 17 && !strcmp(buf_str(&out) + out.len - 17, "linux /v nompath") == 0, "at the end of the file");
	c = (struct args_change){ 0 };
	grub2conf_edit(CFG, strlen(CFG), &c, &out, &err);
	is_str(buf_str(&out), CFG, "no change: the same bytes");
	buf_free(&out);
}

static void test_hostile(void)
{
	static const char *const words[] = { "menuentry", "submenu", "{", "}", "'", "\"", "\n", " ", "linux", "set default=", ">", "initrd",
					     "search --fs-uuid", "\\", "a", "set kernelopts=\"" };
	struct args_change c = { 0 };
	struct buf text = { 0 }, out = { 0 };
	struct grub2_conf g;
	bool good = true;

	for (unsigned seed = 1; seed < 400; seed++) {
		unsigned x = seed;

		buf_clear(&text);
		for (int i = 0; i < 120; i++) {
			x = x * 1103515245u + 12345u;
			buf_puts(&text, words[x >> 16 & 15]);
			buf_puts(&text, x >> 25 & 1 ? " " : "\n");
		}
		if (grub2conf_parse(buf_str(&text), text.len, &g, &err) == 0) {
			int d = grub2conf_default(&g, "1>a");

			good &= d < (int)g.n;
			grub2conf_free(&g);
		}
		grub2conf_edit(buf_str(&text), text.len, &c, &out, &err);
		good &= out.len == text.len && !memcmp(out.data, text.data, out.len);
	}
	buf_clear(&text);
	for (int i = 0; i < 3000; i++)
		buf_puts(&text, i < 2000 ? "menuentry 'x' {\n" : "}\n");
	is_int(grub2conf_parse(buf_str(&text), text.len, &g, &err), 0, "blocks without end");
	is_int(g.n, 1024, "are bounded");
	grub2conf_free(&g);
	ok(good, "any script is safe, and copied as it is");
	buf_free(&text);
	buf_free(&out);
}

int main(void)
{
	test_parse();
	test_bls();
	test_device();
	test_edit();
	test_hostile();
	return tap_done();
}
