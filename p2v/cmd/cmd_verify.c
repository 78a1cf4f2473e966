/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verify: images against the digests of the copy, or sources against them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "digests.h"
#include "jobs.h"
#include "subject.h"
#include "unrack/disk.h"
#include "unrack/grain.h"
#include "unrack/map.h"
#include "unrack/patient.h"
#include "unrack/sha256.h"

struct values {
	const char *sha256sum;
};
static const struct option_spec options[] = {
	{ "sha256sum", 0, OPTION_STR, "FILE", "also write the SHA-256 of the folder's VMDK files, for sha256sum -c",
	  offsetof(struct values, sha256sum) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

struct totals {
	uint64_t checked, different;
};

/* Of a disk whose copy is complete. */
static int open_digests(const struct machine *m, int n, struct digests *d, struct unrack_error *err)
{
	int r = digests_open(m, n, d, err);

	if (r == 0 && !d->point.complete)
		r = error_set(err, UNRACK_UNSAFE, "the copy of disk %d is not complete; run unrack copy again "
			      "first", n);
	return r;
}

static void tell(struct cli *cli, const char *what, const struct verify_result *r, struct totals *t)
{
	t->checked += r->checked;
	t->different += r->different;
	if (r->different)
		terminal_answer(cli->terminal, "%s: %llu of %llu grains differ, the first at byte %llu\n", what,
				(unsigned long long)r->different, (unsigned long long)r->checked,
				(unsigned long long)(r->first * GRAIN_SIZE));
	else
		terminal_answer(cli->terminal, "%s: all %llu grains agree with the digests\n", what,
				(unsigned long long)r->checked);
}

static int verify_disk(struct cli *cli, const struct machine *m, int n, struct totals *t,
		       struct unrack_error *err)
{
	char *image CLEANUP_FREE = machine_path(m, MACHINE_IMAGE, n);
	char *after_path CLEANUP_FREE = machine_path(m, MACHINE_AFTER, n);
	struct digest_after_entry *after CLEANUP_FREE = NULL;
	struct digests d = { .table = NULL };
	struct verify_result res;
	uint64_t n_after = 0;
	int r = image && after_path ? open_digests(m, n, &d, err) : error_nomem(err);

	if (r == 0)
		r = digest_after_read(machine_io(m), after_path, &after, &n_after, err);
	if (r == 0)
		r = verify_image(machine_io(m), image, d.info.format, d.info.id.bytes, d.table, &d.key, after,
				 n_after, n, &cli->log, &res, err);
	r = subject_still(m, r, err);
	if (r == 0)
		tell(cli, image, &res, t);
	digests_close(&d);
	return r;
}

/* What a copy with disk N's map has of RAW: what the map left out is zeros, as is what can't be read. *VIEW reads
 * through *RAW, which is replaced by a source around it: that is the caller's then. */
static int open_view(struct cli *cli, const struct machine *m, int n, struct block_source **raw, struct map **map,
		     struct block_source **view, struct unrack_error *err)
{
	const struct patient_options patience = { .log = &cli->log };
	char *path CLEANUP_FREE = machine_path(m, MACHINE_MAP, n);
	struct block_source *patient;
	int r = path ? map_read(machine_io(m), path, (*raw)->size, map, NULL, err) : error_nomem(err);

	/* Without it, what was left out would look like a change. */
	if (r < 0 && err->sys_errno == ENOENT)
		r = error_set(err, UNRACK_DAMAGED, "%s is missing; run the copy again, which makes a new one", path);
	if (r == 0)
		r = patient_open(*raw, &patience, &patient, err);
	if (r < 0)
		return r;
	*raw = patient;
	return block_source_open_mapped(patient, *map, view, err);
}

static int compare_source(struct cli *cli, const struct machine *m, int n, struct block_source **raw,
			  struct digests *d, struct verify_result *res, struct unrack_error *err)
{
	struct block_source *view = NULL;
	struct map *map = NULL;
	int r = open_view(cli, m, n, raw, &map, &view, err);

	if (r == 0)
		r = verify_source(view, d->table, &d->key, n, &cli->log, res, err);
	block_source_close(view);
	map_free(map);
	return r;
}

/* The folder's disk that PATH is, by its identity. */
static int verify_against(struct cli *cli, const struct machine *m, const char *path,
			  struct totals *t, struct unrack_error *err)
{
	struct block_source *source = NULL;
	struct digests d = { .table = NULL };
	struct identity id;
	struct verify_result res;
	char why[256] = "the folder has no disks";
	int n = -1, r = disk_open(path, DISK_QUIET, &source, &id, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < machine_disks(m) && n < 0; i++)
		if (identity_compare(&machine_disk(m, i)->id, &id, why, sizeof why) != IDENTITY_DIFFERENT)
			n = machine_disk(m, i)->n;
	if (n < 0)
		r = error_set(err, UNRACK_NO, "%s is none of the folder's disks (%s)", path, why);
	else
		r = open_digests(m, n, &d, err);
	if (r == 0)
		r = subject_still(m, compare_source(cli, m, n, &source, &d, &res, err), err);
	if (r == 0)
		tell(cli, path, &res, t);
	digests_close(&d);
	identity_free(&id);
	block_source_close(source);
	return r;
}

/* --- The manifest ----------------------------------------------------------------------- */

static int add_sum(struct cli *cli, const struct machine *m, enum machine_file file, int n, struct buf *out,
		   struct unrack_error *err)
{
	char *path CLEANUP_FREE = machine_path(m, file, n);
	char hex[SHA256_HEX];
	int r = path ? sha256_file(machine_io(m), path, n, &cli->log, hex, err) : error_nomem(err);

	if (r < 0)
		return r;
	return buf_printf(out, "%s  %s\n", hex, strrchr(path, '/') + 1) < 0 ? error_nomem(err) : 0;
}

/* As sha256sum(1) checks it, in the folder. Of what was compared, or not at all. */
static int write_sums(struct cli *cli, const struct machine *m, const char *to, struct unrack_error *err)
{
	struct buf text = { 0 };
	int r = 0;

	for (size_t i = 0; i < machine_disks(m) && r == 0; i++) {
		const struct machine_disk *d = machine_disk(m, i);

		r = add_sum(cli, m, MACHINE_DESCRIPTOR, d->n, &text, err);
		if (r == 0 && d->format == DISK_FLAT) /* the other formats are one file */
			r = add_sum(cli, m, MACHINE_IMAGE, d->n, &text, err);
	}
	r = subject_still(m, r, err);
	if (r == 0)
		r = io_replace_file(machine_io(m), to, text.data, text.len, 0644, err);
	buf_free(&text);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	const struct values *o = values;
	struct totals t = { 0, 0 };
	struct machine *m;
	int r = machine_open(io_posix(), operands[0], &m, err);

	if (r < 0)
		return r;
	if (o->sha256sum && n > 1)
		r = error_set(err, UNRACK_USAGE, "--sha256sum is of the folder's files; leave the sources out");
	else
		r = machine_check_files(m, err);
	if (r < 0) {
		machine_free(m);
		return r;
	}
	if (n == 1 && machine_disks(m) == 0)
		r = error_set(err, UNRACK_UNSAFE, "no disk of %s has been copied yet", operands[0]);
	for (size_t i = 0; n == 1 && i < machine_disks(m) && r == 0; i++)
		r = verify_disk(cli, m, machine_disk(m, i)->n, &t, err);
	for (int i = 1; i < n && r == 0; i++)
		r = verify_against(cli, m, operands[i], &t, err);
	if (r == 0 && t.different == 0 && o->sha256sum)
		r = write_sums(cli, m, o->sha256sum, err);
	machine_free(m);
	json_set_int(cli->result, "checked_grains", (int64_t)t.checked);
	json_set_int(cli->result, "different_grains", (int64_t)t.different);
	if (r == 0 && t.different)
		return error_set(err, UNRACK_NO, "%s differs from what was copied in %llu grains of 64 KiB",
				 operands[n == 1 ? 0 : 1], (unsigned long long)t.different);
	return r;
}

const struct command cmd_verify = {
	.name = "verify",
	.operands = "FOLDER [SOURCE...]",
	.summary = "compare images with their digests, or with the source",
	.options = options,
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = -1,
	.run = run,
};
