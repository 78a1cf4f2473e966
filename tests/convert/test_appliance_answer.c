/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/convert/appliance_answer.h"

#include <errno.h>
#include <unistd.h>

#include "../support/tap.h"

static struct unrack_error err;

static void test_ended(void)
{
	is_int(appliance_ended(WATCH_NOTHING, &err), 0, "a call that nobody ended");
	is_int(appliance_ended(WATCH_STOPPED, &err), UNRACK_INTERRUPTED, "one that the user ended");
	is_int(appliance_ended(WATCH_NOSPACE, &err), UNRACK_NOSPACE, "trap: no space for the overlay");
	has_str(err.text, "free some and run the same command again", "with what to do");
	setenv("TMPDIR", "/full", 1);
	is_int(appliance_ended(WATCH_NOTEMP, &err), UNRACK_NOSPACE, "trap: no space for what the appliance writes");
	has_str(err.text, "no space is left in /full, where QEMU keeps what the appliance writes; free some, or name another "
		"folder with TMPDIR", "with what to do");
	unsetenv("TMPDIR");
	is_int(appliance_ended(WATCH_TIMEOUT, &err), UNRACK_IO, "one that took too long");
}

static void test_failed(void)
{
	static const struct {
		int errnum;
		enum unrack_code code;
		const char *text;
	} cases[] = {
		{ 0, UNRACK_IO, "can't read the guest's /etc/fstab: read: something" },
		{ EINVAL, UNRACK_IO, "can't read the guest's /etc/fstab: read: something" },
		{ EACCES, UNRACK_UNSUPPORTED, "a protected file? see lsattr" },
		{ EIO, UNRACK_DAMAGED, "its filesystem is damaged" },
		{ EUCLEAN, UNRACK_DAMAGED, "its filesystem is damaged" },
		{ ELOOP, UNRACK_DAMAGED, "its filesystem is damaged" },
		{ ENOSPC, UNRACK_NOSPACE, "free some space on that filesystem of the server, then copy it again" },
		{ ENOENT, UNRACK_IO, "can't read the guest's /etc/fstab: No such file" },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		is_int(appliance_call_failed(cases[i].errnum, "read: something.\nadvice", "read", "/etc/fstab", &err),
		       cases[i].code, "errno %d: the code", cases[i].errnum);
		has_str(err.text, cases[i].text, "and the sentence");
	}
	appliance_call_failed(0, NULL, "read", "/etc/fstab", &err);
	has_str(err.text, "it gave no reason", "also without a reason");
	is_int(appliance_too_slow("one\r\nBooting...\r\n", 300, &err), UNRACK_IO, "an appliance that does not start");
	has_str(err.text, "within 300 seconds and was ended (Booting...)", "its last words");
	appliance_too_slow("", 300, &err);
	has_str(err.text, "(it said nothing)", "or that there were none");
}

static void test_images(void)
{
	char path[] = "/tmp/unrack-answer-XXXXXX";
	int fd = mkstemp(path);
	struct guest_image images[] = { { path, "raw" }, { "/nonexistent/x", "raw" } };

	close(fd);
	is_int(appliance_check_images(images, 1, &err), 0, "an image that is there");
	is_int(appliance_check_images(images, 2, &err), UNRACK_IO, "one that is not");
	has_str(err.text, "can't open /nonexistent/x", "is named");
	is_int(appliance_check_images(images, 0, &err), UNRACK_UNSUPPORTED, "no disks");
	is_int(appliance_check_images(images, 65, &err), UNRACK_UNSUPPORTED, "more than there can be");
	has_str(err.text, "a guest has 1 to 64 disks, not 65", "is told");
	unlink(path);
}

static bool names_are(const struct buf *names, const char *want, size_t n)
{
	return names->len == n && memcmp(names->data, want, n) == 0;
}

static void test_names(void)
{
	char a[] = "/boot/grub", b[] = "etc", s1[] = "/dev/sda1", s3[] = "/dev/sdc2", s27[] = "/dev/sdaa1";
	char *found[] = { a, b, NULL }, *parts[] = { s1, s3, s27, NULL }, *none[] = { NULL };
	struct buf names = { 0 };

	is_int(appliance_add_names(found, true, &names), 0, "names below a folder");
	ok(names_are(&names, "boot/grub\0etc", 14), "have no slash in front");
	buf_clear(&names);
	appliance_add_names(parts, false, &names);
	ok(names_are(&names, "/dev/sda1\0/dev/sdc2\0/dev/sdaa1", 31), "those of devices do");
	buf_clear(&names);
	is_int(appliance_add_whole_disks(parts, 4, &names), 0, "disks without partitions");
	ok(names_are(&names, "/dev/sdb\0/dev/sdd", 18), "are what the others are not");
	buf_clear(&names);
	appliance_add_whole_disks(none, 1, &names);
	ok(names_are(&names, "/dev/sda", 9), "a disk that is a filesystem");
	buf_free(&names);
	is_str(appliance_mount_options("xfs", false), "ro,nouuid", "a second copy of an XFS can be mounted, too");
	is_str(appliance_mount_options("xfs", true), "nouuid", "also to be written");
	is_str(appliance_mount_options("ext3", false), "ro", "others are only read");
	is_str(appliance_mount_options("ext3", true), "", "or not");
}

static void test_console(void)
{
	static struct appliance_console c;
	char big[APPLIANCE_CONSOLE_KEPT + 100];

	appliance_console_add(&c, "one ", 4);
	appliance_console_add(&c, "two", 3);
	is_str(c.text, "one two", "what it says is kept");
	memset(big, 'x', sizeof big);
	appliance_console_add(&c, big, APPLIANCE_CONSOLE_KEPT - 5);
	ok(c.len == APPLIANCE_CONSOLE_KEPT && !strncmp(c.text, "e twoxx", 7), "its beginning goes when it is too much");
	memcpy(big + sizeof big - 4, "end!", 4);
	appliance_console_add(&c, big, sizeof big);
	ok(c.len == APPLIANCE_CONSOLE_KEPT && c.text[0] == 'x' && !strcmp(c.text + c.len - 4, "end!"),
	   "of more than is kept, the end");
	appliance_console_add(&c, "", 0);
	is_int(c.len, APPLIANCE_CONSOLE_KEPT, "nothing adds nothing");
}

int main(void)
{
	test_ended();
	test_failed();
	test_images();
	test_names();
	test_console();
	return tap_done();
}
