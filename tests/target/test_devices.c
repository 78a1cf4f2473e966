/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/target.h"

static const char *in_list(void *ctx, const char *name)
{
	for (const char *const *have = ctx; *have; have++)
		if (!strcmp(*have, name))
			return name;
	return NULL;
}

static void drives(void)
{
	static const char *const el4[] = { "mptbase", "mptscsih", NULL };
	static const char *const el5[] = { "mptbase", "mptscsih", "mptsas", NULL };
	static const char *const none[] = { NULL };

	ok(device_module_drives("mptscsih", in_list, (void *)el4), "mptscsih drives before the split");
	ok(!device_module_drives("mptscsih", in_list, (void *)el5), "but is a library after it");
	ok(device_module_drives("mptsas", in_list, (void *)el5), "others drive where they are");
	ok(!device_module_drives("mptsas", in_list, (void *)none), "and only there");
}

int main(void)
{
	drives();
	struct unrack_error err = UNRACK_ERROR_INIT;
	enum target_firmware firmware;
	enum target_scsi scsi;
	enum target_nic nic;

	for (int k = SCSI_BUSLOGIC; k <= SCSI_IDE; k++) {
		const struct disk_device *d = disk_device_find((enum target_scsi)k);

		ok(d && d->kind == (enum target_scsi)k, "controller %d is in the table", k);
		is_int(target_scsi_parse(d->name, &scsi, &err), 0, "its name %s is understood", d->name);
		is_int(scsi, k, "as itself");
		ok(!d->qemu == !!d->qemu_why, "QEMU has it, or there is a reason");
		for (size_t i = 0; d->modules[i]; i++)
			has_str(device_module_place(d->modules[i]), "/", "the place of %s is known", d->modules[i]);
	}
	for (int k = NIC_VLANCE; k <= NIC_VMXNET3; k++) {
		const struct nic_device *d = nic_device_find((enum target_nic)k);

		ok(d && d->kind == (enum target_nic)k, "network card %d is in the table", k);
		is_int(target_nic_parse(d->name, &nic, &err), 0, "its name %s is understood", d->name);
		is_int(nic, k, "as itself");
		has_str(device_module_place(d->modules[0]), "kernel/drivers/net/", "the place of its driver is known");
	}
	is_str(disk_device_find(SCSI_LSISAS1068)->qemu, "mptsas1068", "QEMU's name of the SAS adapter");
	is_str(nic_device_find(NIC_VLANCE)->qemu, "pcnet", "QEMU's name of vlance");
	has_str(disk_device_find(SCSI_LSILOGIC)->qemu_why, "53C1030", "QEMU lacks the parallel LSI adapter");
	is_str(target_scsi_name(SCSI_AUTO), "auto", "auto has a name");
	is_str(target_nic_name(NIC_AUTO), "auto", "for network cards too");

	is_int(target_scsi_parse("virtio", &scsi, &err), UNRACK_USAGE, "an unknown controller is refused");
	is_str(err.text, "\"virtio\" is not a disk controller; take one of auto, buslogic, lsilogic, lsisas1068, "
	       "pvscsi, sata, nvme, ide", "naming those there are");
	is_int(target_nic_parse("rtl8139", &nic, &err), UNRACK_USAGE, "an unknown network card too");
	has_str(err.text, "take one of auto, vlance, e1000, e1000e, vmxnet3", "naming those there are");
	is_int(target_firmware_parse("efi", &firmware, &err), 0, "efi is a firmware");
	is_int(firmware, FIRMWARE_EFI, "that one");
	is_int(target_firmware_parse("coreboot", &firmware, &err), UNRACK_USAGE, "coreboot is none");
	return tap_done();
}
