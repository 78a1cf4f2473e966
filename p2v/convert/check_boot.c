/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the firmware to the driver of the root disk. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "check_parts.h"
#include "drivers.h"
#include "inspect.h"

/* Where the drive stands that the first sector reads from; 0xff is the BIOS's. GRUB legacy's
 * stage1.h, GRUB 2's i386/pc/boot.h. */
#define STAGE1_BOOT_DRIVE 0x40
#define BOOT_IMG_BOOT_DRIVE 0x64

static const char *sector_text(enum boot_sector s)
{
	static const char *const texts[] = {
		"is not readable here", "starts nothing", "starts GRUB legacy", "starts GRUB 2",
		"starts LILO", "starts the active partition, or something unknown",
	};

	return texts[s];
}

static int check_firmware(struct check_job *j, struct unrack_error *err)
{
	bool efi = j->t->firmware == FIRMWARE_EFI;

	if (efi == j->f->efi)
		return check_add(j, "firmware", CHECK_OK,
				 say("%s, as the guest", efi ? "EFI" : "BIOS"), NULL, err);
	return check_add(j, "firmware", CHECK_BAD, say("%s", efi ? "EFI" : "BIOS"),
			 say("the guest boots by %s; use --firmware %s", j->f->efi ? "EFI" : "BIOS",
			     j->f->efi ? "efi" : "bios"),
			 err);
}

/* The firmware starts the first disk. */
int check_boot_disk(struct check_job *j, struct unrack_error *err)
{
	const struct guest_loader *l = &j->f->loader;
	enum boot_sector first = l->n_sectors ? l->sectors[0] : BOOT_SECTOR_UNREAD;
	unsigned drive;
	int r = check_firmware(j, err);

	if (r < 0 || j->f->efi)
		return r;
	switch (first) {
	case BOOT_SECTOR_UNREAD:
		return check_add(j, "boot disk", CHECK_UNKNOWN,
				 say("the first disk %s", sector_text(first)),
				 say("give the images, not a folder of files"), err);
	case BOOT_SECTOR_EMPTY:
		for (unsigned i = 1; i < l->n_sectors; i++)
			if (l->sectors[i] != BOOT_SECTOR_EMPTY && l->sectors[i] != BOOT_SECTOR_UNREAD)
				return check_add(j, "boot disk", CHECK_BAD,
						 say("the first disk %s, disk %u %s",
						     sector_text(first), i,
						     sector_text(l->sectors[i])),
						 say("give that disk first"), err);
		return check_add(j, "boot disk", CHECK_BAD,
				 say("the first disk %s", sector_text(first)),
				 say("its first sector has no boot code; is the disk that the "
				     "server boots from missing?"),
				 err);
	case BOOT_SECTOR_OTHER:
		return check_add(j, "boot disk", CHECK_WARN,
				 say("the first disk %s", sector_text(first)),
				 say("what its first sector does is not known"), err);
	case BOOT_SECTOR_GRUB_LEGACY:
	case BOOT_SECTOR_GRUB2:
		drive = j->g->disk_heads[0][first == BOOT_SECTOR_GRUB2 ? BOOT_IMG_BOOT_DRIVE :
									  STAGE1_BOOT_DRIVE];
		if (drive != 0xff && drive != 0x80)
			return check_add(j, "boot disk", CHECK_BAD,
					 say("the first disk %s, and then BIOS drive 0x%x",
					     sector_text(first), drive),
					 say("the VM boots from 0x80; install GRUB again "
					     "on the server with its disks in the order of the BIOS"),
					 err);
		break;
	default:
		break;
	}
	return check_add(j, "boot disk", CHECK_OK, say("the first disk %s", sector_text(first)), NULL,
			 err);
}

/* No filesystem that is here has UUID. */
static bool is_missing(const struct check_job *j, const char *uuid)
{
	for (unsigned i = 0; i < j->g->n_parts; i++)
		if (!strcasecmp(j->g->parts[i].uuid, uuid))
			return false;
	return j->g->n_parts > 0;
}

int check_loader(struct check_job *j, struct unrack_error *err)
{
	const struct guest_loader *l = &j->f->loader;
	const struct guest_entry *e = j->entry;

	if (l->kind == LOADER_NONE)
		return check_add(j, "default entry", CHECK_BAD,
				 say("no boot loader's files were found"),
				 say("is /boot on a disk that is not here?"), err);
	if (l->kind == LOADER_LILO)
		return check_add(j, "default entry", CHECK_UNKNOWN, say("%s", l->conf ? l->conf : "LILO"),
				 say("this version reads the entries of GRUB only"), err);
	if (!l->conf)
		return check_add(j, "default entry", CHECK_BAD,
				 say("there is no %s", l->kind == LOADER_GRUB2 ? "/boot/grub2/grub.cfg" :
										"/boot/grub/grub.conf"),
				 say("is /boot on a disk that is not here?"), err);
	if (!e)
		return check_add(j, "default entry", CHECK_BAD,
				 say("%s: entry %d of %zu", l->conf, l->default_entry, l->n_entries),
				 say("its default counts from 0 and is none of the entries"), err);
	if (e->xen)
		return check_add(j, "default entry", CHECK_BAD,
				 say("%s: entry %d, %s", l->conf, l->default_entry, e->title),
				 say("it starts Xen's hypervisor, which ESX can't run"), err);
	if (!e->kernel)
		return check_add(j, "default entry", CHECK_BAD,
				 say("%s: entry %d, %s", l->conf, l->default_entry, e->title),
				 say("it starts no kernel"), err);
	if (e->uuid && is_missing(j, e->uuid))
		return check_add(j, "default entry", CHECK_BAD,
				 say("%s: entry %d searches for the filesystem %s", l->conf,
				     l->default_entry, e->uuid),
				 say("none of the disks given has it"), err);
	if (e->disk > 0 && !e->uuid)
		return check_add(j, "default entry", CHECK_BAD,
				 say("%s: entry %d reads from (hd%d,%d)", l->conf, l->default_entry,
				     e->disk, e->partition - 1),
				 say("the VM boots from (hd0); give the boot disk first"), err);
	return check_add(j, "default entry", CHECK_OK,
			 say("%s: entry %d, %s", e->file ? e->file : l->conf, l->default_entry, e->title),
			 NULL, err);
}

int check_kernel(struct check_job *j, struct unrack_error *err)
{
	const struct guest_kernel *k = j->kernel;
	CLEANUP_BUF struct buf data = { 0 };
	char *version CLEANUP_FREE = NULL;
	int r;

	if (!k && j->entry && j->entry->kernel)
		return check_add(j, "kernel", CHECK_BAD, say("%s", j->entry->kernel),
				 say("it is not there"), err);
	if (!k)
		return check_add(j, "kernel", CHECK_UNKNOWN,
				 say("%zu kernels in /boot", j->f->n_kernels),
				 say("which one starts is not known"), err);
	r = j->g->ops->read(j->g, k->vmlinuz, INSPECT_BINARY_MAX, &data, err);
	if (r < 0)
		return r;
	version = inspect_kernel_version(data.data, data.len);
	if (!version)
		return check_add(j, "kernel", CHECK_BAD, say("%s, %zu bytes", k->vmlinuz, data.len),
				 say("it is not a Linux kernel for PCs; install that kernel "
				     "again on the server"),
				 err);
	if (strcmp(version, k->kver) != 0)
		return check_add(j, "kernel", CHECK_WARN, say("%s is kernel %s", k->vmlinuz, version),
				 say("its modules are taken from /lib/modules/%s", k->kver), err);
	if (!k->tree)
		return check_add(j, "kernel", CHECK_WARN, say("%s is kernel %s", k->vmlinuz, version),
				 say("there is no /lib/modules/%s", k->kver), err);
	return check_add(j, "kernel", CHECK_OK, say("%s is kernel %s", k->vmlinuz, version), NULL,
			 err);
}

/* --- Initrd and driver ---------------------------------------------------------------- */
/* "scsi_hostadapter mptbase, scsi_hostadapter1 mptspi" */
static int put_aliases(const struct check_job *j, struct buf *out)
{
	int bad = 0;
	size_t n = 0;

	for (size_t i = 0; i < j->f->n_aliases; i++)
		if (!strncmp(j->f->aliases[i].name, "scsi_hostadapter", 16))
			bad |= buf_printf(out, "%s%s %s", n++ ? ", " : "; aliases ",
					  j->f->aliases[i].name, j->f->aliases[i].module);
	return bad;
}

/* The initrd's modules in load order, "a, b, c". */
static int put_order(const struct initrd_answer *a, struct buf *out)
{
	int bad = 0;

	for (const char *p = buf_str(&a->order); *p; p += *p == '\n') {
		size_t n = strcspn(p, "\n");

		bad |= buf_printf(out, "%s%.*s", p == buf_str(&a->order) ? "" : ", ", (int)n, p);
		p += n;
	}
	return bad;
}

/* The filesystem of / as a module, which the initrd must load too; NULL: built in, or not known. */
static const char *root_module(const struct check_job *j)
{
	const char *type = j->g->n_mounts ? j->g->mounts[0].fstype : "";
	const char *path;

	for (size_t i = 0; !type[0] && i < j->f->n_fstab; i++)
		if (!strcmp(j->f->fstab[i].where, "/"))
			type = j->f->fstab[i].type;
	path = type[0] ? facts_module(j->kernel, type) : NULL;
	return path && strcmp(path, "(built in)") != 0 ? type : NULL;
}

/* What makes devices of logical volumes, if / is on one, as a module; NULL: not needed. */
static const char *volume_module(const struct check_job *j)
{
	const char *path = j->g->n_mounts && j->g->mounts[0].disk < 0 && j->g->mounts[0].device[0] ?
				   facts_module(j->kernel, "dm-mod") :
				   NULL;

	return path && strcmp(path, "(built in)") != 0 ? "dm-mod" : NULL;
}

/* The image has its own lvm.conf, whose filter was made for the old names of disks. Which physical volumes
 * root's group is on is not known: what hides some of them may do so on purpose. */
static int check_filter(struct check_job *j, const struct initrd *image, const char *path,
			struct unrack_error *err)
{
	const struct initrd_member *m = initrd_find(image, "etc/lvm/lvm.conf");
	char hidden[DEVNAME_MAX] = "";
	struct initrd_needs needs;
	bool any_passes = false;

	drivers_root_needs(j->g, NULL, &needs);
	for (unsigned i = 0; m && needs.root_on_lvm && i < j->g->n_parts; i++) {
		const struct guest_part *p = &j->g->parts[i];
		char name[DEVNAME_MAX];

		if (p->disk < 0 || strcmp(p->fstype, "LVM2_member") != 0)
			continue;
		devname_make(j->vm.prefix, (unsigned)p->disk, (unsigned)p->partition, name);
		if (!lvmconf_rejects((const char *)m->data, m->size, name))
			any_passes = true;
		else if (!hidden[0])
			memcpy(hidden, name, sizeof hidden);
	}
	if (!hidden[0])
		return 0;
	if (any_passes)
		return check_add(j, "initrd", CHECK_WARN, say("%s: etc/lvm/lvm.conf in it", path),
				 say("its filter hides %s, and not all physical volumes: root is found unless its volume "
				     "group is on that one, too",
				     hidden),
				 err);
	return check_add(j, "initrd", CHECK_BAD, say("%s: etc/lvm/lvm.conf in it", path),
			 say("its filter hides %s, which root is on; unrack fix lets pass what it did not hide on the "
			     "server; else remove the filter there, make the image again (%s -f), then copy it again",
			     hidden, initrd_get_kind(image) == INITRD_NASH ? "mkinitrd" : "dracut"),
			 err);
}

static int check_loads(struct check_job *j, const struct initrd *image, const char *driver,
		       struct unrack_error *err)
{
	CLEANUP_BUF struct buf evidence = { 0 };
	const char *wanted[DRIVERS_MAX + 2], *volumes = volume_module(j);
	size_t n = drivers_wanted(j->kernel, j->t, wanted);
	struct initrd_answer a = { 0 };
	struct initrd_needs needs;
	int r, bad;

	drivers_root_needs(j->g, j->entry ? j->entry->args : NULL, &needs);
	wanted[n] = root_module(j);
	n += wanted[n] != NULL;
	wanted[n] = volumes;
	n += volumes != NULL;
	r = initrd_check_needs(image, j->kernel->tree, wanted, n, &needs, &a, err);
	if (r == UNRACK_UNSUPPORTED || r == UNRACK_MISSING)
		return check_add(j, "driver", CHECK_UNKNOWN,
				 say("%s for %s", driver, j->t->disk->name), strdup(err->text), err);
	if (r < 0)
		return r;
	bad = buf_printf(&evidence, "%s for %s; loads ", driver, j->t->disk->name) |
	      put_order(&a, &evidence) | put_aliases(j, &evidence);
	if (bad)
		r = error_nomem(err);
	else if (a.loads && n && !module_tree_lists(j->kernel->tree, wanted[0]))
		r = check_add(j, "driver", CHECK_WARN, buf_steal(&evidence),
			      say("/lib/modules/%s/modules.dep is missing or does not list %s, so whether that "
				  "is all it needs is not known",
				  j->kernel->kver, wanted[0]),
			      err);
	else
		r = check_add(j, "driver", a.loads ? CHECK_OK : CHECK_BAD, buf_steal(&evidence),
			      a.loads ?
				      NULL :
				      say("the initrd does not load it before it looks for root: %s",
					  a.text),
			      err);
	if (r == 0 && a.loads && a.missing_link != INITRD_LINK_NONE)
		r = check_add(j, "initrd", CHECK_BAD, say("what root needs besides: %s", initrd_link_name(a.missing_link)),
			      strdup(a.text), err);
	initrd_answer_free(&a);
	return r;
}

/* What the default entry loads; without entries the kernel's only one. */
static const struct guest_initrd *initrd_of(const struct check_job *j)
{
	if (j->entry)
		return j->entry->initrd_index >= 0 ? &j->kernel->initrds[j->entry->initrd_index] :
						     NULL;
	return j->kernel->n_initrds ? &j->kernel->initrds[0] : NULL;
}

static int check_image(struct check_job *j, const struct guest_initrd *i, const char *driver,
		       struct unrack_error *err)
{
	struct initrd *image = NULL;
	int r;

	if (i->problem)
		return check_add(j, "initrd", i->damaged ? CHECK_BAD : CHECK_UNKNOWN, say("%s", i->path),
				 strdup(i->problem), err);
	r = check_add(j, "initrd", CHECK_OK, say("%s: %s", i->path, i->container), NULL, err);
	if (r == 0)
		r = inspect_open_initrd(j->g, i->path, &image, err);
	if (r == 0)
		r = check_filter(j, image, i->path, err);
	if (r == 0)
		r = check_loads(j, image, driver, err);
	initrd_close(image);
	return r;
}

/* What the default entry names, and is not among the kernel's images. */
static int check_unread(struct check_job *j, const char *path, struct unrack_error *err)
{
	struct guest_stat st;
	int r = j->g->ops->stat(j->g, path, &st, err);

	if (r < 0)
		return r;
	if (st.type == GUEST_FILE)
		return check_add(j, "initrd", CHECK_UNKNOWN, say("%s", path),
				 say("by its name it is an image for kdump or rescue, or one that is kept, and is not "
				     "looked into"),
				 err);
	return check_add(j, "initrd", CHECK_BAD, say("%s", path),
			 say(st.type == GUEST_NONE ? "it is not there" : "it is no file"), err);
}

int check_driver(struct check_job *j, struct unrack_error *err)
{
	const struct guest_kernel *k = j->kernel;
	const char *driver = k ? drivers_disk(k, j->t) : NULL;
	const char *wanted[DRIVERS_MAX];
	char why[TARGET_WHY_MAX];

	if (!k)
		return check_add(j, "driver", CHECK_UNKNOWN, say("none"),
				 say("which kernel starts is not known"), err);
	if (!driver) {
		drivers_no_disk(k, j->t, why);
		return check_add(
			j, "driver", CHECK_BAD, say("%s", why),
			say("kernel %s has no driver for %s; take another controller with --scsi",
			    k->kver, j->t->disk->name),
			err);
	}
	if (initrd_of(j))
		return check_image(j, initrd_of(j), driver, err);
	if (j->entry && j->entry->initrd)
		return check_unread(j, j->entry->initrd, err);
	if (drivers_wanted(k, j->t, wanted) || root_module(j))
		return check_add(
			j, "initrd", CHECK_BAD, say("none"),
			say("the kernel needs modules to reach its root, and nothing loads them"),
			err);
	return check_add(j, "driver", CHECK_OK,
			 say("%s for %s is built in", driver, j->t->disk->name), NULL, err);
}
