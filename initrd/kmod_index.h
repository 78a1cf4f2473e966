/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The indexes that depmod makes of modules.dep, modules.alias and others, and that modprobe
 * and udev read: modules.dep.bin, ... A trie, its edges merged, of keys of 7 bits:
 *
 *   header  u32 0xB007F457, u32 0x00020001 (major and minor version), u32 root
 *   node    [prefix, NUL] [u8 first, u8 last, u32 child for each of first..last, 0: none]
 *           [u32 count, count times u32 priority, value, NUL], values by rising priority
 *
 * All numbers are big endian. A node is named by its place in the file, with bits for which of
 * its three parts it has. Sources: kmod, libkmod/libkmod-index.c and tools/depmod.c; the same
 * in module-init-tools since 3.5. */
#ifndef INITRD_KMOD_INDEX_H
#define INITRD_KMOD_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

struct kmod_entry {
	const char *key, *value;
	uint32_t priority;
};

/* The value of KEY with the lowest priority, in P; NULL: none, or P is damaged there. */
const char *kmod_index_find(const uint8_t *p, size_t n, const char *key);

#define KMOD_INDEX_DAMAGED (-1)

/* Calls VISIT for every entry until it gives something else than 0, which is returned. KEY
 * is valid during the call. KMOD_INDEX_DAMAGED: what P is no index, or is cut or damaged. */
int kmod_index_each(const uint8_t *p, size_t n,
		    int (*visit)(void *ctx, const struct kmod_entry *e), void *ctx);

enum kmod_index_kind {
	KMOD_DEP,     /* of modules.dep: a module's name -> its line */
	KMOD_ALIAS,   /* of modules.alias and modules.symbols: an alias -> a module's name */
	KMOD_BUILTIN, /* of modules.builtin: a module's name -> "" */
};

/* Appends to OUT the index of the TEXT that depmod writes beside it, as depmod does. */
int kmod_index_make(enum kmod_index_kind kind, const char *text, struct buf *out,
		    struct unrack_error *err);

#endif
