/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "module_file.h"

#include <stdio.h>
#include <string.h>

#include "archive.h"

#define MODULE_MAX (64u << 20) /* unpacked; real ones have half of that at most */

void module_file_name(const char *path, char out[MODULE_FILE_NAME])
{
	const char *slash = strrchr(path, '/');
	char name[64];

	module_name_of(path, name);
	snprintf(out, MODULE_FILE_NAME, "%s.%s", name, strstr(slash ? slash : path, ".ko") ? "ko" : "o");
}

int module_file_read(const struct module_tree *t,
		     int (*read)(void *ctx, const char *path, struct buf *out, struct unrack_error *err),
		     void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf raw = { 0 };
	enum archive_packing how;
	size_t used;
	int r = read(ctx, path, &raw, err);

	if (r < 0)
		return r;
	how = archive_packing_of(raw.data, raw.len);
	if (how == PACK_PLAIN) {
		*out = raw;
		raw = (struct buf){ 0 };
	} else if ((r = archive_unpack(how, raw.data, raw.len, MODULE_MAX, path, out, &used, err)) < 0) {
		return r;
	}
	if (!out->len)
		return error_set(err, UNRACK_DAMAGED, "%s: is empty; install the package of kernel %s again",
				 path, module_tree_kver(t));
	return 0;
}
