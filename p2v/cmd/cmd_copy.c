/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy: which of its ways the operands mean, and what came of it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "copy.h"
#include "copy_stream.h"
#include "unrack/grain.h"
#include "unrack/intake.h"

static const struct option_spec options[] = {
	{ "disk", 0, OPTION_LIST, "N=SOURCE", "disk N of the folder (from 0) is SOURCE",
	  offsetof(struct copy_options, disk) },
	{ "same-disk", 0, OPTION_FLAG, NULL, "accept a source that has changed as the same disk",
	  offsetof(struct copy_options, same_disk) },
	{ "discard-changes", 0, OPTION_FLAG, NULL, "go on although something else changed the image",
	  offsetof(struct copy_options, discard_changes) },
	{ "all-blocks", 0, OPTION_FLAG, NULL, "copy also what no filesystem uses",
	  offsetof(struct copy_options, all_blocks) },
	{ "live", 0, OPTION_FLAG, NULL, "the source is in use: copy until little changes; finish without this",
	  offsetof(struct copy_options, live) },
	{ "on-read-error", 0, OPTION_STR, "zero|stop", "at sectors that can't be read: go on with zeros (default), or stop",
	  offsetof(struct copy_options, on_read_error) },
	{ "max-bad", 0, OPTION_AMOUNT, "SIZE", "give up when a disk has lost more than SIZE bytes (default 1M)",
	  offsetof(struct copy_options, max_bad) },
	{ "rate", 0, OPTION_AMOUNT, "SIZE", "send at most SIZE bytes a second, e.g. 40M",
	  offsetof(struct copy_options, rate) },
	{ "streams", 0, OPTION_UINT, "N", "use N connections at once (1 to 16, default 1)",
	  offsetof(struct copy_options, client.streams) },
	{ "size", 0, OPTION_AMOUNT, "SIZE", "the size of the disk that comes by standard input (-)",
	  offsetof(struct copy_options, size) },
	{ "offset", 0, OPTION_SIZE, "SIZE", "where in the disk the standard input begins",
	  offsetof(struct copy_options, offset) },
	{ "format", 0, OPTION_STR, "FORMAT", "of new images: flat (default), stream or sparse",
	  offsetof(struct copy_options, format) },
	CLIENT_OPTIONS(struct copy_options, client),
	{ NULL, 0, 0, NULL, NULL, 0 },
};

/* A pass that changes no more than this is the last of a live copy: it takes less than finding out. */
#define LIVE_SMALL (16u << 20)

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Also of a copy that failed: what it moved. */
static void report(const struct copy_job *j)
{
	const struct copy_stats *st = &j->stats;
	struct json *result = j->cli->result;

	json_set_str(result, "folder", j->dest);
	json_set_int(result, "disk_count", st->disks);
	json_set_int(result, "bytes", (int64_t)st->bytes);
	if (!j->s->far)
		json_set_int(result, "read_bytes", (int64_t)st->read_bytes);
	json_set_int(result, "data_bytes", (int64_t)st->data_grains * GRAIN_SIZE);
	json_set_int(result, "sent_bytes", (int64_t)st->wire_bytes);
	json_set_int(result, "resumed_bytes", (int64_t)st->resumed_bytes);
	json_set_int(result, "lost_connections", st->lost);
	json_set_int(result, "changed_bytes", (int64_t)st->changed_grains * GRAIN_SIZE);
}

static void tell(const struct copy_job *j, double took)
{
	const struct copy_stats *st = &j->stats;
	const struct log *log = &j->cli->log;

	if (st->data_grains == 0 && st->changed_grains == 0 && st->resumed_bytes >= st->bytes)
		log_info(log, "nothing to do: the copy in %s is complete", j->dest);
	else if (st->deltas == st->disks)
		log_info(log, "compared %u disk%s with the copy in %s in %.1f s: %.1f of %.1f MiB had changed", st->disks,
			 st->disks == 1 ? "" : "s", j->dest, took, (double)st->changed_grains / 16,
			 (double)st->bytes / 1048576);
	else
		log_info(log, "copied %u disk%s into %s in %.1f s: %.1f MiB, with %.1f MiB of data sent%s%s",
			 st->disks, st->disks == 1 ? "" : "s", j->dest, took, (double)st->bytes / 1048576,
			 (double)st->data_grains / 16,
			 st->resumed_bytes ? ", continued from the last checkpoint" : "",
			 st->lost ? ", over more than one connection" : "");
}

bool copy_stops_at_bad(const struct copy_options *o)
{
	return o->on_read_error && !strcmp(o->on_read_error, "stop");
}

static int check_options(const struct copy_options *o, const struct sources *s, bool far_dest,
			 struct unrack_error *err)
{
	if (s->stream && far_dest)
		return error_set(err, UNRACK_USAGE, "the standard input can only be copied into a folder of this "
				 "machine; run unrack where the folder is");
	if (s->stream && o->size == 0)
		return error_set(err, UNRACK_USAGE, "the size of the disk that comes by standard input is not known; "
				 "give --size, e.g. what `blockdev --getsize64` says on the far side");
	if (!s->stream && (o->size || o->offset))
		return error_set(err, UNRACK_USAGE, "--size and --offset are for the standard input (-) as source");
	if (s->stream && (o->live || o->all_blocks || o->on_read_error || o->max_bad))
		return error_set(err, UNRACK_USAGE, "--live, --all-blocks, --on-read-error and --max-bad are not for the "
				 "standard input, which is taken as it comes");
	if (o->on_read_error && strcmp(o->on_read_error, "zero") != 0 && !copy_stops_at_bad(o))
		return error_set(err, UNRACK_USAGE, "--on-read-error is zero or stop, not \"%s\"", o->on_read_error);
	if (o->live && o->format && !strcmp(o->format, "stream"))
		return error_set(err, UNRACK_USAGE, "an image of the format stream can't be changed, so a source in use can't be "
				 "copied into one; copy it as flat, and when that is complete use unrack export --format stream");
	if (s->far && far_dest)
		return error_set(err, UNRACK_USAGE, "source and folder are both on other machines; run unrack on one "
				 "of them");
	return 0;
}

static int open_stream(struct copy_job *j, struct unrack_error *err)
{
	struct sender_disk disk = { 0 };
	int r = copy_stream_open(j->cli, j->dest, j->o->size, j->o->offset, j->s->numbers[0], &disk, err);

	return r < 0 ? r : sources_open_stream(j->s, &disk, err);
}

/* A stream that ended early is continued on its far side, too: how, is all that counts then. */
static void hint_stream(struct copy_job *j)
{
	struct unrack_error dropped;
	char *text CLEANUP_FREE = NULL;

	if (copy_stream_hint(j->dest, j->s->numbers[0], j->o->size, &text, &dropped) == 0 && text)
		cli_hint(j->cli, text);
}

/* The name of the folder, before hours are spent on its content. What a far path really is, is
 * known there; here its last part must be a name. */
static int check_name(const char *dest, bool far, struct unrack_error *err)
{
	char name[MACHINE_NAME_MAX + 1];
	struct remote_url url;
	char *last;
	size_t n;
	int r;

	if (!far)
		return machine_folder_name(dest, name, err);
	r = remote_parse_url(dest, &url, err);
	if (r < 0)
		return r;
	for (n = strlen(url.path); n > 1 && url.path[n - 1] == '/'; n--)
		url.path[n - 1] = '\0';
	last = strrchr(url.path, '/') ? strrchr(url.path, '/') + 1 : url.path;
	if (!machine_name_ok(last))
		return error_set(err, UNRACK_USAGE, "\"%s\" can't be the name of a machine folder: use letters, digits, "
				 "dots, underscores and dashes, at most %u", last, MACHINE_NAME_MAX);
	return 0;
}

static int open_disks(struct copy_job *j, bool far_dest, struct unrack_error *err)
{
	struct source_how how = { .live = j->o->live, .all_blocks = j->o->all_blocks,
				  .stop_at_bad = copy_stops_at_bad(j->o), .max_bad = j->o->max_bad,
				  .log = &j->cli->log };
	int r = sources_open(j->s, far_dest ? NULL : j->dest, j->o->live, err);

	return r < 0 ? r : sources_look(j->s, &how, err);
}

static int copy(struct copy_job *j, struct unrack_error *err)
{
	bool far_dest = remote_is_url(j->dest);
	int r = check_name(j->dest, far_dest, err);

	if (r == 0 && j->o->format)
		r = machine_format_parse(j->o->format, &j->format, err);
	if (r == 0)
		r = check_options(j->o, j->s, far_dest, err);
	if (r < 0)
		return r;
	if (j->s->far) {
		r = copy_take_back(j, err);
		return r < 0 ? r : copy_pull(j, err);
	}
	r = j->s->stream ? open_stream(j, err) : open_disks(j, far_dest, err);
	if (r == 0 && !far_dest)
		r = copy_take_back(j, err);
	if (r == 0)
		r = far_dest ? copy_push(j, err) : copy_local(j, err);
	/* What was refused is not continued. */
	if (r < 0 && r != UNRACK_UNSAFE && r != UNRACK_USAGE && j->s->stream)
		hint_stream(j);
	return r;
}

/* What the folder says of sectors that could not be read; of a far one what was told on the way. */
static int tell_lost(struct copy_job *j, struct unrack_error *err)
{
	struct copy_stats *st = &j->stats;
	int r = remote_is_url(j->dest) ? 0 : copy_count_lost(j, err);

	if (r < 0)
		return r;
	if (remote_is_url(j->dest))
		sources_count_lost(j->s, &st->lost_bytes, &st->lost_ranges);
	json_set_int(j->cli->result, "lost_bytes", (int64_t)st->lost_bytes);

	if (st->lost_bytes == 0)
		return 0;
	return error_set(err, UNRACK_NO, "the copy in %s is complete, but %llu bytes in %llu places could not be read and "
			 "are zeros; which files they belong to stands in unrack/diskN.bad, and the same command tries "
			 "them again", j->dest, (unsigned long long)st->lost_bytes, (unsigned long long)st->lost_ranges);
}

/* One pass over all disks. */
static int pass(struct cli *cli, const struct copy_options *o, char **operands, int n, const char *dest,
		struct copy_stats *stats, struct unrack_error *err)
{
	struct sources s;
	struct copy_job j = { .cli = cli, .o = o, .s = &s, .dest = dest };
	double began = seconds();
	int r = sources_collect(&o->disk, operands, n, &s, err);

	if (r == 0) {
		r = copy(&j, err);
		report(&j);
	}
	if (r == 0)
		tell(&j, seconds() - began);
	if (r == 0 && !remote_is_url(dest) && !o->live)
		r = copy_repair_again(&j, err);
	if (r == 0)
		r = tell_lost(&j, err);
	*stats = j.stats;
	sources_close(&s);
	return r;
}

/* A source in use: each pass takes what changed during the one before, until that is little, or does not become
 * less any more. */
static int passes(struct cli *cli, const struct copy_options *o, char **operands, int n, const char *dest,
		  struct unrack_error *err)
{
	uint64_t before = UINT64_MAX, changed;
	struct copy_stats stats;
	int r;

	log_info(&cli->log, "the source is in use: what is copied now is of no single moment, and can't be booted or fixed. "
		 "Passes follow until little changes; then stop what writes there, or boot a rescue system, and run the same "
		 "command without --live: it sends only what changed since");
	for (unsigned i = 1;; i++) {
		r = pass(cli, o, operands, n, dest, &stats, err);
		if (r < 0)
			return r;
		changed = stats.data_grains * GRAIN_SIZE;
		log_info(&cli->log, "pass %u: %.1f MiB", i, (double)changed / 1048576);
		json_set_int(cli->result, "passes", i);
		if (changed <= LIVE_SMALL || changed > before - before / 4)
			break;
		before = changed;
	}
	log_info(&cli->log, "%s is live: finish it with the same command without --live, once nothing writes to the source",
		 dest);
	return 0;
}

int job_copy(struct cli *cli, const struct copy_options *o, char **operands, int n,
	     const char *dest, struct unrack_error *err)
{
	struct copy_stats stats;

	if (o->live)
		return passes(cli, o, operands, n, dest, err);
	return pass(cli, o, operands, n, dest, &stats, err);
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
	.min_operands = 1,
	.max_operands = -1,
	.run = run,
};
