/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/convert/drivers.h"
#include "../initrd/made.h"

static const char *joined(const char *const *list, size_t n)
{
	static char text[128];

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", list[i]);
	return text;
}

static const char *adapters_of(const struct guest_kernel *k, const struct target *t, int major)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct drivers_adapters a;

	is_int(drivers_adapters(k, t, major, &a, &err), 0, "adapters of %s", k->kver);
	return joined(a.at, a.n);
}

int main(void)
{
	static char config[] = "# CONFIG_SCSI_BUSLOGIC is not set\nXCONFIG_SATA_AHCI=y\nCONFIG_SATA_AHCI_PLATFORM=y\n"
			       "CONFIG_BLK_DEV_PIIX=y\nCONFIG_E1000=y\nCONFIG_VMXNET3=m\n";
	struct guest_kernel k = { .kver = (char *)(uintptr_t)EL5, .tree = made_tree(EL5, made_el5_dep) };
	struct guest_kernel old = { .kver = (char *)(uintptr_t)"2.6.9-5.EL",
				    .tree = made_tree("2.6.9-5.EL", "kernel/drivers/message/fusion/mptbase.ko:\n"
								    "kernel/drivers/message/fusion/mptscsih.ko:\n") };
	struct target t = { .disk = disk_device_find(SCSI_LSILOGIC), .nic = nic_device_find(NIC_E1000) };
	struct guest_kernel el4 = { .kver = (char *)(uintptr_t)EL4, .tree = made_tree(EL4, made_el4_dep) };
	const char *out[DRIVERS_MAX];

	k.config = config;
	is_str(drivers_disk(&k, &t), "mptspi", "the parallel adapter's driver");
	is_str(adapters_of(&k, &t, 5), "mptbase mptspi", "its aliases");
	is_str(joined(out, drivers_wanted(&k, &t, out)), "mptspi", "what the initrd must load");
	is_str(drivers_nic(&k, &t), "e1000", "the card's driver");
	is_str(drivers_disk(&old, &t), "mptscsih", "an older kernel has another driver");
	is_str(adapters_of(&old, &t, 4), "mptbase mptscsih", "with its aliases");
	is_str(adapters_of(&el4, &t, 4), "mptbase mptscsi mptspi", "in RHEL 4 all that the driver needs, in load order");
	is_str(adapters_of(&el4, &t, 5), "mptbase mptspi", "which mkinitrd of RHEL 5 finds by itself");
	ok(!drivers_nic(&old, &t), "and no driver for the card");
	t.disk = disk_device_find(SCSI_IDE);
	is_str(drivers_disk(&k, &t), "piix", "a driver that is built in");
	is_int(drivers_wanted(&k, &t, out), 0, "need not be loaded");
	is_str(adapters_of(&k, &t, 5), "", "and has no alias");
	t.disk = disk_device_find(SCSI_BUSLOGIC);
	ok(!drivers_disk(&k, &t), "an option that is not set is none");
	is_str(facts_module(&k, "ahci"), "kernel/drivers/ata/ahci.ko", "a file comes first");
	t.nic = nic_device_find(NIC_VMXNET3);
	ok(!drivers_nic(&k, &t), "a module in the configuration that has no file is none");
	module_tree_free(k.tree);
	module_tree_free(old.tree);
	module_tree_free(el4.tree);
	return tap_done();
}
