/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels of RHEL 6 and later whose own initramfs is missing or damaged: one is made of another
 * kernel's, whose programs are of the same system, or of the rescue image. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inspect.h"
#include "plan_parts.h"

#define BASES_MAX 32

struct bases {
	char *paths[BASES_MAX];
	size_t n;
};

/* --- Of what ---------------------------------------------------------------------------- */

static int add_base(struct bases *b, const char *path, struct unrack_error *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->paths[i], path))
			return 0;
	if (b->n == BASES_MAX)
		return 0;
	b->paths[b->n] = strdup(path);
	if (!b->paths[b->n])
		return error_nomem(err);
	b->n++;
	return 0;
}

static int add_images(struct bases *b, const struct guest_kernel *k, const char *but, struct unrack_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !k->kdump && i < k->n_initrds; i++)
		if (k->initrds[i].kind == INITRD_DRACUT && !k->initrds[i].problem && strcmp(k->initrds[i].path, but) != 0)
			r = add_base(b, k->initrds[i].path, err);
	return r;
}

/* "initramfs-0-rescue-MACHINE-ID.img" */
static int add_rescue_images(struct plan_job *j, struct bases *b, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	int r = inspect_list(j->g, "/boot", &names, err);

	for (size_t at = 0; r == 0 && at < names.len; at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		char *path CLEANUP_FREE = NULL;

		if (strncmp(name, "initramfs-0-rescue-", 19) != 0)
			continue;
		path = say("/boot/%s", name);
		r = path ? add_base(b, path, err) : error_nomem(err);
	}
	return r;
}

/* Images for this machine are small, and have its volumes; the rescue image is for any. */
static int find_bases(struct plan_job *j, const struct guest_kernel *k, const char *path, struct bases *b,
		      struct unrack_error *err)
{
	int r = k != j->kernel ? add_images(b, j->kernel, path, err) : 0;

	for (size_t i = 0; r == 0 && i < j->f->n_kernels; i++)
		r = add_images(b, &j->f->kernels[i], path, err);
	return r == 0 ? add_rescue_images(j, b, err) : r;
}

/* --- How -------------------------------------------------------------------------------- */

/* What the plan knows of images that it changes, of this one. */
static int describe(const struct initrd *image, const struct guest_kernel *k, const char *path,
		    struct initrd_answer *a, struct guest_initrd *out, struct unrack_error *err)
{
	int r = initrd_check(image, k->tree, NULL, 0, a, err);

	if (r < 0)
		return r;
	*out = (struct guest_initrd){
		.path = (char *)path,
		.kind = initrd_get_kind(image),
		.root = a->root[0] ? a->root : NULL,
		.resume = a->resume[0] ? a->resume : NULL,
		.mentions = (char *)buf_str(&a->mentions),
	};
	return 0;
}

static int make_of(struct plan_job *j, const struct guest_kernel *k, const char *base, struct buf *new,
		   struct buf *summary, struct unrack_error *err)
{
	struct initrd_answer answer = { 0 };
	struct plan_change p = { 0 };
	struct guest_initrd i;
	struct initrd *image = NULL;
	int r = inspect_open_initrd(j->g, base, &image, err);

	if (r == 0)
		r = describe(image, k, base, &answer, &i, err);
	if (r == 0)
		r = plan_change_begin(j, k, &i, image, &p, err);
	if (r == 0)
		r = initrd_rebase(image, &p.c, new, summary, err);
	plan_change_end(&p);
	initrd_answer_free(&answer);
	initrd_close(image);
	return r;
}

/* It must fit beside all others, or another base may. */
static int check_room(const struct plan_job *j, const char *path, size_t bytes, const struct plan_need *needs,
		      struct unrack_error *err)
{
	unsigned at = plan_mount_of(j->g, path);
	const struct guest_mount *m = &j->g->mounts[at];

	if (j->g->n_mounts && needs[at].bytes + bytes > m->free_bytes)
		return error_set(err, UNRACK_UNSUPPORTED, "the new image of %zu KiB does not fit on %s, which has %llu KiB "
				 "free", bytes / 1024, m->where, (unsigned long long)m->free_bytes / 1024);
	return 0;
}

static int try_base(struct plan_job *j, const struct guest_kernel *k, const char *base, const char *path,
		    const char *why, struct plan_need *needs, struct unrack_error *err)
{
	CLEANUP_BUF struct buf new = { 0 }, summary = { 0 };
	int r = make_of(j, k, base, &new, &summary, err);

	if (r == 0)
		r = check_room(j, path, new.len, needs, err);
	if (r < 0)
		return r;
	return plan_add_image(j, path, base, &new, &summary,
			      say("%s; so one is made of %s, with the modules of kernel %s in it", why, base, k->kver),
			      needs, err);
}

int plan_rebase(struct plan_job *j, const struct guest_kernel *k, const char *path, const char *why,
		struct plan_need *needs, struct unrack_error *err)
{
	char *fault CLEANUP_FREE = NULL;
	struct bases b = { 0 };
	bool made = false;
	int r;

	r = find_bases(j, k, path, &b, err);
	for (size_t i = 0; r == 0 && !made && i < b.n; i++) {
		r = try_base(j, k, b.paths[i], path, why, needs, err);
		made = r == 0;
		if (r != UNRACK_UNSUPPORTED && r != UNRACK_DAMAGED && r != UNRACK_MISSING)
			continue;
		if (!fault && !(fault = strdup(err->text)))
			r = error_nomem(err);
		else
			r = 0;
	}
	if (r == 0 && !made)
		r = error_set(err, UNRACK_UNSUPPORTED, "%s, and none can be made of another: %s", why,
			      fault ? fault : "there is no usable initramfs of another kernel, and no rescue image");
	for (size_t i = 0; i < b.n; i++)
		free(b.paths[i]);
	return r;
}
