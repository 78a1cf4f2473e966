/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/tap.h"
#include "base/tempfile.h"

static struct unrack_error err;

int main(void)
{
	char dir[] = "/tmp/unrack-test-XXXXXX", text[8] = "";
	struct rlimit old, small;
	struct stat st;
	int fd = -1;

	if (!mkdtemp(dir))
		return 99;
	setenv("TMPDIR", dir, 1);
	is_str(tempfile_folder(), dir, "the folder");
	is_int(tempfile_open("a test", &fd, &err), 0, "a file");
	ok(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0 && (st.st_mode & 0777) == 0600,
	   "is without a name, and nobody else's");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "nor any other program's");
	is_int(tempfile_add(fd, "a test", "abc", 3, &err), 0, "takes bytes");
	is_int(tempfile_add(fd, "a test", "def", 3, &err), 0, "and more");
	ok(pread(fd, text, sizeof text, 0) == 6 && !memcmp(text, "abcdef", 6), "and has them");

	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ 8, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	is_int(tempfile_add(fd, "a test", "ghijk", 5, &err), UNRACK_NOSPACE, "no space");
	setrlimit(RLIMIT_FSIZE, &old);
	has_str(err.text, "can't write the temporary file for a test; name a folder with more space with TMPDIR: ", "is told");
	close(fd);
	ok(rmdir(dir) == 0, "nothing is left in the folder");
	is_int(tempfile_open("a test", &fd, &err), UNRACK_IO, "no such folder");
	has_str(err.text, "/tmp/unrack-test-", "it is named");
	has_str(err.text, " for a test; name another folder with TMPDIR: ", "with what to do");
	is_int(err.sys_errno, ENOENT, "and why");
	is_int(tempfile_in(dir), -1, "nor is one made in it");
	unsetenv("TMPDIR");
	is_str(tempfile_folder(), "/var/tmp", "the folder is another without $TMPDIR");
	is_int(tempfile_open("a test", &fd, &err), 0, "without $TMPDIR there is a place, too");
	close(fd);
	return tap_done();
}
