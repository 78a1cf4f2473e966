/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Machine folders as a copy leaves them, made by hand. */
#ifndef TESTS_FOLDER_FIXTURE_H
#define TESTS_FOLDER_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "unrack/digest_table.h"
#include "unrack/grain.h"
#include "unrack/intake.h"
#include "unrack/journal.h"
#include "unrack/machine.h"

#define FIXTURE_SEED 0x33

struct fixture {
	char root[64], folder[128];
	struct machine *m; /* fixture_open's own; not used together with an intake's */
};

static inline void fixture_die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

/* The byte that the source of disk N has at OFF. Every second grain is zeros. */
static inline char fixture_byte(int n, uint64_t off)
{
	return off / GRAIN_SIZE % 2 ? 0 : (char)(off * 7 + off / 256 + (uint64_t)n + 1);
}

static inline void fixture_root(struct fixture *f, const char *name)
{
	/* In memory if possible: the sync calls of many small tests add up. */
	strcpy(f->root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/unrack-folder-XXXXXX"
						       : "/tmp/unrack-folder-XXXXXX");
	if (!mkdtemp(f->root))
		fixture_die("mkdtemp");
	snprintf(f->folder, sizeof f->folder, "%s/%s", f->root, name);
	f->m = NULL;
}

static inline void fixture_open(struct fixture *f, const char *name)
{
	struct unrack_error e;

	fixture_root(f, name);
	if (machine_make_folder(io_posix(), f->folder, &e) < 0 || machine_new(io_posix(), f->folder, &f->m, &e) < 0)
		fixture_die(e.text);
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void fixture_close(struct fixture *f)
{
	machine_free(f->m);
	nftw(f->root, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* What a receiver does for one disk up to grain STOP, with the files at PLACE: image,
 * digests, journal; complete when STOP is the end. */
static inline void fixture_receive(const struct receiver_place *place, const struct identity *id,
				   uint64_t stop)
{
	const struct io *io = io_posix();
	struct journal_info info = { .format = DISK_FLAT, .id = *id };
	uint64_t grains = grain_count(id->bytes), size = round_up(id->bytes, SECTOR_SIZE);
	struct journal_point p = { .pass = 1, .next_grain = stop };
	uint8_t *data = calloc(1, (size_t)size + GRAIN_SIZE);
	struct digest_table *t = NULL;
	struct journal *j = NULL;
	struct unrack_error e;
	struct digest_key key;
	struct stat st;
	int fd;

	memset(info.seed, FIXTURE_SEED, sizeof info.seed);
	digest_key_init(&key, info.seed);
	if (journal_create(io, place->journal, &info, &j, &e) < 0 ||
	    digest_table_create(io, place->digests, id->bytes, &t, &e) < 0)
		fixture_die(e.text);
	for (uint64_t i = 0; i < id->bytes && i / GRAIN_SIZE < stop; i++)
		data[i] = (uint8_t)fixture_byte(place->number, i);
	for (uint64_t g = 0; g < stop; g++) {
		struct digest d;

		if (is_zero(data + g * GRAIN_SIZE, grain_bytes(id->bytes, g)))
			continue;
		digest_grain(&key, data + g * GRAIN_SIZE, grain_bytes(id->bytes, g), GRAIN_SIZE, &d);
		digest_table_write(t, g, &d, 1, &e);
	}
	fd = open(place->image, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || pwrite(fd, data, (size_t)size, 0) != (ssize_t)size || fstat(fd, &st) < 0)
		fixture_die("image");
	close(fd);
	free(data);
	digest_table_sync(t, &e);
	digest_table_whole(t, &key, id->bytes, stop, &p.whole, &p.data_grains, &e);
	digest_table_close(t);
	p.complete = stop == grains;
	if (p.complete)
		p.image_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	if (journal_append(j, &p, &e) < 0)
		fixture_die(e.text);
	journal_close(j);
}

static inline void fixture_partial(struct fixture *f, int n, uint64_t bytes, const char *strict,
				   uint64_t stop)
{
	struct machine_disk d = { .n = n, .format = DISK_FLAT };
	struct receiver_place place = { .number = n };
	char *image = machine_path(f->m, MACHINE_IMAGE, n), *journal = machine_path(f->m, MACHINE_JOURNAL, n);
	char *digests = machine_path(f->m, MACHINE_DIGESTS, n);
	struct unrack_error e;

	if (identity_init(&d.id, bytes, strict, "", &e) < 0 || machine_put_disk(f->m, &d, &e) < 0 ||
	    machine_save(f->m, &e) < 0)
		fixture_die(e.text);
	place.image = image;
	place.journal = journal;
	place.digests = digests;
	fixture_receive(&place, &d.id, stop);
	identity_free(&d.id);
	free(image);
	free(journal);
	free(digests);
}

static inline void fixture_disk(struct fixture *f, int n, uint64_t bytes, const char *strict)
{
	fixture_partial(f, n, bytes, strict, grain_count(bytes));
}

#endif
