/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages: what the payload of each type of frame means (frame.h has the frames).
 * Pure: bytes in, struct or error out, and back.
 *
 * A connection to another machine carries two dialogues, one after the other, and each
 * counts its frames from 0. First the call: the client, which made the connection, says
 * what it wants of the server (`unrack serve`):
 *
 *	client                                server
 *
 *	CALL               ->
 *	OFFER ...          ->                 as many as CALL says: the sources, if the client
 *	                                      sends, and what is to be opened, if it receives
 *	                   <-                 READY, or ERROR
 *	                   <-                 OFFER ...: as many as READY says
 *	                   <-                 TEXT: the answer to a scan, and the end
 *
 * Then the copy, which is all there is between two halves in one process:
 *
 *	sender                                receiver
 *
 *	HELLO              ->
 *	                   <-                 HELLO
 *
 *	for each disk, in the order 0, 1, ... disks - 1:
 *
 *	OPEN               ->                 finds the place, reads the journal
 *	                   <-                 ACCEPT: from which grain on; complete: next disk
 *	MAP ...            ->                 what of the disk nothing uses
 *	GRAINS, ZERO ...   ->                 from there to the end of the disk, in order,
 *	                                      without a gap
 *	CHECKPOINT         ->                 (when the sender wants to stop)
 *	                   <-                 ACK, each time that more is on stable storage
 *	LOST               ->                 (sectors that could not be read, before the frame that
 *	                                      has their grain; they are sent as zeros)
 *	END                ->                 the last checkpoint, whole digest, descriptor
 *	                   <-                 DONE
 *
 *	in a delta pass (ACCEPT says so: the image has data already) also, and never GRAINS:
 *
 *	WANT               ->                 the sender asks what the image holds in a window
 *	                   <-                 DIGESTS ..., of all of it, in order
 *	DELTA, SAME ...    ->                 what differs from that, and what does not
 *
 *	in the end, or after an ACK when the sender was told to stop:
 *
 *	BYE                ->
 *	                   <-                 BYE
 *
 *	ERROR may come from either side at any time and ends the session. The receiver
 *	answers the sender's ERROR with BYE once it has made safe what had arrived.
 *
 * PING may come from either side at any time, in both dialogues. Who has sent nothing for a
 * fifth of the time that CALL names as the limit of silence, or for 20 s, sends one, but for the client in
 * the call, whom the server does not listen to before it has answered. Who has heard nothing
 * for that time takes the connection for lost. Between two halves in one process there are none.
 *
 * Nothing is sent twice within a session: what was not acknowledged is found out by the
 * next session's ACCEPT.
 *
 * Layouts (little-endian; offset:size):
 *
 *	HELLO       0:8 magic "unrack\r\n"  8:4 version  12:4 0  16:8 checksum64 of the rest
 *	            24:8 feature bits  32:4 largest payload taken  36:4 number of disks
 *	            40:4 length of the name  44: the machine's name
 *	OPEN        0:8 bytes  8:4 length of strict  12:4 length of advisory (both with
 *	            their NUL)  16:16 state of the source (used.h), zeros: not known
 *	            32:4 flags (1: it is in use, 2: all blocks are to be copied)  36:4 0
 *	            40: strict, advisory
 *	ACCEPT      0:4 number of the disk in its folder  4:4 flags (1: complete, 2: delta pass)
 *	            8:8 next grain  16:8 data grains so far  24:8 pass  32:32 seed of the digests
 *	GRAINS      0:8 first grain  8:2 span  10:2 count  12:4 0; then COUNT times
 *	            0:2 place within the span  2:2 0  4:4 length  8:16 digest  24: zlib stream.
 *	            Grains of the span that are not listed are zero.
 *	ZERO        0:8 first grain  8:8 count: all of them are zeros
 *	MAP         0:4 number of runs  4:4 flags (1: another MAP follows)  8: runs, each
 *	            8 first grain, 8 count: nothing uses them. Rising, and not touching each other
 *	WANT        0:8 first grain  8:8 count, at most MESSAGE_WANT_MAX
 *	DIGESTS     0:8 first grain  8:8 count  16: COUNT digests, at most MESSAGE_DIGESTS_MAX;
 *	            none: all of them are zeros
 *	DELTA       as GRAINS, but a grain that is listed with length 0 (and a digest of zeros)
 *	            has become zeros, and those that are not listed have not changed
 *	SAME        0:8 first grain  8:8 count: they have not changed
 *	LOST        0:8 offset  8:8 length, both in bytes  16: text: what lies there, without NUL
 *	CHECKPOINT  0:8 next grain: the sender's position
 *	ACK         0:8 next grain  8:8 data grains: all below is on stable storage
 *	END         0:8 first grain of this session  8:8 data grains sent in it
 *	            16:16 digest of the session
 *	DONE        0:8 data grains of the whole disk  8:16 digest of the whole disk
 *	BYE         empty
 *	ERROR       0:4 code, as a positive number  4:4 errno or 0  8: text, without NUL
 *	PING        empty
 *	CALL        0:8 magic "unrack\r\n"  8:4 version  12:4 0  16:8 checksum64 of the rest
 *	            24:8 feature bits  32:4 kind (1: receive, 2: send, 3: scan, 4: join)
 *	            36:4 flags (1: the same disk, 2: discard changes, 4: all blocks, 8: sources in
 *	            use, 16: stop at a bad sector)  40:4 number of OFFERs
 *	            44:4 limit of silence in ms, 0: none  48:8 bytes a second that the server
 *	            may send, 0: any  56:4 length of the path with its NUL
 *	            60:2 format of new images (1: flat, 2: stream, 3: sparse), 0: as the server likes
 *	            62:2 number of connections, 0 or 1: one; join: number of this one, from 1
 *	            64:8 bytes that a source may lose, 0: as the server likes
 *	            72: path of the folder, if the server receives; join: the token; else empty
 *	READY       0:8 magic "unrack\r\n"  8:4 version  12:4 0  16:8 checksum64 of the rest
 *	            24:8 feature bits  32:4 number of OFFERs  36:4 number of connections, 0: one
 *	            40:36 token for the others, followed by zeros; zeros when there are none
 *	OFFER       0:8 bytes, or 0  8:4 number that the disk must get, or 0xffffffff
 *	            12:4 length of the name  16:4 length of strict  20:4 length of advisory (all
 *	            with their NUL)  24: name, strict, advisory.  Its frame's disk is its index.
 *	TEXT        JSON
 *
 * The digest of a session is a digest_stream over the disk's bytes (64 bits) and then
 * (index (64 bits), digest) of each grain sent; over a whole disk it is the whole digest.
 *
 * Decoders refuse with UNRACK_DAMAGED whatever does not keep to this, with lengths before
 * use; UNRACK_UNSUPPORTED is for a HELLO, CALL or READY of another version. Text from the far
 * side is free of control characters (in ERROR they become '?'), so it can be shown; but paths
 * and the names of sources may have any byte but NUL: who shows them takes care. */
#ifndef UNRACK_MESSAGE_H
#define UNRACK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/deflate.h"
#include "unrack/digest.h"
#include "unrack/frame.h"
#include "unrack/identity.h"
#include "unrack/map.h"

#define MESSAGE_VERSION 1u
/* Bits of what both sides must know to use: none yet. A side uses what both have. */
#define MESSAGE_FEATURES 0u

#define MESSAGE_DISKS_MAX 256u
#define MESSAGE_NAME_MAX 256u                /* with its NUL */
#define MESSAGE_DISK_BYTES_MAX (1ull << 46)  /* ESX ends at 62 TiB */
#define MESSAGE_GRAINS_MAX 16u               /* span of one GRAINS: 1 MiB of disk */
#define MESSAGE_GRAINS_HEAD 16u
#define MESSAGE_GRAIN_HEAD (8u + DIGEST_SIZE)
#define MESSAGE_GRAINS_LIMIT                                                            \
	(MESSAGE_GRAINS_HEAD + MESSAGE_GRAINS_MAX * (MESSAGE_GRAIN_HEAD + DEFLATE_GRAIN_MAX))

enum message_type {
	MESSAGE_HELLO = 1,
	MESSAGE_OPEN,
	MESSAGE_ACCEPT,
	MESSAGE_GRAINS,
	MESSAGE_ZERO,
	MESSAGE_CHECKPOINT,
	MESSAGE_ACK,
	MESSAGE_END,
	MESSAGE_DONE,
	MESSAGE_BYE,
	MESSAGE_ERROR,
	MESSAGE_PING,
	MESSAGE_CALL,
	MESSAGE_READY,
	MESSAGE_OFFER,
	MESSAGE_TEXT,
	MESSAGE_MAP,
	MESSAGE_WANT,
	MESSAGE_DIGESTS,
	MESSAGE_DELTA,
	MESSAGE_SAME,
	MESSAGE_LOST,
};

enum message_call_kind { CALL_RECEIVE = 1, CALL_SEND, CALL_SCAN, CALL_JOIN };
#define CALL_SAME_DISK 1u
#define CALL_DISCARD_CHANGES 2u
#define CALL_ALL_BLOCKS 4u
#define CALL_LIVE 8u
#define CALL_STOP_AT_BAD 16u
#define MESSAGE_TOKEN_MAX 36u /* with its NUL */

#define OPEN_LIVE 1u
#define OPEN_ALL_BLOCKS 2u

/* "GRAINS"; "?" for an unknown type. */
const char *message_name(unsigned type);
/* It belongs into the call, and never comes in a copy. */
bool message_is_of_call(unsigned type);
/* The longest payload a frame of this type may have; 0 for BYE, PING and unknown types. */
uint32_t message_limit(unsigned type);
/* The longest of all types but GRAINS, DELTA and TEXT. */
#define MESSAGE_PATH_MAX 4096u /* with its NUL */
#define MESSAGE_CONTROL_MAX (24u + MESSAGE_PATH_MAX + 2 * IDENTITY_TEXT_MAX)
#define MESSAGE_TEXT_MAX (1u << 20)
#define MESSAGE_MAP_RUNS 2048u         /* in one MAP */
#define MESSAGE_WANT_MAX 65536u        /* grains in one WANT: 4 GiB of disk, 1 MiB of digests */
#define MESSAGE_DIGESTS_MAX 2048u      /* in one DIGESTS */
#define MESSAGE_LOST_TEXT_MAX 1024u

/* Whether F may come here at all: a known type, not longer than its limit. */
int message_check_frame(const struct frame *f, struct unrack_error *err);

struct message_hello {
	uint32_t version;
	uint64_t features;
	uint32_t payload_max;
	uint32_t disks;                 /* the receiver says 0 */
	char machine[MESSAGE_NAME_MAX]; /* the sender's machine, may be empty */
};

struct message_open {
	uint64_t bytes;
	const char *strict, *advisory; /* within the payload */
	struct digest state;
	uint32_t flags;
};

struct message_accept {
	uint32_t number;
	bool complete, delta; /* not both */
	bool keeps_streams; /* the image holds them as they come: none shall be stored that would shrink */
	uint64_t next_grain, data_grains, pass;
	uint8_t seed[DIGEST_SEED_SIZE];
};

/* ZERO, SAME, WANT */
struct message_range {
	uint64_t first, count;
};

struct message_map {
	uint32_t count;
	bool more;
	struct map_run run[MESSAGE_MAP_RUNS]; /* each within the largest disk; their order is not checked */
};

struct message_digests {
	uint64_t first, count;
	const uint8_t *digest; /* DIGEST_SIZE bytes each, within the payload; NULL: zeros all */
};

struct message_lost {
	uint64_t off, len;
	char text[MESSAGE_LOST_TEXT_MAX + 1];
};

struct message_checkpoint {
	uint64_t next_grain;
};

struct message_ack {
	uint64_t next_grain, data_grains;
};

struct message_end {
	uint64_t first, data_grains;
	struct digest session;
};

struct message_done {
	uint64_t data_grains;
	struct digest whole;
};

/* Strings lie within the payload, or are the caller's. A server that receives or sends has at
 * least one offer; only one that receives has a path that is not empty. */
struct message_call {
	enum message_call_kind kind;
	uint64_t features, rate;
	uint32_t flags, offers, silence_ms;
	uint64_t max_bad;
	uint16_t format, streams;
	const char *path;
};

struct message_ready {
	uint64_t features;
	uint32_t offers, streams;
	char token[MESSAGE_TOKEN_MAX]; /* lower-case hexadecimal, or "" */
};

struct message_offer {
	uint64_t bytes;
	int32_t number;             /* -1: any */
	const char *name, *strict, *advisory;
};

struct message_grain {
	uint16_t place;
	uint32_t size; /* 0, in a DELTA: zeros now */
	struct digest digest;
	const uint8_t *z; /* within the payload */
};

struct message_grains {
	uint64_t first;
	uint16_t span, count;
	struct message_grain grain[MESSAGE_GRAINS_MAX];
};

/* Encoders return the length; OUT has room for MESSAGE_CONTROL_MAX. A machine's name or an
 * error's text that is too long is cut; an identity, path or source's name that is too long
 * can't be encoded: 0. */
size_t message_encode_hello(const struct message_hello *m, uint8_t *out);
size_t message_encode_open(const struct message_open *m, uint8_t *out);
size_t message_encode_accept(const struct message_accept *m, uint8_t *out);
size_t message_encode_range(const struct message_range *m, uint8_t *out);
size_t message_encode_checkpoint(const struct message_checkpoint *m, uint8_t *out);
size_t message_encode_ack(const struct message_ack *m, uint8_t *out);
size_t message_encode_end(const struct message_end *m, uint8_t *out);
size_t message_encode_done(const struct message_done *m, uint8_t *out);
size_t message_encode_error(const struct unrack_error *m, uint8_t *out);
/* N is at most MESSAGE_MAP_RUNS. */
size_t message_encode_map(const struct map_run *runs, uint32_t n, bool more, uint8_t *out);
size_t message_encode_digests(const struct message_digests *m, uint8_t *out);
size_t message_encode_lost(const struct message_lost *m, uint8_t *out);
size_t message_encode_call(const struct message_call *m, uint8_t *out);
size_t message_encode_ready(const struct message_ready *m, uint8_t *out);
size_t message_encode_offer(const struct message_offer *m, uint8_t *out);

int message_decode_hello(const void *p, size_t n, struct message_hello *m, struct unrack_error *err);
int message_decode_open(const void *p, size_t n, struct message_open *m, struct unrack_error *err);
int message_decode_accept(const void *p, size_t n, struct message_accept *m,
			  struct unrack_error *err);
/* TYPE: MESSAGE_ZERO, MESSAGE_SAME or MESSAGE_WANT. */
int message_decode_range(unsigned type, const void *p, size_t n, struct message_range *m,
			 struct unrack_error *err);
int message_decode_map(const void *p, size_t n, struct message_map *m, struct unrack_error *err);
int message_decode_digests(const void *p, size_t n, struct message_digests *m,
			   struct unrack_error *err);
int message_decode_lost(const void *p, size_t n, struct message_lost *m, struct unrack_error *err);
int message_decode_checkpoint(const void *p, size_t n, struct message_checkpoint *m,
			      struct unrack_error *err);
int message_decode_ack(const void *p, size_t n, struct message_ack *m, struct unrack_error *err);
int message_decode_end(const void *p, size_t n, struct message_end *m, struct unrack_error *err);
int message_decode_done(const void *p, size_t n, struct message_done *m, struct unrack_error *err);
/* Into *M, which always becomes an error: of its own code, or UNRACK_IO for an unknown one. */
int message_decode_error(const void *p, size_t n, struct unrack_error *m, struct unrack_error *err);
int message_decode_call(const void *p, size_t n, struct message_call *m, struct unrack_error *err);
int message_decode_ready(const void *p, size_t n, struct message_ready *m, struct unrack_error *err);
int message_decode_offer(const void *p, size_t n, struct message_offer *m, struct unrack_error *err);
/* TYPE: MESSAGE_GRAINS or MESSAGE_DELTA. */
int message_decode_grains(unsigned type, const void *p, size_t n, struct message_grains *m,
			  struct unrack_error *err);

/* A GRAINS or DELTA is made in place, grain by grain: compress into message_grains_room (which has
 * DEFLATE_GRAIN_MAX bytes), then add. OUT has message_limit(MESSAGE_GRAINS) bytes. */
struct message_grains_writer {
	uint8_t *out;
	size_t len;
	uint16_t count;
};

void message_grains_begin(struct message_grains_writer *w, uint8_t *out, uint64_t first,
			  uint16_t span);
uint8_t *message_grains_room(const struct message_grains_writer *w);
void message_grains_add(struct message_grains_writer *w, uint16_t place, uint32_t size,
			const struct digest *digest);
/* Returns the length of the whole message. */
size_t message_grains_end(struct message_grains_writer *w);

#endif
