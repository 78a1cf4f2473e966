/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "drivers.h"

#include <string.h>

#define BUILT_IN "(built in)"

static const char *module_of(void *ctx, const char *name)
{
	return facts_module(ctx, name);
}

static const char *first_of(const struct guest_kernel *k, const char *const *modules)
{
	for (; *modules; modules++)
		if (device_module_drives(*modules, module_of, (void *)(uintptr_t)k))
			return *modules;
	return NULL;
}

const char *drivers_disk(const struct guest_kernel *k, const struct target *t)
{
	return first_of(k, t->disk->modules);
}

const char *drivers_nic(const struct guest_kernel *k, const struct target *t)
{
	return first_of(k, t->nic->modules);
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
