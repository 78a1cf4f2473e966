/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the codecs of messages share. */
#ifndef TRANSPORT_MESSAGE_PARTS_H
#define TRANSPORT_MESSAGE_PARTS_H

#include "unrack/message.h"

/* "a HELLO came that is not valid: WHAT", UNRACK_DAMAGED. */
int message_bad(struct unrack_error *err, unsigned type, const char *what);

/* UNRACK_DAMAGED unless N is WANT. */
int message_check_size(size_t n, size_t want, unsigned type, struct unrack_error *err);

/* Grain numbers of the largest disk, so that sums of two never wrap. */
#define MESSAGE_GRAIN_LAST (MESSAGE_DISK_BYTES_MAX / GRAIN_SIZE)

/* No control characters, which would let the far side write to our terminal; LINES: newlines
 * are fine. */
bool message_is_plain(const void *text, size_t n, bool lines);

/* N bytes, of which the last one, and no other, is a NUL. */
bool message_is_string(const uint8_t *p, uint64_t n);
/* The same of an identity's text: also plain, in lines, and not longer than one may be. */
bool message_is_identity(const uint8_t *p, uint64_t n);

/* Of what stands before the strings. */
#define MESSAGE_CALL_SIZE 72u
#define MESSAGE_READY_SIZE 76u
#define MESSAGE_OFFER_SIZE 24u
#define MESSAGE_MAP_SIZE 8u
#define MESSAGE_RUN_SIZE 16u
#define MESSAGE_DIGESTS_SIZE 16u
#define MESSAGE_LOST_SIZE 16u

/* HELLO, CALL and READY begin with magic, version, 0, and the checksum of what follows. */
#define MESSAGE_INTRO_SIZE 24u
/* Once the rest of the N bytes is there. */
void message_put_intro(uint8_t *out, uint32_t version, size_t n);
/* LEAST: a message of this type is not shorter. */
int message_check_intro(const uint8_t *p, size_t n, size_t least, unsigned type,
			struct unrack_error *err);

#endif
