/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "match.h"

#include <stdlib.h>
#include <string.h>

#define NONE (-1)

struct matcher {
	const struct match *in;
	struct match_result *out;
	bool taken[MACHINE_DISKS_MAX]; /* by number */
};

static enum identity_match compare(const struct matcher *s, const struct machine_disk *d, unsigned i)
{
	return identity_compare(&d->id, s->in->offers[i], NULL, 0);
}

static bool open_offer(const struct matcher *s, unsigned i)
{
	return s->out[i].number == NONE;
}

static void assign(struct matcher *s, unsigned i, int number)
{
	s->out[i].number = number;
	s->taken[number] = true;
}

/* The first disk of the folder that is free and compares with offer I as WANT; *count says
 * how many there are. */
static const struct machine_disk *first_disk(const struct matcher *s, unsigned i,
					    enum identity_match want, unsigned *count)
{
	const struct machine_disk *found = NULL;

	*count = 0;
	for (size_t k = 0; k < machine_disks(s->in->m); k++) {
		const struct machine_disk *d = machine_disk(s->in->m, k);

		if (s->taken[d->n] || compare(s, d, i) != want)
			continue;
		found = found ? found : d;
		++*count;
	}
	return found;
}

/* How many offers that have no disk yet compare with D as the same; *other: one of them
 * that is not I. */
static unsigned rivals(const struct matcher *s, const struct machine_disk *d, unsigned i,
		       unsigned *other)
{
	unsigned count = 0;

	for (unsigned j = 0; j < s->in->n; j++)
		if (open_offer(s, j) && compare(s, d, j) == IDENTITY_SAME) {
			count++;
			if (j != i)
				*other = j;
		}
	return count;
}

/* --same-disk helps only where the size is the same. */
static const char *hint(const struct identity *was, const struct identity *is)
{
	return was->bytes == is->bytes ?
		       ", or if it is that disk, and was changed since, add --same-disk" : "";
}

/* --disk N=SOURCE */
static int wished(struct matcher *s, unsigned i, struct unrack_error *err)
{
	const char *folder = machine_folder(s->in->m), *name = s->in->names[i];
	int n = s->in->numbers ? s->in->numbers[i] : NONE;
	const struct machine_disk *d;
	char why[256];

	if (n < 0)
		return 0;
	if (n >= (int)MACHINE_DISKS_MAX)
		return error_set(err, UNRACK_USAGE, "--disk %d=%s: a folder has disks 0 to %u", n, name,
				 MACHINE_DISKS_MAX - 1);
	if (s->taken[n])
		return error_set(err, UNRACK_USAGE, "--disk %d=%s: disk %d has its source already", n, name, n);
	d = machine_find_disk(s->in->m, n);
	if (d && identity_compare(&d->id, s->in->offers[i], why, sizeof why) == IDENTITY_DIFFERENT) {
		if (!s->in->same_disk || d->id.bytes != s->in->offers[i]->bytes)
			return error_set(err, UNRACK_UNSAFE,
					 "%s is not the disk %d that %s holds: %s; choose another folder%s", name, n,
					 folder, why, hint(&d->id, s->in->offers[i]));
		s->out[i].changed = true;
	}
	s->out[i].new = !d;
	assign(s, i, n);
	return 0;
}

/* One disk for this offer and one offer for this disk: that is it. */
static bool assign_certain(struct matcher *s)
{
	bool progress = false;

	for (unsigned i = 0; i < s->in->n; i++) {
		const struct machine_disk *d;
		unsigned count, other;

		if (!open_offer(s, i))
			continue;
		d = first_disk(s, i, IDENTITY_SAME, &count);
		if (count == 1 && rivals(s, d, i, &other) == 1) {
			assign(s, i, d->n);
			progress = true;
		}
	}
	return progress;
}

static int ambiguous(const struct matcher *s, unsigned i, const struct machine_disk *d,
		     struct unrack_error *err)
{
	const char *folder = machine_folder(s->in->m), *name = s->in->names[i];
	unsigned other = i;

	rivals(s, d, i, &other);
	if (other != i)
		return error_set(err, UNRACK_UNSAFE,
				 "%s and %s can't be told apart, each may be disk %d of %s; say which one it is "
				 "with --disk %d=SOURCE", name, s->in->names[other], d->n, folder, d->n);
	return error_set(err, UNRACK_UNSAFE,
			 "%s may be disk %d of %s, and another of its disks as well, since these are equal; "
			 "say which one it is with --disk N=%s", name, d->n, folder, name);
}

/* The disk to show the difference to: a free one, if possible of the same size. */
static const struct machine_disk *nearest(const struct matcher *s, unsigned i)
{
	const struct machine_disk *found = NULL;

	for (size_t k = 0; k < machine_disks(s->in->m); k++) {
		const struct machine_disk *d = machine_disk(s->in->m, k);

		if (!s->taken[d->n] && (!found || (found->id.bytes != s->in->offers[i]->bytes &&
						   d->id.bytes == s->in->offers[i]->bytes)))
			found = d;
	}
	return found;
}

/* The only free disk of the size of offer I, if that is also the only open offer so large:
 * what --same-disk means when the signatures changed. */
static const struct machine_disk *by_size(const struct matcher *s, unsigned i)
{
	const struct machine_disk *found = NULL;
	uint64_t bytes = s->in->offers[i]->bytes;

	for (unsigned j = 0; j < s->in->n; j++)
		if (j != i && open_offer(s, j) && s->in->offers[j]->bytes == bytes)
			return NULL;
	for (size_t k = 0; k < machine_disks(s->in->m); k++) {
		const struct machine_disk *d = machine_disk(s->in->m, k);

		if (s->taken[d->n] || d->id.bytes != bytes)
			continue;
		if (found)
			return NULL;
		found = d;
	}
	return found;
}

/* An offer that is no disk of the folder for certain. */
static int resolve(struct matcher *s, unsigned i, struct unrack_error *err)
{
	const char *folder = machine_folder(s->in->m), *name = s->in->names[i];
	const struct machine_disk *d, *clone;
	unsigned count, clones;
	char why[256] = "";

	d = first_disk(s, i, IDENTITY_SAME, &count);
	if (d)
		return ambiguous(s, i, d, err);
	clone = first_disk(s, i, IDENTITY_SAME_BUT, &clones);
	if (clone && s->in->same_disk && clones == 1) {
		assign(s, i, clone->n);
		return 0;
	}
	if (clone) {
		identity_compare(&clone->id, s->in->offers[i], why, sizeof why);
		return error_set(err, UNRACK_UNSAFE,
				 "%s looks like disk %d of %s, but %s: a clone, or another leg of a mirror? choose "
				 "another folder, or if it is that disk, add --same-disk", name, clone->n, folder,
				 why);
	}
	d = nearest(s, i);
	if (!d) { /* all that the folder has were found: one more */
		s->out[i].new = true;
		return 0;
	}
	if (s->in->same_disk && by_size(s, i)) {
		s->out[i].changed = true;
		assign(s, i, by_size(s, i)->n);
		return 0;
	}
	identity_compare(&d->id, s->in->offers[i], why, sizeof why);
	return error_set(err, UNRACK_UNSAFE,
			 "%s holds another machine: %s is not its disk %d (%s); choose another folder%s", folder,
			 name, d->n, why, hint(&d->id, s->in->offers[i]));
}

/* New disks get the lowest numbers that are free, in the order of the offers. */
static int number_new(struct matcher *s, struct unrack_error *err)
{
	for (unsigned i = 0; i < s->in->n; i++) {
		int n = 0;

		if (!open_offer(s, i))
			continue;
		while (n < (int)MACHINE_DISKS_MAX && (s->taken[n] || machine_find_disk(s->in->m, n)))
			n++;
		if (n == (int)MACHINE_DISKS_MAX)
			return error_set(err, UNRACK_UNSUPPORTED, "a virtual machine has at most %u disks",
					 MACHINE_DISKS_MAX);
		assign(s, i, n);
	}
	return 0;
}

int match_disks(const struct match *match, struct match_result *out, struct unrack_error *err)
{
	struct matcher s = { .in = match, .out = out };
	int r = 0;

	for (int n = 0; n < (int)MACHINE_DISKS_MAX; n++)
		s.taken[n] = match->taken && match->taken[n];
	for (unsigned i = 0; i < match->n; i++)
		out[i] = (struct match_result){ .number = NONE };
	for (unsigned i = 0; r == 0 && i < match->n; i++)
		r = wished(&s, i, err);
	while (r == 0 && assign_certain(&s))
		;
	for (unsigned i = 0; r == 0 && i < match->n; i++)
		if (open_offer(&s, i))
			r = resolve(&s, i, err);
	return r < 0 ? r : number_new(&s, err);
}
