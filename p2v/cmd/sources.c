/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "unrack/disk.h"
#include "unrack/intake.h"

void sources_close(struct sources *s)
{
	for (unsigned i = 0; s->looks && i < s->n; i++)
		lost_free(&s->looks[i].lost);
	for (unsigned i = 0; s->senders && i < s->n; i++) {
		block_source_close(s->senders[i].source);
		identity_free(&s->senders[i].id);
	}
	used_free(s->used);
	free(s->raw);
	free(s->looks);
	free(s->senders);
	free(s->ids);
	free(s->names);
	free(s->numbers);
	free(s->urls);
	memset(s, 0, sizeof *s);
}

/* "2=/dev/sdc": 2, and the place of /dev/sdc among the names, where it is added when it is missing. */
static int parse_disk(struct sources *s, const char *arg, struct unrack_error *err)
{
	char *eq;
	long number = strtol(arg, &eq, 10);
	unsigned i = 0;

	if (eq == arg || *eq != '=' || eq[1] == '\0' || number < 0 || number >= (long)MACHINE_DISKS_MAX)
		return error_set(err, UNRACK_USAGE, "--disk takes N=SOURCE with N from 0 to %u, not \"%s\"",
				 MACHINE_DISKS_MAX - 1, arg);
	while (i < s->n && strcmp(s->names[i], eq + 1) != 0)
		i++;
	if (i == s->n)
		s->names[s->n++] = eq + 1;
	s->numbers[i] = (int)number;
	return 0;
}

/* All on one other machine, or none. */
static int parse_urls(struct sources *s, struct unrack_error *err)
{
	unsigned far = 0;
	int r = 0;

	for (unsigned i = 0; i < s->n; i++)
		far += remote_is_url(s->names[i]);
	if (far == 0)
		return 0;
	if (far < s->n)
		return error_set(err, UNRACK_USAGE,
				 "all sources of one copy are on one machine; give the folder its local disks and those "
				 "of the other machine one after the other");
	s->far = true;
	for (unsigned i = 0; i < s->n && r == 0; i++) {
		r = remote_parse_url(s->names[i], &s->urls[i], err);
		if (r == 0 && !remote_same_host(&s->urls[0], &s->urls[i]))
			r = error_set(err, UNRACK_USAGE, "%s and %s are on different machines; copy them one after the other",
				      s->names[0], s->names[i]);
		for (unsigned j = 0; j < i && r == 0; j++)
			if (!strcmp(s->urls[j].path, s->urls[i].path))
				r = error_set(err, UNRACK_USAGE, "%s is named twice; name each source once", s->names[i]);
	}
	return r;
}

int sources_collect(const struct option_list *disk, char **operands, int n, struct sources *s,
		    struct unrack_error *err)
{
	size_t most = (size_t)n + disk->n + 1;
	int r = 0;

	memset(s, 0, sizeof *s);
	s->names = calloc(most, sizeof *s->names);
	s->numbers = calloc(most, sizeof *s->numbers);
	s->urls = calloc(most, sizeof *s->urls);
	if (!s->names || !s->numbers || !s->urls)
		return error_nomem(err);
	for (size_t i = 0; i < most; i++)
		s->numbers[i] = INTAKE_ANY;
	for (; s->n < (unsigned)n; s->n++)
		s->names[s->n] = operands[s->n];
	for (unsigned i = 0; i < disk->n && r == 0; i++)
		r = parse_disk(s, disk->at[i], err);
	if (r == 0 && s->n == 0)
		r = error_set(err, UNRACK_USAGE, "no source is named; see --help");
	if (r == 0 && s->n > MESSAGE_DISKS_MAX)
		r = error_set(err, UNRACK_USAGE, "%u sources are more than a machine can have", s->n);
	if (r == 0)
		r = parse_urls(s, err);
	for (unsigned i = 0; i < s->n && r == 0; i++) {
		s->stream |= !strcmp(s->names[i], "-");
		if (s->stream && s->n > 1)
			r = error_set(err, UNRACK_USAGE, "the standard input (-) is one disk; give the other sources a copy of their own");
	}
	return r;
}

/* One disk under two names, or named twice, would be two disks of the machine. */
static int check_twice(const char *const *names, unsigned i, struct unrack_error *err)
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

static int make_room(struct sources *s, struct unrack_error *err)
{
	s->senders = calloc(s->n, sizeof *s->senders);
	s->ids = calloc(s->n, sizeof *s->ids);
	return s->senders && s->ids ? 0 : error_nomem(err);
}

int sources_open(struct sources *s, const char *folder, bool live, struct unrack_error *err)
{
	int r = make_room(s, err);

	for (unsigned i = 0; i < s->n && r == 0; i++) {
		struct sender_disk *d = &s->senders[i];

		r = check_twice(s->names, i, err);
		if (r == 0 && folder)
			r = machine_check_source(folder, s->names[i], err);
		if (r == 0)
			r = disk_open(s->names[i], live ? DISK_LIVE : DISK_QUIET, &d->source, &d->id, err);
		if (r < 0)
			break;
		s->ids[i] = d->id;
		s->bytes += d->source->size;
	}
	return r;
}

int sources_open_stream(struct sources *s, const struct sender_disk *disk, struct unrack_error *err)
{
	int r = make_room(s, err);

	if (r < 0)
		return r;
	s->senders[0] = *disk;
	s->ids[0] = disk->id;
	s->names[0] = disk->source->name;
	s->bytes = disk->source->size;
	return 0;
}

int sources_to_call(const struct sources *s, struct call *call, struct unrack_error *err)
{
	const struct identity none = { .bytes = 0 };
	int r = 0;

	call->disks = calloc(s->n, sizeof *call->disks);
	if (!call->disks)
		return error_nomem(err);
	for (; call->n < s->n && r == 0; call->n++) {
		unsigned i = call->n;

		r = call_disk_set(&call->disks[i], s->far ? s->urls[i].path : s->names[i], s->numbers[i],
				  s->far ? &none : &s->ids[i], err);
	}
	return r;
}
