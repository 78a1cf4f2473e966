/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsers and editors of what boots RHEL 7 and later: kernel arguments, GRUB 2's grub.cfg and
 * environment block, entries of the Boot Loader Specification. Rules as in edit.h: pure, any
 * bytes are safe, what is not changed is copied byte for byte, the only error is
 * UNRACK_INTERNAL unless said otherwise. Threads: any.
 *
 * Sources: GRUB 2.02 manual ("Simple configuration", "Environment block"), grub-core/script,
 * grub-core/lib/envblk.c; Fedora's grub-core/commands/blscfg.c; Boot Loader Specification. */
#ifndef UNRACK_BOOTCONF_H
#define UNRACK_BOOTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/buf.h"
#include "unrack/edit.h"
#include "unrack/error.h"

/* --- Kernel arguments ------------------------------------------------------------------- */
struct args_change {
	struct edit_names names; /* values of NAME=VALUE words; NEW NULL: the word goes */
	const char *const *add;  /* words that must be there; appended when they are not */
	size_t n_add;
};
/* Whether WORD, all of it, is one of the words. */
bool args_has(const char *text, size_t n, const char *word);
/* Appends TEXT, one line without its end, as changed. -1: no memory. */
int args_put(const char *text, size_t n, const struct args_change *c, struct buf *out);
/* Copies the next word at or after *AT that has the form NAME=VALUE: malloc'd. False: none. */
bool args_next(const char *text, size_t n, size_t *at, char **name, char **value);
/* A file of arguments (/etc/kernel/cmdline): its lines, words added to the first. */
int args_edit(const char *text, size_t n, const struct args_change *c, struct buf *out,
	      struct unrack_error *err);
/* The value of KEY="..." in a file of shell assignments (/etc/default/grub). ADD false: only
 * names. */
int args_edit_sysconfig(const char *text, size_t n, const char *key, const struct args_change *c,
			bool add, struct buf *out, struct unrack_error *err);

/* --- grubenv: exactly 1024 bytes, "NAME=VALUE" lines, filled up with # -------------------- */
#define GRUBENV_BYTES 1024u
/* Value of NAME with its escapes undone (malloc'd); NULL: none, or not such a block. */
char *grubenv_get(const char *text, size_t n, const char *name);
/* Gives NAME another value, if it has one. UNRACK_NOSPACE: it does not fit into the block;
 * UNRACK_DAMAGED: TEXT is no such block. */
int grubenv_set(const char *text, size_t n, const char *name, const char *value, struct buf *out,
		struct unrack_error *err);

/* --- grub.cfg ---------------------------------------------------------------------------- */
struct grub2_entry {
	char *title, *id;     /* id NULL: none */
	int submenu;          /* in submenus[], -1: it stands in the first menu */
	unsigned number;      /* place in its menu, from 0; submenus count too */
	char *uuid;           /* of the filesystem that it searches for; NULL: does not */
	char *device;         /* "hd0,msdos1" of set root; NULL: not said */
	char *kernel, *args;  /* NULL: it starts something else */
	char *initrd;         /* the first; NULL: none */
	bool efi;             /* linuxefi: works only under EFI */
};
struct grub2_submenu {
	char *title, *id;
	unsigned number;
};
struct grub2_conf {
	struct grub2_entry *entries;
	size_t n;
	struct grub2_submenu *submenus;
	size_t n_submenus;
	char *default_value;   /* last literal of set default=; NULL: none */
	bool default_saved;    /* the last one is ${saved_entry} */
	bool blscfg;           /* it runs blscfg */
	unsigned bls_number;   /* menu entries that stand before that */
	char *kernelopts, *tuned_params; /* set unless grubenv has them; NULL: not */
	char *uuid, *device;   /* root of what is not in an entry */
	char *configfile;      /* it goes on with this file, as EFI's stubs do; NULL: does not */
};
int grub2conf_parse(const char *text, size_t n, struct grub2_conf *out, struct unrack_error *err);
void grub2conf_free(struct grub2_conf *g);
/* The entry that VALUE of "default" means: a number, title or id, "SUBMENU>ENTRY"; the first
 * one of the first menu if it means none, as GRUB does. -1: there is no entry. */
int grub2conf_default(const struct grub2_conf *g, const char *value);
/* "hd0,msdos1", "(hd0,gpt2)": disk 0, partition 1-based. False: another form. */
bool grub2conf_device(const char *s, int *disk, int *partition);
/* Arguments of linux commands, and of set kernelopts=. */
int grub2conf_edit(const char *text, size_t n, const struct args_change *c, struct buf *out,
		   struct unrack_error *err);

/* --- loader/entries/ *.conf ---------------------------------------------------------------- */
struct bls_entry {
	char *title, *version, *kernel; /* NULL: not said */
	char *initrd;                   /* the first; NULL: none */
	char *options;                  /* of all lines; variables as they are written */
};
int bls_parse(const char *text, size_t n, struct bls_entry *out, struct unrack_error *err);
void bls_free(struct bls_entry *e);
/* Words are added only to options without $kernelopts, which has them. */
int bls_edit(const char *text, size_t n, const struct args_change *c, struct buf *out,
	     struct unrack_error *err);
/* The order of two file names in the menu, newest first: below 0 when A comes before B. */
int bls_compare(const char *a, const char *b);
/* OPTIONS with $NAME replaced by what VALUE says (malloc'd there; NULL: nothing). */
int bls_expand(const char *options, char *(*value)(void *ctx, const char *name), void *ctx,
	       struct buf *out, struct unrack_error *err);

#endif
