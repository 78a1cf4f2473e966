/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/lost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#define FILE_LIMIT ((size_t)LOST_RANGES_MAX * (LOST_WHAT_MAX + 128))
#define FILE_MODE 0600
/* A comment of ours: where, and what lies there. */
#define NOTE "# at "

void lost_free(struct lost *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i].what);
	free(l->at);
	*l = (struct lost){ NULL, 0 };
}

uint64_t lost_bytes(const struct lost *l)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < l->n; i++)
		bytes += l->at[i].len;
	return bytes;
}

void lost_forget(struct lost *l, uint64_t off)
{
	while (l->n > 0 && l->at[l->n - 1].off >= off)
		free(l->at[--l->n].what);
	if (l->n > 0 && l->at[l->n - 1].off + l->at[l->n - 1].len > off)
		l->at[l->n - 1].len = off - l->at[l->n - 1].off;
}

int lost_add(struct lost *l, uint64_t off, uint64_t len, const char *what, struct unrack_error *err)
{
	struct lost_range *last = l->n ? &l->at[l->n - 1] : NULL, *at;
	uint64_t end;

	if (len == 0 || add_overflows(off, len, &end) || (last && off < last->off + last->len))
		return error_set(err, UNRACK_DAMAGED, "the places that could not be read are not in order");
	if (l->n == LOST_RANGES_MAX)
		return error_set(err, UNRACK_DAMAGED, "more than %u places could not be read", LOST_RANGES_MAX);
	if (last && off == last->off + last->len && !strcmp(last->what, what)) {
		last->len += len;
		return 0;
	}
	at = realloc(l->at, (l->n + 1) * sizeof *at);
	if (!at)
		return error_nomem(err);
	l->at = at;
	at[l->n] = (struct lost_range){ off, len, strndup(what, LOST_WHAT_MAX - 1) };
	if (!at[l->n].what)
		return error_nomem(err);
	l->n++;
	return 0;
}

static int format(const struct lost *l, uint64_t disk_bytes, struct buf *out)
{
	uint64_t at = 0;
	int r = buf_puts(out, "# Mapfile. Written by unrack; what is marked - could not be read, and is zeros in the image\n"
			      "# current_pos  current_status  current_pass\n"
			      "0x00000000     +               1\n"
			      "#      pos        size  status\n");

	for (size_t i = 0; i < l->n && r == 0; i++) {
		const struct lost_range *one = &l->at[i];

		if (one->off > at)
			r = buf_printf(out, "0x%08" PRIX64 "  0x%08" PRIX64 "  +\n", at, one->off - at);
		if (r == 0 && one->what[0])
			r = buf_printf(out, NOTE "0x%08" PRIX64 ": %s\n", one->off, one->what);
		if (r == 0)
			r = buf_printf(out, "0x%08" PRIX64 "  0x%08" PRIX64 "  -\n", one->off, one->len);
		at = one->off + one->len;
	}
	if (r == 0 && at < disk_bytes)
		r = buf_printf(out, "0x%08" PRIX64 "  0x%08" PRIX64 "  +\n", at, disk_bytes - at);
	return r;
}

int lost_write(const struct io *io, const char *path, const struct lost *l, uint64_t disk_bytes,
	       struct unrack_error *err)
{
	struct buf text = { 0 };
	int r;

	if (l->n == 0) {
		r = io_unlink(io, path, err);
		return r < 0 && err->sys_errno == ENOENT ? 0 : r;
	}
	r = format(l, disk_bytes, &text) < 0 ? error_nomem(err) : 0;
	if (r == 0)
		r = io_replace_file(io, path, text.data, text.len, FILE_MODE, err);
	buf_free(&text);
	return r;
}

/* One line, which ends with a NUL. *WHAT: the note that stands before a range. */
static int take_line(struct lost *l, char *line, char **what, bool *pos, struct unrack_error *err)
{
	uint64_t off, len;
	char status;
	int end = -1;

	if (!strncmp(line, NOTE, strlen(NOTE)) && strchr(line, ':')) {
		*what = strchr(line, ':') + 1;
		*what += **what == ' ';
		return 0;
	}
	if (line[0] == '#' || line[0] == '\0')
		return 0;
	if (!*pos) { /* the first one says where ddrescue stands */
		*pos = true;
		return 0;
	}
	if (sscanf(line, "%" SCNi64 " %" SCNi64 " %c %n", (int64_t *)&off, (int64_t *)&len, &status, &end) != 3 ||
	    end < 0 || line[end] != '\0')
		return error_set(err, UNRACK_DAMAGED, "\"%.60s\" is no line of a mapfile", line);
	if (status != '+') {
		int r = lost_add(l, off, len, *what, err);

		if (r < 0)
			return r;
	}
	*what = (char *)"";
	return 0;
}

int lost_read(const struct io *io, const char *path, struct lost *l, struct unrack_error *err)
{
	struct buf text = { 0 };
	char *what = (char *)"", *line, *next;
	bool pos = false;
	int r = io_read_file(io, path, FILE_LIMIT, &text, err);

	if (r < 0) {
		buf_free(&text);
		return err->sys_errno == ENOENT ? 0 : r;
	}
	if (strlen(buf_str(&text)) != text.len)
		r = error_set(err, UNRACK_DAMAGED, "it is no text");
	for (line = (char *)buf_str(&text); r == 0 && *line; line = next) {
		size_t n = strcspn(line, "\n");

		next = line + n + (line[n] == '\n');
		line[n] = '\0';
		r = take_line(l, line, &what, &pos, err);
	}
	if (r < 0) {
		lost_free(l);
		error_prefix(err, "%s is not a mapfile that unrack wrote", path);
	}
	buf_free(&text);
	return r;
}
