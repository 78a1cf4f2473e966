/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* migrate: copy, fix, vm and boot, one after the other. Each step knows by itself what is
 * done already; here only the copy of a folder that has gone on is passed over. */
#include <errno.h>

#include <stdlib.h>

#include "copy.h"
#include "digests.h"
#include "unrack/disk.h"
#include "unrack/machine.h"

struct values {
	struct target_options target;
	const char *format;
	struct option_list disk;
	bool same_disk, connect, require_proof, all_blocks;
	const char *on_read_error;
	unsigned memory, vcpus, stall;
	uint64_t rate, max_bad;
	struct client_options client;
};
static const struct option_spec options[] = {
	TARGET_OPTIONS(struct values, target),
	{ "disk", 0, OPTION_LIST, "N=SOURCE", "disk N of the folder (from 0) is SOURCE",
	  offsetof(struct values, disk) },
	{ "same-disk", 0, OPTION_FLAG, NULL, "accept a source that has changed as the same disk",
	  offsetof(struct values, same_disk) },
	{ "memory", 0, OPTION_UINT, "MIB", "memory of the VM (default 2048)",
	  offsetof(struct values, memory) },
	{ "vcpus", 0, OPTION_UINT, "N", "processors of the VM (default 1)",
	  offsetof(struct values, vcpus) },
	{ "connect", 0, OPTION_FLAG, NULL, "connect the network cards at power-on",
	  offsetof(struct values, connect) },
	{ "stall", 0, OPTION_UINT, "SECONDS", "end the proof when no stage advances for so long",
	  offsetof(struct values, stall) },
	{ "require-proof", 0, OPTION_FLAG, NULL, "a static verdict is not enough",
	  offsetof(struct values, require_proof) },
	{ "all-blocks", 0, OPTION_FLAG, NULL, "copy also what no filesystem uses",
	  offsetof(struct values, all_blocks) },
	{ "on-read-error", 0, OPTION_STR, "zero|stop", "at sectors that can't be read: go on with zeros (default), or stop",
	  offsetof(struct values, on_read_error) },
	{ "max-bad", 0, OPTION_AMOUNT, "SIZE", "give up when a disk has lost more than SIZE bytes (default 1M)",
	  offsetof(struct values, max_bad) },
	{ "rate", 0, OPTION_AMOUNT, "SIZE", "send at most SIZE bytes a second, e.g. 40M",
	  offsetof(struct values, rate) },
	{ "streams", 0, OPTION_UINT, "N", "use N connections at once (1 to 16, default 1)",
	  offsetof(struct values, client.streams) },
	{ "format", 0, OPTION_STR, "FORMAT", "of new images: flat (default), stream or sparse",
	  offsetof(struct values, format) },
	CLIENT_OPTIONS(struct values, client),
	{ NULL, 0, 0, NULL, NULL, 0 },
};

static void tell_step(struct cli *cli, const char *name, const char *state)
{
	struct json *e = json_new_object();

	json_set_str(e, "name", name);
	json_set_str(e, "state", state);
	terminal_event(cli->terminal, "step", e);
}

/* ID is that of one of the folder's disks, *disk. */
static int check_identity(const struct machine *m, const char *source, const struct identity *id,
			  const struct machine_disk **disk, struct unrack_error *err)
{
	char why[256] = "the folder has no disks";

	for (size_t i = 0; i < machine_disks(m); i++) {
		*disk = machine_disk(m, i);
		if (identity_compare(&(*disk)->id, id, why, sizeof why) != IDENTITY_DIFFERENT)
			return 0;
	}
	return error_set(err, UNRACK_UNSAFE, "%s holds another machine than %s (%s); choose another folder",
			 machine_folder(m), source, why);
}

/* Or it is not there any more: the old machine may be off. */
static int check_near(struct cli *cli, const struct machine *m, const char *source,
		      struct unrack_error *err)
{
	const struct machine_disk *disk;
	struct block_source *s;
	struct identity id;
	int r = disk_open(source, DISK_QUIET, &s, &id, err);

	if (r < 0) {
		if (err->sys_errno != ENOENT)
			return r;
		log_info(&cli->log, "%s is not there any more; going on with its copy", source);
		return 0;
	}
	r = check_identity(m, source, &id, &disk, err);
	if (r == 0 && machine_disk_is_vague(disk))
		r = digests_compare(m, disk->n, s, &cli->log, err);
	identity_free(&id);
	block_source_close(s);
	return r;
}

static int check_far(struct cli *cli, const struct machine *m, const struct client_options *o,
		     const struct sources *s, struct unrack_error *err)
{
	const struct machine_disk *disk;
	struct identity *ids;
	int r = copy_identify_far(cli, o, s, &ids, err);

	if (r == UNRACK_LOST) {
		log_info(&cli->log, "%s is not reached any more; going on with its copy", s->urls[0].host);
		return 0;
	}
	if (r < 0)
		return r;
	for (unsigned i = 0; i < s->n; i++) {
		if (r == 0)
			r = check_identity(m, s->names[i], &ids[i], &disk, err);
		if (r == 0 && machine_disk_is_vague(disk))
			r = machine_unknown_source(m, disk->n, s->names[i], true, err);
		identity_free(&ids[i]);
	}
	free(ids);
	return r;
}

static int check_sources(struct cli *cli, const struct machine *m, const struct client_options *o,
			 char **names, int n, struct unrack_error *err)
{
	const struct option_list none = { .n = 0 };
	struct sources s;
	int r = sources_collect(&none, names, n, &s, err);

	if (r == 0 && s.far)
		r = check_far(cli, m, o, &s, err);
	for (unsigned i = 0; i < s.n && !s.far && r == 0; i++)
		r = check_near(cli, m, s.names[i], err);
	sources_close(&s);
	return r;
}

/* *past: the copy is complete and its repair has begun; the source's data is not needed. */
static int past_copy(struct cli *cli, const struct client_options *o, char **sources, int n,
		     const char *folder, bool *past, struct unrack_error *err)
{
	struct unrack_error dropped;
	struct machine *m;
	int r = 0;

	*past = false;
	if (machine_open(io_posix(), folder, &m, &dropped) < 0)
		return 0; /* no folder yet; what else is wrong with it the copy will tell */
	*past = machine_get_state(m) == MACHINE_FIXING || machine_get_state(m) == MACHINE_FIXED ||
		machine_get_state(m) == MACHINE_COPIED;
	if (*past && n > 0)
		r = check_sources(cli, m, o, sources, n, err);
	/* A disk that the folder does not have may be a further one: the copy finds out. */
	if (r == UNRACK_UNSAFE && machine_get_state(m) == MACHINE_COPIED) {
		*past = false;
		r = 0;
	}
	machine_free(m);
	return r;
}

struct migration {
	struct cli *cli;
	const struct values *o;
	char **sources;
	int n;
	const char *folder;
};

static int do_copy(const struct migration *m, struct unrack_error *err)
{
	const struct copy_options o = { .disk = m->o->disk, .same_disk = m->o->same_disk,
					.rate = m->o->rate, .client = m->o->client,
					.all_blocks = m->o->all_blocks, .on_read_error = m->o->on_read_error,
					.max_bad = m->o->max_bad };
	bool past;
	int r = past_copy(m->cli, &m->o->client, m->sources, m->n, m->folder, &past, err);

	if (r < 0)
		return r;
	if (past) {
		log_info(&m->cli->log, "the copy in %s is complete and has gone on to be fixed", m->folder);
		return 0;
	}
	return job_copy(m->cli, &o, m->sources, m->n, m->folder, err);
}

static int do_fix(const struct migration *m, struct unrack_error *err)
{
	const struct fix_options o = { .target = m->o->target };

	return job_fix(m->cli, &o, m->folder, err);
}

static int do_vm(const struct migration *m, struct unrack_error *err)
{
	const struct vm_options o = { .target = m->o->target, .memory = m->o->memory,
				      .vcpus = m->o->vcpus, .connect = m->o->connect };

	return job_vm(m->cli, &o, m->folder, err);
}

static int do_boot(const struct migration *m, struct unrack_error *err)
{
	const struct boot_options o = { .target = m->o->target, .stall = m->o->stall,
					.require_proof = m->o->require_proof };

	return job_boot(m->cli, &o, m->folder, err);
}

static const struct {
	const char *name;
	int (*run)(const struct migration *m, struct unrack_error *err);
} steps[] = { { "copy", do_copy }, { "fix", do_fix }, { "vm", do_vm }, { "boot", do_boot } };

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	const struct migration m = { cli, values, operands, n - 1, operands[n - 1] };
	struct target_request req;
	struct unrack_error dropped;
	struct machine *machine;
	enum disk_format format = DISK_FLAT;
	int r = m.o->format ? machine_format_parse(m.o->format, &format, err) : 0;

	if (r < 0)
		return r;
	if (format != DISK_FLAT)
		return error_set(err, UNRACK_USAGE, "only images in the format flat can be repaired; leave --format out, and "
				 "when all is done use unrack export --format %s", m.o->format);
	if (remote_is_url(m.folder))
		return error_set(err, UNRACK_USAGE, "migrate works on a folder of this machine; copy to %s, and run fix, vm and "
				 "boot there", m.folder);
	/* Hours of copying must not end with a question about the target. */
	if (!m.o->target.esx && machine_open(io_posix(), m.folder, &machine, &dropped) == 0) {
		if (!machine_get_target(machine)->esx[0])
			r = target_options_request(&m.o->target, NULL, &req, err);
		machine_free(machine);
	} else {
		r = target_options_request(&m.o->target, NULL, &req, err);
	}
	json_set_str(cli->result, "folder", m.folder);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && r == 0; i++) {
		tell_step(cli, steps[i].name, "running");
		terminal_answer(cli->terminal, "-- %s\n", steps[i].name);
		r = steps[i].run(&m, err);
		tell_step(cli, steps[i].name, r == 0 ? "done" : r == UNRACK_INTERRUPTED ? "interrupted" : "failed");
		if (r < 0) {
			json_set_str(cli->result, "failed_step", steps[i].name);
			return error_prefix(err, "%s", steps[i].name);
		}
	}
	return r;
}

const struct command cmd_migrate = {
	.name = "migrate",
	.operands = "SOURCE... FOLDER",
	.summary = "all of it: copy, fix, vm, boot; the same command again continues",
	.options = options,
	.values_size = sizeof(struct values),
	.min_operands = 2,
	.max_operands = -1,
	.run = run,
};
