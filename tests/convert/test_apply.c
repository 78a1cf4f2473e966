/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/convert/apply.h"
#include "../support/tap.h"
#include "../support/twin_guest.h"
#include "base/tempfile.h"

static char top[] = "/tmp/unrack-apply-XXXXXX";
static struct unrack_error err;

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", top, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		exit(99);
}

static const char *content(struct guest *g, const char *path)
{
	static struct buf b;

	return g->ops->read(g, path, 1000, &b, &err) < 0 ? "(none)" : buf_str(&b);
}

#define S(s) ((char *)(s))
#define TEXT(s) { .data = (uint8_t *)(s), .len = sizeof(s) - 1 }

/* Each change fails once: the plan ends there, and nothing is changed behind it. */
static void failing(struct guest *g)
{
	static const struct {
		enum twin_guest_op op;
		unsigned nth;
		int errnum, code;
	} faults[] = {
		{ TWIN_G_RENAME, 1, EIO, UNRACK_IO },      { TWIN_G_WRITE, 1, ENOSPC, UNRACK_NOSPACE },
		{ TWIN_G_WRITE, 2, EIO, UNRACK_IO },       { TWIN_G_UNLINK, 1, EIO, UNRACK_IO },
		{ TWIN_G_SYMLINK, 1, ENOSPC, UNRACK_NOSPACE },
	};
	struct edit edits[] = {
		{ .kind = EDIT_RENAME, .path = S("/a"), .to = S("/a-old") },
		{ .kind = EDIT_WRITE, .path = S("/a"), .after = TEXT("new"), .mode = 0600 },
		{ .kind = EDIT_WRITE, .path = S("/b"), .after = TEXT("new"), .existed = true },
		{ .kind = EDIT_REMOVE, .path = S("/c") },
		{ .kind = EDIT_SYMLINK, .path = S("/d"), .to = S("b") },
	};
	struct plan plan = { .edits = edits, .n_edits = 5 };

	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		struct twin_guest *t = twin_guest_new(g);

		put("a", "old");
		put("b", "old");
		put("c", "old");
		twin_guest_fault(t, faults[i].op, faults[i].nth, faults[i].errnum);
		is_int(apply_plan(twin_guest(t), &plan, NULL, &err), faults[i].code, "change %zu fails", i);
		has_str(err.text, "injected", "and its reason is passed on");
		is_int(twin_guest_changes_after_fault(t), 0, "nothing is changed behind it");
		g->ops->unlink(g, "/a-old", &err);
		g->ops->unlink(g, "/d", &err);
		twin_guest_free(t);
	}
}

/* What is too much for memory: more than is written at once. */
static void from_file(struct guest *g)
{
	struct edit e = { .kind = EDIT_WRITE, .path = S("/large"), .mode = 0600, .uid = getuid(), .gid = getgid(), .in_file = true };
	struct plan plan = { .edits = &e, .n_edits = 1 };
	struct twin_guest *t = twin_guest_new(g);
	struct guest_stat st = { 0 };
	struct buf b = { 0 };
	char word[8];

	is_int(tempfile_open("a test", &e.file, &err), 0, "a file");
	is_int(apply_plan(g, &plan, NULL, &err), 0, "that is empty");
	g->ops->stat(g, "/large", &st, &err);
	ok(st.type == GUEST_FILE && st.size == 0 && st.mode == 0600, "makes an empty file");
	for (unsigned k = 0; k < 5u << 17; k++) {
		snprintf(word, sizeof word, "%07x", k);
		buf_append(&b, word, 8);
	}
	is_int(tempfile_add(e.file, "a test", b.data, b.len, &err), 0, "and one of 5 MiB");
	e.file_bytes = b.len;
	is_int(plan_edit_bytes(&e), b.len, "has its bytes");
	is_int(apply_plan(twin_guest(t), &plan, NULL, &err), 0, "is written");
	is_int(twin_guest_count(t, TWIN_G_WRITE), 1, "from its start");
	is_int(twin_guest_count(t, TWIN_G_APPEND), 2, "piece by piece");
	e.in_file = false;
	e.after = b;
	memset(&b, 0, sizeof b);
	g->ops->read(g, "/large", UINT64_MAX, &b, &err);
	ok(b.len == e.after.len && !memcmp(b.data, e.after.data, b.len), "all of it");
	is_int(plan_edit_bytes(&e), b.len, "as from memory");
	e.in_file = true;
	twin_guest_fault(t, TWIN_G_APPEND, 4, ENOSPC);
	is_int(apply_plan(twin_guest(t), &plan, NULL, &err), UNRACK_NOSPACE, "a piece that does not fit");
	has_str(err.text, "injected", "is told");
	is_int(twin_guest_count(t, TWIN_G_APPEND), 4, "and the last one");
	close(e.file);
	e.file = -1;
	is_int(apply_plan(g, &plan, NULL, &err), UNRACK_IO, "a file that can't be read");
	has_str(err.text, "can't read the temporary file for the guest's /large", "is told");
	buf_free(&e.after);
	buf_free(&b);
	twin_guest_free(t);
}

int main(void)
{
	struct edit edits[] = {
		{ .kind = EDIT_RENAME, .path = S("/initrd.img"), .to = S("/initrd-phys.img") },
		{ .kind = EDIT_WRITE, .path = S("/initrd.img"), .after = TEXT("new initrd"), .mode = 0600 },
		{ .kind = EDIT_WRITE, .path = S("/modprobe.conf"), .after = TEXT("alias eth0 vmxnet3\n"), .existed = true,
		  .reason = S("because") },
		{ .kind = EDIT_REMOVE, .path = S("/stale") },
		{ .kind = EDIT_SYMLINK, .path = S("/link"), .to = S("modprobe.conf") },
	};
	struct plan plan = { .edits = edits, .n_edits = 5 };
	atomic_bool stop = false;
	struct log log = { .stop = &stop };
	struct guest_stat st;
	struct guest *g;
	char cmd[100];

	if (!mkdtemp(top))
		return 99;
	put("initrd.img", "old initrd");
	put("modprobe.conf", "alias eth0 e1000\n");
	put("stale", "x");
	if (guest_open_dir(top, true, &g, &err) < 0)
		return 99;
	edits[2].uid = getuid();
	is_int(apply_plan(g, &plan, NULL, &err), 0, "a plan is carried out");
	is_str(content(g, "/initrd-phys.img"), "old initrd", "the old initrd is kept under its new name");
	is_str(content(g, "/initrd.img"), "new initrd", "and then replaced, in the plan's order");
	g->ops->stat(g, "/initrd.img", &st, &err);
	is_int(st.mode, 0600, "a new file has its mode");
	is_str(content(g, "/modprobe.conf"), "alias eth0 vmxnet3\n", "text is rewritten");
	is_str(content(g, "/link"), "alias eth0 vmxnet3\n", "a link is made");
	ok(!guest_exists(g, "/stale"), "and a file removed");

	/* A second time: the kept initrd is in the way. */
	is_int(apply_plan(g, &plan, NULL, &err), UNRACK_UNSAFE, "a rename that would replace a file is refused");
	has_str(err.text, "/initrd-phys.img exists", "by its name");
	is_str(content(g, "/initrd-phys.img"), "old initrd", "and the kept initrd is as it was");
	plan.edits = edits + 3;
	plan.n_edits = 1;
	is_int(apply_plan(g, &plan, NULL, &err), UNRACK_IO, "a missing file can't be removed");
	plan.edits = edits + 4;
	is_int(apply_plan(g, &plan, NULL, &err), UNRACK_UNSAFE, "a link does not replace a file");
	failing(g);
	from_file(g);
	atomic_store(&stop, true);
	is_int(apply_plan(g, &plan, &log, &err), UNRACK_INTERRUPTED, "a stop is heard between two edits");
	is_str(apply_kind_name(EDIT_RENAME), "rename", "kinds have names");
	guest_close(g);
	snprintf(cmd, sizeof cmd, "rm -rf %s", top);
	if (system(cmd))
		ok(false, "the folder is removed");
	return tap_done();
}
