/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "drivers.h"

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

size_t drivers_adapters(const struct guest_kernel *k, const struct target *t,
			const char *out[DRIVERS_MAX])
{
	const char *driver = drivers_disk(k, t);
	size_t n = 0;

	if (!driver || !is_file(k, driver))
		return 0;
	/* Anaconda names Fusion's base first, and so does kudzu. */
	if (!strncmp(driver, "mpt", 3) && is_file(k, "mptbase"))
		out[n++] = "mptbase";
	out[n++] = driver;
	return n;
}
