/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an installed system is: release, kernels, boot loader, root device, network cards,
 * and which old disk name means which image. Read from its files only, never from its
 * package database, and nothing in it is run.
 *
 * All strings are malloc'd and belong to the struct; a string that has no value is NULL
 * unless said otherwise. Paths are absolute within the guest. Threads: as struct guest. */
#ifndef UNRACK_FACTS_H
#define UNRACK_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/devname.h"
#include "unrack/edit.h"
#include "unrack/error.h"
#include "unrack/guest.h"
#include "unrack/initrd.h"
#include "unrack/target.h"

struct json;

enum loader_kind { LOADER_NONE, LOADER_GRUB_LEGACY, LOADER_GRUB2, LOADER_LILO };

/* What the first sector of a disk holds. */
enum boot_sector {
	BOOT_SECTOR_UNREAD,  /* the disks cannot be read here */
	BOOT_SECTOR_EMPTY,   /* no boot signature */
	BOOT_SECTOR_GRUB_LEGACY,
	BOOT_SECTOR_GRUB2,
	BOOT_SECTOR_LILO,
	BOOT_SECTOR_OTHER,   /* some other code, e.g. one that starts the active partition */
};

struct guest_initrd {
	char *path;           /* the real file */
	enum initrd_kind kind;
	char *container;      /* "gzip newc cpio"; NULL: it cannot be opened, see problem */
	char *problem;
	bool damaged;         /* that is its problem: no kernel could use it, so another may take its place */
	char *root, *resume;  /* baked in; NULL: none */
	char *mentions;       /* other device names in it, one per line */
	bool multipath;       /* it starts multipath, with the physical machine's configuration */
};

struct guest_kernel {
	struct guest *guest;    /* whose it is, from which TREE reads */
	char *kver;             /* "2.6.18-398.el5" */
	char *vmlinuz;          /* real file; NULL: none in /boot */
	char *config;           /* text of /boot/config-KVER */
	struct guest_initrd *initrds; /* the default entry's first; those of all its entries */
	size_t n_initrds;
	struct module_tree *tree; /* NULL: no /lib/modules/KVER */
	int bits;               /* 32 or 64, of its modules; 0: not known */
	bool xen, debug, rescue, kdump;
	bool is_default;
};

/* A loader's entry with its paths turned into the guest's. */
struct guest_entry {
	char *title;
	char *kernel, *initrd; /* NULL: none, or it starts something else */
	char *args;            /* the kernel's arguments */
	char *root;            /* root= of them */
	int disk, partition;   /* that it reads from; partition 1-based; -1: not said */
	char *id;              /* GRUB 2: by which a default may name it; may be NULL */
	char *file;            /* the entry's own (BLS); NULL: it stands in the loader's file */
	char *uuid;            /* GRUB 2: of the filesystem that it reads from; NULL: not said */
	bool xen;              /* starts a hypervisor */
	int kernel_index;      /* in kernels[], or -1: it is not there */
	int initrd_index;      /* in that kernel's initrds[], or -1: none, or it is not there */
};

struct guest_loader {
	enum loader_kind kind;
	char *conf;              /* the real file that is edited */
	struct guest_entry *entries;
	size_t n_entries;
	int default_entry;       /* 0-based; may be beyond n_entries */
	bool default_saved;      /* it is what /boot/grub/default or grubenv says */
	char *grubenv;           /* GRUB 2's environment block, the real file; NULL: none */
	bool bls;                /* entries come from loader/entries */
	enum boot_sector sectors[64]; /* by disk */
	unsigned n_sectors;
};

struct guest_nic {
	char *name;     /* "eth0" */
	char *path;     /* its ifcfg file, or keyfile of NetworkManager */
	bool keyfile;   /* the latter */
	bool unnamed;   /* the file names no interface: NAME is the connection's */
	char *rule;     /* file of a rule that calls the VM's card so too; NULL: none */
	char *mac;      /* HWADDR in lower case, else hwconf's, else a former HWADDR; NULL: not known */
	bool hwaddr;    /* the ifcfg file insists on it */
	char *bootproto;
	char *driver;   /* of alias ethN */
	bool onboot;
};

struct guest_facts {
	char *release;       /* "Red Hat Enterprise Linux Server release 5.11 (Tikanga)" */
	char *family;        /* "rhel", "centos", "oracle", "scientific", "rocky", "almalinux" */
	int major, minor;    /* minor -1: not said */
	int bits;            /* of the default kernel, else of the programs */
	bool efi;            /* boots by EFI */
	char *hostname;      /* may be NULL */
	unsigned disks;

	struct guest_kernel *kernels;
	size_t n_kernels;
	int default_kernel;  /* in kernels[], or -1 */
	struct guest_loader loader;

	struct fstab_entry *fstab; /* all of it, in order */
	size_t n_fstab;
	char *root;          /* device of / in fstab */
	char *swap;          /* first swap in fstab */

	struct guest_nic *nics;
	size_t n_nics;
	char *modconf;       /* /etc/modprobe.conf or /etc/modules.conf, the real file */
	struct modconf_alias *aliases; /* of its scsi_hostadapter* and ethN, in order */
	size_t n_aliases;
	bool kudzu;          /* runs at boot */
	char *devicemap;     /* /boot/grub/device.map or /boot/grub2/device.map, the real file */
	struct devname_map names; /* which old name is which image */
};

/* FACTS is filled; on failure it is empty. They read more of G later: it is closed after they are
 * freed. No system, or not a RHEL-like one:
 * UNRACK_UNSUPPORTED, naming what was found. */
int inspect_guest(struct guest *g, struct guest_facts *facts, struct unrack_error *err);
void facts_free(struct guest_facts *f);

/* Whether this kernel has a driver: the path of its file relative to /lib/modules/KVER,
 * "(built in)", or NULL. */
const char *facts_module(const struct guest_kernel *k, const char *name);
/* What target_driver must know of one kernel. OUT borrows from K. */
void facts_kernel_target(const struct guest_kernel *k, struct target_guest *out);
/* What target_choose must know. OUT borrows from F. UNRACK_UNSUPPORTED: there is no kernel
 * of which anything could be said. */
int facts_target_guest(const struct guest_facts *f, struct target_guest *out,
		       struct unrack_error *err);

/* {release, family, major, minor, bits, firmware, hostname, loader, root, kernels[{version,
 *  default, initrds[]}], nics[{name, mac, bootproto}]}; NULL: no memory. */
struct json *facts_to_json(const struct guest_facts *f);
int facts_to_text(const struct guest_facts *f, struct buf *out); /* -1: no memory */

#endif
