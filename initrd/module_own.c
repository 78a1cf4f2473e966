/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading of modules and indexes, each once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "modules.h"

/* Of all modules that a tree keeps; a real kernel's closure takes some hundred KiB. */
#define OWN_MAX (64u << 20)

/* Some who ask cannot be told: see module_tree_failed. */
static int fail(const struct module_tree *t, const struct unrack_error *e, struct unrack_error *err)
{
	if (!t->lazy->failure.code)
		t->lazy->failure = *e;
	*err = *e;
	return e->code;
}

int module_tree_failed(const struct module_tree *t, struct unrack_error *err)
{
	if (!t->lazy || !t->lazy->failure.code)
		return 0;
	*err = t->lazy->failure;
	return err->code;
}

/* What is wrong with the file, and not with the way to it. */
static bool is_fault(const struct unrack_error *e)
{
	return e->code == UNRACK_DAMAGED || e->code == UNRACK_UNSUPPORTED || e->sys_errno == ENOENT ||
	       e->sys_errno == ELOOP || e->sys_errno == ENOTDIR;
}

/* PROBLEM: NULL, or where the reason goes. */
static int read_info(const struct module_tree *t, const struct module *m, struct modinfo *info, bool *read,
		     char **problem, struct unrack_error *err)
{
	const struct module_source *s = &t->lazy->source;
	CLEANUP_BUF struct buf b = { 0 };
	struct unrack_error e = UNRACK_ERROR_INIT;
	int r = s->read(s->ctx, m->path, &b, &e);

	if (r == 0)
		r = modinfo_read(b.data ? (const void *)b.data : "", b.len, m->path, info, &e);
	*read = r == 0;
	if (r == 0)
		return 0;
	*info = (struct modinfo){ 0 };
	if (!is_fault(&e))
		return fail(t, &e, err);
	if (!problem)
		return 0;
	*problem = strdup(e.text);
	return *problem ? 0 : error_nomem(err);
}

int module_own_peek(const struct module_tree *t, const struct module *m, struct modinfo *info, bool *read,
		    struct unrack_error *err)
{
	return read_info(t, m, info, read, NULL, err);
}

int module_own_get(const struct module_tree *t, struct module *m, const struct module_own **out,
		   struct unrack_error *err)
{
	struct module_own *own;
	int r;

	*out = m->own;
	if (m->own || !t->lazy)
		return 0;
	own = calloc(1, sizeof *own);
	r = own ? read_info(t, m, &own->info, &own->read, &own->problem, err) : error_nomem(err);
	if (r == 0) {
		t->lazy->bytes += modinfo_size(&own->info);
		if (t->lazy->bytes > OWN_MAX)
			r = error_set(err, UNRACK_DAMAGED, "the modules of kernel %s say more of themselves than "
				      "those of any kernel do, %s last; install its package again", t->kver, m->path);
	}
	if (r < 0) {
		module_own_free(own);
		return r;
	}
	m->own = own;
	*out = own;
	return 0;
}

void module_own_free(struct module_own *o)
{
	if (!o)
		return;
	modinfo_free(&o->info);
	index_vec_free(&o->soft);
	free(o->problem);
	free(o->why);
	free(o);
}

int module_own_text(const struct module_tree *t, struct module_text *text, const char *name,
		    const char **out, struct unrack_error *err)
{
	const struct module_source *s = &t->lazy->source;
	struct unrack_error e = UNRACK_ERROR_INIT;

	*out = "";
	if (!text->tried) {
		if (s->read(s->ctx, name, &text->text, &e) < 0) {
			buf_clear(&text->text);
			if (!is_fault(&e))
				return fail(t, &e, err);
		}
		text->tried = true;
		if (text->text.len > MODULE_TEXT_MAX)
			buf_free(&text->text);
	}
	*out = buf_str(&text->text);
	return 0;
}

const char *module_own_config(const struct module_tree *t)
{
	/* Packages of RHEL 8 and later have the first; the second comes with kernel-devel. */
	static const char *const names[MODULE_CONFIGS] = { "config", "build/.config" };
	const char *text = "";

	if (t->lazy->source.config)
		return t->lazy->source.config;
	for (size_t k = 0; !*text && k < MODULE_CONFIGS; k++) {
		struct unrack_error e = UNRACK_ERROR_INIT;

		module_own_text(t, &t->lazy->configs[k], names[k], &text, &e);
	}
	return text;
}
