/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lines.h"
#include "unrack/netconf.h"

static struct line trim(struct line l)
{
	while (l.len && line_is_blank(l.text[l.len - 1]))
		l.len--;
	while (l.len && line_is_blank(l.text[0]))
		l.text++, l.len--;
	return l;
}

char *ini_get(const char *text, size_t n, const char *section, const char *key)
{
	size_t pos = 0, len = strlen(section), klen = strlen(key);
	struct line l, value = { 0 };
	bool here = false;

	while (line_next(text, n, &pos, &l)) {
		l = trim(l);
		if (!l.len || l.text[0] == '#' || l.text[0] == ';')
			continue;
		if (l.text[0] == '[') {
			here = l.len == len + 2 && !memcmp(l.text + 1, section, len) &&
			       l.text[len + 1] == ']';
			continue;
		}
		if (!here || l.len <= klen || memcmp(l.text, key, klen) != 0)
			continue;
		l = trim((struct line){ l.text + klen, l.len - klen, 0 });
		if (l.len && l.text[0] == '=')
			value = trim((struct line){ l.text + 1, l.len - 1, 0 });
	}
	return value.text ? line_copy(value.text, value.len) : NULL;
}

void nm_keyfile_free(struct nm_keyfile *k)
{
	free(k->id);
	free(k->interface);
	free(k->mac);
	free(k->method);
	memset(k, 0, sizeof *k);
}

int nm_keyfile_parse(const char *text, size_t n, struct nm_keyfile *out, struct unrack_error *err)
{
	char *type = ini_get(text, n, "connection", "type");
	char *autoconnect = ini_get(text, n, "connection", "autoconnect");

	memset(out, 0, sizeof *out);
	out->id = ini_get(text, n, "connection", "id");
	out->interface = ini_get(text, n, "connection", "interface-name");
	out->mac = ini_get(text, n, "ethernet", "mac-address");
	if (!out->mac)
		out->mac = ini_get(text, n, "802-3-ethernet", "mac-address");
	out->method = ini_get(text, n, "ipv4", "method");
	out->autoconnect = !autoconnect || strcasecmp(autoconnect, "false") != 0;
	out->card = type && (!strcmp(type, "ethernet") || !strcmp(type, "802-3-ethernet"));
	free(type);
	free(autoconnect);
	if (!out->id)
		out->id = strdup("");
	if (out->id)
		return 0;
	nm_keyfile_free(out);
	return error_nomem(err);
}
