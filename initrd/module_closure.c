/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules and all that they need, in load order. What a module needs: what modules.dep says, and,
 * if modules can be read, what it says itself; if modules.dep has no line for it, or one that
 * names files which are not there, only the latter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "modules.h"

#define DEPS_MAX 8192u /* that one module may name, the same ones more than once, too */
#define VISITS_MAX (8 * MODULES_CLOSURE_MAX) /* before soft dependencies are left out: those that fail are tried again */

DEFINE_VEC(path_vec, char *);

enum { UNSEEN, OPEN, DONE };

struct walk {
	const struct module_tree *t;
	bool soft;               /* soft dependencies, too */
	uint8_t *state;          /* of each module */
	size_t visits;           /* so far, those that came to nothing, too */
	struct index_vec opened; /* in this order */
	struct index_vec out;
};

static int visit(struct walk *w, struct module *m, struct unrack_error *err);

/* --- What one module needs -------------------------------------------------------------- */

static int add(const struct walk *w, const struct module *m, const struct module *dep, struct index_vec *deps,
	       struct unrack_error *err)
{
	if (deps->len == DEPS_MAX)
		return error_set(err, UNRACK_DAMAGED, "%s of kernel %s is said to need more than %u others; run depmod in "
				 "the guest", m->path, w->t->kver, DEPS_MAX);
	return index_vec_push(deps, (size_t)(dep - w->t->modules.at)) < 0 ? error_nomem(err) : 0;
}

/* The file that modules.dep names, or one of its name: it may have been packed or moved since. */
static struct module *find_listed(const struct module_tree *t, const char *path, char name[64])
{
	struct module *m = modules_by_path(t, path);

	module_name_of(path, name);
	return m ? m : modules_by_name(t, name, strlen(name), 0);
}

/* By the text of modules.dep. BROKEN: what it names that is not there; "". */
static int take_listed(const struct walk *w, const struct module *m, struct index_vec *deps,
		       char broken[256], struct unrack_error *err)
{
	const char *p = m->deps, *word;
	size_t n, words = 0;
	int r = 0;

	while (r == 0 && words++ <= DEPS_MAX && (word = module_word(&p, &n))) {
		CLEANUP_FREE char *path = strndup(word, n);
		struct module *dep;
		char name[64];

		if (!path)
			return error_nomem(err);
		dep = find_listed(w->t, path, name);
		if (dep)
			r = add(w, m, dep, deps, err);
		else if (!modules_builtin(w->t, name, strlen(name)) && !broken[0])
			snprintf(broken, 256, "%s", path);
	}
	return r;
}

/* "depends=scsi_mod,mptscsih": modpost names modules only, never what is in the kernel, but what
 * it named may be built in since. */
static int take_depends(const struct walk *w, const struct module *m, const char *p, struct index_vec *deps,
			struct unrack_error *err)
{
	const struct module_tree *t = w->t;
	int r = 0;

	while (r == 0 && *p) {
		size_t n = strcspn(p, ",");
		struct module *dep = n ? modules_choose(t, p, n) : NULL;

		if (dep)
			r = add(w, m, dep, deps, err);
		else if (n && !modules_builtin(t, p, n))
			r = error_set(err, UNRACK_MISSING, "kernel %s: module %.*s needs %.*s, which is not in "
				      "/lib/modules/%s; install that kernel's package again", t->kver, (int)m->len, m->base,
				      (int)min_u64(n, 63), p, t->kver);
		p += n + (p[n] == ',');
	}
	return r;
}

static int take_owners(const struct walk *w, const struct module *m, const struct modinfo *info,
		       struct index_vec *deps, struct unrack_error *err)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < info->wanted.n; k++) {
		struct module *owner;

		/* In the order of their names. */
		if (k && !strcmp(info->wanted.at[k].name, info->wanted.at[k - 1].name))
			continue;
		r = module_symbols_owner(w->t, m, info->wanted.at[k].name, &owner, err);
		if (r == 0 && owner && owner != m)
			r = add(w, m, owner, deps, err);
	}
	return r;
}

static int find_deps(const struct walk *w, struct module *m, struct index_vec *deps, struct unrack_error *err)
{
	const struct module_own *own;
	char broken[256] = "", name[64];
	bool tells;
	int r = m->deps ? take_listed(w, m, deps, broken, err) : 0;

	if (r == 0)
		r = module_own_get(w->t, m, &own, err);
	if (r < 0)
		return r;
	tells = own && own->read;
	if (tells && !modinfo_is_old(&own->info)) {
		const char *depends = modinfo_get(&own->info, "depends", NULL);

		return depends ? take_depends(w, m, depends, deps, err) : 0;
	}
	if (tells && (!m->deps || broken[0]))
		return take_owners(w, m, &own->info, deps, err);
	if (!broken[0])
		return 0;
	module_name_of(broken, name);
	return error_set(err, UNRACK_MISSING, "kernel %s: module %.*s needs %s, but %s is not in /lib/modules/%s; install "
			 "that kernel's package again", w->t->kver, (int)m->len, m->base, name, broken, w->t->kver);
}

/* --- All that they need ----------------------------------------------------------------- */

/* M, or the file of its name that the kernel takes. */
static int choose(const struct module_tree *t, struct module **m, struct unrack_error *err)
{
	const char *why;
	int r = module_fit_judge(t, *m, &why, err);

	if (r < 0 || !why)
		return r;
	*m = modules_choose(t, (*m)->base, (*m)->len);
	r = module_fit_judge(t, *m, &why, err);
	if (r == 0 && why)
		return error_set(err, UNRACK_UNSUPPORTED, "kernel %s can't use its module %.*s: %s; install a build of it "
				 "for this kernel, or that kernel's package again", t->kver, (int)(*m)->len, (*m)->base, why);
	return r;
}

/* One that fails is left out, with all that only it needs. */
static int visit_soft(struct walk *w, struct module *m, struct unrack_error *err)
{
	size_t opened = w->opened.len, out = w->out.len;
	struct unrack_error e = UNRACK_ERROR_INIT;
	int r = w->visits < VISITS_MAX ? visit(w, m, &e) : 0;

	if (r == UNRACK_MISSING || r == UNRACK_UNSUPPORTED || r == UNRACK_DAMAGED) {
		for (size_t k = opened; k < w->opened.len; k++)
			w->state[w->opened.at[k]] = UNSEEN;
		w->opened.len = opened;
		w->out.len = out;
		return 0;
	}
	if (r < 0)
		*err = e;
	return r;
}

static int visit_all(struct walk *w, const struct index_vec *v, bool soft, struct unrack_error *err)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < v->len; k++) {
		struct module *m = &w->t->modules.at[v->at[k]];

		r = soft ? visit_soft(w, m, err) : visit(w, m, err);
	}
	return r;
}

static int visit(struct walk *w, struct module *m, struct unrack_error *err)
{
	struct index_vec hard = { 0 };
	const struct index_vec *soft = NULL;
	int r = choose(w->t, &m, err);
	size_t k = (size_t)(m - w->t->modules.at);

	/* Open ones are met again in a cycle: their order cannot be had, and is as good as any. */
	if (r < 0 || w->state[k] != UNSEEN)
		return r;
	if (w->opened.len == MODULES_CLOSURE_MAX)
		return error_set(err, UNRACK_DAMAGED, "modules.dep of kernel %s: %s needs more than %d others; "
				 "run depmod in the guest", w->t->kver, m->path, MODULES_CLOSURE_MAX);
	w->visits++;
	w->state[k] = OPEN;
	if (index_vec_push(&w->opened, k) < 0)
		return error_nomem(err);
	r = find_deps(w, m, &hard, err);
	if (r == 0)
		r = visit_all(w, &hard, false, err);
	if (r == 0 && w->soft)
		r = module_soft_deps(w->t, m, &soft, err);
	if (r == 0 && soft)
		r = visit_all(w, soft, true, err);
	index_vec_free(&hard);
	if (r < 0)
		return r;
	w->state[k] = DONE;
	return index_vec_push(&w->out, k) < 0 ? error_nomem(err) : 0;
}

static int visit_names(struct walk *w, const char *const *names, size_t n, struct unrack_error *err)
{
	const struct module_tree *t = w->t;
	int r = 0;

	w->state = calloc(t->modules.len + 1, 1);
	if (!w->state)
		return error_nomem(err);
	for (size_t k = 0; r == 0 && k < n; k++) {
		struct module *m = modules_choose(t, names[k], strlen(names[k]));

		if (m)
			r = visit(w, m, err);
		else if (!modules_builtin(t, names[k], strlen(names[k])))
			r = error_set(err, UNRACK_MISSING, "kernel %s has no module %s: it is neither in "
				      "/lib/modules/%s nor built in; name another, or install it for that kernel", t->kver, names[k], t->kver);
	}
	return r;
}

static void walk_free(struct walk *w)
{
	free(w->state);
	index_vec_free(&w->opened);
	index_vec_free(&w->out);
}

static int make_list(const struct walk *w, const struct walk *hard, struct module_list *out,
		     struct unrack_error *err)
{
	struct path_vec paths = { 0 };

	out->soft = calloc(w->out.len + 1, sizeof *out->soft);
	if (!out->soft)
		return error_nomem(err);
	for (size_t k = 0; k < w->out.len; k++) {
		char *path = strdup(w->t->modules.at[w->out.at[k]].path);

		if (!path || path_vec_push(&paths, path) < 0) {
			free(path);
			*out = (struct module_list){ paths.at, out->soft, paths.len };
			return error_nomem(err);
		}
		out->soft[k] = hard->state[w->out.at[k]] != DONE;
	}
	*out = (struct module_list){ paths.at, out->soft, paths.len };
	return 0;
}

int module_tree_closure(const struct module_tree *t, const char *const *names, size_t n,
			struct module_list *out, struct unrack_error *err)
{
	struct walk hard = { .t = t }, all = { .t = t, .soft = true };
	int r = visit_names(&hard, names, n, err);

	*out = (struct module_list){ 0 };
	if (r == 0)
		r = visit_names(&all, names, n, err);
	if (r == 0)
		r = module_tree_failed(t, err);
	if (r == 0)
		r = make_list(&all, &hard, out, err);
	walk_free(&hard);
	walk_free(&all);
	if (r < 0)
		module_list_free(out);
	return r;
}

void module_list_free(struct module_list *l)
{
	for (size_t k = 0; k < l->n; k++)
		free(l->paths[k]);
	free(l->paths);
	free(l->soft);
	*l = (struct module_list){ 0 };
}
