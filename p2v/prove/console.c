/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unrack/digest.h"

#define KEPT_MAX (16u << 20) /* a guest may write without end */

static const char *const names[TEXT_SOURCES] = {
	[TEXT_SCREEN] = "VGA text",
	[TEXT_SERIAL] = "serial",
	[TEXT_MEMORY] = "console in memory",
	[TEXT_LOG] = "kernel log in memory",
};

const char *text_source_name(enum text_source s)
{
	return names[s];
}

int console_open(struct console *c, const char *path, struct unrack_error *err)
{
	memset(c, 0, sizeof *c);
	c->file = fopen(path, "we");
	return c->file ? 0 : error_errno(err, errno, "can't create %s", path);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void put(struct console *c, double at, const char *what, const char *line, size_t n)
{
	if (c->written <= KEPT_MAX)
		c->written += (uint64_t)fprintf(c->file, "%7.1f %s: %.*s\n", at, what, (int)n, line);
	if (c->written > KEPT_MAX && c->written != UINT64_MAX) {
		fprintf(c->file, "%7.1f the rest is not kept\n", at);
		c->written = UINT64_MAX;
	}
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n + 1;
}

bool console_add(struct console *c, double at, enum text_source source, const char *text)
{
	struct console_lines *before = &c->before[source], now = { NULL, 0 };
	bool any = false;

	now.at = malloc(count_lines(text) * sizeof *now.at);
	if (!now.at)
		return false;
	while (*text) {
		size_t n = strcspn(text, "\n");
		uint64_t sum = checksum64(text, n);

		now.at[now.len++] = sum;
		if (!before->len || !bsearch(&sum, before->at, before->len, sizeof sum, by_value)) {
			put(c, at, names[source], text, n);
			any = true;
		}
		text += n + (text[n] == '\n');
	}
	qsort(now.at, now.len, sizeof *now.at, by_value);
	free(before->at);
	*before = now;
	if (any)
		fflush(c->file); /* whatever becomes of us */
	return any;
}

void console_note(struct console *c, double at, const char *note)
{
	put(c, at, "unrack", note, strlen(note));
}

void console_close(struct console *c)
{
	if (c->file)
		fclose(c->file);
	for (size_t i = 0; i < TEXT_SOURCES; i++)
		free(c->before[i].at);
	memset(c, 0, sizeof *c);
}
