/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/disk.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

	if (r == UNRACK_IO)
		return error_prefix(err, "%s can't be copied as it is, since its first sector can't be read: if another path leads "
				    "to this disk, name that one; if it is failing, copy it with ddrescue first, and that copy "
				    "with unrack", s->name);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(containers); i++)
		if (!memcmp(head, containers[i].magic, strlen(containers[i].magic)))
			return error_set(err, UNRACK_UNSUPPORTED, "%s is %s", s->name, containers[i].what);
	return r;
}

int disk_open(const char *path, enum disk_use use, struct block_source **out, struct identity *id,
	      struct unrack_error *err)
{
	/* Buffered, where nobody writes: an image that was just made is in the page cache. What was read is
	 * dropped behind us: this may be a working server. */
	struct block_source_file_options opt = { .fresh = true };
	struct block_source *s;
	struct stat st;
	bool device = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
	int r = use == DISK_QUIET ? disk_check_unused(path, err) : 0;

	if (r < 0)
		return r;
	if (use == DISK_LIVE)
		sync();
	opt.direct = device && use == DISK_LIVE;
	opt.drop_cache = device;
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
