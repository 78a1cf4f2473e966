/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an image tells of itself: its segments, its kernels, and paths through its links. */
#include "made_dracut.h"

static void test_segments(void)
{
	struct buf b CLEANUP_BUF = { 0 };
	struct buf second CLEANUP_BUF = { 0 };
	struct initrd_segment s;
	struct initrd *i;

	size_t front, whole;

	made_text(&b, "early_cpio", "1\n");
	made_text(&b, "kernel/x86/microcode/GenuineIntel.bin", "x");
	front = b.len + CPIO_HEADER + 14;
	made_end(&b);
	made_text(&second, "init", "#!/bin/sh\n");
	made_end(&second);
	whole = CPIO_HEADER + 6 + 12 + CPIO_HEADER + 14;
	made_text(&second, "kernel/x86/microcode/GenuineIntel.bin", "x");
	made_end(&second);
	made_gzip(&second);
	made(buf_append(&b, second.data, second.len) == 0, "two segments");
	i = made_open(&b);
	is_str(initrd_container(i), "newc cpio (early), gzip newc cpio, gzip newc cpio", "the container says what is early");
	is_int(initrd_segments(i), 3, "three archives");
	initrd_segment_at(i, 0, &s);
	is_str(s.packing, "", "the first one is plain");
	is_str(s.format, "newc cpio", "of this format");
	ok(s.early, "with microcode");
	is_int(s.first, 0, "it begins");
	is_int(s.n, 2, "with two members");
	is_int(s.offset, 0, "in front");
	is_int(s.packed, (long)front, "without the padding behind it");
	is_int(s.unpacked, (long)front, "and is not packed");
	initrd_segment_at(i, 1, &s);
	is_str(s.packing, "gzip", "the second one is packed");
	ok(!s.early, "and not looked through early");
	is_int(s.first, 2, "it follows");
	is_int(s.n, 1, "with one");
	is_int(s.offset, (long)(b.len - second.len), "where it begins");
	is_int(s.packed, (long)second.len, "up to the end");
	is_int(s.unpacked, (long)whole, "unpacked it is an archive");
	initrd_segment_at(i, 2, &s);
	ok(!s.early && s.offset == b.len - second.len && s.packed == second.len, "with another one in the same stream");
	initrd_close(i);
}

static struct buf kernels_of(struct buf *b)
{
	struct initrd *i = made_close(b);
	struct buf out = { 0 };

	made(initrd_kernels(i, &out) == 0, "a list of kernels");
	initrd_close(i);
	return out;
}

static void test_kernels(void)
{
	static const char module[] = "\177ELF..\0license=GPL\0vermagic=2.6.18-398.el5 SMP mod_unload gcc-4.1\0depends=";
	static const char old[] = "\177ELF..\0kernel_version=2.4.21-4.ELsmp\0using_checksums=1";
	static const char cut[] = "\177ELF..\0vermagic=2.6.9-5.EL";
	struct buf b CLEANUP_BUF = { 0 };
	struct buf out;

	made_el7(&b);
	made_text(&b, EL7_DIR "modules.dep", "");
	made_text(&b, "usr/lib/modules/5.14.0-1.el9.x86_64/modules.dep", "");
	out = kernels_of(&b);
	is_str(buf_str(&out), EL7 "\n5.14.0-1.el9.x86_64\n", "folders of modules, each once");
	buf_free(&out);

	made_node(&b, "lib/jbd.ko", S_IFREG | 0644, 1, 1, 0, 0, module, sizeof module);
	made_node(&b, "lib/ext3.ko", S_IFREG | 0644, 2, 1, 0, 0, module, sizeof module);
	made_text(&b, "lib/a.ko", "vermagic=3 no ELF file\n");
	made_node(&b, "lib/deep/x.ko", S_IFREG | 0644, 3, 1, 0, 0, module, sizeof module);
	out = kernels_of(&b);
	is_str(buf_str(&out), "2.6.18-398.el5\n", "what modules of nash's images say");
	buf_free(&out);

	made_node(&b, "lib/jbd.o", S_IFREG | 0644, 1, 1, 0, 0, old, sizeof old);
	out = kernels_of(&b);
	is_str(buf_str(&out), "2.4.21-4.ELsmp\n", "and those of Linux 2.4");
	buf_free(&out);

	made_node(&b, "lib/jbd.ko", S_IFREG | 0644, 1, 1, 0, 0, cut, sizeof cut - 1);
	made_text(&b, "lib/x.ko", "\177ELF");
	made_text(&b, "lib/y.o", "\177ELF vermagic=\n");
	out = kernels_of(&b);
	is_str(buf_str(&out), "", "a text that does not end is none");
	buf_free(&out);
}

static void test_follow(void)
{
	struct buf b CLEANUP_BUF = { 0 };
	const struct initrd_member *m;
	struct initrd *i;

	made_el7(&b);
	made_link(&b, "circle", "circle");
	i = made_close(&b);
	m = initrd_follow(i, "/init");
	is_str(m ? m->name : NULL, "usr/lib/systemd/systemd", "a link is followed");
	m = initrd_follow(i, "lib/dracut/modules.txt");
	is_str(m ? m->name : NULL, "usr/lib/dracut/modules.txt", "one on the way, too");
	ok(!initrd_follow(i, "/sbin/init"), "one that leads nowhere");
	ok(!initrd_follow(i, "circle"), "one that leads to itself");
	initrd_close(i);
}

int main(void)
{
	test_segments();
	test_kernels();
	test_follow();
	return tap_done();
}
