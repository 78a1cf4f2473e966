/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/scan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "scan_look.h"

static void free_look(struct look *d)
{
	free(d->path);
	free(d->dir);
	free(d->parts);
	free(d->identity);
	json_free(d->json);
	json_free(d->notes.list);
	block_source_close(d->source);
	free(d);
}

static void free_scan(struct scan *s)
{
	for (size_t i = 0; i < s->disks.len; i++)
		free_look(s->disks.at[i]);
	for (size_t i = 0; i < s->groups.len; i++)
		scan_group_free(&s->groups.at[i]);
	look_vec_free(&s->disks);
	group_vec_free(&s->groups);
	json_free(s->warnings);
}

static bool same_node(const struct look *a, const struct look *b)
{
	if (S_ISBLK(a->st.st_mode) && S_ISBLK(b->st.st_mode))
		return a->st.st_rdev == b->st.st_rdev;
	return a->st.st_mode && a->st.st_mode == b->st.st_mode && a->st.st_dev == b->st.st_dev &&
	       a->st.st_ino == b->st.st_ino;
}

/* The members of an array have its UUID in common, and often a table that was cloned with sfdisk; the
 * first bytes alone may be a boot sector that many have. */
static bool is_telling(const struct parts_signature *sig)
{
	return *sig->uuid && !strstr(sig->type, "_raid_member");
}

static bool equal_content(const struct look *a, const struct look *b)
{
	bool telling;

	if (!a->identity || !b->identity || a->facts.bytes != b->facts.bytes || strcmp(a->identity, b->identity) != 0)
		return false;
	telling = !*a->parts->table && is_telling(&a->parts->whole);
	for (unsigned i = 0; i < a->parts->n && !telling; i++)
		telling = is_telling(&a->parts->at[i].sig);
	return telling;
}

/* The first disk that this one is another path or a twin of. */
static void find_same(struct scan *s, size_t i)
{
	struct look *d = s->disks.at[i];

	for (size_t k = 0; k < i; k++) {
		struct look *o = s->disks.at[k];
		bool path = same_node(d, o) || (*d->facts.wwid && !d->partition && !o->partition &&
			    d->facts.bytes == o->facts.bytes && !strcmp(d->facts.wwid, o->facts.wwid));

		if (!path && !equal_content(d, o))
			continue;
		json_set_str(d->json, "same_as", o->path);
		if (path)
			scan_warn(d->notes.list, "%s is the same disk as %s, by another name or path: copy it once", d->path, o->path);
		else
			scan_warn(d->notes.list, "%s has the same table and signatures as %s, but is another disk, such as the leg of a "
				  "mirror or a clone: both in one virtual machine are confused; copy the one that is in use",
				  d->path, o->path);
		return;
	}
}

static int scan_all(struct scan *s, struct unrack_error *err)
{
	for (size_t i = 0; i < s->disks.len; i++) {
		int r = log_stop_asked(s->log) ? error_set(err, UNRACK_INTERRUPTED, "the scan was interrupted")
					       : scan_look(s, s->disks.at[i], err);

		if (r < 0)
			return r;
		find_same(s, i);
	}
	scan_groups_warn(s->groups.at, s->groups.len, s->hidden, s->warnings);
	return scan_used(s, err);
}

static int make_result(struct scan *s, struct json **out, struct unrack_error *err)
{
	struct json *all = json_new_object(), *list = json_new_array();
	char host[HOST_NAME_MAX + 1] = "";
	uint64_t data = 0;

	if (!all || !list) {
		json_free(all);
		json_free(list);
		return error_nomem(err);
	}
	gethostname(host, sizeof host - 1);
	json_set_str(all, "host", host);
	for (size_t i = 0; i < s->disks.len; i++) {
		struct look *d = s->disks.at[i];

		if (!json_has(d->json, "same_as") && !json_has(d->json, "error"))
			data += (uint64_t)json_int(d->json, "data_bytes", 0);
		json_set_bool(d->json, "trouble", d->notes.trouble);
		json_set(d->json, "warnings", d->notes.list);
		json_add(list, d->json);
		d->notes.list = d->json = NULL;
	}
	json_set_int(all, "data_bytes", (int64_t)data);
	json_set_int(all, "seconds", (int64_t)div_round_up(data, SCAN_BYTES_PER_SECOND));
	json_set(all, "disks", list);
	json_set(all, "warnings", s->warnings);
	s->warnings = NULL;
	*out = all;
	return 0;
}

int scan_disks_at(const struct scan_root *root, const char *const *paths, unsigned n,
		  const struct log *log, struct json **out, struct unrack_error *err)
{
	struct scan s = { .root = root, .log = log, .warnings = json_new_array() };
	int r = s.warnings ? 0 : error_nomem(err);

	if (r == 0 && n == 0)
		r = scan_find_machine(&s, err);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = scan_find_named(&s, paths[i], err);
	if (r == 0)
		r = scan_all(&s, err);
	if (r == 0)
		r = make_result(&s, out, err);
	free_scan(&s);
	return r;
}

int scan_disks(const char *const *paths, unsigned n, const struct log *log, struct json **out,
	       struct unrack_error *err)
{
	static const struct scan_root root = { "/sys", "/dev" };

	return scan_disks_at(&root, paths, n, log, out, err);
}
