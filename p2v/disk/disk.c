/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/disk.h"

#include <sys/stat.h>

int disk_open(const char *path, struct block_source **out, struct identity *id,
	      struct unrack_error *err)
{
	/* Buffered: the page cache of a disk that nobody writes is right, and an image that was
	 * just made is in it. What was read is dropped behind us: this may be a working server. */
	struct block_source_file_options opt = { .direct = false, .drop_cache = false };
	struct block_source *s;
	struct stat st;
	int r = disk_check_unused(path, err);

	if (r < 0)
		return r;
	opt.drop_cache = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
	r = block_source_open_file(path, &opt, &s, err);
	if (r < 0)
		return r;
	if (s->size == 0)
		r = error_set(err, UNRACK_USAGE, "%s is empty; name a disk or a disk image", path);
	else
		r = disk_identify(path, s->size, id, err);
	if (r < 0) {
		block_source_close(s);
		return r;
	}
	*out = s;
	return 0;
}
