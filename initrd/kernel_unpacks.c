/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel_unpacks.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"

#define VERSION(a, b, c) ((a) << 16 | (b) << 8 | (c))
#define CRC_SINCE VERSION(5, 14, 0) /* Linux itself 5.19, and RHEL 9 may have got it later */
#define NO_CPIO VERSION(2, 5, 0) /* kernels before unpack none */

/* The first kernel with each. For three of them that is the number of a kernel of RHEL which may have got them
 * later: Linux itself knows xz since 2.6.38, lz4 since 3.11, and zstd since 5.9. */
static const struct {
	const char *option;
	unsigned since;
} packings[] = {
	[PACK_PLAIN] = { NULL, 0 },
	[PACK_GZIP] = { "CONFIG_RD_GZIP", 0 },
	[PACK_BZIP2] = { "CONFIG_RD_BZIP2", VERSION(2, 6, 30) },
	[PACK_LZMA] = { "CONFIG_RD_LZMA", VERSION(2, 6, 30) },
	[PACK_LZO] = { "CONFIG_RD_LZO", VERSION(2, 6, 32) },
	[PACK_XZ] = { "CONFIG_RD_XZ", VERSION(2, 6, 32) },
	[PACK_LZ4] = { "CONFIG_RD_LZ4", VERSION(3, 10, 0) },
	[PACK_ZSTD] = { "CONFIG_RD_ZSTD", VERSION(4, 18, 0) },
};

/* 0: KVER is no number of a kernel. */
static unsigned version_of(const char *kver)
{
	unsigned a, b, c = 0;

	if (sscanf(kver, "%3u.%3u.%3u", &a, &b, &c) < 2)
		return 0;
	return VERSION(a, b, (unsigned)min_u64(c, 255));
}

bool kernel_unpacks(const struct module_tree *t, enum archive_packing how)
{
	const char *config = t->lazy ? module_own_config(t) : "";
	unsigned version = version_of(t->kver);

	if (!packings[how].option || !version)
		return true;
	/* Before 2.6.30 there was nothing to be chosen. */
	if (version >= VERSION(2, 6, 30) && strstr(config, packings[PACK_GZIP].option))
		return module_config_set(config, packings[how].option);
	return version >= packings[how].since;
}

static bool explain_packing(const struct module_tree *t, enum archive_packing how, struct reasons *why)
{
	if (kernel_unpacks(t, how))
		return false;
	reasons_add(why, INITRD_LINK_DRIVER, "image", "it is packed with %s, which kernel %s does not unpack; %s",
		    archive_packing_name(how), t->kver,
		    kernel_unpacks(t, PACK_GZIP) ? "pack it anew with gzip" : "it takes it unpacked");
	return true;
}

static bool has_checksums(const struct initrd *i, const struct image_segment *seg)
{
	return seg->n && i->items.at[seg->first].stored.header && i->items.at[seg->first].stored.header[5] == '2';
}

static bool explain_format(const struct initrd *i, const struct module_tree *t, unsigned version,
			   const struct image_segment *seg, struct reasons *why)
{
	if (version < NO_CPIO)
		reasons_add(why, INITRD_LINK_DRIVER, "image", "it is a cpio archive, and kernel %s takes only filesystems", t->kver);
	else if (version < CRC_SINCE && has_checksums(i, seg))
		reasons_add(why, INITRD_LINK_DRIVER, "image", "it is a cpio archive with checksums (crc), which kernel %s does not "
			    "unpack; make it anew with cpio -o -H newc", t->kver);
	else
		return false;
	return true;
}

void kernel_unpacks_explain(const struct initrd *i, const struct module_tree *t, struct reasons *why)
{
	unsigned version = version_of(t->kver);
	bool told = !version || (i->ramdisk && explain_packing(t, i->ramdisk_how, why));

	for (size_t k = 0; !told && k < i->segments.len; k++) {
		const struct image_segment *seg = &i->segments.at[k];

		told = explain_packing(t, seg->how, why) || explain_format(i, t, version, seg, why);
	}
}
