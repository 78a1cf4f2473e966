/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nash_check.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "image_path.h"
#include "kernel_unpacks.h"
#include "nash_grammar.h"
#include "nash_names.h"
#include "nash_root.h"
#include "reasons.h"

/* --- Reasons ---------------------------------------------------------------------------- */

/* What a check is made of. */
struct scene {
	const struct nash *s;
	const struct initrd *image;
	const struct module_tree *tree;
	const struct loads_want *want;
	char script[32]; /* "/init" */
	enum nash_release release;
	struct loads l;
	struct initrd_answer *out;
	struct reasons why;
};

static bool in_image(const struct initrd *image, const char *module, const char *end, char *path,
		     size_t size)
{
	static const char *const ends[] = { "ko", "o" };

	for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
		snprintf(path, size, "lib/%s.%s", module, ends[k]);
		if (initrd_find(image, path))
			return true;
	}
	snprintf(path, size, "lib/%s.%s", module, end);
	return false;
}

static const char *module_end(const struct scene *c)
{
	return c->release <= NASH_EL3 ? "o" : "ko";
}

static void explain_missing(struct scene *c, const char *name, size_t useless)
{
	struct reasons *why = &c->why;
	char path[80];
	struct nash_word w;

	if (useless == LOADS_NONE)
		reasons_add(why, INITRD_LINK_DRIVER, name, in_image(c->image, name, module_end(c), path, sizeof path)
				       ? "%s never loads %s, though %s is in the image"
				       : "%s never loads %s and %s is not in the image", c->script, name, path);
	else if (loads_file(c->image, &c->s->lines.at[useless]))
		reasons_add(why, INITRD_LINK_DRIVER, name, "%s loads %s only after it looked for root", c->script, name);
	else if (nash_insmod_path(&c->s->lines.at[useless], &w))
		reasons_add(why, INITRD_LINK_DRIVER, name, "%s loads %s, but %.*s is not in the image", c->script, name,
			    (int)min_u64(w.n, 200), w.p);
}

/* "/bin/nash" of "#!/bin/nash -x" */
static bool interpreter(const struct nash *s, char *out, size_t size)
{
	const char *p = s->lines.len ? s->lines.at[0].text : "";
	size_t n;

	if (strncmp(p, "#!", 2) != 0)
		return false;
	p += 2 + strspn(p + 2, " \t");
	n = strcspn(p, " \t\n");
	snprintf(out, size, "%.*s", (int)min_u64(n, size), p);
	return n > 0 && n < size;
}

/* What keeps a kernel from starting the script. */
static void explain_start(struct scene *c)
{
	const struct initrd_member *m = initrd_find(c->image, initrd_script(c->image));
	char path[80], size[80];

	kernel_unpacks_explain(c->image, c->tree, &c->why);
	if (m && !(m->mode & 0111))
		reasons_add(&c->why, INITRD_LINK_DRIVER, "script", "%s is not started: its mode %03o does not let it be "
			    "executed", c->script, m->mode & 0777);
	if (!interpreter(c->s, path, sizeof path))
		reasons_add(&c->why, INITRD_LINK_DRIVER, "nash", "%s is not started: its first line names no program",
			    c->script);
	else if (strchr(path, '\r'))
		reasons_add(&c->why, INITRD_LINK_DRIVER, "nash", "%s is not started: its first line ends with a carriage "
			    "return, which a kernel takes for a part of the name %.*s", c->script,
			    (int)strcspn(path, "\r"), path);
	else if (!(m = image_file(c->image, path)))
		reasons_add(&c->why, INITRD_LINK_DRIVER, "nash", "%s is not started: %s, which runs it, is not in the image",
			    c->script, path + strspn(path, "/"));
	else if (!(m->mode & 0111))
		reasons_add(&c->why, INITRD_LINK_DRIVER, "nash", "%s is not started: the mode %03o of %s, which runs it, does "
			    "not let it be executed", c->script, m->mode & 0777, m->name);
	if (!nash_grammar_fits(c->s, c->release, size, sizeof size))
		reasons_add(&c->why, INITRD_LINK_DRIVER, "script", "%s is not run: it %s", c->script, size);
}

/* The file that the script loads the wanted module A from. */
static int explain_file(struct scene *c, size_t a, struct unrack_error *err)
{
	char why[LOADS_WHY_MAX];
	int r = loads_judge(c->tree, loads_file(c->image, &c->s->lines.at[c->l.at[a]]), why, err);

	if (r == 0 && why[0])
		reasons_add(&c->why, INITRD_LINK_DRIVER, c->want->names[a], "%s loads %s, but %s", c->script,
			    c->want->names[a], why);
	return r;
}

static int explain_modules(struct scene *c, struct unrack_error *err)
{
	const struct loads_want *want = c->want;
	int r = 0;

	if (want->list.n && !nash_grammar_program(c->image, "insmod"))
		reasons_add(&c->why, INITRD_LINK_DRIVER, "insmod", image_file(c->image, "bin/insmod")
					? "%s loads nothing: the mode of bin/insmod does not let it be executed"
					: "%s loads nothing: bin/insmod is not in the image", c->script);
	for (size_t a = 0; r == 0 && a < want->list.n; a++) {
		if (c->l.at[a] == LOADS_NONE) {
			if (!want->list.soft[a])
				explain_missing(c, want->names[a], c->l.useless[a]);
			continue;
		}
		if (!want->list.soft[a])
			r = explain_file(c, a, err);
		for (size_t b = 0; b < a; b++)
			if (loads_needs(want, a, b) && c->l.at[b] != LOADS_NONE && c->l.at[b] > c->l.at[a])
				reasons_add(&c->why, INITRD_LINK_DRIVER, want->names[a],
					    "%s loads %s before %s, which it needs", c->script, want->names[a],
					    want->names[b]);
	}
	return r;
}

static void explain_waiting(struct scene *c)
{
	static const char *const makers[] = { "mkdevices", "mkdevices", "udevstart", "mkblkdevs" };
	const struct loads_want *want = c->want;
	size_t last = want->list.n;

	/* Without all modules it is not known behind which line the waiting belongs. */
	if (!want->list.n || c->why.n)
		return;
	while (last > 1 && want->scsi && !want->finds[last - 1])
		last--;
	if (c->l.waits && c->l.wait == LOADS_NONE)
		reasons_add(&c->why, INITRD_LINK_WAIT, "stabilized", "%s does not wait for the disks of %s: there "
			    "is no \"stabilized /proc/scsi/scsi\" behind it", c->script,
			    want->names[last - 1]);
	else if (c->l.makes_nodes && c->l.nodes == LOADS_NONE)
		reasons_add(&c->why, INITRD_LINK_WAIT, makers[c->release], "%s does not make the nodes of the disks "
			    "of %s before it looks for root", c->script, want->names[last - 1]);
}

/* Lines that keep the disks of a virtual machine from being found. */
static void explain_old_disks(struct scene *c)
{
	for (size_t k = 0; k < c->s->lines.len; k++) {
		const struct nash_line *line = &c->s->lines.at[k];
		int shown = (int)min_u64(line->len - (line->len > 0), 80);

		if (line->command == NASH_RMPARTS)
			reasons_add(&c->why, INITRD_LINK_OLD_DISKS, "rmparts", "%s runs \"%.*s\", which takes the "
				    "partitions of a disk away", c->script, shown, line->text);
		if (line->command == NASH_DM)
			reasons_add(&c->why, INITRD_LINK_OLD_DISKS, "dm", "%s runs \"%.*s\", which takes disks as "
				    "they were in another machine", c->script, shown, line->text);
	}
}

/* --- Root ------------------------------------------------------------------------------- */

/* "mkrootdev ...", or "mknod /dev/root b 8 2" by somebody who edited the script. */
static bool says_root(const struct nash_line *l)
{
	struct nash_word w[2];

	return l->command == NASH_MKROOTDEV ||
	       (l->command == NASH_MAKE && nash_arguments(l, w) > 1 && nash_word_is(&w[0], "/dev/root"));
}

/* A kernel mounts root by itself behind a /linuxrc that does not. */
static void explain_mount(struct scene *c)
{
	size_t n = c->s->lines.len, mount = n, device = n, change = n;

	for (size_t k = n; k > 0; k--) {
		const struct nash_line *l = &c->s->lines.at[k - 1];

		if (l->command == NASH_SWITCH && change == n)
			change = k - 1;
		if (nash_mounts_root(l))
			mount = k - 1;
		if (says_root(l))
			device = k - 1;
	}
	if (mount == n && (!c->image->ramdisk || change < n))
		reasons_add(&c->why, INITRD_LINK_ROOT, "root", "%s never mounts root: there is no \"mount\" on /sysroot",
			    c->script);
	else if (mount < n && nash_mounts_by_mkrootdev(&c->s->lines.at[mount]) && device > mount)
		reasons_add(&c->why, INITRD_LINK_ROOT, "root", "%s mounts root without a \"mkrootdev\" before, which says "
			    "what that is", c->script);
	else if (mount < n && (change == n || change < mount))
		reasons_add(&c->why, INITRD_LINK_ROOT, "root", "%s mounts root, and never goes there: there is no \"%s\" "
			    "behind it", c->script, c->image->ramdisk ? "pivot_root" : "switchroot");
}

/* --- The check -------------------------------------------------------------------------- */

/* The modules that are loaded before the line ROOT, and the files that they come from. */
static int put_order(const struct nash *s, const struct initrd *image, size_t root,
		     struct initrd_answer *out)
{
	for (size_t k = 0; k < root; k++) {
		const struct initrd_member *m = loads_file(image, &s->lines.at[k]);
		char name[64];

		if (!m)
			continue;
		loads_module(&s->lines.at[k], name);
		if (buf_printf(&out->order, "%s\n", name) < 0 || buf_printf(&out->files, "%s\n", m->name) < 0)
			return -1;
	}
	return 0;
}

/* "scsi_mod, sd_mod, mptspi" */
static void say_loaded(const struct scene *c)
{
	struct initrd_answer *out = c->out;
	size_t len = 0;

	if (!c->want->list.n) {
		snprintf(out->text, sizeof out->text, "every driver is built into the kernel");
		return;
	}
	for (size_t k = 0; k < c->want->list.n && len < sizeof out->text; k++)
		len += (size_t)snprintf(out->text + len, sizeof out->text - len, "%s%s%s",
					k ? ", " : c->script, k ? "" : " loads ", c->want->names[k]);
	if (len < sizeof out->text)
		snprintf(out->text + len, sizeof out->text - len, " before it looks for root");
}

int nash_check(const struct nash *s, const struct initrd *image, const struct module_tree *tree,
	       const struct loads_want *want, const struct initrd_needs *needs,
	       struct initrd_answer *out, struct unrack_error *err)
{
	struct scene c = {
		.s = s, .image = image, .tree = tree, .want = want, .out = out, .release = nash_release_of(s),
		.why = { .lines = &out->missing, .text = out->text, .size = sizeof out->text },
	};
	int r = loads_find(s, image, want, false, &c.l, err);

	if (r < 0)
		return r;
	snprintf(c.script, sizeof c.script, "/%s", initrd_script(image));
	if (nash_names_find(s, image, out) < 0 || put_order(s, image, c.l.root, out) < 0)
		r = error_nomem(err);
	if (r == 0) {
		explain_start(&c);
		r = explain_modules(&c, err);
	}
	if (r == 0) {
		explain_waiting(&c);
		explain_old_disks(&c);
		if (c.l.root == s->lines.len)
			reasons_add(&c.why, INITRD_LINK_ROOT, "root", "%s never looks for a root filesystem", c.script);
		else
			explain_mount(&c);
		out->loads = c.why.n == 0;
		r = nash_root_explain(s, image, tree, needs, c.script, out, &c.why, err);
	}
	if (r == 0)
		r = reasons_finish(&c.why, err);
	out->missing_link = c.why.link;
	if (c.why.n == 0)
		say_loaded(&c);
	loads_free(&c.l);
	return r;
}

