/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module says of itself: its .modinfo, the symbols it wants and their checksums, and for
 * those of 2.4 kernels, which say no more, what they export and which PCI devices they drive.
 *
 * Sources: include/linux/{module,modversions}.h, scripts/mod/modpost.c, scripts/genksyms,
 * depmod.c of modutils 2.4 (loadobj, extract_pci_device_id), insmod.c (is_module_checksummed).
 * Threads: any, one per object. */
#ifndef INITRD_MODINFO_H
#define INITRD_MODINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

#define MODINFO_FILE_MAX (32u << 20) /* a module larger than this, unpacked, is refused */
#define MODINFO_ANY 0xffffffffu      /* of struct modinfo_pci: any (PCI_ANY_ID) */

struct modinfo_symbol {
	const char *name; /* without _R..., the checksum behind it; belongs to the modinfo */
	uint32_t crc;
	bool has_crc;
};

struct modinfo_symbols {
	struct modinfo_symbol *at; /* by name */
	size_t n;
};

struct modinfo_pci {
	uint32_t vendor, device, subvendor, subdevice, class, class_mask;
};

struct modinfo {
	uint16_t machine;
	bool is64, big;
	bool stripped; /* it has no table of symbols, without which no kernel and no insmod takes it */
	char machine_name[32];
	struct buf text;    /* of .modinfo: "key=value", each followed by a NUL */
	struct buf strings; /* the symbols' names */
	struct modinfo_symbols versions; /* 2.6: wanted ones, with their checksums, if it has any */
	struct modinfo_symbols wanted;   /* 2.4: that others must export; weak ones are none */
	struct modinfo_symbols exported; /* 2.4: as depmod of modutils takes them */
	struct modinfo_pci *pci;         /* 2.4: __module_pci_device_table; NULL: it has none */
	size_t n_pci;
};

/* BYTES are a module as it is in its file, packed or not. NAME is for messages.
 * UNRACK_UNSUPPORTED: no ELF object, or too large; UNRACK_DAMAGED. On failure OUT is empty. */
int modinfo_read(const void *bytes, size_t n, const char *name, struct modinfo *out,
		 struct unrack_error *err);
void modinfo_free(struct modinfo *m);

/* The value of KEY, the first (PREV NULL) or the one behind PREV; NULL: there is none. */
const char *modinfo_get(const struct modinfo *m, const char *key, const char *prev);
/* By name; NULL: there is none. */
const struct modinfo_symbol *modinfo_find(const struct modinfo_symbols *s, const char *name);
/* It is for a 2.4 kernel: what it needs is in its symbols. */
bool modinfo_is_old(const struct modinfo *m);
/* Its symbols carry checksums, so that the kernel's version need not be the same. */
bool modinfo_has_crcs(const struct modinfo *m);
/* Bytes that it takes in memory. */
size_t modinfo_size(const struct modinfo *m);

#endif
