/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "made_elf.h"

static struct unrack_error err;
static struct made_files files;

static enum module_claim claims(const struct module_tree *t, const char *name, unsigned vendor, unsigned device)
{
	enum module_claim a = MODULE_CLAIMS_YES;

	made(module_tree_claims(t, name, (uint16_t)vendor, (uint16_t)device, &a, &err) == 0, name);
	return a;
}

#define INFO "depends=\nvermagic=2.6.18-398.el5 SMP mod_unload gcc-4.1\n"
static const uint32_t lsi[][2] = { { 0x1000, 0x30 }, { 0x1000, 0x32 }, { 0, 0 } };

static void modules(void)
{
	struct module_tree *t;
	struct made_elf e;

	made_module(made_add(&files, "kernel/e1000.ko"), INFO "alias=pci:v00008086d0000100Fsv*sd*bc*sc*i*\n"
		    "alias=pci:v00008086d00001010sv*sd*bc*sc*i*\nalias=of:N*T*C\n", NULL);
	made_module(made_add(&files, "kernel/ahci.ko"), INFO "alias=pci:v*d*sv*sd*bc01sc06i01*\n"
		    "alias=pci:v0000197Bd*sv*sd*bc*sc*i*\n", NULL);
	made_module(made_add(&files, "kernel/odd.ko"), INFO "alias=pci:v8086d1\nalias=pci:v0000808\nalias=pci:\n"
		    "alias=pci:vXXXXXXXXd00000001sv*\n", NULL);
	made_module(made_add(&files, "kernel/listed.ko"), INFO, NULL);
	made_module(made_add(&files, "kernel/mapped.ko"), INFO, NULL);
	made_module(made_add(&files, "kernel/BusLogic.ko"), INFO, NULL);
	made_add_text(&files, "modules.alias", "# aliases\nalias pci:v000015ADd000007C0sv*sd*bc*sc*i* listed\n"
		      "alias pci:v000015ADd000007C1sv*sd*bc*sc*i* other\nalias scsi:t-0x00* listed\nalias broken\n");
	made_add_text(&files, "modules.pcimap", "# pci module vendor device subvendor subdevice class class_mask driver_data\n"
		      "mapped 0x00001000 0x00000054 0xffffffff 0xffffffff 0x00000000 0x00000000 0x0\n"
		      "mapped 0x000010zz 0x00000055\nmapped 0x00001000\n");
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);
	is_int(claims(t, "e1000", 0x8086, 0x100f), MODULE_CLAIMS_YES, "a device among its aliases");
	is_int(claims(t, "e1000", 0x8086, 0x10d3), MODULE_CLAIMS_NO, "one that is not");
	is_int(claims(t, "ahci", 0x15ad, 0x7e0), MODULE_CLAIMS_CLASS, "a class of devices");
	is_int(claims(t, "ahci", 0x197b, 0x2360), MODULE_CLAIMS_YES, "all of one maker");
	is_int(claims(t, "odd", 0x8086, 1), MODULE_CLAIMS_UNKNOWN, "aliases that are none");
	is_int(claims(t, "listed", 0x15ad, 0x7c0), MODULE_CLAIMS_YES, "modules.alias tells of one that says nothing");
	files.reads = 0;
	is_int(claims(t, "listed", 0x15ad, 0x7c1), MODULE_CLAIMS_NO, "but not for others");
	is_int(files.reads, 0, "which is read once");
	is_int(claims(t, "mapped", 0x1000, 0x54), MODULE_CLAIMS_YES, "so does modules.pcimap");
	is_int(claims(t, "mapped", 0x1000, 0x55), MODULE_CLAIMS_NO, "as far as it can be read");
	is_int(claims(t, "BusLogic", 0x104b, 0x1040), MODULE_CLAIMS_UNKNOWN, "a driver of which nothing is told");
	is_int(claims(t, "none", 1, 2), MODULE_CLAIMS_UNKNOWN, "a driver that is not there");
	module_tree_free(t);
	made_files_free(&files);

	made_elf_begin(&e, 32, false, EM_386);
	made_modinfo(&e, "kernel_version=2.4.21\n");
	made_pci_table(&e, lsi, false);
	made_elf_end(&e, made_add(&files, "kernel/drivers/message/fusion/mptbase.o"));
	t = made_files_tree(&files, "2.4.21", NULL, NULL, NULL);
	is_int(claims(t, "mptbase", 0x1000, 0x30), MODULE_CLAIMS_YES, "the table of a 2.4 module");
	is_int(claims(t, "mptbase", 0x1000, 0x54), MODULE_CLAIMS_NO, "says no, too");
	module_tree_free(t);
	t = made_tree("2.4.21", "kernel/drivers/message/fusion/mptbase.o:\n");
	is_int(claims(t, "mptbase", 0x1000, 0x30), MODULE_CLAIMS_UNKNOWN, "without files nothing is known");
	module_tree_free(t);
	made_files_free(&files);
}

int main(void)
{
	modules();
	return tap_done();
}
