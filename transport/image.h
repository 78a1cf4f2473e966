/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk's image as it is written: grain by grain, in any of the formats, for a receiver that
 * makes it durable from time to time and goes on after a crash.
 *
 * Two threads: one calls image_write, image_zero and image_length, another one beside it
 * image_sync; all else from one of them while the other is not there. After an error only
 * image_close. */
#ifndef TRANSPORT_IMAGE_H
#define TRANSPORT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/io.h"
#include "unrack/journal.h"
#include "unrack/message.h"

/* Where an image lies, and of what. Strings stay the caller's and outlive the image. */
struct image_place {
	const struct io *io;
	enum disk_format format;
	const char *path;       /* the file that holds the data */
	const char *descriptor; /* flat: the text beside it */
	const char *extent;     /* PATH's name as a descriptor has it (no folder) */
	const char *adapter;    /* as a descriptor has it; NULL: "lsilogic" */
	const char *journal;    /* named in errors: what to remove to begin again */
	uint64_t disk_bytes;    /* the image has them rounded up to whole sectors */
};

struct image {
	const struct image_ops *ops;
	struct image_place place;
	uint64_t bytes; /* of the disk, in whole sectors */
	int fd;
	bool direct;       /* FD writes past the page cache just now */
	bool direct_fails; /* it can't: never again */
};

/* What a format does; see the functions of the same names. Each makes and frees a struct of its
 * own that begins with struct image. */
struct image_ops {
	bool wants_inflated;
	/* NULL: no memory. Nothing is open yet. */
	struct image *(*new)(void);
	int (*create)(struct image *im, struct unrack_error *err);
	int (*resume)(struct image *im, const struct journal_point *at, bool delta,
		      struct unrack_error *err);
	int (*write)(struct image *im, const struct message_grains *m, const uint8_t *data,
		     struct unrack_error *err);
	int (*zero)(struct image *im, uint64_t first, uint64_t count, struct unrack_error *err);
	uint64_t (*length)(const struct image *im); /* NULL: 0 */
	int (*sync)(struct image *im, struct unrack_error *err); /* NULL: fdatasync is enough */
	int (*finish)(struct image *im, struct unrack_error *err);
	int (*check)(struct image *im, bool restore, struct unrack_error *err);
	void (*free)(struct image *im); /* NULL: there is nothing else to free */
};
extern const struct image_ops image_flat_ops, image_stream_ops, image_sparse_ops;

/* A new image whose grains are all zeros; replaces what is there. */
int image_create(const struct image_place *p, struct image **out, struct unrack_error *err);
/* What of it is durable as of AT stays. Behind AT->next_grain there are zeros again, or, in a
 * DELTA pass (over an image that was complete), for each grain what was there before the pass,
 * or what the pass already made of it. Missing, or shorter than AT says: UNRACK_DAMAGED. */
int image_resume(const struct image_place *p, const struct journal_point *at, bool delta,
		 struct image **out, struct unrack_error *err);

/* Whether image_write needs the grains' data, or takes the zlib streams as they came. */
bool image_wants_inflated(const struct image *im);
/* The grains that M lists, which must be above all that were written in this pass before. One of
 * size 0 becomes zeros. DATA (if it is wanted): each one inflated, at its place in grains;
 * IO_DIRECT_ALIGN. */
int image_write(struct image *im, const struct message_grains *m, const uint8_t *data,
		struct unrack_error *err);
/* These grains become zeros. Not needed where nothing was written since image_create. */
int image_zero(struct image *im, uint64_t first, uint64_t count, struct unrack_error *err);
/* For the journal: journal_point.image_length, after what was written just now. */
uint64_t image_length(const struct image *im);
/* All that was written before this call is on stable storage. */
int image_sync(struct image *im, struct unrack_error *err);
/* After the last image_sync: makes it a whole VMDK that others can open, durable, and closes its
 * file. image_close remains to be called. */
int image_finish(struct image *im, struct unrack_error *err);

/* Of a complete image: it is there, as long as it has to be. RESTORE: a descriptor that
 * somebody lost is written again. */
int image_check(const struct image_place *p, bool restore, struct unrack_error *err);
void image_close(struct image *im); /* NULL is fine; what was not synced was not promised */

/* --- For the formats ---------------------------------------------------------------------- */

/* Opens what must be there: SAFE bytes of it, for the sentence. */
int image_open_existing(struct image *im, int flags, uint64_t safe, struct unrack_error *err);
/* An image is larger than memory is worth: what goes past the page cache is copied once less, drives out
 * nothing that somebody uses, and leaves less to do for the checkpoint. But each such write waits for
 * the disk, which does not pay for a few grains between holes. */
#define IMAGE_DIRECT_MIN (4 * GRAIN_SIZE)
/* DIRECT: past the page cache, where that can be done; data, length and offset are multiples of
 * IO_DIRECT_ALIGN. Not from two threads at once. */
int image_pwrite(struct image *im, const void *data, size_t n, uint64_t off, bool direct,
		 struct unrack_error *err);
/* N bytes at OFF of FD, of any length and wherever: through the page cache. */
int image_pread(struct image *im, void *buf, size_t n, uint64_t off, struct unrack_error *err);
/* As io_zero. */
int image_clear(struct image *im, uint64_t off, uint64_t n, struct unrack_error *err);
/* The descriptor that lies within the file, filled up with zeros to its room (vmdk_format.h);
 * OUT has VMDK_DESCRIPTOR_SECTORS sectors. */
int image_embed_descriptor(const struct image *im, uint8_t *out, struct unrack_error *err);
const char *image_adapter(const struct image *im);
/* Disks hold password files. */
#define IMAGE_MODE 0600
/* A content ID that is neither of the two that mean "none". */
int image_random_cid(uint32_t *cid, struct unrack_error *err);

#endif
