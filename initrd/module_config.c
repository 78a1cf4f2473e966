/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels before 2.6.33 have no modules.builtin; their configuration says what is built in. */
#include <string.h>

#include "base/size.h"
#include "modules.h"

/* Of the modules that a kernel may need to find its root, and of network cards. */
static const struct {
	const char *module, *option;
} options[] = {
	{ "scsi_mod", "CONFIG_SCSI" },
	{ "sd_mod", "CONFIG_BLK_DEV_SD" },
	{ "sr_mod", "CONFIG_BLK_DEV_SR" },
	{ "scsi_transport_spi", "CONFIG_SCSI_SPI_ATTRS" },
	{ "scsi_transport_sas", "CONFIG_SCSI_SAS_ATTRS" },
	{ "scsi_transport_fc", "CONFIG_SCSI_FC_ATTRS" },
	{ "raid_class", "CONFIG_RAID_ATTRS" },
	{ "BusLogic", "CONFIG_SCSI_BUSLOGIC" },
	{ "mptbase", "CONFIG_FUSION" },
	{ "mptscsih", "CONFIG_FUSION" },
	{ "mptspi", "CONFIG_FUSION_SPI" },
	{ "mptsas", "CONFIG_FUSION_SAS" },
	{ "vmw_pvscsi", "CONFIG_VMWARE_PVSCSI" },
	{ "ahci", "CONFIG_SATA_AHCI" },
	{ "libahci", "CONFIG_SATA_AHCI" },
	{ "ata_piix", "CONFIG_ATA_PIIX" },
	{ "libata", "CONFIG_ATA" },
	{ "libata", "CONFIG_SCSI_SATA" }, /* before 2.6.19 */
	{ "piix", "CONFIG_BLK_DEV_PIIX" },
	{ "ide-disk", "CONFIG_BLK_DEV_IDEDISK" },
	{ "nvme", "CONFIG_BLK_DEV_NVME" },
	{ "nvme-core", "CONFIG_NVME_CORE" },
	{ "e1000", "CONFIG_E1000" },
	{ "e1000e", "CONFIG_E1000E" },
	{ "pcnet32", "CONFIG_PCNET32" },
	{ "mii", "CONFIG_MII" },
	{ "vmxnet3", "CONFIG_VMXNET3" },
	{ "dm-mod", "CONFIG_BLK_DEV_DM" },
	{ "dm-mirror", "CONFIG_DM_MIRROR" },
	{ "dm-snapshot", "CONFIG_DM_SNAPSHOT" },
	{ "dm-zero", "CONFIG_DM_ZERO" },
	{ "lvm-mod", "CONFIG_BLK_DEV_LVM" },
	{ "md", "CONFIG_BLK_DEV_MD" },
	{ "raid0", "CONFIG_MD_RAID0" },
	{ "raid1", "CONFIG_MD_RAID1" },
	{ "raid5", "CONFIG_MD_RAID5" },
	{ "ext2", "CONFIG_EXT2_FS" },
	{ "ext3", "CONFIG_EXT3_FS" },
	{ "jbd", "CONFIG_JBD" },
	{ "ext4", "CONFIG_EXT4_FS" },
	{ "jbd2", "CONFIG_JBD2" },
	{ "mbcache", "CONFIG_FS_MBCACHE" },
	{ "xfs", "CONFIG_XFS_FS" },
	{ "crc16", "CONFIG_CRC16" },
	{ "libcrc32c", "CONFIG_LIBCRC32C" },
	{ "crc-t10dif", "CONFIG_CRC_T10DIF" },
};

bool module_config_set(const char *config, const char *option)
{
	size_t n = strlen(option);

	for (const char *p = config; (p = strstr(p, option)); p += n)
		if ((p == config || p[-1] == '\n') && p[n] == '=' && p[n + 1] == 'y')
			return true;
	return false;
}

bool module_config_builtin(const char *config, const char *name)
{
	for (size_t k = 0; config && k < ARRAY_LEN(options); k++)
		if (modules_same_name(options[k].module, name) && module_config_set(config, options[k].option))
			return true;
	return false;
}

bool module_config_usual(const char *kver, const char *name)
{
	static const char *const kernels[] = { "2.4.9-e", "2.4.21-", "2.6.9-", "2.6.18-" };

	for (size_t k = 0; k < ARRAY_LEN(kernels); k++)
		if (!strncmp(kver, kernels[k], strlen(kernels[k])))
			return !strcmp(name, "piix");
	return false;
}
