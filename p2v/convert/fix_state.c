/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fix_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

#define MAGIC "unrack-fix"
#define VERSION 1u
#define STATE_MAX (4u << 20)
#define GENERATIONS_MAX 1000

static const char *const names[] = { "none", "edited", "saved", "committing", "committed", "undoing",
				     "undone" };

const char *fix_phase_name(enum fix_phase p)
{
	return (unsigned)p < ARRAY_LEN(names) ? names[p] : "unknown";
}

/* --- Writing ------------------------------------------------------------------------------- */

static int put_request(struct json *j, const struct target_request *r)
{
	struct json *o = json_new_object();

	if (!o || json_set(j, "request", o) < 0)
		return -1;
	return json_set_str(o, "esx", r->esx) < 0 || json_set_str(o, "scsi", target_scsi_name(r->scsi)) < 0 ||
			       json_set_str(o, "nic", target_nic_name(r->nic)) < 0 ||
			       json_set_str(o, "firmware", target_firmware_name(r->firmware)) < 0 ||
			       json_set_int(o, "hw", r->hw) < 0
		       ? -1
		       : 0;
}

static int put_stamps(struct json *j, const char *key, const struct fix_stamps *s)
{
	struct json *list = json_new_array();

	if (!list || json_set(j, key, list) < 0)
		return -1;
	for (unsigned i = 0; i < s->n; i++) {
		struct json *o = json_new_object();

		if (!o || json_set_int(o, "disk", s->at[i].disk) < 0 ||
		    json_set_int(o, "bytes", (int64_t)s->at[i].bytes) < 0 ||
		    json_set_int(o, "mtime_ns", (int64_t)s->at[i].mtime_ns) < 0) {
			json_free(o);
			return -1;
		}
		if (json_add(list, o) < 0)
			return -1;
	}
	return 0;
}

int fix_state_encode(const struct fix_state *s, struct buf *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf body = { 0 };
	struct json *j = json_new_object();
	char seed[2 * DIGEST_SEED_SIZE + 1];
	bool good;

	hex_encode(s->seed, sizeof s->seed, seed);
	good = j && json_set_str(j, "phase", fix_phase_name(s->phase)) == 0 &&
	       json_set_int(j, "generation", s->generation) == 0 && json_set_str(j, "seed", seed) == 0 &&
	       put_request(j, &s->request) == 0 && put_stamps(j, "base", &s->base) == 0 &&
	       put_stamps(j, "left", &s->left) == 0 && json_set_bool(j, "foreign", s->foreign) == 0 &&
	       (!s->report || json_set(j, "report", json_clone(s->report)) == 0) &&
	       json_write(j, true, &body) == 0 && buf_puts(&body, "\n") == 0;
	json_free(j);
	buf_clear(out);
	if (!good || buf_printf(out, "%s %u %016" PRIx64 "\n", MAGIC, VERSION, checksum64(body.data, body.len)) < 0 ||
	    buf_append(out, body.data, body.len) < 0)
		return error_nomem(err);
	return 0;
}

/* --- Reading ------------------------------------------------------------------------------- */

static int damaged(const char *name, const char *what, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "%s: %s; do not touch the image, and keep the files beside it: "
			 "undo-disk* hold what the repair replaced", name, what);
}

static int get_request(const struct json *j, struct target_request *r, struct unrack_error *err)
{
	snprintf(r->esx, sizeof r->esx, "%s", json_str(j, "esx", ""));
	r->hw = (int)json_int(j, "hw", 0);
	if (target_scsi_parse(json_str(j, "scsi", ""), &r->scsi, err) < 0 ||
	    target_nic_parse(json_str(j, "nic", ""), &r->nic, err) < 0 ||
	    target_firmware_parse(json_str(j, "firmware", ""), &r->firmware, err) < 0)
		return err->code;
	return 0;
}

static int get_stamps(const struct json *list, struct fix_stamps *s)
{
	if (json_len(list) > ARRAY_LEN(s->at))
		return -1;
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *o = json_at(list, i);
		int64_t disk = json_int(o, "disk", -1), bytes = json_int(o, "bytes", -1);

		if (disk < 0 || disk > INT32_MAX || bytes < 0)
			return -1;
		s->at[i].disk = (int)disk;
		s->at[i].bytes = (uint64_t)bytes;
		s->at[i].mtime_ns = (uint64_t)json_int(o, "mtime_ns", 0);
		s->n++;
	}
	return 0;
}

static int get_all(const struct json *j, const char *name, struct fix_state *out, struct unrack_error *err)
{
	const char *phase = json_str(j, "phase", "");
	int64_t generation = json_int(j, "generation", -1);
	struct unrack_error dropped;

	for (size_t i = FIX_EDITED; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], phase))
			out->phase = (enum fix_phase)i;
	if (out->phase == FIX_NONE || generation < 0 || generation > GENERATIONS_MAX ||
	    hex_decode(json_str(j, "seed", ""), out->seed, sizeof out->seed) < 0 ||
	    get_request(json_get(j, "request"), &out->request, &dropped) < 0 ||
	    get_stamps(json_get(j, "base"), &out->base) < 0 || get_stamps(json_get(j, "left"), &out->left) < 0)
		return damaged(name, "it makes no sense", err);
	out->foreign = json_bool(j, "foreign", false);
	out->generation = (unsigned)generation;
	if (json_get(j, "report")) {
		out->report = json_clone(json_get(j, "report"));
		if (!out->report)
			return error_nomem(err);
	}
	return 0;
}

int fix_state_decode(const char *text, size_t n, const char *name, struct fix_state *out,
		     struct unrack_error *err)
{
	const char *nl = n ? memchr(text, '\n', n) : NULL;
	struct json *j = NULL;
	char first[64], want[64];
	unsigned version = 0;
	size_t body;
	int r;

	memset(out, 0, sizeof *out);
	if (!nl || (size_t)(nl - text) >= sizeof first)
		return damaged(name, "it is not the state of a repair", err);
	memcpy(first, text, (size_t)(nl - text));
	first[nl - text] = '\0';
	if (sscanf(first, MAGIC " %u ", &version) != 1)
		return damaged(name, "it is not the state of a repair", err);
	if (version != VERSION)
		return error_set(err, UNRACK_UNSUPPORTED, "%s was written by a newer unrack (version %u)", name,
				 version);
	body = n - (size_t)(nl + 1 - text);
	snprintf(want, sizeof want, "%s %u %016" PRIx64, MAGIC, VERSION, checksum64(nl + 1, body));
	if (strcmp(first, want))
		return damaged(name, "its checksum is wrong", err);
	r = json_parse(nl + 1, body, name, &j, err);
	if (r < 0)
		return r;
	r = get_all(j, name, out, err);
	json_free(j);
	if (r < 0)
		fix_state_free(out);
	return r;
}

int fix_state_read(const struct io *io, const char *path, struct fix_state *out,
		   struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	int r = io_read_file(io, path, STATE_MAX, &text, err);

	memset(out, 0, sizeof *out);
	if (r == UNRACK_IO && (err->sys_errno == ENOENT || err->sys_errno == ENOTDIR))
		return 0;
	if (r < 0)
		return r;
	return fix_state_decode(buf_str(&text), text.len, path, out, err);
}

int fix_state_write(const struct io *io, const char *path, const struct fix_state *s,
		    struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	int r = fix_state_encode(s, &text, err);

	return r < 0 ? r : io_replace_file(io, path, text.data, text.len, 0644, err);
}

void fix_state_free(struct fix_state *s)
{
	json_free(s->report);
	memset(s, 0, sizeof *s);
}
