/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions with an intake, for tests: offers, what the receiver would do with them, and what is left. */
#ifndef TESTS_INTAKE_FIXTURE_H
#define TESTS_INTAKE_FIXTURE_H

#include <errno.h>

#include "../support/tap.h"
#include "folder_fixture.h"

static struct unrack_error err;
static char said[4096];

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	if (level != LOG_DEBUG)
		snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", text);
}

static const struct log_ops log_functions = { .message = on_message };
static const struct log recorder = { &log_functions, NULL, NULL };

__attribute__((unused)) static struct identity disk(uint64_t bytes, const char *strict, const char *advisory)
{
	struct identity id;

	if (identity_init(&id, bytes, strict, advisory, &err) < 0)
		fixture_die(err.text);
	return id;
}

__attribute__((unused)) static struct intake_options options(const struct fixture *f)
{
	said[0] = '\0';
	return (struct intake_options){ .io = io_posix(), .log = &recorder, .folder = f->folder };
}

static bool offer_live; /* what is offered is in use */
static unsigned passes;  /* over complete disks, that a session made */

/* Offers disk I of N; *place is its place. */
__attribute__((unused)) static int offer(struct intake *in, unsigned i, unsigned n, const struct identity *id,
		 struct receiver_place *place)
{
	const struct receiver_host *h = intake_host(in);
	struct receiver_offer o = { .disk = i, .disks = n, .machine = "", .id = *id, .live = offer_live };

	return h->place(h->ctx, &o, place, &err);
}

__attribute__((unused)) static int disk_done(struct intake *in, const struct receiver_place *place)
{
	const struct receiver_host *h = intake_host(in);

	return h->disk_done(h->ctx, place, NULL, &err);
}

__attribute__((unused)) static int all_done(struct intake *in)
{
	const struct receiver_host *h = intake_host(in);

	return h->all_done(h->ctx, &err);
}

__attribute__((unused)) static struct intake *open_or_die(const struct intake_options *opt)
{
	struct intake *in = NULL;

	if (intake_open(opt, &in, &err) < 0)
		fixture_die(err.text);
	return in;
}

/* A session that offers the N disks IDS and receives all of those that are not complete, or
 * get another pass. Returns what the first failing call did. */
__attribute__((unused)) static int session(const struct intake_options *opt, const struct identity *ids, unsigned n)
{
	struct intake *in = NULL;
	int r = intake_open(opt, &in, &err);

	passes = 0;
	for (unsigned i = 0; r == 0 && i < n; i++) {
		struct receiver_place place;

		r = offer(in, i, n, &ids[i], &place);
		if (r == 0 && access(place.journal, F_OK) < 0) {
			fixture_receive(&place, &ids[i], grain_count(ids[i].bytes));
			r = disk_done(in, &place);
		} else if (r == 0 && place.again == RECEIVER_ALWAYS && place.format != DISK_STREAM) {
			passes++;
			r = disk_done(in, &place);
		}
	}
	if (r == 0)
		r = all_done(in);
	intake_close(in, r);
	return r;
}

__attribute__((unused)) static enum machine_state state_of(const struct fixture *f)
{
	struct machine *m = NULL;
	enum machine_state s;

	if (machine_open(io_posix(), f->folder, &m, &err) < 0)
		fixture_die(err.text);
	s = machine_get_state(m);
	machine_free(m);
	return s;
}

__attribute__((unused)) static void set_state(const struct fixture *f, enum machine_state s)
{
	struct machine *m = NULL;

	if (machine_open(io_posix(), f->folder, &m, &err) < 0)
		fixture_die(err.text);
	if (s == MACHINE_FIXED || s == MACHINE_UNDOING)
		machine_set_state(m, MACHINE_FIXING, &err);
	if (machine_set_state(m, s, &err) < 0)
		fixture_die(err.text);
	machine_free(m);
}

__attribute__((unused)) static char *in_folder(const struct fixture *f, const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/%s", f->folder, name);
	return path;
}

__attribute__((unused)) static void poke(const char *path)
{
	tap_overwrite(path, "Z", 1, 100);
}

/* The current folder is F's root, and what is returned can't leave it. */
__attribute__((unused)) static struct io *gate_open(struct fixture *f)
{
	struct io *io = NULL;

	fixture_root(f, "web01");
	if (chdir(f->root) < 0 || io_open_beneath(".", &io, &err) < 0)
		fixture_die(err.text);
	return io;
}

__attribute__((unused)) static struct intake_options gate_options(const struct io *io)
{
	said[0] = '\0';
	return (struct intake_options){ .io = io, .log = &recorder, .folder = "web01", .receive_only = true };
}

#endif
