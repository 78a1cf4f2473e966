/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The target: what the VM will be. One table, as data, of ESX versions and of devices;
 * the chooser takes the best device that the guest's own module files and the ESX version
 * both have. Pure: no input/output. Sources: VMware KB 1003746/2007240 and the
 * configuration maximums; see the tables. Threads: any. */
#ifndef UNRACK_TARGET_H
#define UNRACK_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

enum target_scsi {
	SCSI_AUTO, SCSI_BUSLOGIC, SCSI_LSILOGIC, SCSI_LSISAS1068, SCSI_PVSCSI, SCSI_SATA, SCSI_NVME, SCSI_IDE
};
enum target_nic { NIC_AUTO, NIC_VLANCE, NIC_E1000, NIC_E1000E, NIC_VMXNET3 };
enum target_firmware { FIRMWARE_AUTO, FIRMWARE_BIOS, FIRMWARE_EFI };

/* What the user asked for. esx "" = nothing given. */
struct target_request {
	char esx[16]; /* "3.5", "6.7", ... */
	enum target_scsi scsi;
	enum target_nic nic;
	enum target_firmware firmware;
	int hw; /* 0: the ESX version's own */
};

struct esx_version {
	const char *name;
	int hw_max;
	uint64_t disk_max; /* bytes of the largest virtual disk */
	/* more limits as data: vCPUs, memory, NICs, SCSI slots */
	int vcpus_max;
	uint64_t memory_max_mb;
	int nics_max;
	bool pvscsi_boot;
	bool ide_disk;
};

struct disk_device {
	enum target_scsi kind;
	const char *name;           /* of --scsi and of scsiN.virtualDev */
	const char *adapter_type;   /* ddb.adapterType */
	const char *pci_id;         /* "15ad:07c0" */
	const char *const *modules; /* driver names, preferred first, NULL-terminated */
	int first_hw;
	bool only_32bit;
	const char *node;           /* "sd", "hd", "nvme": prefix of its disks' names; see target_node */
	const char *qemu;           /* QEMU's model, NULL: QEMU has none */
	const char *qemu_why;       /* why not, in a clause */
};

struct nic_device {
	enum target_nic kind;
	const char *name, *pci_id;
	const char *const *modules;
	int first_hw;
	const char *qemu, *qemu_why;
};

const struct esx_version *esx_find(const char *name); /* NULL: unknown */
const char *esx_list(void);                           /* "3.0, 3.5, ..." for messages */
bool esx_runs_hw(const struct esx_version *esx, int hw);
const struct disk_device *disk_device_find(enum target_scsi kind);
const struct nic_device *nic_device_find(enum target_nic kind);
/* Where a kernel keeps one of these drivers, without suffix: "kernel/drivers/scsi/BusLogic". */
const char *device_module_place(const char *module);
/* Whether MODULE can drive a controller in a kernel that has what HAS says. Since the Fusion
 * driver was split (Linux 2.6.13), mptscsih is only a library of mptspi, mptsas and mptfc. */
bool device_module_drives(const char *module, const char *(*has)(void *ctx, const char *name),
			  void *ctx);
/* The files that MODULES would be, for messages: "/lib/modules/KVER/a.ko or /lib/modules/KVER/b.ko". */
void device_module_files(const char *const *modules, const char *kver, char *out, size_t room);
const char *target_scsi_name(enum target_scsi s);
const char *target_nic_name(enum target_nic n);
const char *target_firmware_name(enum target_firmware f);
int target_scsi_parse(const char *s, enum target_scsi *out, struct unrack_error *err);
int target_nic_parse(const char *s, enum target_nic *out, struct unrack_error *err);
int target_firmware_parse(const char *s, enum target_firmware *out, struct unrack_error *err);

/* The decision. */
struct target {
	const struct esx_version *esx;
	int hw;
	const struct disk_device *disk;
	const struct nic_device *nic;
	enum target_firmware firmware; /* BIOS or EFI */
	char disk_module[64]; /* the driver found: "vmw_pvscsi" */
	char nic_module[64];  /* "": the guest has none for any card, why says so */
	char why[1024]; /* what was taken and why, for a person */
};
/* Prefix of the disks' names under the driver found: IDE is "hd", or "sd" by libata. */
const char *target_node(const struct target *t);

#define TARGET_WHY_MAX 512

/* What the chooser must know of the guest; the functions look at its own files. */
struct target_guest {
	/* Path of module NAME in the default kernel ("kernel/drivers/...", or "(built in)"), or NULL. */
	const char *(*module)(void *ctx, const char *name);
	void *ctx;
	const char *kver;
	int bits; /* 32 or 64 */
	int release; /* RHEL major: 5 */
	bool efi;   /* the disk boots by EFI */
	/* Whether the kernel would take its MODULE, and that is for the device PCI_ID; else WHY says
	 * why not, as a clause. NULL: all are as good as they are named. */
	bool (*drives)(void *ctx, const char *module, const char *pci_id, char why[TARGET_WHY_MAX]);
};

/* The first of MODULES that G's kernel has and that drives the device; NULL: none. */
const char *target_driver(const struct target_guest *g, const char *const *modules, const char *pci_id);
/* Why there is none, as a clause: that files are not there, or what is wrong with one that is. */
void target_driver_missing(const struct target_guest *g, const char *const *modules, const char *pci_id,
			   char why[TARGET_WHY_MAX]);

/* UNRACK_USAGE: unknown version or impossible wish for that ESX; UNRACK_UNSUPPORTED: the guest
 * has no driver for the wish, naming the files looked for and the alternative. */
int target_choose(const struct target_request *req, const struct target_guest *guest,
		  struct target *out, struct unrack_error *err);

struct json;
/* {esx, hw, scsi, nic, firmware}, and where the guest's own files were asked (GUEST) also
 * disk_module, nic_module (null: it has none) and why. NULL: no memory. */
struct json *target_to_json(const struct target *t, bool guest);

/* --- The VM's file -------------------------------------------------------------------- */
struct vm_nic {
	char mac[18]; /* "" = let ESX make one */
	const char *network; /* NULL: "VM Network" */
};
struct vm_description {
	const char *name;
	const struct target *target;
	const char *guest_os; /* guestOS value, see target_guest_os */
	uint64_t memory_mb;
	int vcpus;
	const char *const *disks; /* descriptors' names, in BIOS order */
	unsigned n_disks;
	const struct vm_nic *nics;
	unsigned n_nics;
	bool connect; /* NICs connected at power-on */
	const char *annotation;
};
/* "rhel5-64" for a family ("rhel", "centos", "oracle", ...), release, bits on this ESX. */
const char *target_guest_os(const char *family, int release, int bits, const struct esx_version *esx);
/* "00:1a:4b:11:22:33", of a card: neither a group's nor all zeros. */
bool vmx_is_mac(const char *s);
int vmx_write(const struct vm_description *vm, struct buf *out, struct unrack_error *err);
/* The value of KEY (case-insensitive) in a .vmx text; malloc'd, NULL when missing. */
char *vmx_get(const char *text, const char *key);

#endif
