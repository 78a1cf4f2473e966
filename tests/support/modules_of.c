/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a kernel's modules, for the scripts that compare it with what other tools say.
 * FOLDER is /lib/modules/KVER of some tree. With -n modules.dep is not looked at.
 *
 *	modules_of info FILE...                  of each: "filename FILE", then its alias, depends,
 *	                                         softdep and vermagic as modinfo says them
 *	modules_of versions FILE                 as modprobe --dump-modversions, by name
 *	modules_of closure [-n] FOLDER KVER NAME...    paths in load order, "soft" behind those that are
 *	modules_of all [-n] FOLDER KVER          of each module: PATH: its needs, sorted
 *	modules_of fits FOLDER KVER PATH...      of each: "PATH fits", or why not
 *	modules_of claims FOLDER KVER NAME VENDOR DEVICE    unknown|no|class|yes
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../initrd/modules.h"
#include "base/size.h"

#define BATCH 100 /* a tree keeps what it has read */

static struct buf listing;
static size_t top_len;
static struct unrack_error err;

static int fail(void)
{
	fprintf(stderr, "modules_of: %s\n", err.text);
	return 1;
}

static int read_file(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	char full[4096], block[65536];
	FILE *f;
	size_t n;

	snprintf(full, sizeof full, "%s%s%s", ctx ? (const char *)ctx : "", ctx ? "/" : "", path);
	f = fopen(full, "rb");
	if (!f)
		return error_errno(e, errno, "can't open %s", full);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		if (buf_append(out, block, n) < 0)
			abort();
	fclose(f);
	return 0;
}

static int list_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	return type == FTW_F || type == FTW_SL ? buf_append(&listing, path + top_len, strlen(path + top_len) + 1) : 0;
}

static int open_tree(const char *folder, const char *kver, bool dep, struct module_tree **out)
{
	struct module_source s = { read_file, (void *)(uintptr_t)folder, NULL };
	struct buf deps = { 0 }, builtin = { 0 };
	struct unrack_error e;
	bool has_dep, has_builtin;
	int r;

	buf_clear(&listing);
	top_len = strlen(folder) + 1;
	if (nftw(folder, list_one, 32, FTW_PHYS) < 0)
		return error_errno(&err, errno, "can't list %s", folder);
	has_dep = dep && read_file((void *)(uintptr_t)folder, "modules.dep", &deps, &e) == 0;
	has_builtin = read_file((void *)(uintptr_t)folder, "modules.builtin", &builtin, &e) == 0;
	r = module_tree_new(kver, (const char *)listing.data, listing.len, has_dep ? buf_str(&deps) : NULL,
			    has_builtin ? buf_str(&builtin) : NULL, out, &err);
	if (r == 0)
		r = module_tree_attach(*out, &s, &err);
	buf_free(&deps);
	buf_free(&builtin);
	return r;
}

static int read_module(const char *path, struct modinfo *m)
{
	struct buf b = { 0 };
	int r = read_file(NULL, path, &b, &err);

	if (r == 0)
		r = modinfo_read(b.data ? (const void *)b.data : "", b.len, path, m, &err);
	buf_free(&b);
	return r;
}

static int show_info(char **files, int n)
{
	static const char *const keys[] = { "alias", "depends", "softdep", "vermagic" };

	for (int k = 0; k < n; k++) {
		struct modinfo m;

		if (read_module(files[k], &m) < 0)
			return fail();
		printf("filename %s\n", files[k]);
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			for (const char *v = NULL; (v = modinfo_get(&m, keys[i], v));)
				printf("%s %s\n", keys[i], v);
		modinfo_free(&m);
	}
	return 0;
}

static int show_versions(const char *file)
{
	struct modinfo m;

	if (read_module(file, &m) < 0)
		return fail();
	for (size_t k = 0; k < m.versions.n; k++)
		printf("0x%08x\t%s\n", m.versions.at[k].crc, m.versions.at[k].name);
	modinfo_free(&m);
	return 0;
}

static int show_closure(const struct module_tree *t, char **names, int n)
{
	struct module_list l;

	if (module_tree_closure(t, (const char *const *)names, (size_t)n, &l, &err) < 0)
		return fail();
	for (size_t k = 0; k < l.n; k++)
		printf("%s%s\n", l.paths[k], l.soft[k] ? " soft" : "");
	module_list_free(&l);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Without soft dependencies, as modules.dep has it. */
static int show_needs(const struct module_tree *t, const char *path)
{
	struct module_list l;
	const char *hard[MODULES_CLOSURE_MAX];
	char name[64];
	const char *const names[] = { name };
	size_t n = 0;

	module_name_of(path, name);
	if (module_tree_closure(t, names, 1, &l, &err) < 0)
		return fail();
	for (size_t k = 0; k < l.n; k++)
		if (!l.soft[k] && strcmp(l.paths[k], path) != 0)
			hard[n++] = l.paths[k];
	qsort(hard, n, sizeof *hard, by_text);
	printf("%s:", path);
	for (size_t k = 0; k < n; k++)
		printf(" %s", hard[k]);
	printf("\n");
	module_list_free(&l);
	return 0;
}

static int show_all(const char *folder, const char *kver, bool dep)
{
	struct module_tree *t = NULL;
	size_t n = 0;
	int r = 0;

	do {
		module_tree_free(t);
		if (open_tree(folder, kver, dep, &t) < 0)
			return fail();
		for (size_t k = 0; r == 0 && k < BATCH && n < t->modules.len; k++)
			r = show_needs(t, t->modules.at[n++].path);
	} while (r == 0 && n < t->modules.len);
	module_tree_free(t);
	return r;
}

static int show_fits(const struct module_tree *t, char **paths, int n)
{
	for (int k = 0; k < n; k++) {
		const char *why;

		if (module_tree_fits(t, paths[k], &why, &err) < 0)
			return fail();
		printf("%s%s\n", why ? why : paths[k], why ? "" : " fits");
	}
	return 0;
}

static int show_claim(const struct module_tree *t, char **args)
{
	static const char *const answers[] = { "unknown", "no", "class", "yes" };
	enum module_claim a;

	if (module_tree_claims(t, args[0], (uint16_t)strtoul(args[1], NULL, 16), (uint16_t)strtoul(args[2], NULL, 16),
			       &a, &err) < 0)
		return fail();
	printf("%s\n", answers[a]);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	bool dep = argc < 3 || strcmp(argv[2], "-n") != 0;
	char **args = argv + (dep ? 2 : 3);
	struct module_tree *t = NULL;
	int n = argc - (dep ? 2 : 3), r = 2;

	if (!strcmp(what, "info"))
		return show_info(args, n);
	if (!strcmp(what, "versions"))
		return show_versions(args[0]);
	if (n < 2) {
		fprintf(stderr, "usage: modules_of info|versions|closure|all|fits|claims ...\n");
		return 2;
	}
	if (!strcmp(what, "all")) {
		r = show_all(args[0], args[1], dep);
		buf_free(&listing);
		return r;
	}
	if (open_tree(args[0], args[1], dep, &t) < 0)
		r = fail();
	else if (!strcmp(what, "closure"))
		r = show_closure(t, args + 2, n - 2);
	else if (!strcmp(what, "fits"))
		r = show_fits(t, args + 2, n - 2);
	else if (!strcmp(what, "claims") && n == 5)
		r = show_claim(t, args + 2);
	module_tree_free(t);
	buf_free(&listing);
	return r;
}
