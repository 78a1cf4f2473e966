/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsers and editors of a guest's text files. All are pure: text in, struct or text out.
 * Whatever an editor does not change it copies byte for byte: comments, spacing, CRLF, a
 * missing newline at the end; an edit that changes nothing gives its input.
 *
 * Text need not be NUL-terminated and may hold any bytes. Editors replace OUT. Parsers'
 * results are malloc'd. The only error is UNRACK_INTERNAL, no memory; lines that cannot be
 * understood are passed over, since the guest's own programs do the same. Threads: any. */
#ifndef UNRACK_EDIT_H
#define UNRACK_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/buf.h"
#include "unrack/error.h"

/* Device names to replace, compared whole. NEW NULL: what names it goes (see each editor). */
struct edit_name {
	const char *old, *new;
};
struct edit_names {
	const struct edit_name *at;
	size_t n;
};
/* The entry for the N bytes at NAME, or NULL. */
const struct edit_name *edit_names_find(const struct edit_names *names, const char *name, size_t n);

/* --- Tables of fields: fstab, crypttab, rawdevices, kdump.conf ------------------------ */
/* Replaces field FIELD (0-based) of the lines that are not comments. NEW NULL: left alone. */
int fields_edit(const char *text, size_t n, unsigned field, const struct edit_names *names,
		struct buf *out, struct unrack_error *err);
/* Goes through the lines that are not comments: copies the first COUNT fields into F
 * ("" when missing; a longer one is cut). False at the end. *pos and *line start at 0; then
 * *line is the number of the line, 1-based. */
bool fields_next(const char *text, size_t n, size_t *pos, unsigned *line, char (*f)[256], unsigned count);

/* fstab(5): spaces in names are written \040 and are left so. */
struct fstab_entry {
	char *device, *where, *type, *options;
	int passno;
	unsigned line; /* 1-based */
};
int fstab_parse(const char *text, size_t n, struct fstab_entry **out, size_t *count,
		struct unrack_error *err);
void fstab_free(struct fstab_entry *at, size_t n);
bool fstab_has_option(const struct fstab_entry *e, const char *option);
/* It is mounted at boot from a local disk (not noauto, not a network or kernel filesystem,
 * not a CD or floppy). */
bool fstab_is_local(const struct fstab_entry *e);

/* --- modules.conf, modprobe.conf ------------------------------------------------------ */
struct modconf_alias {
	char *name;   /* "scsi_hostadapter1", "eth0" */
	char *module;
	unsigned line;
};
/* The aliases of scsi_hostadapter* and of ethN, in the order of the lines. */
int modconf_parse(const char *text, size_t n, struct modconf_alias **out, size_t *count,
		  struct unrack_error *err);
void modconf_free(struct modconf_alias *at, size_t n);

struct modconf_change {
	const char *const *adapters; /* what scsi_hostadapter, scsi_hostadapter1, ... shall be */
	size_t n_adapters;
	const char *const *kept;     /* modules whose aliases stay, numbered behind those */
	size_t n_kept;
	const char *nic_module;      /* of every ethN */
	const char *const *nics;     /* ethN that need an alias */
	size_t n_nics;
};
/* Aliases that no longer name a device go, with the options, install and remove lines of
 * their modules. */
int modconf_edit(const char *text, size_t n, const struct modconf_change *c, struct buf *out,
		 struct unrack_error *err);

/* --- GRUB legacy ---------------------------------------------------------------------- */
struct grubconf_entry {
	char *title;
	char *device;        /* "(hd0,0)" that the paths are on; NULL: not said */
	char *kernel;        /* path without device; NULL: the entry starts something else */
	char *kernel_device; /* its own device, or NULL */
	char *args;          /* behind the path */
	char *initrd, *initrd_device;
	bool xen;            /* kernel, args, initrd are those of its module lines */
};
struct grubconf {
	struct grubconf_entry *entries;
	size_t n;
	int default_entry;   /* 0 when it is not said */
	bool default_saved;
	int fallback;        /* -1: none */
};
int grubconf_parse(const char *text, size_t n, struct grubconf *out, struct unrack_error *err);
void grubconf_free(struct grubconf *g);
/* "(hd0,1)": disk 0, partition 2 (1-based; 0 when it names the whole disk). */
bool grubconf_device(const char *s, int *disk, int *partition);
/* The value of the last NAME= of a kernel's arguments (malloc'd), NULL: none. */
char *grubconf_argument(const char *args, const char *name);
/* Changes kernels' arguments, and device names in the comment #boot= that grubby reads.
 * DEFAULT_ENTRY -1: as it is. */
struct args_change; /* bootconf.h */
int grubconf_edit(const char *text, size_t n, const struct args_change *change, int default_entry,
		  struct buf *out, struct unrack_error *err);

/* --- device.map ----------------------------------------------------------------------- */
/* Goes through "(hdN) NAME" lines; NAME has room for 64 bytes. */
bool devicemap_next(const char *text, size_t n, size_t *pos, int *bios, char name[64]);
/* NEW NULL: the line goes. */
int devicemap_edit(const char *text, size_t n, const struct edit_names *names, struct buf *out,
		   struct unrack_error *err);

/* --- lvm.conf --------------------------------------------------------------------------- */
/* The number of the line whose filter hides device NAME ("/dev/sda2"); 0: none does. */
unsigned lvmconf_rejects(const char *text, size_t n, const char *name);
/* Filters that hide NAME accept all /dev/PREFIX* first. */
int lvmconf_edit(const char *text, size_t n, const char *name, const char *prefix, struct buf *out,
		 struct unrack_error *err);

/* --- Files of shell assignments: /etc/sysconfig, ifcfg-* ------------------------------ */
/* The value of the last KEY=, unquoted (malloc'd); NULL: none, or no memory. */
char *sysconfig_get(const char *text, size_t n, const char *key);
/* Replaces KEY's value where it is one of NAMES. NEW NULL: left alone. */
int sysconfig_edit(const char *text, size_t n, const char *key, const struct edit_names *names,
		   struct buf *out, struct unrack_error *err);
/* Puts a # before every line that sets KEY. */
int sysconfig_comment(const char *text, size_t n, const char *key, struct buf *out,
		      struct unrack_error *err);

struct ifcfg {
	char *device;    /* DEVICE, or what the file's name says */
	char *hwaddr, *bootproto; /* NULL: not set */
	char *old_hwaddr; /* of a line that was made a comment, as ifcfg editing does; NULL: none */
	bool onboot;
	bool card;       /* a network card: no loopback, bond, bridge, VLAN, alias, tunnel */
};
/* NAME: the file's, "ifcfg-eth0". */
int ifcfg_parse(const char *name, const char *text, size_t n, struct ifcfg *out,
		struct unrack_error *err);
void ifcfg_free(struct ifcfg *c);
/* Network scripts read it: "ifcfg-" and not what an editor or rpm left behind. */
bool ifcfg_is_config(const char *name);

/* --- Scripts -------------------------------------------------------------------------- */
/* A device name in a line of a shell script that runs mkfs, mkswap, dd or the like on it. */
struct script_danger {
	unsigned line;       /* 1-based */
	char command[32];
	const char *device;  /* in the text, not terminated */
	size_t device_len;
};
struct script_cursor { /* begins as all zeros */
	size_t pos, end;     /* of the line that is being looked at */
	size_t next;         /* of the line after it */
	unsigned line;
	char command[32];
};
bool script_next_danger(const char *text, size_t n, struct script_cursor *c, struct script_danger *out);
/* Replaces names in such lines only. NEW NULL: left alone. */
int script_edit(const char *text, size_t n, const struct edit_names *names, struct buf *out,
		struct unrack_error *err);

#endif
