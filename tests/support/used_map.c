/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of disks is unused, for the scripts that compare it with what other tools say.
 *
 *	used_map IMAGE...            all disks of one machine:
 *	  volume DISK BYTES USED partly|all|whole|trouble KIND "NAME" WHY
 *	  unused DISK BYTE BYTES     whole grains
 *	  state DISK HEX
 *	used_map --ext|--xfs|--swap IMAGE    one volume, by its reader alone:
 *	  verdict whole|partly KIND WHY
 *	  unused 0 BYTE BYTES        to the byte
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../p2v/disk/used_parts.h"
#include "base/size.h"
#include "unrack/grain.h"

#define IMAGES_MAX 64

static int fail(const struct unrack_error *e)
{
	fprintf(stderr, "used_map: %s\n", e->text);
	return 1;
}

static void put_volume(const struct used_volume *v)
{
	printf("volume %u %llu %llu %s %s \"%s\" %s\n", v->disk, (unsigned long long)v->bytes, (unsigned long long)v->used,
	       v->trouble ? "trouble" : v->whole ? "whole" : v->used < v->bytes ? "partly" : "all", *v->kind ? v->kind : "-", v->name, v->why);
}

static void put_map(const struct used *u, unsigned disk)
{
	uint64_t bytes = map_disk_bytes(u->maps[disk]);
	char hex[2 * DIGEST_SIZE + 1];
	size_t n;
	const struct map_run *runs = map_runs(u->maps[disk], &n);

	for (size_t i = 0; i < n; i++) {
		uint64_t first = runs[i].first * GRAIN_SIZE, end = first + runs[i].count * GRAIN_SIZE;

		printf("unused %u %llu %llu\n", disk, (unsigned long long)first,
		       (unsigned long long)(min_u64(end, bytes) - first));
	}
	digest_hex(&u->states[disk], hex);
	printf("state %u %s\n", disk, hex);
}

static int show_disks(struct block_source **at, unsigned n, struct unrack_error *err)
{
	struct used *u;
	int r = used_find(at, n, NULL, &u, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < u->n_volumes; i++)
		put_volume(&u->volumes[i]);
	for (unsigned i = 0; i < n; i++)
		put_map(u, i);
	used_free(u);
	return 0;
}

static int show_volume(struct block_source *s, const char *kind, struct unrack_error *err)
{
	static const struct digest_key key;
	struct used_look look = { .unused = ranges_new(0), .state = digest_stream_new(&key) };
	const struct range *list;
	size_t n;
	int r = !look.unused || !look.state ? error_nomem(err)
	      : !strcmp(kind, "--ext") ? used_ext(s, &look, err)
	      : !strcmp(kind, "--xfs") ? used_xfs(s, &look, err)
				       : used_swap(s, &look, err);

	if (r == 0) {
		printf("verdict %s %s %s\n", look.verdict == USED_WHOLE ? "whole" : "partly", look.kind, look.why);
		list = ranges_list(look.unused, &n);
		for (size_t i = 0; look.verdict == USED_PARTLY && i < n; i++)
			printf("unused 0 %llu %llu\n", (unsigned long long)list[i].off, (unsigned long long)list[i].len);
	}
	digest_stream_free(look.state);
	ranges_free(look.unused);
	return r;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 && !strncmp(argv[1], "--", 2) ? argv[1] : NULL;
	struct block_source *at[IMAGES_MAX];
	struct unrack_error e = UNRACK_ERROR_INIT;
	unsigned n = 0;
	int r = 0;

	for (int i = kind ? 2 : 1; i < argc && n < IMAGES_MAX; i++, n++)
		if (block_source_open_file(argv[i], NULL, &at[n], &e) < 0)
			return fail(&e);
	if (n == 0 || (kind && (n > 1 || (strcmp(kind, "--ext") != 0 && strcmp(kind, "--xfs") != 0 && strcmp(kind, "--swap") != 0)))) {
		fprintf(stderr, "usage: used_map [--ext|--xfs|--swap] IMAGE...\n");
		return 2;
	}
	r = kind ? show_volume(at[0], kind, &e) : show_disks(at, n, &e);
	for (unsigned i = 0; i < n; i++)
		block_source_close(at[i]);
	return r < 0 ? fail(&e) : 0;
}
