/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>

#include "../../p2v/convert/inspect.h"
#include "../support/tap.h"
#include "base/bytes.h"

static uint8_t image[4096];

/* The version in the first N bytes of the image, "" for none. */
static const char *version(size_t n)
{
	static char *last;

	free(last);
	last = inspect_kernel_version(image, n);
	return last ? last : "";
}

int main(void)
{
	memcpy(image + 0x202, "HdrS", 4);
	put_le16(image + 0x20e, 0x400);
	strcpy((char *)image + 0x600, "2.6.18-398.el5 (mockbuild@x86-022.build.bos.redhat.com) #1 SMP");
	is_str(version(sizeof image), "2.6.18-398.el5", "the version ends at a blank");
	is_str(version(0x60a), "2.6.18-398", "or where the file does");
	is_str(version(0x600), "", "beyond the file there is none");
	is_str(version(0x20f), "", "a file without a whole header has none");
	put_le16(image + 0x20e, 0xffff);
	is_str(version(sizeof image), "", "a pointer beyond the file");
	put_le16(image + 0x20e, 0);
	is_str(version(sizeof image), "", "no pointer");
	put_le16(image + 0x20e, 0x400);
	memset(image + 0x600, 'x', 1000);
	is_str(version(sizeof image), "", "a version without end");
	image[0x600] = '\n';
	is_str(version(sizeof image), "", "an empty version");
	strcpy((char *)image + 0x600, "../../etc x");
	is_str(version(sizeof image), "", "a path out of /lib/modules");
	strcpy((char *)image + 0x600, "6.1/../x y");
	is_str(version(sizeof image), "6.1", "a version is no path");
	image[0x202] = 'h';
	is_str(version(sizeof image), "", "another kind of file");
	return tap_done();
}
