/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nash_repair.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "module_file.h"
#include "module_options.h"

/* --- Names, and lines that must go ------------------------------------------------------ */

/* The device of mkrootdev by its name in sysfs, "cciss!c0d0p2", gets its new one; *DROP as of nash_rename. */
static int rename_node(struct nash_line *l, const struct initrd_change *c, bool *drop)
{
	struct nash_word w[2];

	if (nash_arguments(l, w) < 1)
		return 0;
	for (size_t k = 0; k < c->n_devices; k++) {
		const char *old = c->devices[k][0];
		CLEANUP_BUF struct buf name = { 0 };

		if (strncmp(old, "/dev/", 5) != 0 || !old[5])
			continue;
		if (buf_puts(&name, old + 5) < 0)
			return -1;
		for (char *p = (char *)name.data; (p = strchr(p, '/'));)
			*p = '!';
		if (nash_word_is(&w[0], buf_str(&name)))
			return nash_rename(l, (const char *const[][2]){ { buf_str(&name), c->devices[k][1] } }, 1, drop);
	}
	return 0;
}

static int rename_devices(struct nash *s, const struct initrd_change *c, const struct initrd *image,
			  struct unrack_error *err)
{
	for (size_t k = 0; k < s->lines.len;) {
		struct nash_line *l = &s->lines.at[k];
		bool drop = false;

		if (l->command != NASH_OTHER && l->command != NASH_ECHO &&
		    nash_rename(l, c->devices, c->n_devices, &drop) < 0)
			return error_nomem(err);
		if (l->command == NASH_MKROOTDEV && !drop && rename_node(l, c, &drop) < 0)
			return error_nomem(err);
		if (drop && (l->command == NASH_MKROOTDEV || nash_mounts_root(l)))
			return error_set(err, UNRACK_USAGE, "%s: /%s mounts root by a name that has no new one: %.*s; "
					 "say what the root device is called now", image->name, initrd_script(image),
					 (int)min_u64(l->len - 1, 200), l->text);
		if (drop)
			nash_remove(s, k);
		else
			k++;
	}
	return 0;
}

/* "#!/bin/nash\r": no kernel starts that. In other lines nash takes it for a blank. */
static int mend_first_line(struct nash *s)
{
	CLEANUP_BUF struct buf b = { 0 };
	const char *text = s->lines.len ? s->lines.at[0].text : "";
	size_t n = strcspn(text, "\r\n");

	if (strcmp(text + n, "\r\n") != 0)
		return 0;
	if (buf_append(&b, text, n) < 0 || buf_puts(&b, "\n") < 0 || nash_insert(s, 0, buf_str(&b)) < 0)
		return -1;
	nash_remove(s, 1);
	return 0;
}

static bool mounts_nfs(const struct nash_line *l)
{
	struct nash_word w, before = { .n = 0 };
	size_t k = 0;

	if (l->command != NASH_MKROOTDEV && !nash_mounts_root(l))
		return false;
	for (; nash_next(l, &k, &w); before = w)
		if (before.n && nash_word_is(&before, "-t") && nash_word_is(&w, "nfs"))
			return true;
	return false;
}

/* dm, dmraid and rmparts take hold of the disks by names and numbers of the old machine; what
 * network and iscsistart want to reach is on a disk of the virtual machine now, unless root is on NFS. */
static void drop_old_machine(struct nash *s)
{
	bool nfs = false;

	for (size_t k = 0; k < s->lines.len; k++)
		nfs |= mounts_nfs(&s->lines.at[k]);
	for (size_t k = 0; k < s->lines.len;) {
		enum nash_command c = s->lines.at[k].command;

		if (c == NASH_DM || c == NASH_RMPARTS || (c == NASH_NETWORK && !nfs))
			nash_remove(s, k);
		else
			k++;
	}
}

/* --- Modules ---------------------------------------------------------------------------- */

/* A line goes together with the echo before it that tells of it: "Creating block devices". */
static size_t echo_start(const struct nash *s, size_t at)
{
	return at && s->lines.at[at - 1].command == NASH_ECHO ? at - 1 : at;
}

/* The same of an insmod line, of which many have no echo. */
static size_t group_start(const struct nash *s, size_t at)
{
	const struct nash_line *l = at ? &s->lines.at[at - 1] : NULL;
	struct nash_word w;
	size_t k = 0;

	if (l && l->command == NASH_ECHO && nash_next(l, &k, &w) && nash_next(l, &k, &w) &&
	    w.n >= 7 && !memcmp(w.p, "Loading", 7))
		return at - 1;
	return at;
}

/* Moves the group that ends with line AT up, to before line TO. */
static void move_group(struct nash *s, size_t at, size_t to)
{
	size_t n = at - group_start(s, at) + 1;

	for (size_t k = 0; k < n; k++)
		nash_move(s, at, to);
}

static bool stacks_disks(const char *name)
{
	static const char *const starts[] = { "dm_", "dm-", "raid", "lvm", "md", "linear", "multipath" };

	for (size_t k = 0; k < ARRAY_LEN(starts); k++)
		if (!strncmp(name, starts[k], strlen(starts[k])))
			return true;
	return false;
}

/* Where a module goes that nothing decides about: RHEL 2.1 loads them before it mounts /proc, the
 * others after that, and before the nodes of disks are made the last time. */
static size_t default_place(const struct nash *s, size_t root)
{
	size_t last = LOADS_NONE, nodes = LOADS_NONE;
	bool el21 = nash_release_of(s) == NASH_EL21;

	for (size_t k = 0; k < root; k++) {
		const struct nash_line *l = &s->lines.at[k];
		char name[64];

		if (l->command == NASH_NODES || (el21 && nash_mounts_proc(l)))
			nodes = k;
		if (!loads_module(l, name))
			continue;
		if (stacks_disks(name))
			return group_start(s, k);
		last = k;
	}
	if (last != LOADS_NONE)
		return last + 1;
	return echo_start(s, nodes != LOADS_NONE ? nodes : root);
}

static size_t index_of(const struct loads_want *want, const char *name)
{
	for (size_t k = 0; k < want->list.n; k++)
		if (modules_same_name(want->names[k], name))
			return k;
	return LOADS_NONE;
}

/* RHEL 2.1 tells of modules without ".o". */
static int insert_module(struct nash *s, size_t at, const char *path, const char *name,
			 const struct initrd_change *c, struct unrack_error *err)
{
	CLEANUP_BUF struct buf insmod = { 0 }, echo = { 0 };
	bool el21 = nash_release_of(s) == NASH_EL21;
	char file[MODULE_FILE_NAME];

	module_file_name(path, file);
	if (buf_printf(&insmod, "insmod /lib/%s", file) < 0 || module_options(c->modules_conf, name, &insmod) < 0 ||
	    buf_puts(&insmod, "\n") < 0 || buf_printf(&echo, "echo \"Loading %s module\"\n", el21 ? name : file) < 0 ||
	    nash_insert(s, at, buf_str(&insmod)) < 0 || nash_insert(s, at, buf_str(&echo)) < 0)
		return error_nomem(err);
	return 0;
}

/* The place of module M: before all that need it, else behind all that it needs and behind
 * *BEHIND (of sd_mod, or of the one that came before M). *FORCED: something needs it. */
static size_t place_of(const struct nash *s, const struct loads_want *want, const struct loads *l,
		       size_t m, size_t behind, bool *forced)
{
	size_t sd = index_of(want, "sd_mod"), place, user = LOADS_NONE;

	for (size_t k = m + 1; k < want->list.n; k++)
		if (loads_needs(want, k, m) && l->at[k] != LOADS_NONE && l->at[k] < user)
			user = l->at[k];
	*forced = user != LOADS_NONE;
	if (*forced)
		return group_start(s, user);
	place = behind;
	if (place == LOADS_NONE && sd != LOADS_NONE && l->at[sd] != LOADS_NONE)
		place = l->at[sd] + 1;
	if (place == LOADS_NONE)
		place = default_place(s, l->root);
	for (size_t k = 0; k < m; k++)
		if (loads_needs(want, m, k) && l->at[k] != LOADS_NONE)
			place = max_u64(place, l->at[k] + 1);
	return place;
}

/* Modules come in an order in which all that M needs has its right place already: before M,
 * if M is there, and before all that need M, since they need that too. */
static int put_module(struct nash *s, const struct initrd *image, const struct loads_want *want,
		      const struct initrd_change *c, size_t m, size_t *behind, struct unrack_error *err)
{
	size_t place, now, n = 2;
	bool forced, right, moves;
	struct loads l;
	int r = loads_find(s, image, want, true, &l, err);

	if (r < 0)
		return r;
	place = place_of(s, want, &l, m, *behind, &forced);
	right = l.at[m] != LOADS_NONE && (!forced || l.at[m] < place);
	now = l.at[m] != LOADS_NONE ? l.at[m] : l.useless[m];
	loads_free(&l);
	if (right)
		return 0;
	/* A line that comes too late moves, with its options. */
	moves = now != LOADS_NONE && now > place && loads_can(image, &s->lines.at[now], true);
	if (moves) {
		n = now - group_start(s, now) + 1;
		move_group(s, now, place);
	} else {
		r = insert_module(s, place, want->list.paths[m], want->names[m], c, err);
	}
	if (!forced)
		*behind = place + n;
	else if (*behind != LOADS_NONE && place <= *behind && !(moves && now < *behind))
		*behind += n;
	return r;
}

/* Nothing is looked for before the disks have answered and their nodes are made. */
static int put_waiting(struct nash *s, const struct initrd *image, const struct loads_want *want,
		       struct unrack_error *err)
{
	static const char *const makers[] = { "mkdevices /dev\n", "mkdevices /dev\n", "/sbin/udevstart\n", "mkblkdevs\n" };
	size_t place;
	struct loads l;
	int r = loads_find(s, image, want, true, &l, err), failed = 0;

	if (r < 0)
		return r;
	place = l.last == LOADS_NONE ? 0 : l.last + 1;
	if (l.last != LOADS_NONE && l.waits && l.wait == LOADS_NONE) {
		/* Before the command that makes the nodes, or behind the last module. */
		for (size_t k = l.root; k > place; k--)
			if (s->lines.at[k - 1].command == NASH_INSMOD)
				place = k;
		for (size_t k = place; k < l.root; k++)
			if (s->lines.at[k].command == NASH_NODES) {
				place = k;
				l.nodes = k;
				break;
			}
		failed |= nash_insert(s, place, "stabilized --hash --interval 250 /proc/scsi/scsi\n");
		failed |= nash_insert(s, place, "echo Waiting for driver initialization.\n");
		place += 2;
	} else if (l.wait != LOADS_NONE) {
		place = l.wait + 1;
	}
	if (l.last != LOADS_NONE && l.makes_nodes && l.nodes == LOADS_NONE)
		failed |= nash_insert(s, place, makers[nash_release_of(s)]);
	loads_free(&l);
	return failed ? error_nomem(err) : 0;
}

int nash_repair(struct nash *s, const struct initrd *image, const struct loads_want *want,
		const struct initrd_change *c, struct unrack_error *err)
{
	size_t behind = LOADS_NONE;
	int r;

	if (nash_end_last_line(s) < 0 || mend_first_line(s) < 0)
		return error_nomem(err);
	r = rename_devices(s, c, image, err);
	if (r < 0)
		return r;
	drop_old_machine(s);
	for (size_t m = 0; m < want->list.n; m++)
		if ((r = put_module(s, image, want, c, m, &behind, err)) < 0)
			return r;
	return put_waiting(s, image, want, err);
}
