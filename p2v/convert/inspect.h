/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of inspection. Each fills its own fields of the facts from the guest's files;
 * they run in the order in which they stand here. */
#ifndef CONVERT_INSPECT_H
#define CONVERT_INSPECT_H

#include "unrack/facts.h"

#define INSPECT_TEXT_MAX (1u << 20)      /* a configuration file larger than this is refused */
#define INSPECT_BINARY_MAX (64u << 20)   /* a kernel, a program, a module */

/* release, family, major, minor. A family that is not known is "" until inspect_confirm. */
int inspect_release(struct guest *g, struct guest_facts *f, struct unrack_error *err);
/* loader, without the entries' kernel_index */
int inspect_loader(struct guest *g, struct guest_facts *f, struct unrack_error *err);
/* The same of GRUB 2, of which L's kind and sectors are known. */
int inspect_grub2(struct guest *g, struct guest_loader *l, struct unrack_error *err);
/* kernels, default_kernel, bits, the entries' kernel_index */
int inspect_kernels(struct guest *g, struct guest_facts *f, struct unrack_error *err);
/* A rebuild whose name is not known counts when its kernels say that they are of that release. */
int inspect_confirm(struct guest_facts *f, struct unrack_error *err);
/* nics, modconf, aliases, kudzu, hostname */
int inspect_net(struct guest *g, struct guest_facts *f, struct unrack_error *err);
/* nics of NetworkManager's keyfiles, and which rules name a card */
int inspect_cards(struct guest *g, struct guest_facts *f, struct unrack_error *err);
/* fstab, root, swap, devicemap, names, efi */
int inspect_disks(struct guest *g, struct guest_facts *f, struct unrack_error *err);

/* "Red Hat Enterprise Linux Server release 5.11 (Tikanga)": FAMILY is "" for a name that is
 * not known, NULL for systems that are certainly none of RHEL's; MINOR -1 when not said. */
void inspect_parse_release(const char *text, const char **family, int *major, int *minor);
/* The version in a kernel's header ("2.6.18-398.el5"), malloc'd; NULL: not a bzImage. */
char *inspect_kernel_version(const uint8_t *data, size_t n);
/* What "release VERSION" in os-release's terms says; family as above. */
int inspect_parse_os_release(const char *text, size_t n, const char **family, int *major, int *minor);
/* The guest's path of a file that the loader reads from a partition (disk -1: not said); malloc'd. */
char *inspect_boot_path(struct guest *g, int disk, int partition, const char *path);
/* WHERE/PATH, malloc'd. */
char *inspect_join(const char *where, const char *path);
/* The first that is a card's address, in lower case; the others of LIST are freed. NULL: none. */
char *inspect_take_mac(char *list[], size_t n);
/* What the first sectors of a disk, N bytes, hold. */
enum boot_sector inspect_boot_sector(const uint8_t *head, size_t n);

/* Reads a file of a kernel's modules; CTX is the struct guest_kernel. As struct module_source and
 * struct initrd_change want it. */
int inspect_read_module(void *ctx, const char *path, struct buf *out, struct unrack_error *err);

/* Opens the initrd at PATH, which is never whole in memory. What is wrong with it, also that it is too
 * large: UNRACK_DAMAGED, UNRACK_UNSUPPORTED; other errors say nothing of it. */
int inspect_open_initrd(struct guest *g, const char *path, struct initrd **out, struct unrack_error *err);

/* --- For the parts, the plan and the check -------------------------------------------- */
/* Small files; one that is missing is empty. */
int inspect_read(struct guest *g, const char *path, struct buf *out, bool *found, struct unrack_error *err);
/* Names in a folder, each followed by a NUL; a folder that is missing has none. */
int inspect_list(struct guest *g, const char *path, struct buf *names, struct unrack_error *err);
/* The real file behind PATH, malloc'd; NULL in *out when there is none. */
int inspect_real(struct guest *g, const char *path, char **out, struct unrack_error *err);

#endif
