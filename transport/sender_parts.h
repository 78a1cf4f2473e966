/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sending half from inside. Four kinds of threads, and what passes between them:
 *
 *	reader   sender_run's own thread: source -> items           sender.c, sender_read.c
 *	workers  zero test, digest, deflate: item -> GRAINS, DELTA   sender_grains.c
 *	writer   one per disk: items, in order -> frames             sender_write.c
 *	replies  frames -> what the receiver said                    sender_replies.c
 *
 * All memory that depends on sizes is in the items, and their number is fixed. While a disk is
 * under way only the writer sends, but for the reader's WANTs (sender_digests.c); in between only
 * the reader. */
#ifndef TRANSPORT_SENDER_PARTS_H
#define TRANSPORT_SENDER_PARTS_H

#include "link.h"
#include "unrack/pool.h"
#include "unrack/sender.h"

/* One read, one item, at most one frame: 1 MiB of disk. */
#define SENDER_PIECE ((size_t)MESSAGE_GRAINS_MAX * GRAIN_SIZE)
/* With these, items and workers stay under 45 MiB. */
#define SENDER_WORKERS_MAX 8u
#define SENDER_ITEMS_SPARE 8u
/* Zeros that were read are gathered into one ZERO of at least this many grains: 1 GiB. */
#define SENDER_ZERO_GRAINS 16384u
/* The same of grains that have not changed: 256 MiB. What is not told is not acknowledged. */
#define SENDER_SAME_GRAINS 4096u
/* How long the receiver may take to make safe what it has, once we were asked to stop. */
#define SENDER_STOP_MS 30000
/* The same before anything is under way. */
#define SENDER_HELLO_MS 500
/* How long we listen for its reason when it takes no more bytes. */
#define SENDER_REASON_MS 5000

enum sender_kind {
	SENDER_DATA,       /* a piece of the disk, read */
	SENDER_ZERO,       /* a range known to be zero, of any length */
	SENDER_CHECKPOINT, /* asks the receiver for one */
	SENDER_END,        /* of the disk */
};

struct sender_item {
	enum sender_kind kind;
	uint64_t first, count; /* grains */
	uint8_t *data;         /* SENDER_PIECE bytes, page-aligned; whole grains are filled */
	struct digest have[MESSAGE_GRAINS_MAX]; /* in a delta pass: the receiver's */
	/* What the worker makes of it: */
	uint8_t *frame;        /* room for a header, then a GRAINS or DELTA message of LEN bytes */
	size_t len;            /* 0: all zero, or, in a delta pass, nothing has changed */
	uint16_t sent, changed; /* grains that are in the frame as data, or at all */
	uint16_t data_count;   /* grains that are not zero */
	uint16_t place[MESSAGE_GRAINS_MAX];
	struct digest digest[MESSAGE_GRAINS_MAX];
};

struct sender_grains_setup {
	const struct digest_key *key;
	enum deflate_engine engine;
	bool delta;
	/* To adapt the effort: where the pool will be, and its items. NULL: not to. */
	struct pool *const *pool;
	unsigned n;
	enum deflate_effort least; /* that it goes down to */
};

/* sender_grains.c: the pool's functions. CTX is a struct sender_grains_setup. */
void *sender_grains_worker(void *ctx);
void sender_grains_worker_free(void *worker);
int sender_grains_work(void *worker, void *item, struct unrack_error *err);

/* What the receiver said. */
union sender_reply {
	struct message_hello hello;
	struct message_accept accept;
	struct message_done done;
};

struct sender_digests;

struct sender_replies {
	struct link *link;
	const struct log *log;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* A message for the reader, until it takes it; type 0: none. */
	unsigned type;
	union sender_reply reply;
	struct message_ack ack; /* of the disk under way */
	uint16_t disk;
	uint64_t disk_bytes;
	int number;             /* of the disk in its folder, for progress */
	struct sender_digests *digests; /* of the disk under way; NULL: none are wanted */
	bool goodbye;           /* BYE came: the thread has nothing more to read */
	bool failed;
	struct unrack_error why;
	/* The writer's state is here because the reader waits for both. */
	bool writer_done;
	bool write_failed;
	int64_t write_failed_ms;
	struct unrack_error write_why;
};

int sender_replies_start(struct sender_replies *r, struct link *l, const struct log *log,
			 struct unrack_error *err);
/* Shuts the channel down unless the receiver has said BYE. */
void sender_replies_stop(struct sender_replies *r);
/* From now on ACKs are for this disk, and begin at the accepted position. */
void sender_replies_accepted(struct sender_replies *r, uint16_t disk, uint64_t bytes,
			     const struct message_accept *a);
void sender_replies_writer_done(struct sender_replies *r);
/* A send failed: unless the receiver tells a better reason soon, this was it. */
void sender_replies_write_failed(struct sender_replies *r, const struct unrack_error *why);
bool sender_replies_failed(struct sender_replies *r);

enum sender_event {
	SENDER_REPLY,       /* a message of TYPE */
	SENDER_DURABLE,     /* an ACK for at least GRAIN */
	SENDER_WRITER_DONE,
	SENDER_FAILURE,     /* nothing good: to learn why */
};
struct sender_wait {
	enum sender_event event;
	unsigned type;
	uint64_t grain;
	int64_t patience_ms; /* once asked to stop */
	int64_t limit_ms;    /* in any case; 0: none */
};
/* Errors: the far side's own, the channel's, UNRACK_INTERRUPTED. OUT (may be NULL) gets the
 * message of a SENDER_REPLY. */
int sender_replies_wait(struct sender_replies *r, const struct sender_wait *w,
			union sender_reply *out, struct unrack_error *err);

/* sender_digests.c: what the receiver's image holds, asked for in windows a little ahead of where
 * the reader is. */
int sender_digests_open(struct sender_replies *r, uint16_t disk, uint64_t grains, struct unrack_error *err);
void sender_digests_close(struct sender_replies *r);
/* Of COUNT grains from FIRST on, which lie in one piece and behind those of the call before. The
 * reader's; waits for them. UNRACK_INTERRUPTED when asked to stop meanwhile. */
int sender_digests_get(struct sender_replies *r, uint64_t first, uint64_t count, struct digest *out,
		       struct unrack_error *err);
/* A DIGESTS has come. With r->lock held. */
int sender_digests_hear(struct sender_replies *r, const struct frame *f, const uint8_t *payload,
			struct unrack_error *err);

/* One disk under way. */
struct sender_pass {
	struct link *link;
	struct sender_replies *replies;
	struct pool *pool;
	const struct log *log;
	const struct sender_disk *of;
	struct block_source *source;
	const struct map *map;
	bool patient, delta;
	uint16_t disk;
	uint64_t first;     /* where this session begins: the accepted position */
	uint64_t position;  /* reader: all below was submitted */
	uint64_t read_bytes;
	bool source_failed; /* reader: its error is the source's */
	uint64_t data_start, data_end; /* reader: the source's data from where it last looked */
	struct digest_stream *session;
	/* The writer's results, valid after SENDER_WRITER_DONE: */
	uint64_t data_grains, sent_grains, changed_grains;
	struct digest whole;
	/* The writer's own: a range that is not sent yet. */
	struct message_range waiting;
	enum message_type waiting_type; /* ZERO or SAME */
};

/* Reads the source from p->position to its end. UNRACK_INTERRUPTED when asked to stop. If
 * it fails and not p->source_failed, then the cause is to be learnt from the replies. */
int sender_read(struct sender_pass *p, struct unrack_error *err);
/* Submits an item without data: SENDER_CHECKPOINT, SENDER_END. */
int sender_read_mark(struct sender_pass *p, enum sender_kind kind, struct unrack_error *err);

/* The writer's thread; ARG is the struct sender_pass. */
void *sender_write_run(void *arg);

#endif
