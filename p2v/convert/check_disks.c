/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that the guest's files name: as the VM's kernel will name them. */
#include <stdlib.h>
#include <string.h>

#include "appliance.h"
#include "base/cleanup.h"
#include "check_parts.h"
#include "harm.h"
#include "inspect.h"
#include "unrack/bootconf.h"

#define NONE (-1) /* guest_mount_resolve: no partition has that name */
#define SEVERAL (-2)
#define RELEASE_SYSTEMD 7
#define UNSEEN (-3) /* the partitions are not known */

/* The partition that NAME is in the VM: its place in g->parts, or one of the above. */
static int locate(const struct check_job *j, const char *name)
{
	if (j->g->n_parts == 0 || !strncmp(name, "/dev/md", 7))
		return UNSEEN;
	return guest_mount_resolve(j->g, &j->vm, name);
}

/* Where / was found by its content: its place in g->parts, or NONE. */
static int find_root(const struct check_job *j)
{
	for (unsigned i = 0; j->g->n_mounts && i < j->g->n_parts; i++)
		if (!strcmp(j->g->parts[i].device, j->g->mounts[0].device))
			return (int)i;
	return NONE;
}

static char *say_fault(const struct check_job *j, int at)
{
	if (at == SEVERAL)
		return say("several filesystems of the disks answer to that name");
	if (at == NONE)
		return say("the VM has no such device: its disks are /dev/%s%s", j->vm.prefix,
			   strcmp(j->vm.prefix, "nvme") ? "a and so on" : "0n1 and so on");
	return say("that is another filesystem than the guest's root");
}

/* NAME, from SOURCE ("the loader"), must be the root filesystem. */
static int check_root_name(struct check_job *j, const char *source, const char *name,
			   enum check_state fault, struct unrack_error *err)
{
	int at = locate(j, name), root = find_root(j);

	if (at == UNSEEN || root == NONE) {
		struct devname d;

		/* Of a folder of files only this much can be said. */
		if (devname_parse(name, &d)) {
			int image;
			unsigned partition;

			if (!devname_locate(&j->vm, name, &image, &partition))
				return check_add(j, "root", fault, say("%s: %s", source, name),
						 say_fault(j, NONE), err);
		}
		return check_add(j, "root", CHECK_WARN, say("%s: %s", source, name),
				 say("whether that is the root filesystem can't be seen here"), err);
	}
	if (at != root)
		return check_add(j, "root", fault, say("%s: %s", source, name), say_fault(j, at),
				 err);
	if (j->g->parts[root].disk < 0)
		return check_add(j, "root", CHECK_OK,
				 say("%s: %s, which is %s (%s)", source, name,
				     j->g->parts[root].device, j->g->parts[root].fstype),
				 NULL, err);
	return check_add(j, "root", CHECK_OK,
			 say("%s: %s, which is partition %d of disk %d (%s)", source, name,
			     j->g->parts[root].partition, j->g->parts[root].disk,
			     j->g->parts[root].fstype),
			 NULL, err);
}

int check_root(struct check_job *j, struct unrack_error *err)
{
	const char *loader = j->entry ? j->entry->root : NULL;
	int index = !j->kernel ? -1 :
		    j->entry   ? j->entry->initrd_index :
				 (int)j->kernel->n_initrds - 1;
	const char *initrd = index >= 0 ? j->kernel->initrds[index].root : NULL;
	int r = 0;

	if (!loader && !initrd)
		return check_add(j, "root", CHECK_UNKNOWN,
				 say("neither the loader nor the initrd names it"),
				 say("add root= to the kernel's line"), err);
	if (loader)
		r = check_root_name(j, "the loader", loader, CHECK_BAD, err);
	/* root= of the loader comes before what mkinitrd baked in. */
	if (r == 0 && initrd)
		r = check_root_name(j, "the initrd", initrd, loader ? CHECK_WARN : CHECK_BAD, err);
	if (r == 0 && !j->f->root)
		return check_add(j, "root", CHECK_BAD, say("fstab has no line for /"),
				 say("the system could not check and mount it"), err);
	return r == 0 ? check_root_name(j, "fstab", j->f->root, CHECK_BAD, err) : r;
}

/* --- Other devices -------------------------------------------------------------------- */
static int check_entry(struct check_job *j, const struct fstab_entry *e, size_t *good,
		       struct unrack_error *err)
{
	bool is_swap = !strcmp(e->type, "swap"), needed = e->passno > 0;
	int at = locate(j, e->device);

	if (at >= 0 || at == UNSEEN) {
		(*good)++;
		return 0;
	}
	/* rc.sysinit stops for a repair when fsck fails, and goes on when mount fails; systemd
	 * stops for whatever is not there. */
	if (j->f->major >= RELEASE_SYSTEMD)
		needed = !fstab_has_option(e, "nofail");
	return check_add(j, "mounts", needed && !is_swap ? CHECK_BAD : CHECK_WARN,
			 say("fstab line %u: %s at %s", e->line, e->device, e->where),
			 say_fault(j, at), err);
}

/* A filter of lvm.conf that was made for other names hides the VM's. */
static int check_lvm(struct check_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = inspect_read(j->g, "/etc/lvm/lvm.conf", &text, &found, err);

	for (unsigned i = 0; r == 0 && i < j->g->n_parts; i++) {
		const struct guest_part *p = &j->g->parts[i];
		char name[DEVNAME_MAX];
		unsigned line;

		if (p->disk < 0 || strcmp(p->fstype, "LVM2_member") != 0)
			continue;
		devname_make(j->vm.prefix, (unsigned)p->disk, (unsigned)p->partition, name);
		line = lvmconf_rejects(buf_str(&text), text.len, name);
		if (line)
			return check_add(j, "mounts", CHECK_WARN,
					 say("lvm.conf line %u: a filter", line),
					 say("it hides %s, so what is on that physical volume "
					     "can't be mounted",
					     name),
					 err);
	}
	return r;
}

/* dracut waits for the volumes that the kernel's arguments name, then gives up. */
static int check_volumes(struct check_job *j, struct unrack_error *err)
{
	const char *args = j->entry && j->entry->args ? j->entry->args : "";
	char *name, *value;
	size_t at = 0;
	int r = 0;

	while (r == 0 && j->g->n_parts && args_next(args, strlen(args), &at, &name, &value)) {
		char *device CLEANUP_FREE = value ? say("/dev/%s", value) : NULL;

		if (!name || !value || !device)
			r = error_nomem(err);
		else if ((!strcmp(name, "rd.lvm.lv") || !strcmp(name, "rd_LVM_LV")) &&
			 locate(j, device) == NONE)
			r = check_add(j, "mounts", CHECK_BAD, say("the loader: %s=%s", name, value),
				      say("there is no such volume on the disks given, and the initramfs "
					  "waits for it"),
				      err);
		free(name);
		free(value);
	}
	return r;
}

/* RHEL 9's list of LVM's devices. */
static int check_devices_file(struct check_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = inspect_read(j->g, "/etc/lvm/devices/system.devices", &text, &found, err);

	if (r < 0 || (!strstr(buf_str(&text), "IDTYPE=sys_") && !strstr(buf_str(&text), "IDTYPE=mpath_")))
		return r;
	return check_add(j, "mounts", CHECK_WARN, say("/etc/lvm/devices/system.devices"),
			 say("it lists the physical machine's disks by their identities: volumes that the "
			     "initramfs does not start are not there"),
			 err);
}

int check_mounts(struct check_job *j, struct unrack_error *err)
{
	const char *resume CLEANUP_FREE =
		j->entry && j->entry->args ? grubconf_argument(j->entry->args, "resume") : NULL;
	size_t good = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->f->n_fstab; i++) {
		const struct fstab_entry *e = &j->f->fstab[i];

		if (strcmp(e->where, "/") != 0 && (fstab_is_local(e) || !strcmp(e->type, "swap")))
			r = check_entry(j, e, &good, err);
	}
	if (r == 0)
		r = check_lvm(j, err);
	if (r == 0)
		r = check_volumes(j, err);
	if (r == 0)
		r = check_devices_file(j, err);
	if (r == 0)
		r = check_add(j, "mounts", CHECK_OK,
			      say("%zu other filesystems and swap areas%s", good,
				  j->g->n_parts ? " are there" :
						  " (their partitions can't be seen here)"),
			      NULL, err);
	if (r == 0 && resume && *resume && strcmp(resume, "no") != 0 && locate(j, resume) < 0 &&
	    j->g->n_parts)
		r = check_add(j, "mounts", CHECK_WARN, say("the loader: resume=%s", resume),
			      say("there is no such device; the boot waits for it, or says so, "
				  "and goes on"),
			      err);
	return r;
}

int check_harm(struct check_job *j, struct unrack_error *err)
{
	struct devname_map *names = malloc(sizeof *names);
	struct harm_list list;
	int r;

	if (!names)
		return error_nomem(err);
	r = harm_find(j->g, &list, err);
	if (r < 0) {
		free(names);
		return r;
	}
	*names = j->f->names;
	devname_map_target(names, j->vm.prefix);
	for (size_t i = 0; i < list.n; i++)
		devname_map_mention(names, list.at[i].device);
	devname_map_settle(names);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const struct harm *h = &list.at[i];
		char new[DEVNAME_MAX];
		enum devname_result result = devname_translate(names, h->device, new);

		if (!h->what[0] || result == DEVNAME_KEPT)
			continue;
		r = check_add(j, "harm", CHECK_BAD,
			      say("%s line %u %s %s", list.paths[h->file], h->line, h->what,
				  h->device),
			      result == DEVNAME_NEW ?
				      say("in the VM that name is another disk or none, and %s is "
					  "meant",
					  new) :
				      say("in the VM that name may be another disk; remove the line"),
			      err);
	}
	harm_free(&list);
	free(names);
	return r;
}
