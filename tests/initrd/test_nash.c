/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/nash.h"
#include "made.h"

static struct unrack_error err;

static void parse(const char *text, struct nash *s)
{
	made(nash_parse(text, strlen(text), "/init", s, &err) == 0, "a script");
}

/* The words of a line, each in brackets. */
static const char *words(const char *line)
{
	static char out[300];
	struct nash_word w;
	struct nash s;
	size_t at = 0;

	parse(line, &s);
	out[0] = '\0';
	while (nash_next(&s.lines.at[0], &at, &w))
		snprintf(out + strlen(out), sizeof out - strlen(out), "[%.*s]", (int)w.n, w.p);
	nash_free(&s);
	return out;
}

static enum nash_command command(const char *line)
{
	enum nash_command c;
	struct nash s;

	parse(line, &s);
	c = s.lines.at[0].command;
	nash_free(&s);
	return c;
}

static bool is_root(const char *line)
{
	struct nash s;
	bool root;

	parse(line, &s);
	root = nash_is_root(&s.lines.at[0]);
	nash_free(&s);
	return root;
}

static const char *insmod(const char *line)
{
	static char out[100];
	struct nash_word w;
	struct nash s;

	parse(line, &s);
	snprintf(out, sizeof out, "%.*s", nash_insmod_path(&s.lines.at[0], &w) ? (int)w.n : 4,
		 nash_insmod_path(&s.lines.at[0], &w) ? w.p : "none");
	nash_free(&s);
	return out;
}

static const char *renamed(const char *line, const char *a, const char *b, bool *drop)
{
	static char out[200];
	const char *names[][2] = {
		{ "/dev/sda", "/dev/sdz" }, { a, b }, { "/dev/cciss/c0d0p1", "/dev/sda1" }, { "/dev/x", NULL },
	};
	struct nash s;

	parse(line, &s);
	made(nash_rename(&s.lines.at[0], (const char *const (*)[2])names, 4, drop) == 0, "a new line");
	snprintf(out, sizeof out, "%s", s.lines.at[0].text);
	nash_free(&s);
	return out;
}

static void language(void)
{
	is_str(words("insmod /lib/x.ko a=1\n"), "[insmod][/lib/x.ko][a=1]", "words end at blanks");
	is_str(words(" \t echo\t \"two words\" 'and one'\n"), "[echo][two words][and one]", "quotes hold words together");
	is_str(words("echo \"a'b\" 'c\"d'\n"), "[echo][a'b][c\"d]", "either kind in the other");
	is_str(words("echo a\"b c\"\n"), "[echo][a\"b][c\"]", "a quote inside of a word is no quote");
	is_str(words("echo \"a\\\" b\n"), "[echo][a\\][b]", "there are no escapes");
	is_str(words("echo \"a\"bc d\n"), "[echo][a][c][d]", "behind a quote nash loses a character");
	is_str(words("echo \"a\n"), "[echo]", "a quote without end ends the line's words");
	is_str(words("echo \"\" x\n"), "[echo][][x]", "an empty word");
	is_str(words("\n"), "", "an empty line");
	is_str(words("\"a b\" c\n"), "[\"a][b\"][c]", "the command is not quoted");

	is_int(command("insmod /lib/x.ko\n"), NASH_INSMOD, "insmod");
	is_int(command("\t/bin/insmod /lib/x.ko\n"), NASH_INSMOD, "with a path");
	is_int(command("nash-mount /sysroot\n"), NASH_MOUNT, "nash's own");
	is_int(command("/sbin/udevstart\n"), NASH_NODES, "udevstart");
	is_int(command("mkblkdevs\n"), NASH_NODES, "mkblkdevs");
	is_int(command("#insmod /lib/x.ko\n"), NASH_OTHER, "a comment");
	is_int(command("insmod /lib/x.ko"), NASH_OTHER, "a last line without a newline is not run");
	is_int(command("insmodx /lib/x.ko\n"), NASH_OTHER, "another command");
	is_int(command("dm create x 0 1 linear 8:0 0\n"), NASH_DM, "dm create");
	is_int(command("dm partadd x\n"), NASH_DM, "dm partadd");
	is_int(command("dm list\n"), NASH_OTHER, "dm list changes nothing");
	is_int(command("/bin/iscsistart -t x\n"), NASH_NETWORK, "iscsistart");

	is_str(insmod("insmod /lib/x.ko a=1\n"), "lib/x.ko", "the path of insmod");
	is_str(insmod("insmod -f //lib/x.ko\n"), "lib/x.ko", "behind options");
	is_str(insmod("insmod -f\n"), "none", "no path");
	is_str(insmod("insmod /\n"), "none", "an empty path");
	is_str(insmod("mount /lib/x.ko\n"), "none", "another command");

	ok(is_root("mkrootdev -t ext3 -o defaults,ro /dev/sda2\n"), "mkrootdev looks for root");
	ok(is_root("mount /sysroot\n") && is_root("mount -o defaults --ro -t ext3 /dev/root /sysroot\n"),
	   "so does mount of /sysroot");
	ok(!is_root("mount -t tmpfs --bind /dev /sysroot/dev\n") && !is_root("mount -t proc /proc /proc\n"),
	   "but not other mounts");
	ok(is_root("lvm vgscan\n") && is_root("vgchange -ay\n") && is_root("raidautorun /dev/md0\n"), "LVM and md do");
	ok(!is_root("resume /dev/sda3\n") && !is_root("mkdmnod\n"), "resume and mkdmnod do not");
}

static void edits(void)
{
	static const char script[] = "#!/bin/nash\n\n  a \t b\r\nlast";
	CLEANUP_BUF struct buf out = { 0 };
	struct nash s;

	parse(script, &s);
	is_int(s.lines.len, 4, "four lines");
	nash_print(&s, &out);
	is_str(buf_str(&out), script, "printed as they were");
	nash_insert(&s, 1, "one\n");
	nash_insert(&s, 5, "end\n");
	nash_remove(&s, 2);
	nash_end_last_line(&s);
	nash_move(&s, 4, 0);
	nash_end_last_line(&s);
	buf_clear(&out);
	nash_print(&s, &out);
	is_str(buf_str(&out), "end\n#!/bin/nash\none\n  a \t b\r\nlast\n", "inserted, removed, moved, ended");
	nash_free(&s);
	parse("", &s);
	is_int(nash_end_last_line(&s), 0, "an empty script has no last line");
	nash_free(&s);
}

static void names(void)
{
	const char *const two[][2] = { { "LABEL", "X" }, { "LABEL=/", "Y" } };
	struct nash s;
	bool drop;

	parse("x LABEL=/ LABEL=/b\n", &s);
	made(nash_rename(&s.lines.at[0], two, 2, &drop) == 0, "a new line");
	is_str(s.lines.at[0].text, "x Y X=/b\n", "of two names that fit the longer one");
	nash_free(&s);
	is_str(renamed("resume /dev/cciss/c0d0p1\n", "/dev/cciss/c0d0", "/dev/sdb", &drop), "resume /dev/sda1\n",
	       "a name is replaced, and the longest one");
	is_str(renamed("resume /dev/cciss/c0d0p12\n", "/dev/cciss/c0d0", "/dev/sdb", &drop),
	       "resume /dev/cciss/c0d0p12\n", "only a whole one");
	is_str(renamed("resume /old/dev/sda\n", "LABEL=/", "LABEL=r", &drop), "resume /old/dev/sda\n",
	       "also at its beginning");
	is_str(renamed("x root=LABEL=/ \"LABEL=/\",/dev/sda LABEL=/boot\n", "LABEL=/", "UUID=1", &drop),
	       "x root=UUID=1 \"UUID=1\",/dev/sdz LABEL=/boot\n", "several in a line, the rest stays");
	is_str(renamed("x /dev/sdb /dev/sda\n", "/dev/sdb", "/dev/sda", &drop), "x /dev/sda /dev/sdz\n",
	       "a new name is not replaced again");
	ok(!drop, "the line is kept");
	is_str(renamed("x /dev/sda /dev/x\n", "a", "b", &drop), "x /dev/sda /dev/x\n", "a line that goes");
	ok(drop, "is told");
	renamed("x /dev/xy\n", "a", "b", &drop);
	ok(!drop, "another name is kept");
}

static void limits(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct nash s;

	buf_zeros(&b, NASH_SCRIPT_MAX + 1);
	is_int(nash_parse(b.data, b.len, "/init", &s, &err), UNRACK_UNSUPPORTED, "too long a script");
	has_str(err.text, "/init: has 65537 bytes; a script for nash has at most 65536", "is told");
	is_int(nash_parse("a\0b\n", 4, "/init", &s, &err), UNRACK_UNSUPPORTED, "a NUL");
	has_str(err.text, "/init: has a NUL in it, where nash would stop", "is told");
}

static void is_of(const char *script, enum nash_release want)
{
	static const char *const names[] = { "2.1", "3", "4", "5" };
	CLEANUP_BUF struct buf text = { 0 };
	char path[100];
	struct nash s;

	snprintf(path, sizeof path, "tests/initrd/data/%s", script);
	if (script[0] == '#')
		buf_puts(&text, script);
	else
		made_file(&text, script, path);
	made(nash_parse(text.data, text.len, script, &s, &err) == 0, "a script");
	is_str(names[nash_release_of(&s)], names[want], "%.40s is of %s", script, names[want]);
	nash_free(&s);
}

static void releases(void)
{
	is_of("el21-scsi.linuxrc", NASH_EL21);
	is_of("el21-md.linuxrc", NASH_EL21);
	is_of("el3-scsi.linuxrc", NASH_EL3);
	is_of("el3-lvm.linuxrc", NASH_EL3);
	is_of("el3-md.linuxrc", NASH_EL3);
	is_of("el4-scsi.init", NASH_EL4);
	is_of("el4-lvm.init", NASH_EL4);
	is_of("el4-md.init", NASH_EL4);
	is_of("el5-scsi.init", NASH_EL5);
	is_of("el5-dmraid.init", NASH_EL5);
	is_of("el5-md.init", NASH_EL5);
	is_of("#!/bin/nash\nswitchroot /sysroot\n", NASH_EL4);
	is_of("#!/bin/nash\nswitchroot\n", NASH_EL5);
	is_of("#!/bin/nash\nmkrootdev -t ext3 -o ro /dev/sda2\npivot_root a b\n", NASH_EL5);
	is_of("#!/bin/nash\n#mkblkdevs\npivot_root a b\n", NASH_EL21);
	is_of("#!/bin/nash\nmkblkdevs", NASH_EL5);
}

int main(void)
{
	language();
	edits();
	names();
	limits();
	releases();
	return tap_done();
}
