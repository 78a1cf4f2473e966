/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/disk.h"

#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "parts.h"

/* What begins like this is a file about a disk, and its bytes are not the disk's. */
static const struct {
	const char *magic, *what;
} containers[] = {
	{ "# Disk DescriptorFile", "the descriptor of a VMDK; name the file with the data, as in web01-flat.vmdk" },
	{ "KDMV", "a sparse VMDK; make a raw image of it with qemu-img convert -O raw" },
	{ "COWD", "a sparse VMDK; make a raw image of it with qemu-img convert -O raw" },
	{ "QFI\xfb", "a qcow image; make a raw image of it with qemu-img convert -O raw" },
	{ "vhdxfile", "a VHDX image; make a raw image of it with qemu-img convert -O raw" },
};

int disk_check_raw(struct block_source *s, struct unrack_error *err)
{
	char head[32] = { 0 };
	int r = block_source_read(s, head, (size_t)min_u64(sizeof head, s->size), 0, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(containers); i++)
		if (!memcmp(head, containers[i].magic, strlen(containers[i].magic)))
			return error_set(err, UNRACK_UNSUPPORTED, "%s is %s", s->name, containers[i].what);
	return r;
}

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
		r = disk_check_raw(s, err);
	if (r == 0)
		r = disk_identify(path, s->size, id, err);
	if (r < 0) {
		block_source_close(s);
		return r;
	}
	*out = s;
	return 0;
}
