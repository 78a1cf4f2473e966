/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules and devices that an image by dracut names in its configuration. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "dracut.h"

#define REFUSE "module_blacklist=" /* the kernel's own, by its own command line; admin-guide/kernel-parameters */
#define CONFIGURATION_MAX (1 << 20)
#define WHERE_MAX 255 /* of the name of the file that a line is from */
#define LINES_MAX (16u << 20)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

bool dracut_word(const char **p, const char *end, const char **word, size_t *n)
{
	const char *s = *p;
	char quote = '\0';

	while (s < end && is_blank(*s))
		s++;
	*word = s;
	for (; s < end && (quote || !is_blank(*s)); s++) {
		if (quote ? *s == quote : *s == '"' || *s == '\'')
			quote = quote ? '\0' : *s;
	}
	*p = s;
	*n = (size_t)(s - *word);
	return *n > 0;
}

bool dracut_where(const struct buf *lines, const char *name, char out[256])
{
	for (const char *p = buf_str(lines); *p;) {
		size_t n = strcspn(p, "\n"), word = strcspn(p, " ");
		char this[64];

		if (word < n && word < sizeof this) {
			snprintf(this, sizeof this, "%.*s", (int)word, p);
			if (modules_same_name(this, name)) {
				snprintf(out, 256, "%.*s", (int)min_u64(n - word - 1, 255), p + word + 1);
				return true;
			}
		}
		p += n + (p[n] == '\n');
	}
	return false;
}

/* A file NAME in folder FOLDER of the configuration, from wherever a package put it. */
static bool is_in(const char *name, const char *folder, const char *end)
{
	static const char *const tops[] = { "etc/", "usr/lib/", "lib/", "run/" };
	size_t n = strlen(folder), len = strlen(name), tail = strlen(end);

	for (size_t k = 0; k < ARRAY_LEN(tops); k++) {
		size_t top = strlen(tops[k]);

		if (!strncmp(name, tops[k], top) && !strncmp(name + top, folder, n) && name[top + n] == '/')
			return len >= tail && !strcmp(name + len - tail, end);
	}
	return false;
}

bool dracut_is_cmdline(const struct dracut *d, const char *name)
{
	if (d->one_cmdline)
		return !strcmp(name, "etc/cmdline");
	return !strcmp(name, "etc/cmdline") ||
	       (!strncmp(name, "etc/cmdline.d/", 14) && strlen(name) > 19 &&
		!strcmp(name + strlen(name) - 5, ".conf"));
}

/* "NAME WHERE". -1: no memory, or too many of them. */
static int put(struct buf *lines, const char *name, size_t n, const char *where)
{
	if (lines->len > LINES_MAX)
		return -1;
	return buf_append(lines, name, n) < 0 || buf_printf(lines, " %.*s\n", WHERE_MAX, where) < 0 ? -1 : 0;
}

/* --- Files ------------------------------------------------------------------------------ */

/* Whether the arguments in configuration files make systemd run the loading of modules: its
 * unit asks for them, or for a hook. 033's asks for the kernel's own command line only. */
static bool arguments_load(const struct dracut *d)
{
	const struct initrd_member *unit, *m;

	if (!d->systemd || !dracut_tool(d, "modprobe"))
		return !d->systemd && dracut_tool(d, "modprobe");
	unit = image_file(d->image, "lib/systemd/system/dracut-pre-udev.service");
	unit = unit ? unit : image_file(d->image, "usr/lib/systemd/system/dracut-pre-udev.service");
	if (unit && image_holds(d->image, unit, "cmdline.d", NULL))
		return true;
	for (size_t k = 0; (m = image_next(d->image, &k));)
		if (strstr(m->name, "/hooks/pre-udev/") && S_ISREG(m->mode))
			return true;
	return false;
}

static int put_list(struct buf *lines, const char *p, const char *end, const char *where)
{
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));

		comma = comma ? comma : end;
		if (comma > p && put(lines, p, (size_t)(comma - p), where) < 0)
			return -1;
		p = comma + 1;
	}
	return 0;
}

/* LOAD: what is to be loaded by it is. */
static int read_argument(struct dracut *d, const char *word, size_t n, const char *where, bool load)
{
	static const char *const loads[] = {
		"rd.driver.pre=", "rd.driver.post=", "rdloaddriver=", "rdinsmodpost=",
	};
	static const char *const not[] = { "rd.driver.blacklist=", "rdblacklist=", "modprobe.blacklist=" };

	for (size_t k = 0; k < ARRAY_LEN(loads); k++) {
		size_t len = strlen(loads[k]);

		if (load && n > len && !memcmp(word, loads[k], len) &&
		    put_list(&d->loaded, word + len, word + n, where) < 0)
			return -1;
	}
	for (size_t k = 0; k < ARRAY_LEN(not); k++) {
		size_t len = strlen(not[k]);

		if (n > len && !memcmp(word, not[k], len) &&
		    put_list(&d->blacklisted, word + len, word + n, where) < 0)
			return -1;
	}
	return 0;
}

static int read_cmdline(struct dracut *d, const struct initrd_member *m)
{
	const char *p = (const char *)m->data, *end = p + m->size, *word;
	const char *line = d->one_cmdline ? memchr(p, '\n', m->size) : NULL;
	size_t n;

	/* 004 reads a line, and no more */
	end = line ? line : end;
	while (dracut_word(&p, end, &word, &n))
		if (buf_append(&d->arguments, word, n) < 0 || buf_puts(&d->arguments, "\n") < 0 ||
		    read_argument(d, word, n, m->name, d->arguments_load) < 0)
			return -1;
	return 0;
}

static int too_large(const struct dracut *d, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSUPPORTED, "%s: its configuration files are larger than %d MiB together, or name more "
			 "than those of any initrd do", d->image->name, CONFIGURATION_MAX >> 20);
}

/* Why lines could not be put. */
static int full(const struct dracut *d, struct unrack_error *err)
{
	const struct buf *const all[] = { &d->loaded, &d->blacklisted, &d->replaced, &d->forced, &d->refused };

	for (size_t k = 0; k < ARRAY_LEN(all); k++)
		if (all[k]->len > LINES_MAX)
			return too_large(d, err);
	return error_nomem(err);
}

int dracut_read_arguments(struct dracut *d, const char *text, struct unrack_error *err)
{
	const char *p = text ? text : "", *end = p + strlen(p), *word;
	bool load = dracut_tool(d, "modprobe");
	size_t n, refuse = strlen(REFUSE);

	while (dracut_word(&p, end, &word, &n))
		if (read_argument(d, word, n, "command line", load) < 0 ||
		    (n > refuse && !memcmp(word, REFUSE, refuse) &&
		     put_list(&d->refused, word + refuse, word + n, "command line") < 0))
			return full(d, err);
	return 0;
}

static bool is_word(const char *word, size_t n, const char *s)
{
	return n == strlen(s) && !memcmp(word, s, n);
}

/* A line of modprobe.d. */
static int read_modprobe(struct dracut *d, const struct initrd_member *m, const char *p, const char *end)
{
	const char *first, *name;
	size_t nf, nn;

	if (!dracut_word(&p, end, &first, &nf) || !dracut_word(&p, end, &name, &nn))
		return 0;
	if (is_word(first, nf, "blacklist"))
		return put(&d->blacklisted, name, nn, m->name);
	/* Commands mostly load the module in the end. */
	if (is_word(first, nf, "install") && !memmem(p, (size_t)(end - p), "modprobe", 8) &&
	    !memmem(p, (size_t)(end - p), "insmod", 6))
		return put(&d->replaced, name, nn, m->name);
	return 0;
}

/* A line of modules-load.d. */
static int read_load(struct dracut *d, const struct initrd_member *m, const char *p, const char *end)
{
	const char *name;
	size_t n;

	if (!dracut_word(&p, end, &name, &n) || name[0] == '#' || name[0] == ';')
		return 0;
	return put(&d->loaded, name, n, m->name);
}

/* A line of a script: what modprobe is called for. */
static int read_hook(struct dracut *d, const struct initrd_member *m, const char *p, const char *end)
{
	const char *word;
	bool force = false;
	size_t n;

	if (!dracut_word(&p, end, &word, &n) ||
	    (!is_word(word, n, "modprobe") && !is_word(word, n, "/sbin/modprobe")))
		return 0;
	while (dracut_word(&p, end, &word, &n)) {
		size_t name = 0;

		force |= is_word(word, n, "-i") || is_word(word, n, "--ignore-install");
		while (name < n && !strchr(";&|<>#", word[name]))
			name++;
		if (name && word[0] != '-' && (put(&d->loaded, word, name, m->name) < 0 ||
					       (force && put(&d->forced, word, name, m->name) < 0)))
			return -1;
		if (name < n)
			break;
	}
	return 0;
}

typedef int line_reader(struct dracut *d, const struct initrd_member *m, const char *p, const char *end);

static int each_line(struct dracut *d, const struct initrd_member *m, line_reader *line)
{
	const char *p = (const char *)m->data, *end = p + m->size, *nl;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		if (line(d, m, p, nl) < 0)
			return -1;
	}
	return 0;
}

/* A script that runs before root is looked for; its folder is at the top in dracut 004. */
static bool is_early_hook(const char *name)
{
	static const char *const hooks[] = { "cmdline/", "pre-udev/", "pre-trigger/", "initqueue" };
	const char *p = strstr(name, "dracut/hooks/");
	size_t n = strlen(name);

	p = p ? p + 13 : name;
	for (size_t k = 0; k < ARRAY_LEN(hooks); k++)
		if (!strncmp(p, hooks[k], strlen(hooks[k])))
			return n > 3 && !strcmp(name + n - 3, ".sh");
	return false;
}

/* What reads the lines of member NAME; NULL: it is of no use here. */
static line_reader *reader_of(const struct dracut *d, const char *name, bool modprobe)
{
	if (is_in(name, "modprobe.d", ".conf") || !strcmp(name, "etc/modprobe.conf"))
		return read_modprobe;
	if (d->modules_load && is_in(name, "modules-load.d", ".conf"))
		return read_load;
	return modprobe && is_early_hook(name) ? read_hook : NULL;
}

int dracut_read_names(struct dracut *d, struct unrack_error *err)
{
	bool modprobe = dracut_tool(d, "modprobe");
	const struct initrd_member *m;
	size_t total = 0;
	int r = 0;

	d->arguments_load = arguments_load(d);
	d->modules_load = d->systemd && (image_file(d->image, "usr/lib/systemd/systemd-modules-load") ||
					 image_file(d->image, "lib/systemd/systemd-modules-load"));
	for (size_t k = 0; r == 0 && (m = image_next(d->image, &k));) {
		bool cmdline = dracut_is_cmdline(d, m->name);
		line_reader *reader = reader_of(d, m->name, modprobe);

		if (!S_ISREG(m->mode) || (!cmdline && !reader))
			continue;
		total += m->size;
		if (total > CONFIGURATION_MAX)
			return too_large(d, err);
		r = cmdline ? read_cmdline(d, m) : each_line(d, m, reader);
		image_forget(d->image, m->data, m->size);
	}
	return r < 0 ? full(d, err) : 0;
}
