/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's /lib/modules/KVER, and the change of an image with it. */
#ifndef TESTS_INITRD_MADE_GUEST_H
#define TESTS_INITRD_MADE_GUEST_H

#include <errno.h>

#include "made_dracut.h"

static struct unrack_error err;
static struct module_tree *tree;

/* --- A guest's /lib/modules/KVER -------------------------------------------------------- */

struct guest {
	struct { char name[100]; struct buf content; } files[40];
	size_t n;
	int fails; /* for every read */
};

MADE struct buf *guest_file(struct guest *g, const char *name)
{
	for (size_t k = 0; k < g->n; k++)
		if (!strcmp(g->files[k].name, name))
			return &g->files[k].content;
	made(g->n < sizeof g->files / sizeof *g->files, name);
	snprintf(g->files[g->n].name, sizeof g->files[0].name, "%s", name);
	return &g->files[g->n++].content;
}

MADE void guest_text(struct guest *g, const char *name, const char *text)
{
	struct buf *b = guest_file(g, name);

	buf_clear(b);
	made(buf_puts(b, text) == 0, name);
}

MADE void guest_index(struct guest *g, enum kmod_index_kind kind, const char *name, const char *text)
{
	struct buf *b = guest_file(g, name);

	buf_clear(b);
	made(kmod_index_make(kind, text, b, &err) == 0, name);
}

MADE void guest_remove(struct guest *g, const char *name)
{
	for (size_t k = 0; k < g->n; k++)
		if (!strcmp(g->files[k].name, name))
			strcpy(g->files[k].name, "-");
}

MADE void guest_new(struct guest *g, const char *dep, const char *alias)
{
	*g = (struct guest){ 0 };
	for (const char *p = dep; *p; p = strchr(p, '\n') + 1) {
		char name[100], text[200];

		snprintf(name, sizeof name, "%.*s", (int)strcspn(p, ":"), p);
		snprintf(text, sizeof text, "\177ELF %s of the guest", name);
		guest_text(g, name, text);
	}
	guest_text(g, "modules.dep", dep);
	guest_index(g, KMOD_DEP, "modules.dep.bin", dep);
	guest_text(g, "modules.alias", alias);
	guest_index(g, KMOD_ALIAS, "modules.alias.bin", alias);
	guest_text(g, "modules.symbols", "alias symbol:scsi_add_host scsi_mod\n");
	guest_index(g, KMOD_ALIAS, "modules.symbols.bin", "alias symbol:scsi_add_host scsi_mod\n");
	guest_text(g, "modules.softdep", "# Soft dependencies extracted from modules themselves.\n");
	guest_text(g, "modules.order", "kernel/drivers/scsi/scsi_mod.ko\n");
	guest_text(g, "modules.builtin", "kernel/fs/ext4/ext4.ko\n");
}

MADE void guest_free(struct guest *g)
{
	for (size_t k = 0; k < g->n; k++)
		buf_free(&g->files[k].content);
}

MADE int read_guest(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	struct guest *g = ctx;

	if (g->fails)
		return error_errno(e, g->fails, "can't read %s", path);
	for (size_t k = 0; k < g->n; k++)
		if (!strcmp(g->files[k].name, path))
			return buf_append(out, g->files[k].content.data, g->files[k].content.len);
	return error_errno(e, ENOENT, "can't open %s", path);
}

/* --- One change -------------------------------------------------------------------------- */

struct fixture {
	struct guest g;
	struct buf base, out, summary;
	struct initrd_change c;
	const char *wanted;
	bool changed;
};

MADE void set_up(struct fixture *f, const char *wanted)
{
	*f = (struct fixture){ .wanted = wanted };
	guest_new(&f->g, made_dep, made_alias);
	f->c = (struct initrd_change){ .tree = tree, .n_wanted = 1, .read_module = read_guest };
}

MADE void tear_down(struct fixture *f)
{
	guest_free(&f->g);
	buf_free(&f->base);
	buf_free(&f->out);
	buf_free(&f->summary);
}

/* An image of RHEL 7 for AHCI. */
MADE void physical(struct fixture *f)
{
	made_el7(&f->base);
	made_modules(&f->base, EL7_DIR, made_old_dep);
	made_indexes(&f->base, EL7_DIR, made_old_dep, made_old_alias);
	made_text(&f->base, EL7_DIR "modules.builtin", "kernel/fs/ext4/ext4.ko\n");
}

MADE int change(struct fixture *f)
{
	struct initrd *i = made_open(&f->base);
	int r;

	f->c.wanted = &f->wanted;
	f->c.ctx = &f->g;
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	buf_clear(&f->summary);
	r = initrd_change(i, &f->c, &f->out, &f->changed, &f->summary, &err);
	initrd_close(i);
	return r;
}

MADE bool loads(struct fixture *f, const struct buf *image, const char *wanted)
{
	struct initrd *i = made_open(image);
	struct initrd_answer a;
	bool good = initrd_check(i, f->c.tree, &wanted, 1, &a, &err) == 0 && a.loads;

	if (!good)
		printf("# %s\n", a.text);
	initrd_answer_free(&a);
	initrd_close(i);
	return good;
}

MADE bool begins_with(const struct buf *out, const struct buf *base)
{
	return out->len > base->len && !memcmp(out->data, base->data, base->len);
}

/* The result becomes the base; the same change does nothing then. */
MADE void again(struct fixture *f)
{
	buf_clear(&f->base);
	buf_append(&f->base, f->out.data, f->out.len);
	is_int(change(f), 0, "the same change of the result");
	ok(!f->changed && !f->out.len && !f->summary.len, "does nothing");
}

MADE void members_of(const struct buf *image, size_t from, struct buf *names)
{
	struct initrd *i = made_open(image);

	buf_clear(names);
	for (size_t k = from; k < initrd_len(i); k++)
		buf_printf(names, "%s%s\n", initrd_at(i, k)->name, S_ISDIR(initrd_at(i, k)->mode) ? "/" : "");
	initrd_close(i);
}

#endif
