/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/disk.h"

/* The block device that holds the root filesystem, if there is one here. */
static bool root_device(char node[64])
{
	struct stat st;

	if (stat("/", &st) < 0 || major(st.st_dev) == 0)
		return false;
	snprintf(node, 64, "/tmp/unrack-rootdev-%d", (int)getpid());
	unlink(node); /* of one that was killed, and had our number */
	return mknod(node, S_IFBLK | 0400, st.st_dev) == 0;
}

static void mounted(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char node[64];

	if (!root_device(node)) {
		ok(true, "# SKIP the root filesystem's device can't be named here");
		return;
	}
	/* In a chroot the mount table does not have it. */
	if (system("grep -q '^[0-9]* [0-9]* [0-9:]* / / ' /proc/self/mountinfo") != 0) {
		ok(true, "# SKIP / is not a mount point here");
		unlink(node);
		return;
	}
	is_int(disk_check_unused(node, &e), UNRACK_UNSAFE, "a mounted disk is refused");
	has_str(e.text, "is mounted on /", "with the mount point");
	has_str(e.text, "unmount it", "and what to do");
	unlink(node);
}

static void in_qemu(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char path[] = "/tmp/unrack-usage-XXXXXX";
	struct flock fl = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1 };
	int fd = mkstemp(path);

	is_int(disk_check_unused(path, &e), 0, "an image that nobody uses");
	ok(fcntl(fd, F_OFD_SETLK, &fl) == 0, "(QEMU's lock for writing)");
	is_int(disk_check_unused(path, &e), UNRACK_UNSAFE, "an image that a VM writes is refused");
	has_str(e.text, "open for writing in a virtual machine", "and it says so");
	fl.l_start = 100;
	close(fd);
	fd = open(path, O_RDWR);
	fcntl(fd, F_OFD_SETLK, &fl);
	is_int(disk_check_unused(path, &e), 0, "a VM that only reads is fine");
	close(fd);
	unlink(path);
}

int main(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;

	mounted();
	in_qemu();
	is_int(disk_check_unused("/nonexistent/disk", &e), UNRACK_IO, "a missing disk");
	has_str(e.text, "can't open /nonexistent/disk: No such file", "is named");
	return tap_done();
}
