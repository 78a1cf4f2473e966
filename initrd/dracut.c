/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dracut.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "kmod_index.h"

#define INDEX_MAX (16u << 20) /* real ones have one or two */

/* --- Where modules are ------------------------------------------------------------------ */

/* What follows FOLDER and a slash in NAME; NULL: it is elsewhere. */
static const char *below(const char *name, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(name, folder, n) && name[n] == '/' && name[n + 1] ? name + n + 1 : NULL;
}

/* Whether TOP has a folder for KVER, and the name of another that has files. */
static bool look_into(const struct initrd *i, const char *top, const char *kver, char other[128])
{
	const struct initrd_member *m;
	const char *rest;

	other[0] = '\0';
	for (size_t k = 0; (m = image_next(i, &k));) {
		rest = below(m->name, top);
		if (!rest || !strchr(rest, '/'))
			continue;
		if (below(rest, kver))
			return true;
		snprintf(other, 128, "%.*s", (int)min_u64(strcspn(rest, "/"), 127), rest);
	}
	return false;
}

/* The tools open /lib/modules; /usr/lib/modules is for images that are not whole. */
static int find_folder(struct dracut *d, const char *kver, struct unrack_error *err)
{
	static const char *const tops[] = { "lib/modules", "usr/lib/modules" };
	char real[2][IMAGE_PATH_MAX];
	size_t take = 0;
	bool found = false;

	for (size_t k = 0; k < ARRAY_LEN(tops) && !found; k++) {
		char other[128];

		if (!image_real(d->image, tops[k], real[k]))
			return error_set(err, UNRACK_DAMAGED, "%s: its links from /%s lead nowhere; take another copy of "
					 "this file", d->image->name, tops[k]);
		found = look_into(d->image, real[k], kver, other);
		if (found || (other[0] && !d->other[0]))
			take = k;
		if (other[0])
			memcpy(d->other, other, sizeof other);
	}
	if (found)
		d->other[0] = '\0';
	else if (!d->other[0] && !image_at(d->image, "lib"))
		take = 1;
	if ((size_t)snprintf(d->dir, sizeof d->dir, "%s/%s", real[take], kver) >= sizeof d->dir)
		return error_set(err, UNRACK_DAMAGED, "%s: its folder of modules has too long a name", d->image->name);
	return 0;
}

const struct initrd_member *dracut_file(const struct dracut *d, const char *name)
{
	char path[IMAGE_PATH_MAX + 256];

	snprintf(path, sizeof path, "%s/%s", d->dir, name);
	return image_file(d->image, path);
}

/* --- Indexes ---------------------------------------------------------------------------- */

static const struct initrd_member *index_file(const struct dracut *d, const char *name)
{
	const struct initrd_member *m = dracut_file(d, name);

	return m && m->size <= INDEX_MAX ? m : NULL;
}

const struct initrd_member *dracut_index(const struct dracut *d, const char *name, bool *binary,
					 char called[64])
{
	const struct initrd_member *m;

	snprintf(called, 64, "%s.bin", name);
	m = index_file(d, called);
	*binary = m || d->kmod;
	if (*binary)
		return m;
	snprintf(called, 64, "%s", name);
	return index_file(d, name);
}

static int put_line(void *ctx, const struct kmod_entry *e)
{
	return buf_puts(ctx, e->value) < 0 || buf_puts(ctx, "\n") < 0 ? 1 : 0;
}

int dracut_read_dep(const struct dracut *d, struct buf *out, struct unrack_error *err)
{
	char called[64];
	bool binary;
	const struct initrd_member *m = dracut_index(d, "modules.dep", &binary, called);
	int r = 0;

	if (m && binary)
		r = kmod_index_each(m->data, m->size, put_line, out);
	else if (m)
		r = buf_append(out, m->data, m->size) < 0 ? 1 : 0;
	if (r == KMOD_INDEX_DAMAGED)
		buf_clear(out);
	return r > 0 ? error_nomem(err) : 0;
}

struct search {
	const char (*names)[64];
	size_t n;
	bool *marks;
};

static void mark(const struct search *s, const char *name)
{
	for (size_t k = 0; k < s->n; k++)
		if (modules_same_name(s->names[k], name))
			s->marks[k] = true;
}

/* "pci:v000015AD..." or "devname:fuse", but not "block-major-8-*" and such: the kernel asks for
 * those when it is too late. */
static bool is_of_device(const char *alias, size_t n)
{
	return memchr(alias, ':', n) != NULL;
}

static int mark_value(void *ctx, const struct kmod_entry *e)
{
	if (is_of_device(e->key, strlen(e->key)))
		mark(ctx, e->value);
	return 0;
}

/* "alias PATTERN NAME" */
static void mark_text(const struct search *s, const char *p, const char *end)
{
	while (p < end) {
		const char *line = memchr(p, '\n', (size_t)(end - p)), *word;
		char name[64];
		bool device = false;
		size_t n, words = 0;

		line = line ? line : end;
		for (; dracut_word(&p, line, &word, &n); words++) {
			if (words == 1)
				device = is_of_device(word, n);
			if (words != 2 || !device || n >= sizeof name)
				continue;
			snprintf(name, sizeof name, "%.*s", (int)n, word);
			mark(s, name);
		}
		p = line + (line < end);
	}
}

int dracut_find_aliased(const struct dracut *d, const char (*names)[64], size_t n, bool *marks,
			struct unrack_error *err)
{
	struct search s = { names, n, marks };
	char called[64];
	bool binary;
	const struct initrd_member *m = dracut_index(d, "modules.alias", &binary, called);

	if (!m)
		return error_set(err, UNRACK_DAMAGED, "it has no %s", called);
	if (!binary)
		mark_text(&s, (const char *)m->data, (const char *)m->data + m->size);
	else if (kmod_index_each(m->data, m->size, mark_value, &s) != 0)
		return error_set(err, UNRACK_DAMAGED, "its %s is damaged", called);
	return 0;
}

/* --- The whole -------------------------------------------------------------------------- */

/* The image's own modules, by the modules.dep that counts. */
static int read_tree(struct dracut *d, const char *kver, struct unrack_error *err)
{
	CLEANUP_BUF struct buf files = { 0 }, dep = { 0 };
	const struct initrd_member *m;
	int r;

	for (size_t k = 0; (m = image_next(d->image, &k));) {
		const char *rest = below(m->name, d->dir);

		if (!rest || !(S_ISLNK(m->mode) ? image_file(d->image, m->name) != NULL : S_ISREG(m->mode) && m->size))
			continue;
		if (buf_append(&files, rest, strlen(rest) + 1) < 0)
			return error_nomem(err);
	}
	if (!files.len)
		return 0;
	r = dracut_read_dep(d, &dep, err);
	return r < 0 ? r : module_tree_new(kver, (const char *)files.data, files.len,
					   dep.len ? buf_str(&dep) : NULL, NULL, &d->own, err);
}

static bool has_tool(const struct initrd *i, const char *name)
{
	static const char *const folders[] = { "sbin", "usr/sbin", "bin", "usr/bin" };
	char path[128];

	for (size_t k = 0; k < ARRAY_LEN(folders); k++) {
		snprintf(path, sizeof path, "%s/%s", folders[k], name);
		if (image_file(i, path))
			return true;
	}
	return false;
}

bool dracut_tool(const struct dracut *d, const char *name)
{
	return has_tool(d->image, name);
}

/* Unless it is sure that module-init-tools read it: those are a program of their own, and
 * have no library. */
static bool has_kmod(const struct initrd *i)
{
	const struct initrd_member *m;

	for (size_t k = 0; (m = image_next(i, &k));) {
		const char *slash = strrchr(m->name, '/'), *base = slash ? slash + 1 : m->name;

		if (!strcmp(base, "kmod") || !strncmp(base, "libkmod.so", 10))
			return true;
	}
	return !has_tool(i, "modprobe");
}

bool dracut_has_rule(const struct dracut *d, const char *text, const char *also)
{
	const struct initrd_member *m;
	size_t left = IMAGE_SEARCHED_ALL;

	for (size_t k = 0; (m = image_next(d->image, &k));) {
		size_t n = strlen(m->name);

		if (S_ISREG(m->mode) && n > 6 && !strcmp(m->name + n - 6, ".rules") &&
		    strstr(m->name, "udev/rules.d/") && image_holds(d->image, m, text, &left) &&
		    image_holds(d->image, m, also, &left))
			return true;
	}
	return false;
}

const char *dracut_hook_folder(const struct dracut *d)
{
	char real[IMAGE_PATH_MAX];

	/* in 10x a link to var/lib/dracut/hooks; 004 has hooks at the top */
	return d->one_cmdline || !image_real(d->image, "lib/dracut/hooks", real) ? "pre-udev" :
	       "lib/dracut/hooks/pre-udev";
}

static bool has_systemd(const struct initrd *i)
{
	char real[IMAGE_PATH_MAX];
	size_t n;

	if (!image_real(i, "init", real))
		return false;
	n = strlen(real);
	return n >= 8 && !strcmp(real + n - 8, "/systemd");
}

int dracut_read(const struct initrd *i, const char *kver, struct dracut *out, struct unrack_error *err)
{
	const struct initrd_member *lib = image_file(i, "lib/dracut-lib.sh");
	int r;

	*out = (struct dracut){ .image = i };
	lib = lib ? lib : image_file(i, "usr/lib/dracut-lib.sh");
	out->kmod = has_kmod(i);
	out->systemd = has_systemd(i);
	out->one_cmdline = lib && !image_holds(i, lib, "cmdline.d", NULL);
	out->rules_load = dracut_has_rule(out, "MODALIAS", "modprobe") || dracut_has_rule(out, "MODALIAS", "kmod");
	r = find_folder(out, kver, err);
	if (r == 0)
		r = read_tree(out, kver, err);
	if (r == 0)
		r = dracut_read_names(out, err);
	if (r < 0)
		dracut_free(out);
	return r;
}

void dracut_free(struct dracut *d)
{
	module_tree_free(d->own);
	buf_free(&d->arguments);
	buf_free(&d->loaded);
	buf_free(&d->forced);
	buf_free(&d->blacklisted);
	buf_free(&d->replaced);
	buf_free(&d->refused);
	d->own = NULL;
}
