/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct machine from and to the manifest's JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "parts.h"

static const char *const format_names[] = {
	[DISK_FLAT] = "flat", [DISK_STREAM] = "stream", [DISK_SPARSE] = "sparse",
};

const char *machine_format_name(enum disk_format f)
{
	return format_names[f];
}

int machine_format_parse(const char *text, enum disk_format *f, struct unrack_error *err)
{
	for (size_t i = 1; i < ARRAY_LEN(format_names); i++)
		if (!strcmp(text, format_names[i])) {
			*f = (enum disk_format)i;
			return 0;
		}
	return error_set(err, UNRACK_USAGE, "there is no format \"%s\"; it is flat, stream or sparse", text);
}

static int damaged(const struct machine *m, const char *what, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "%s/unrack/manifest.json makes no sense: %s", m->folder,
			 what);
}

static int lines_from(const struct json *array, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < json_len(array) && r == 0; i++)
		r = buf_printf(out, "%s\n", json_at_str(array, i, ""));
	return r;
}

static int disk_from(struct machine *m, const struct json *j, struct unrack_error *err)
{
	const struct json *id = json_get(j, "identity");
	CLEANUP_BUF struct buf strict = { 0 };
	CLEANUP_BUF struct buf advisory = { 0 };
	struct machine_disk d = { .n = (int)json_int(j, "n", -1), .stream = json_bool(j, "stream", false),
				  .restart = json_bool(j, "restart", false),
				  .due = json_bool(j, "due", false), .live = json_bool(j, "live", false) };
	int64_t bytes = json_int(j, "bytes", -1);
	int r;

	if (machine_format_parse(json_str(j, "format", ""), &d.format, err) < 0)
		d.format = 0;
	d.image_mtime_ns = (uint64_t)json_int(j, "image_mtime_ns", 0);
	if (json_int(j, "n", -1) < 0 || json_int(j, "n", -1) >= MACHINE_DISKS_MAX || bytes < 0 || !d.format)
		return damaged(m, "a disk without number, size or format", err);
	if (machine_find_disk(m, d.n))
		return damaged(m, "two disks of one number", err);
	if (lines_from(json_get(id, "strict"), &strict) < 0 ||
	    lines_from(json_get(id, "advisory"), &advisory) < 0)
		return error_nomem(err);
	r = identity_init(&d.id, (uint64_t)bytes, buf_str(&strict), buf_str(&advisory), err);
	if (r < 0)
		return error_prefix(err, "%s/unrack/manifest.json", m->folder);
	r = machine_put_disk(m, &d, err);
	identity_free(&d.id);
	return r;
}

static void target_from(const struct json *j, struct machine_target *t)
{
	snprintf(t->esx, sizeof t->esx, "%s", json_str(j, "esx", ""));
	snprintf(t->scsi, sizeof t->scsi, "%s", json_str(j, "scsi", ""));
	snprintf(t->nic, sizeof t->nic, "%s", json_str(j, "nic", ""));
	snprintf(t->firmware, sizeof t->firmware, "%s", json_str(j, "firmware", ""));
	t->hw = (int)json_int(j, "hw", 0);
}

static int state_from(struct machine *m, struct unrack_error *err)
{
	const char *name = json_str(m->doc, "state", "");

	for (unsigned s = MACHINE_COPYING; s <= MACHINE_LIVE; s++)
		if (!strcmp(name, machine_state_name(s))) {
			m->state = s;
			return 0;
		}
	return damaged(m, "its state is none", err);
}

int machine_from_json(struct machine *m, struct unrack_error *err)
{
	const struct json *disks = json_get(m->doc, "disks");
	int r = state_from(m, err);

	for (size_t i = 0; r == 0 && i < json_len(disks); i++)
		r = disk_from(m, json_at(disks, i), err);
	target_from(json_get(m->doc, "target"), &m->target);
	return r;
}

static struct json *lines_to(const char *text)
{
	struct json *array = json_new_array();
	CLEANUP_FREE char *copy = strdup(text);
	char *save = NULL;
	int r = array && copy ? 0 : -1;

	for (char *s = copy ? strtok_r(copy, "\n", &save) : NULL; s && r == 0;
	     s = strtok_r(NULL, "\n", &save))
		r = json_add_str(array, s);
	if (r == 0)
		return array;
	json_free(array);
	return NULL;
}

/* What the document has of disk N already, with the keys that are not known here. */
static struct json *disk_before(const struct machine *m, int n)
{
	const struct json *disks = json_get(m->doc, "disks");

	for (size_t i = 0; i < json_len(disks); i++)
		if (json_int(json_at(disks, i), "n", -1) == n)
			return json_clone(json_at(disks, i));
	return json_new_object();
}

static struct json *disk_to(const struct machine *m, const struct machine_disk *d)
{
	struct json *j = disk_before(m, d->n);
	struct json *id = j && json_get(j, "identity") ? json_clone(json_get(j, "identity"))
						       : json_new_object();
	int r = 0;

	r |= json_set_int(j, "n", d->n);
	r |= json_set_int(j, "bytes", (int64_t)d->id.bytes);
	r |= json_set_str(j, "format", format_names[d->format]);
	r |= json_set(id, "strict", lines_to(d->id.strict));
	r |= json_set(id, "advisory", lines_to(d->id.advisory));
	r |= json_set(j, "identity", id);
	if (d->stream || json_has(j, "stream"))
		r |= json_set_bool(j, "stream", d->stream);
	if (d->restart || json_has(j, "restart"))
		r |= json_set_bool(j, "restart", d->restart);
	if (d->due || json_has(j, "due"))
		r |= json_set_bool(j, "due", d->due);
	if (d->live || json_has(j, "live"))
		r |= json_set_bool(j, "live", d->live);
	r |= json_set_int(j, "image_mtime_ns", (int64_t)d->image_mtime_ns);
	if (r == 0)
		return j;
	json_free(j);
	return NULL;
}

static int target_to(struct machine *m)
{
	struct json *old = json_get(m->doc, "target");
	struct json *j = old ? json_clone(old) : json_new_object();
	int r = 0;

	r |= json_set_str(j, "esx", m->target.esx);
	r |= json_set_str(j, "scsi", m->target.scsi);
	r |= json_set_str(j, "nic", m->target.nic);
	r |= json_set_int(j, "hw", m->target.hw);
	r |= json_set_str(j, "firmware", m->target.firmware);
	r |= json_set(m->doc, "target", j);
	return r;
}

int machine_to_json(struct machine *m)
{
	struct json *disks = json_new_array();
	int r = json_set_str(m->doc, "machine", m->name);

	r |= json_set_str(m->doc, "state", machine_state_name(m->state));
	for (size_t i = 0; i < m->disks.len; i++)
		r |= json_add(disks, disk_to(m, &m->disks.at[i]));
	r |= json_set(m->doc, "disks", disks);
	if (m->target.esx[0] || json_get(m->doc, "target"))
		r |= target_to(m);
	return r;
}
