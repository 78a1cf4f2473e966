/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: how the bytes of a channel are cut into checked pieces. Bytes in, struct or
 * error out; nothing here reads or writes a channel. All integers are little-endian.
 *
 *	offset size
 *	     0    4  magic "URK1"
 *	     4    1  type (message.h)
 *	     5    1  flags: 0, others are for features to come
 *	     6    2  disk: the sender's index of it, 0 where no disk is meant
 *	     8    4  length of the payload that follows the header
 *	    12    4  0
 *	    16    8  sequence number: counts the frames of one direction from 0
 *	    24    8  checksum64 of the payload
 *	    32    8  checksum64 of the 32 bytes above
 *
 * The header is checked before its length is believed. It holds the payload's checksum
 * and place, so a payload behind another header, a frame that is missing, repeated or out
 * of order are all found. Checksums find accidents; against an attacker on the line there
 * is ssh. */
#ifndef UNRACK_FRAME_H
#define UNRACK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/error.h"

#define FRAME_HEADER_SIZE 40u
#define FRAME_MAGIC_SIZE 4u
/* The largest payload that we send or take; HELLO tells the other side. */
#define FRAME_PAYLOAD_MAX (1088u << 10)

struct frame {
	uint8_t type;
	uint16_t disk;
	uint32_t length;
	uint64_t sequence;
	uint64_t payload_sum;
};

/* Fills HEADER for PAYLOAD (f->length bytes); sets f->payload_sum. */
void frame_write(struct frame *f, const void *payload, uint8_t header[FRAME_HEADER_SIZE]);

/* SEQUENCE is the number that this frame must have. Errors: UNRACK_UNSUPPORTED when these
 * are not our frames at all (the sentence quotes what came instead), UNRACK_LOST when they
 * are, but damaged or not the one that is due: this connection is of no more use. */
int frame_parse(const uint8_t header[FRAME_HEADER_SIZE], uint64_t sequence, struct frame *f,
		struct unrack_error *err);
/* Do these bytes, at least one and as many as there are, begin a frame? */
bool frame_begins(const void *bytes, size_t n);
/* UNRACK_UNSUPPORTED: the N bytes (at least one) that came where the first frame is due, quoted. */
int frame_refuse(const void *bytes, size_t n, struct unrack_error *err);
int frame_check_payload(const struct frame *f, const void *payload, struct unrack_error *err);

#endif
