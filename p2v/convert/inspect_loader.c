/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "inspect.h"

/* stage1 of GRUB legacy (stage1.h): version 3.2 at 0x3e, and its messages near the end. GRUB
 * 2 has the same messages and another version. LILO says so at byte 6. */
#define STAGE1_VERSION 0x3e
#define STAGE1_MESSAGES 0x170

enum boot_sector inspect_boot_sector(const uint8_t *head, size_t n)
{
	if (n < SECTOR_SIZE)
		return BOOT_SECTOR_UNREAD;
	if (head[510] != 0x55 || head[511] != 0xaa)
		return BOOT_SECTOR_EMPTY;
	if (!memcmp(head + 6, "LILO", 4) || !memcmp(head + 2, "LILO", 4))
		return BOOT_SECTOR_LILO;
	if (memmem(head + STAGE1_MESSAGES, SECTOR_SIZE - STAGE1_MESSAGES, "GRUB ", 5))
		return head[STAGE1_VERSION] == 3 && head[STAGE1_VERSION + 1] == 2 ?
			       BOOT_SECTOR_GRUB_LEGACY :
			       BOOT_SECTOR_GRUB2;
	/* No code at all: only a partition table. */
	return is_zero(head, 440) ? BOOT_SECTOR_EMPTY : BOOT_SECTOR_OTHER;
}

/* The first of PATHS that is a file, its real path; NULL: none. */
static int first_real(struct guest *g, const char *const *paths, size_t n, char **out,
		      struct unrack_error *err)
{
	int r = 0;

	*out = NULL;
	for (size_t i = 0; r == 0 && !*out && i < n; i++)
		r = inspect_real(g, paths[i], out, err);
	return r;
}

static bool has_grub2(struct guest *g)
{
	return guest_exists(g, "/boot/grub2/grub.cfg") || guest_exists(g, "/boot/loader/entries") ||
	       guest_exists(g, "/boot/efi/EFI/redhat/grub.cfg") ||
	       guest_exists(g, "/boot/grub2/grubenv");
}

/* The sector is what starts; files of several loaders may lie about. */
static enum loader_kind kind_of(struct guest *g, const struct guest_loader *l)
{
	enum boot_sector first = l->n_sectors ? l->sectors[0] : BOOT_SECTOR_UNREAD;

	if (first == BOOT_SECTOR_GRUB_LEGACY)
		return LOADER_GRUB_LEGACY;
	if (first == BOOT_SECTOR_LILO)
		return LOADER_LILO;
	if (first == BOOT_SECTOR_GRUB2)
		return LOADER_GRUB2;
	if (l->conf)
		return LOADER_GRUB_LEGACY;
	if (has_grub2(g))
		return LOADER_GRUB2;
	return guest_exists(g, "/etc/lilo.conf") ? LOADER_LILO : LOADER_NONE;
}

/* --- Entries -------------------------------------------------------------------------- */
char *inspect_join(const char *where, const char *path)
{
	CLEANUP_BUF struct buf b = { 0 };

	if (buf_printf(&b, "%s%s%s", strcmp(where, "/") ? where : "", path[0] == '/' ? "" : "/",
		       path) < 0)
		return NULL;
	return buf_steal(&b);
}

/* The guest's path of PATH on the partition (DISK, PARTITION), as the loader counts them.
 * Where the mounts do not tell (a plain directory), the file itself does. */
char *inspect_boot_path(struct guest *g, int disk, int partition, const char *path)
{
	char *in_boot, *plain;

	for (unsigned i = 0; i < g->n_mounts; i++)
		if (disk >= 0 && g->mounts[i].disk == disk && g->mounts[i].partition == partition)
			return inspect_join(g->mounts[i].where, path);
	in_boot = inspect_join("/boot", path);
	plain = inspect_join("/", path);
	if (in_boot && plain && !guest_exists(g, plain) &&
	    (guest_exists(g, in_boot) || strncmp(path, "/boot/", 6) != 0)) {
		free(plain);
		return in_boot;
	}
	free(in_boot);
	return plain;
}

static int add_entry(struct guest *g, struct guest_loader *l, const struct grubconf_entry *from,
		     struct unrack_error *err)
{
	struct guest_entry *e = &l->entries[l->n_entries++];
	const char *device = from->kernel_device ? from->kernel_device : from->device;
	int disk = -1, partition = -1;

	e->disk = e->partition = e->kernel_index = e->initrd_index = -1;
	e->title = strdup(from->title);
	e->xen = from->xen;
	if (!e->title)
		return error_nomem(err);
	if (!from->kernel)
		return 0;
	if (device)
		grubconf_device(device, &e->disk, &e->partition);
	e->kernel = inspect_boot_path(g, e->disk, e->partition, from->kernel);
	e->args = strdup(from->args ? from->args : "");
	if (!e->kernel || !e->args)
		return error_nomem(err);
	e->root = grubconf_argument(e->args, "root");
	if (!from->initrd)
		return 0;
	device = from->initrd_device ? from->initrd_device : from->device;
	if (device)
		grubconf_device(device, &disk, &partition);
	e->initrd = inspect_boot_path(g, disk, partition, from->initrd);
	return e->initrd ? 0 : error_nomem(err);
}

/* "default=saved": the number is at the start of this file, followed by blanks. */
static int read_saved(struct guest *g, struct guest_loader *l, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = inspect_read(g, "/boot/grub/default", &text, &found, err);

	if (r == 0 && found)
		l->default_entry = (int)(strtoul(buf_str(&text), NULL, 10) % 100000);
	return r;
}

static int read_grub_legacy(struct guest *g, struct guest_loader *l, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct grubconf conf = { 0 };
	bool found;
	int r = inspect_read(g, l->conf, &text, &found, err);

	if (r == 0)
		r = grubconf_parse(buf_str(&text), text.len, &conf, err);
	if (r < 0)
		return r;
	l->default_entry = conf.default_entry;
	l->default_saved = conf.default_saved;
	l->entries = calloc(conf.n + 1, sizeof *l->entries);
	if (!l->entries)
		r = error_nomem(err);
	for (size_t i = 0; r == 0 && i < conf.n; i++)
		r = add_entry(g, l, &conf.entries[i], err);
	grubconf_free(&conf);
	if (r == 0 && l->default_saved)
		r = read_saved(g, l, err);
	return r;
}

int inspect_loader(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	/* RHEL's GRUB reads grub.conf; menu.lst and /etc/grub.conf are links to it. */
	static const char *const grub[] = { "/boot/grub/grub.conf", "/boot/grub/menu.lst",
					    "/etc/grub.conf" };
	static const char *const lilo[] = { "/etc/lilo.conf" };
	struct guest_loader *l = &f->loader;
	int r;

	l->n_sectors = g->disk_heads ? (unsigned)min_u64(g->disks, ARRAY_LEN(l->sectors)) : 0;
	for (unsigned i = 0; i < l->n_sectors; i++)
		l->sectors[i] = g->disk_heads[i] ?
					inspect_boot_sector(g->disk_heads[i], SECTOR_SIZE) :
					BOOT_SECTOR_UNREAD;
	r = first_real(g, grub, ARRAY_LEN(grub), &l->conf, err);
	if (r < 0)
		return r;
	l->kind = kind_of(g, l);
	if (l->kind == LOADER_GRUB_LEGACY)
		return l->conf ? read_grub_legacy(g, l, err) : 0;
	free(l->conf);
	l->conf = NULL;
	if (l->kind == LOADER_GRUB2)
		return inspect_grub2(g, l, err);
	return l->kind == LOADER_LILO ? first_real(g, lilo, ARRAY_LEN(lilo), &l->conf, err) : 0;
}
