/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --rename OLD=NEW, as pairs for struct initrd_change. */
#ifndef CMD_INITRD_RENAME_H
#define CMD_INITRD_RENAME_H

#include "options.h"
#include "unrack/initrd.h"

struct initrd_renames {
	const char *pairs[OPTION_LIST_MAX][2]; /* the second NULL: it goes */
	char *texts[OPTION_LIST_MAX];
	size_t n;
};

/* OLD may be LABEL=x, UUID=x, PARTLABEL=x or PARTUUID=x: then the second = is the one between. UNRACK_USAGE: it is not of
 * that form, or an old name is given twice. OUT is to be freed in any case. */
int initrd_rename_parse(const struct option_list *list, struct initrd_renames *out, struct unrack_error *err);
void initrd_rename_free(struct initrd_renames *r);
/* Whether an image of which A tells mentions the name. */
bool initrd_rename_mentioned(const struct initrd_answer *a, const char *name);

#endif
