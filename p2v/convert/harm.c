/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "harm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

#define HARMS_MAX 1024 /* more are ignored: the first ones decide already */

/* The guest's name of each. */
static const char *const files[HARM_FILES] = {
	[HARM_CRYPTTAB] = "/etc/crypttab",
	[HARM_RAWDEVICES] = "/etc/sysconfig/rawdevices",
	[HARM_KDUMP] = "/etc/kdump.conf",
	[HARM_RC_LOCAL] = "/etc/rc.d/rc.local",
};

void harm_free(struct harm_list *h)
{
	free(h->at);
	for (int i = 0; i < HARM_FILES; i++)
		free(h->paths[i]);
	memset(h, 0, sizeof *h);
}

static bool has_word(const char *options, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = options; *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, word, n) && (p[n] == ',' || p[n] == '=' || !p[n]))
			return true;
	return false;
}

static void add(struct harm_list *h, enum harm_file file, unsigned line, const char *device,
		size_t len, const char *what)
{
	struct harm *harm;

	if (h->n == HARMS_MAX || len >= sizeof harm->device)
		return;
	harm = &h->at[h->n++];
	harm->file = file;
	harm->line = line;
	memcpy(harm->device, device, len);
	harm->device[len] = '\0';
	snprintf(harm->what, sizeof harm->what, "%s", what);
}

/* What a line of a table does to the device in its second field; NULL: nothing. */
static const char *table_harm(enum harm_file file, char (*f)[256])
{
	switch (file) {
	case HARM_CRYPTTAB:
		if (has_word(f[3], "swap"))
			return "makes encrypted swap on";
		return has_word(f[3], "tmp") ? "makes an encrypted /tmp on" : NULL;
	case HARM_RAWDEVICES:
		return "gives a database raw access to";
	default:
		return strcmp(f[0], "raw") ? NULL : "writes crash dumps over";
	}
}

static void find_in_table(struct harm_list *h, enum harm_file file, const struct buf *text,
			  char (*f)[256])
{
	unsigned line = 0;
	size_t pos = 0;

	while (fields_next(buf_str(text), text->len, &pos, &line, f, 4)) {
		const char *what = table_harm(file, f);

		if (!strncmp(f[1], "/dev/", 5))
			add(h, file, line, f[1], strlen(f[1]), what ? what : "");
	}
}

static void find_in_script(struct harm_list *h, enum harm_file file, const struct buf *text)
{
	struct script_cursor c = { 0 };
	struct script_danger d;
	char what[48];

	while (script_next_danger(buf_str(text), text->len, &c, &d)) {
		snprintf(what, sizeof what, "runs %s on", d.command);
		add(h, file, d.line, d.device, d.device_len, what);
	}
}

int harm_find(struct guest *g, struct harm_list *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	char (*f)[256] = malloc(4 * sizeof *f);
	bool found;
	int r = 0;

	memset(out, 0, sizeof *out);
	out->at = calloc(HARMS_MAX, sizeof *out->at);
	if (!out->at || !f)
		r = error_nomem(err);
	for (int i = 0; r == 0 && i < HARM_FILES; i++) {
		r = inspect_real(g, files[i], &out->paths[i], err);
		if (r < 0 || !out->paths[i])
			continue;
		r = inspect_read(g, out->paths[i], &text, &found, err);
		if (r < 0)
			break;
		if (i == HARM_RC_LOCAL)
			find_in_script(out, (enum harm_file)i, &text);
		else
			find_in_table(out, (enum harm_file)i, &text, f);
	}
	free(f);
	if (r < 0)
		harm_free(out);
	return r;
}

int harm_edit(enum harm_file file, const char *text, size_t n, const struct edit_names *names,
	      struct buf *out, struct unrack_error *err)
{
	if (file == HARM_RC_LOCAL)
		return script_edit(text, n, names, out, err);
	return fields_edit(text, n, 1, names, out, err);
}
