/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The receiver against senders that do not keep to the protocol, and places that it must not
 * write to. The sender here is a script of frames. */
#include "receiver_rig.h"

static void gap(struct rig *r)
{
	send_grains(r, 0, 2, 'a');
	send_grains(r, 3, 2, 'a');
}

static void repeated(struct rig *r)
{
	send_grains(r, 0, 2, 'a');
	send_grains(r, 1, 2, 'b');
}

static void behind_end(struct rig *r)
{
	send_grains(r, 0, 6, 'a');
}

static void zero_behind_end(struct rig *r)
{
	send_zero(r, 0, 6);
}

static void early_end(struct rig *r)
{
	send_grains(r, 0, 4, 'a');
	send_end(r, 0);
}

static void wrong_count(struct rig *r)
{
	send_grains(r, 0, 5, 'a');
	send_end(r, 1);
}

static void wrong_session(struct rig *r)
{
	struct digest d = { { 1 } };

	send_grains(r, 0, 5, 'a');
	digest_whole_add(r->session, 5, &d);
	send_end(r, 0);
}

static void wrong_digest(struct rig *r)
{
	r->key.secret[0] ^= 1;
	send_grains(r, 0, 5, 'a');
	send_end(r, 0);
}

/* The last grain is short: what stands behind the disk's end is not zero. */
static void long_tail(struct rig *r)
{
	struct message_grains_writer w;
	uint8_t grain[GRAIN_SIZE];
	struct digest d;

	send_grains(r, 0, 4, 'a');
	memset(grain, 'x', sizeof grain);
	digest_grain(&r->key, grain, GRAIN_SIZE, GRAIN_SIZE, &d);
	message_grains_begin(&w, payload, 4, 1);
	message_grains_add(&w, 0,
			   (uint32_t)deflate_grain(r->deflate, grain, message_grains_room(&w)), &d);
	tell(r, MESSAGE_GRAINS, 0, message_grains_end(&w));
}

static void not_zlib(struct rig *r)
{
	struct message_grains_writer w;
	struct digest d = { { 0 } };

	message_grains_begin(&w, payload, 0, 1);
	memset(message_grains_room(&w), 0xff, 100);
	message_grains_add(&w, 0, 100, &d);
	tell(r, MESSAGE_GRAINS, 0, message_grains_end(&w));
}

static void other_disk(struct rig *r)
{
	struct message_range m = { 0, 1 };

	tell(r, MESSAGE_ZERO, 1, message_encode_range(&m, payload));
}

static void second_open(struct rig *r)
{
	struct message_open m = { .bytes = SIZE, .strict = "", .advisory = "" };

	tell(r, MESSAGE_OPEN, 0, message_encode_open(&m, payload));
}

static void damaged(struct rig *r)
{
	uint8_t header[FRAME_HEADER_SIZE] = "URK1";

	send_grains(r, 0, 3, 'a');
	channel_write(r->near, header, sizeof header, &err);
}

static void other_dialogue(struct rig *r)
{
	tell(r, MESSAGE_READY, 0, 0);
}

static void wrong_checkpoint(struct rig *r)
{
	struct message_checkpoint m = { 1ull << 60 };

	tell(r, MESSAGE_CHECKPOINT, 0, message_encode_checkpoint(&m, payload));
}

static void their_error(struct rig *r)
{
	struct unrack_error m;
	uint32_t n;

	send_grains(r, 0, 3, 'a');
	error_set(&m, UNRACK_IO, "can't read /dev/sda");
	tell(r, MESSAGE_ERROR, 0, message_encode_error(&m, payload));
	is_int(hear(r, &n), MESSAGE_ACK, "what had arrived is made durable");
	is_int(get_le64(payload), 3, "all of it");
	is_int(hear(r, &n), MESSAGE_BYE, "and the sender may go");
}

static void test_streams(void)
{
	after_open(good, UNRACK_OK, "", "a sender that keeps to the protocol is served");
	after_open(gap, UNRACK_DAMAGED, "grains 3 to 4 of disk 0 where 2 of 5 is due",
		   "a gap is refused");
	after_open(repeated, UNRACK_DAMAGED, "grains 1 to 2 of disk 0 where 2 of 5 is due",
		   "a range that comes twice is refused");
	after_open(behind_end, UNRACK_DAMAGED, "grains 0 to 5 of disk 0 where 0 of 5 is due",
		   "data behind the end is refused");
	after_open(zero_behind_end, UNRACK_DAMAGED, "where 0 of 5 is due",
		   "zeros behind the end are refused");
	after_open(early_end, UNRACK_DAMAGED, "ended disk 0 at grain 4 of 5",
		   "an early END is refused");
	after_open(wrong_count, UNRACK_IO, "not what the sender counted", "a wrong count is noticed");
	after_open(wrong_session, UNRACK_IO, "not what the sender counted",
		   "a wrong digest of the session is noticed");
	after_open(wrong_digest, UNRACK_IO,
		   "the data of disk 0 at byte 0 arrived damaged: its digest is not the one",
		   "a wrong digest of a grain is noticed");
	after_open(long_tail, UNRACK_IO, "the data of disk 0 at byte 262144 arrived damaged",
		   "data behind the end of a short grain is noticed");
	after_open(not_zlib, UNRACK_IO, "arrived damaged: its compressed bytes are damaged",
		   "what does not inflate is noticed");
	after_open(other_disk, UNRACK_DAMAGED, "a ZERO for disk 1 within disk 0",
		   "a frame of another disk is refused");
	after_open(second_open, UNRACK_DAMAGED, "a OPEN within disk 0",
		   "a disk within a disk is refused");
	after_open(damaged, UNRACK_LOST,
		   "the connection to the sender was lost (the stream is damaged: the checksum of frame "
		   "4's header is wrong); 196608 of 300000 bytes of disk 0 are safe",
		   "a damaged frame ends the connection");
	after_open(other_dialogue, UNRACK_DAMAGED, "a READY within disk 0",
		   "the call is over when the copy begins");
	after_open(wrong_checkpoint, UNRACK_DAMAGED, "but stands at 0",
		   "a checkpoint for another position is refused");
}

static void test_their_error(void)
{
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	hello(&r, 1);
	open_disk(&r, 0, SIZE, "mbr=1\n");
	their_error(&r);
	channel_close(r.near);
	pthread_join(r.thread, NULL);
	is_int(r.c.received, UNRACK_IO, "the sender's error is the receiver's");
	is_str(r.c.receive_err.text, "the sender gave up: can't read /dev/sda", "with its sentence");
	link_destroy(&r.link);
	digest_stream_free(r.session);
	rig_close(&r);
}

static void test_handshake(void)
{
	struct message_hello m = { .version = 2, .payload_max = FRAME_PAYLOAD_MAX, .disks = 1 };
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	tell(&r, MESSAGE_HELLO, 0, message_encode_hello(&m, payload));
	rig_end(&r, UNRACK_UNSUPPORTED, "one side speaks version 2 of the protocol",
		"another version is refused");

	rig_start(&r);
	tell(&r, MESSAGE_BYE, 0, 0);
	rig_end(&r, UNRACK_DAMAGED, "a BYE where HELLO is due", "HELLO comes first");

	m.version = 1;
	m.disks = 0;
	rig_start(&r);
	tell(&r, MESSAGE_HELLO, 0, message_encode_hello(&m, payload));
	rig_end(&r, UNRACK_DAMAGED, "has 0 disks", "a session without disks is refused");

	rig_start(&r);
	hello(&r, 1);
	open_disk(&r, 1, SIZE, "");
	rig_end(&r, UNRACK_DAMAGED, "the sender offers disk 1 where disk 0 of 1 is due",
		"disks come in order");

	rig_start(&r);
	hello(&r, 1);
	send_zero(&r, 0, 1);
	rig_end(&r, UNRACK_DAMAGED, "a ZERO where a disk is due", "there is no data without a disk");

	rig_start(&r);
	hello(&r, 1);
	tell(&r, MESSAGE_GRAINS, 0, 100);
	rig_end(&r, UNRACK_DAMAGED, "data without a disk", "of any kind");

	rig_start(&r);
	hello(&r, 1);
	tell(&r, MESSAGE_TEXT, 0, 100);
	rig_end(&r, UNRACK_DAMAGED, "a TEXT within a copy", "nor messages of the call");

	rig_start(&r);
	hello(&r, 1);
	channel_shutdown(r.near);
	r.cut = true;
	rig_end(&r, UNRACK_LOST, "the connection to the sender was lost (the far side closed the "
		"connection); run the same command again", "a line may be cut between two disks");

	rig_start(&r);
	channel_write(r.near, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", 40, &err);
	rig_end(&r, UNRACK_UNSUPPORTED, "it says \"SSH-2.0-OpenSSH_9.2p1",
		"who speaks something else is quoted");

	rig_start(&r);
	hello(&r, 2);
	tell(&r, MESSAGE_BYE, 0, 0);
	rig_end(&r, UNRACK_INTERRUPTED, "stopped after 0 of 2 disks", "a sender may stop early");
	rig_close(&r);
}

static void offer(struct rig *r, const char *strict, int code, const char *text, const char *what)
{
	rig_start(r);
	hello(r, 1);
	open_disk(r, 0, SIZE, strict);
	rig_end(r, code, text, what);
}

static void test_places(void)
{
	struct rig r;
	uint8_t *kept;
	size_t n;

	rig_open(&r);
	twin_io_put(r.twin, "/m/d0-flat.vmdk", "precious", 8);
	offer(&r, "mbr=1\n", UNRACK_UNSAFE, "/m/d0-flat.vmdk exists, but no journal",
	      "an image that is not ours is refused");
	kept = twin_io_get(r.twin, "/m/d0-flat.vmdk", &n);
	ok(n == 8 && memcmp(kept, "precious", 8) == 0, "and stays as it is");
	ok(!twin_io_exists(r.twin, "/m/unrack/d0.journal"), "without a journal of ours");
	free(kept);
	r.c.io->ops->unlink(r.c.io->ctx, "/m/d0-flat.vmdk");

	rig_start(&r);
	hello(&r, 1);
	open_disk(&r, 0, SIZE, "mbr=1\n");
	send_grains(&r, 0, 3, 'a');
	channel_shutdown(r.near);
	r.cut = true;
	rig_end(&r, UNRACK_LOST, "196608 of 300000 bytes of disk 0 are safe", "a copy is begun");
	offer(&r, "mbr=2\n", UNRACK_UNSAFE, "another disk than the one offered for it",
	      "another disk is not written into it");
	has_str(r.c.receive_err.text, "mbr", "which says the difference");
	r.c.format = DISK_STREAM;
	offer(&r, "mbr=1\n", UNRACK_UNSAFE, "is of a copy in another format", "another format is refused");
	rig_close(&r);
}

/* The files of a copy that is under way, changed behind our back. */
static void test_changed_files(void)
{
	static const struct {
		const char *path;
		size_t keep; /* 0: the file is gone */
		int code;
		const char *text;
	} change[] = {
		{ "/m/d0-flat.vmdk", 0, UNRACK_DAMAGED,
		  "is missing, but its journal says that 196608" },
		{ "/m/d0-flat.vmdk", 196607, UNRACK_DAMAGED, "is shorter than the 196608 bytes" },
		{ "/m/unrack/d0.journal", 20, UNRACK_DAMAGED, "/m/unrack/d0.journal" },
		{ "/m/unrack/d0.journal", 0, UNRACK_UNSAFE, "no journal" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(change); i++) {
		struct rig r;
		uint8_t *file;
		size_t n;

		rig_open(&r);
		rig_start(&r);
		hello(&r, 1);
		open_disk(&r, 0, SIZE, "mbr=1\n");
		send_grains(&r, 0, 3, 'a');
		channel_shutdown(r.near);
		r.cut = true;
		rig_end(&r, UNRACK_LOST, "are safe", "a copy is begun");
		file = twin_io_get(r.twin, change[i].path, &n);
		r.c.io->ops->unlink(r.c.io->ctx, change[i].path);
		if (change[i].keep)
			twin_io_put(r.twin, change[i].path, file, change[i].keep);
		free(file);
		offer(&r, "mbr=1\n", change[i].code, change[i].text,
		      "a file that was changed is noticed");
		rig_close(&r);
	}
}

int main(void)
{
	test_streams();
	test_their_error();
	test_handshake();
	test_places();
	test_changed_files();
	return tap_done();
}
