/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "../support/tap.h"
#include "unrack/target.h"

static struct unrack_error err;
static struct target target;

/* CTX: the names of the modules there are, each between spaces. */
static const char *module(void *ctx, const char *name)
{
	char word[64];

	snprintf(word, sizeof word, " %s ", name);
	return strstr(ctx, word) ? "kernel/some/where.ko" : NULL;
}

/* Those that are there but of another kernel, or for other devices. */
static const char *unusable = "";

static bool drives(void *ctx, const char *name, const char *pci_id, char why[TARGET_WHY_MAX])
{
	char word[64];

	(void)ctx;
	snprintf(word, sizeof word, " %s ", name);
	if (!strstr(unusable, word))
		return true;
	snprintf(why, TARGET_WHY_MAX, "%s is not for %s here", name, pci_id);
	return false;
}

static const char *kver = "2.6.18-398.el5";

static int choose(const char *esx, enum target_scsi scsi, enum target_nic nic, const char *modules, int release,
		  int bits)
{
	struct target_request req = { .scsi = scsi, .nic = nic };
	struct target_guest g = { .module = module, .ctx = (void *)(uintptr_t)modules, .kver = kver, .bits = bits,
				  .release = release, .drives = drives };

	snprintf(req.esx, sizeof req.esx, "%s", esx);
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	return target_choose(&req, &g, &target, &err);
}

#define EL5 " mptspi mptsas ahci ata_piix e1000 e1000e pcnet32 "
#define EL5_TOOLS EL5 "pvscsi vmxnet3 "
#define EL6 " mptspi mptsas vmw_pvscsi ahci e1000 e1000e vmxnet3 pcnet32 "

static void test_auto(void)
{
	static const struct {
		const char *esx, *modules;
		int release, bits;
		const char *scsi, *disk_module, *nic, *nic_module;
	} cases[] = {
		{ "6.7", EL6, 6, 64, "pvscsi", "vmw_pvscsi", "vmxnet3", "vmxnet3" },
		{ "4.0", EL6, 6, 64, "lsisas1068", "mptsas", "vmxnet3", "vmxnet3" },
		{ "3.5", EL6, 6, 64, "lsilogic", "mptspi", "e1000", "e1000" },
		{ "6.7", EL5, 5, 64, "lsilogic", "mptspi", "e1000", "e1000" },
		{ "6.7", EL5_TOOLS, 5, 64, "pvscsi", "pvscsi", "vmxnet3", "vmxnet3" },
		{ "4.1", EL5_TOOLS, 5, 32, "pvscsi", "pvscsi", "vmxnet3", "vmxnet3" },
		{ "4.0", EL5_TOOLS, 5, 32, "lsilogic", "mptspi", "vmxnet3", "vmxnet3" },
		{ "3.0", EL5_TOOLS, 5, 32, "lsilogic", "mptspi", "e1000", "e1000" },
		{ "5.0", " mptscsih pcnet32 ", 3, 32, "lsilogic", "mptscsih", "vlance", "pcnet32" },
		{ "5.0", " BusLogic pcnet32 e1000 ", 2, 32, "buslogic", "BusLogic", "e1000", "e1000" },
		{ "5.0", " BusLogic piix e1000 ", 4, 64, "ide", "piix", "e1000", "e1000" },
		{ "6.0", " ahci BusLogic piix e1000e ", 5, 32, "sata", "ahci", "e1000e", "e1000e" },
		{ "9.0", " mptsas mptspi nvme e1000e ", 8, 64, "lsisas1068", "mptsas", "e1000e", "e1000e" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int r = choose(cases[i].esx, SCSI_AUTO, NIC_AUTO, cases[i].modules, cases[i].release, cases[i].bits);

		is_int(r, 0, "release %d on ESX %s: %s", cases[i].release, cases[i].esx, err.text);
		if (r < 0)
			continue;
		is_str(target.disk->name, cases[i].scsi, "disks on %s", cases[i].scsi);
		is_str(target.disk_module, cases[i].disk_module, "by %s", cases[i].disk_module);
		is_str(target.nic->name, cases[i].nic, "network on %s", cases[i].nic);
		is_str(target.nic_module, cases[i].nic_module, "by %s", cases[i].nic_module);
	}
	choose("6.7", SCSI_AUTO, NIC_AUTO, EL5, 5, 64);
	is_str(target.why, "disks on lsilogic: kernel 2.6.18-398.el5 has mptspi kernel/some/where.ko; not on pvscsi: "
	       "the kernel has no vmw_pvscsi; network on e1000: it has e1000 kernel/some/where.ko",
	       "what was taken, and why not the best");
	choose("4.0", SCSI_AUTO, NIC_AUTO, EL5_TOOLS, 5, 64);
	has_str(target.why, "not on pvscsi: ESX 4.0 can't, it does not boot Linux from it", "the ESX version's part");

	unusable = " pvscsi vmxnet3 e1000 ";
	is_int(choose("6.7", SCSI_AUTO, NIC_AUTO, EL5_TOOLS, 5, 64), 0, "drivers that can't be used");
	is_str(target.disk_module, "mptspi", "are not taken for disks");
	is_str(target.nic_module, "e1000e", "nor for cards");
	has_str(target.why, "; not on pvscsi: pvscsi is not for 15ad:07c0 here; ", "and it is said why");
	is_int(choose("6.7", SCSI_PVSCSI, NIC_AUTO, EL5_TOOLS, 5, 64), UNRACK_UNSUPPORTED, "nor when they are asked for");
	is_str(err.text, "the guest's kernel has no driver for --scsi pvscsi: pvscsi is not for 15ad:07c0 here; --scsi "
	       "lsilogic would work, the kernel has mptspi", "with the reason");
	unusable = "";
	is_int(choose("6.7", SCSI_AUTO, NIC_AUTO, " aic7xxx e1000 ", 5, 64), UNRACK_UNSUPPORTED,
	       "no driver for any controller is refused");
	has_str(err.text, "no driver for any disk controller of ESX 6.7 with hardware version 14: there is no "
		"/lib/modules/2.6.18-398.el5/kernel/drivers/message/fusion/mptspi.ko", "naming files");
	is_int(choose("6.7", SCSI_AUTO, NIC_AUTO, " mptspi tg3 ", 5, 64), 0, "no network driver does not stop it");
	is_str(target.nic->name, "e1000", "some card is taken");
	is_str(target.nic_module, "", "without a driver");
	has_str(target.why, "warning: the kernel has no driver for any network card", "and it is said");
}

static void test_wishes(void)
{
	is_int(choose("6.7", SCSI_BUSLOGIC, NIC_AUTO, EL5, 5, 64), UNRACK_UNSUPPORTED, "BusLogic without its driver");
	is_str(err.text, "the guest's kernel has no driver for --scsi buslogic: there is no "
	       "/lib/modules/2.6.18-398.el5/kernel/drivers/scsi/BusLogic.ko; --scsi lsilogic would work, the kernel "
	       "has mptspi", "is refused with the file looked for and the alternative");
	is_int(choose("6.7", SCSI_BUSLOGIC, NIC_AUTO, EL5 "BusLogic ", 5, 64), 0, "with its driver it is taken");
	is_str(target.disk_module, "BusLogic", "with that driver");
	has_str(target.why, "warning: ESX is not known to offer buslogic to 64-bit virtual machines",
		"with a warning for 64 bits");
	choose("6.7", SCSI_BUSLOGIC, NIC_AUTO, EL5 "BusLogic ", 5, 32);
	ok(!strstr(target.why, "warning"), "and without one for 32");
	is_int(choose("3.5", SCSI_PVSCSI, NIC_AUTO, EL6, 6, 64), UNRACK_USAGE, "PVSCSI on ESX 3.5");
	is_str(err.text, "ESX 3.5 with hardware version 4 can't have --scsi pvscsi: that hardware version is too old "
	       "for it; for this guest take --scsi lsilogic", "is impossible");
	is_int(choose("4.0", SCSI_PVSCSI, NIC_AUTO, EL5_TOOLS, 5, 64), UNRACK_USAGE, "PVSCSI on ESX 4.0");
	has_str(err.text, "it does not boot Linux from it; for this guest take --scsi lsilogic", "is no boot disk");
	is_int(choose("3.5", SCSI_IDE, NIC_AUTO, " piix e1000 ", 5, 64), UNRACK_USAGE, "IDE disks on ESX 3.5");
	is_int(choose("6.0", SCSI_NVME, NIC_AUTO, EL6, 6, 64), UNRACK_USAGE, "NVMe before 6.5");
	is_int(choose("6.5", SCSI_NVME, NIC_AUTO, EL6, 6, 64), UNRACK_UNSUPPORTED, "NVMe without its driver");
	has_str(err.text, "kernel/drivers/nvme/host/nvme.ko", "names the file");
	is_int(choose("6.7", SCSI_LSILOGIC, NIC_VLANCE, EL5, 5, 64), 0, "lsilogic and vlance");
	is_str(target.disk_module, "mptspi", "the driver for the parallel adapter");
	is_str(target.nic_module, "pcnet32", "the driver for vlance");
	is_int(choose("6.7", SCSI_AUTO, NIC_VMXNET3, EL5, 5, 64), UNRACK_UNSUPPORTED, "vmxnet3 without its driver");
	is_str(err.text, "the guest's kernel has no driver for --nic vmxnet3: there is no /lib/modules/2.6.18-398.el5/"
	       "kernel/drivers/net/vmxnet3/vmxnet3.ko; --nic e1000 would work, the kernel has e1000",
	       "is refused with the file and the alternative");
	is_int(choose("4.1", SCSI_AUTO, NIC_E1000E, EL5, 5, 64), UNRACK_USAGE, "e1000e on ESX 4.1");
	kver = "2.4.21-63.EL";
	is_int(choose("5.0", SCSI_LSILOGIC, NIC_AUTO, " aic7xxx ", 3, 32), UNRACK_UNSUPPORTED, "no driver, no alternative");
	is_str(err.text, "the guest's kernel has no driver for --scsi lsilogic: there is no /lib/modules/2.4.21-63.EL/"
	       "kernel/drivers/message/fusion/mptspi.o or /lib/modules/2.4.21-63.EL/kernel/drivers/message/fusion/"
	       "mptscsih.o, nor a driver for any other controller of this ESX; install a kernel that has one",
	       "both names are looked for, as .o in a 2.4 kernel");
}

static void test_machine(void)
{
	struct target_request req = { .esx = "6.7", .hw = 7 };
	struct target_guest g = { .module = module, .ctx = (void *)(uintptr_t)EL6, .kver = "2.6.32-754.el6.x86_64",
				  .bits = 64, .release = 6, .efi = true };

	is_int(target_choose(&req, &g, &target, &err), UNRACK_UNSUPPORTED, "EFI needs hardware version 8");
	has_str(err.text, "the guest boots by EFI, and ESX 6.7 with hardware version 7 has only BIOS", "and says so");
	req.hw = 8;
	is_int(target_choose(&req, &g, &target, &err), 0, "with 8 it goes");
	is_int(target.firmware, FIRMWARE_EFI, "by EFI");
	is_int(target.hw, 8, "the asked hardware version is kept");
	req.firmware = FIRMWARE_BIOS;
	is_int(target_choose(&req, &g, &target, &err), UNRACK_UNSUPPORTED, "an EFI guest does not boot by BIOS");
	has_str(err.text, "--firmware bios would not start it; leave the option away", "and what to do");
	req = (struct target_request){ .esx = "6.7", .hw = 15 };
	is_int(target_choose(&req, &g, &target, &err), UNRACK_USAGE, "a newer hardware version is refused");
	is_str(err.text, "ESX 6.7 does not run virtual machines of hardware version 15; its own is 14, older ones are 4 "
	       "and 7 to that", "with those that are right");
	req = (struct target_request){ .esx = "6.6" };
	is_int(target_choose(&req, &g, &target, &err), UNRACK_USAGE, "an unknown ESX is refused");
	has_str(err.text, "known are 3.0, 3.5", "with those that are known");
	choose("5.0", SCSI_IDE, NIC_AUTO, " piix e1000 ", 5, 32);
	is_str(target_node(&target), "hd", "IDE disks are hdX by the old driver");
	choose("5.0", SCSI_IDE, NIC_AUTO, " ata_piix e1000 ", 6, 32);
	is_str(target_node(&target), "sd", "and sdX by libata");
	choose("6.7", SCSI_AUTO, NIC_AUTO, EL6, 6, 64);
	is_str(target_node(&target), "sd", "SCSI disks are sdX");
}

int main(void)
{
	test_auto();
	test_wishes();
	test_machine();
	return tap_done();
}
