/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /boot/grub/device.map: "(hd0) /dev/sda", the BIOS's numbers of disks. GRUB's shell reads
 * it when it installs, not when it boots. */
#include <string.h>

#include "lines.h"
#include "unrack/edit.h"

/* "(hdN) NAME" in L; the others are comments and floppies. */
static bool parse_line(const struct line *l, int *bios, const char **name, size_t *len)
{
	size_t at = 0, n;
	const char *word;
	int digits = 0;

	*bios = 0;
	if (!line_word(l, &at, &word, &n) || n < 5 || memcmp(word, "(hd", 3) != 0 || word[n - 1] != ')')
		return false;
	for (size_t i = 3; i < n - 1; i++) {
		if (word[i] < '0' || word[i] > '9' || ++digits > 4)
			return false;
		*bios = *bios * 10 + (word[i] - '0');
	}
	return line_word(l, &at, name, len);
}

bool devicemap_next(const char *text, size_t n, size_t *pos, int *bios, char name[64])
{
	const char *word;
	struct line l;
	size_t len;

	while (line_next(text, n, pos, &l)) {
		if (!parse_line(&l, bios, &word, &len) || len >= 64)
			continue;
		memcpy(name, word, len);
		name[len] = '\0';
		return true;
	}
	return false;
}

int devicemap_edit(const char *text, size_t n, const struct edit_names *names, struct buf *out,
		   struct unrack_error *err)
{
	const char *word;
	struct line l;
	size_t pos = 0, len;
	int bios, bad = 0;

	buf_clear(out);
	while (line_next(text, n, &pos, &l)) {
		const struct edit_name *name = NULL;

		if (parse_line(&l, &bios, &word, &len))
			name = edit_names_find(names, word, len);
		if (!name) {
			bad |= buf_append(out, l.text, l.len + l.end);
		} else if (name->new) {
			bad |= buf_append(out, l.text, (size_t)(word - l.text)) | buf_puts(out, name->new) |
			       buf_append(out, word + len, (size_t)(l.text + l.len + l.end - word) - len);
		}
	}
	return bad ? error_nomem(err) : 0;
}
