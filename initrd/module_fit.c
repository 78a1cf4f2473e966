/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which modules a kernel would take. What it would compare them with, itself, is not at hand; its
 * own modules, those in kernel/, were built with it and stand for it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "modules.h"

#define TRIES 12     /* own modules that are read to learn what the kernel is */
#define REFERENCES 3 /* of those, how many are compared with: for symbols that both use */
#define RANK_OWN 2   /* of kernel/, and of older trees' folders */

/* What most kernels have as modules, and that uses much of the kernel. */
static const char *const usual[] = {
	"scsi_mod", "ext3", "ext4", "sd_mod", "libata", "e1000", "xfs", "dm-mod", "sr_mod", "usb-storage",
};

/* --- Magic ------------------------------------------------------------------------------ */

/* "2.6.18-398.el5 SMP mod_unload gcc-4.1", or "2.4.21-63.ELsmp"; NULL: it says nothing. */
static const char *magic_of(const struct modinfo *m)
{
	const char *magic = modinfo_get(m, "vermagic", NULL);

	return magic ? magic : modinfo_get(m, "kernel_version", NULL);
}

static bool is_of_version(const char *magic, const char *kver)
{
	size_t n = strlen(kver);

	return !strncmp(magic, kver, n) && (!magic[n] || magic[n] == ' ');
}

/* As same_magic of the kernel, and as insmod of modutils, decide: with checksums on both sides
 * the version of the kernel is not looked at. */
static bool same_magic(const char *a, const char *b, bool crcs)
{
	if (crcs) {
		a += strcspn(a, " ");
		b += strcspn(b, " ");
	}
	return !strcmp(a, b);
}

/* --- The kernel ------------------------------------------------------------------------- */

static const struct modinfo *info_of(const struct module_tree *t, size_t k)
{
	const struct module *m = &t->modules.at[t->lazy->reference.modules.at[k]];

	return &m->own->info;
}

/* Takes M for the kernel if nothing better is known; *GOOD: it is surely of this kernel. */
static int try_reference(const struct module_tree *t, struct module *m, bool *good, struct unrack_error *err)
{
	struct module_reference *ref = &t->lazy->reference;
	const struct module_own *own;
	const char *magic;
	int r = module_own_get(t, m, &own, err);

	*good = false;
	if (r < 0 || !own->read)
		return r;
	for (size_t k = 0; k < ref->modules.len; k++)
		if (ref->modules.at[k] == (size_t)(m - t->modules.at))
			return 0;
	magic = magic_of(&own->info);
	*good = magic && is_of_version(magic, t->kver);
	/* A stray one that came first gives way. */
	if (*good && ref->modules.len == 1) {
		const char *first = magic_of(info_of(t, 0));

		if (!first || !is_of_version(first, t->kver))
			ref->modules.len = 0;
	}
	if (ref->modules.len && !*good)
		return 0;
	return index_vec_push(&ref->modules, (size_t)(m - t->modules.at)) < 0 ? error_nomem(err) : 0;
}

/* misc/ is where others put theirs, but the first 2.4 kernels have no kernel/. */
static bool is_own(const struct module *m, bool any)
{
	return any ? m->rank == RANK_OWN : !strncmp(m->path, "kernel/", 7);
}

/* The K-th module to look at: the usual ones, then some from all over the tree. */
static struct module *candidate(const struct module_tree *t, size_t k, bool any)
{
	struct module *m;

	if (k < ARRAY_LEN(usual)) {
		for (size_t i = 0; (m = modules_by_name(t, usual[k], strlen(usual[k]), i)); i++)
			if (is_own(m, any))
				return m;
		return NULL;
	}
	k -= ARRAY_LEN(usual);
	m = t->modules.len ? &t->modules.at[k * t->modules.len / TRIES] : NULL;
	return m && is_own(m, any) ? m : NULL;
}

static int try_references(const struct module_tree *t, bool any, struct unrack_error *err)
{
	size_t tries = 0, good = 0;

	for (size_t k = 0; good < REFERENCES && tries < TRIES && k < ARRAY_LEN(usual) + TRIES; k++) {
		struct module *m = candidate(t, k, any);
		bool is_good = false;
		int r;

		if (!m)
			continue;
		tries++;
		r = try_reference(t, m, &is_good, err);
		if (r < 0)
			return r;
		good += is_good;
	}
	return 0;
}

static int find_reference(const struct module_tree *t, struct unrack_error *err)
{
	struct module_reference *ref = &t->lazy->reference;
	int r = 0;

	if (ref->tried)
		return 0;
	r = try_references(t, false, err);
	if (r == 0 && !ref->modules.len)
		r = try_references(t, true, err);
	ref->tried = r == 0;
	return r;
}

bool module_fit_has_reference(const struct module_tree *t)
{
	struct unrack_error e = UNRACK_ERROR_INIT;

	return find_reference(t, &e) == 0 && t->lazy->reference.modules.len;
}

/* --- Comparing -------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static int say(char **why, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(why, fmt, ap);
	va_end(ap);
	if (n < 0)
		*why = NULL;
	return n < 0 ? -1 : 0;
}

static int compare_machines(const char *path, const struct modinfo *m, const struct modinfo *ref, char **why)
{
	if (m->machine == ref->machine && m->is64 == ref->is64 && m->big == ref->big)
		return 0;
	if (m->machine == ref->machine)
		return say(why, "%s is for %s of %d bits with the %s byte first, the kernel's own modules are for %d bits "
			   "with the %s byte first", path, m->machine_name, m->is64 ? 64 : 32, m->big ? "high" : "low",
			   ref->is64 ? 64 : 32, ref->big ? "high" : "low");
	return say(why, "%s is for %s, the kernel's own modules are for %s", path, m->machine_name,
		   ref->machine_name);
}

/* REF NULL: what the kernel itself would say is not known, but for its version. */
static int compare_magic(const char *path, const struct modinfo *m, const struct modinfo *ref,
			 const char *kver, char **why)
{
	const char *magic = magic_of(m), *own = ref ? magic_of(ref) : NULL;

	if (!ref || !own) {
		if (!magic || is_of_version(magic, kver) || modinfo_has_crcs(m))
			return 0;
		return say(why, "%s was built for kernel %.*s", path, (int)strcspn(magic, " "), magic);
	}
	if (!magic)
		return say(why, "%s does not say for which kernel it was built, as the kernel's own modules do", path);
	if (same_magic(magic, own, modinfo_has_crcs(m) && modinfo_has_crcs(ref)))
		return 0;
	return say(why, "%s was built for \"%s\", the kernel is \"%s\"", path, magic, own);
}

/* The first symbol of MINE that OWN has with another checksum. */
static const struct modinfo_symbol *find_other_crc(const struct modinfo_symbols *mine,
						   const struct modinfo_symbols *own, uint32_t *crc)
{
	for (size_t k = 0; k < mine->n; k++) {
		const struct modinfo_symbol *s = mine->at[k].has_crc ? modinfo_find(own, mine->at[k].name) : NULL;

		if (s && s->has_crc && s->crc != mine->at[k].crc) {
			*crc = s->crc;
			return &mine->at[k];
		}
	}
	return NULL;
}

static int compare_crcs(const char *path, const struct modinfo *m, const struct modinfo *ref, char **why)
{
	uint32_t crc = 0;
	const struct modinfo_symbol *s = find_other_crc(&m->versions, &ref->versions, &crc);

	if (!s)
		s = find_other_crc(&m->wanted, &ref->wanted, &crc);
	if (!s)
		return 0;
	return say(why, "%s was built for a kernel with another %s (checksum %08x, the kernel's is %08x)", path,
		   s->name, s->crc, crc);
}

static int compare(const struct module_tree *t, const char *path, const struct modinfo *m, bool crcs, char **why)
{
	const struct module_reference *ref = &t->lazy->reference;
	int r = 0;

	if (m->stripped)
		return say(why, "%s was stripped of its symbols, without which no kernel takes it", path);
	if (!ref->modules.len)
		return compare_magic(path, m, NULL, t->kver, why);
	r = compare_machines(path, m, info_of(t, 0), why);
	if (r == 0 && !*why)
		r = compare_magic(path, m, info_of(t, 0), t->kver, why);
	for (size_t k = 0; r == 0 && crcs && !*why && k < ref->modules.len; k++)
		r = compare_crcs(path, m, info_of(t, k), why);
	return r;
}

/* --- Questions -------------------------------------------------------------------------- */

int module_fit_plausible(const struct module_tree *t, const struct modinfo *info, bool *fits,
			 struct unrack_error *err)
{
	char *why = NULL;
	int r = find_reference(t, err);

	*fits = false;
	if (r < 0)
		return r;
	if (compare(t, "", info, false, &why) < 0)
		return error_nomem(err);
	*fits = !why;
	free(why);
	return 0;
}

int module_fit_judge(const struct module_tree *t, struct module *m, const char **why, struct unrack_error *err)
{
	const struct module_own *own;
	int r;

	*why = NULL;
	if (!t->lazy)
		return 0;
	r = find_reference(t, err);
	if (r == 0)
		r = module_own_get(t, m, &own, err);
	if (r < 0)
		return r;
	if (!own->judged) {
		r = own->read ? compare(t, m->path, &own->info, true, &m->own->why) :
		    /* If none can be read, they are nothing that could be judged. */
		    t->lazy->reference.modules.len ? say(&m->own->why, "%s can't be used (%s)", m->path, own->problem) : 0;
		if (r < 0)
			return error_nomem(err);
		m->own->judged = true;
	}
	*why = own->why;
	return 0;
}

int module_tree_fits(const struct module_tree *t, const char *path, const char **why,
		     struct unrack_error *err)
{
	struct module *m = modules_by_path(t, path);

	*why = NULL;
	if (!m)
		return error_set(err, UNRACK_MISSING, "%s is no module in /lib/modules/%s", path, t->kver);
	return module_fit_judge(t, m, why, err);
}

const char *module_tree_unfit(const struct module_tree *t, const char *name)
{
	struct module *m = modules_choose(t, name, strlen(name));
	struct unrack_error e = UNRACK_ERROR_INIT;
	const char *why = NULL;

	return m && module_fit_judge(t, m, &why, &e) == 0 ? why : NULL;
}

int module_tree_takes(const struct module_tree *t, const void *bytes, size_t n, const char *name, bool any_build,
		      char **why, struct unrack_error *err)
{
	struct modinfo info;
	int r = t->lazy ? find_reference(t, err) : 0;

	*why = NULL;
	if (r < 0 || !t->lazy || !t->lazy->reference.modules.len)
		return r;
	r = modinfo_read(bytes, n, name, &info, err);
	if (r < 0)
		return r;
	r = any_build ? compare_machines(name, &info, info_of(t, 0), why) : compare(t, name, &info, true, why);
	modinfo_free(&info);
	return r < 0 ? error_nomem(err) : 0;
}

bool module_tree_other(const struct module_tree *t, char *out, size_t size)
{
	const char *magic = t->lazy && module_fit_has_reference(t) ? magic_of(info_of(t, 0)) : NULL;

	if (!magic || is_of_version(magic, t->kver))
		return false;
	snprintf(out, size, "%.*s", (int)strcspn(magic, " "), magic);
	return true;
}
