/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "image_path.h"

/* --- What is wanted --------------------------------------------------------------------- */

static bool is_of_scsi(const char *path)
{
	/* of kernel/drivers; scsi_mod itself may be built in */
	static const char *const folders[] = { "/scsi/", "/message/", "/ata/" };
	char name[64];

	for (size_t f = 0; f < ARRAY_LEN(folders); f++)
		if (strstr(path, folders[f]))
			return true;
	module_name_of(path, name);
	return modules_same_name(name, "scsi_mod");
}

static bool drives_disks(const struct module_list *l)
{
	for (size_t k = 0; k < l->n; k++)
		if (is_of_scsi(l->paths[k]))
			return true;
	return false;
}

static int make_list(const struct module_tree *t, const char *const *wanted, size_t n,
		     struct module_list *out, bool *scsi, struct unrack_error *err)
{
	CLEANUP_FREE const char **all = NULL;
	int r = module_tree_closure(t, wanted, n, out, err);

	*scsi = r == 0 && drives_disks(out);
	if (r < 0 || !*scsi || !module_tree_find(t, "sd_mod"))
		return r;
	module_list_free(out);
	all = malloc((n + 1) * sizeof *all);
	if (!all)
		return error_nomem(err);
	all[0] = "sd_mod";
	if (n)
		memcpy(all + 1, wanted, n * sizeof *all);
	return module_tree_closure(t, all, n + 1, out, err);
}

/* Row A of the table. */
static int find_needs(const struct module_tree *t, struct loads_want *w, size_t a,
		      struct unrack_error *err)
{
	struct module_list deps = { 0 };
	const char *const names[] = { w->names[a] };
	int r;

	r = module_tree_closure(t, names, 1, &deps, err);
	if (r < 0)
		return r;
	for (size_t k = 0; k < deps.n; k++)
		for (size_t b = 0; b < a; b++)
			if (!deps.soft[k] && !strcmp(deps.paths[k], w->list.paths[b]))
				w->needs[a * w->list.n + b] = true;
	module_list_free(&deps);
	return 0;
}

int loads_want_new(const struct module_tree *t, const char *const *wanted, size_t n,
		   struct loads_want *out, struct unrack_error *err)
{
	int r;

	*out = (struct loads_want){ 0 };
	r = make_list(t, wanted, n, &out->list, &out->scsi, err);
	if (r < 0)
		return r;
	out->names = calloc(out->list.n + 1, sizeof *out->names);
	out->needs = calloc(out->list.n * out->list.n + 1, sizeof *out->needs);
	out->finds = calloc(out->list.n + 1, sizeof *out->finds);
	r = out->names && out->needs && out->finds ? 0 : error_nomem(err);
	for (size_t a = 0; r == 0 && a < out->list.n; a++)
		module_name_of(out->list.paths[a], out->names[a]);
	for (size_t a = 0; r == 0 && a < out->list.n; a++)
		r = find_needs(t, out, a, err);
	for (size_t a = 0; r == 0 && a < out->list.n; a++) {
		out->finds[a] = is_of_scsi(out->list.paths[a]);
		for (size_t b = 0; b < a; b++)
			out->finds[a] |= loads_needs(out, a, b) && out->finds[b];
	}
	if (r < 0)
		loads_want_free(out);
	return r;
}

void loads_want_free(struct loads_want *w)
{
	module_list_free(&w->list);
	free(w->names);
	free(w->needs);
	free(w->finds);
	*w = (struct loads_want){ 0 };
}

bool loads_needs(const struct loads_want *w, size_t a, size_t b)
{
	return w->needs[a * w->list.n + b];
}

int loads_judge(const struct module_tree *t, const struct initrd_member *f, char why[LOADS_WHY_MAX],
		struct unrack_error *err)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char *text CLEANUP_FREE = NULL;
	int r = module_tree_takes(t, f->data, f->size, f->name, false, &text, &e);

	snprintf(why, LOADS_WHY_MAX, "%s", text ? text : "");
	if (r == UNRACK_DAMAGED || r == UNRACK_UNSUPPORTED)
		snprintf(why, LOADS_WHY_MAX, "it can't be used (%s)", e.text);
	else if (r < 0)
		*err = e;
	return r < 0 && !why[0] ? r : 0;
}

/* --- What the script does --------------------------------------------------------------- */

/* The path of an insmod line as a string; false: not such a line, or no path that can be. */
static bool path_of(const struct nash_line *l, char *out, size_t size)
{
	struct nash_word w;

	if (!nash_insmod_path(l, &w) || w.n >= size)
		return false;
	memcpy(out, w.p, w.n);
	out[w.n] = '\0';
	return true;
}

const struct initrd_member *loads_file(const struct initrd *image, const struct nash_line *l)
{
	char path[256];

	if (!path_of(l, path, sizeof path))
		return NULL;
	return image_file(image, path);
}

bool loads_module(const struct nash_line *l, char name[64])
{
	char path[256];

	if (!path_of(l, path, sizeof path))
		return false;
	module_name_of(path, name);
	return true;
}

/* Which of the wanted modules an insmod line names; LOADS_NONE: another one. */
static size_t wanted_index(const struct nash_line *l, const struct loads_want *want)
{
	char name[64];

	if (!loads_module(l, name))
		return LOADS_NONE;
	for (size_t k = 0; k < want->list.n; k++)
		if (modules_same_name(name, want->names[k]))
			return k;
	return LOADS_NONE;
}

/* New files are put directly into lib/. */
bool loads_can(const struct initrd *image, const struct nash_line *l, bool assume_files)
{
	struct nash_word w;

	if (loads_file(image, l))
		return true;
	return assume_files && nash_insmod_path(l, &w) && w.n > 4 && !memcmp(w.p, "lib/", 4) &&
	       !memchr(w.p + 4, '/', w.n - 4);
}

static bool waits_for_disks(const struct nash_line *l)
{
	struct nash_word w[2];

	return l->command == NASH_STABILIZED && nash_arguments(l, w) == 1 &&
	       nash_word_is(&w[0], "/proc/scsi/scsi");
}

static void find_modules(const struct nash *s, const struct initrd *image,
			 const struct loads_want *want, bool assume_files, struct loads *out)
{
	for (size_t k = 0; k < s->lines.len; k++) {
		const struct nash_line *l = &s->lines.at[k];
		size_t m = l->command == NASH_INSMOD ? wanted_index(l, want) : LOADS_NONE;

		if (m == LOADS_NONE)
			continue;
		if (k < out->root && loads_can(image, l, assume_files)) {
			if (out->at[m] == LOADS_NONE)
				out->at[m] = k;
		} else if (out->useless[m] == LOADS_NONE) {
			out->useless[m] = k;
		}
	}
	for (size_t m = 0; m < want->list.n; m++)
		if ((want->finds[m] || !want->scsi) && out->at[m] != LOADS_NONE &&
		    (out->last == LOADS_NONE || out->at[m] > out->last))
			out->last = out->at[m];
}

/* Where mkdevices makes the nodes of disks, arrays are started before: md finds its members without. */
static size_t behind_arrays(const struct nash *s, size_t root)
{
	for (size_t k = root; k < s->lines.len; k++)
		if (nash_is_root(&s->lines.at[k]) && s->lines.at[k].command != NASH_RAID)
			return k;
	return s->lines.len;
}

int loads_find(const struct nash *s, const struct initrd *image, const struct loads_want *want,
	       bool assume_files, struct loads *out, struct unrack_error *err)
{
	bool el5 = nash_release_of(s) == NASH_EL5;
	size_t n = want->list.n, end;

	*out = (struct loads){ .root = s->lines.len, .last = LOADS_NONE, .wait = LOADS_NONE,
			       .nodes = LOADS_NONE };
	out->at = calloc(2 * n + 1, sizeof *out->at);
	if (!out->at)
		return error_nomem(err);
	out->useless = out->at + n;
	for (size_t k = 0; k < 2 * n; k++)
		out->at[k] = LOADS_NONE;
	for (size_t k = s->lines.len; k > 0; k--) {
		const struct nash_line *l = &s->lines.at[k - 1];

		if (nash_is_root(l))
			out->root = k - 1;
		out->makes_nodes |= l->command == NASH_NODES;
	}
	out->waits = el5 && want->scsi;
	find_modules(s, image, want, assume_files, out);
	end = el5 ? out->root : behind_arrays(s, out->root);
	for (size_t k = out->last == LOADS_NONE ? 0 : out->last + 1; k < end; k++) {
		const struct nash_line *l = &s->lines.at[k];

		if (out->wait == LOADS_NONE && k < out->root && waits_for_disks(l))
			out->wait = k;
		if (l->command == NASH_NODES && (!out->waits || out->wait != LOADS_NONE) &&
		    out->nodes == LOADS_NONE)
			out->nodes = k;
	}
	return 0;
}

void loads_free(struct loads *l)
{
	free(l->at);
	*l = (struct loads){ 0 };
}
