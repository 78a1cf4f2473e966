/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Twins of the storage and reading seams, for tests.
 *
 * struct twin_io stands in for a struct io. It keeps its files in memory or passes every
 * call on to another io, records all of them with their data, makes chosen calls fail, and
 * answers "what would be on the disk if the power had failed after N calls?".
 *
 * struct twin_source stands in for a struct block_source: memory or another source, with
 * ranges that cannot be read, and a record of what was read.
 *
 * Both may be used from several threads. A twin that runs out of memory aborts. */
#ifndef TESTS_TWINS_H
#define TESTS_TWINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/block_source.h"
#include "unrack/io.h"

enum twin_op {
	TWIN_OPEN, TWIN_PREAD, TWIN_PWRITE, TWIN_FDATASYNC, TWIN_TRUNCATE, TWIN_PUNCH,
	TWIN_CLOSE, TWIN_RENAME, TWIN_UNLINK, TWIN_FSYNCDIR,
	TWIN_OPS, /* their number; in a fault: any of them */
};

struct twin_io;

/* REAL NULL: files in memory, every folder exists. Else calls go to REAL; a file that is
 * there when it is first opened counts as durable with the content it has then. */
struct twin_io *twin_io_new(const struct io *real);
void twin_io_free(struct twin_io *t);
/* What the code under test gets; valid until twin_io_free. */
const struct io *twin_io(struct twin_io *t);

/* --- Faults --- */
struct twin_fault {
	enum twin_op op;
	const char *suffix; /* only files whose path ends so; NULL: all. Must stay valid */
	uint64_t nth;       /* 1: the next matching call */
	bool onwards;       /* and all that follow, not only this one */
	int errnum;
};
void twin_io_fault(struct twin_io *t, struct twin_fault f);
void twin_io_heal(struct twin_io *t); /* forgets all faults and limits */
/* After BYTES more bytes writes fail with ENOSPC, the last one before that being short. */
void twin_io_space(struct twin_io *t, uint64_t bytes);
/* No read or write moves more than MAX bytes. */
void twin_io_short(struct twin_io *t, size_t max);
/* Called before every call, outside the twin's lock (so it may sleep, or use the twin).
 * Returns 0 or the errno that the call shall fail with. */
void twin_io_hook(struct twin_io *t, int (*hook)(void *ctx, enum twin_op op, const char *path),
		  void *ctx);

/* --- The record --- */
/* No more recording: for tests that move a lot. Faults and counts go on. */
void twin_io_quiet(struct twin_io *t);
struct twin_record {
	enum twin_op op;
	int64_t result;      /* as returned: >= 0 or negative errno */
	const char *path;    /* of the file or folder; rename: from */
	const char *to;      /* rename */
	uint64_t off, len;   /* pread, pwrite, punch; truncate: LEN is the size */
	const uint8_t *data; /* pwrite: RESULT bytes */
};
size_t twin_io_records(struct twin_io *t);
struct twin_record twin_io_record(struct twin_io *t, size_t i);
uint64_t twin_io_count(struct twin_io *t, enum twin_op op);

/* --- Power failure --- */
enum twin_crash {
	TWIN_KEEP, /* everything written so far had reached the disk */
	TWIN_DROP, /* only what was synced: data by fdatasync, names by fsyncdir */
	TWIN_TORN, /* beyond that, some of the unsynced sectors, and a first part of the
		    * unsynced changes of names, chosen by SEED */
};
/* The files after the first RECORDS calls and a power failure, as a new twin in memory.
 * What was unsynced when an fdatasync failed is never durable, not by a later one either. */
struct twin_io *twin_io_crash(struct twin_io *t, size_t records, enum twin_crash mode,
			      uint32_t seed);

/* --- The files of a twin in memory --- */
void twin_io_put(struct twin_io *t, const char *path, const void *data, size_t n); /* durable */
/* A malloc'd copy (with a NUL behind it), NULL when there is no such file. N may be NULL. */
uint8_t *twin_io_get(struct twin_io *t, const char *path, size_t *n);
bool twin_io_exists(struct twin_io *t, const char *path);
/* Writes all files below the folder FROM into the real folder TO. */
void twin_io_dump(struct twin_io *t, const char *from, const char *to);

/* --- Sources --- */
struct twin_source;

/* SIZE bytes at DATA, which stay the caller's. */
struct twin_source *twin_source_memory(const void *data, uint64_t size);
/* Reads pass on to INNER, which is closed with the twin's source. */
struct twin_source *twin_source_wrap(struct block_source *inner);
/* What the code under test gets, and closes. */
struct block_source *twin_source(struct twin_source *t);
/* After the source was closed. */
void twin_source_free(struct twin_source *t);

/* Reads that touch the range fail with ERRNUM, the first TIMES of them (0: all). */
void twin_source_bad(struct twin_source *t, uint64_t off, uint64_t len, int errnum, uint64_t times);
/* Called before each read, outside the lock; returns 0 or an errno to fail with. */
void twin_source_hook(struct twin_source *t, int (*hook)(void *ctx, uint64_t off, size_t n),
		      void *ctx);
uint64_t twin_source_reads(struct twin_source *t); /* how many calls */
uint64_t twin_source_bytes(struct twin_source *t); /* read without an error */
/* True if any byte of the range was asked for. */
bool twin_source_was_read(struct twin_source *t, uint64_t off, uint64_t len);
bool twin_source_closed(struct twin_source *t);

#endif
