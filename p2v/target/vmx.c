/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The .vmx: lines of key = "value", keys in any case; |XX stands for a byte that a value
 * cannot hold as it is. Keys after libvirt's src/vmx/vmx.c and the ESXi files in virt-v2v's
 * tests. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "unrack/target.h"

#define HW_BRIDGES 7   /* PCI bridges: without them there are too few slots */
#define HW_CORES 8     /* cpuid.coresPerSocket */
#define UNITS 15       /* of a SCSI controller (0 to 15 without 7, which is itself), and of NVMe */
#define SATA_UNITS 30
#define CONTROLLERS 4

/* --- Writing -------------------------------------------------------------------------- */
__attribute__((format(printf, 3, 4))) static int put(struct buf *out, const char *key, const char *fmt, ...)
{
	char value[1024], *text = value;
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof value, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	if ((size_t)n >= sizeof value) {
		text = malloc((size_t)n + 1);
		if (!text)
			return -1;
		va_start(ap, fmt);
		vsnprintf(text, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	r = buf_printf(out, "%s = \"", key);
	for (const unsigned char *p = (const unsigned char *)text; r == 0 && *p; p++)
		r = *p < 0x20 || *p == 0x7f || *p == '"' || *p == '|' ? buf_printf(out, "|%02X", *p) :
									 buf_append(out, p, 1);
	if (r == 0)
		r = buf_puts(out, "\"\n");
	if (text != value)
		free(text);
	return r;
}

static int put_true(struct buf *out, const char *key)
{
	return put(out, key, "TRUE");
}

static int put_machine(const struct vm_description *vm, struct buf *out)
{
	const struct target *t = vm->target;
	int bad = put(out, ".encoding", "UTF-8") | put(out, "config.version", "8") |
		  put(out, "virtualHW.version", "%d", t->hw) | put(out, "displayName", "%s", vm->name) |
		  put(out, "guestOS", "%s", vm->guest_os) |
		  put(out, "memSize", "%llu", (unsigned long long)round_up(vm->memory_mb, 4)) |
		  put(out, "numvcpus", "%d", vm->vcpus);

	if (t->hw >= HW_CORES)
		bad |= put(out, "cpuid.coresPerSocket", "1");
	if (t->firmware == FIRMWARE_EFI)
		bad |= put(out, "firmware", "efi");
	bad |= put(out, "nvram", "%s.nvram", vm->name) | put(out, "uuid.action", "create") |
	       put(out, "floppy0.present", "FALSE") | put_true(out, "svga.present") |
	       put_true(out, "svga.autodetect") | put(out, "tools.syncTime", "FALSE");
	if (vm->annotation)
		bad |= put(out, "annotation", "%s", vm->annotation);
	if (t->hw < HW_BRIDGES)
		return bad;
	bad |= put_true(out, "pciBridge0.present");
	for (int i = 4; i <= 7; i++) {
		char key[64];

		snprintf(key, sizeof key, "pciBridge%d.present", i);
		bad |= put_true(out, key);
		snprintf(key, sizeof key, "pciBridge%d.virtualDev", i);
		bad |= put(out, key, "pcieRootPort");
		snprintf(key, sizeof key, "pciBridge%d.functions", i);
		bad |= put(out, key, "8");
	}
	/* RHEL 4 keeps wrong time with a HPET. */
	return bad | put_true(out, "vmci0.present") |
	       put(out, "hpet0.present", strncmp(vm->guest_os, "rhel4", 5) ? "TRUE" : "FALSE");
}

/* Bus, controller and unit of disk I. */
struct slot {
	const char *bus;
	unsigned controller, unit;
};

static unsigned slots_of(enum target_scsi kind)
{
	switch (kind) {
	case SCSI_IDE:
		return 3; /* of four, one is the CD's */
	case SCSI_SATA:
		return CONTROLLERS * SATA_UNITS;
	default:
		return CONTROLLERS * UNITS;
	}
}

static struct slot slot_of(enum target_scsi kind, unsigned i)
{
	switch (kind) {
	case SCSI_IDE:
		return i < 2 ? (struct slot){ "ide", 0, i } : (struct slot){ "ide", 1, 1 };
	case SCSI_SATA:
		return (struct slot){ "sata", i / SATA_UNITS, i % SATA_UNITS };
	case SCSI_NVME:
		return (struct slot){ "nvme", i / UNITS, i % UNITS };
	default:
		return (struct slot){ "scsi", i / UNITS, i % UNITS + (i % UNITS >= 7) };
	}
}

static int put_disk(const struct vm_description *vm, unsigned i, struct buf *out)
{
	const struct disk_device *d = vm->target->disk;
	struct slot s = slot_of(d->kind, i);
	char key[64];
	int bad = 0;

	if (s.unit == 0 && d->kind != SCSI_IDE) {
		snprintf(key, sizeof key, "%s%u.present", s.bus, s.controller);
		bad |= put_true(out, key);
		if (!strcmp(s.bus, "scsi")) {
			snprintf(key, sizeof key, "scsi%u.virtualDev", s.controller);
			bad |= put(out, key, "%s", d->name);
		}
	}
	snprintf(key, sizeof key, "%s%u:%u.present", s.bus, s.controller, s.unit);
	bad |= put_true(out, key);
	if (d->kind != SCSI_NVME) {
		snprintf(key, sizeof key, "%s%u:%u.deviceType", s.bus, s.controller, s.unit);
		bad |= put(out, key, strcmp(s.bus, "scsi") ? "ata-hardDisk" : "scsi-hardDisk");
	}
	snprintf(key, sizeof key, "%s%u:%u.fileName", s.bus, s.controller, s.unit);
	return bad | put(out, key, "%s", vm->disks[i]);
}

/* 00:50:56:00:00:00 to 00:50:56:3f:ff:ff may be given by hand; ESX checks all others unless
 * it is told not to. */
static bool is_vmware_static(const char *mac)
{
	return !strncasecmp(mac, "00:50:56:", 9) && mac[9] >= '0' && mac[9] <= '3';
}

static int put_nic(const struct vm_description *vm, unsigned i, struct buf *out)
{
	const struct vm_nic *nic = &vm->nics[i];
	const struct {
		const char *key, *value;
	} lines[] = {
		{ "present", "TRUE" },
		{ "virtualDev", vm->target->nic->name },
		{ "networkName", nic->network ? nic->network : "VM Network" },
		{ "connectionType", "bridged" },
		{ "startConnected", vm->connect ? "TRUE" : "FALSE" },
		{ "addressType", nic->mac[0] ? "static" : "generated" },
		{ "address", nic->mac[0] ? nic->mac : NULL },
		{ "checkMACAddress", nic->mac[0] && !is_vmware_static(nic->mac) ? "FALSE" : NULL },
	};
	int bad = 0;

	for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
		char key[64];

		snprintf(key, sizeof key, "ethernet%u.%s", i, lines[k].key);
		if (lines[k].value)
			bad |= put(out, key, "%s", lines[k].value);
	}
	return bad;
}

bool vmx_is_mac(const char *s)
{
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
	/* The lowest bit of the first byte marks groups. */
	return s[17] == '\0' && strcmp(s, "00:00:00:00:00:00") != 0 && !(strtoul(s, NULL, 16) & 1);
}

static int refuse(const struct vm_description *vm, struct unrack_error *err)
{
	const struct target *t = vm->target;

	if (vm->n_disks == 0)
		return error_set(err, UNRACK_USAGE, "%s has no disks to write a virtual machine for",
				 vm->name);
	if (vm->n_disks > slots_of(t->disk->kind))
		return error_set(err, UNRACK_USAGE,
				 "%s has %u disks, and %s controllers take %u; choose another "
				 "controller with --scsi",
				 vm->name, vm->n_disks, t->disk->name, slots_of(t->disk->kind));
	if (vm->n_nics > (unsigned)t->esx->nics_max)
		return error_set(err, UNRACK_USAGE,
				 "%s has %u network cards, ESX %s gives a virtual machine %d at "
				 "most",
				 vm->name, vm->n_nics, t->esx->name, t->esx->nics_max);
	if (vm->vcpus < 1 || vm->vcpus > t->esx->vcpus_max)
		return error_set(err, UNRACK_USAGE,
				 "%s can't have %d processors, ESX %s gives a virtual machine 1 to "
				 "%d",
				 vm->name, vm->vcpus, t->esx->name, t->esx->vcpus_max);
	if (vm->memory_mb < 4 || vm->memory_mb > t->esx->memory_max_mb)
		return error_set(err, UNRACK_USAGE,
				 "%s can't have %llu MB of memory, ESX %s gives a virtual machine 4 "
				 "to %llu",
				 vm->name, (unsigned long long)vm->memory_mb, t->esx->name,
				 (unsigned long long)t->esx->memory_max_mb);
	for (unsigned i = 0; i < vm->n_nics; i++)
		if (vm->nics[i].mac[0] && !vmx_is_mac(vm->nics[i].mac))
			return error_set(err, UNRACK_USAGE,
					 "\"%s\" is not the address of a network card; write it as "
					 "00:1a:4b:11:22:33",
					 vm->nics[i].mac);
	return 0;
}

int vmx_write(const struct vm_description *vm, struct buf *out, struct unrack_error *err)
{
	int r = refuse(vm, err), bad;

	buf_clear(out);
	if (r < 0)
		return r;
	bad = put_machine(vm, out);
	for (unsigned i = 0; i < vm->n_disks; i++)
		bad |= put_disk(vm, i, out);
	bad |= put_true(out, "ide1:0.present") | put(out, "ide1:0.deviceType", "atapi-cdrom") |
	       put_true(out, "ide1:0.clientDevice") | put(out, "ide1:0.startConnected", "FALSE") |
	       put(out, "ide1:0.fileName", "%s", "");
	for (unsigned i = 0; i < vm->n_nics; i++)
		bad |= put_nic(vm, i, out);
	return bad ? error_nomem(err) : 0;
}

/* --- Reading -------------------------------------------------------------------------- */
static char *unescape(const char *s, size_t n)
{
	char *out = malloc(n + 1), *o = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '|' && i + 2 < n && isxdigit((unsigned char)s[i + 1]) &&
		    isxdigit((unsigned char)s[i + 2])) {
			char hex[3] = { s[i + 1], s[i + 2], 0 };
			unsigned byte = (unsigned)strtoul(hex, NULL, 16);

			i += 2;
			if (byte) /* would end the string */
				*o++ = (char)byte;
		} else {
			*o++ = s[i];
		}
	}
	*o = '\0';
	return out;
}

char *vmx_get(const char *text, const char *key)
{
	size_t klen = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *p = line + strspn(line, " \t\r"), *end;

		if (strncasecmp(p, key, klen) != 0)
			continue;
		p += klen;
		p += strspn(p, " \t");
		if (*p++ != '=')
			continue;
		p += strspn(p, " \t");
		end = p + strcspn(p, "\r\n");
		if (*p == '"') {
			const char *quote = memchr(p + 1, '"', (size_t)(end - p - 1));

			p++;
			end = quote ? quote : end;
		}
		return unescape(p, (size_t)(end - p));
	}
	return NULL;
}
