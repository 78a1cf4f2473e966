/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/machine.h"

static struct unrack_error err;
static char root[] = "/tmp/unrack-folder-XXXXXX";

static void test_names(void)
{
	char name[MACHINE_NAME_MAX + 1], longest[MACHINE_NAME_MAX + 2];

	memset(longest, 'x', sizeof longest - 1);
	longest[MACHINE_NAME_MAX] = '\0';
	ok(machine_name_ok("web01") && machine_name_ok("A.b_c-9") && machine_name_ok(longest) &&
		   machine_name_ok("...") && machine_name_ok("-x"),
	   "good names");
	longest[MACHINE_NAME_MAX] = 'x';
	longest[MACHINE_NAME_MAX + 1] = '\0';
	ok(!machine_name_ok("") && !machine_name_ok(".") && !machine_name_ok("..") &&
		   !machine_name_ok("a b") && !machine_name_ok("a/b") && !machine_name_ok("\xc3\xa4") &&
		   !machine_name_ok("a\n") && !machine_name_ok(longest),
	   "bad names");
	is_int(machine_folder_name("/srv/web01///", name, &err), 0, "slashes at the end");
	is_str(name, "web01", "do not count");
	is_int(machine_folder_name("web02", name, &err), 0, "a relative folder");
	is_str(name, "web02", "has a name");
	is_int(machine_folder_name("/srv/a b", name, &err), UNRACK_USAGE, "a space");
	is_str(err.text, "\"a b\" can't be a machine's name: use 1 to 64 letters, digits, dots, underscores "
			 "and dashes", "the sentence");
	is_int(machine_folder_name("", name, &err), UNRACK_USAGE, "nothing");
	is_int(machine_folder_name("/", name, &err), UNRACK_USAGE, "the root");
	if (chdir(root) < 0)
		exit(1);
	is_int(machine_folder_name(".", name, &err), 0, "the current folder");
	is_str(name, strrchr(root, '/') + 1, "has the name that it really has");
	is_int(machine_folder_name("missing/..", name, &err), UNRACK_IO, "a way through nowhere");
}

static void path_is(const struct machine *m, enum machine_file f, int disk, const char *want)
{
	char *p = machine_path(m, f, disk), full[256];

	snprintf(full, sizeof full, "/srv/web01/%s", want);
	is_str(p, full, "%s", want);
	free(p);
}

static void test_paths(void)
{
	struct machine *m = NULL;

	is_int(machine_new(io_posix(), "/srv/web01/", &m, &err), 0, "a machine");
	is_str(machine_name(m), "web01", "its name");
	is_str(machine_folder(m), "/srv/web01", "its folder");
	path_is(m, MACHINE_DESCRIPTOR, 0, "web01.vmdk");
	path_is(m, MACHINE_IMAGE, 0, "web01-flat.vmdk");
	path_is(m, MACHINE_DESCRIPTOR, 1, "web01_1.vmdk");
	path_is(m, MACHINE_IMAGE, 12, "web01_12-flat.vmdk");
	path_is(m, MACHINE_VMX, 0, "web01.vmx");
	path_is(m, MACHINE_UNRACK, 0, "unrack");
	path_is(m, MACHINE_MANIFEST, 0, "unrack/manifest.json");
	path_is(m, MACHINE_JOURNAL, 0, "unrack/disk0.journal");
	path_is(m, MACHINE_DIGESTS, 2, "unrack/disk2.digests");
	path_is(m, MACHINE_MAP, 2, "unrack/disk2.map");
	path_is(m, MACHINE_EVIDENCE, 0, "unrack/evidence");
	path_is(m, MACHINE_PROOF, 0, "unrack/proof");
	path_is(m, MACHINE_FIX, 0, "unrack/fix");
	path_is(m, MACHINE_UNDO, 3, "unrack/fix/undo-disk3");
	path_is(m, MACHINE_AFTER, 3, "unrack/fix/disk3.after");
	machine_free(m);
	machine_free(NULL);
}

static void test_make(void)
{
	char path[128], below[160], want[256];

	snprintf(path, sizeof path, "%s/web01", root);
	is_int(machine_make_folder(io_posix(), path, &err), 0, "a folder is made");
	snprintf(below, sizeof below, "%s/unrack", path);
	is_int(access(below, W_OK), 0, "with unrack in it");
	is_int(machine_make_folder(io_posix(), path, &err), 0, "again is fine");
	rmdir(below);
	rmdir(path);
	snprintf(below, sizeof below, "%s/none/web01", root);
	is_int(machine_make_folder(io_posix(), below, &err), UNRACK_USAGE, "its parent must exist");
	snprintf(want, sizeof want, "can't make the folder %s: make the folder that it lies in first", below);
	is_str(err.text, want, "the sentence");
	close(open(path, O_CREAT | O_WRONLY, 0600));
	is_int(machine_make_folder(io_posix(), path, &err), UNRACK_USAGE, "a file is in its place");
	has_str(err.text, "exists and is not a folder", "the sentence");
	unlink(path);
}

static void test_source(void)
{
	char folder[128], inside[160], outside[160], link_path[160];

	snprintf(folder, sizeof folder, "%s/web01", root);
	snprintf(inside, sizeof inside, "%s/web01/web01-flat.vmdk", root);
	snprintf(outside, sizeof outside, "%s/web01-disk", root);
	snprintf(link_path, sizeof link_path, "%s/link", root);
	is_int(machine_check_source(folder, outside, &err), 0, "what is missing is nowhere");
	machine_make_folder(io_posix(), folder, &err);
	close(open(inside, O_CREAT | O_WRONLY, 0600));
	close(open(outside, O_CREAT | O_WRONLY, 0600));
	is_int(machine_check_source(folder, outside, &err), 0, "a source beside the folder is fine");
	is_int(machine_check_source(folder, inside, &err), UNRACK_UNSAFE, "one in it is refused");
	has_str(err.text, "is a file of the folder", "the sentence");
	if (symlink(inside, link_path) < 0)
		exit(1);
	is_int(machine_check_source(folder, link_path, &err), UNRACK_UNSAFE, "also by a symbolic link");
	unlink(link_path);
	if (link(inside, link_path) < 0)
		exit(1);
	is_int(machine_check_source(folder, link_path, &err), UNRACK_UNSAFE, "or a hard one");
	unlink(link_path);
	unlink(inside);
	unlink(outside);
	snprintf(inside, sizeof inside, "%s/unrack", folder);
	rmdir(inside);
	rmdir(folder);
}

int main(void)
{
	if (!mkdtemp(root))
		return 1;
	test_names();
	test_paths();
	test_make();
	test_source();
	if (chdir("/") == 0)
		rmdir(root);
	return tap_done();
}
