/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/nash_grammar.h"
#include "made.h"

static struct unrack_error err;
static struct initrd *image;

static bool accepts(const char *script, enum nash_release release, const char *old, struct nash_fault *f)
{
	struct nash s, o = { 0 };
	bool good;

	made(nash_parse(script, strlen(script), "/init", &s, &err) == 0, "a script");
	if (old)
		made(nash_parse(old, strlen(old), "/init", &o, &err) == 0, "an old script");
	good = nash_grammar_accepts(&s, release, image, old ? &o : NULL, f);
	nash_free(&s);
	nash_free(&o);
	return good;
}

/* Scripts of all releases as their mkinitrd writes them, and by none of the others' nash. */
static void real_ones(void)
{
	static const struct {
		const char *name;
		enum nash_release release;
	} all[] = {
		{ "el21-scsi.linuxrc", NASH_EL21 }, { "el21-md.linuxrc", NASH_EL21 },
		{ "el3-scsi.linuxrc", NASH_EL3 },   { "el3-lvm.linuxrc", NASH_EL3 },
		{ "el3-md.linuxrc", NASH_EL3 },     { "el4-scsi.init", NASH_EL4 },
		{ "el4-lvm.init", NASH_EL4 },       { "el4-md.init", NASH_EL4 },
		{ "el5-scsi.init", NASH_EL5 },      { "el5-lvm.init", NASH_EL5 },
		{ "el5-md.init", NASH_EL5 },        { "el5-ide.init", NASH_EL5 },
		{ "el5-cciss.init", NASH_EL5 },     { "el5-dmraid.init", NASH_EL5 },
	};
	struct nash_fault f;

	for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
		CLEANUP_BUF struct buf text = { 0 };
		char path[100];

		snprintf(path, sizeof path, "tests/initrd/data/%s", all[k].name);
		made_file(&text, all[k].name, path);
		for (int r = NASH_EL21; r <= NASH_EL5; r++) {
			/* What RHEL 2.1 wrote RHEL 3 runs as well. */
			bool want = all[k].release == (enum nash_release)r ||
				    (all[k].release == NASH_EL21 && r <= NASH_EL4) ||
				    (all[k].release == NASH_EL3 && r == NASH_EL4);
			bool is = accepts(buf_str(&text), (enum nash_release)r, NULL, &f);

			ok(is == want, "%s under release %d: %s", all[k].name, r, is ? "accepted" : f.text);
		}
	}
}

/* "2345": the releases that accept the line; behind ':' why the latest one that does not. */
static void line(const char *releases, const char *text, const char *why)
{
	char got[10] = "", last[200] = "";
	struct nash_fault f;

	for (int r = NASH_EL21; r <= NASH_EL5; r++) {
		CLEANUP_BUF struct buf b = { 0 };

		buf_printf(&b, "#!/bin/nash\n\n%s\n", text);
		if (accepts(buf_str(&b), (enum nash_release)r, NULL, &f))
			snprintf(got + strlen(got), 2, "%d", r + 2);
		else
			snprintf(last, sizeof last, "%s", f.text);
	}
	is_str(got, releases, "%s", text);
	is_str(last, why, "and why not");
}

static void commands(void)
{
	line("2345", "insmod /lib/sd_mod.ko ", "");
	line("2345", "insmod /lib/aic7xxx.o aic7xxx=\"verbose no_reset\"", "");
	line("2345", "insmod -f /lib/sd_mod.ko", "");
	line("", "insmod sd_mod", "insmod: the absolute path of a module is expected");
	line("", "modprob sd_mod", "modprob: it is neither a command of this nash nor a program in the image");
	line("345", "setquiet", "setquiet: it is neither a command of this nash nor a program in the image");
	line("234", "mkdevices /dev", "mkdevices: it is neither a command of this nash nor a program in the image");
	line("5", "mkblkdevs", "mkblkdevs: it is neither a command of this nash nor a program in the image");
	line("", "mkblkdevs /dev", "mkblkdevs: has 1 arguments where 0 are the most");
	line("234", "mkrootdev /dev/root", "mkrootdev: a type of filesystem and options are expected");
	line("5", "mkrootdev -t ext3 -o defaults,ro LABEL=/", "mkrootdev: -t is no option of it");
	line("", "mkrootdev -t ext3 -o defaults,ro", "mkrootdev: has 0 arguments where 1 are expected");
	line("", "mkrootdev -t ext3 /dev/sda2", "mkrootdev: a type of filesystem and options are expected");
	line("4", "switchroot /sysroot", "switchroot: has 1 arguments where 0 are the most");
	line("5", "switchroot", "switchroot: has 0 arguments where 1 are expected");
	line("234", "pivot_root /sysroot /sysroot/initrd", "pivot_root: it is neither a command of this nash nor a "
	     "program in the image");
	line("45", "stabilized --interval 250 /proc/scsi/scsi", "stabilized: it is neither a command of this nash nor a "
	     "program in the image");
	line("5", "stabilized --hash --interval 250 /proc/scsi/scsi", "stabilized: --hash is no option of it");
	line("", "stabilized --hash --interval x /proc/scsi/scsi", "stabilized: --interval: x is no number");
	line("", "stabilized --hash --interval", "stabilized: --interval has no value");
	line("2345", "mount --ro -t ext3 /dev/root /sysroot", "");
	line("", "mount --ro /dev/root /sysroot", "mount: a type of filesystem is expected");
	line("45", "mount -t tmpfs --bind /dev /sysroot/dev", "mount: --bind is no option of it");
	line("5", "mount /sysroot", "mount: a mount point is expected");
	line("", "mount /proc", "mount: a mount point is expected");
	line("", "mount -t ext3 /dev/root /sysroot x", "mount: has 3 arguments where 2 are the most");
	line("", "mount -t ext3 /dev/root sysroot", "mount: the mount point is no absolute path");
	line("2345", "raidautorun /dev/md0", "");
	line("23", "raidautorun /dev/md/0", "raidautorun: /dev/md/0 is not called /dev/md and a number");
	line("", "raidautorun /dev/md0 /dev/md1", "raidautorun: has 2 arguments where 1 are the most");
	line("2345", "mknod /dev/null c 1 3", "");
	line("", "mknod /dev/null c 1 x", "mknod: major and minor are no numbers");
	line("", "mknod /dev/null p 1 3", "mknod: the type is neither b nor c");
	line("5", "resume LABEL=swap", "resume: it is neither a command of this nash nor a program in the image");
	line("5", "dm create a 0 16 linear 8:0 0", "dm: it is neither a command of this nash nor a program in the image");
	line("5", "dm create a --uuid u 0 16 linear 8:0 0", "dm: it is neither a command of this nash nor a program in "
	     "the image");
	line("", "dm create a 0 linear", "dm: name, start, length, type and parameters are expected");
	line("5", "nash-mount -t proc /proc /proc", "nash-mount: it is neither a command of this nash nor a program in "
	     "the image");
	line("", "nash-insmod /lib/x.ko", "nash-insmod: it is no command of this nash");
	line("5", "cond -ne 0 insmod /lib/x.ko", "cond: it is neither a command of this nash nor a program in the image");
	line("", "cond -xx 0 insmod /lib/x.ko", "cond: -xx is no comparison with a number");
	line("2345", "sleep 5", "");
	line("", "sleep long", "sleep: long is no number");
	line("2345", "lvm vgchange -ay --ignorelockingfailure  VolGroup00", "");
	line("", "lvm", "lvm: a command is expected");
	line("2345", "/bin/lvm vgscan", "");
	line("", "/bin/lvm2 vgscan", "/bin/lvm2: it is neither a command of this nash nor a program in the image");
	line("2345", "exec /bin/lvm x", "");
	line("2345", "access -rw /x", "");
	line("", "access -q /x", "access: permissions are -[r][w][x][f]");
	line("23", "echo", "echo: has 0 arguments where 1 are expected");
	line("2345", "find /lib -name x.ko", "");
}

static void quotes(void)
{
	line("2345", "  \techo \"it's here\" 'a \"b\"' > /proc/x", "");
	line("", "echo a > /b c", "echo: \">\" is not followed by one path");
	line("", "echo \"open", "a quote is not closed");
	line("", "echo 'tis open", "a quote is not closed");
	line("", "echo \"a\"b", "a word goes on behind its closing quote, where nash ends it");
	line("2345", "echo it's", "");
	line("", "\"echo\" a", "\"echo\": it is neither a command of this nash nor a program in the image");
	line("45", "sleep $seconds", "sleep: $seconds is no number");
	line("2345", "# a comment with \"half a quote", "");
	line("2345", "   ", "");
}

/* What concerns more than a line. */
static void scripts(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct nash_fault f;

	ok(!accepts("#!/bin/nash\n\nmkblkdevs", NASH_EL5, NULL, &f), "a last line without a newline");
	is_int(f.line, 3, "is named");
	is_str(f.text, "the last line has no newline, so it is not run", "with its fault");
	ok(!accepts("#!/bin/nash\n#x\nmkblkdevs\n", NASH_EL5, NULL, &f), "a comment behind a comment");
	is_str(f.text, "a comment behind a comment is run as a command", "is run by nash 5");
	ok(accepts("#!/bin/nash\n#x\nsleep 1\n", NASH_EL4, NULL, &f), "but not by nash 4");
	ok(!accepts("#!/bin/nash\n mkblkdevs\n", NASH_EL5, NULL, &f), "a blank behind a comment");
	is_str(f.text, "a line behind a comment begins with a blank", "makes a command without a name");
	ok(accepts("#!/bin/nash\nmkblkdevs\n", NASH_EL5, NULL, &f), "other lines may be there");

	ok(!accepts("strange x\nsleep x\n", NASH_EL5, "strange x\n", &f), "a strange line that was there");
	is_int(f.line, 2, "is not asked about, only those that are new");
	ok(accepts("strange x\nsleep 1\n", NASH_EL5, "strange x\n", &f), "and accepted with them");

	while (b.len < NASH_EL4_SCRIPT_MAX - 2)
		buf_puts(&b, "#\n");
	ok(accepts(buf_str(&b), NASH_EL4, NULL, &f), "a script of %zu bytes", b.len);
	buf_puts(&b, "#\n");
	ok(accepts(buf_str(&b), NASH_EL4, NULL, &f), "and of %zu", b.len);
	buf_puts(&b, "\n");
	ok(!accepts(buf_str(&b), NASH_EL4, NULL, &f), "but not one more");
	is_str(f.text, "has 32767 bytes, and this nash reads only 32766", "is told");
	is_int(f.line, 0, "of the script as a whole");

	buf_clear(&b);
	buf_puts(&b, "\necho");
	for (int k = 0; k < 254; k++)
		buf_puts(&b, " x");
	buf_puts(&b, "\n");
	ok(accepts(buf_str(&b), NASH_EL5, NULL, &f), "255 words");
	b.len--;
	buf_puts(&b, " x\n");
	ok(!accepts(buf_str(&b), NASH_EL5, NULL, &f), "but not 256");
	is_str(f.text, "has more than 255 words", "is told");
	buf_clear(&b);
	buf_puts(&b, "insmod /lib/x.ko");
	for (int k = 0; k < 125; k++)
		buf_puts(&b, " x");
	buf_puts(&b, "\n");
	ok(!accepts(buf_str(&b), NASH_EL5, NULL, &f), "programs get fewer");
	is_str(f.text, "insmod: has more than 126 words", "is told");
}

int main(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	static const char *const programs[] = { "nash", "insmod", "lvm", "vgscan", "vgchange", "udevstart" };

	made_member(&b, "sbin", S_IFLNK | 0777, "bin");
	for (size_t k = 0; k < sizeof programs / sizeof *programs; k++) {
		char name[50];

		snprintf(name, sizeof name, "bin/%s", programs[k]);
		made_member(&b, name, S_IFREG | 0755, "\177ELF");
	}
	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n");
	made_end(&b);
	image = made_open(&b);
	real_ones();
	commands();
	quotes();
	scripts();
	initrd_close(image);
	return tap_done();
}
