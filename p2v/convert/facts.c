/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unrack/json.h"

/* --- Freeing -------------------------------------------------------------------------- */
static void free_initrd(struct guest_initrd *i)
{
	free(i->path);
	free(i->container);
	free(i->problem);
	free(i->root);
	free(i->resume);
	free(i->mentions);
}

static void free_kernel(struct guest_kernel *k)
{
	free(k->kver);
	free(k->vmlinuz);
	free(k->config);
	for (size_t i = 0; i < k->n_initrds; i++)
		free_initrd(&k->initrds[i]);
	free(k->initrds);
	module_tree_free(k->tree);
}

static void free_entry(struct guest_entry *e)
{
	free(e->title);
	free(e->kernel);
	free(e->initrd);
	free(e->args);
	free(e->root);
	free(e->id);
	free(e->file);
	free(e->uuid);
}

void facts_free(struct guest_facts *f)
{
	free(f->release);
	free(f->family);
	free(f->hostname);
	for (size_t i = 0; i < f->n_kernels; i++)
		free_kernel(&f->kernels[i]);
	free(f->kernels);
	for (size_t i = 0; i < f->loader.n_entries; i++)
		free_entry(&f->loader.entries[i]);
	free(f->loader.entries);
	free(f->loader.conf);
	free(f->loader.grubenv);
	fstab_free(f->fstab, f->n_fstab);
	free(f->root);
	free(f->swap);
	for (size_t i = 0; i < f->n_nics; i++) {
		free(f->nics[i].name);
		free(f->nics[i].path);
		free(f->nics[i].mac);
		free(f->nics[i].bootproto);
		free(f->nics[i].driver);
		free(f->nics[i].rule);
	}
	free(f->nics);
	free(f->modconf);
	modconf_free(f->aliases, f->n_aliases);
	free(f->devicemap);
	memset(f, 0, sizeof *f);
}

/* --- Drivers -------------------------------------------------------------------------- */
const char *facts_module(const struct guest_kernel *k, const char *name)
{
	const char *path = k->tree ? module_tree_find(k->tree, name) : NULL;

	if (path)
		return path;
	if ((k->tree && module_tree_builtin(k->tree, name)) || module_config_builtin(k->config, name))
		return "(built in)";
	return NULL;
}

static const char *module_of(void *ctx, const char *name)
{
	return facts_module(ctx, name);
}

/* The numbers of "15ad:07c0". */
static void split_id(const char *pci_id, uint16_t *vendor, uint16_t *device)
{
	char *end;

	*vendor = (uint16_t)strtoul(pci_id, &end, 16);
	*device = (uint16_t)strtoul(end + (*end == ':'), NULL, 16);
}

static bool module_drives(void *ctx, const char *name, const char *pci_id, char why[TARGET_WHY_MAX])
{
	const struct guest_kernel *k = ctx;
	const char *path = k->tree ? module_tree_find(k->tree, name) : NULL, *unfit;
	enum module_claim claim = MODULE_CLAIMS_UNKNOWN;
	struct unrack_error e = UNRACK_ERROR_INIT;
	uint16_t vendor, device;

	if (!path)
		return true;
	unfit = module_tree_unfit(k->tree, name);
	if (unfit) {
		snprintf(why, TARGET_WHY_MAX, "%s", unfit);
		return false;
	}
	split_id(pci_id, &vendor, &device);
	/* What cannot be read is told where it is needed. */
	if (module_tree_claims(k->tree, name, vendor, device, &claim, &e) < 0 || claim != MODULE_CLAIMS_NO)
		return true;
	snprintf(why, TARGET_WHY_MAX, "%s is for other devices than %s", path, pci_id);
	return false;
}

void facts_kernel_target(const struct guest_kernel *k, struct target_guest *out)
{
	*out = (struct target_guest){ .module = module_of, .ctx = (void *)(uintptr_t)k, .kver = k->kver,
				      .bits = k->bits, .drives = module_drives };
}

int facts_target_guest(const struct guest_facts *f, struct target_guest *out,
		       struct unrack_error *err)
{
	struct guest_kernel *k = NULL;

	if (f->default_kernel >= 0)
		k = &f->kernels[f->default_kernel];
	/* Where the default is not known, or runs only under a hypervisor, any that has drivers. */
	for (size_t i = 0; i < f->n_kernels && (!k || k->xen); i++)
		if (f->kernels[i].tree && !f->kernels[i].xen && !f->kernels[i].rescue &&
		    !f->kernels[i].kdump)
			k = &f->kernels[i];
	if (!k)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "no kernel was found in /boot of %s; mount or copy the disk "
				 "that holds /boot too",
				 f->release);
	facts_kernel_target(k, out);
	if (!out->bits)
		out->bits = f->bits;
	out->release = f->major;
	out->efi = f->efi;
	return 0;
}

/* --- JSON ----------------------------------------------------------------------------- */
static const char *loader_name(enum loader_kind k)
{
	static const char *const names[] = { "none", "grub-legacy", "grub2", "lilo" };

	return names[k];
}

static struct json *kernel_json(const struct guest_kernel *k)
{
	struct json *j = json_new_object(), *initrds = json_new_array();
	int bad = !j || !initrds;

	for (size_t i = 0; !bad && i < k->n_initrds; i++)
		bad |= json_add_str(initrds, k->initrds[i].path);
	if (bad) {
		json_free(initrds);
		json_free(j);
		return NULL;
	}
	bad |= json_set_str(j, "version", k->kver) | json_set_str(j, "file", k->vmlinuz) |
	       json_set_int(j, "bits", k->bits) | json_set_bool(j, "default", k->is_default) |
	       json_set_bool(j, "modules", k->tree != NULL) | json_set(j, "initrds", initrds);
	if (!bad)
		return j;
	json_free(j);
	return NULL;
}

static struct json *nic_json(const struct guest_nic *n)
{
	struct json *j = json_new_object();

	if (j && (json_set_str(j, "name", n->name) | json_set_str(j, "mac", n->mac) |
		  json_set_str(j, "bootproto", n->bootproto) | json_set_str(j, "driver", n->driver) |
		  json_set_bool(j, "onboot", n->onboot))) {
		json_free(j);
		j = NULL;
	}
	return j;
}

struct json *facts_to_json(const struct guest_facts *f)
{
	struct json *j = json_new_object(), *kernels = json_new_array(), *nics = json_new_array();
	int bad = 0;

	for (size_t i = 0; kernels && i < f->n_kernels; i++)
		bad |= json_add(kernels, kernel_json(&f->kernels[i]));
	for (size_t i = 0; nics && i < f->n_nics; i++)
		bad |= json_add(nics, nic_json(&f->nics[i]));
	if (j)
		bad |= json_set_str(j, "release", f->release) | json_set_str(j, "family", f->family) |
		       json_set_int(j, "major", f->major) | json_set_int(j, "minor", f->minor) |
		       json_set_int(j, "bits", f->bits) |
		       json_set_str(j, "firmware", f->efi ? "efi" : "bios") |
		       json_set_str(j, "hostname", f->hostname) |
		       json_set_str(j, "loader", loader_name(f->loader.kind)) |
		       json_set_str(j, "root", f->root) | json_set(j, "kernels", kernels) |
		       json_set(j, "nics", nics);
	if (j && !bad)
		return j;
	json_free(j);
	return NULL;
}

/* --- Text ----------------------------------------------------------------------------- */
static int put_kernel(const struct guest_kernel *k, struct buf *out)
{
	int bad =
		buf_printf(out, "kernel    %s%s%s%s%s%s", k->kver, k->is_default ? " (default)" : "",
			   k->xen ? " (Xen)" : "", k->debug ? " (debug)" : "",
			   k->rescue ? " (rescue)" : "", k->kdump ? " (kdump)" : "");

	if (k->bits)
		bad |= buf_printf(out, ", %d bits", k->bits);
	bad |= buf_puts(out, k->tree ? "\n" : ", no /lib/modules\n");
	for (size_t i = 0; i < k->n_initrds; i++) {
		const struct guest_initrd *d = &k->initrds[i];

		bad |= buf_printf(out, "  initrd  %s: %s", d->path,
				  d->problem ? d->problem : d->container);
		if (d->root)
			bad |= buf_printf(out, ", root %s", d->root);
		bad |= buf_puts(out, "\n");
	}
	return bad;
}

static int put_loader(const struct guest_loader *l, struct buf *out)
{
	int bad = buf_printf(out, "loader    %s%s%s\n", loader_name(l->kind), l->conf ? ", " : "",
			     l->conf ? l->conf : "");

	for (size_t i = 0; i < l->n_entries; i++) {
		const struct guest_entry *e = &l->entries[i];

		bad |= buf_printf(out, "  %c %zu     %s: %s%s%s%s\n",
				  (int)i == l->default_entry ? '*' : ' ', i, e->title,
				  e->kernel ? e->kernel : "(not a kernel)",
				  e->kernel && e->kernel_index < 0 ? " (not there)" : "",
				  e->root ? ", root " : "", e->root ? e->root : "");
	}
	return bad;
}

int facts_to_text(const struct guest_facts *f, struct buf *out)
{
	int bad = buf_printf(out, "system    %s\n", f->release);

	if (f->hostname)
		bad |= buf_printf(out, "name      %s\n", f->hostname);
	bad |= buf_printf(out, "firmware  %s, %d bits\n", f->efi ? "EFI" : "BIOS", f->bits) |
	       put_loader(&f->loader, out);
	for (size_t i = 0; i < f->n_kernels; i++)
		bad |= put_kernel(&f->kernels[i], out);
	bad |= buf_printf(out, "root      %s\n", f->root ? f->root : "(not in fstab)");
	if (f->swap)
		bad |= buf_printf(out, "swap      %s\n", f->swap);
	for (size_t i = 0; i < f->names.n; i++) {
		const struct devname_mapped *m = &f->names.at[i];

		if (m->image >= 0)
			bad |= buf_printf(out, "disk      %s is image %d (%s)\n", m->disk, m->image,
					  m->why);
		else
			bad |= buf_printf(out, "disk      %s is %s (%s)\n", m->disk,
					  m->image == -1 ? "not among the images" :
							   "any of the images",
					  m->why);
	}
	for (size_t i = 0; i < f->n_aliases; i++)
		bad |= buf_printf(out, "alias     %s %s\n", f->aliases[i].name, f->aliases[i].module);
	for (size_t i = 0; i < f->n_nics; i++) {
		const struct guest_nic *n = &f->nics[i];

		bad |= buf_printf(out, "network   %s%s%s%s%s%s\n", n->name, n->mac ? ", " : "",
				  n->mac ? n->mac : "", n->bootproto ? ", " : "",
				  n->bootproto ? n->bootproto : "",
				  n->hwaddr ? ", bound to its address" : "");
	}
	return bad ? -1 : 0;
}
