/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "../support/twin_guest.h"
#include "base/size.h"
#include "el5.h"

static struct unrack_error err;
static struct guest *g;
static struct guest_facts f;

static void inspect(void)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	is_int(inspect_guest(g, &f, &err), 0, "inspected: %s", err.text);
}

static void test_server(void)
{
	const struct guest_kernel *k;

	el5_make();
	g = el5_open(false);
	inspect();
	is_str(f.release, "Red Hat Enterprise Linux Server release 5.11 (Tikanga)", "the release");
	is_str(f.family, "rhel", "its family");
	ok(f.major == 5 && f.minor == 11, "and number");
	is_int(f.bits, 64, "by its modules");
	ok(!f.efi, "it boots by BIOS");
	is_str(f.hostname, "web01.example.com", "its name");
	is_int(f.n_kernels, 2, "two kernels");
	k = &f.kernels[f.default_kernel];
	is_str(k->kver, EL5, "the default one");
	ok(k->is_default && !k->xen && !k->kdump && k->tree, "has modules");
	is_str(k->vmlinuz, "/boot/vmlinuz-" EL5, "its file, by the partition of /boot");
	is_int(k->n_initrds, 1, "one initrd; kdump's is none");
	is_str(k->initrds[0].path, "/boot/initrd-" EL5 ".img", "by the loader");
	is_int(k->initrds[0].kind, INITRD_NASH, "of mkinitrd");
	is_str(k->initrds[0].root, "/dev/cciss/c0d0p3", "with a root baked in");
	is_str(k->initrds[0].resume, "/dev/cciss/c0d0p2", "and a resume device");
	is_int(f.loader.kind, LOADER_GRUB_LEGACY, "GRUB legacy");
	is_int(f.loader.sectors[0], BOOT_SECTOR_GRUB_LEGACY, "in the first sector");
	is_str(f.loader.conf, "/boot/grub/grub.conf", "its file");
	is_int(f.loader.n_entries, 2, "two entries");
	is_str(f.loader.entries[0].root, "/dev/cciss/c0d0p3", "root of the first");
	is_int(f.loader.entries[1].kernel_index >= 0, 1, "the second starts a kernel, too");
	is_str(f.root, "/dev/cciss/c0d0p3", "root in fstab");
	is_str(f.swap, "/dev/cciss/c0d0p2", "swap in fstab");
	is_int(f.n_nics, 1, "one card: lo and leftovers are none");
	is_str(f.nics[0].mac, "00:1a:4b:11:22:33", "its address");
	is_str(f.nics[0].driver, "tg3", "its driver");
	ok(f.nics[0].hwaddr && f.nics[0].onboot, "bound to the address");
	is_str(f.modconf, "/etc/modprobe.conf", "the drivers' file");
	ok(f.kudzu, "kudzu runs");
	is_int(f.names.n, 1, "one old disk: the CD is none");
	ok(!strcmp(f.names.at[0].disk, "cciss/c0d0") && f.names.at[0].image == 0, "is the first image");
	has_str(f.names.at[0].why, "fstab", "which the root filesystem tells");

	is_str(facts_module(k, "mptspi"), "kernel/drivers/message/fusion/mptspi.ko", "a module's file");
	is_str(facts_module(k, "piix"), "(built in)", "a driver that the configuration has built in");
	ok(!facts_module(k, "BusLogic") && !facts_module(k, "scsi-mod-x"), "and those that are not there");
	facts_free(&f);
	guest_close(g);
}

static void test_output(void)
{
	struct target_guest tg;
	struct buf text = { 0 };
	struct json *j;

	g = el5_open(false);
	inspect();
	is_int(facts_target_guest(&f, &tg, &err), 0, "for the chooser");
	ok(!strcmp(tg.kver, EL5) && tg.bits == 64 && tg.release == 5 && !tg.efi, "the default kernel counts");
	is_str(tg.module(tg.ctx, "e1000"), "kernel/drivers/net/e1000/e1000.ko", "with its modules");
	is_int(facts_to_text(&f, &text), 0, "for people");
	has_str(buf_str(&text), "kernel    " EL5 " (default), 64 bits\n", "kernels");
	has_str(buf_str(&text), "  * 0     Red Hat Enterprise Linux Server (" EL5 "): /boot/vmlinuz-" EL5 ", root /dev/cciss/c0d0p3\n",
		"entries");
	has_str(buf_str(&text), "disk      cciss/c0d0 is image 0 (fstab: the device of /)\n", "disks");
	has_str(buf_str(&text), "network   eth0, 00:1a:4b:11:22:33, dhcp, bound to its address\n", "cards");
	j = facts_to_json(&f);
	is_str(json_str(j, "release", ""), f.release, "for programs");
	is_str(json_str(j, "firmware", ""), "bios", "firmware");
	is_str(json_str(j, "loader", ""), "grub-legacy", "loader");
	is_int(json_len(json_get(j, "kernels")), 2, "kernels");
	is_str(json_at_str(json_get(json_at(json_get(j, "kernels"), 0), "initrds"), 0, ""), "/boot/initrd-" EL5 ".img", "initrds");
	is_str(json_str(json_at(json_get(j, "nics"), 0), "mac", ""), "00:1a:4b:11:22:33", "cards with addresses");
	json_free(j);
	buf_free(&text);
	facts_free(&f);
	guest_close(g);
}

/* A plain directory: no partitions, no boot sector. */
static void test_directory(void)
{
	is_int(guest_open_dir(el5_top, false, &g, &err), 0, "a directory");
	inspect();
	is_int(f.n_kernels, 2, "kernels are found by the files");
	is_int(f.loader.kind, LOADER_GRUB_LEGACY, "the loader by its file");
	is_int(f.names.at[0].image, 0, "the disk by device.map");
	has_str(f.names.at[0].why, "device.map: (hd0)", "which is said");
	facts_free(&f);
	guest_close(g);
}

static void test_variants(void)
{
	g = el5_open(false);
	el5_put("/boot/grub/grub.conf", "default=saved\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " ro\ninitrd /mine\n"
		"title b\nkernel (hd0,0)/vmlinuz-" OLD_KVER "\ntitle c\nroot (hd0,0)\nkernel /custom\ninitrd /initrd-" EL5 ".img\n"
		"title d\nroot (hd0,0)\nkernel /vmlinuz-" EL5 "\ninitrd /initrd-" EL5 "-phys.img\n");
	el5_put("/boot/grub/default", "2\n#\n#\n");
	el5_put("/boot/mine", "junk");
	made(symlink("../../gone.ko", el5_path("/lib/modules/" EL5 "/a.ko")) == 0 &&
	     mkdir(el5_path("/lib/modules/" EL5 "/b.ko"), 0755) == 0, "odd modules");
	el5_put("/boot/initrd-" EL5 "-phys.img", "old");
	made(rename(el5_path("/boot/vmlinuz-" EL5), el5_path("/boot/custom")) == 0 &&
	     symlink("custom", el5_path("/boot/vmlinuz-" EL5)) == 0, "a kernel by another name");
	inspect();
	is_int(f.n_kernels, 2, "a kernel with another name is known by its header");
	is_int(f.bits, 64, "a module that leads nowhere, and a folder, are passed over");
	is_int(f.loader.default_entry, 2, "default=saved");
	is_int(f.default_kernel, f.loader.entries[2].kernel_index, "starts it");
	is_str(f.kernels[f.default_kernel].kver, EL5, "that one");
	is_int(f.kernels[f.default_kernel].n_initrds, 2, "initrds of all its entries");
	is_str(f.kernels[f.default_kernel].initrds[0].path, "/boot/initrd-" EL5 ".img", "the default entry's first");
	is_str(f.kernels[f.default_kernel].initrds[1].path, "/boot/mine", "what unrack left beside is none");
	ok(f.kernels[f.default_kernel].initrds[1].problem, "one that is damaged is told");
	is_int(f.kernels[1 - f.default_kernel].n_initrds, 0, "an entry without an initrd has none");
	facts_free(&f);
	guest_close(g);

	/* None of these keeps the others from being looked at. */
	made(truncate(el5_path("/boot/mine"), (off_t)INITRD_FILE_MAX + 1) == 0, "a large file");
	g = el5_open(false);
	inspect();
	has_str(f.kernels[f.default_kernel].initrds[1].problem, "/boot/mine has more than the 512 MiB that it may have",
		"one that is too large is told");
	ok(!f.kernels[f.default_kernel].initrds[1].damaged, "and is not called damaged");
	ok(!f.kernels[f.default_kernel].initrds[0].problem, "the others are looked at");
	facts_free(&f);
	guest_close(g);
	el5_remove("/boot/mine");
	made(mkfifo(el5_path("/boot/mine"), 0600) == 0, "a pipe");
	g = el5_open(false);
	inspect();
	is_int(f.kernels[f.default_kernel].n_initrds, 1, "what is no file is none");
	facts_free(&f);
	guest_close(g);

	g = el5_open(false);
	el5_put("/boot/grub/grub.conf", "default=9\ntitle a\nroot (hd0,0)\nkernel /vmlinuz-gone\n");
	inspect();
	is_int(f.default_kernel, -1, "no default kernel");
	is_int(f.loader.entries[0].kernel_index, -1, "a kernel that is not there");
	facts_free(&f);
	guest_close(g);

	g = el5_open(false);
	memcpy(el5_head + 6, "LILO", 4);
	inspect();
	is_int(f.loader.kind, LOADER_LILO, "the sector counts, not the files");
	facts_free(&f);
	memset(el5_head, 0, 512);
	inspect();
	is_int(f.loader.sectors[0], BOOT_SECTOR_EMPTY, "an empty sector");
	is_int(f.loader.kind, LOADER_GRUB_LEGACY, "then the files do");
	facts_free(&f);
	guest_close(g);
	el5_clean();
}

static void refuse(const char *release, const char *text)
{
	g = el5_open(false);
	el5_put("/etc/redhat-release", release);
	is_int(inspect_guest(g, &f, &err), UNRACK_UNSUPPORTED, "%.20s is refused", release);
	has_str(err.text, text, "and named");
	is_int(f.n_kernels, 0, "nothing is left");
	guest_close(g);
}

static void test_refusals(void)
{
	el5_make();
	refuse("Fedora release 20 (Heisenbug)\n", "the system is Fedora release 20 (Heisenbug); unrack knows Red Hat Enterprise "
	       "Linux 2.1 to 10 and its rebuilds");
	refuse("Red Hat Linux release 9 (Shrike)\n", "Red Hat Linux release 9");
	refuse("Appliance OS 7\n", "Appliance OS 7");
	refuse("Appliance OS release 6\n", "Appliance OS release 6");
	g = el5_open(false);
	el5_put("/etc/redhat-release", "Appliance OS release 5.2\r\n");
	is_int(inspect_guest(g, &f, &err), 0, "a name that is not known, with kernels of that release, is taken");
	is_str(f.family, "rhel", "as RHEL");
	facts_free(&f);
	el5_remove("/etc/redhat-release");
	el5_put("/etc/os-release", "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
	is_int(inspect_guest(g, &f, &err), UNRACK_UNSUPPORTED, "Debian is refused");
	has_str(err.text, "the system is Debian GNU/Linux 12;", "and named");
	guest_close(g);

	el5_put("/etc/redhat-release", "CentOS release 5.11 (Final)\n");
	el5_put("/boot/grub/grub.conf", "");
	made(truncate(el5_path("/boot/grub/grub.conf"), 2 << 20) == 0, "a large file");
	g = el5_open(false);
	is_int(inspect_guest(g, &f, &err), UNRACK_DAMAGED, "a configuration file of 2 MiB is none");
	has_str(err.text, "grub.conf is larger than", "and named");
	guest_close(g);
	el5_clean();
}

/* Each read, and each listing, fails once: that is said, and not taken for a missing file. */
static void test_failing_reads(void)
{
	static const enum twin_guest_op ops[] = { TWIN_G_READ, TWIN_G_LIST, TWIN_G_FIND };
	unsigned silent = 0, calls = 0;

	el5_make();
	g = el5_open(false);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		struct twin_guest *t = twin_guest_new(g);
		unsigned n;

		is_int(inspect_guest(twin_guest(t), &f, &err), 0, "inspected through the twin");
		facts_free(&f);
		n = twin_guest_count(t, ops[i]);
		twin_guest_free(t);
		for (unsigned nth = 1; nth <= n; nth++, calls++) {
			t = twin_guest_new(g);
			twin_guest_fault(t, ops[i], nth, EIO);
			if (inspect_guest(twin_guest(t), &f, &err) == 0) {
				silent++;
				printf("# %s was passed over\n", twin_guest_path(t, ops[i]));
				facts_free(&f);
			}
			twin_guest_free(t);
		}
	}
	ok(calls > 10, "%u calls", calls);
	is_int(silent, 0, "none that failed was passed over");
	guest_close(g);
	el5_clean();
}

int main(void)
{
	test_server();
	test_output();
	test_directory();
	test_variants();
	test_refusals();
	test_failing_reads();
	return tap_done();
}
