/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/image.h"
#include "base/size.h"
#include "made.h"

static struct unrack_error err;

static int open_bytes(const struct buf *b, size_t n, struct initrd **i)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	return initrd_open(b->data, n, "initrd.img", i, &err);
}

/* What an image is called, after its members were put in. */
static void kind(const char *name, const char *content, enum initrd_kind want, const char *what)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	made_member(&b, "bin", S_IFDIR | 0755, "");
	made_member(&b, name, S_IFREG | 0755, content);
	made_end(&b);
	made_gzip(&b);
	i = made_open(&b);
	is_int(initrd_get_kind(i), want, "%s", what);
	initrd_close(i);
}

static void kinds(void)
{
	kind("init", "#!/bin/nash\n", INITRD_NASH, "/init for nash: nash");
	kind("./init", "#! /sbin/nash --quiet\r\n", INITRD_NASH, "blanks and options are allowed");
	kind("/init", "#!/bin/nash", INITRD_NASH, "a leading slash is not part of a name");
	kind("init", "#!/bin/sh\n", INITRD_OTHER, "/init for another shell: other");
	kind("init", "#!/bin/nashx\n", INITRD_OTHER, "nashx is not nash");
	kind("init", "#!", INITRD_OTHER, "an empty first line");
	kind("init", "", INITRD_OTHER, "an empty /init");
	kind("linuxrc", "#!/bin/nash\n", INITRD_OTHER, "no /init");
	kind("lib/dracut-lib.sh", "x", INITRD_DRACUT, "dracut of RHEL 6");
	kind("usr/lib/dracut/modules.txt", "x", INITRD_DRACUT, "dracut of RHEL 7 and later");
}

static void members(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	const struct initrd_member *m;
	struct initrd *i;

	made_initrd(&b, "#!/bin/nash\n", "scsi_mod sd_mod");
	i = made_open(&b);
	is_str(initrd_container(i), "gzip newc cpio", "the container is named");
	is_int(initrd_len(i), 11, "all members are there");
	is_str(initrd_at(i, 1)->name, "bin/nash", "in their order");
	m = initrd_find(i, "dev/console");
	ok(m && S_ISCHR(m->mode) && m->rdev_major == 5 && m->rdev_minor == 1, "a device has its numbers");
	m = initrd_find(i, "bin/modprobe");
	ok(m && S_ISLNK(m->mode) && m->size == 10 && !memcmp(m->data, "/sbin/nash", 10),
	   "a symbolic link has its target");
	m = initrd_find(i, "init");
	ok(m && m->mtime == 1234567890 && m->mode == (S_IFREG | 0755), "a file has its time and mode");
	ok(!initrd_find(i, "lib/x.ko") && !initrd_find(i, "") && !initrd_find(i, "zzz"), "others are not found");
	initrd_close(i);
	initrd_close(NULL);
}

/* Two names of one file, and a second archive that overrides a name of the first. */
static void links_and_segments(void)
{
	CLEANUP_BUF struct buf b = { 0 }, early = { 0 };
	const struct initrd_member *m;
	struct initrd *i;

	made_member(&early, "early_cpio", S_IFREG | 0644, "1\n");
	made_node(&early, "lib/b", S_IFREG | 0644, 5, 2, 0, 0, "early", 5);
	made_member(&early, "init", S_IFREG | 0755, "#!/bin/sh\n");
	made_end(&early);
	made_node(&b, "lib/a", S_IFREG | 0644, 5, 2, 0, 0, NULL, 0);
	made_node(&b, "lib/c", S_IFREG | 0644, 6, 1, 0, 0, NULL, 0);
	made_node(&b, "lib/b", S_IFREG | 0644, 5, 2, 0, 0, "shared", 6);
	made_node(&b, "lib/d", S_IFREG | 0644, 6, 1, 0, 0, "own", 3);
	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n");
	made_end(&b);
	made_gzip(&b);
	buf_zeros(&early, 512);
	buf_append(&early, b.data, b.len);
	buf_zeros(&early, 3);
	i = made_open(&early);
	is_str(initrd_container(i), "newc cpio, gzip newc cpio", "a plain archive and a packed one");
	is_int(initrd_len(i), 8, "with the members of both");
	is_int(initrd_get_kind(i), INITRD_NASH, "of two members with one name the later one counts");
	m = initrd_find(i, "lib/a");
	ok(m && m->size == 6 && !memcmp(m->data, "shared", 6), "all names of a file have its content");
	m = initrd_find(i, "lib/c");
	ok(m && m->size == 0, "files of one name share nothing");
	ok(initrd_at(i, 1)->size == 5, "nor does the same inode in another archive");
	initrd_close(i);

	buf_zeros(&early, 3 - early.len % 4 + 3);
	made_end(&early);
	is_int(open_bytes(&early, early.len, &i), UNRACK_DAMAGED, "a plain archive that does not begin at a multiple of 4");

	early.data[1] = 'x';
	is_int(open_bytes(&early, early.len, &i), UNRACK_DAMAGED, "something else in front");
	has_str(err.text, "initrd.img: at byte 0 of ", "is told with its place");
	ok(!i, "and gives no image");
}

static void filesystems(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	buf_zeros(&b, 4096);
	b.data[1080] = 0x53;
	b.data[1081] = 0xef;
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "an ext2 image whose superblock is empty");
	has_str(err.text, "the superblock of its ext2 filesystem contradicts itself", "is told");
	b.data[1024 + 92] = 4;
	made_gzip(&b);
	i = made_open(&b);
	is_int(initrd_get_kind(i), INITRD_OTHER, "ext3, which no mkinitrd makes, is something else");
	is_str(initrd_container(i), "gzip ext3", "with a name");
	is_int(initrd_len(i), 0, "it shows no members");
	ok(!initrd_find(i, "linuxrc"), "and finds none");
	buf_clear(&b);
	is_int(initrd_write(i, &b, &err), UNRACK_UNSUPPORTED, "it is not written");
	has_str(err.text, "is an image of the form gzip ext3; only cpio archives and ext2 filesystems can be rewritten",
		"and said so");
	initrd_close(i);

	buf_clear(&b);
	for (int k = 0; k < 20; k++)
		made_member(&b, "seventeen-letters", S_IFREG | 0644, "more than a few bytes of content");
	b.data[1080] = 0x53;
	b.data[1081] = 0xef;
	made_end(&b);
	made_gzip(&b);
	i = made_open(&b);
	is_int(initrd_get_kind(i), INITRD_OTHER, "an archive that happens to have ext2's number is none");
	initrd_close(i);

	buf_clear(&b);
	buf_puts(&b, "-rom1fs-....");
	i = made_open(&b);
	is_int(initrd_get_kind(i), INITRD_OTHER, "romfs is something else");
	is_str(initrd_container(i), "romfs", "with a name");
	is_str(initrd_reason(i), "it is a filesystem of a kind that no initrd of RHEL was, and is not looked into", "and why it is left");
	initrd_close(i);
}

static void special(const char *name, const char *content, enum initrd_special want, const char *why, const char *what)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	made_member(&b, "init", S_IFREG | 0755, "#!/bin/sh\n");
	made_member(&b, name, S_IFREG | 0644, content);
	made_end(&b);
	i = made_open(&b);
	is_int(initrd_get_kind(i), INITRD_DRACUT, "%s: made by dracut", what);
	is_int(initrd_get_special(i), want, "%s", what);
	is_str(initrd_reason(i), why, "and why");
	initrd_close(i);
}

/* Other than by mkinitrd and dracut. */
static void reason(const char *init, const char *name, enum initrd_special want, const char *why)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	if (init)
		made_member(&b, "init", S_IFREG | 0755, init);
	made_member(&b, "scripts/functions", S_IFREG | 0644, "");
	made_member(&b, name, S_IFREG | 0644, "x");
	made_end(&b);
	i = made_open(&b);
	is_int(initrd_get_kind(i), INITRD_OTHER, "another one");
	is_int(initrd_get_special(i), want, "for what");
	is_str(initrd_reason(i), why, "%s", why);
	initrd_close(i);
}

static void specials(void)
{
	static const char modules[] = "usr/lib/dracut/modules.txt";

	static const char kdump[] = "it boots after a crash only, and kdump makes it anew by itself";
	static const char squash[] = "its files are in a filesystem inside (dracut's squash module), which is not looked into; "
				     "make it anew with dracut --omit squash";

	special(modules, "bash\nrescue-not\nno rescue", INITRD_ORDINARY, "", "an image for booting");
	special(modules, "bash\nsystemd\nrescue", INITRD_RESCUE, "it is a rescue image, made for any machine", "a rescue image");
	special("lib/dracut/modules.txt", "bash\nkdumpbase\nrescue\n", INITRD_KDUMP, kdump, "a kdump image");
	special("squash-root.img", "hsqs", INITRD_SQUASH, squash, "a squashed image");
	special("squash/root.img", "hsqs", INITRD_SQUASH, squash, "one by an older dracut");
	reason("#!/bin/msh\ncp /proc/vmcore /mnt\n", "sbin/busybox", INITRD_KDUMP, kdump);
	reason("#!/bin/sh\n", "conf/initramfs.conf", INITRD_ORDINARY,
	       "initramfs-tools of Debian or Ubuntu made it, and not mkinitrd or dracut");
	reason("#!/bin/sh\n", "x", INITRD_ORDINARY, "neither mkinitrd nor dracut of RHEL made it");
	reason(NULL, "conf", INITRD_ORDINARY, "it has no /init, so no kernel would start anything in it");
}

static void empty(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	is_int(open_bytes(&b, 0, &i), UNRACK_DAMAGED, "no bytes at all");
	is_str(err.text, "initrd.img: is empty; take another copy of this file", "is told");
	buf_zeros(&b, 5000);
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "nothing but zeros");
	made_gzip(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "packed zeros");
	has_str(err.text, "holds no archive", "are told");
	buf_clear(&b);
	made_end(&b);
	i = made_open(&b);
	is_int(initrd_len(i), 0, "an empty archive is one");
	is_int(initrd_get_kind(i), INITRD_OTHER, "but not a useful one");
	initrd_close(i);
}

/* What is made in place of an image, and is none. */
static void mistaken(void)
{
	static const struct { size_t at; const char *magic, *text; } rows[] = {
		{ 0, "\x04\x22\x4d\x18", "is packed with lz4 in its form of today, which no kernel unpacks; pack it anew with lz4 -l" },
		{ 0, "070707", "is a cpio archive of the old form (odc), which no kernel unpacks; make it anew with cpio -o -H newc" },
		{ 0, "\xc7\x71", "is a cpio archive of the old binary form, which no kernel unpacks; make it anew with cpio -o -H newc" },
		{ 257, "ustar", "is a tar archive, which no kernel unpacks; make it anew with cpio -o -H newc" },
	};

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		CLEANUP_BUF struct buf b = { 0 };
		struct initrd *i;

		made(buf_zeros(&b, 512) == 0, "an image");
		memcpy(b.data, "etc/motd", 8);
		memcpy(b.data + rows[k].at, rows[k].magic, strlen(rows[k].magic));
		is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "no image");
		has_str(err.text, rows[k].text, "but something that is known");
	}
}

/* From a pipe, which has no size and no place. */
static void reads(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;
	int fds[2];

	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n");
	made_end(&b);
	made(pipe(fds) == 0 && write(fds[1], b.data, b.len) == (ssize_t)b.len && close(fds[1]) == 0, "a pipe");
	is_int(initrd_read(fds[0], "-", &i, &err), 0, "a pipe is read to its end");
	close(fds[0]);
	ok(initrd_len(i) == 1 && initrd_find(i, "init"), "and may be closed then");
	initrd_close(i);
	is_int(initrd_read(fds[0], "gone.img", &i, &err), UNRACK_IO, "what cannot be read");
	has_str(err.text, "can't read gone.img: ", "is told");
	ok(!i, "and gives no image");
}

/* What headers say of sizes, and of names. */
static void sizes(void)
{
	static const struct { int field; const char *value, *why; } all[] = {
		{ 6, "FFFFFFFF", "says it has 4294967295 bytes, but the archive ends before" },
		{ 6, "FFFFFFFC", "says it has 4294967292 bytes, but the archive ends before" },
		{ 6, "80000000", "says it has 2147483648 bytes, but the archive ends before" },
		{ 11, "FFFFFFFF", "says its name has 4294967295 bytes; 1 to 4096 are possible" },
		{ 11, "00000000", "says its name has 0 bytes; 1 to 4096 are possible" },
		{ 11, "00001000", "the archive ends before" },
		{ 1, "0000 1A4", "has something else than a number in it" },
	};

	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		CLEANUP_BUF struct buf b = { 0 };
		struct initrd *i;

		made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n");
		made_end(&b);
		memcpy(b.data + 6 + 8 * all[k].field, all[k].value, 8);
		is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "number %d is %s", all[k].field, all[k].value);
		has_str(err.text, all[k].why, "and told");
		made_gzip(&b);
		is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "packed, too");
	}
}

/* Names that lead outside, and links in circles, lead nowhere. */
static void names(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	made_member(&b, "/etc/passwd", S_IFREG | 0644, "absolute");
	made_member(&b, "../../up", S_IFREG | 0644, "above");
	made_member(&b, "a", S_IFLNK | 0777, "b");
	made_member(&b, "b", S_IFLNK | 0777, "/a");
	made_member(&b, "c", S_IFLNK | 0777, "../../../../etc/passwd");
	made_member(&b, "d", S_IFLNK | 0777, "d/d");
	made_end(&b);
	i = made_open(&b);
	ok(initrd_find(i, "etc/passwd") && initrd_find(i, "../../up"), "names are kept, but for a slash in front");
	ok(!initrd_follow(i, "a") && !initrd_follow(i, "d/x"), "links in a circle end");
	ok(initrd_follow(i, "c") == initrd_find(i, "etc/passwd"), "above the root there is the root");
	initrd_close(i);
}

static void cut_short(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;
	size_t refused = 0, whole;

	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n");
	made_member(&b, "lib/x.ko", S_IFREG | 0644, "12345");
	whole = b.len + CPIO_HEADER + sizeof CPIO_TRAILER;
	made_end(&b);
	for (size_t n = 0; n < whole; n++)
		refused += open_bytes(&b, n, &i) == UNRACK_DAMAGED && !i;
	is_int(refused, (long)whole, "a plain archive cut at any byte: damaged");
	is_int(open_bytes(&b, whole, &i), 0, "the padding behind the trailer may be missing");
	initrd_close(i);
	made_gzip(&b);
	refused = 0;
	for (size_t n = 0; n < b.len; n++)
		refused += open_bytes(&b, n, &i) == UNRACK_DAMAGED && !i;
	is_int(refused, (long)b.len, "a packed one too");

	buf_clear(&b);
	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n");
	made_gzip(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "a whole stream with half an archive");
	has_str(err.text, "ends at byte 128 without a trailer", "is told");
}

/* Whatever comes in, nothing is read outside of it, and what is opened can be asked. */
static void mutations(void)
{
	CLEANUP_BUF struct buf plain = { 0 }, b = { 0 }, out = { 0 };
	unsigned seed = 42, opened = 0, refused = 0;

	made_member(&plain, "init", S_IFREG | 0755, "#!/bin/nash\ninsmod /lib/x.ko\n");
	made_node(&plain, "lib/a", S_IFREG | 0644, 5, 2, 0, 0, NULL, 0);
	made_node(&plain, "lib/b", S_IFREG | 0644, 5, 2, 0, 0, "shared", 6);
	made_end(&plain);
	for (int round = 0; round < 4000; round++) {
		static const char digits[] = "0123456789abcdefABCDEF\0\377 /.";
		struct initrd *i;

		buf_clear(&b);
		buf_append(&b, plain.data, plain.len);
		for (unsigned k = made_random(&seed) % 4 + 1; k > 0; k--)
			b.data[made_random(&seed) % b.len] = (uint8_t)digits[made_random(&seed) % 28];
		if (round % 4 == 0)
			made_gzip(&b);
		if (open_bytes(&b, b.len, &i) < 0) {
			refused += err.text[0] && (err.code == UNRACK_DAMAGED || err.code == UNRACK_UNSUPPORTED);
			continue;
		}
		opened++;
		for (size_t k = 0; k < initrd_len(i); k++)
			made(initrd_find(i, initrd_at(i, k)->name), "a member that is found by its name");
		buf_clear(&out);
		if (initrd_write(i, &out, &err) == 0) {
			struct initrd *again;

			made(initrd_open(out.data, out.len, "again", &again, &err) == 0, "a second image");
			made(initrd_len(again) == initrd_len(i), "the same members");
			initrd_close(again);
		}
		initrd_close(i);
	}
	is_int(opened + refused, 4000, "a changed image is opened or refused with a reason");
	ok(opened > 500 && refused > 500, "both happen (%u, %u)", opened, refused);
}

static void too_much(void)
{
	char name[CPIO_NAME_MAX + 1];
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	for (unsigned k = 0; k <= IMAGE_MEMBERS_MAX; k++)
		made_node(&b, "x", S_IFREG, 1, 1, 0, 0, NULL, 0);
	made_end(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_UNSUPPORTED, "too many members");
	has_str(err.text, "holds more than 32768 files, which no initrd does", "are told");
	buf_clear(&b);
	for (unsigned k = 0; k <= IMAGE_SEGMENTS_MAX; k++)
		made_end(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_UNSUPPORTED, "too many archives");
	has_str(err.text, "consists of more than 256 archives", "are told");
	buf_clear(&b);
	for (unsigned k = 0; k < 1100; k++) {
		snprintf(name, sizeof name, "%0*u", 4000, k);
		made_member(&b, name, S_IFREG, "");
	}
	made_end(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_UNSUPPORTED, "too many long names");
	has_str(err.text, "has names of more than 2 MiB, which no initrd has", "are told");
	buf_clear(&b);
	for (unsigned k = 0; k < 1100; k++) {
		made_member(&b, "l", S_IFLNK | 0777, name);
	}
	made_end(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_UNSUPPORTED, "too many long links");
	has_str(err.text, "has links with targets of more than 2 MiB, which no initrd has", "are told");
	buf_clear(&b);
	made_node(&b, "l", S_IFLNK | 0777, 1, 1, 0, 0, memset(name, 'x', CPIO_NAME_MAX), CPIO_NAME_MAX);
	made_end(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "a link that is longer than a path");
	has_str(err.text, "the link l has a target of 4096 bytes; a path has less than 4096", "is told");
	buf_clear(&b);
	for (unsigned k = 0; k < 6; k++)
		made_end(&b);
	i = made_open(&b);
	is_str(initrd_container(i), "newc cpio, newc cpio, newc cpio, newc cpio and 2 more", "six are taken");
	initrd_close(i);
}

/* Zeros that a kernel skips, in front of members and of archives. */
static void padding(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	const struct initrd_member *m;
	struct initrd *i;

	for (unsigned packed = 0; packed < 2; packed++) {
		buf_clear(&b);
		made_member(&b, "tree/", S_IFDIR | 0755, "");
		made(buf_zeros(&b, 5000 - b.len % 4) == 0, "padding");
		made_member(&b, "tree//a", S_IFREG | 0644, "one");
		made_end(&b);
		made(buf_zeros(&b, 4) == 0, "padding");
		made_member(&b, "tree/./a", S_IFREG | 0644, "second");
		made_end(&b);
		if (packed)
			made_gzip(&b);
		i = made_open(&b);
		is_str(initrd_container(i), packed ? "gzip newc cpio, gzip newc cpio" : "newc cpio, newc cpio",
		       "padding inside an archive is skipped");
		m = initrd_find(i, "tree");
		ok(m && S_ISDIR(m->mode), "a folder with a slash behind its name");
		m = initrd_find(i, "tree/a");
		ok(m && m->size == 6, "two ways to write one name: the later member counts");
		initrd_close(i);
	}
	buf_clear(&b);
	made_member(&b, "a", S_IFREG | 0644, "x");
	made(buf_zeros(&b, 2) == 0, "padding");
	made_member(&b, "b", S_IFREG | 0644, "x");
	made_end(&b);
	made_gzip(&b);
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "a member at no multiple of 4");
	has_str(err.text, "a member begins at byte 118 of its cpio archive, which is no multiple of 4, so no kernel would unpack it",
		"is what no kernel takes");
	buf_clear(&b);
	made_member(&b, "a", S_IFREG | 0644, "x");
	made(buf_zeros(&b, 2001) == 0, "padding");
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "nothing but padding behind the last member");
	has_str(err.text, "ends at byte 2117 without a trailer", "is an archive without end");
}

/* What is given in memory counts, too. */
static void memory(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	made_member(&b, "a", S_IFREG | 0644, "x");
	made_end(&b);
	made_gzip(&b);
	i = made_open(&b);
	ok(!i->streams.at[1].in_file, "a small image is unpacked into memory");
	initrd_close(i);
	made(buf_zeros(&b, IMAGE_KEEP_MAX) == 0, "padding");
	made(open_bytes(&b, b.len, &i) == 0, "an image with padding");
	ok(i->streams.at[1].in_file, "of one that is large in memory itself nothing more is kept there");
	is_int(initrd_len(i), 1, "and it is read all the same");
	initrd_close(i);
}

int main(void)
{
	padding();
	memory();
	kinds();
	specials();
	members();
	links_and_segments();
	filesystems();
	empty();
	mistaken();
	reads();
	sizes();
	names();
	cut_short();
	mutations();
	too_much();
	return tap_done();
}
