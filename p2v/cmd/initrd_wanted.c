/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"

#define BUILT_IN "(built in)"
#define RELEASE_6 6 /* the first whose kernel is of this version, */
#define KERNEL_6 32 /* 2.6.32 */

/* For choosing among drivers: those that the kernel would take. */
struct choice {
	const struct module_tree *t;
	const char *unfit; /* why not, of the last that it would not */
};

static const char *path_of(const struct module_tree *t, const char *name)
{
	const char *path = module_tree_find(t, name);

	return path ? path : module_tree_builtin(t, name) ? BUILT_IN : NULL;
}

static const char *module_of(void *ctx, const char *name)
{
	struct choice *c = ctx;
	const char *unfit = module_tree_unfit(c->t, name);

	c->unfit = unfit ? unfit : c->unfit;
	return unfit ? NULL : path_of(c->t, name);
}

/* What was chosen from is not all that is there. */
static int tell_unfit(const struct choice *c, int r, struct unrack_error *err)
{
	return r == UNRACK_UNSUPPORTED && c->unfit ? error_suffix(err, "; %s", c->unfit) : r;
}

/* What the chooser asks of a release is whether it is older than 6. */
static int release_of(const char *kver)
{
	unsigned a = 0, b = 0, c = 0;

	if (sscanf(kver, "%u.%u.%u", &a, &b, &c) < 2)
		return RELEASE_6;
	return a > 2 || (a == 2 && b == 6 && c >= KERNEL_6) ? RELEASE_6 : RELEASE_6 - 1;
}

/* Names of kernels have the processor since RHEL 6; before, their modules tell: byte 4 of an ELF file is its class. */
static int bits_of(const struct initrd_modules *m)
{
	static const char *const usual[] = { "scsi_mod", "sd_mod", "jbd", "ext3", "BusLogic", "mptbase" };

	if (strstr(m->kver, "x86_64"))
		return 64;
	for (size_t k = 0; k < ARRAY_LEN(usual); k++) {
		const char *path = module_tree_find(m->tree, usual[k]);
		CLEANUP_BUF struct buf b = { 0 };
		struct unrack_error dropped;

		if (path && initrd_modules_read((void *)(uintptr_t)m, path, &b, &dropped) == 0 && b.len > 5 &&
		    !memcmp(b.data, "\177ELF", 4))
			return b.data[4] == 2 ? 64 : 32;
	}
	return release_of(m->kver) >= RELEASE_6 ? 64 : 32;
}

static const char *first_of(const char *const *modules, struct choice *c)
{
	for (; *modules; modules++)
		if (device_module_drives(*modules, module_of, c))
			return *modules;
	return NULL;
}

/* PCI: "15ad:07c0" */
static int find_claim(const struct initrd_modules *m, const char *module, const char *pci, enum module_claim *out,
		      struct unrack_error *err)
{
	unsigned vendor = 0, device = 0;

	sscanf(pci, "%x:%x", &vendor, &device);
	return module_tree_claims(m->tree, module, (uint16_t)vendor, (uint16_t)device, out, err);
}

static int add(struct initrd_wanted *out, const char *name, size_t n, const struct disk_device *disk,
	       struct unrack_error *err)
{
	struct initrd_driver *d = &out->drivers[out->n];
	char plain[64] = "";

	if (out->n == INITRD_WANTED_MAX)
		return error_set(err, UNRACK_USAGE, "--driver names more than %d modules", INITRD_WANTED_MAX);
	if (n < sizeof d->name) {
		snprintf(d->name, sizeof d->name, "%.*s", (int)n, name);
		module_name_of(d->name, plain);
	}
	/* Neither a path nor the name of a file. */
	if (!n || !plain[0] || strcmp(plain, d->name) != 0 || strpbrk(plain, "/ \t"))
		return error_set(err, UNRACK_USAGE, "--driver takes names of modules, such as vmw_pvscsi, not \"%.*s\"", (int)n, name);
	d->disk = disk;
	out->names[out->n++] = d->name;
	return 0;
}

static int add_named(const char *list, struct initrd_wanted *out, struct unrack_error *err)
{
	int r = 0;

	do {
		size_t n = strcspn(list, ",");

		r = add(out, list, n, NULL, err);
		list += n;
	} while (r == 0 && *list++);
	return r;
}

static int add_disk(const struct disk_device *disk, const char *module, const struct initrd_modules *m,
		    struct initrd_wanted *out, struct unrack_error *err)
{
	int r = add(out, module, strlen(module), disk, err);

	return r < 0 ? r : find_claim(m, module, disk->pci_id, &out->drivers[out->n - 1].claims, err);
}

static int set_nic(const struct nic_device *nic, const char *module, const struct initrd_modules *m,
		   struct initrd_wanted *out, struct unrack_error *err)
{
	out->nic = nic;
	snprintf(out->nic_module, sizeof out->nic_module, "%s", module ? module : "");
	return out->nic_module[0] ? find_claim(m, module, nic->pci_id, &out->nic_claims, err) : 0;
}

/* With an ESX version: as for a whole machine. */
static int choose_target(const struct target_request *req, const struct initrd_modules *m, struct initrd_wanted *out,
			 struct unrack_error *err)
{
	struct choice c = { .t = m->tree };
	const struct target_guest guest = {
		.module = module_of, .ctx = &c, .kver = m->kver, .bits = bits_of(m), .release = release_of(m->kver),
		.efi = req->firmware == FIRMWARE_EFI,
	};
	int r = tell_unfit(&c, target_choose(req, &guest, &out->target, err), err);

	if (r < 0)
		return r;
	out->has_target = true;
	r = add_disk(out->target.disk, out->target.disk_module, m, out, err);
	return r < 0 ? r : set_nic(out->target.nic, out->target.nic_module, m, out, err);
}

/* Without one: only the devices that are named. */
static int choose_devices(const struct target_options *o, const struct initrd_modules *m, struct initrd_wanted *out,
			  struct unrack_error *err)
{
	struct choice c = { .t = m->tree };
	enum target_scsi scsi = SCSI_AUTO;
	enum target_nic nic = NIC_AUTO;
	const char *module;
	char files[512];
	int r = o->scsi ? target_scsi_parse(o->scsi, &scsi, err) : 0;

	if (r == 0 && o->nic)
		r = target_nic_parse(o->nic, &nic, err);
	if (r == 0 && (o->hw || o->firmware || (o->scsi && scsi == SCSI_AUTO) || (o->nic && nic == NIC_AUTO)))
		r = error_set(err, UNRACK_USAGE, "which ESX version is it for? Say --esx with one of %s", esx_list());
	if (r == 0 && o->nic)
		r = set_nic(nic_device_find(nic), first_of(nic_device_find(nic)->modules, &c), m, out, err);
	if (r < 0 || !o->scsi)
		return r;
	c.unfit = NULL;
	module = first_of(disk_device_find(scsi)->modules, &c);
	if (module)
		return add_disk(disk_device_find(scsi), module, m, out, err);
	if (c.unfit)
		return error_set(err, UNRACK_UNSUPPORTED, "kernel %s has no driver for %s that it could use: %s; install a "
				 "build of it for this kernel, or take another --scsi", m->kver, target_scsi_name(scsi), c.unfit);
	device_module_files(disk_device_find(scsi)->modules, m->kver, files, sizeof files);
	return error_set(err, UNRACK_UNSUPPORTED, "kernel %s has no driver for %s (there is no %s)", m->kver,
			 target_scsi_name(scsi), files);
}

static bool is_asked(const struct target_options *o, const struct option_list *drivers)
{
	return o->esx || o->scsi || o->nic || o->hw || o->firmware || drivers->n;
}

int initrd_wanted_choose(const struct target_options *o, const struct option_list *drivers, const struct initrd_modules *m,
			 struct initrd_wanted *out, struct unrack_error *err)
{
	struct target_request req;
	int r = 0;

	memset(out, 0, sizeof *out);
	if (is_asked(o, drivers) && !m->g)
		return error_set(err, UNRACK_USAGE, "say with --modules where the modules of the image's kernel are, for example "
				 "/mnt/lib/modules");
	if (o->esx) {
		r = target_options_request(o, NULL, &req, err);
		if (r == 0)
			r = choose_target(&req, m, out, err);
	} else if (m->g) {
		r = choose_devices(o, m, out, err);
	}
	for (unsigned k = 0; r == 0 && k < drivers->n; k++)
		r = add_named(drivers->at[k], out, err);
	return r;
}

/* --- What was chosen --------------------------------------------------------------------- */

const struct disk_device *initrd_wanted_disk(const struct initrd_wanted *w)
{
	for (size_t k = 0; k < w->n; k++)
		if (w->drivers[k].disk)
			return w->drivers[k].disk;
	return NULL;
}

bool initrd_wanted_refused(const struct initrd_driver *d, const struct initrd_modules *m, char *why, size_t size)
{
	const char *const names[] = { d->name };
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct module_list closure;

	if (d->disk && d->claims == MODULE_CLAIMS_NO) {
		snprintf(why, size, "%s of kernel %s is not for %s (%s); it tells of other devices only", d->name, m->kver,
			 d->disk->name, d->disk->pci_id);
		return true;
	}
	if (module_tree_closure(m->tree, names, 1, &closure, &e) < 0) {
		snprintf(why, size, "%s", e.text);
		return true;
	}
	module_list_free(&closure);
	return false;
}

static const char *claim_name(enum module_claim c)
{
	return c == MODULE_CLAIMS_YES ? "yes" : c == MODULE_CLAIMS_CLASS ? "class" : c == MODULE_CLAIMS_NO ? "no" : "unknown";
}

static const char *claim_text(enum module_claim c)
{
	return c == MODULE_CLAIMS_YES ? ", which it claims" : c == MODULE_CLAIMS_CLASS ? ", whose class it claims" :
	       c == MODULE_CLAIMS_NO ? ", which it does not claim" : "";
}

static int put_device(struct buf *out, const char *what, const char *module, const char *device, const char *pci,
		      enum module_claim claims, const struct initrd_modules *m)
{
	const char *path = path_of(m->tree, module);

	if (buf_printf(out, "%-12s%s", what, module) < 0 ||
	    (device && buf_printf(out, " for %s (%s%s)", device, pci, claim_text(claims)) < 0))
		return -1;
	return buf_printf(out, ": %s\n", path ? path : "not there");
}

int initrd_wanted_text(const struct initrd_wanted *w, const struct initrd_modules *m, struct buf *out)
{
	for (size_t k = 0; k < w->n; k++) {
		const struct initrd_driver *d = &w->drivers[k];

		if (put_device(out, "wants", d->name, d->disk ? d->disk->name : NULL, d->disk ? d->disk->pci_id : NULL,
			       d->claims, m) < 0)
			return -1;
	}
	if (!w->nic)
		return 0;
	if (!w->nic_module[0])
		return buf_printf(out, "network     the kernel has no driver for %s (%s)\n", w->nic->name, w->nic->pci_id);
	return put_device(out, "network", w->nic_module, w->nic->name, w->nic->pci_id, w->nic_claims, m);
}

static struct json *driver_json(const struct initrd_modules *m, const char *name, const char *device, const char *pci,
				enum module_claim claims)
{
	const char *path = path_of(m->tree, name);
	bool built_in = path && !strcmp(path, BUILT_IN);
	struct json *o = json_new_object();

	if (json_set_str(o, "name", name) | json_set_str(o, "device", device) | json_set_str(o, "pci", pci) |
	    json_set_str(o, "claims", device ? claim_name(claims) : NULL) |
	    json_set_str(o, "file", built_in ? NULL : path) | json_set_bool(o, "built_in", built_in)) {
		json_free(o);
		return NULL;
	}
	return o;
}

void initrd_wanted_json(const struct initrd_wanted *w, const struct initrd_modules *m, struct json *result)
{
	struct json *drivers = json_new_array();

	for (size_t k = 0; k < w->n; k++) {
		const struct initrd_driver *d = &w->drivers[k];

		json_add(drivers, driver_json(m, d->name, d->disk ? d->disk->name : NULL, d->disk ? d->disk->pci_id : NULL,
					      d->claims));
	}
	json_set_str(result, "kver", m->kver[0] ? m->kver : NULL);
	json_set(result, "drivers", drivers);
	if (w->nic && w->nic_module[0])
		json_set(result, "nic_driver", driver_json(m, w->nic_module, w->nic->name, w->nic->pci_id, w->nic_claims));
}
