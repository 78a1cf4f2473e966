/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that are not what one expects of an initrd, and many bytes of them. */
#include "plan7.h"

#define IMAGE "/boot/initramfs-" KVER7 ".img"
#define IMAGE_OLD "/boot/initramfs-" KVER7_OLD ".img"

static bool is_touched(const char *path)
{
	return edit7(path, EDIT_WRITE) || edit7(path, EDIT_RENAME) || edit7(path, EDIT_REMOVE);
}

static void too_large(void)
{
	el7_make(7, el7_image);
	made(truncate(el5_path(IMAGE_OLD), (off_t)INITRD_FILE_MAX + 1) == 0, "a large file");
	is_int(plan7(7), 0, "one that is too large, of another kernel: %s", err.text);
	ok(edit7(IMAGE, EDIT_WRITE) && !is_touched(IMAGE_OLD), "stays as it is, and the default one is repaired");
	has_str(warnings7(), "kernel " KVER7_OLD " is left as it is: the guest's " IMAGE_OLD " has more than the 512 MiB that it "
		"may have\n", "which is told");
	done7();
	made(truncate(el5_path(IMAGE), (off_t)INITRD_FILE_MAX + 1) == 0, "a large file");
	is_int(plan7(7), UNRACK_UNSUPPORTED, "the default kernel's");
	has_str(err.text, "the guest's " IMAGE " has more than the 512 MiB that it may have", "is told, too");
	done7();
	el5_clean();
}

/* An archive that holds more files than any initrd. */
static void of_many_files(void)
{
	struct buf b = { 0 };

	for (unsigned k = 0; k <= 1u << 15; k++) {
		char name[16];

		snprintf(name, sizeof name, "%x", k);
		made_member(&b, name, S_IFREG | 0644, "");
	}
	made_end(&b);
	el7_make(7, el7_image);
	el5_put_bytes(IMAGE_OLD, b.data, b.len);
	is_int(plan7(7), 0, "of many files: %s", err.text);
	ok(edit7(IMAGE, EDIT_WRITE) && !is_touched(IMAGE_OLD), "another kernel's stays as it is");
	has_str(warnings7(), "kernel " KVER7_OLD " is left as it is: " IMAGE_OLD ": holds more than 32768 files, which no initrd "
		"does\n", "which is told");
	done7();
	el5_clean();
	buf_free(&b);
}

#define FILLER (5u << 20)

/* One that is large because of a file that is not packed. */
static void large_image(struct buf *b, int release, const char *kver)
{
	struct buf zeros = { 0 }, rest = { 0 };

	made(buf_zeros(&zeros, FILLER) == 0, "memory");
	memset(zeros.data, 'x', FILLER);
	made_member(b, "filler", S_IFREG | 0644, buf_str(&zeros));
	made_end(b);
	el7_image(&rest, release, kver);
	made(buf_append(b, rest.data, rest.len) == 0, "memory");
	buf_free(&zeros);
	buf_free(&rest);
}

static void roomy(struct guest *guest)
{
	guest->mounts[1].free_bytes = 1 << 30;
}

static void many_bytes(void)
{
	const struct edit *e, *old;
	struct buf content = { 0 };

	el7_make(7, large_image);
	setenv("TMPDIR", "/nowhere", 1);
	is_int(plan7_with(7, false, roomy), UNRACK_IO, "no place for a temporary file");
	has_str(err.text, "can't make a temporary file in /nowhere for the guest's new initrds", "is told");
	unsetenv("TMPDIR");
	done7();
	is_int(plan7_with(7, true, roomy), 0, "two large ones: %s", err.text);
	e = edit7(IMAGE, EDIT_WRITE);
	old = edit7(IMAGE_OLD, EDIT_WRITE);
	ok(e && !e->in_file && e->after.len > FILLER, "one new image stays in memory");
	ok(old && old->in_file && !old->after.len && old->file_bytes > FILLER, "a second one is in a file");
	is_int(apply_plan(g, &p, NULL, &err), 0, "both are written: %s", err.text);
	is_int(g->ops->read(g, IMAGE_OLD, UINT64_MAX, &content, &err), 0, "and read");
	is_int(content.len, old ? old->file_bytes : 0, "whole");
	done7();
	is_int(plan7(7), 0, "and again");
	ok(!is_touched(IMAGE) && !is_touched(IMAGE_OLD), "there is nothing left to do");
	done7();
	el5_clean();
	buf_free(&content);
}

int main(void)
{
	too_large();
	of_many_files();
	many_bytes();
	return tap_done();
}
