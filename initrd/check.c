/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "dracut_check.h"
#include "reasons.h"

/* --- Reasons ---------------------------------------------------------------------------- */

static bool in_image(const struct initrd *image, const char *module, char *path, size_t size)
{
	static const char *const ends[] = { "ko", "o" };

	for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
		snprintf(path, size, "lib/%s.%s", module, ends[k]);
		if (initrd_find(image, path))
			return true;
	}
	snprintf(path, size, "lib/%s.ko", module);
	return false;
}

static void explain_missing(const struct nash *s, const struct initrd *image, const char *name,
			    size_t useless, struct reasons *why)
{
	char path[80];
	struct nash_word w;

	if (useless == LOADS_NONE)
		reasons_add(why, INITRD_LINK_DRIVER, name, in_image(image, name, path, sizeof path)
				       ? "/init never loads %s, though %s is in the image"
				       : "/init never loads %s and %s is not in the image", name, path);
	else if (loads_file(image, &s->lines.at[useless]))
		reasons_add(why, INITRD_LINK_DRIVER, name, "/init loads %s only after it looked for root", name);
	else if (nash_insmod_path(&s->lines.at[useless], &w))
		reasons_add(why, INITRD_LINK_DRIVER, name, "/init loads %s, but %.*s is not in the image", name,
			    (int)min_u64(w.n, 200), w.p);
}

static void explain_modules(const struct nash *s, const struct initrd *image,
			    const struct loads_want *want, const struct loads *l,
			    struct reasons *why)
{
	for (size_t a = 0; a < want->list.n; a++) {
		if (l->at[a] == LOADS_NONE) {
			explain_missing(s, image, want->names[a], l->useless[a], why);
			continue;
		}
		for (size_t b = 0; b < a; b++)
			if (loads_needs(want, a, b) && l->at[b] != LOADS_NONE && l->at[b] > l->at[a])
				reasons_add(why, INITRD_LINK_DRIVER, want->names[a], "/init loads %s before %s, which it needs",
				    want->names[a], want->names[b]);
	}
}

/* What else keeps the disks of a virtual machine from being found. */
static void explain_lines(const struct nash *s, const struct loads_want *want,
			  const struct loads *l, struct reasons *why)
{
	for (size_t k = 0; k < s->lines.len; k++) {
		const struct nash_line *line = &s->lines.at[k];
		int shown = (int)min_u64(line->len - (line->len > 0), 80);

		if (line->command == NASH_RMPARTS)
			reasons_add(why, INITRD_LINK_OLD_DISKS, "rmparts", "/init runs \"%.*s\", which takes the partitions of a disk away",
			    shown, line->text);
		if (line->command == NASH_DM)
			reasons_add(why, INITRD_LINK_OLD_DISKS, "dm", "/init runs \"%.*s\", which takes disks by their old numbers", shown,
			    line->text);
	}
	if (l->root == s->lines.len)
		reasons_add(why, INITRD_LINK_ROOT, "root", "/init never looks for a root filesystem");
	if (!want->list.n || why->n)
		return;
	if (l->waits && l->wait == LOADS_NONE)
		reasons_add(why, INITRD_LINK_WAIT, "stabilized", "/init does not wait for the disks of %s: there is no \"stabilized "
		    "/proc/scsi/scsi\" behind it", want->names[want->list.n - 1]);
	else if (l->makes_nodes && l->nodes == LOADS_NONE)
		reasons_add(why, INITRD_LINK_WAIT, "mkblkdevs", "/init does not make the nodes of the disks of %s before it looks "
		    "for root", want->names[want->list.n - 1]);
}

/* --- Names ------------------------------------------------------------------------------ */

static void set_word(char *out, size_t size, const struct nash_word *w)
{
	snprintf(out, size, "%.*s", (int)min_u64(w->n, size), w->p);
}

/* mkrootdev of nash 5 names the device, unless root= on the kernel's command line names
 * another. Before 5, and in mount lines, /dev/root stands for what root= says. */
static void find_root(const struct nash_line *l, struct initrd_answer *out)
{
	struct nash_word w[2], fs;
	size_t n = nash_arguments(l, w);

	if (l->command == NASH_MKROOTDEV ? n < 1 : !nash_mounts_root(l) || n < 2)
		return;
	if (nash_option(l, "-t", &fs))
		set_word(out->root_fs, sizeof out->root_fs, &fs);
	if (!nash_word_is(&w[0], "/dev/root"))
		set_word(out->root, sizeof out->root, &w[0]);
}

static bool has_line(const struct buf *b, const char *p, size_t n)
{
	for (const char *s = buf_str(b); *s; s += strcspn(s, "\n") + 1)
		if (!strncmp(s, p, n) && s[n] == '\n')
			return true;
	return false;
}

/* Words like /dev/md0 that are not nodes which every system has. */
static int mention(const struct nash_line *l, struct initrd_answer *out)
{
	static const char *const common[] = {
		"/dev/root", "/dev/pts", "/dev/shm", "/dev/mapper", "/dev/null", "/dev/console",
	};
	struct nash_word w;
	size_t at = 0;

	while (nash_next(l, &at, &w)) {
		bool device = w.n > 5 && !memcmp(w.p, "/dev/", 5);

		for (size_t k = 0; k < ARRAY_LEN(common); k++)
			device &= !nash_word_is(&w, common[k]);
		if (!device || nash_word_is(&w, out->root) || nash_word_is(&w, out->resume) ||
		    has_line(&out->mentions, w.p, w.n))
			continue;
		if (buf_append(&out->mentions, w.p, w.n) < 0 || buf_puts(&out->mentions, "\n") < 0)
			return -1;
	}
	return 0;
}

static int find_names(const struct nash *s, struct initrd_answer *out)
{
	struct nash_word w[2];

	for (size_t k = 0; k < s->lines.len; k++) {
		const struct nash_line *l = &s->lines.at[k];

		find_root(l, out);
		if (l->command == NASH_RESUME && nash_arguments(l, w))
			set_word(out->resume, sizeof out->resume, &w[0]);
	}
	for (size_t k = 0; k < s->lines.len; k++) {
		const struct nash_line *l = &s->lines.at[k];

		if (l->command != NASH_OTHER && l->command != NASH_ECHO && l->command != NASH_MAKE &&
		    l->command != NASH_INSMOD && mention(l, out) < 0)
			return -1;
	}
	return 0;
}

/* --- Checks ----------------------------------------------------------------------------- */

static int put_order(const struct nash *s, const struct initrd *image, size_t root, struct buf *out)
{
	char path[256], name[64];
	struct nash_word w;

	for (size_t k = 0; k < root; k++) {
		if (!loads_file(image, &s->lines.at[k]) || !nash_insmod_path(&s->lines.at[k], &w))
			continue;
		snprintf(path, sizeof path, "%.*s", (int)min_u64(w.n, sizeof path), w.p);
		module_name_of(path, name);
		if (buf_printf(out, "%s\n", name) < 0)
			return -1;
	}
	return 0;
}

/* "scsi_mod, sd_mod, mptspi" */
static void say_loaded(const struct loads_want *want, struct initrd_answer *out)
{
	size_t len = 0;

	if (!want->list.n) {
		snprintf(out->text, sizeof out->text, "every driver is built into the kernel");
		return;
	}
	for (size_t k = 0; k < want->list.n && len < sizeof out->text; k++)
		len += (size_t)snprintf(out->text + len, sizeof out->text - len, "%s%s",
					k ? ", " : "/init loads ", want->names[k]);
	if (len < sizeof out->text)
		snprintf(out->text + len, sizeof out->text - len, " before it looks for root");
}

int initrd_check_script(const struct nash *s, const struct initrd *image, const struct loads_want *want,
		 struct initrd_answer *out, struct unrack_error *err)
{
	struct reasons why = { &out->missing, out->text, sizeof out->text, 0, INITRD_LINK_NONE, false };
	struct loads l;
	int r = loads_find(s, image, want, false, &l, err);

	if (r < 0)
		return r;
	explain_modules(s, image, want, &l, &why);
	explain_lines(s, want, &l, &why);
	r = reasons_finish(&why, err);
	if (r == 0 && (find_names(s, out) < 0 || put_order(s, image, l.root, &out->order) < 0))
		r = error_nomem(err);
	out->missing_link = why.link;
	out->loads = why.n == 0;
	if (out->loads)
		say_loaded(want, out);
	loads_free(&l);
	return r;
}

static int check_nash(const struct initrd *i, const struct loads_want *want,
		      struct initrd_answer *out, struct unrack_error *err)
{
	const struct initrd_member *init = initrd_find(i, initrd_script(i));
	struct nash s;
	int r = nash_parse(init->data, init->size, i->name, &s, err);

	if (r < 0)
		return r;
	r = initrd_check_script(&s, i, want, out, err);
	nash_free(&s);
	return r;
}

int initrd_check_kind(const struct initrd *i, struct unrack_error *err)
{
	if (i->kind == INITRD_OTHER)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image of the form %s that neither mkinitrd "
				 "nor dracut of RHEL made; what it loads cannot be told", i->name, i->container);
	return 0;
}

int initrd_check(const struct initrd *i, const struct module_tree *tree,
		 const char *const *wanted, size_t n, struct initrd_answer *out,
		 struct unrack_error *err)
{
	return initrd_check_needs(i, tree, wanted, n, NULL, out, err);
}

int initrd_check_needs(const struct initrd *i, const struct module_tree *tree,
		       const char *const *wanted, size_t n, const struct initrd_needs *needs,
		       struct initrd_answer *out, struct unrack_error *err)
{
	struct loads_want want;
	size_t len;
	int r;

	*out = (struct initrd_answer){ .kind = i->kind };
	r = initrd_check_kind(i, err);
	if (r == 0)
		r = loads_want_new(tree, wanted, n, &want, err);
	if (r < 0)
		return r;
	if (i->kind == INITRD_NASH)
		r = check_nash(i, &want, out, err);
	else
		r = dracut_check(i, tree, &want, needs, out, err);
	loads_want_free(&want);
	len = strlen(out->text);
	if (r == 0 && !module_tree_has_deps(tree))
		snprintf(out->text + len, sizeof out->text - len,
			 "; modules.dep of kernel %.64s is missing, so what they need is not known",
			 module_tree_kver(tree));
	if (r < 0)
		initrd_answer_free(out);
	return r;
}

void initrd_answer_free(struct initrd_answer *a)
{
	buf_free(&a->order);
	buf_free(&a->files);
	buf_free(&a->volumes);
	buf_free(&a->arrays);
	buf_free(&a->filesystems);
	buf_free(&a->missing);
	buf_free(&a->mentions);
	buf_free(&a->arguments);
}
