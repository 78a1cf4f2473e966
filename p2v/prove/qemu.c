/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parts.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* How many disks a controller takes. On SCSI 7 is the controller's own id. */
#define SCSI_IDS 16u
#define SCSI_SELF 7u
#define SAS_PORTS 8u
#define AHCI_PORTS 6u
#define NVME_NAMESPACES 15u
#define IDE_DISKS 3u /* the CD has the fourth place */
#define CONTROLLERS_MAX 4u

static int push(struct arg_vec *v, char *s)
{
	if (s && arg_vec_push(v, s) == 0)
		return 0;
	free(s);
	return -1;
}

__attribute__((format(printf, 2, 3))) static int add(struct arg_vec *v, const char *fmt, ...)
{
	char *s;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&s, fmt, ap);
	va_end(ap);
	return r < 0 ? -1 : push(v, s);
}

/* In an option with a value: commas are doubled. */
static char *quoted(const char *path)
{
	char *s = malloc(2 * strlen(path) + 1), *p = s;

	if (!s)
		return NULL;
	for (; *path; path++) {
		if (*path == ',')
			*p++ = ',';
		*p++ = *path;
	}
	*p = '\0';
	return s;
}

/* NAME, and BEFORE with PATH and AFTER as its value. */
static int add_path(struct arg_vec *v, const char *name, const char *before, const char *path,
		    const char *after)
{
	char *q = quoted(path);
	int r = q && add(v, "%s", name) == 0 ? add(v, "%s%s%s", before, q, after) : -1;

	free(q);
	return r;
}

static int add_machine(const struct qemu_spec *s, struct arg_vec *v)
{
	char size[64];
	int r = add(v, "%s", s->program);

	/* Nothing that was not asked for, and if the guest breaks out of QEMU it finds itself
	 * without the right to start programs or to become somebody else. */
	r |= add(v, "-no-user-config") | add(v, "-nodefaults");
	r |= add(v, "-sandbox") |
	     add(v, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	r |= add(v, "-accel") | add(v, "%s", accel_name(s->accel));
	/* Later systems need more than QEMU's default processor; 5-level page tables are more
	 * than its emulation is sure of. Without ERMS a kernel copies and clears memory by eight
	 * bytes at a time, not by one: emulated, that is a third of a boot. */
	r |= add(v, "-cpu") | add(v, s->accel == ACCEL_TCG ? "max,la57=off,-erms,-fsrm" : "max");
	r |= add(v, "-smp") | add(v, "%u", s->vcpus);
	r |= add(v, "-m") | add(v, "%uM", s->memory_mb);
	snprintf(size, sizeof size, ",share=on,size=%uM", s->memory_mb);
	r |= add_path(v, "-object", "memory-backend-file,id=ram,mem-path=", s->ram, size);
	r |= add(v, "-machine") | add(v, "pc,memory-backend=ram");
	/* A reset or power-off leaves everything as it is, to be looked at. */
	r |= add(v, "-action") | add(v, "reboot=shutdown,shutdown=pause");
	/* Text mode VGA without a PCI id: no driver of any release takes it over, so that the
	 * screen stays text that can be read. A loader or kernel told to (vga=, VBE) still
	 * draws on it: then the consoles in RAM tell. EFI always draws, and needs the PCI card. */
	r |= add(v, "-display") | add(v, "none");
	r |= add(v, "-device") | add(v, s->efi_code ? "VGA" : "isa-vga");
	if (s->efi_code) {
		r |= add_path(v, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=", s->efi_code,
			      "");
		r |= add_path(v, "-drive", "if=pflash,unit=1,format=qcow2,file=", s->efi_vars, "");
	}
	r |= add_path(v, "-chardev", "file,id=serial,append=on,path=", s->serial, "");
	r |= add(v, "-serial") | add(v, "chardev:serial");
	r |= add_path(v, "-chardev", "socket,id=monitor,path=", s->monitor, "");
	r |= add(v, "-mon") | add(v, "chardev=monitor,mode=control");
	return r;
}

/* Makes controller N of the kind, when disk UNIT is its first one. */
static int add_controller(const struct qemu_spec *s, struct arg_vec *v, unsigned n, unsigned unit)
{
	if (unit)
		return 0;
	if (s->scsi == SCSI_NVME)
		return add(v, "-device") | add(v, "%s,id=hba%u,serial=unrack%u", s->disk_model, n, n);
	return add(v, "-device") | add(v, "%s,id=hba%u", s->disk_model, n);
}

static int add_disk(const struct qemu_spec *s, struct arg_vec *v, unsigned i)
{
	char drive[96];
	unsigned n, unit;
	int r;

	snprintf(drive, sizeof drive, "if=none,id=disk%u,format=qcow2,cache=unsafe,file=", i);
	r = add_path(v, "-drive", drive, s->overlays[i], "");
	switch (s->scsi) {
	case SCSI_PVSCSI:
		n = i / (SCSI_IDS - 1);
		unit = i % (SCSI_IDS - 1);
		r |= add_controller(s, v, n, unit) | add(v, "-device");
		return r | add(v, "scsi-hd,bus=hba%u.0,scsi-id=%u,lun=0,drive=disk%u,bootindex=%u", n,
			       unit + (unit >= SCSI_SELF), i, i + 1);
	case SCSI_LSISAS1068: /* without a world wide name its driver finds no disk */
		n = i / SAS_PORTS;
		unit = i % SAS_PORTS;
		r |= add_controller(s, v, n, unit) | add(v, "-device");
		return r | add(v, "scsi-hd,bus=hba%u.0,scsi-id=%u,lun=0,drive=disk%u,bootindex=%u,"
			       "wwn=0x5000c50015ea71%02x", n, unit, i, i + 1, i);
	case SCSI_SATA:
		n = i / AHCI_PORTS;
		unit = i % AHCI_PORTS;
		r |= add_controller(s, v, n, unit) | add(v, "-device");
		return r | add(v, "ide-hd,bus=hba%u.%u,drive=disk%u,bootindex=%u", n, unit, i, i + 1);
	case SCSI_NVME: /* a controller's disks are its namespaces, as on ESX: nvme0n1, nvme0n2 */
		n = i / NVME_NAMESPACES;
		unit = i % NVME_NAMESPACES;
		r |= add_controller(s, v, n, unit) | add(v, "-device");
		return r | add(v, "nvme-ns,bus=hba%u,nsid=%u,drive=disk%u,bootindex=%u", n, unit + 1, i,
			       i + 1);
	default: /* IDE: the machine has its two channels; the third disk is hdd, as in the .vmx file */
		unit = i == 2 ? 3 : i;
		r |= add(v, "-device");
		return r | add(v, "ide-hd,bus=ide.%u,unit=%u,drive=disk%u,bootindex=%u", unit / 2, unit % 2,
			       i, i + 1);
	}
}

static unsigned disks_max(enum target_scsi scsi)
{
	switch (scsi) {
	case SCSI_PVSCSI:
		return CONTROLLERS_MAX * (SCSI_IDS - 1);
	case SCSI_LSISAS1068:
		return CONTROLLERS_MAX * SAS_PORTS;
	case SCSI_SATA:
		return CONTROLLERS_MAX * AHCI_PORTS;
	case SCSI_NVME:
		return CONTROLLERS_MAX * NVME_NAMESPACES;
	default:
		return IDE_DISKS;
	}
}

/* "00:1a:4b:11:22:33" and no group's address. What else a manifest may have there must not
 * become an option. */
static bool is_mac(const char *s)
{
	for (unsigned i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
	return s[17] == '\0' && strchr("02468aAcCeE", s[1]);
}

/* A network of its own for each card. Closed, the guest still gets an address, and its port
 * 22 can be reached from here, on a free port that QEMU chooses. */
static int add_nic(const struct qemu_spec *s, struct arg_vec *v, unsigned i)
{
	char dump[96];
	const char *mac = i < s->n_macs && is_mac(s->macs[i]) ? s->macs[i] : "";
	int r = add(v, "-netdev");

	r |= add(v, "user,id=net%u,restrict=%s,hostfwd=tcp:127.0.0.1:0-:22", i,
		 s->open_network ? "off" : "on");
	/* Enough of each packet for DHCP's options. */
	snprintf(dump, sizeof dump, "filter-dump,id=dump%u,netdev=net%u,maxlen=1024,file=", i, i);
	r |= add_path(v, "-object", dump, s->captures[i], "");
	/* Without romfile= the card's own boot program would ask for an address too. */
	r |= add(v, "-device");
	return r | add(v, "%s,netdev=net%u,romfile=%s%s", s->nic_model, i, *mac ? ",mac=" : "", mac);
}

int qemu_command(const struct qemu_spec *s, struct arg_vec *out, struct unrack_error *err)
{
	int r;

	if (s->n_disks > disks_max(s->scsi))
		return error_set(err, UNRACK_UNSUPPORTED, "%u disks are more than the %u that QEMU takes on "
				 "%s; choose another controller with --scsi", s->n_disks,
				 disks_max(s->scsi), target_scsi_name(s->scsi));
	r = add_machine(s, out);
	for (unsigned i = 0; i < s->n_disks; i++)
		r |= add_disk(s, out, i);
	for (unsigned i = 0; i < s->n_nics; i++)
		r |= add_nic(s, out, i);
	if (r < 0 || arg_vec_push(out, NULL) < 0)
		return error_nomem(err);
	out->len--;
	return 0;
}

void qemu_args_free(struct arg_vec *args)
{
	for (size_t i = 0; i < args->len; i++)
		free(args->at[i]);
	arg_vec_free(args);
}
