/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which old name of a disk is which image: by the root filesystem, which was found by its
 * content; by device.map; by the order of names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

/* DEVICE is what the guest calls its root: if it is the partition that / was found on, the
 * disk's name is certain. */
static void learn_root(struct guest_facts *f, const struct guest *g, const char *device, const char *why)
{
	const struct guest_mount *root = g->n_mounts ? &g->mounts[0] : NULL;
	struct devname d;

	if (device && root && root->disk >= 0 && devname_parse(device, &d) &&
	    (int)d.partition == root->partition)
		devname_map_learn(&f->names, d.disk, root->disk, why);
}

static int learn_devicemap(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	char name[64], why[96];
	size_t pos = 0;
	int bios, r = inspect_real(g, "/boot/grub/device.map", &f->devicemap, err);
	bool found;

	if (r == 0 && !f->devicemap)
		r = inspect_real(g, "/boot/grub2/device.map", &f->devicemap, err);
	if (r < 0 || !f->devicemap)
		return r;
	r = inspect_read(g, f->devicemap, &text, &found, err);
	while (r == 0 && devicemap_next(buf_str(&text), text.len, &pos, &bios, name)) {
		snprintf(why, sizeof why, "device.map: (hd%d)", bios);
		devname_map_learn(&f->names, name, bios, why);
	}
	return r;
}

static void mention_initrd(struct guest_facts *f, const struct guest_initrd *i)
{
	const char *p = i->mentions ? i->mentions : "";
	char name[DEVNAME_MAX];

	if (i->root)
		devname_map_mention(&f->names, i->root);
	if (i->resume)
		devname_map_mention(&f->names, i->resume);
	while (*p) {
		size_t n = strcspn(p, "\n");

		if (n < sizeof name) {
			memcpy(name, p, n);
			name[n] = '\0';
			devname_map_mention(&f->names, name);
		}
		p += n + (p[n] == '\n');
	}
}

static void mention_all(struct guest_facts *f)
{
	for (size_t i = 0; i < f->n_fstab; i++)
		if (fstab_is_local(&f->fstab[i]) || !strcmp(f->fstab[i].type, "swap"))
			devname_map_mention(&f->names, f->fstab[i].device);
	for (size_t i = 0; i < f->loader.n_entries; i++)
		if (f->loader.entries[i].root)
			devname_map_mention(&f->names, f->loader.entries[i].root);
	for (size_t i = 0; i < f->n_kernels; i++)
		for (size_t k = 0; k < f->kernels[i].n_initrds; k++)
			mention_initrd(f, &f->kernels[i].initrds[k]);
}

static int read_fstab(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = inspect_read(g, "/etc/fstab", &text, &found, err);

	if (r == 0)
		r = fstab_parse(buf_str(&text), text.len, &f->fstab, &f->n_fstab, err);
	for (size_t i = 0; r == 0 && i < f->n_fstab; i++) {
		const struct fstab_entry *e = &f->fstab[i];
		char **field = !strcmp(e->where, "/") ? &f->root :
			       !strcmp(e->type, "swap") ? &f->swap : NULL;

		if (!field || *field)
			continue;
		*field = strdup(e->device);
		if (!*field)
			return error_nomem(err);
	}
	return r;
}

/* An EFI system partition with a loader counts where no boot sector starts a BIOS. */
static int find_efi(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	enum boot_sector first = f->loader.n_sectors ? f->loader.sectors[0] : BOOT_SECTOR_UNREAD;
	int r = inspect_list(g, "/boot/efi/EFI", &names, err);

	f->efi = r == 0 && names.len && (first == BOOT_SECTOR_UNREAD || first == BOOT_SECTOR_EMPTY);
	return r;
}

int inspect_disks(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	int r = read_fstab(g, f, err);

	if (r < 0)
		return r;
	devname_map_init(&f->names, f->disks);
	learn_root(f, g, f->root, "fstab: the device of /");
	for (size_t i = 0; i < f->loader.n_entries; i++)
		learn_root(f, g, f->loader.entries[i].root, "the loader's root=");
	r = learn_devicemap(g, f, err);
	if (r < 0)
		return r;
	mention_all(f);
	devname_map_settle(&f->names);
	return find_efi(g, f, err);
}
