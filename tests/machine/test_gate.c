/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>

#include "../../p2v/machine/gate.h"
#include "../support/tap.h"
#include "folder_fixture.h"

static struct unrack_error err;
static struct io *io;

static void refused(const char *folder, const char *sentence)
{
	is_int(gate_check_folder(io, folder, &err), UNRACK_UNSAFE, "\"%.40s\" is refused", folder);
	has_str(err.text, sentence, "the sentence");
}

static void taken(const char *folder)
{
	is_int(gate_check_folder(io, folder, &err), 0, "\"%.70s\" is taken", folder);
}

int main(void)
{
	struct fixture f;
	char longest[66];
	char very_long[5000];

	fixture_root(&f, "web01");
	if (chdir(f.root) < 0)
		fixture_die("chdir");
	if (io_open_beneath(".", &io, &err) < 0)
		skip_all("%s", err.text);
	mkdir("plain", 0700);
	mkdir("web01", 0700);
	mkdir("web01/unrack", 0700);
	if (symlink("/etc", "etc") < 0 || symlink("web01", "alias") < 0)
		fixture_die("symlink");

	taken("new");
	taken("web01");
	taken("web01/");
	taken("plain/db02");
	taken("plain//db02");
	taken("nowhere/db02"); /* whoever makes it says that the parent is missing */
	taken("A.b_c-9");
	memset(longest, 'n', sizeof longest);
	longest[64] = '\0';
	taken(longest);
	longest[64] = 'n';
	longest[65] = '\0';
	refused(longest, "can't be the name of a folder here: use 1 to 64 letters");
	refused("", "no machine folder is named");
	refused("/", "/ is an absolute path, and none is taken here");
	refused("/etc/cron.d", "/etc/cron.d is an absolute path");
	refused(".", "\".\" can't be the name of a folder here");
	refused("..", "\"..\" can't be");
	refused("../evil", "\"..\" can't be");
	refused("plain/../../evil", "\"..\" can't be");
	refused("plain/..", "\"..\" can't be");
	refused("./web02", "\".\" can't be");
	refused(".ssh", "no dot at the beginning");
	refused(".ssh/web01", "\".ssh\" can't be");
	refused("~", "\"~\" can't be");
	refused("%2e%2e/evil", "\"%2e%2e\" can't be");
	refused("two words", "\"two words\" can't be");
	is_int(gate_check_folder(io, "two\nlines", &err), UNRACK_UNSAFE, "a name of two lines is refused");
	refused("caf\xc3\xa9", "can't be");
	refused("$(id)", "\"$(id)\" can't be");
	refused("unrack", "\"unrack\" can't be the name of a folder here: it is unrack's own");
	refused("plain/UnRack", "it is unrack's own");
	refused("web01/unrack", "it is unrack's own");
	refused("web01/web01.nvram", "web01 is the folder of a machine, and no other one can be made in it");
	refused("web01/a/b", "web01 is the folder of a machine");
	refused("etc/passwd", "a symbolic link is in the way");
	refused("alias/x", "a symbolic link is in the way");
	memset(very_long, 'a', sizeof very_long - 1);
	very_long[sizeof very_long - 1] = '\0';
	refused(very_long, "is too long; 512 characters are enough");
	for (size_t i = 1; i < sizeof very_long - 2; i += 2)
		very_long[i] = '/';
	very_long[513] = '\0';
	refused(very_long, "is too long; 512 characters are enough");
	very_long[512] = '\0';
	taken(very_long);
	mkdir("unrack", 0700);
	refused("web02", "the root is the folder of a machine");
	io_close_beneath(io);
	fixture_close(&f);
	return tap_done();
}
