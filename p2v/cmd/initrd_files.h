/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --file NAME=FILE, as files for struct initrd_change. */
#ifndef CMD_INITRD_FILES_H
#define CMD_INITRD_FILES_H

#include "options.h"
#include "unrack/initrd.h"

struct initrd_files {
	struct initrd_file at[OPTION_LIST_MAX];
	struct buf contents[OPTION_LIST_MAX];
	char *names[OPTION_LIST_MAX];
	size_t n;
};

/* Reads them. NAME is a path in the image, with or without a leading '/'. UNRACK_USAGE: it leads elsewhere, or there is
 * no '='. OUT is to be freed in any case, and stays where it is until then. */
int initrd_files_read(const struct option_list *list, struct initrd_files *out, struct unrack_error *err);
void initrd_files_free(struct initrd_files *f);

#endif
