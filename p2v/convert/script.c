/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shell scripts that run at boot and overwrite a device by its name. What a shell would do
 * with a line is not worked out: a command word and a device in one line are enough. */
#include <string.h>

#include "base/size.h"
#include "lines.h"
#include "unrack/devname.h"
#include "unrack/edit.h"

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The first word of L that overwrites disks: mkfs.ext3, /sbin/mkswap, dd, ... */
static bool find_command(const struct line *l, const char **command, size_t *len)
{
	static const char *const prefixes[] = { "mkfs", "mke2fs", "mkswap", "mkreiserfs", "mkdosfs" };
	static const char *const words[] = { "dd", "wipefs", "shred", "pvcreate", "cryptsetup", "raw" };

	for (size_t i = 0; i < l->len;) {
		size_t start = i;

		if (!is_word_char(l->text[i])) {
			i++;
			continue;
		}
		while (i < l->len && (is_word_char(l->text[i]) || l->text[i] == '.'))
			i++;
		*command = l->text + start;
		*len = i - start;
		for (size_t k = 0; k < ARRAY_LEN(prefixes); k++)
			if (*len >= strlen(prefixes[k]) && !memcmp(*command, prefixes[k], strlen(prefixes[k])))
				return true;
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			if (line_is(*command, *len, words[k]))
				return true;
	}
	return false;
}

static size_t without_comment(const struct line *l)
{
	for (size_t i = 0; i < l->len; i++)
		if (l->text[i] == '#' && (i == 0 || line_is_blank(l->text[i - 1])))
			return i;
	return l->len;
}

/* dd writes only to what stands behind of=. */
static bool is_written(const struct script_cursor *c, const char *text, size_t at)
{
	return strcmp(c->command, "dd") != 0 || (at >= 3 && !memcmp(text + at - 3, "of=", 3));
}

bool script_next_danger(const char *text, size_t n, struct script_cursor *c, struct script_danger *out)
{
	for (;;) {
		const char *command = NULL;
		size_t at, len, pos = c->next;
		struct line l = { 0 };

		while (c->pos < c->end) {
			devname_find(text + c->pos, c->end - c->pos, &at, &len);
			at += c->pos;
			c->pos = len ? at + len : c->end;
			if (!len || !is_written(c, text, at))
				continue;
			out->line = c->line;
			memcpy(out->command, c->command, sizeof out->command);
			out->device = text + at;
			out->device_len = len;
			return true;
		}
		if (!line_next(text, n, &c->next, &l))
			return false;
		c->line++;
		l.len = without_comment(&l);
		if (find_command(&l, &command, &len)) {
			len = len < sizeof c->command ? len : sizeof c->command - 1;
			memcpy(c->command, command, len);
			c->command[len] = '\0';
			c->pos = pos;
			c->end = pos + l.len;
		}
	}
}

int script_edit(const char *text, size_t n, const struct edit_names *names, struct buf *out,
		struct unrack_error *err)
{
	struct script_cursor c = { 0 };
	struct script_danger d;
	size_t done = 0;

	buf_clear(out);
	while (script_next_danger(text, n, &c, &d)) {
		const struct edit_name *name = edit_names_find(names, d.device, d.device_len);
		size_t start = (size_t)(d.device - text);

		if (!name || !name->new)
			continue;
		if (buf_append(out, text + done, start - done) < 0 || buf_puts(out, name->new) < 0)
			return error_nomem(err);
		done = start + d.device_len;
	}
	return buf_append(out, text + done, n - done) < 0 ? error_nomem(err) : 0;
}
