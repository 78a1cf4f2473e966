/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames on a channel: counted on both sides, and checked on arrival. */
#include "../../transport/link.h"

#include <errno.h>

#include "../support/tap.h"
#include "base/bytes.h"

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

static void test_pings(void)
{
	struct frame f = { .type = MESSAGE_PING, .sequence = 0 };
	uint8_t header[FRAME_HEADER_SIZE], buf[64];

	open_links();
	link_ping(&tx);
	link_send(&tx, MESSAGE_CHECKPOINT, 0, "12345678", 8, &err);
	link_ping(&tx);
	link_ping(&tx);
	link_send(&tx, MESSAGE_BYE, 0, NULL, 0, &err);
	link_ping(&tx);
	is_int(atomic_load(&tx.sent_bytes), 5 * FRAME_HEADER_SIZE + 8, "behind the last word is no PING");
	ok(link_read_header(&rx, &f, &err) == 0 && f.type == MESSAGE_CHECKPOINT && f.sequence == 1 &&
	   link_read_payload(&rx, &f, buf, &err) == 0, "PINGs are counted, and not passed on");
	ok(link_read_header(&rx, &f, &err) == 0 && f.type == MESSAGE_BYE && f.sequence == 4,
	   "however many they are");
	is_int(atomic_load(&rx.received_bytes), 5 * FRAME_HEADER_SIZE + 8, "all bytes are counted");
	close_links();

	open_links();
	pthread_mutex_lock(&tx.send_lock);
	link_ping(&tx);
	pthread_mutex_unlock(&tx.send_lock);
	is_int(atomic_load(&tx.sent_bytes), 0, "who is sending needs no PING");
	f = (struct frame){ .type = MESSAGE_PING };
	frame_write(&f, "", header);
	put_le64(header + 24, 1);
	put_le64(header + 32, checksum64(header, 32));
	channel_write(a, header, sizeof header, &err);
	is_int(link_read_header(&rx, &f, &err), UNRACK_LOST, "a PING with another's checksum is damage");
	close_links();
}

static void not_ours(const char *text, size_t n, const char *quoted)
{
	char want[300];
	struct frame f;

	open_links();
	channel_write(a, text, n, &err);
	channel_shutdown(a);
	is_int(link_read_header(&rx, &f, &err), UNRACK_UNSUPPORTED, "%zu bytes of somebody else", n);
	snprintf(want, sizeof want, "the far side does not speak unrack's protocol; it %s", quoted);
	is_str(err.text, want, "are quoted");
	close_links();
}

static void test_not_ours(void)
{
	char line[400];
	struct frame f;

	not_ours("bash: unrack: command not found\n", 32, "says \"bash: unrack: command not found\"");
	not_ours("Ubuntu 24.04.1 LTS", 18, "says \"Ubuntu 24.04.1 LTS\"");
	not_ours("\r\n\n  Welcome\nto web01\n", 23, "says \"Welcome\"");
	not_ours("no", 2, "says \"no\"");
	not_ours("\n", 1, "sends bytes 0a");
	not_ours("\x1b[2J\x1b[31mevil\n", 14, "sends bytes 1b 5b 32 4a");
	not_ours("\x16\x03\x01", 3, "sends bytes 16 03 01");
	not_ours("caf\xc3\xa9 au lait", 13, "sends bytes 63 61 66 c3");
	memset(line, 'x', sizeof line);
	open_links();
	channel_write(a, line, sizeof line, &err);
	is_int(link_read_header(&rx, &f, &err), UNRACK_UNSUPPORTED, "nobody waits for the end of a line");
	is_int(strlen(err.text), strlen("the far side does not speak unrack's protocol; it says \"\"") + 200,
	       "that is quoted in part");
	close_links();

	open_links();
	channel_write(a, "URK", 3, &err);
	channel_shutdown(a);
	is_int(link_read_header(&rx, &f, &err), UNRACK_LOST, "the beginning of our own frame is a cut line");
	close_links();

	/* One that says something and waits, as for a password. */
	open_links();
	b->silence_ms = 10;
	channel_write(a, "Password: ", 10, &err);
	is_int(link_read_header(&rx, &f, &err), UNRACK_UNSUPPORTED, "what waits is quoted in the end");
	has_str(err.text, "it says \"Password: \"", "as it is");
	close_links();
}

/* The second dialogue of a channel counts from 0 again, but who speaks is known. */
static void test_second_dialogue(void)
{
	uint8_t damaged[FRAME_HEADER_SIZE] = "XRK1";
	struct frame f;

	open_links();
	link_send(&tx, MESSAGE_BYE, 0, NULL, 0, &err);
	is_int(link_read_header(&rx, &f, &err), 0, "frames have come");
	link_destroy(&rx);
	link_init(&rx, b);
	channel_write(a, damaged, sizeof damaged, &err);
	is_int(link_read_header(&rx, &f, &err), UNRACK_LOST, "a damaged first frame is no other program");
	has_str(err.text, "the stream is damaged: frame 0 does not begin as a frame does", "the sentence");
	close_links();
}

int main(void)
{
	test_frames();
	test_pings();
	test_not_ours();
	test_refused();
	test_second_dialogue();
	return tap_done();
}
