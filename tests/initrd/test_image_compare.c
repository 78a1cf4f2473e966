/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/image.h"
#include "made.h"

static struct initrd *image(const char *script, const char *module, uint32_t mode)
{
	struct buf b = { 0 };
	struct initrd *i;

	made_member(&b, "bin/nash", S_IFREG | mode, "nash");
	made_member(&b, "bin/nash", S_IFREG | mode, "nash, again");
	made_member(&b, "init", S_IFREG | 0755, script);
	made_member(&b, module, S_IFREG | 0644, "module");
	made_end(&b);
	i = made_open(&b);
	buf_free(&b);
	return i;
}

int main(void)
{
	CLEANUP_BUF struct buf out = { 0 };
	struct initrd *a = image("#!/bin/nash\n", "lib/a.ko", 0755);
	struct initrd *b = image("#!/bin/nash\nmkblkdevs\n", "lib/b\033[2J.ko", 0700);

	is_int(image_compare(a, a, "init", &out), 0, "compares an image with itself");
	is_str(buf_str(&out), "", "no difference");
	is_int(image_compare(a, b, "init", &out), 0, "compares two images");
	is_str(buf_str(&out),
	       "changed bin/nash, mode 100755 to 100700, owner 0:0 to 0:0\n"
	       "changed init, 12 to 22 bytes\n"
	       "--- init\n+++ init\n@@ -1 +1,2 @@\n #!/bin/nash\n+mkblkdevs\n"
	       "removed lib/a.ko, 6 bytes\n"
	       "added   lib/b?[2J.ko, 6 bytes\n",
	       "member by member, and nothing a terminal would obey");
	buf_clear(&out);
	image_compare(a, b, "none", &out);
	ok(!strstr(buf_str(&out), "@@"), "only the script is shown inside");
	initrd_close(a);
	initrd_close(b);
	return tap_done();
}
