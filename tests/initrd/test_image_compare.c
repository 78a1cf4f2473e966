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

static int note(void *ctx, const struct initrd_difference *d)
{
	struct buf *out = ctx;
	const char *name = (d->old ? d->old : d->new)->name;

	buf_printf(out, "%s%s %s%s%s%s\n", d->old ? "old" : "", d->new ? "new" : "", name, d->meta ? " meta" : "",
		   d->content ? " content" : "", d->time ? " time" : "");
	return !strcmp(name, "zstop") ? 7 : 0;
}

/* A kind, a time, a device, names on one side only. */
static void test_differences(void)
{
	static const struct { uint32_t mode, minor; int64_t mtime; const char *name; } members[2][5] = {
		{ { S_IFREG | 0644, 0, 1, "a" }, { S_IFCHR | 0600, 1, 1, "dev" }, { S_IFREG | 0644, 0, 1, "old" },
		  { S_IFREG | 0644, 0, 1, "same" }, { S_IFREG | 0644, 0, 1, "time" } },
		{ { S_IFLNK | 0777, 0, 1, "a" }, { S_IFCHR | 0600, 2, 1, "dev" }, { S_IFREG | 0644, 0, 1, "same" },
		  { S_IFREG | 0644, 0, 2, "time" }, { S_IFREG | 0644, 0, 1, "zstop" } },
	};
	CLEANUP_BUF struct buf out = { 0 };
	struct initrd *i[2];

	for (size_t k = 0; k < 2; k++) {
		CLEANUP_BUF struct buf b = { 0 };

		for (size_t m = 0; m < 5; m++) {
			const struct cpio_member c = {
				.name = members[k][m].name, .mode = members[k][m].mode, .nlink = 1, .ino = 1,
				.rdev_minor = members[k][m].minor, .mtime = (uint32_t)members[k][m].mtime,
				.data = (const uint8_t *)"x", .size = S_ISCHR(members[k][m].mode) ? 0 : 1,
			};
			made(cpio_write(&b, &c) == 0, c.name);
		}
		made_end(&b);
		i[k] = made_open(&b);
	}
	is_int(initrd_compare(i[0], i[1], note, &out), 7, "ends when it is told to");
	is_str(buf_str(&out), "oldnew a meta\noldnew dev meta\nold old\noldnew time time\nnew zstop\n", "what differs, and in what");
	buf_clear(&out);
	is_int(initrd_compare(i[1], i[0], note, &out), 7, "the other way round");
	buf_clear(&out);
	is_int(initrd_compare(i[0], i[0], note, &out), 0, "an image with itself");
	is_str(buf_str(&out), "", "without a difference");
	initrd_close(i[0]);
	initrd_close(i[1]);
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
	test_differences();
	return tap_done();
}
