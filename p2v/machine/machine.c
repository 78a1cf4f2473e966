/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "manifest.h"
#include "parts.h"

void machine_free(struct machine *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->disks.len; i++)
		identity_free(&m->disks.at[i].id);
	machine_disk_vec_free(&m->disks);
	json_free(m->doc);
	free(m->folder);
	free(m);
}

/* NULL: see ERR. */
static struct machine *machine_alloc(const struct io *io, const char *folder,
				     struct unrack_error *err)
{
	struct machine *m = calloc(1, sizeof *m);
	size_t n;

	if (m)
		m->folder = strdup(folder);
	if (!m || !m->folder) {
		free(m);
		error_nomem(err);
		return NULL;
	}
	m->io = io;
	for (n = strlen(m->folder); n > 1 && m->folder[n - 1] == '/'; n--)
		m->folder[n - 1] = '\0';
	if (machine_name_in(io, folder, m->name, err) < 0) {
		machine_free(m);
		return NULL;
	}
	return m;
}

int machine_new(const struct io *io, const char *folder, struct machine **out,
		struct unrack_error *err)
{
	struct machine *m = machine_alloc(io, folder, err);

	if (!m)
		return err->code;
	m->doc = json_new_object();
	if (!m->doc) {
		machine_free(m);
		return error_nomem(err);
	}
	*out = m;
	return 0;
}

int machine_open(const struct io *io, const char *folder, struct machine **out,
		 struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	CLEANUP_FREE char *path = NULL;
	struct machine *m = machine_alloc(io, folder, err);
	int r;

	if (!m)
		return err->code;
	path = machine_path(m, MACHINE_MANIFEST, 0);
	r = path ? io_read_file(io, path, MANIFEST_MAX, &text, err) : error_nomem(err);
	if (r < 0 && err->sys_errno == ENOENT) {
		r = error_set(err, UNRACK_USAGE, "%s is not a machine folder: it has no unrack/manifest.json",
			      folder);
		err->sys_errno = ENOENT;
	}
	if (r < 0 && err->sys_errno == ENOTDIR)
		r = error_set(err, UNRACK_USAGE, "%s is not a machine folder: it is no folder", folder);
	if (r == 0)
		r = manifest_decode(buf_str(&text), text.len, path, &m->doc, err);
	if (r == 0 && strcmp(json_str(m->doc, "machine", m->name), m->name) != 0)
		r = error_set(err, UNRACK_UNSAFE,
			      "%s was renamed: it is the folder of the machine %s, whose name its files have; "
			      "give it that name again", folder, json_str(m->doc, "machine", ""));
	if (r == 0)
		r = machine_from_json(m, err);
	if (r < 0) {
		machine_free(m);
		return r;
	}
	*out = m;
	return 0;
}

int machine_save(struct machine *m, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	CLEANUP_FREE char *path = machine_path(m, MACHINE_MANIFEST, 0);
	int r;

	if (!path || machine_to_json(m) < 0)
		return error_nomem(err);
	r = manifest_encode(m->doc, &text, err);
	if (r == 0 && text.len > MANIFEST_MAX)
		r = error_set(err, UNRACK_UNSUPPORTED, "%s would be larger than the %u bytes it may have", path,
			      MANIFEST_MAX);
	if (r == 0)
		r = io_replace_file(m->io, path, text.data, text.len, 0666, err);
	return r < 0 ? error_suffix_room(err) : 0;
}

/* --- Members ---------------------------------------------------------------------------- */

const char *machine_name(const struct machine *m)
{
	return m->name;
}

const char *machine_folder(const struct machine *m)
{
	return m->folder;
}

const struct io *machine_io(const struct machine *m)
{
	return m->io;
}

enum machine_state machine_get_state(const struct machine *m)
{
	return m->state;
}

size_t machine_disks(const struct machine *m)
{
	return m->disks.len;
}

const struct machine_disk *machine_disk(const struct machine *m, size_t i)
{
	return &m->disks.at[i];
}

static struct machine_disk *find_disk(const struct machine *m, int n)
{
	for (size_t i = 0; i < m->disks.len; i++)
		if (m->disks.at[i].n == n)
			return &m->disks.at[i];
	return NULL;
}

const struct machine_disk *machine_find_disk(const struct machine *m, int n)
{
	return find_disk(m, n);
}

bool machine_disk_is_vague(const struct machine_disk *d)
{
	return d->stream || identity_is_partial(&d->id);
}

int machine_unknown_source(const struct machine *m, int n, const char *source, bool complete,
			   struct unrack_error *err)
{
	const char *folder = m->folder;

	if (complete)
		return error_set(err, UNRACK_UNSAFE, "disk %d of %s came as a stream, and only its bytes could tell whether "
				 "%s is that disk: compare them with unrack verify %s SOURCE on a machine that has "
				 "both, or copy into another folder", n, folder, source, folder);
	return error_set(err, UNRACK_UNSAFE, "disk %d of %s began as a stream, and only its bytes could tell whether %s is "
			 "that disk: continue it as a stream (unrack copy - %s), or copy into another folder", n, folder,
			 source, folder);
}

static int compare_disks(const void *a, const void *b)
{
	return ((const struct machine_disk *)a)->n - ((const struct machine_disk *)b)->n;
}

int machine_put_disk(struct machine *m, const struct machine_disk *d, struct unrack_error *err)
{
	struct machine_disk *there = find_disk(m, d->n), copy = *d;
	int r;

	if (d->n < 0 || d->n >= (int)MACHINE_DISKS_MAX)
		return error_set(err, UNRACK_USAGE, "a machine folder has disks 0 to %u, not %d",
				 MACHINE_DISKS_MAX - 1, d->n);
	if (d->id.bytes > INT64_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "no disk has %llu bytes",
				 (unsigned long long)d->id.bytes);
	r = identity_copy(&copy.id, &d->id, err);
	if (r < 0)
		return r;
	if (there) {
		identity_free(&there->id);
		*there = copy;
		return 0;
	}
	if (machine_disk_vec_push(&m->disks, copy) < 0) {
		identity_free(&copy.id);
		return error_nomem(err);
	}
	qsort(m->disks.at, m->disks.len, sizeof *m->disks.at, compare_disks);
	return 0;
}

int machine_stamp_image(struct machine *m, int n, struct unrack_error *err)
{
	CLEANUP_FREE char *path = machine_path(m, MACHINE_IMAGE, n);
	struct machine_disk *d = find_disk(m, n);
	struct stat st;

	if (!path)
		return error_nomem(err);
	if (!d)
		return error_set(err, UNRACK_INTERNAL, "%s has no disk %d", m->folder, n);
	if (io_stat(m->io, path, &st, err) < 0)
		return err->code;
	d->image_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

const struct machine_target *machine_get_target(const struct machine *m)
{
	return &m->target;
}

void machine_set_target(struct machine *m, const struct machine_target *t)
{
	m->target = *t;
}

const struct json *machine_get_guest(const struct machine *m)
{
	return json_get(m->doc, "guest");
}

int machine_set_guest(struct machine *m, struct json *guest, struct unrack_error *err)
{
	return json_set(m->doc, "guest", guest) < 0 ? error_nomem(err) : 0;
}

static struct json *find_step(const struct machine *m, const char *name)
{
	struct json *steps = json_get(m->doc, "steps");

	for (size_t i = 0; i < json_len(steps); i++)
		if (!strcmp(json_str(json_at(steps, i), "name", ""), name))
			return json_at(steps, i);
	return NULL;
}

const char *machine_step_state(const struct machine *m, const char *name)
{
	return json_str(find_step(m, name), "state", "");
}

/* The step's object, made if the manifest has none. */
static struct json *need_step(struct machine *m, const char *name)
{
	struct json *step = find_step(m, name);

	if (step)
		return step;
	if (!json_get(m->doc, "steps") && json_set(m->doc, "steps", json_new_array()) < 0)
		return NULL;
	step = json_new_object();
	if (!step || json_set_str(step, "name", name) < 0) {
		json_free(step);
		return NULL;
	}
	return json_add(json_get(m->doc, "steps"), step) < 0 ? NULL : step;
}

int machine_step(struct machine *m, const char *name, const char *state, struct unrack_error *err)
{
	struct json *step = need_step(m, name);
	bool begins = !strncmp(state, "running", 7);
	char now[32];
	time_t t = time(NULL);
	struct tm tm;
	int r = 0;

	strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	if (!step)
		return error_nomem(err);
	r |= json_set_str(step, "state", state);
	r |= json_set_str(step, begins ? "started" : "ended", now);
	if (begins)
		r |= json_set_str(step, "ended", NULL);
	r |= json_set_str(step, "tool", "unrack " UNRACK_VERSION);
	return r < 0 ? error_nomem(err) : machine_save(m, err);
}
