/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "el7.h"

static struct unrack_error err;
static struct guest *g;
static struct guest_facts f;

static void inspect(int release)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	g = el7_open(release, false);
	is_int(inspect_guest(g, &f, &err), 0, "inspected: %s", err.text);
}

static void done(void)
{
	facts_free(&f);
	guest_close(g);
}

static const char *default_title(void)
{
	return f.loader.default_entry >= 0 && (size_t)f.loader.default_entry < f.loader.n_entries ?
		       f.loader.entries[f.loader.default_entry].title : "(none)";
}

static void test_menu(void)
{
	const struct guest_entry *e;

	el7_make(7, el7_bare_image);
	inspect(7);
	is_int(f.loader.kind, LOADER_GRUB2, "GRUB 2");
	is_str(f.loader.conf, "/boot/grub2/grub.cfg", "its file");
	is_str(f.loader.grubenv, "/boot/grub2/grubenv", "and environment");
	ok(!f.loader.bls && f.loader.default_saved, "menu entries, the default is saved");
	is_int(f.loader.n_entries, 3, "three of them");
	is_str(default_title(), EL7_TITLE, "the one that grubenv names");
	e = &f.loader.entries[1];
	is_str(e->kernel, "/boot/vmlinuz-" KVER7, "its kernel, on the filesystem that is searched for");
	is_str(e->initrd, "/boot/initramfs-" KVER7 ".img", "its image");
	is_str(e->root, "/dev/mapper/rhel-root", "its root");
	is_str(e->uuid, BOOT_UUID7, "where it reads");
	ok(e->disk == 0 && e->partition == 1, "which is the first partition");
	is_str(f.kernels[f.default_kernel].kver, KVER7, "so the default kernel is known");
	is_int(f.kernels[f.default_kernel].n_initrds, 1, "with one image; kdump's is none");
	is_int(f.kernels[f.default_kernel].initrds[0].kind, INITRD_DRACUT, "of dracut");
	ok(f.kernels[f.loader.entries[2].kernel_index].rescue, "the rescue kernel is known as one");
	is_int(f.kernels[f.loader.entries[2].kernel_index].n_initrds, 0, "and its image left alone");
	is_str(f.hostname, "web07.example.com", "the name, in a file of its own");
	ok(f.major == 7 && f.minor == 9 && !f.efi, "release 7.9, by BIOS");
	done();

	el7_put_grubenv("saved_entry=gone\n");
	inspect(7);
	is_str(default_title(), "Old one", "a saved entry that is not there: the first");
	done();
	el7_put_grubenv("saved_entry=" EL7_TITLE "\nnext_entry=gnulinux-rescue\n");
	inspect(7);
	is_str(default_title(), "Rescue", "what is to start once starts next");
	done();
	el5_put("/boot/grub2/grubenv", "short");
	inspect(7);
	is_str(default_title(), "Old one", "a broken environment block says nothing");
	done();
	el5_put("/boot/grub2/grub.cfg", "set default=\"1\"\n" EL7_ENTRY("a", KVER7_OLD, "a") EL7_ENTRY("b", KVER7, "b"));
	inspect(7);
	is_str(default_title(), "b", "a number in grub.cfg");
	ok(!f.loader.default_saved, "is not saved");
	done();
	el5_clean();
}

static void test_entries(void)
{
	el7_make(8, el7_bare_image);
	inspect(8);
	ok(f.loader.bls, "entries of the Boot Loader Specification");
	is_int(f.loader.n_entries, 2, "two of them");
	is_str(f.loader.entries[0].id, MACHINE_ID "-" KVER7, "the newest first");
	is_str(f.loader.entries[0].file, "/boot/loader/entries/" MACHINE_ID "-" KVER7 ".conf", "each in its file");
	has_str(f.loader.entries[0].args, "root=/dev/mapper/rhel-root ro crashkernel=auto", "arguments are those of grubenv");
	is_str(f.loader.entries[0].root, "/dev/mapper/rhel-root", "root among them");
	is_str(f.loader.entries[0].initrd, "/boot/initramfs-" KVER7 ".img", "the image without the variable behind it");
	is_int(f.loader.default_entry, 0, "the default by its id");
	is_str(f.kernels[f.default_kernel].kver, KVER7, "starts this kernel");
	done();
	el7_put_grubenv("saved_entry=" MACHINE_ID "-" KVER7_OLD "\n");
	inspect(8);
	is_int(f.loader.default_entry, 1, "another default");
	has_str(f.loader.entries[0].args, "rd.lvm.lv=rhel/root", "without kernelopts in grubenv those of grub.cfg count");
	done();
	el7_put_grubenv("saved_entry=1\n");
	inspect(8);
	is_int(f.loader.default_entry, 1, "a number");
	done();
	el7_put_grubenv("saved_entry=gone\n");
	inspect(8);
	is_int(f.loader.default_entry, 0, "none: the newest");
	done();
	el5_put("/boot/loader/entries/broken.conf", "title x\n");
	el5_put("/boot/loader/entries/.hidden.conf", "linux /x\n");
	el5_put("/boot/loader/entries/note.txt", "linux /x\n");
	inspect(8);
	is_int(f.loader.n_entries, 2, "what starts no kernel is no entry");
	done();
	el5_clean();
}

static void test_efi(void)
{
	el7_make(9, el7_bare_image);
	el5_put("/boot/efi/EFI/BOOT/BOOTX64.EFI", "x");
	el5_put("/boot/efi/EFI/redhat/grub.cfg", "search --no-floppy --root-dev-only --fs-uuid --set=dev " BOOT_UUID7 "\n"
		"set prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\n");
	inspect(9);
	is_str(f.loader.conf, "/boot/grub2/grub.cfg", "with a boot sector of GRUB 2 EFI's files count for nothing");
	ok(!f.efi, "it boots by BIOS");
	done();
	g = el7_open(9, false);
	memset(el5_head, 0, 446);
	is_int(inspect_guest(g, &f, &err), 0, "without boot code: %s", err.text);
	ok(f.efi, "it boots by EFI");
	is_str(f.loader.conf, "/boot/grub2/grub.cfg", "the stub leads to the same file");
	is_int(f.loader.n_entries, 2, "and entries");
	done();
	el5_put("/boot/efi/EFI/redhat/grub.cfg", EL7_ENTRY("by EFI", KVER7, "x"));
	g = el7_open(9, false);
	memset(el5_head, 0, 446);
	is_int(inspect_guest(g, &f, &err), 0, "as in RHEL 7 and 8");
	is_str(f.loader.conf, "/boot/efi/EFI/redhat/grub.cfg", "the file is EFI's own");
	is_str(default_title(), "by EFI", "with its entries");
	done();
	el5_clean();
}

/* Nothing but os-release, entries in files, keyfiles. */
static void test_ten(void)
{
	const struct guest_kernel *k;

	el7_make(10, el7_bare_image);
	el5_remove("/etc/redhat-release");
	el5_put("/etc/os-release", "NAME=\"AlmaLinux\"\nVERSION=\"10.0 (Purple Lion)\"\nID=\"almalinux\"\n"
		"ID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"10.0\"\nPRETTY_NAME=\"AlmaLinux 10.0 (Purple Lion)\"\n");
	inspect(10);
	ok(f.major == 10 && f.minor == 0 && !strcmp(f.family, "almalinux"), "release 10.0 by os-release alone");
	is_str(f.release, "AlmaLinux 10.0 (Purple Lion)", "and its name");
	ok(f.loader.kind == LOADER_GRUB2 && f.loader.bls, "entries of the Boot Loader Specification");
	is_str(default_title(), "Red Hat Enterprise Linux (" KVER7 ") 8.10 (Ootpa)", "the saved one starts");
	k = f.default_kernel >= 0 ? &f.kernels[f.default_kernel] : NULL;
	ok(k && k->n_initrds == 1 && k->initrds[0].kind == INITRD_DRACUT && k->tree, "its kernel, image and modules are found");
	is_int(f.n_nics, 1, "a card");
	ok(f.n_nics && f.nics[0].keyfile && !strcmp(f.nics[0].name, "enp3s0") && !strcmp(f.nics[0].mac, MAC7),
	   "in a keyfile; there is no network-scripts");
	ok(!f.modconf && !f.kudzu && !f.n_aliases, "and nothing of older releases");
	done();
	el7_put_grubenv("saved_entry=" MACHINE_ID "-" KVER7_OLD "\n");
	inspect(10);
	is_str(f.default_kernel >= 0 ? f.kernels[f.default_kernel].kver : "none", KVER7_OLD, "a default that is not the newest kernel");
	done();
	el5_clean();
}

int main(void)
{
	test_menu();
	test_entries();
	test_efi();
	test_ten();
	return tap_done();
}
