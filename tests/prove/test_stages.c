/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/prove/parts.h"
#include "../support/tap.h"

static struct stage_findings read_text(const char *text, unsigned columns, enum prove_stage reached)
{
	struct stage_findings f = { .panic = false };

	stages_read(text, strlen(text), columns, reached, &f);
	return f;
}

static enum prove_stage furthest(const struct stage_findings *f)
{
	enum prove_stage s = STAGE_NETWORK;

	while (s > STAGE_NONE && !f->line[s][0])
		s--;
	return s;
}

/* Lines that show how far a guest is, as its programs print them. */
static void shown(void)
{
	static const struct {
		const char *line;
		enum prove_stage reached, stage;
	} t[] = {
		{ "SeaBIOS (version 1.16.2-debian-1.16.2-1)", 0, STAGE_FIRMWARE },
		{ "Booting from Hard Disk...", 0, STAGE_FIRMWARE },
		{ "BdsDxe: starting Boot0003 \"UEFI Misc Device\" from PciRoot(0x0)", 0, STAGE_FIRMWARE },
		{ "GRUB Loading stage1.5.", 0, STAGE_LOADER },
		{ "GRUB loading, please wait...", 0, STAGE_LOADER },
		{ "    GNU GRUB  version 0.97  (639K lower / 1047424K upper memory)", 0, STAGE_LOADER },
		{ "Press any key to enter the menu", 0, STAGE_LOADER },
		{ "  Booting 'Red Hat Enterprise Linux Server (2.6.18-398.el5)'", 0, STAGE_LOADER },
		{ "LILO 22.5.9 Loading linux...", 0, STAGE_LOADER },
		{ "   [Linux-bzImage, setup=0x1e00, size=0x1fd2dc]", 0, STAGE_LOADER },
		{ "Uncompressing Linux... Ok, booting the kernel.", 0, STAGE_KERNEL },
		{ "Decompressing Linux... Parsing ELF... done.", 0, STAGE_KERNEL },
		{ "Linux version 2.6.18-398.el5 (mockbuild@x86)", 0, STAGE_KERNEL },
		{ "<5>Linux version 2.6.18-398.el5", 0, STAGE_KERNEL },
		{ "[    0.000000] Linux version 6.1.0", 0, STAGE_KERNEL },
		{ "[    1.234567] scsi host0: anything a kernel says", 0, STAGE_KERNEL },
		{ "Red Hat nash version 5.1.19.6 starting", 0, STAGE_INITRD },
		{ "Loading ahci.ko module", 0, STAGE_INITRD },
		{ "Creating root device.", 0, STAGE_INITRD },
		{ "Mounting root filesystem.", 0, STAGE_INITRD },
		{ "Switching to new root and running init.", 0, STAGE_INITRD },
		{ "dracut: dracut-004-388.el6", 0, STAGE_INITRD },
		{ "[    2.000000] dracut: Switching root", 0, STAGE_ROOT },
		{ "Welcome to Red Hat Enterprise Linux Server 7.9 (Maipo) dracut-033 (Initramfs)!", 0, STAGE_INITRD },
		{ "EXT3-fs: mounted filesystem with ordered data mode.", 0, STAGE_ROOT },
		{ "[    3.100000] EXT4-fs (sda3): mounted filesystem with ordered data mode", 0, STAGE_ROOT },
		{ "[    3.100000] XFS (dm-0): Ending clean mount", 0, STAGE_ROOT },
		{ "INIT: version 2.86 booting", 0, STAGE_INIT },
		{ "                Welcome to Red Hat Enterprise Linux Server", STAGE_LOADER, STAGE_INIT },
		{ "Starting udev: [  OK  ]", 0, STAGE_INIT },
		{ "INIT: Entering runlevel: 3", 0, STAGE_SERVICES },
		{ "Entering non-interactive startup", STAGE_INIT, STAGE_SERVICES },
		{ "Starting sshd: [  OK  ]", STAGE_INIT, STAGE_SERVICES },
		{ "[  OK  ] Started OpenSSH server daemon.", STAGE_INIT, STAGE_SERVICES },
		{ "[  OK  ] Reached target Multi-User System.", STAGE_INIT, STAGE_SERVICES },
		{ "web01 login:", 0, STAGE_LOGIN },
		{ "web01.example.com login: ", 0, STAGE_LOGIN },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct stage_findings f = read_text(t[i].line, 80, t[i].reached);

		is_int(furthest(&f), t[i].stage, "%s", t[i].line);
		ok(!f.end[0], "... which is no end");
	}
}

/* Lines that look like more than they are. */
static void not_shown(void)
{
	static const struct {
		const char *line;
		enum prove_stage reached, stage;
	} t[] = {
		{ "| Linux version 5, Kernel panic - not syncing, web01 login:", 0, STAGE_NONE },
		{ "  Booting 'web01 login:'", 0, STAGE_LOADER },
		{ "Booting 'Kernel panic - not syncing'", 0, STAGE_LOADER },
		{ "Welcome to Linux", 0, STAGE_NONE },
		{ "Kernel command line: ro root=/dev/sda3 Kernel panic - not syncing: login:", 0, STAGE_KERNEL },
		{ "kernel /vmlinuz ro root=LABEL=/ init=Kernel panic", 0, STAGE_LOADER },
		{ "login:", 0, STAGE_NONE },
		{ " login:", 0, STAGE_NONE },
		{ "Last login: Mon Nov 22 from web02", 0, STAGE_NONE },
		{ "Last login:", 0, STAGE_NONE },
		{ "please use your own login:", 0, STAGE_NONE },
		{ "web01 login: root", 0, STAGE_NONE },
		{ "Starting sshd: [  OK  ]", STAGE_LOADER, STAGE_NONE },
		{ "[  OK  ] Started udev Coldplug all Devices.", STAGE_INITRD, STAGE_NONE },
		{ "[ 1.2] not a kernel's time", 0, STAGE_NONE },
		{ "---[ end Kernel panic - not syncing: Attempted to kill init!", STAGE_KERNEL, STAGE_NONE },
		{ "Error 15: File not found", STAGE_SERVICES, STAGE_NONE },
		{ "No bootable device.", STAGE_LOGIN, STAGE_NONE },
		{ "Shell> ", STAGE_KERNEL, STAGE_NONE },
		{ "error: one of a program's", STAGE_SERVICES, STAGE_NONE },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct stage_findings f = read_text(t[i].line, 80, t[i].reached);

		is_int(furthest(&f), t[i].stage, "no more than it is: %s", t[i].line);
		ok(!f.end[0] && !f.cause[0] && !f.panic, "... and no failure");
	}
}

static void ends(void)
{
	static const struct {
		const char *line;
		enum prove_stage reached;
		bool panic;
	} t[] = {
		{ "No bootable device.", STAGE_FIRMWARE, false },
		{ "Missing operating system", STAGE_FIRMWARE, false },
		{ "BdsDxe: No bootable option or device was found.", STAGE_FIRMWARE, false },
		{ "Shell>", STAGE_FIRMWARE, false },
		{ "Error 15: File not found", STAGE_LOADER, false },
		{ "GRUB Error 17", STAGE_LOADER, false },
		{ "GRUB Hard Disk Error", STAGE_FIRMWARE, false },
		{ "grub rescue>", STAGE_LOADER, false },
		{ "Kernel panic - not syncing: Attempted to kill init!", STAGE_INITRD, true },
		{ "[    5.012631] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
		  STAGE_KERNEL, true },
		{ "Kernel panic: VFS: Unable to mount root fs on 08:03", STAGE_KERNEL, true },
		{ "*** An error occurred during the file system check.", STAGE_INIT, false },
		{ "(Repair filesystem) 1 #", STAGE_INIT, false },
		{ "Give root password for maintenance", STAGE_INIT, false },
		{ "dracut:/#", STAGE_INITRD, false },
		{ "Entering emergency mode. Exit the shell to continue.", STAGE_INITRD, false },
		{ "You are in emergency mode. After logging in, type", STAGE_INIT, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct stage_findings f = read_text(t[i].line, 0, t[i].reached);

		ok(f.end[0], "an end: %s", t[i].line);
		is_int(f.panic, t[i].panic, "... %s", t[i].panic ? "by a panic" : "without a panic");
	}
}

static void causes(void)
{
	/* A RHEL 5 guest without its disk's driver, 80 columns. */
	static const char nash[] =
		"Red Hat nash version 5.1.19.6 starting\n"
		"Unable to access resume device (/dev/cciss/c0d0p2)\n"
		"mount: could not find filesystem '/dev/root'\n"
		"setuproot: moving /dev failed: No such file or directory\n"
		"switchroot: mount failed: No such file or directory\n"
		"[    5.012631] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00\n"
		"000000\n"
		"[    5.017286] CPU: 0 PID: 1 Comm: init Not tainted\n";
	struct stage_findings f = read_text(nash, 80, STAGE_KERNEL);

	is_str(f.cause, "mount: could not find filesystem '/dev/root'", "the line that tells why");
	is_str(f.end, "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000",
	       "a line that goes on in the next row is one");
	ok(f.panic, "a panic");
	is_str(f.line[STAGE_INITRD], "Red Hat nash version 5.1.19.6 starting", "the stage's own line");
	is_int(furthest(&f), STAGE_INITRD, "it was in the initrd");

	f = read_text("mount: error mounting /dev/root on /sysroot as ext3: Invalid argument\n"
		      "mount: could not find filesystem '/dev/root'\n", 80, STAGE_INITRD);
	has_str(f.cause, "mount: error mounting", "the first cause counts");
	ok(!f.end[0], "a cause is no end");

	f = read_text("You are in emergency mode.\nKernel panic - not syncing: later\n", 0, STAGE_INITRD);
	has_str(f.end, "Kernel panic", "a panic says more than what came before");
	f = read_text("Kernel panic - not syncing: first\nKernel panic - not syncing: second\n", 0, 0);
	has_str(f.end, "first", "of two panics the first");

	f = read_text("error: file `/vmlinuz' not found.\n", 0, STAGE_LOADER);
	has_str(f.cause, "not found", "GRUB 2's error");
	f = read_text("fsck.ext3: No such file or directory while trying to open /dev/cciss/c0d0p1\n"
		      "*** An error occurred during the file system check.\n", 0, STAGE_INIT);
	has_str(f.cause, "/dev/cciss/c0d0p1", "fsck names the device");
	has_str(f.end, "file system check", "... and that was the end");
}

static void order(void)
{
	struct stage_findings f = read_text("GNU GRUB  version 0.97\nWelcome to Red Hat Enterprise Linux Server\n",
					    0, 0);

	is_int(furthest(&f), STAGE_INIT, "a line may depend on one before it");
	f = read_text("Kernel command line: ro root=/dev/sda3 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		      "web01 login:\n", 80, STAGE_KERNEL);
	ok(!f.line[STAGE_LOGIN][0], "what goes on in the next row is the command line's");
	f = read_text("Kernel command line: ro root=/dev/sda3\nweb01 login:\n", 80, STAGE_KERNEL);
	is_str(f.line[STAGE_LOGIN], "web01 login:", "a line behind it is not");

	f = (struct stage_findings){ .panic = false };
	stages_read("INIT: version 2.86 booting", 26, 0, 0, &f);
	stages_read("INIT: version 9 booting", 23, 0, 0, &f);
	is_str(f.line[STAGE_INIT], "INIT: version 2.86 booting", "findings are only added");
}

static void hostile(void)
{
	size_t n = 1u << 20;
	char *big = malloc(n);
	struct stage_findings f = { .panic = false };

	if (!big)
		exit(1);
	stages_read("", 0, 80, 0, &f);
	stages_read("\n\n\n", 3, 80, 0, &f);
	is_int(furthest(&f), STAGE_NONE, "nothing");
	for (size_t i = 0; i < n; i++)
		big[i] = (char)(i % 3000 ? 0x80 + i % 0x80 : '\n');
	stages_read(big, n, 80, 0, &f);
	is_int(furthest(&f), STAGE_NONE, "a megabyte of something");
	memset(big, '*', n);
	for (size_t i = 2000; i < n; i += 2000)
		big[i] = '\n';
	stages_read(big, n, 80, STAGE_INIT, &f);
	is_int(furthest(&f), STAGE_NONE, "a megabyte of stars");
	memset(big, 'x', 1000);
	memcpy(big, "Linux version 2", 15);
	stages_read(big, 1000, 0, 0, &f);
	is_int(strlen(f.line[STAGE_KERNEL]), 159, "a long line is cut");
	memset(big, 'x', 1000);
	memcpy(big + 993, " login:", 7);
	stages_read(big, 1000, 0, 0, &f);
	ok(!f.line[STAGE_LOGIN][0], "no host has a name of a thousand letters");
	stages_read("[", 1, 80, 0, &f);
	stages_read("[1.", 3, 80, 0, &f);
	stages_read("[1.123456", 9, 80, 0, &f);
	stages_read("<", 1, 80, 0, &f);
	stages_read("<1", 2, 80, 0, &f);
	ok(!f.end[0], "a time or level that has only begun");
	free(big);
}

int main(void)
{
	shown();
	not_shown();
	ends();
	causes();
	order();
	hostile();
	return tap_done();
}
