/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB legacy's grub.conf: commands before the first title are global, the others belong
 * to the entry of the title before them. A command ends at a blank or '='. Kernels get
 * their arguments as they are written. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "lines.h"
#include "unrack/bootconf.h"
#include "unrack/edit.h"

#define ENTRIES_MAX 1024 /* more are ignored */

DEFINE_VEC(entry_vec, struct grubconf_entry);

static void free_entry(struct grubconf_entry *e)
{
	free(e->title);
	free(e->device);
	free(e->kernel);
	free(e->kernel_device);
	free(e->args);
	free(e->initrd);
	free(e->initrd_device);
}

void grubconf_free(struct grubconf *g)
{
	for (size_t i = 0; i < g->n; i++)
		free_entry(&g->entries[i]);
	free(g->entries);
	memset(g, 0, sizeof *g);
}

/* Decimal, at most 9 digits; *p moves behind it. */
static bool take_number(const char **p, int *out)
{
	const char *start = *p;

	*out = 0;
	while (isdigit((unsigned char)**p) && *p - start < 9)
		*out = *out * 10 + (*(*p)++ - '0');
	return *p > start;
}

bool grubconf_device(const char *s, int *disk, int *partition)
{
	*partition = 0;
	if (strncmp(s, "(hd", 3) != 0)
		return false;
	s += 3;
	if (!take_number(&s, disk))
		return false;
	if (*s == ',') {
		s++;
		if (!take_number(&s, partition))
			return false;
		++*partition;
	}
	return *s == ')';
}

char *grubconf_argument(const char *args, const char *name)
{
	size_t n = strlen(name), at = 0, len;
	struct line l = { args, strlen(args), 0 };
	const char *word, *value = NULL;
	size_t value_len = 0;

	while (line_word(&l, &at, &word, &len)) {
		if (len > n && !memcmp(word, name, n) && word[n] == '=') {
			value = word + n + 1;
			value_len = len - n - 1;
		}
	}
	return value ? line_copy(value, value_len) : NULL;
}

/* The command at the start of L: its length, and where its argument begins. */
static bool take_command(const struct line *l, const char **word, size_t *len, size_t *arg)
{
	size_t i = 0;

	while (i < l->len && line_is_blank(l->text[i]))
		i++;
	*word = l->text + i;
	while (i < l->len && !line_is_blank(l->text[i]) && l->text[i] != '=')
		i++;
	*len = (size_t)(l->text + i - *word);
	while (i < l->len && (line_is_blank(l->text[i]) || l->text[i] == '='))
		i++;
	*arg = i;
	return *len > 0 && (*word)[0] != '#';
}

/* Splits "(hd0,1)/path": DEVICE is NULL without one. */
static int set_path(const char *word, size_t len, char **device, char **path)
{
	const char *close = len && word[0] == '(' ? memchr(word, ')', len) : NULL;
	size_t n = close ? (size_t)(close + 1 - word) : 0;

	free(*device);
	free(*path);
	*device = n ? line_copy(word, n) : NULL;
	*path = line_copy(word + n, len - n);
	return *path && (!n || *device) ? 0 : -1;
}

/* kernel, and the first module of a Xen entry: options of GRUB, a path, the arguments. */
static int set_kernel(struct grubconf_entry *e, const struct line *l, size_t arg)
{
	const char *word;
	size_t len;

	do {
		if (!line_word(l, &arg, &word, &len))
			return 0;
	} while (len > 2 && !memcmp(word, "--", 2));
	while (arg < l->len && line_is_blank(l->text[arg]))
		arg++;
	free(e->args);
	e->args = line_copy(l->text + arg, l->len - arg);
	return e->args ? set_path(word, len, &e->kernel_device, &e->kernel) : -1;
}

static bool is_hypervisor(const struct grubconf_entry *e)
{
	const char *slash = e->kernel ? strrchr(e->kernel, '/') : NULL;

	return slash && !strncmp(slash, "/xen", 4);
}

static int add_to_entry(struct grubconf_entry *e, unsigned *modules, const struct line *l,
			const char *word, size_t len, size_t arg)
{
	if (line_is(word, len, "root") || line_is(word, len, "rootnoverify")) {
		free(e->device);
		line_word(l, &arg, &word, &len);
		e->device = line_copy(word, len);
		return e->device ? 0 : -1;
	}
	if (line_is(word, len, "kernel"))
		return set_kernel(e, l, arg);
	if (line_is(word, len, "initrd")) {
		line_word(l, &arg, &word, &len);
		return set_path(word, len, &e->initrd_device, &e->initrd);
	}
	if (!line_is(word, len, "module") && !line_is(word, len, "modulenounzip"))
		return 0;
	/* The first module of a hypervisor is the kernel, the second the initrd. */
	if (is_hypervisor(e) || e->xen) {
		e->xen = true;
		if (++*modules == 1)
			return set_kernel(e, l, arg);
		line_word(l, &arg, &word, &len);
		if (*modules == 2)
			return set_path(word, len, &e->initrd_device, &e->initrd);
	}
	return 0;
}

static int set_global(struct grubconf *g, const struct line *l, const char *word, size_t len, size_t arg)
{
	struct line value = { l->text + arg, l->len - arg, 0 };
	bool is_default = line_is(word, len, "default"), is_fallback = line_is(word, len, "fallback");
	char *number;
	const char *p;
	int n;

	if (!is_default && !is_fallback)
		return 0;
	arg = 0;
	line_word(&value, &arg, &word, &len);
	number = line_copy(word, len);
	if (!number)
		return -1;
	p = number;
	if (is_default)
		g->default_saved = !strcmp(number, "saved");
	if (take_number(&p, &n))
		*(is_default ? &g->default_entry : &g->fallback) = n;
	free(number);
	return 0;
}

int grubconf_parse(const char *text, size_t n, struct grubconf *out, struct unrack_error *err)
{
	struct entry_vec v = { 0 };
	unsigned modules = 0;
	size_t pos = 0;
	struct line l;
	int bad = 0;

	memset(out, 0, sizeof *out);
	out->fallback = -1;
	while (!bad && line_next(text, n, &pos, &l)) {
		const char *word;
		size_t len, arg;

		if (!take_command(&l, &word, &len, &arg))
			continue;
		if (line_is(word, len, "title")) {
			struct grubconf_entry e = { .title = line_copy(l.text + arg, l.len - arg) };

			if (v.len == ENTRIES_MAX) {
				free_entry(&e);
				break;
			}
			modules = 0;
			bad = entry_vec_push(&v, e);
			if (bad)
				free_entry(&e);
			else
				bad = e.title ? 0 : -1;
		} else if (v.len) {
			bad = add_to_entry(&v.at[v.len - 1], &modules, &l, word, len, arg);
		} else {
			bad = set_global(out, &l, word, len, arg);
		}
	}
	out->entries = v.at;
	out->n = v.len;
	if (bad) {
		grubconf_free(out);
		return error_nomem(err);
	}
	return 0;
}

/* --- Editing -------------------------------------------------------------------------- */
/* L with the arguments that begin at AT changed; words are added to what starts Linux. */
static int put_arguments(const struct line *l, size_t at, bool add, const struct args_change *change,
			 struct buf *out)
{
	struct args_change c = *change;

	if (!add)
		c.n_add = 0;
	return buf_append(out, l->text, at) | args_put(l->text + at, l->len - at, &c, out) |
	       buf_append(out, l->text + l->len, l->end);
}

/* "kernel /xen.gz ..." */
static bool starts_xen(const struct line *l, size_t at)
{
	const char *word;
	size_t len;

	while (line_word(l, &at, &word, &len) && len > 2 && !memcmp(word, "--", 2))
		;
	return memmem(word, len, "/xen", 4) != NULL;
}

/* "#boot=/dev/sda": grubby takes the boot disk from it. */
static int put_comment(const struct line *l, const struct edit_names *names, struct buf *out)
{
	static const char boot[] = "#boot=";
	size_t n = sizeof boot - 1, at = n, len;
	const struct edit_name *name;
	const char *word;

	if (l->len <= n || memcmp(l->text, boot, n) != 0 || !line_word(l, &at, &word, &len))
		return buf_append(out, l->text, l->len + l->end);
	name = edit_names_find(names, word, len);
	if (!name || !name->new)
		return buf_append(out, l->text, l->len + l->end);
	return buf_append(out, l->text, (size_t)(word - l->text)) | buf_puts(out, name->new) |
	       buf_append(out, word + len, (size_t)(l->text + l->len + l->end - word) - len);
}

/* The default line with another number. */
static int put_default(const struct line *l, size_t arg, int entry, struct buf *out)
{
	size_t at = arg, len;
	const char *word;

	line_word(l, &at, &word, &len);
	return buf_append(out, l->text, (size_t)(word - l->text)) |
	       buf_printf(out, "%s%d", word > l->text && isalpha((unsigned char)word[-1]) ? "=" : "",
			  entry) |
	       buf_append(out, word + len, (size_t)(l->text + l->len + l->end - word) - len);
}

int grubconf_edit(const char *text, size_t n, const struct args_change *change, int default_entry,
		  struct buf *out, struct unrack_error *err)
{
	bool in_entry = false, default_put = default_entry < 0;
	size_t pos = 0;
	struct line l;
	int bad = 0;

	buf_clear(out);
	while (line_next(text, n, &pos, &l)) {
		const char *word;
		size_t len, arg;

		if (!take_command(&l, &word, &len, &arg)) {
			bad |= put_comment(&l, &change->names, out);
			continue;
		}
		if (!in_entry && line_is(word, len, "default") && default_entry >= 0) {
			default_put = true;
			bad |= put_default(&l, arg, default_entry, out);
			continue;
		}
		if (line_is(word, len, "title")) {
			/* No default line so far: it was 0. */
			if (!default_put)
				bad |= buf_printf(out, "default=%d%s", default_entry,
						  l.end == 2 ? "\r\n" : "\n");
			default_put = in_entry = true;
		}
		if (line_is(word, len, "kernel"))
			bad |= put_arguments(&l, arg, !starts_xen(&l, arg), change, out);
		else if (line_is(word, len, "module"))
			bad |= put_arguments(&l, arg, false, change, out);
		else
			bad |= buf_append(out, l.text, l.len + l.end);
	}
	return bad ? error_nomem(err) : 0;
}
