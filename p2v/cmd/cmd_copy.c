/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy: which of its ways the operands mean, and what came of it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "copy.h"
#include "copy_stream.h"
#include "unrack/intake.h"

static const struct option_spec options[] = {
	{ "disk", 0, OPTION_LIST, "N=SOURCE", "disk N of the folder (from 0) is SOURCE",
	  offsetof(struct copy_options, disk) },
	{ "same-disk", 0, OPTION_FLAG, NULL, "accept a source that has changed as the same disk",
	  offsetof(struct copy_options, same_disk) },
	{ "discard-changes", 0, OPTION_FLAG, NULL, "go on although something else changed the image",
	  offsetof(struct copy_options, discard_changes) },
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
	json_set_int(result, "data_bytes", (int64_t)st->data_grains * 65536);
	json_set_int(result, "sent_bytes", (int64_t)st->wire_bytes);
	json_set_int(result, "resumed_bytes", (int64_t)st->resumed_bytes);
	json_set_int(result, "lost_connections", st->lost);
}

static void tell(const struct copy_job *j, double took)
{
	const struct copy_stats *st = &j->stats;
	const struct log *log = &j->cli->log;

	if (st->data_grains == 0 && st->resumed_bytes >= st->bytes)
		log_info(log, "nothing to do: the copy in %s is complete", j->dest);
	else
		log_info(log, "copied %u disk%s into %s in %.1f s: %.1f MiB, with %.1f MiB of data sent%s%s",
			 st->disks, st->disks == 1 ? "" : "s", j->dest, took, (double)st->bytes / 1048576,
			 (double)st->data_grains / 16,
			 st->resumed_bytes ? ", continued from the last checkpoint" : "",
			 st->lost ? ", over more than one connection" : "");
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
	if (j->s->far)
		return copy_pull(j, err);
	r = j->s->stream ? open_stream(j, err) : sources_open(j->s, far_dest ? NULL : j->dest, err);
	if (r == 0)
		r = far_dest ? copy_push(j, err) : copy_local(j, err);
	/* What was refused is not continued. */
	if (r < 0 && r != UNRACK_UNSAFE && r != UNRACK_USAGE && j->s->stream)
		hint_stream(j);
	return r;
}

int job_copy(struct cli *cli, const struct copy_options *o, char **operands, int n,
	     const char *dest, struct unrack_error *err)
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
	sources_close(&s);
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
	.min_operands = 1,
	.max_operands = -1,
	.run = run,
};
