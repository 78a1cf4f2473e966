/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nash.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* --- Words ------------------------------------------------------------------------------ */

static bool blank(char c)
{
	return isspace((unsigned char)c);
}

/* As getArg() of nash.c: the character behind a closing quote is lost, whatever it is. */
bool nash_next(const struct nash_line *l, size_t *at, struct nash_word *w)
{
	const char *p = l->text;
	size_t end = l->len && p[l->len - 1] == '\n' ? l->len - 1 : l->len, k = *at;
	bool first = k == 0;

	while (k < end && blank(p[k]))
		k++;
	if (k == end)
		return false;
	if (!first && (p[k] == '"' || p[k] == '\'')) {
		const char *close = memchr(p + k + 1, p[k], end - k - 1);

		if (!close)
			return false;
		*w = (struct nash_word){ p + k + 1, (size_t)(close - (p + k + 1)) };
		*at = (size_t)min_u64((uint64_t)(close - p) + 2, end);
		return true;
	}
	w->p = p + k;
	while (k < end && !blank(p[k]))
		k++;
	w->n = (size_t)(p + k - w->p);
	*at = k;
	return true;
}

bool nash_word_is(const struct nash_word *w, const char *text)
{
	return w->n == strlen(text) && !memcmp(w->p, text, w->n);
}

static bool takes_value(const struct nash_word *w)
{
	return nash_word_is(w, "-t") || nash_word_is(w, "-o") || nash_word_is(w, "--interval") ||
	       nash_word_is(w, "--iterations");
}

size_t nash_arguments(const struct nash_line *l, struct nash_word w[2])
{
	struct nash_word word;
	bool value = true; /* of the command, which is none either */
	size_t at = 0, n = 0;

	while (nash_next(l, &at, &word)) {
		bool option = word.n && word.p[0] == '-';

		if (!value && !option) {
			if (n < 2)
				w[n] = word;
			n++;
		}
		value = !value && takes_value(&word);
	}
	return n;
}

bool nash_option(const struct nash_line *l, const char *option, struct nash_word *w)
{
	size_t at = 0;

	while (nash_next(l, &at, w))
		if (nash_word_is(w, option))
			return nash_next(l, &at, w);
	return false;
}

bool nash_insmod_path(const struct nash_line *l, struct nash_word *w)
{
	size_t at = 0;

	if (l->command != NASH_INSMOD || !nash_next(l, &at, w))
		return false;
	do {
		if (!nash_next(l, &at, w))
			return false;
	} while (w->n && w->p[0] == '-');
	while (w->n && w->p[0] == '/')
		w->p++, w->n--;
	return w->n > 0;
}

bool nash_mounts_root(const struct nash_line *l)
{
	struct nash_word w[2];
	size_t n = l->command == NASH_MOUNT ? nash_arguments(l, w) : 0;

	return (n == 1 || n == 2) && nash_word_is(&w[n - 1], "/sysroot");
}

bool nash_mounts_by_mkrootdev(const struct nash_line *l)
{
	struct nash_word w[2];

	return nash_mounts_root(l) && (nash_arguments(l, w) == 1 || nash_word_is(&w[0], "/dev/root"));
}

bool nash_mounts_proc(const struct nash_line *l)
{
	struct nash_word w[2];

	return l->command == NASH_MOUNT && nash_arguments(l, w) == 2 && nash_word_is(&w[1], "/proc");
}

bool nash_is_root(const struct nash_line *l)
{
	switch (l->command) {
	case NASH_MKROOTDEV:
	case NASH_LVM:
	case NASH_RAID:
	case NASH_DM:
		return true;
	case NASH_MOUNT:
		return nash_mounts_root(l);
	default:
		return false;
	}
}

/* --- Lines ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	enum nash_command command;
} commands[] = {
	{ "echo", NASH_ECHO },
	{ "insmod", NASH_INSMOD },
	{ "mkblkdevs", NASH_NODES },
	{ "udevstart", NASH_NODES },
	{ "mkdevices", NASH_NODES },
	{ "stabilized", NASH_STABILIZED },
	{ "resume", NASH_RESUME },
	{ "mkrootdev", NASH_MKROOTDEV },
	{ "mount", NASH_MOUNT },
	{ "mkdir", NASH_MAKE },
	{ "mknod", NASH_MAKE },
	{ "lvm", NASH_LVM },
	{ "vgscan", NASH_LVM },
	{ "vgchange", NASH_LVM },
	{ "raidautorun", NASH_RAID },
	{ "dmraid", NASH_DM },
	{ "kpartx", NASH_DM },
	{ "multipath", NASH_DM },
	{ "rmparts", NASH_RMPARTS },
	{ "network", NASH_NETWORK },
	{ "switchroot", NASH_SWITCH },
	{ "pivot_root", NASH_SWITCH },
	{ "iscsistart", NASH_NETWORK },
};

/* The first word, of /sbin/udevstart, nash-mount and dmraid.static what counts of them; false: nothing
 * is run. */
static bool first_word(const struct nash_line *l, size_t *at, struct nash_word *w)
{
	if (!l->len || l->text[l->len - 1] != '\n' || !nash_next(l, at, w) || w->p[0] == '#')
		return false;
	for (size_t k = w->n; k > 0; k--)
		if (w->p[k - 1] == '/') {
			*w = (struct nash_word){ w->p + k, w->n - k };
			break;
		}
	if (w->n > 5 && !memcmp(w->p, "nash-", 5))
		*w = (struct nash_word){ w->p + 5, w->n - 5 };
	if (w->n > 7 && !memcmp(w->p + w->n - 7, ".static", 7))
		w->n -= 7;
	return true;
}

static enum nash_command command_of(const struct nash_line *l)
{
	struct nash_word w, action;
	size_t at = 0;

	if (!first_word(l, &at, &w))
		return NASH_OTHER;
	if (nash_word_is(&w, "dm"))
		return nash_next(l, &at, &action) &&
		       (nash_word_is(&action, "create") || nash_word_is(&action, "partadd"))
			       ? NASH_DM : NASH_OTHER;
	for (size_t k = 0; k < ARRAY_LEN(commands); k++)
		if (nash_word_is(&w, commands[k].name))
			return commands[k].command;
	return NASH_OTHER;
}

static const struct sign {
	const char *name;
	enum nash_release release;
} signs[] = {
	{ "mkdevices", NASH_EL3 },
	{ "setquiet", NASH_EL3 },
	{ "vgscan", NASH_EL3 },
	{ "udevstart", NASH_EL4 },
	{ "lvm", NASH_EL4 },
	{ "mkdmnod", NASH_EL4 },
	{ "mkblkdevs", NASH_EL5 },
	{ "hotplug", NASH_EL5 },
	{ "setuproot", NASH_EL5 },
	{ "resume", NASH_EL5 },
	{ "network", NASH_EL5 },
	{ "rmparts", NASH_EL5 },
	{ "dm", NASH_EL5 },
};

/* Arguments that only one release's command takes. */
static bool sign_of_line(const struct nash_line *l, const struct nash_word *command,
			 enum nash_release *release)
{
	struct nash_word w[2], t;
	size_t n = nash_arguments(l, w);

	if (nash_word_is(command, "pivot_root")) {
		*release = NASH_EL21;
		return true;
	}
	if (nash_word_is(command, "switchroot") || (l->command == NASH_MOUNT && n == 1)) {
		*release = l->command != NASH_MOUNT && n ? NASH_EL4 : NASH_EL5;
		return true;
	}
	*release = NASH_EL5;
	return l->command == NASH_MKROOTDEV && nash_option(l, "-t", &t);
}

enum nash_release nash_release_of(const struct nash *s)
{
	enum nash_release found = NASH_EL21, r;
	bool any = false;

	for (size_t k = 0; k < s->lines.len; k++) {
		const struct nash_line *l = &s->lines.at[k];
		struct nash_word w;
		size_t at = 0;

		if (!first_word(l, &at, &w))
			continue;
		if (sign_of_line(l, &w, &r)) {
			any = true;
			found = max_u64(found, r);
		}
		for (size_t n = 0; n < ARRAY_LEN(signs); n++)
			if (nash_word_is(&w, signs[n].name)) {
				any = true;
				found = max_u64(found, signs[n].release);
			}
	}
	return any ? found : s->ramdisk ? NASH_EL3 : NASH_EL5;
}

static int make_line(struct nash_line *l, const char *p, size_t n)
{
	l->text = malloc(n + 1);
	if (!l->text)
		return -1;
	memcpy(l->text, p, n);
	l->text[n] = '\0';
	l->len = n;
	l->command = command_of(l);
	return 0;
}

static int append(struct nash *s, const char *p, size_t n)
{
	struct nash_line l;

	if (make_line(&l, p, n) < 0)
		return -1;
	if (nash_lines_push(&s->lines, l) < 0) {
		free(l.text);
		return -1;
	}
	return 0;
}

static bool is_comment(const struct nash_line *l)
{
	struct nash_word w;
	size_t at = 0;

	return nash_next(l, &at, &w) && w.p[0] == '#';
}

/* Nash 5 takes the line behind a comment as it is: if that begins with a blank, the command has no
 * name; if it is another comment, it is a command of that name. Neither does anything. */
static void forget_behind_comments(struct nash *s)
{
	bool behind = false;

	for (size_t k = 0; k < s->lines.len; k++) {
		struct nash_line *l = &s->lines.at[k];

		if (behind && blank(l->text[0]))
			l->command = NASH_OTHER;
		behind = !behind && is_comment(l);
	}
}

int nash_parse(const void *text, size_t n, const char *name, struct nash *out,
	       struct unrack_error *err)
{
	const char *p = text, *end = p + n;

	*out = (struct nash){ 0 };
	if (n > NASH_SCRIPT_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: has %zu bytes; a script for nash has at most %u",
				 name, n, NASH_SCRIPT_MAX);
	if (n && memchr(p, 0, n))
		return error_set(err, UNRACK_UNSUPPORTED, "%s: has a NUL in it, where nash would stop", name);
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *next = nl ? nl + 1 : end;

		if (append(out, p, (size_t)(next - p)) < 0) {
			nash_free(out);
			return error_nomem(err);
		}
		p = next;
	}
	if (nash_release_of(out) == NASH_EL5)
		forget_behind_comments(out);
	return 0;
}

void nash_free(struct nash *s)
{
	for (size_t k = 0; k < s->lines.len; k++)
		free(s->lines.at[k].text);
	nash_lines_free(&s->lines);
}

int nash_print(const struct nash *s, struct buf *out)
{
	for (size_t k = 0; k < s->lines.len; k++)
		if (buf_append(out, s->lines.at[k].text, s->lines.at[k].len) < 0)
			return -1;
	return 0;
}

/* --- Edits ------------------------------------------------------------------------------ */

int nash_insert(struct nash *s, size_t at, const char *text)
{
	if (append(s, text, strlen(text)) < 0)
		return -1;
	nash_move(s, s->lines.len - 1, at);
	return 0;
}

void nash_remove(struct nash *s, size_t at)
{
	nash_move(s, at, s->lines.len - 1);
	free(s->lines.at[--s->lines.len].text);
}

void nash_move(struct nash *s, size_t from, size_t to)
{
	struct nash_line *at = s->lines.at, l = at[from];

	if (from < to)
		memmove(at + from, at + from + 1, (to - from) * sizeof l);
	else
		memmove(at + to + 1, at + to, (from - to) * sizeof l);
	at[to] = l;
}

int nash_end_last_line(struct nash *s)
{
	struct nash_line *last = s->lines.len ? &s->lines.at[s->lines.len - 1] : NULL;
	CLEANUP_BUF struct buf b = { 0 };
	struct nash_line new;

	if (!last || last->text[last->len - 1] == '\n')
		return 0;
	if (buf_append(&b, last->text, last->len) < 0 || buf_puts(&b, "\n") < 0 ||
	    make_line(&new, buf_str(&b), b.len) < 0)
		return -1;
	free(last->text);
	*last = new;
	return 0;
}

/* A character that names of devices, volumes and labels are made of. */
static bool in_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("/_-.:+@%\\", c));
}

/* The longest of the names that is at P and ends there; SIZE_MAX: none. */
static size_t longest(const char *p, size_t left, const char *const (*names)[2], size_t n)
{
	size_t best = SIZE_MAX, best_len = 0;

	for (size_t k = 0; k < n; k++) {
		size_t len = strlen(names[k][0]);

		if (len > best_len && len <= left && !memcmp(p, names[k][0], len) &&
		    (len == left || !in_name(p[len]))) {
			best = k;
			best_len = len;
		}
	}
	return best;
}

int nash_rename(struct nash_line *l, const char *const (*names)[2], size_t n, bool *drop)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct nash_line new;
	bool changed = false;

	*drop = false;
	for (size_t at = 0; at < l->len;) {
		const char *p = l->text + at;
		size_t k = at && in_name(p[-1]) ? SIZE_MAX : longest(p, l->len - at, names, n);

		if (k == SIZE_MAX) {
			if (buf_append(&b, p, 1) < 0)
				return -1;
			at++;
			continue;
		}
		if (!names[k][1]) {
			*drop = true;
			return 0;
		}
		if (buf_puts(&b, names[k][1]) < 0)
			return -1;
		at += strlen(names[k][0]);
		changed = true;
	}
	if (!changed)
		return 0;
	if (make_line(&new, buf_str(&b), b.len) < 0)
		return -1;
	free(l->text);
	*l = new;
	return 0;
}
