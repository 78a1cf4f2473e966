/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The initrds of every kernel, and whether old and new ones fit side by side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "drivers.h"
#include "inspect.h"
#include "plan_parts.h"

#define NEW_BYTES_MAX (1ull << 30) /* of all new initrds together */
#define KEEP_MAX      (8u << 20)   /* of which this much stays in memory */

/* --- Names inside --------------------------------------------------------------------- */
/* ROOT: the device that the script mounts; it must be right unless the loader names another. */
static int add_name(struct plan_job *j, struct plan_table *t, const char *path, const char *name,
		    bool root, bool resume, struct unrack_error *err)
{
	enum devname_result result;
	int r = plan_table_translate(j, t, name, root ? "/" : NULL, &result, err);

	if (r < 0 || (result != DEVNAME_ABSENT && result != DEVNAME_UNSURE))
		return r;
	if (resume)
		return plan_table_add(t, name, NULL, err);
	return root ? plan_refuse_name(j, path, name, result, err) : 0;
}

static bool loader_names_root(const struct plan_job *j, const struct guest_kernel *k)
{
	for (size_t i = 0; i < j->f->loader.n_entries; i++) {
		const struct guest_entry *e = &j->f->loader.entries[i];

		if (e->kernel_index >= 0 && &j->f->kernels[e->kernel_index] == k && !e->root)
			return false;
	}
	return true;
}

static int add_names(struct plan_job *j, struct plan_table *t, const struct guest_kernel *k,
		     const struct guest_initrd *i, struct unrack_error *err)
{
	const char *p = i->mentions ? i->mentions : "";
	int r = 0;

	if (i->root)
		r = add_name(j, t, i->path, i->root, !loader_names_root(j, k), false, err);
	if (r == 0 && i->resume)
		r = add_name(j, t, i->path, i->resume, false, true, err);
	while (r == 0 && *p) {
		char *name CLEANUP_FREE = strndup(p, strcspn(p, "\n"));

		if (!name)
			return error_nomem(err);
		r = add_name(j, t, i->path, name, false, false, err);
		p += strlen(name);
		p += *p == '\n';
	}
	return r;
}

/* --- One initrd ----------------------------------------------------------------------- */
unsigned plan_mount_of(const struct guest *g, const char *path)
{
	unsigned best = 0;
	size_t best_len = 0;

	for (unsigned i = 0; i < g->n_mounts; i++) {
		size_t n = strlen(g->mounts[i].where);

		if (n > best_len && !strncmp(g->mounts[i].where, path, n) &&
		    (path[n] == '/' || n == 1)) {
			best = i;
			best_len = n;
		}
	}
	return best;
}

char *plan_phys_name(const char *path)
{
	size_t n = strlen(path);

	if (n > 4 && !strcmp(path + n - 4, ".img"))
		n -= 4;
	return say("%.*s" PLAN_PHYS, (int)n, path);
}

/* E is what is written to its path, which is as ST and OLD, what is kept already, say. */
static int add_image(struct plan_job *j, struct edit *e, const char *path, const char *phys, const struct guest_stat *st,
		     const struct guest_stat *old, struct plan_need *need, struct unrack_error *err)
{
	uint64_t bytes = plan_edit_bytes(e);
	struct edit *new;
	int r = 0;

	if (st->type == GUEST_NONE || old->type == GUEST_NONE) {
		need->bytes += bytes;
		need->inodes++;
	} else if (bytes > st->size) {
		need->bytes += bytes - st->size;
	}
	if (st->type != GUEST_NONE && old->type == GUEST_NONE)
		r = plan_add_move(j, EDIT_RENAME, path, phys, NULL,
				  say("the physical machine's initrd is kept beside the new one"), err);
	new = r == 0 ? plan_add_edit(j, EDIT_WRITE, path) : NULL;
	if (!new)
		return r < 0 ? r : error_nomem(err);
	e->path = new->path;
	*new = *e;
	*e = (struct edit){ 0 };
	return 0;
}

int plan_add_image(struct plan_job *j, const char *path, const char *label_from, struct buf *new,
		   struct buf *summary, char *reason, struct plan_need *needs, struct unrack_error *err)
{
	uint64_t keep = KEEP_MAX - min_u64(j->initrd_bytes, KEEP_MAX);
	char *phys CLEANUP_FREE = plan_phys_name(path);
	struct edit e = { .kind = EDIT_WRITE, .binary = true, .reason = reason, .summary = *summary };
	struct guest_stat st = { 0 }, old = { 0 };
	int r = phys && reason ? 0 : error_nomem(err);

	memset(summary, 0, sizeof *summary);
	j->initrd_bytes += new->len;
	if (r == 0 && j->initrd_bytes > NEW_BYTES_MAX)
		r = error_set(err, UNRACK_UNSUPPORTED, "the initrds of the guest's kernels are larger than %llu MiB together",
			      NEW_BYTES_MAX >> 20);
	if (r == 0)
		r = plan_edit_take(&e, new, keep, err);
	if (r == 0)
		r = j->g->ops->stat(j->g, path, &st, err);
	if (r == 0)
		r = j->g->ops->lstat(j->g, phys, &old, err);
	if (r == 0) {
		e.existed = st.type != GUEST_NONE && old.type != GUEST_NONE;
		e.mode = st.type == GUEST_NONE ? 0600 : st.mode;
		e.uid = st.uid;
		e.gid = st.gid;
		e.label_from = strdup(st.type == GUEST_NONE ? label_from : phys);
		r = e.label_from ? add_image(j, &e, path, phys, &st, &old, &needs[plan_mount_of(j->g, path)], err) :
				   error_nomem(err);
	}
	plan_edit_free(&e);
	return r;
}

#define LVM_CONF "etc/lvm/lvm.conf"

/* An image has a copy of the guest's lvm.conf, whose filter was made for the old names. */
static int edit_filter(struct plan_job *j, const struct initrd *image, struct buf *conf, char hidden[DEVNAME_MAX],
		       struct unrack_error *err)
{
	const struct initrd_member *m = initrd_find(image, LVM_CONF);
	CLEANUP_BUF struct buf before = { 0 };

	hidden[0] = '\0';
	if (!m)
		return 0;
	if (buf_append(&before, m->data, m->size) < 0)
		return error_nomem(err);
	return plan_lvm_filter(j, &before, conf, hidden, err);
}

/* Why an image is changed: names of T, HIDDEN ("": nothing), or what A, if MENDED is what it was changed for, says. */
static char *say_why(const struct plan_table *t, const char *hidden, const char *driver,
		     const struct initrd_answer *a, bool mended)
{
	char *filter CLEANUP_FREE = hidden[0] ? say(LVM_CONF " in it has a filter that hides %s, a physical volume "
						    "of the guest", hidden) : strdup("");

	if (!filter)
		return NULL;
	if (!a->loads)
		return say("it does not load %s before it looks for root: %s%s%s", driver, a->text,
			   hidden[0] ? "; and " : "", filter);
	if (mended && a->missing_link != INITRD_LINK_NONE)
		return say("it lacks what root needs besides: %s%s%s", a->text, hidden[0] ? "; and " : "", filter);
	return hidden[0] ? say("%s", filter) : plan_table_say(t);
}

/* As the entry has them that starts K. */
static const char *arguments_of(const struct plan_job *j, const struct guest_kernel *k)
{
	for (size_t i = 0; k != j->kernel && i < j->f->loader.n_entries; i++) {
		const struct guest_entry *e = &j->f->loader.entries[i];

		if (e->kernel_index >= 0 && &j->f->kernels[e->kernel_index] == k)
			return e->args;
	}
	return k == j->kernel ? j->entry->args : NULL;
}

int plan_change_begin(struct plan_job *j, const struct guest_kernel *k, const struct guest_initrd *i,
		      const struct initrd *image, struct plan_change *out, struct unrack_error *err)
{
	bool found;
	int r;

	*out = (struct plan_change){ .file = { .path = LVM_CONF } };
	j->stable = i->kind == INITRD_DRACUT;
	r = add_names(j, &out->names, k, i, err);
	j->stable = false;
	if (r == 0)
		r = edit_filter(j, image, &out->conf, out->hidden, err);
	if (r == 0 && i->kind == INITRD_NASH && j->f->modconf)
		r = inspect_read(j->g, j->f->modconf, &out->options, &found, err);
	out->pairs = calloc(out->names.v.len + 1, sizeof *out->pairs);
	if (r == 0 && !out->pairs)
		r = error_nomem(err);
	if (r < 0) {
		plan_change_end(out);
		return r;
	}
	for (size_t n = 0; n < out->names.v.len; n++) {
		out->pairs[n][0] = out->names.v.at[n].old;
		out->pairs[n][1] = out->names.v.at[n].new;
	}
	out->file.data = out->conf.data;
	out->file.n = out->conf.len;
	drivers_root_needs(j->g, arguments_of(j, k), &out->needs);
	out->c = (struct initrd_change){ .tree = k->tree,
					 .wanted = out->wanted,
					 .n_wanted = drivers_wanted(k, j->t, out->wanted),
					 .read_module = inspect_read_module,
					 .ctx = (void *)(uintptr_t)k,
					 .devices = (const char *const (*)[2])out->pairs,
					 .n_devices = out->names.v.len,
					 .files = &out->file,
					 .n_files = out->hidden[0] != '\0',
					 .modules_conf = buf_str(&out->options),
					 .needs = &out->needs };
	return 0;
}

void plan_change_end(struct plan_change *p)
{
	plan_table_free(&p->names);
	buf_free(&p->conf);
	buf_free(&p->options);
	free(p->pairs);
	p->pairs = NULL;
}

static int change_initrd(struct plan_job *j, const struct guest_kernel *k, const struct guest_initrd *i,
			 const struct initrd *image, struct plan_change *p, struct plan_need *needs,
			 struct unrack_error *err)
{
	CLEANUP_BUF struct buf new = { 0 }, summary = { 0 };
	struct initrd_answer answer = { 0 };
	size_t n = p->c.n_wanted;
	bool changed;
	int r = initrd_check_needs(image, k->tree, p->wanted, n, &p->needs, &answer, err);

	if (r == 0 && !answer.loads && !module_tree_has_deps(k->tree))
		r = error_set(err, UNRACK_UNSUPPORTED,
			      "/lib/modules/%s/modules.dep is missing or empty, and its modules can't be "
			      "read, so what %s needs is not known; run depmod -a %s on the server, then "
			      "copy it again",
			      k->kver, drivers_disk(k, j->t), k->kver);
	else if (r == 0 && n && !module_tree_lists(k->tree, p->wanted[0]))
		r = plan_warn(j,
			      say("/lib/modules/%s/modules.dep does not list %s, nor can that be read, so it is "
				  "loaded without what it may need besides; if it fails, run depmod -a %s on the "
				  "server and copy it again",
				  k->kver, p->wanted[0], k->kver),
			      err);
	if (r == 0)
		r = initrd_change(image, &p->c, &new, &changed, &summary, err);
	if (r == 0 && changed)
		r = plan_add_image(j, i->path, i->path, &new, &summary,
				   say_why(&p->names, p->hidden, drivers_disk(k, j->t), &answer,
					   i->kind == INITRD_DRACUT), needs, err);
	initrd_answer_free(&answer);
	return r;
}

/* Entries of two kernels may name one file. */
static bool is_planned(const struct plan_job *j, const char *path)
{
	for (size_t n = 0; n < j->plan->n_edits; n++)
		if (j->plan->edits[n].binary && !strcmp(j->plan->edits[n].path, path))
			return true;
	return false;
}

/* K's image at PATH is not usable because of WHY. */
static int replace(struct plan_job *j, const struct guest_kernel *k, const char *path, const char *why,
		   struct plan_need *needs, struct unrack_error *err)
{
	if (is_planned(j, path))
		return 0;
	if (j->f->major >= RELEASE_DRACUT)
		return plan_rebase(j, k, path, why, needs, err);
	return plan_generate(j, k, path, why, needs, err);
}

static int plan_initrd(struct plan_job *j, const struct guest_kernel *k, const struct guest_initrd *i,
		       struct plan_need *needs, struct unrack_error *err)
{
	struct plan_change p = { 0 };
	struct initrd *image;
	int r;

	if (is_planned(j, i->path))
		return 0;
	if (i->damaged)
		return replace(j, k, i->path, i->problem, needs, err);
	if (i->problem)
		return error_set(err, UNRACK_UNSUPPORTED, "%s", i->problem);
	if (i->kind != INITRD_NASH && i->kind != INITRD_DRACUT)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s is no initrd of mkinitrd or dracut (%s), and this version can't "
				 "change another one",
				 i->path, i->container);
	r = inspect_open_initrd(j->g, i->path, &image, err);
	if (r == 0)
		r = plan_change_begin(j, k, i, image, &p, err);
	if (r == 0)
		r = change_initrd(j, k, i, image, &p, needs, err);
	plan_change_end(&p);
	initrd_close(image);
	return r;
}

/* --- One kernel ----------------------------------------------------------------------- */
/* The image that an entry of K names and that is not there; the one that the VM starts comes first. */
static const char *absent_image(const struct plan_job *j, const struct guest_kernel *k)
{
	const struct guest_loader *l = &j->f->loader;

	if (k == j->kernel)
		return j->entry->initrd;
	for (size_t i = 0; i < l->n_entries; i++) {
		const struct guest_entry *e = &l->entries[i];

		if (e->kernel_index >= 0 && &j->f->kernels[e->kernel_index] == k && e->initrd)
			return e->initrd;
	}
	return NULL;
}

static int plan_absent(struct plan_job *j, const struct guest_kernel *k, const char *driver,
		       struct plan_need *needs, struct unrack_error *err)
{
	const char *path = absent_image(j, k);
	char *why CLEANUP_FREE = path ? say("%s, which the boot loader names, is not there", path) : NULL;
	struct guest_stat st = { 0 };
	int r = path ? j->g->ops->stat(j->g, path, &st, err) : 0;

	if (r < 0)
		return r;
	if (st.type == GUEST_FILE)
		return error_set(err, UNRACK_UNSUPPORTED, "%s, which the boot loader names, is by its name an image for kdump or "
				 "rescue, or one that is kept, and is left alone; have the server start another one, then copy "
				 "it again", path);
	/* A folder whose name is put aside for an image takes along what is in it. */
	if (st.type != GUEST_NONE)
		return error_set(err, UNRACK_UNSUPPORTED, "%s, which the boot loader names, is no file; correct that entry on the "
				 "server, then copy it again", path);
	if (path)
		return why ? replace(j, k, path, why, needs, err) : error_nomem(err);
	return error_set(err, UNRACK_UNSUPPORTED,
			 "kernel %s starts without an initrd, and its driver for %s, %s, is "
			 "a module",
			 k->kver, j->t->disk->name, driver);
}

static bool is_fault(int r)
{
	return r == UNRACK_UNSUPPORTED || r == UNRACK_DAMAGED || r == UNRACK_MISSING;
}

/* An image that other entries than the default one start the same kernel with keeps nothing from booting. */
static int plan_image(struct plan_job *j, const struct guest_kernel *k, size_t i, struct plan_need *needs,
		      struct unrack_error *err)
{
	int r = plan_initrd(j, k, &k->initrds[i], needs, err);

	if (!is_fault(r) || k != j->kernel || (int)i == j->entry->initrd_index)
		return r;
	return plan_warn(j, say("%s, which another entry starts kernel %s with, is left as it is: %s", k->initrds[i].path, k->kver,
				err->text), err);
}

static int plan_kernel(struct plan_job *j, const struct guest_kernel *k, struct plan_need *needs,
		       struct unrack_error *err)
{
	const char *driver = drivers_disk(k, j->t);
	const char *wanted[DRIVERS_MAX];
	char why[TARGET_WHY_MAX];
	bool has_initrd = k == j->kernel ? j->entry->initrd_index >= 0 : k->n_initrds > 0;
	int r = 0;

	if (!k->tree)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "kernel %s has no /lib/modules/%s to take a driver from", k->kver,
				 k->kver);
	if (!driver) {
		drivers_no_disk(k, j->t, why);
		return error_set(err, UNRACK_UNSUPPORTED, "kernel %s has no driver for %s (%s)", k->kver,
				 j->t->disk->name, why);
	}
	if (!has_initrd && drivers_wanted(k, j->t, wanted) > 0)
		r = plan_absent(j, k, driver, needs, err);
	for (size_t i = 0; r == 0 && i < k->n_initrds; i++)
		r = plan_image(j, k, i, needs, err);
	return r;
}

static bool is_left_alone(const struct plan_job *j, const struct guest_kernel *k)
{
	return k != j->kernel && (k->kdump || k->rescue || k->xen);
}

/* A fault of a kernel that does not start by default is told, and the others go on. */
static int plan_other(struct plan_job *j, const struct guest_kernel *k, struct plan_need *needs,
		      struct unrack_error *err)
{
	size_t edits = j->plan->n_edits;
	int r = plan_kernel(j, k, needs, err);

	if (!is_fault(r))
		return r;
	if (j->plan->n_edits != edits) /* one of its initrds is fixed, which does no harm */
		return plan_warn(j, say("kernel %s is not repaired whole: %s", k->kver, err->text), err);
	return plan_warn(j, say("kernel %s is left as it is: %s", k->kver, err->text), err);
}

static int check_space(const struct plan_job *j, const struct plan_need *needs, struct unrack_error *err)
{
	for (unsigned i = 0; i < j->g->n_mounts; i++) {
		const struct guest_mount *m = &j->g->mounts[i];

		if (needs[i].bytes > m->free_bytes)
			return error_set(err, UNRACK_NOSPACE,
					 "%s of the guest has %llu KiB free, and the new initrds "
					 "need %llu KiB "
					 "beside the old ones; remove a kernel that is not used on "
					 "the server, then copy it again",
					 m->where, (unsigned long long)m->free_bytes / 1024,
					 (unsigned long long)div_round_up(needs[i].bytes, 1024));
		if (needs[i].inodes > m->free_inodes)
			return error_set(
				err, UNRACK_NOSPACE,
				"%s of the guest has room for %llu more files, and %llu new initrds "
				"come beside the old ones; remove files there on the server, then "
				"copy it again",
				m->where, (unsigned long long)m->free_inodes,
				(unsigned long long)needs[i].inodes);
	}
	return 0;
}

int plan_initrds(struct plan_job *j, struct unrack_error *err)
{
	struct plan_need *needs CLEANUP_FREE = calloc(j->g->n_mounts + 1, sizeof *needs);
	int r;

	if (!needs)
		return error_nomem(err);
	r = plan_kernel(j, j->kernel, needs, err);
	if (r == UNRACK_MISSING || r == UNRACK_UNSUPPORTED) {
		err->code = UNRACK_UNSUPPORTED;
		return error_prefix(err, "no kernel with a usable driver");
	}
	for (size_t i = 0; r == 0 && i < j->f->n_kernels; i++) {
		const struct guest_kernel *k = &j->f->kernels[i];

		if (k != j->kernel && !is_left_alone(j, k))
			r = plan_other(j, k, needs, err);
	}
	return r == 0 ? check_space(j, needs, err) : r;
}
