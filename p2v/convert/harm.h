/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of a guest's files that overwrite a disk by its name when it boots: encrypted swap
 * with a new key, raw devices, kdump to a partition, mkfs and mkswap in rc.local. When names
 * move they destroy something else. Found with them: what else these tables name. */
#ifndef CONVERT_HARM_H
#define CONVERT_HARM_H

#include "unrack/edit.h"
#include "unrack/guest.h"

enum harm_file { HARM_CRYPTTAB, HARM_RAWDEVICES, HARM_KDUMP, HARM_RC_LOCAL, HARM_FILES };

struct harm {
	enum harm_file file;
	unsigned line;
	char device[64];
	char what[48]; /* "makes encrypted swap on"; "": it only uses it */
};
struct harm_list {
	struct harm *at;
	size_t n;
	char *paths[HARM_FILES]; /* the real files; NULL: there is none */
};

int harm_find(struct guest *g, struct harm_list *out, struct unrack_error *err);
void harm_free(struct harm_list *h);
/* The file's text with names replaced, whether they are dangerous or not. */
int harm_edit(enum harm_file file, const char *text, size_t n, const struct edit_names *names,
	      struct buf *out, struct unrack_error *err);

#endif
