/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames on a channel: counted on both sides, and checked on arrival. */
#include "../../transport/link.h"

#include <errno.h>

#include "../support/tap.h"

static struct unrack_error err;
static struct channel *a, *b;
static struct link tx, rx;

static void open_links(void)
{
	if (channel_open_pair(&a, &b, &err) < 0)
		abort();
	link_init(&tx, a);
	link_init(&rx, b);
}

static void close_links(void)
{
	link_destroy(&tx);
	link_destroy(&rx);
	channel_close(a);
	channel_close(b);
}

static void test_frames(void)
{
	uint8_t frame[FRAME_HEADER_SIZE + 8], buf[64];
	struct unrack_error why, theirs;
	struct frame f;

	open_links();
	is_int(link_send(&tx, MESSAGE_CHECKPOINT, 2, "12345678", 8, &err), 0, "a frame is sent");
	memcpy(frame + FRAME_HEADER_SIZE, "abcdefgh", 8);
	is_int(link_send_in_place(&tx, MESSAGE_CHECKPOINT, 3, frame, 8, &err), 0, "and one in place");
	is_int(link_send(&tx, MESSAGE_BYE, 0, NULL, 0, &err), 0, "and one without payload");
	is_int(atomic_load(&tx.sent_bytes), 3 * FRAME_HEADER_SIZE + 16, "their bytes are counted");
	ok(link_read_header(&rx, &f, &err) == 0 && f.type == MESSAGE_CHECKPOINT && f.disk == 2 &&
	   f.length == 8, "the first arrives");
	ok(link_read_payload(&rx, &f, buf, &err) == 0 && memcmp(buf, "12345678", 8) == 0,
	   "with its payload");
	ok(link_read_header(&rx, &f, &err) == 0 && f.disk == 3, "the second arrives");
	ok(link_read_payload(&rx, &f, buf, &err) == 0 && memcmp(buf, "abcdefgh", 8) == 0,
	   "with its payload");
	ok(link_read_header(&rx, &f, &err) == 0 && f.type == MESSAGE_BYE &&
	   link_read_payload(&rx, &f, buf, &err) == 0, "the third arrives");
	error_set(&why, UNRACK_NOSPACE, "full");
	link_send_error(&tx, &why);
	ok(link_read_header(&rx, &f, &err) == 0 && f.type == MESSAGE_ERROR &&
	   link_read_payload(&rx, &f, buf, &err) == 0 &&
	   message_decode_error(buf, f.length, &theirs, &err) == 0 && theirs.code == UNRACK_NOSPACE,
	   "an error arrives with its code");
	close_links();
}

static void test_refused(void)
{
	uint8_t header[FRAME_HEADER_SIZE], buf[64];
	struct frame f = { .type = MESSAGE_ACK, .length = 17 }, got;

	open_links();
	frame_write(&f, "0123456789abcdefg", header);
	channel_write(a, header, sizeof header, &err);
	is_int(link_read_header(&rx, &got, &err), UNRACK_DAMAGED,
	       "a payload that is too long for its type is not waited for");
	close_links();

	open_links();
	f.length = 16;
	frame_write(&f, "0123456789abcdef", header);
	channel_write(a, header, sizeof header, &err);
	channel_write(a, "0123456789abcdeX", 16, &err);
	is_int(link_read_header(&rx, &got, &err), 0, "a good header");
	is_int(link_read_payload(&rx, &got, buf, &err), UNRACK_LOST, "with a changed payload is refused");
	close_links();

	open_links();
	channel_shutdown(a);
	is_int(link_read_header(&rx, &got, &err), UNRACK_LOST, "the end of the channel is an error");
	is_int(err.sys_errno, EPIPE, "which can be told from a cut");
	close_links();
}

int main(void)
{
	test_frames();
	test_refused();
	return tap_done();
}
