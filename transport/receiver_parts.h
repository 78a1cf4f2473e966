/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiving half from inside. Four kinds of threads for each disk, and what passes
 * between them:
 *
 *	listener  receiver_run's own thread: frames -> items          receiver.c, receiver_stream.c,
 *	                                                              receiver_delta.c
 *	workers   inflate, compare the digest (if the image wants it) receiver_grains.c
 *	writer    items, in order -> image                            receiver_write.c
 *	syncer    image, digests, journal -> stable storage -> ACK    receiver_sync.c
 *
 * Only the syncer touches journal and digest table while the disk is under way (but a delta pass
 * reads digests that it has not come to yet), only the writer writes to the image (image.h),
 * which the syncer makes durable; before and after, the listener is alone (receiver_disk.c).
 *
 * The first pass over a disk finds an image of zeros. A delta pass, each pass after that, finds
 * one with data everywhere, and its digests, which tell what differs. So these must be
 * true, also when such a pass is continued behind a crash: grains behind the last checkpoint may
 * be new while their digests are old, and a source that was changed back would be taken for
 * unchanged. Therefore the writer never goes further than RECEIVER_TOUCHED_MAX grains beyond a
 * durable record, and when the pass is continued their digests are made anew, from the image.
 *
 * Two kinds of failure. When the stream ends early (a cut line, a damaged frame, the sender's
 * own error), what arrived before is good and gets a last checkpoint. When storage fails,
 * nothing since the last checkpoint counts, and nothing more is written. */
#ifndef TRANSPORT_RECEIVER_PARTS_H
#define TRANSPORT_RECEIVER_PARTS_H

#include "image.h"
#include "link.h"
#include "unrack/digest_table.h"
#include "unrack/map.h"
#include "unrack/pool.h"
#include "unrack/receiver.h"

#define RECEIVER_PIECE ((size_t)MESSAGE_GRAINS_MAX * GRAIN_SIZE)
/* With these, items and workers stay under 35 MiB. */
#define RECEIVER_WORKERS_MAX 8u
#define RECEIVER_ITEMS_SPARE 8u
/* Data grains that may be written but not synced: 1 GiB. Then the writer waits. */
#define RECEIVER_UNSYNCED_MAX 16384u
/* 1 GiB; a part of the format, see unrack-journal(5). */
#define RECEIVER_TOUCHED_MAX 16384u
/* Grains that become zeros in one item of a delta pass, if any of them is none: 512 MiB. */
#define RECEIVER_ZEROS_MAX 8192u

_Static_assert(RECEIVER_ZEROS_MAX <= RECEIVER_TOUCHED_MAX && RECEIVER_ZEROS_MAX <= RECEIVER_UNSYNCED_MAX,
	       "an item can always be written");
_Static_assert(RECEIVER_ZEROS_MAX * DIGEST_SIZE <= MESSAGE_GRAINS_LIMIT, "its digests fit in");

struct receiver_item {
	enum message_type type;     /* GRAINS, DELTA, ZERO, SAME */
	uint64_t first, count;      /* grains */
	uint64_t data_grains;       /* of them, which are not zeros from now on */
	unsigned changed;           /* of them, which are written or become zeros */
	struct message_grains m;    /* GRAINS, DELTA; its streams lie in PAYLOAD */
	/* message_limit(MESSAGE_GRAINS) bytes. Of a ZERO with something changed: the COUNT struct
	 * digest as they are before. */
	uint8_t *payload;
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
	atomic_int_fast64_t owned_ms; /* when the folder was known to be ours for the last time */
	struct unrack_error why;     /* the first failure of any thread but the listener */
};

/* From writer or syncer: remembers the first failure, tells the sender, and wakes everybody. */
void receiver_fail(struct receiver *r, const struct unrack_error *why, bool storage);
/* Whether the folder is still ours: always asked before digests and journal are written, since another process has
 * taken over if this one stood still for long. The second one, before anything else is written, takes it for granted for
 * a moment after that. */
int receiver_check_owner(struct receiver *r, struct unrack_error *err);
int receiver_still_owner(struct receiver *r, struct unrack_error *err);
/* A frame of the session outside of a disk's data, its payload too. PAYLOAD has MESSAGE_CONTROL_MAX
 * bytes. An ERROR of the sender is an error. */
int receiver_read_control(struct receiver *r, struct frame *f, uint8_t *payload,
			  struct unrack_error *err);
/* F came where DUE should have. */
int receiver_not_due(const struct frame *f, const char *due, struct unrack_error *err);
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
	bool delta;                  /* the image has data already, also from there on */
	bool fresh;                  /* the pass has no record yet, and an older one has */
	struct digest state;         /* of the source */
	bool live, all_blocks;       /* the source; the copy */
	/* Of what is there: what it leaves out (NULL: not known), and of which source it is. */
	struct map *map;
	struct map_origin origin;
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

/* receiver_map.c. What is known of what is there, if anything is: d->map, d->origin. */
int receiver_map_load(struct receiver_disk *d, struct unrack_error *err);
/* Takes the MAPs, and notes what the disk will leave out when this pass is complete. With that a
 * fresh pass has begun. */
int receiver_map_take(struct receiver_disk *d, struct unrack_error *err);
/* Why what is there can't be continued, or be called a copy of the source: a clause. NULL: it can. */
const char *receiver_map_changed(const struct receiver_disk *d);
/* The bytes from GRAIN on that are used, by the map of this pass that is kept; all if there is none. */
uint64_t receiver_map_left(const struct receiver_disk *d, uint64_t grain);
/* The source is known to be as it was. */
bool receiver_map_same(const struct receiver_disk *d);

/* receiver_digests.c. Opens d->table, of which the digests below END must be there. *lost: they are not, which
 * has been said, and there is no d->table. */
int receiver_digests_open(struct receiver_disk *d, uint64_t end, bool *lost, struct unrack_error *err);
/* The digests below END from the image, which can be read as far; d->table is open then. */
int receiver_digests_remake(struct receiver_disk *d, uint64_t end, struct unrack_error *err);
/* Whether the table of a complete disk is the one that the journal says; *lost as above. */
int receiver_digests_check(struct receiver_disk *d, bool *lost, struct unrack_error *err);
/* The table was found wrong, as ERR says: the next run has none. Returns ERR's code, and says so. */
int receiver_digests_forget(struct receiver_disk *d, struct unrack_error *err);

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
	bool held;                       /* the writer waits for what is written to be durable */
	bool finish;                     /* a last checkpoint, then end */
	bool dead;                       /* storage failed, or cancelled: end at once */
};

int receiver_sync_start(struct receiver_sync *s, struct receiver_disk *d,
			struct unrack_error *err);
/* The writer is about to change ITEM's grains, in a delta pass. Waits until it may. Negative: as below. */
int receiver_sync_touch(struct receiver_sync *s, const struct receiver_item *item);
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

/* receiver_delta.c: what the image holds, by its digests, to the listener of a delta pass. */
struct receiver_delta;
int receiver_delta_open(const struct receiver_disk *d, struct receiver_delta **out, struct unrack_error *err);
void receiver_delta_close(struct receiver_delta *t); /* NULL is fine */
/* Answers the WANT in PAYLOAD. Nothing below POSITION may be asked for. */
int receiver_delta_answer(struct receiver_delta *t, uint64_t position, const struct frame *f,
			  const uint8_t *payload, struct unrack_error *err);
/* Grains from FIRST on, at most COUNT, that are zeros in the image, into *n; 0 when the first is not. */
int receiver_delta_zeros(struct receiver_delta *t, uint64_t first, uint64_t count, uint64_t *n,
			 struct unrack_error *err);
/* ITEM's grains come next: fills in data_grains and changed (of a ZERO, at most RECEIVER_ZEROS_MAX
 * long unless all of it is zeros, also the payload), and adds what is not zeros to SESSION. */
int receiver_delta_settle(struct receiver_delta *t, struct receiver_item *item,
			  struct digest_stream *session, struct unrack_error *err);

/* Receives one disk, from behind ACCEPT up to END and the last checkpoint. *durable is what
 * was reached in any case. Errors are those of the stream or of the storage;
 * UNRACK_INTERRUPTED when the sender said BYE. */
int receiver_stream(struct receiver_disk *d, unsigned workers, void *const *items, unsigned n,
		    struct message_end *end, struct journal_point *durable, struct unrack_error *err);

#endif
