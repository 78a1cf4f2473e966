/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/guest.h"

static char top[] = "/tmp/unrack-guest-dir-XXXXXX";
static struct guest *g;
static struct unrack_error err;

static void put(const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", top, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) || chmod(path, mode))
		exit(99);
}

static const char *in_top(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", top, name);
	return path;
}

static void make_tree(void)
{
	if (!mkdtemp(top) || mkdir(in_top("root"), 0755) || mkdir(in_top("root/etc"), 0755) ||
	    mkdir(in_top("root/lib"), 0755) || mkdir(in_top("root/lib/sub"), 0755) ||
	    symlink("/etc/fstab", in_top("root/absolute")) ||
	    symlink("../../../../../../etc/fstab", in_top("root/etc/up")) ||
	    symlink("../outside", in_top("root/escape")) || symlink("/etc/new", in_top("root/dangling")) ||
	    symlink("loop2", in_top("root/loop1")) || symlink("loop1", in_top("root/loop2")) ||
	    mkfifo(in_top("root/pipe"), 0600))
		exit(99);
	put("outside", "secret\n", 0644);
	put("root/etc/fstab", "LABEL=/ / ext3 defaults 1 1\n", 0640);
	put("root/lib/sub/b.ko", "b", 0644);
	put("root/lib/sub.txt", "t", 0644);
	put("root/lib/a.ko", "a", 0644);
}

static void test_reading(void)
{
	struct guest_stat st;
	struct buf b = { 0 };
	char text[32];
	bool found;
	int fd;

	is_int(g->ops->read(g, "/etc/fstab", 100, &b, &err), 0, "a file is read");
	is_str(buf_str(&b), "LABEL=/ / ext3 defaults 1 1\n", "with its content");
	is_int(g->ops->read(g, "/etc/fstab", 27, &b, &err), UNRACK_DAMAGED, "a file above the limit is refused");
	has_str(err.text, "/etc/fstab is larger than the 27 bytes", "and the sentence says so");
	is_int(g->ops->read(g, "/etc/fstab", 28, &b, &err), 0, "a file of exactly the limit is read");
	is_int(g->ops->read(g, "/etc", 100, &b, &err), UNRACK_DAMAGED, "a folder is not read as a file");
	is_int(g->ops->read(g, "/pipe", 100, &b, &err), UNRACK_DAMAGED, "a pipe does not make us wait");
	has_str(err.text, "/pipe is not a regular file", "and is called what it is");
	is_int(g->ops->read(g, "/none", 100, &b, &err), UNRACK_IO, "a missing file is UNRACK_IO");
	is_int(err.sys_errno, ENOENT, "with ENOENT");
	is_int(guest_read_if(g, "/none", 100, &b, &found, &err), 0, "guest_read_if takes a missing file");
	ok(!found && b.len == 0, "as not found, empty");
	is_int(guest_read_if(g, "/etc/fstab", 100, &b, &found, &err), 0, "guest_read_if reads");
	ok(found && b.len == 28, "what is there");
	is_int(guest_read_if(g, "/etc", 100, &b, &found, &err), UNRACK_DAMAGED, "guest_read_if reports a folder");

	is_int(g->ops->open(g, "/absolute", 28, &fd, &err), 0, "a file of exactly the limit is opened");
	ok(fd >= 0 && pread(fd, text, sizeof text, 0) == 28 && !memcmp(text, "LABEL=/ / ext3", 14), "and has its content");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "it is nobody else's");
	ok(write(fd, "x", 1) < 0, "nor is it written by that");
	close(fd);
	is_int(g->ops->open(g, "/etc/fstab", 27, &fd, &err), UNRACK_UNSUPPORTED, "one above the limit is not");
	has_str(err.text, "/etc/fstab has more than the 0 MiB that it may have", "which is said");
	is_int(fd, -1, "and gives no descriptor");
	is_int(g->ops->open(g, "/pipe", 100, &fd, &err), UNRACK_DAMAGED, "nor is a pipe");
	is_int(g->ops->open(g, "/none", 100, &fd, &err), UNRACK_IO, "nor what is missing");
	is_int(err.sys_errno, ENOENT, "with ENOENT");
	is_int(g->ops->open(g, "/escape", 100, &fd, &err), UNRACK_IO, "nor what is outside");

	is_int(g->ops->lstat(g, "/etc/fstab", &st, &err), 0, "lstat");
	ok(st.type == GUEST_FILE && st.mode == 0640 && st.size == 28, "gives type, mode and size");
	is_int(g->ops->lstat(g, "/absolute", &st, &err), 0, "lstat of a link");
	ok(st.type == GUEST_LINK, "does not follow it");
	is_int(g->ops->stat(g, "/absolute", &st, &err), 0, "stat of a link");
	ok(st.type == GUEST_FILE && st.mode == 0640, "follows it");
	is_int(g->ops->stat(g, "/etc/fstab/x", &st, &err), 0, "below a file");
	ok(st.type == GUEST_NONE, "there is nothing");
	is_int(g->ops->lstat(g, "/pipe", &st, &err), 0, "a pipe");
	ok(st.type == GUEST_OTHER, "is something else");
	is_int(g->ops->stat(g, "/", &st, &err), 0, "the root");
	ok(st.type == GUEST_DIR, "is a folder");
	ok(guest_exists(g, "/etc/fstab") && !guest_exists(g, "/none") && !guest_exists(g, "/dangling"),
	   "guest_exists follows links");
	buf_free(&b);
}

static void test_links_stay_inside(void)
{
	struct guest_stat st;
	struct buf b = { 0 };

	is_int(g->ops->read(g, "/absolute", 100, &b, &err), 0, "an absolute link starts at the guest's root");
	is_int((long long)b.len, 28, "and gives the guest's file");
	is_int(g->ops->read(g, "/etc/up", 100, &b, &err), 0, "a link with many .. ends at the guest's root");
	is_int((long long)b.len, 28, "and gives the guest's file");
	is_int(g->ops->read(g, "/../../etc/fstab", 100, &b, &err), 0, ".. in the path ends there too");
	is_int(g->ops->stat(g, "/escape", &st, &err), 0, "a link to ../outside");
	ok(st.type == GUEST_NONE, "does not reach the file beside the root");
	is_int(g->ops->read(g, "/loop1", 100, &b, &err), UNRACK_DAMAGED, "a circle of links ends");
	has_str(err.text, "circle", "with its name");
	is_int(g->ops->readlink(g, "/escape", &b, &err), 0, "readlink");
	is_str(buf_str(&b), "../outside", "gives the text of the link");
	is_int(g->ops->readlink(g, "/etc/fstab", &b, &err), UNRACK_IO, "readlink of a file fails");
	buf_free(&b);
}

static void test_resolve(void)
{
	struct buf b = { 0 };

	is_int(guest_resolve(g, "/absolute", &b, &err), 0, "guest_resolve");
	is_str(buf_str(&b), "/etc/fstab", "follows an absolute link");
	is_int(guest_resolve(g, "/etc/../etc//up", &b, &err), 0, "guest_resolve of a crooked path");
	is_str(buf_str(&b), "/etc/fstab", "gives the straight one");
	is_int(guest_resolve(g, "/dangling", &b, &err), 0, "a link to a missing file");
	is_str(buf_str(&b), "/etc/new", "gives the path it would have");
	is_int(guest_resolve(g, "/..", &b, &err), 0, "above the root");
	is_str(buf_str(&b), "/", "is the root");
	is_int(guest_resolve(g, "/none/x", &b, &err), UNRACK_IO, "a missing folder is an error");
	is_int(err.sys_errno, ENOENT, "ENOENT");
	is_int(guest_resolve(g, "/loop1/x", &b, &err), UNRACK_DAMAGED, "a circle ends");
	has_str(err.text, "too many symbolic links", "with its name");
	buf_free(&b);
}

static void test_names(void)
{
	struct buf b = { 0 };

	is_int(g->ops->list(g, "/lib", &b, &err), 0, "list");
	ok(b.len == 17 && !memcmp(b.data, "a.ko\0sub\0sub.txt\0", 17), "gives sorted names, each with a NUL");
	is_int(g->ops->find(g, "/lib", &b, &err), 0, "find");
	ok(b.len == 26 && !memcmp(b.data, "a.ko\0sub\0sub.txt\0sub/b.ko\0", 26),
	   "gives files and folders, sorted by bytes");
	is_int(g->ops->list(g, "/none", &b, &err), UNRACK_IO, "listing a missing folder fails");
	is_int(err.sys_errno, ENOENT, "with ENOENT");
	buf_free(&b);
}

static void test_writing(void)
{
	struct guest_stat before, after;
	struct buf b = { 0 };

	g->ops->stat(g, "/etc/fstab", &before, &err);
	is_int(g->ops->write(g, "/absolute", "short\n", 6, 0600, 1, 1, NULL, &err), 0,
	       "write through a link to an existing file");
	g->ops->stat(g, "/etc/fstab", &after, &err);
	ok(after.ino == before.ino && after.mode == 0640 && after.uid == before.uid,
	   "keeps inode, mode and owner");
	is_int((long long)after.size, 6, "and replaces the content");
	is_int(g->ops->write(g, "/etc/conf", "x", 1, 0604, getuid(), getgid(), "/etc/fstab", &err), 0,
	       "a new file");
	g->ops->stat(g, "/etc/conf", &after, &err);
	ok(after.type == GUEST_FILE && after.mode == 0604, "gets its mode, whatever the umask");
	is_int(g->ops->write(g, "/dangling", "y", 1, 0644, getuid(), getgid(), NULL, &err), 0,
	       "a file made through a link");
	ok(guest_exists(g, "/etc/new"), "is inside the guest");
	is_int(g->ops->write(g, "/none/x", "y", 1, 0644, 0, 0, NULL, &err), UNRACK_IO,
	       "a file in a missing folder fails");
	is_int(g->ops->write(g, "/pipe", "y", 1, 0644, 0, 0, NULL, &err), UNRACK_DAMAGED,
	       "a pipe is not written");

	is_int(g->ops->append(g, "/absolute", "more\n", 5, &err), 0, "more through a link");
	g->ops->read(g, "/etc/fstab", 100, &b, &err);
	is_str(buf_str(&b), "short\nmore\n", "goes to the end");
	is_int(g->ops->append(g, "/none", "x", 1, &err), UNRACK_IO, "a file that was not written gets no more");
	ok(!guest_exists(g, "/none"), "and is not made");
	is_int(g->ops->append(g, "/pipe", "x", 1, &err), UNRACK_DAMAGED, "nor does a pipe");

	is_int(g->ops->rename(g, "/etc/conf", "/etc/conf-old", &err), 0, "rename");
	ok(guest_exists(g, "/etc/conf-old") && !guest_exists(g, "/etc/conf"), "moves");
	is_int(g->ops->symlink(g, "conf-old", "/etc/conf", &err), 0, "symlink");
	is_int(g->ops->readlink(g, "/etc/conf", &b, &err), 0, "makes a link");
	is_str(buf_str(&b), "conf-old", "with its target");
	is_int(g->ops->unlink(g, "/etc/conf", &err), 0, "unlink");
	ok(!guest_exists(g, "/etc/conf") && guest_exists(g, "/etc/conf-old"), "removes the link, not its target");
	is_int(g->ops->unlink(g, "/escape", &err), 0, "unlink of a link that leads outside");
	ok(access(in_top("outside"), F_OK) == 0, "leaves what is outside");
	is_int(g->ops->unlink(g, "/", &err), UNRACK_INTERNAL, "the root can't be removed");
	is_int(guest_finish(g, &err), 0, "finish");
	buf_free(&b);
}

static void test_labels(void)
{
	static const char label[] = "system_u:object_r:modules_conf_t:s0";
	struct buf b = { 0 };

	is_int(g->ops->getxattr(g, "/lib/a.ko", "user.none", &b, &err), 0, "an attribute that is not there");
	is_int((long long)b.len, 0, "is empty");
	/* Only root may set security attributes, and not everywhere. */
	if (setxattr(in_top("root/lib/a.ko"), "security.selinux", label, sizeof label, 0) < 0) {
		ok(true, "labels # SKIP can't be set here: %s", strerror(errno));
		buf_free(&b);
		return;
	}
	is_int(g->ops->write(g, "/lib/new.conf", "x", 1, 0644, getuid(), getgid(), "/lib/a.ko", &err), 0,
	       "a new file with a model");
	is_int(g->ops->getxattr(g, "/lib/new.conf", "security.selinux", &b, &err), 0, "has a label");
	is_str(buf_str(&b), label, "the model's");
	is_int(g->ops->write(g, "/lib/a.ko", "changed", 7, 0600, 0, 0, NULL, &err), 0, "a labelled file written");
	g->ops->getxattr(g, "/lib/a.ko", "security.selinux", &b, &err);
	is_str(buf_str(&b), label, "keeps its label");
	buf_free(&b);
}

static void test_read_only(void)
{
	struct guest *ro;

	is_int(guest_open_dir(in_top("root"), false, &ro, &err), 0, "a guest opened for reading");
	ok(ro->ops->write(ro, "/etc/x", "", 0, 0644, 0, 0, NULL, &err) == UNRACK_INTERNAL &&
		   ro->ops->unlink(ro, "/etc/fstab", &err) == UNRACK_INTERNAL &&
		   ro->ops->rename(ro, "/etc/fstab", "/x", &err) == UNRACK_INTERNAL &&
		   ro->ops->symlink(ro, "x", "/x", &err) == UNRACK_INTERNAL,
	   "refuses every change");
	ok(guest_exists(ro, "/etc/fstab") && !guest_exists(ro, "/etc/x"), "and nothing changed");
	guest_close(ro);
}

int main(void)
{
	char cmd[300];

	make_tree();
	is_int(guest_open_dir("/nonexistent", true, &g, &err), UNRACK_IO, "a missing folder is refused");
	has_str(err.text, "/nonexistent", "by name");
	is_int(guest_open_dir(in_top("root"), true, &g, &err), 0, "a folder opens as a guest");
	ok(g->n_mounts == 1 && !strcmp(g->mounts[0].where, "/") && g->mounts[0].free_bytes > 0,
	   "with one mount and its free space");
	test_reading();
	test_links_stay_inside();
	test_resolve();
	test_names();
	test_writing();
	test_labels();
	test_read_only();
	guest_close(g);
	guest_close(NULL);
	snprintf(cmd, sizeof cmd, "rm -rf %s", top);
	if (system(cmd))
		ok(false, "the folder is removed");
	return tap_done();
}
