/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "unrack/target.h"

/* Preferred first. Fusion's parallel adapter is the one that every release up to 5 knows;
 * from 6 on it is deprecated and the SAS one lasts longer. NVMe is for those who ask. */
static const enum target_scsi scsi_order_old[] = { SCSI_PVSCSI, SCSI_LSILOGIC, SCSI_LSISAS1068,
						   SCSI_SATA,	SCSI_BUSLOGIC, SCSI_IDE };
static const enum target_scsi scsi_order_new[] = { SCSI_PVSCSI, SCSI_LSISAS1068, SCSI_LSILOGIC,
						   SCSI_SATA,	SCSI_BUSLOGIC,	 SCSI_IDE };
/* e1000e came to RHEL 5 late and changed often. */
static const enum target_nic nic_order_old[] = { NIC_VMXNET3, NIC_E1000, NIC_E1000E, NIC_VLANCE };
static const enum target_nic nic_order_new[] = { NIC_VMXNET3, NIC_E1000E, NIC_E1000, NIC_VLANCE };

#define RELEASE_NEW 6
#define HW_EFI 8 /* the first hardware version with EFI */

__attribute__((format(printf, 2, 3))) static void add_why(struct target *t, const char *fmt, ...)
{
	size_t len = strlen(t->why);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why + len, sizeof t->why - len, fmt, ap);
	va_end(ap);
}

/* The first of MODULES that drives the device in the guest, and its path. */
static const char *find_module(const struct target_guest *g, const char *const *modules,
			       const char *pci_id, const char **path)
{
	const char *module = target_driver(g, modules, pci_id);

	if (module)
		*path = g->module(g->ctx, module);
	return module;
}

/* The first of MODULES that is there and can't be used: WHY. */
static bool find_unusable(const struct target_guest *g, const char *const *modules, const char *pci_id,
			  char why[TARGET_WHY_MAX])
{
	for (; g->drives && *modules; modules++)
		if (device_module_drives(*modules, g->module, g->ctx) &&
		    !g->drives(g->ctx, *modules, pci_id, why))
			return true;
	return false;
}

const char *target_driver(const struct target_guest *g, const char *const *modules, const char *pci_id)
{
	char why[TARGET_WHY_MAX];

	for (; *modules; modules++)
		if (device_module_drives(*modules, g->module, g->ctx) &&
		    (!g->drives || g->drives(g->ctx, *modules, pci_id, why)))
			return *modules;
	return NULL;
}

void target_driver_missing(const struct target_guest *g, const char *const *modules, const char *pci_id,
			   char why[TARGET_WHY_MAX])
{
	size_t n;

	if (find_unusable(g, modules, pci_id, why))
		return;
	n = (size_t)snprintf(why, TARGET_WHY_MAX, "there is no ");
	device_module_files(modules, g->kver, why + n, TARGET_WHY_MAX - n);
}

/* Why this ESX can't have it (a clause), or NULL. */
static const char *disk_impossible(const struct disk_device *d, const struct target *t)
{
	if (t->hw < d->first_hw)
		return "that hardware version is too old for it";
	if (d->kind == SCSI_PVSCSI && !t->esx->pvscsi_boot)
		return "it does not boot Linux from it";
	if (d->kind == SCSI_IDE && !t->esx->ide_disk)
		return "it has no IDE disks";
	return NULL;
}

static const struct disk_device *auto_disk(struct target *t, const struct target_guest *g,
					   const char **path)
{
	const enum target_scsi *order = g->release < RELEASE_NEW ? scsi_order_old : scsi_order_new;

	for (size_t i = 0; i < ARRAY_LEN(scsi_order_old); i++) {
		const struct disk_device *d = disk_device_find(order[i]);
		const char *module;

		if (disk_impossible(d, t) || (d->only_32bit && g->bits != 32))
			continue;
		module = find_module(g, d->modules, d->pci_id, path);
		if (module) {
			snprintf(t->disk_module, sizeof t->disk_module, "%s", module);
			return d;
		}
	}
	return NULL;
}

static const struct nic_device *auto_nic(struct target *t, const struct target_guest *g,
					 const char **path)
{
	const enum target_nic *order = g->release < RELEASE_NEW ? nic_order_old : nic_order_new;

	for (size_t i = 0; i < ARRAY_LEN(nic_order_old); i++) {
		const struct nic_device *d = nic_device_find(order[i]);
		const char *module = t->hw >= d->first_hw ? find_module(g, d->modules, d->pci_id, path) : NULL;

		if (module) {
			snprintf(t->nic_module, sizeof t->nic_module, "%s", module);
			return d;
		}
	}
	return NULL;
}

static int refuse_disk(const struct target_guest *g, const struct disk_device *wish,
		       const struct disk_device *best, const char *best_module,
		       struct unrack_error *err)
{
	char missing[TARGET_WHY_MAX];

	target_driver_missing(g, wish->modules, wish->pci_id, missing);
	if (!best)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "the guest's kernel has no driver for --scsi %s: %s, "
				 "nor a driver for "
				 "any other controller of this ESX; install a kernel that has one",
				 wish->name, missing);
	return error_set(err, UNRACK_UNSUPPORTED,
			 "the guest's kernel has no driver for --scsi %s: %s; "
			 "--scsi %s would work, the kernel has %s",
			 wish->name, missing, best->name, best_module);
}

static int choose_disk(const struct target_request *req, const struct target_guest *g,
		       struct target *t, struct unrack_error *err)
{
	const struct disk_device *pvscsi = disk_device_find(SCSI_PVSCSI);
	const char *best_path = NULL, *path = NULL, *module, *reason;
	char missing[TARGET_WHY_MAX];
	struct target other = *t;
	const struct disk_device *best = auto_disk(&other, g, &best_path);

	if (req->scsi == SCSI_AUTO) {
		if (!best) {
			const struct disk_device *lsi = disk_device_find(SCSI_LSILOGIC);

			target_driver_missing(g, lsi->modules, lsi->pci_id, missing);
			return error_set(err, UNRACK_UNSUPPORTED,
					 "kernel %s has no driver for any disk controller of ESX %s "
					 "with hardware "
					 "version %d: %s, nor any of the others; install "
					 "a kernel that has one",
					 g->kver, t->esx->name, t->hw, missing);
		}
		t->disk = best;
		memcpy(t->disk_module, other.disk_module, sizeof t->disk_module);
		add_why(t, "disks on %s: kernel %s has %s %s", best->name, g->kver, t->disk_module,
			best_path);
		reason = disk_impossible(pvscsi, t);
		if (best != pvscsi && reason)
			add_why(t, "; not on pvscsi: ESX %s can't, %s", t->esx->name, reason);
		else if (best != pvscsi && find_unusable(g, pvscsi->modules, pvscsi->pci_id, missing))
			add_why(t, "; not on pvscsi: %s", missing);
		else if (best != pvscsi)
			add_why(t, "; not on pvscsi: the kernel has no vmw_pvscsi");
		return 0;
	}
	t->disk = disk_device_find(req->scsi);
	reason = disk_impossible(t->disk, t);
	if (reason)
		return error_set(err, UNRACK_USAGE,
				 "ESX %s with hardware version %d can't have --scsi %s: %s%s%s",
				 t->esx->name, t->hw, t->disk->name, reason,
				 best ? "; for this guest take --scsi " : "", best ? best->name : "");
	module = find_module(g, t->disk->modules, t->disk->pci_id, &path);
	if (!module)
		return refuse_disk(g, t->disk, best, other.disk_module, err);
	snprintf(t->disk_module, sizeof t->disk_module, "%s", module);
	add_why(t, "disks on %s as asked: kernel %s has %s %s", t->disk->name, g->kver, module, path);
	if (t->disk->only_32bit && g->bits != 32)
		add_why(t,
			"; warning: ESX is not known to offer %s to 64-bit virtual machines (from "
			"memory, "
			"no document says that it does), so try this one before relying on it",
			t->disk->name);
	return 0;
}

static int choose_nic(const struct target_request *req, const struct target_guest *g,
		      struct target *t, struct unrack_error *err)
{
	const char *best_path = NULL, *path = NULL, *module;
	struct target other = *t;
	const struct nic_device *best = auto_nic(&other, g, &best_path);
	char missing[TARGET_WHY_MAX];

	if (req->nic == NIC_AUTO) {
		t->nic = best ? best : nic_device_find(NIC_E1000);
		memcpy(t->nic_module, other.nic_module, sizeof t->nic_module);
		if (best)
			add_why(t, "; network on %s: it has %s %s", best->name, t->nic_module,
				best_path);
		else
			add_why(t,
				"; network on %s, but warning: the kernel has no driver for any "
				"network card "
				"of this ESX",
				t->nic->name);
		return 0;
	}
	t->nic = nic_device_find(req->nic);
	if (t->hw < t->nic->first_hw)
		return error_set(err, UNRACK_USAGE,
				 "ESX %s with hardware version %d can't have --nic %s: that hardware "
				 "version is too old for it%s%s",
				 t->esx->name, t->hw, t->nic->name,
				 best ? "; for this guest take --nic " : "", best ? best->name : "");
	module = find_module(g, t->nic->modules, t->nic->pci_id, &path);
	if (!module) {
		target_driver_missing(g, t->nic->modules, t->nic->pci_id, missing);
		return error_set(err, UNRACK_UNSUPPORTED,
				 "the guest's kernel has no driver for --nic %s: "
				 "%s%s%s%s%s",
				 t->nic->name, missing, best ? "; --nic " : "", best ? best->name : "",
				 best ? " would work, the kernel has " : "",
				 best ? other.nic_module : "");
	}
	snprintf(t->nic_module, sizeof t->nic_module, "%s", module);
	add_why(t, "; network on %s as asked: it has %s %s", t->nic->name, module, path);
	return 0;
}

static int choose_firmware(const struct target_request *req, const struct target_guest *g,
			   struct target *t, struct unrack_error *err)
{
	t->firmware = g->efi ? FIRMWARE_EFI : FIRMWARE_BIOS;
	if (req->firmware != FIRMWARE_AUTO && req->firmware != t->firmware)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "the guest boots by %s, so --firmware %s would not start it; "
				 "leave the option away",
				 g->efi ? "EFI" : "BIOS", target_firmware_name(req->firmware));
	if (g->efi && t->hw < HW_EFI)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "the guest boots by EFI, and ESX %s with hardware version %d "
				 "has only BIOS; take ESX 5.0 or later",
				 t->esx->name, t->hw);
	return 0;
}

int target_choose(const struct target_request *req, const struct target_guest *guest,
		  struct target *out, struct unrack_error *err)
{
	int r;

	memset(out, 0, sizeof *out);
	out->esx = esx_find(req->esx);
	if (!out->esx)
		return error_set(err, UNRACK_USAGE, "\"%s\" is not a known ESX version; known are %s",
				 req->esx, esx_list());
	out->hw = req->hw ? req->hw : out->esx->hw_max;
	if (!esx_runs_hw(out->esx, out->hw))
		return error_set(err, UNRACK_USAGE,
				 "ESX %s does not run virtual machines of hardware version %d; "
				 "its own is %d, older ones are 4 and 7 to that",
				 out->esx->name, out->hw, out->esx->hw_max);
	r = choose_firmware(req, guest, out, err);
	if (r == 0)
		r = choose_disk(req, guest, out, err);
	if (r == 0)
		r = choose_nic(req, guest, out, err);
	return r;
}

const char *target_node(const struct target *t)
{
	if (t->disk->kind == SCSI_IDE && !strncmp(t->disk_module, "ata_", 4))
		return "sd";
	return t->disk->node;
}
