/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy: both halves of the engine in one process, joined by a pair of descriptors. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "jobs.h"
#include "unrack/disk.h"
#include "unrack/intake.h"
#include "unrack/sender.h"

static const struct option_spec options[] = {
	{ "disk", 0, OPTION_LIST, "N=SOURCE", "disk N of the folder (from 0) is SOURCE",
	  offsetof(struct copy_options, disk) },
	{ "same-disk", 0, OPTION_FLAG, NULL, "accept a source that has changed as the same disk",
	  offsetof(struct copy_options, same_disk) },
	{ "discard-changes", 0, OPTION_FLAG, NULL, "go on although something else changed the image",
	  offsetof(struct copy_options, discard_changes) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

/* All sources of one copy, open. */
struct sources {
	struct sender_disk *disk;
	struct identity *ids;
	const char **names;
	int *numbers;
	unsigned n;
	uint64_t bytes;
};

static void close_sources(struct sources *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		block_source_close(s->disk[i].source);
		identity_free(&s->disk[i].id);
	}
	free(s->disk);
	free(s->ids);
	free(s->names);
	free(s->numbers);
}

/* "2=/dev/sdc": 2, and the place of /dev/sdc in the operands, where it is added when it is missing. */
static int parse_disk(const char *arg, char **names, unsigned *n, int *numbers, struct unrack_error *err)
{
	char *eq;
	long number = strtol(arg, &eq, 10);
	unsigned i = 0;

	if (eq == arg || *eq != '=' || eq[1] == '\0' || number < 0 || number >= (long)MACHINE_DISKS_MAX)
		return error_set(err, UNRACK_USAGE, "--disk takes N=SOURCE with N from 0 to %u, not \"%s\"",
				 MACHINE_DISKS_MAX - 1, arg);
	while (i < *n && strcmp(names[i], eq + 1) != 0)
		i++;
	if (i == *n)
		names[(*n)++] = eq + 1;
	numbers[i] = (int)number;
	return 0;
}

/* One disk under two names, or named twice, would be two disks of the machine. */
static int check_twice(char *const *names, unsigned i, struct unrack_error *err)
{
	struct stat this, other;

	if (stat(names[i], &this) < 0)
		return 0; /* whoever opens it says so */
	for (unsigned j = 0; j < i; j++) {
		if (stat(names[j], &other) < 0)
			continue;
		if ((S_ISBLK(this.st_mode) && S_ISBLK(other.st_mode)) ? this.st_rdev == other.st_rdev
			: this.st_dev == other.st_dev && this.st_ino == other.st_ino)
			return error_set(err, UNRACK_USAGE, "%s and %s are the same disk; name each source once",
					 names[j], names[i]);
	}
	return 0;
}

static int open_sources(const struct copy_options *o, char **operands, int n_operands,
			const char *folder, struct sources *s, struct unrack_error *err)
{
	size_t most = (size_t)n_operands + o->disk.n;
	char **names CLEANUP_FREE = calloc(most, sizeof *names);
	unsigned n = (unsigned)n_operands;
	int r = 0;

	s->disk = calloc(most, sizeof *s->disk);
	s->ids = calloc(most, sizeof *s->ids);
	s->names = calloc(most, sizeof *s->names);
	s->numbers = calloc(most, sizeof *s->numbers);
	if (!names || !s->disk || !s->ids || !s->names || !s->numbers)
		return error_nomem(err);
	for (unsigned i = 0; i < most; i++) {
		names[i] = i < n ? operands[i] : NULL;
		s->numbers[i] = INTAKE_ANY;
	}
	for (unsigned i = 0; i < o->disk.n && r == 0; i++)
		r = parse_disk(o->disk.at[i], names, &n, s->numbers, err);
	for (unsigned i = 0; i < n && r == 0; i++) {
		r = check_twice(names, i, err);
		if (r == 0)
			r = machine_check_source(folder, names[i], err);
		if (r == 0)
			r = disk_open(names[i], &s->disk[i].source, &s->disk[i].id, err);
		if (r < 0)
			break;
		s->ids[i] = s->disk[i].id;
		s->names[i] = s->disk[i].source->name;
		s->bytes += s->disk[i].source->size;
		s->n++;
	}
	return r;
}

struct receiving {
	struct channel *channel;
	const struct receiver_host *host;
	struct receiver_options opt;
	struct receiver_result res;
	struct unrack_error err;
	int result;
};

static void *receive(void *arg)
{
	struct receiving *rc = arg;

	rc->result = receiver_run(rc->channel, rc->host, &rc->opt, &rc->res, &rc->err);
	return NULL;
}

/* The sender's error is the session's: the receiver's own came to it as such. Only when the
 * sender knows no more than that the line is gone, the receiver knows better. */
static int choose_error(int sent, const struct receiving *rc, struct unrack_error *err)
{
	if (rc->result < 0 && (sent == 0 || (sent == UNRACK_IO && (err->sys_errno == EPIPE ||
								    err->sys_errno == ECONNRESET)))) {
		*err = rc->err;
		return rc->result;
	}
	return sent;
}

static int run_halves(struct cli *cli, const struct sources *s, struct intake *in,
		      struct sender_result *res, struct unrack_error *err)
{
	struct receiving rc = { .host = intake_host(in), .err = UNRACK_ERROR_INIT };
	/* Within one machine, compressing costs more than it saves. */
	struct sender_options so = { .machine = machine_name(intake_machine(in)), .log = &cli->log,
				     .store = true };
	struct channel *near;
	pthread_t thread;
	int r = channel_open_pair(&near, &rc.channel, err);

	if (r < 0)
		return r;
	/* Progress is the sender's; the stop flag too, so that it can ask for a last checkpoint. */
	rc.opt = (struct receiver_options){ .io = io_posix(), .log = NULL };
	r = pthread_create(&thread, NULL, receive, &rc);
	if (r != 0) {
		channel_close(near);
		channel_close(rc.channel);
		return error_errno(err, r, "can't start the receiving half");
	}
	r = sender_run(near, s->disk, s->n, &so, res, err);
	channel_shutdown(near);
	pthread_join(thread, NULL);
	channel_close(near);
	channel_close(rc.channel);
	return choose_error(r, &rc, err);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(struct cli *cli, const char *folder, const struct sources *s,
		   const struct sender_result *res, double took)
{
	json_set_str(cli->result, "folder", folder);
	json_set_int(cli->result, "disks", s->n);
	json_set_int(cli->result, "bytes", (int64_t)s->bytes);
	json_set_int(cli->result, "read_bytes", (int64_t)res->read_bytes);
	json_set_int(cli->result, "data_bytes", (int64_t)res->data_grains * 65536);
	json_set_int(cli->result, "sent_bytes", (int64_t)res->sent_bytes);
	json_set_int(cli->result, "resumed_bytes", (int64_t)res->resumed_bytes);
	if (res->read_bytes == 0 && res->resumed_bytes >= s->bytes)
		log_info(&cli->log, "nothing to do: the copy in %s is complete", folder);
	else
		log_info(&cli->log, "copied %u disk%s into %s in %.1f s: %.1f MiB, of which %.1f MiB hold data%s",
			 s->n, s->n == 1 ? "" : "s", folder, took, (double)s->bytes / 1048576,
			 (double)res->data_grains / 16,
			 res->resumed_bytes ? ", continued from the last checkpoint" : "");
}

static int copy_into(struct cli *cli, const struct copy_options *o, const struct sources *s,
		     const char *folder, struct unrack_error *err)
{
	struct intake_options io = { .io = io_posix(), .log = &cli->log, .folder = folder,
				     .numbers = s->numbers, .n_numbers = s->n, .session = s->ids,
				     .n_session = s->n, .names = s->names, .same_disk = o->same_disk,
				     .discard_changes = o->discard_changes };
	struct sender_result res = { 0 };
	struct intake *in;
	double began = seconds();
	int r = intake_open(&io, &in, err);

	if (r < 0)
		return r;
	r = run_halves(cli, s, in, &res, err);
	intake_close(in, r);
	if (r == 0)
		report(cli, folder, s, &res, seconds() - began);
	return r;
}

int job_copy(struct cli *cli, const struct copy_options *o, char **operands, int n,
	     const char *folder, struct unrack_error *err)
{
	char name[MACHINE_NAME_MAX + 1];
	struct sources s = { 0 };
	int r = machine_folder_name(folder, name, err);

	if (r == 0)
		r = open_sources(o, operands, n, folder, &s, err);
	if (r == 0 && s.n == 0)
		r = error_set(err, UNRACK_USAGE, "no source is named; see `unrack copy --help`");
	if (r == 0)
		r = copy_into(cli, o, &s, folder, err);
	close_sources(&s);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	return job_copy(cli, values, operands, n - 1, operands[n - 1], err);
}

const struct command cmd_copy = {
	.name = "copy",
	.operands = "SOURCE... FOLDER",
	.summary = "copy disks into a machine folder; the same command again resumes",
	.options = options,
	.values_size = sizeof(struct copy_options),
	.min_operands = 2,
	.max_operands = -1,
	.run = run,
};
