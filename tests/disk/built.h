/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the tests of volumes that are built on others: disks in memory, members on them, and what was found. */
#ifndef TESTS_DISK_BUILT_H
#define TESTS_DISK_BUILT_H

#include "../../p2v/disk/used_parts.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "unrack/digest.h"

#define DISKS 6u
#define DISK_BYTES (1u << 20)

static struct {
	uint8_t data[DISKS][DISK_BYTES];
	struct twin_source *twins[DISKS];
	struct block_source *sources[DISKS];
	struct ranges *free[DISKS];
	struct digest_stream *states[DISKS];
	struct used_builds members, out;
	struct unrack_error err;
} w;

static void built_end(void)
{
	for (unsigned i = 0; i < DISKS; i++) {
		block_source_close(w.sources[i]);
		twin_source_free(w.twins[i]);
		ranges_free(w.free[i]);
		digest_stream_free(w.states[i]);
		w.sources[i] = NULL;
		w.twins[i] = NULL;
		w.free[i] = NULL;
		w.states[i] = NULL;
	}
	used_builds_free(&w.members);
	used_builds_free(&w.out);
}

/* Sources on the disks as they are; no members, nothing found. */
static void built_begin(void)
{
	struct digest_key key;

	built_end();
	digest_key_init(&key, (const uint8_t[DIGEST_SEED_SIZE]){ 1 });
	for (unsigned i = 0; i < DISKS; i++) {
		w.twins[i] = twin_source_memory(w.data[i], DISK_BYTES);
		w.sources[i] = twin_source(w.twins[i]);
		w.free[i] = ranges_new(0);
		w.states[i] = digest_stream_new(&key);
	}
}

static struct used_built *built_member(unsigned disk, uint64_t off, uint64_t len)
{
	struct used_piece piece = { disk, off, len };
	struct used_built b = { .pieces = &piece, .n = 1, .bytes = len };

	snprintf(b.name, sizeof b.name, "partition %u", disk + 1);
	if (used_builds_add(&w.members, &b, &w.err) < 0)
		abort();
	return &w.members.at[w.members.n - 1];
}

static const struct used_built *built_find(const char *name)
{
	for (size_t i = 0; i < w.out.n; i++)
		if (!strcmp(w.out.at[i].name, name))
			return &w.out.at[i];
	return NULL;
}

/* Why NAME is copied as a whole; "" if it isn't, NULL if there is no such. */
__attribute__((unused)) static const char *built_why(const char *name)
{
	const struct used_built *b = built_find(name);

	return !b ? NULL : b->whole ? b->why : "";
}

/* "0:65536+131072 1:0+4096" */
__attribute__((unused)) static const char *built_pieces(const char *name)
{
	static char text[512];
	const struct used_built *b = built_find(name);
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; b && i < b->n && n < sizeof text - 40; i++)
		n += (size_t)sprintf(text + n, "%s%u:%llu+%llu", i ? " " : "", b->pieces[i].disk,
				     (unsigned long long)b->pieces[i].off, (unsigned long long)b->pieces[i].len);
	return text;
}

/* What of a disk is free, in the same way. */
__attribute__((unused)) static const char *built_free(unsigned disk)
{
	static char text[512];
	size_t count, n = 0;
	const struct range *r = ranges_list(w.free[disk], &count);

	text[0] = '\0';
	for (size_t i = 0; i < count && n < sizeof text - 40; i++)
		n += (size_t)sprintf(text + n, "%s%llu+%llu", i ? " " : "", (unsigned long long)r[i].off,
				     (unsigned long long)r[i].len);
	return text;
}

/* Nothing is free, and all that was found is whole. */
__attribute__((unused)) static bool built_all_whole(void)
{
	for (unsigned i = 0; i < DISKS; i++)
		if (w.free[i] && ranges_bytes(w.free[i]) > 0)
			return false;
	for (size_t i = 0; i < w.out.n; i++)
		if (!w.out.at[i].whole || !*w.out.at[i].why)
			return false;
	return w.out.n > 0;
}

/* The state of a disk. */
__attribute__((unused)) static struct digest built_state(unsigned disk)
{
	struct digest d;

	digest_stream_end(w.states[disk], &d);
	return d;
}

#endif
