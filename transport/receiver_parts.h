/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiving half from inside. Four kinds of threads for each disk, and what passes
 * between them:
 *
 *	listener  receiver_run's own thread: frames -> items          receiver.c, receiver_stream.c
 *	workers   inflate, compare the digest (if the image wants it) receiver_grains.c
 *	writer    items, in order -> image                            receiver_write.c
 *	syncer    image, digests, journal -> stable storage -> ACK    receiver_sync.c
 *
 * Only the syncer touches journal and digest table while the disk is under way, only the
 * writer writes to the image (image.h), which the syncer makes durable; before and after, the
 * listener is alone (receiver_disk.c).
 *
 * Two kinds of failure. When the stream ends early (a cut line, a damaged frame, the sender's
 * own error), what arrived before is good and gets a last checkpoint. When storage fails,
 * nothing since the last checkpoint counts, and nothing more is written. */
#ifndef TRANSPORT_RECEIVER_PARTS_H
#define TRANSPORT_RECEIVER_PARTS_H

#include "image.h"
#include "link.h"
#include "unrack/digest_table.h"
#include "unrack/pool.h"
#include "unrack/receiver.h"

#define RECEIVER_PIECE ((size_t)MESSAGE_GRAINS_MAX * GRAIN_SIZE)
/* With these, items and workers stay under 35 MiB. */
#define RECEIVER_WORKERS_MAX 8u
#define RECEIVER_ITEMS_SPARE 8u
/* Data grains that may be written but not synced: 1 GiB. Then the writer waits. */
#define RECEIVER_UNSYNCED_MAX 16384u

struct receiver_item {
	bool zero;
	struct message_zero range;  /* when ZERO */
	struct message_grains m;    /* else; its streams lie in PAYLOAD */
	uint8_t *payload;           /* message_limit(MESSAGE_GRAINS) bytes */
	uint8_t *data;              /* RECEIVER_PIECE bytes, IO_DIRECT_ALIGN: the worker's result */
};

/* The session, as far as all threads see it. */
struct receiver {
	struct link link;
	const struct receiver_host *host;
	struct receiver_options opt; /* defaults filled in */
	struct receiver_result *res; /* the listener's */
	unsigned disks;              /* from HELLO */
	unsigned ended;              /* of them, complete; the listener's */
	char machine[MESSAGE_NAME_MAX];
	bool farewell;               /* the listener's: the sender has ended it, and waits for BYE */
	pthread_mutex_t lock;
	struct pool *pool;           /* of the disk under way, or NULL */
	bool failed, storage_failed;
	struct unrack_error why;     /* the first failure of any thread but the listener */
};

/* From writer or syncer: remembers the first failure, tells the sender, and wakes everybody. */
void receiver_fail(struct receiver *r, const struct unrack_error *why, bool storage);
/* An ERROR of the sender becomes ours. */
int receiver_their_error(struct receiver *r, const void *payload, size_t n,
			 struct unrack_error *err);

/* Tells the program how far DISK has come, if it wants to know. */
struct receiver_disk;
void receiver_report(const struct receiver_disk *d, uint64_t next_grain);

/* A disk's files. */
struct receiver_disk {
	struct receiver *session;
	uint16_t index;              /* the sender's */
	struct identity id;
	struct receiver_place place;
	struct journal *journal;
	struct digest_table *table;
	struct image *image;
	uint8_t seed[DIGEST_SEED_SIZE]; /* for the sender; zeros when nothing is to be sent */
	struct digest_key key;
	struct journal_point start;  /* where this session begins */
};

/* Finds the place, makes or reads the files, and brings them to the resume point. When
 * d->start.complete nothing is open for writing. Closed by the caller also when it failed. */
int receiver_disk_open(struct receiver_disk *d, struct receiver *r, uint16_t index,
		       const struct message_open *m, struct unrack_error *err);
/* After the last checkpoint: END is compared with what is there, and the disk declared complete. */
int receiver_disk_finish(struct receiver_disk *d, const struct message_end *end,
			 const struct journal_point *durable, struct digest *whole,
			 struct unrack_error *err);
void receiver_disk_close(struct receiver_disk *d);
/* To an UNRACK_NOSPACE it adds how much is missing and what to do. POSITION in grains. */
int receiver_disk_explain(const struct receiver_disk *d, uint64_t position,
			  struct unrack_error *err);

/* receiver_grains.c: the pool's functions. CTX is the struct receiver_disk. */
void *receiver_grains_worker(void *ctx);
void receiver_grains_worker_free(void *worker);
int receiver_grains_work(void *worker, void *item, struct unrack_error *err);

/* Digests of grains that are written but not synced. */
struct receiver_pending {
	uint64_t *grain;
	struct digest *digest;
	uint32_t n;
};

struct receiver_sync {
	struct receiver_disk *disk;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work, room;
	struct journal_point written, durable;
	struct receiver_pending pending; /* the writer fills it; swapped with the syncer's */
	struct receiver_pending syncing;
	bool asked;                      /* the sender wants an ACK */
	uint64_t asked_grain;            /* as soon as this is written */
	bool finish;                     /* a last checkpoint, then end */
	bool dead;                       /* storage failed, or cancelled: end at once */
};

int receiver_sync_start(struct receiver_sync *s, struct receiver_disk *d,
			struct unrack_error *err);
/* The writer has written ITEM. Waits for room. Negative when storage has failed meanwhile. */
int receiver_sync_wrote(struct receiver_sync *s, const struct receiver_item *item);
/* The sender asks for a checkpoint at GRAIN. */
void receiver_sync_ask(struct receiver_sync *s, uint64_t grain);
/* With a last checkpoint, or without. Afterwards s->durable is the truth. */
void receiver_sync_end(struct receiver_sync *s, bool checkpoint);

struct receiver_writer {
	struct receiver_disk *disk;
	struct receiver_sync *sync;
	struct pool *pool;
};
/* The writer's thread; ARG is the struct receiver_writer. */
void *receiver_write_run(void *arg);

/* Receives one disk, from behind ACCEPT up to END and the last checkpoint. *durable is what
 * was reached in any case. Errors are those of the stream or of the storage;
 * UNRACK_INTERRUPTED when the sender said BYE. */
int receiver_stream(struct receiver_disk *d, unsigned workers, void *const *items, unsigned n,
		    struct message_end *end, struct journal_point *durable, struct unrack_error *err);

#endif
