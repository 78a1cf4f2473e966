/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/nash_grammar.h"
#include "../../initrd/nash_repair.h"
#include "made.h"
#include "unrack/diff.h"

static struct unrack_error err;
static struct module_tree *tree;
static struct buf whole; /* the last repaired script */
static const char *conf; /* the guest's modprobe.conf */

/* What the repair does to SCRIPT (text, or the name of a file in data/), as the lines that
 * go and come, without context. The repaired script must pass the check's own search, and
 * a second repair must leave it as it is. */
static const char *repaired(const char *script, const char *names, const char *const (*devices)[2],
			    size_t n_devices, int want_code)
{
	static char out[4000];
	CLEANUP_BUF struct buf text = { 0 }, now = { 0 }, again = { 0 }, diff = { 0 }, b = { 0 };
	struct initrd_change c = { .tree = tree, .devices = devices, .n_devices = n_devices,
				   .modules_conf = conf };
	const char *wanted[8];
	char copy[100], path[100], *save = NULL;
	struct loads_want want;
	struct initrd *i;
	struct loads l;
	struct nash s, before;
	struct nash_fault fault;
	bool right;
	int r;

	snprintf(path, sizeof path, "tests/initrd/data/%s", script);
	if (script[0] == '#')
		buf_puts(&text, script);
	else
		made_file(&text, script, path);
	snprintf(copy, sizeof copy, "%s", names);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		wanted[c.n_wanted++] = w;
	c.wanted = wanted;

	made_initrd(&b, "#!/bin/nash\n", "");
	i = made_open(&b);
	made(loads_want_new(tree, c.wanted, c.n_wanted, &want, &err) == 0, "a list of modules");
	made(nash_parse(text.data, text.len, "/init", &s, &err) == 0, "a script");
	r = nash_repair(&s, i, &want, &c, &err);
	is_int(r, want_code, "repairs for %s", names);
	made(nash_parse(text.data, text.len, "/init", &before, &err) == 0, "a script");
	out[0] = '\0';
	if (r == 0) {
		nash_print(&s, &now);
		buf_clear(&whole);
		buf_append(&whole, now.data, now.len);
		made(loads_find(&s, i, &want, true, &l, &err) == 0, "an answer");
		right = l.root < s.lines.len && (!l.waits || l.wait != LOADS_NONE) &&
			(!l.makes_nodes || l.nodes != LOADS_NONE);
		for (size_t a = 0; a < want.list.n; a++) {
			right &= l.at[a] != LOADS_NONE;
			for (size_t k = 0; k < a; k++)
				right &= !loads_needs(&want, a, k) || l.at[k] < l.at[a];
		}
		ok(right, "the script is right then");
		ok(nash_grammar_accepts(&s, nash_release_of(&before), NULL, &before, &fault), "for its nash, too %s",
		   fault.text);
		loads_free(&l);
		r = nash_repair(&s, i, &want, &c, &err);
		nash_print(&s, &again);
		ok(r == 0 && !strcmp(buf_str(&again), buf_str(&now)), "and stays as it is the second time");

		made(diff_unified("a", "b", text.data, text.len, now.data, now.len, &diff) == 0, "a diff");
		for (char *p = strtok_r((char *)diff.data, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
			if ((*p == '+' || *p == '-') && strncmp(p, "+++", 3) && strncmp(p, "---", 3))
				snprintf(out + strlen(out), sizeof out - strlen(out), "%s\n", p);
	}
	nash_free(&s);
	nash_free(&before);
	loads_want_free(&want);
	initrd_close(i);
	return out;
}

#define PLUS(m) "+echo \"Loading " m ".ko module\"\n+insmod /lib/" m ".ko\n"
#define MPT PLUS("mptbase") PLUS("mptscsih") PLUS("mptspi")

static void real_ones(void)
{
	static const char *const cciss[][2] = {
		{ "/dev/cciss/c0d0p2", "/dev/sda2" }, { "/dev/cciss/c0d0p3", "/dev/sda3" },
	};
	static const char *const ide[][2] = { { "/dev/hda2", "/dev/sda2" }, { "/dev/hda3", NULL } };

	is_str(repaired("el5-scsi.init", "aic79xx", NULL, 0, 0), "", "what is right is not touched");
	is_str(repaired("el5-cciss.init", "mptspi", cciss, 2, 0),
	       PLUS("scsi_transport_spi") MPT
	       "-resume /dev/cciss/c0d0p2\n+resume /dev/sda2\n"
	       "-mkrootdev -t ext3 -o defaults,ro /dev/cciss/c0d0p3\n"
	       "+mkrootdev -t ext3 -o defaults,ro /dev/sda3\n", "cciss: modules and names");
	is_str(repaired("el5-lvm.init", "mptspi", NULL, 0, 0), PLUS("scsi_transport_spi") MPT, "LVM: only modules");
	is_str(repaired("el5-dmraid.init", "ahci", NULL, 0, 0),
	       PLUS("ahci")
	       "-rmparts sdb\n-rmparts sda\n"
	       "-dm create isw_bhdjcdgafc_Volume0 0 312581632 mirror core 2 131072 nosync 2 8:0 0 8:16 0 1 handle_errors\n"
	       "-dm partadd isw_bhdjcdgafc_Volume0\n", "dmraid: its tables go");
	is_str(repaired("el5-ide.init", "mptspi", ide, 2, 0),
	       PLUS("scsi_mod") PLUS("sd_mod") PLUS("scsi_transport_spi") MPT
	       "+echo Waiting for driver initialization.\n"
	       "+stabilized --hash --interval 250 /proc/scsi/scsi\n"
	       "-resume /dev/hda3\n"
	       "-mkrootdev -t ext3 -o defaults,ro /dev/hda2\n"
	       "+mkrootdev -t ext3 -o defaults,ro /dev/sda2\n", "IDE: all of SCSI, and waiting for it");
	is_str(repaired("el4-lvm.init", "mptspi", NULL, 0, 0), PLUS("scsi_transport_spi") MPT, "RHEL 4");
}

#define HEAD "#!/bin/nash\nmkblkdevs\n"
#define WAIT "stabilized --hash --interval 1000 /proc/scsi/scsi\nmkblkdevs\n"
#define ROOT "mkrootdev -t ext3 -o defaults,ro /dev/sda2\nmount /sysroot\n"
#define ROOT4 "mkrootdev /dev/root\nmount -o defaults --ro -t ext3 /dev/root /sysroot\nswitchroot /sysroot\n"
#define LOAD(m) "echo \"Loading " m ".ko module\"\ninsmod /lib/" m ".ko\n"
#define MINUS(m) "-echo \"Loading " m ".ko module\"\n-insmod /lib/" m ".ko\n"
#define SCSI LOAD("scsi_mod") LOAD("sd_mod")

static void places(void)
{
	is_str(repaired(HEAD LOAD("scsi_mod") LOAD("ahci") LOAD("libata") LOAD("sd_mod") WAIT ROOT, "ahci", NULL, 0, 0),
	       MINUS("ahci") PLUS("ahci"), "a dependency that comes too late is put right");
	is_str(repaired(HEAD SCSI "insmod /lib/aic79xx.ko verbose\ninsmod /lib/scsi_transport_spi.ko a=1\n" WAIT ROOT,
			"aic79xx", NULL, 0, 0),
	       "-insmod /lib/aic79xx.ko verbose\n+insmod /lib/aic79xx.ko verbose\n", "options stay");
	is_str(repaired(HEAD LOAD("mptspi") LOAD("mptscsih") LOAD("mptbase") SCSI WAIT ROOT, "mptspi", NULL, 0, 0),
	       MINUS("mptspi") MINUS("mptscsih") MINUS("mptbase") PLUS("scsi_transport_spi") MPT,
	       "everything in the wrong order");
	is_str(repaired(HEAD SCSI WAIT ROOT "insmod /lib/ahci.ko a=1\n", "ahci", NULL, 0, 0),
	       PLUS("libata") "+insmod /lib/ahci.ko a=1\n-insmod /lib/ahci.ko a=1\n", "a driver behind root moves up");
	is_str(repaired(HEAD LOAD("jbd") LOAD("dm-mod") LOAD("ext3") WAIT ROOT, "ahci", NULL, 0, 0),
	       PLUS("scsi_mod") PLUS("sd_mod") PLUS("libata") PLUS("ahci"), "without sd_mod they come");
	has_str(buf_str(&whole), "insmod /lib/jbd.ko\n" SCSI LOAD("libata") LOAD("ahci") LOAD("dm-mod"),
		"before device-mapper");
	repaired(HEAD LOAD("cciss") SCSI LOAD("aic79xx") WAIT ROOT, "ahci", NULL, 0, 0);
	has_str(buf_str(&whole), "insmod /lib/sd_mod.ko\n" LOAD("libata") LOAD("ahci") LOAD("aic79xx"),
		"right behind sd_mod, before others");
	repaired(HEAD "insmod /lib/mptspi.ko\n" SCSI WAIT ROOT, "ahci mptspi aic79xx", NULL, 0, 0);
	has_str(buf_str(&whole), HEAD LOAD("scsi_mod") LOAD("scsi_transport_spi") LOAD("mptbase") LOAD("mptscsih")
		"insmod /lib/mptspi.ko\n" LOAD("sd_mod") LOAD("libata") LOAD("ahci") LOAD("aic79xx") WAIT,
		"and in the order asked for");
	is_str(repaired(HEAD "hotplug\nmkblkdevs\n" ROOT, "ahci", NULL, 0, 0),
	       PLUS("scsi_mod") PLUS("sd_mod") PLUS("libata") PLUS("ahci") "+echo Waiting for driver initialization.\n"
	       "+stabilized --hash --interval 250 /proc/scsi/scsi\n", "no module at all");
	is_str(repaired("#!/bin/nash\n/sbin/udevstart\n" SCSI ROOT4, "ahci", NULL, 0, 0),
	       PLUS("libata") PLUS("ahci") "+/sbin/udevstart\n", "RHEL 4 without its second udevstart");
	is_str(repaired("#!/bin/nash\n" SCSI ROOT4, "sd_mod", NULL, 0, 0), "", "a script that makes no nodes needs none");
	is_str(repaired(HEAD SCSI "stabilized /proc/scsi/scsi\n" ROOT, "sd_mod", NULL, 0, 0), "+mkblkdevs\n",
	       "nodes are made behind the waiting");
	is_str(repaired(HEAD SCSI "mkblkdevs\n" LOAD("dm-mod") ROOT, "sd_mod", NULL, 0, 0),
	       "+echo Waiting for driver initialization.\n+stabilized --hash --interval 250 /proc/scsi/scsi\n"
	       "+mkblkdevs\n", "and behind the last module");
	is_str(repaired(HEAD SCSI "insmod /drivers/ahci.ko\n" WAIT ROOT, "ahci", NULL, 0, 0),
	       PLUS("libata") PLUS("ahci"), "a driver in another folder is not relied on");
	is_str(repaired(HEAD SCSI WAIT "mkrootdev -t ext3 -o ro /dev/sda2\nmount /sysroot", "sd_mod", NULL, 0, 0),
	       "-mount /sysroot\n+mount /sysroot\n", "the last line gets its newline");
	is_str(repaired(HEAD "insmod /lib/ehci_hcd.ko\n" SCSI WAIT ROOT, "ehci-hcd", NULL, 0, 0), "", "- is _");
	is_str(repaired(HEAD SCSI "network --device eth0 --bootproto dhcp\n/bin/iscsistart -t x\n" WAIT ROOT, "sd_mod",
			NULL, 0, 0),
	       "-network --device eth0 --bootproto dhcp\n-/bin/iscsistart -t x\n", "iSCSI goes");
	is_str(repaired(HEAD SCSI "network --device eth0 --bootproto dhcp\n" WAIT "mkrootdev -t nfs -o ro server:/root\n"
			"mount /sysroot\n", "sd_mod", NULL, 0, 0), "", "the network of a root on NFS stays");
}

static void devices(void)
{
	static const char *const swap[][2] = { { "/dev/sda2", "/dev/sdb2" }, { "/dev/hda3", "/dev/sda3" } };
	static const char *const gone[][2] = { { "/dev/sda2", NULL } };
	static const char *const node[][2] = { { "/dev/", "/dev/x" }, { "/dev/cciss/c0d0p2", "/dev/sda2" } };

	is_str(repaired(HEAD SCSI "# /dev/sda2\necho /dev/sda2\n" WAIT "resume /dev/hda3\n" ROOT, "sd_mod", swap, 2, 0),
	       "-resume /dev/hda3\n-mkrootdev -t ext3 -o defaults,ro /dev/sda2\n"
	       "+resume /dev/sda3\n+mkrootdev -t ext3 -o defaults,ro /dev/sdb2\n",
	       "names in commands, not in comments and messages");
	repaired(HEAD SCSI WAIT ROOT, "sd_mod", gone, 1, UNRACK_USAGE);
	is_str(err.text, "initrd.img: /init mounts root by a name that has no new one: mkrootdev -t ext3 -o defaults,ro "
	       "/dev/sda2; say what the root device is called now", "root's own line is never dropped");

	/* mkinitrd 5 writes for LABEL= what sysfs calls the device. */
	is_str(repaired(HEAD SCSI WAIT "mkrootdev -t ext3 -o defaults,ro cciss!c0d0p2\nmount /sysroot\n", "sd_mod", node, 2, 0),
	       "-mkrootdev -t ext3 -o defaults,ro cciss!c0d0p2\n+mkrootdev -t ext3 -o defaults,ro /dev/sda2\n",
	       "a name of sysfs is one of the device");
	repaired(HEAD SCSI WAIT "mkrootdev -t ext3 -o defaults,ro sda2\nmount /sysroot\n", "sd_mod", gone, 1, UNRACK_USAGE);
	has_str(err.text, "mounts root by a name that has no new one: mkrootdev -t ext3 -o defaults,ro sda2;", "gone, too");
}

#define O(m) "+echo \"Loading " m ".o module\"\n+insmod /lib/" m ".o\n"
#define O21(m) "+echo \"Loading " m " module\"\n+insmod /lib/" m ".o\n"

/* Scripts of RHEL 2.1 and 3, with modules of the 2.4 series. */
static void ramdisks(void)
{
	struct module_tree *el5 = tree;

	tree = made_tree(EL3, made_el3_dep);
	is_str(repaired("el21-scsi.linuxrc", "mptscsih", NULL, 0, 0), O21("mptbase") O21("mptscsih"),
	       "RHEL 2.1 tells of modules without \".o\"");
	has_str(buf_str(&whole), "insmod /lib/sd_mod.o \necho \"Loading mptbase module\"\ninsmod /lib/mptbase.o\n"
		"echo \"Loading mptscsih module\"\ninsmod /lib/mptscsih.o\necho \"Loading aic7xxx module\"\n"
		"insmod /lib/aic7xxx.o aic7xxx=verbose\n", "behind sd_mod, before the old adapter with its options");
	is_str(repaired("el21-md.linuxrc", "BusLogic", NULL, 0, 0), O21("BusLogic"), "an array");
	is_str(repaired("el3-scsi.linuxrc", "mptscsih", NULL, 0, 0), O("mptbase") O("mptscsih"), "RHEL 3");
	is_str(repaired("el3-lvm.linuxrc", "BusLogic", NULL, 0, 0), O("BusLogic"), "RHEL 3, LVM");
	has_str(buf_str(&whole), "insmod /lib/BusLogic.o\necho \"Loading cciss.o module\"\n", "before the old adapter");
	is_str(repaired("el3-md.linuxrc", "BusLogic", NULL, 0, 0), O("BusLogic"), "RHEL 3, arrays before the nodes");
	conf = "options BusLogic BusLogic=TQ:Disable\noptions mptbase \"a=1\"\noptions aic7xxx x=y\n";
	repaired("el3-scsi.linuxrc", "BusLogic mptscsih", NULL, 0, 0);
	has_str(buf_str(&whole), "insmod /lib/BusLogic.o BusLogic=TQ:Disable\n", "new modules get their options");
	has_str(buf_str(&whole), "insmod /lib/mptbase.o \"a=1\"\n", "as they are");
	has_str(buf_str(&whole), "insmod /lib/aic7xxx.o \n", "those that were there are not touched");
	conf = NULL;

	repaired("#!/bin/nash\n\nmount -t proc /proc /proc\necho Mounting /proc filesystem\necho Creating root device\n"
		 "mkrootdev /dev/root\numount /proc\nmount --ro -t ext2 /dev/root /sysroot\n"
		 "pivot_root /sysroot /sysroot/initrd\n", "BusLogic", NULL, 0, 0);
	has_str(buf_str(&whole), "#!/bin/nash\n\necho \"Loading scsi_mod module\"\n", "RHEL 2.1: before /proc");
	has_str(buf_str(&whole), "insmod /lib/BusLogic.o\nmount -t proc /proc /proc\necho Mounting", "is mounted");
	repaired("#!/bin/nash\n\nmount -t proc /proc /proc\nsetquiet\necho Creating block devices\nmkdevices /dev\n"
		 "echo Creating root device\nmkrootdev /dev/root\nmount --ro -t ext2 /dev/root /sysroot\n"
		 "pivot_root /sysroot /sysroot/initrd\n", "BusLogic", NULL, 0, 0);
	has_str(buf_str(&whole), "setquiet\necho \"Loading scsi_mod.o module\"\n", "RHEL 3: behind that");
	has_str(buf_str(&whole), "insmod /lib/BusLogic.o\necho Creating block devices\nmkdevices /dev\n",
		"and before the nodes of disks");
	repaired("#!/bin/nash\nsetquiet\nmkdevices /dev\ninsmod /lib/scsi_mod.o\ninsmod /lib/sd_mod.o\n"
		 "insmod /lib/lvm-mod.o\nvgscan\nvgchange -ay\nmount --ro -t ext2 /dev/a/b /sysroot\n",
		 "BusLogic", NULL, 0, 0);
	has_str(buf_str(&whole), "insmod /lib/BusLogic.o\nmkdevices /dev\ninsmod /lib/lvm-mod.o\n",
		"which are made once more if they were made too soon");
	module_tree_free(tree);

	tree = made_tree(EL4, made_el4_dep);
	is_str(repaired("el4-scsi.init", "mptspi", NULL, 0, 0), PLUS("mptbase") PLUS("mptscsi") PLUS("mptspi"), "RHEL 4");
	is_str(repaired("el4-md.init", "mptspi", NULL, 0, 0), PLUS("mptbase") PLUS("mptscsi") PLUS("mptspi"),
	       "RHEL 4, arrays");
	module_tree_free(tree);
	tree = el5;
}

/* Later builds of RHEL 5 run dmraid and kpartx, which find the members by what is on them. */
static void programs_of_old_disks(void)
{
	is_str(repaired(HEAD SCSI WAIT "echo Scanning and configuring dmraid supported devices\n"
			"dmraid -ay -i -p --rm_partitions \"isw_a\"\nkpartx -a -p p \"/dev/mapper/isw_a\"\n" ROOT, "sd_mod",
			NULL, 0, 0),
	       "-dmraid -ay -i -p --rm_partitions \"isw_a\"\n-kpartx -a -p p \"/dev/mapper/isw_a\"\n", "they go");
	is_str(repaired(HEAD SCSI WAIT "/bin/multipath -v 0 mpath0\n" ROOT, "sd_mod", NULL, 0, 0),
	       "-/bin/multipath -v 0 mpath0\n", "so does multipath");
	is_str(repaired(HEAD SCSI WAIT "dmraid.static -ay isw_a\n" ROOT, "sd_mod", NULL, 0, 0),
	       "-dmraid.static -ay isw_a\n", "also under the names of their packages");
	is_str(repaired("el5-md.init", "mptspi", NULL, 0, 0), MPT, "arrays of md stay");
}

/* Lines of all kinds in any order: what comes out is right, and stays. */
static void random_scripts(void)
{
	static const char *const lines[] = {
		LOAD("scsi_mod"), LOAD("sd_mod"), LOAD("mptspi"), LOAD("mptbase"), "insmod /lib/mptscsih.ko\n",
		LOAD("scsi_transport_spi"), LOAD("libata"), LOAD("ahci"), LOAD("dm-mod"), "mkblkdevs\n",
		"stabilized --hash /proc/scsi/scsi\n", "echo \"Loading\"\n", "\n", "# comment\n", "rmparts sda\n",
		"mkblkdevs\n", "resume /dev/sda3\n", "/sbin/udevstart\n", ROOT, "insmod /lib/ext3.ko\n",
	};
	static const char *const names[] = { "mptspi", "ahci", "mptspi ahci", "ahci aic79xx mptspi", "sd_mod" };
	unsigned seed = 11;

	for (int round = 0; round < 120; round++) {
		CLEANUP_BUF struct buf b = { 0 };

		buf_puts(&b, "#!/bin/nash\n");
		for (unsigned k = made_random(&seed) % 24; k > 0; k--)
			buf_puts(&b, lines[made_random(&seed) % 20]);
		buf_puts(&b, ROOT);
		repaired(buf_str(&b), names[made_random(&seed) % 5], NULL, 0, 0);
	}
}

int main(void)
{
	tree = made_tree(EL5, made_el5_dep);
	real_ones();
	places();
	devices();
	ramdisks();
	programs_of_old_disks();
	random_scripts();
	module_tree_free(tree);
	buf_free(&whole);
	return tap_done();
}
