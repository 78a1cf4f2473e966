/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "drivers.h"

#include <stdio.h>
#include <string.h>

#define BUILT_IN "(built in)"

const char *drivers_disk(const struct guest_kernel *k, const struct target *t)
{
	struct target_guest g;

	facts_kernel_target(k, &g);
	return target_driver(&g, t->disk->modules, t->disk->pci_id);
}

void drivers_no_disk(const struct guest_kernel *k, const struct target *t, char why[TARGET_WHY_MAX])
{
	struct target_guest g;

	facts_kernel_target(k, &g);
	target_driver_missing(&g, t->disk->modules, t->disk->pci_id, why);
}

const char *drivers_nic(const struct guest_kernel *k, const struct target *t)
{
	struct target_guest g;

	facts_kernel_target(k, &g);
	return target_driver(&g, t->nic->modules, t->nic->pci_id);
}

void drivers_no_nic(const struct guest_kernel *k, const struct target *t, char why[TARGET_WHY_MAX])
{
	struct target_guest g;

	facts_kernel_target(k, &g);
	target_driver_missing(&g, t->nic->modules, t->nic->pci_id, why);
}

static bool is_file(const struct guest_kernel *k, const char *module)
{
	const char *path = facts_module(k, module);

	return path && strcmp(path, BUILT_IN) != 0;
}

size_t drivers_wanted(const struct guest_kernel *k, const struct target *t, const char *out[DRIVERS_MAX])
{
	const char *driver = drivers_disk(k, t);

	if (!driver || !is_file(k, driver))
		return 0;
	out[0] = driver;
	return 1;
}

static void add_adapter(struct drivers_adapters *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->names[i], name))
			return;
	if (a->n == DRIVERS_ADAPTERS_MAX)
		return;
	snprintf(a->names[a->n], sizeof a->names[a->n], "%s", name);
	a->at[a->n] = a->names[a->n];
	a->n++;
}

/* DRIVER and what it needs; mkinitrd puts scsi_mod and sd_mod before all adapters itself. */
static int add_closure(const struct guest_kernel *k, const char *driver, struct drivers_adapters *out,
		       struct unrack_error *err)
{
	struct module_list l;
	int r = module_tree_closure(k->tree, &driver, 1, &l, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n; i++) {
		char name[64];

		module_name_of(l.paths[i], name);
		if (strcmp(name, "scsi_mod") != 0 && !l.soft[i])
			add_adapter(out, name);
	}
	module_list_free(&l);
	return 0;
}

int drivers_adapters(const struct guest_kernel *k, const struct target *t, int major,
		     struct drivers_adapters *out, struct unrack_error *err)
{
	const char *driver = drivers_disk(k, t);

	*out = (struct drivers_adapters){ 0 };
	if (!driver || !is_file(k, driver))
		return 0;
	/* Anaconda names Fusion's base first, and so does kudzu. */
	if (!strncmp(driver, "mpt", 3) && is_file(k, "mptbase"))
		add_adapter(out, "mptbase");
	if (major <= 4)
		return add_closure(k, driver, out, err);
	add_adapter(out, driver);
	return 0;
}

/* "rhel/root" of "/dev/rhel/root"; NULL: it is not such a name. */
static const char *volume_of(const char *device)
{
	const char *name = !strncmp(device, "/dev/", 5) ? device + 5 : "";
	const char *slash = strchr(name, '/');

	return slash && slash > name && !strchr(slash + 1, '/') && strncmp(name, "mapper/", 7) != 0 ? name : NULL;
}

void drivers_root_needs(const struct guest *g, const char *arguments, struct initrd_needs *out)
{
	const struct guest_mount *root = g->n_mounts ? &g->mounts[0] : NULL;

	*out = (struct initrd_needs){ .arguments = arguments };
	if (root && root->fstype[0])
		out->root_fs = root->fstype;
	out->root_on_md = root && !strncmp(root->device, "/dev/md", 7);
	for (unsigned i = 0; root && root->disk < 0 && !out->root_on_md && i < g->n_parts; i++)
		out->root_on_lvm |= !strcmp(g->parts[i].fstype, "LVM2_member");
	if (out->root_on_lvm)
		out->root_volume = volume_of(root->device);
}
