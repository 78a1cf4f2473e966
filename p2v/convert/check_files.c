/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files beside the guest: .vmx, descriptors, extents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "check_parts.h"

/* What the .vmx says of its disk controller: the name as of --scsi, malloc'd; NULL: nothing. */
static char *vmx_controller(const char *text)
{
	static const char *const others[] = { "sata", "nvme", "ide" };
	char *dev = vmx_get(text, "scsi0.virtualDev");

	for (size_t i = 0; !dev && i < sizeof others / sizeof others[0]; i++) {
		char key[32];
		char *file CLEANUP_FREE = NULL;

		snprintf(key, sizeof key, "%s0:0.fileName", others[i]);
		file = vmx_get(text, key);
		if (file)
			dev = strdup(others[i]);
	}
	return dev;
}

static int check_vmx(struct check_job *j, struct unrack_error *err)
{
	const struct check_files *files = j->files;
	char *controller CLEANUP_FREE = NULL;
	char *card CLEANUP_FREE = NULL;

	if (!files->vmx)
		return check_add(j, "vm file", CHECK_UNKNOWN, say("there is no .vmx yet"),
				 say("write it with unrack vm"), err);
	controller = vmx_controller(files->vmx_text);
	card = vmx_get(files->vmx_text, "ethernet0.virtualDev");
	if (!controller || strcasecmp(controller, j->t->disk->name) != 0)
		return check_add(j, "vm file", CHECK_BAD,
				 say("%s: disks on %s", files->vmx,
				     controller ? controller : "nothing"),
				 say("the target's disks are on %s; write it again with unrack vm",
				     j->t->disk->name),
				 err);
	if (card && strcasecmp(card, j->t->nic->name) != 0)
		return check_add(j, "vm file", CHECK_WARN, say("%s: network on %s", files->vmx, card),
				 say("the target's network is on %s; write it again with unrack vm",
				     j->t->nic->name),
				 err);
	return check_add(j, "vm file", CHECK_OK,
			 say("%s: disks on %s, network on %s", files->vmx, controller,
			     card ? card : "nothing"),
			 NULL, err);
}

static int check_descriptor(struct check_job *j, const struct check_disk *d, struct unrack_error *err)
{
	const char *want = j->t->disk->adapter_type;
	bool is_ide = !strcmp(want, "ide");

	if (!d->descriptor_found)
		return check_add(j, "descriptor", CHECK_BAD,
				 say("%s is missing%s%s", d->descriptor,
				     d->extent_found ? " beside " : "",
				     d->extent_found ? d->extent : ""),
				 say("ESX finds no disk without it; run the copy again, it "
				     "writes the descriptor"),
				 err);
	if (is_ide != !strcmp(d->adapter_type, "ide"))
		return check_add(j, "descriptor", CHECK_BAD,
				 say("%s: adapterType %s", d->descriptor, d->adapter_type),
				 say("the VM's controller is %s, which needs adapterType %s; "
				     "write it again with unrack vm",
				     j->t->disk->name, want),
				 err);
	if (strcmp(d->adapter_type, want) != 0)
		return check_add(j, "descriptor", CHECK_WARN,
				 say("%s: adapterType %s", d->descriptor, d->adapter_type),
				 say("for %s it is %s as a rule; ESX may ask before it starts",
				     j->t->disk->name, want),
				 err);
	return check_add(j, "descriptor", CHECK_OK,
			 say("%s: adapterType %s, %llu bytes", d->descriptor, d->adapter_type,
			     (unsigned long long)d->declared_bytes),
			 NULL, err);
}

static int check_extent(struct check_job *j, const struct check_disk *d, struct unrack_error *err)
{
	unsigned long long bytes = d->extent_bytes, declared = d->declared_bytes,
			   most = j->t->esx->disk_max;

	if (!d->extent_found)
		return check_add(j, "extent", CHECK_BAD, say("%s is missing", d->extent),
				 say("the descriptor's data is not there; run the copy again"), err);
	if (d->descriptor_found && bytes != declared)
		return check_add(j, "extent", CHECK_BAD, say("%s has %llu bytes", d->extent, bytes),
				 say("%s says %llu; run the copy again", d->descriptor, declared),
				 err);
	if (bytes > most)
		return check_add(j, "extent", CHECK_BAD, say("%s has %llu bytes", d->extent, bytes),
				 say("ESX %s has disks of at most %llu bytes; take a later version",
				     j->t->esx->name, most),
				 err);
	if (d->format == DISK_STREAM || d->format == DISK_SPARSE)
		return check_add(j, "extent", CHECK_WARN,
				 say("%s: %llu bytes, %s", d->extent, bytes,
				     d->format == DISK_STREAM ? "streamOptimized" : "monolithicSparse"),
				 say("ESX does not run it as it is, only what it makes of it by an import; unrack "
				     "export --format flat makes what it runs"),
				 err);
	return check_add(j, "extent", CHECK_OK, say("%s: %llu bytes", d->extent, bytes), NULL, err);
}

int check_vm_files(struct check_job *j, struct unrack_error *err)
{
	int r;

	if (!j->files)
		return 0;
	r = check_vmx(j, err);
	for (size_t i = 0; r == 0 && i < j->files->n_disks; i++) {
		r = check_descriptor(j, &j->files->disks[i], err);
		if (r == 0)
			r = check_extent(j, &j->files->disks[i], err);
	}
	return r;
}
