/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "unrack/target.h"

static const char *const buslogic_modules[] = { "BusLogic", NULL };
/* Kernels before the Fusion driver was split (RHEL 3, RHEL 4 up to 2.6.9-22) have no mptspi. */
static const char *const lsilogic_modules[] = { "mptspi", "mptscsih", NULL };
static const char *const lsisas_modules[] = { "mptsas", NULL };
static const char *const pvscsi_modules[] = { "vmw_pvscsi", "pvscsi", NULL }; /* VMware Tools' name */
static const char *const sata_modules[] = { "ahci", NULL };
static const char *const nvme_modules[] = { "nvme", NULL };
static const char *const ide_modules[] = { "piix", "ata_piix", NULL };

static const struct disk_device disks[] = {
	{ SCSI_BUSLOGIC, "buslogic", "buslogic", "104b:1040", buslogic_modules, 4, true, "sd", NULL,
	  "QEMU has no BusLogic adapter" },
	{ SCSI_LSILOGIC, "lsilogic", "lsilogic", "1000:0030", lsilogic_modules, 4, false, "sd", NULL,
	  "QEMU has no LSI 53C1030 adapter" },
	{ SCSI_LSISAS1068, "lsisas1068", "lsilogic", "1000:0054", lsisas_modules, 7, false, "sd",
	  "mptsas1068", NULL },
	{ SCSI_PVSCSI, "pvscsi", "lsilogic", "15ad:07c0", pvscsi_modules, 7, false, "sd", "pvscsi", NULL },
	{ SCSI_SATA, "sata", "lsilogic", "15ad:07e0", sata_modules, 10, false, "sd", "ich9-ahci", NULL },
	{ SCSI_NVME, "nvme", "lsilogic", "15ad:07f0", nvme_modules, 13, false, "nvme", "nvme", NULL },
	{ SCSI_IDE, "ide", "ide", "8086:7111", ide_modules, 7, false, "hd", "piix3-ide", NULL },
};

static const char *const vlance_modules[] = { "pcnet32", "vmxnet", NULL }; /* VMware Tools' one drives it too */
static const char *const e1000_modules[] = { "e1000", NULL };
static const char *const e1000e_modules[] = { "e1000e", NULL };
static const char *const vmxnet3_modules[] = { "vmxnet3", NULL };

static const struct nic_device nics[] = {
	{ NIC_VLANCE, "vlance", "1022:2000", vlance_modules, 4, "pcnet", NULL },
	{ NIC_E1000, "e1000", "8086:100f", e1000_modules, 4, "e1000-82545em", NULL },
	{ NIC_E1000E, "e1000e", "8086:10d3", e1000e_modules, 8, "e1000e", NULL },
	{ NIC_VMXNET3, "vmxnet3", "15ad:07b0", vmxnet3_modules, 7, "vmxnet3", NULL },
};

/* Where kernels keep them, for messages; drivers are found wherever they are. */
static const struct {
	const char *module, *path;
} places[] = {
	{ "BusLogic", "kernel/drivers/scsi/BusLogic" },
	{ "mptspi", "kernel/drivers/message/fusion/mptspi" },
	{ "mptscsih", "kernel/drivers/message/fusion/mptscsih" },
	{ "mptsas", "kernel/drivers/message/fusion/mptsas" },
	{ "vmw_pvscsi", "kernel/drivers/scsi/vmw_pvscsi" },
	{ "pvscsi", "misc/pvscsi" },
	{ "ahci", "kernel/drivers/ata/ahci" },
	{ "nvme", "kernel/drivers/nvme/host/nvme" },
	{ "piix", "kernel/drivers/ide/pci/piix" },
	{ "ata_piix", "kernel/drivers/ata/ata_piix" },
	{ "pcnet32", "kernel/drivers/net/pcnet32" },
	{ "vmxnet", "misc/vmxnet" },
	{ "e1000", "kernel/drivers/net/e1000/e1000" },
	{ "e1000e", "kernel/drivers/net/e1000e/e1000e" },
	{ "vmxnet3", "kernel/drivers/net/vmxnet3/vmxnet3" },
};

const struct disk_device *disk_device_find(enum target_scsi kind)
{
	for (size_t i = 0; i < ARRAY_LEN(disks); i++)
		if (disks[i].kind == kind)
			return &disks[i];
	return NULL;
}

const struct nic_device *nic_device_find(enum target_nic kind)
{
	for (size_t i = 0; i < ARRAY_LEN(nics); i++)
		if (nics[i].kind == kind)
			return &nics[i];
	return NULL;
}

bool device_module_drives(const char *module, const char *(*has)(void *ctx, const char *name),
			  void *ctx)
{
	static const char *const split[] = { "mptspi", "mptsas", "mptfc", "scsi_transport_spi" };

	if (!has(ctx, module))
		return false;
	for (size_t i = 0; !strcmp(module, "mptscsih") && i < ARRAY_LEN(split); i++)
		if (has(ctx, split[i]))
			return false;
	return true;
}

const char *device_module_place(const char *module)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (!strcmp(places[i].module, module))
			return places[i].path;
	return module;
}

void device_module_files(const char *const *modules, const char *kver, char *out, size_t room)
{
	const char *suffix = strncmp(kver, "2.4.", 4) ? "ko" : "o";
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; modules[i] && len < room; i++)
		len += (size_t)snprintf(out + len, room - len, "%s/lib/modules/%s/%s.%s", i ? " or " : "", kver,
					device_module_place(modules[i]), suffix);
}

const char *target_scsi_name(enum target_scsi s)
{
	const struct disk_device *d = disk_device_find(s);

	return d ? d->name : "auto";
}

const char *target_nic_name(enum target_nic n)
{
	const struct nic_device *d = nic_device_find(n);

	return d ? d->name : "auto";
}

const char *target_firmware_name(enum target_firmware f)
{
	return f == FIRMWARE_BIOS ? "bios" : f == FIRMWARE_EFI ? "efi" : "auto";
}

int target_scsi_parse(const char *s, enum target_scsi *out, struct unrack_error *err)
{
	*out = SCSI_AUTO;
	if (!strcmp(s, "auto"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(disks); i++) {
		if (!strcmp(disks[i].name, s)) {
			*out = disks[i].kind;
			return 0;
		}
	}
	return error_set(err, UNRACK_USAGE, "\"%s\" is not a disk controller; take one of auto, buslogic, "
			 "lsilogic, lsisas1068, pvscsi, sata, nvme, ide", s);
}

int target_nic_parse(const char *s, enum target_nic *out, struct unrack_error *err)
{
	*out = NIC_AUTO;
	if (!strcmp(s, "auto"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(nics); i++) {
		if (!strcmp(nics[i].name, s)) {
			*out = nics[i].kind;
			return 0;
		}
	}
	return error_set(err, UNRACK_USAGE, "\"%s\" is not a network card; take one of auto, vlance, e1000, "
			 "e1000e, vmxnet3", s);
}

int target_firmware_parse(const char *s, enum target_firmware *out, struct unrack_error *err)
{
	static const enum target_firmware all[] = { FIRMWARE_AUTO, FIRMWARE_BIOS, FIRMWARE_EFI };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!strcmp(target_firmware_name(all[i]), s)) {
			*out = all[i];
			return 0;
		}
	}
	*out = FIRMWARE_AUTO;
	return error_set(err, UNRACK_USAGE, "\"%s\" is not a firmware; take one of auto, bios, efi", s);
}
