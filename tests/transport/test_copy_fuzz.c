/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A recorded session, changed at random, played to the receiver. It may fail in any way it
 * likes, but must come to an end, and must never call something a copy that is none.
 *
 * Half of the changes are what a bad line does: bytes flipped, cut, frames lost, repeated and
 * exchanged. The others are what a bad sender does: fields changed under good checksums. */
#include "copy.h"
#include "player.h"

#define SIZE 1400000u
#define FRAMES_MAX 32

static uint8_t *data;
static struct buf recorded;
static uint32_t state = 20261122;

/* --- Changes --- */
struct piece {
	size_t at, len;
};

static unsigned split(const struct buf *b, struct piece *f)
{
	unsigned n = 0;

	for (size_t at = 0; at < b->len && n < FRAMES_MAX; n++) {
		f[n].at = at;
		f[n].len = FRAME_HEADER_SIZE + get_le32(b->data + at + 8);
		at += f[n].len;
	}
	return n;
}

static void append(struct buf *out, const struct buf *from, struct piece p)
{
	if (buf_append(out, from->data + p.at, p.len) < 0)
		abort();
}

static void bad_line(struct buf *out)
{
	struct piece f[FRAMES_MAX];
	unsigned n = split(&recorded, f), what = copy_random(&state) % 4;
	unsigned a = copy_random(&state) % n, b = copy_random(&state) % n;

	if (what == 1) { /* lost, repeated or exchanged */
		unsigned how = copy_random(&state) % 3;

		for (unsigned i = 0; i < n; i++) {
			if (!(how == 0 && i == a))
				append(out, &recorded,
				       how == 2 && i == a   ? f[b]
				       : how == 2 && i == b ? f[a]
							    : f[i]);
			if (how == 1 && i == a)
				append(out, &recorded, f[b]);
		}
		return;
	}
	append(out, &recorded, (struct piece){ 0, recorded.len });
	if (what == 0) /* cut */
		out->len = copy_random(&state) % recorded.len;
	for (unsigned i = copy_random(&state) % 3 + 1; what > 1 && i > 0; i--) {
		/* Most bytes are compressed data; headers deserve their share. */
		size_t at = what == 2 ? f[a].at + copy_random(&state) % 64 : copy_random(&state);

		out->data[at % out->len] ^= (uint8_t)(1 << copy_random(&state) % 8);
	}
}

static void bad_sender(struct buf *out)
{
	static const uint64_t values[] = { 0, 1, 2, 16, 17, 255, 65535, 65536, UINT32_MAX, 1ull << 46,
					   1ull << 48, INT64_MAX, UINT64_MAX };
	struct piece f[FRAMES_MAX];
	unsigned n = split(&recorded, f), victim = copy_random(&state) % n;
	uint64_t sequence = 0;

	for (unsigned i = 0; i < n; i++) {
		struct frame h;
		uint8_t *p;

		append(out, &recorded, f[i]);
		p = out->data + out->len - f[i].len;
		h = (struct frame){ .type = p[4], .disk = get_le16(p + 6), .length = get_le32(p + 8),
				    .sequence = sequence++ };
		for (unsigned k = copy_random(&state) % 3 + 1; i == victim && k > 0; k--) {
			size_t at = h.length ? copy_random(&state) % min_u64(h.length, 64) : 0;
			uint64_t v = values[copy_random(&state) % ARRAY_LEN(values)];

			switch (copy_random(&state) % 6) {
			case 0:
				h.type = (uint8_t)(copy_random(&state) % (MESSAGE_TEXT + 2));
				break;
			case 1:
				h.disk ^= 1;
				break;
			case 2: /* a shorter payload; what follows it is no frame then */
				h.length = h.length ? copy_random(&state) % h.length : 5;
				break;
			case 3:
				if (h.length >= at + 8)
					put_le64(p + FRAME_HEADER_SIZE + at, v);
				break;
			case 4:
				if (h.length > 0)
					p[FRAME_HEADER_SIZE + copy_random(&state) % h.length] ^= 0x10;
				break;
			default:
				if (h.length >= at + 4)
					put_le32(p + FRAME_HEADER_SIZE + at, (uint32_t)v);
			}
		}
		frame_write(&h, p + FRAME_HEADER_SIZE, p);
		if (FRAME_HEADER_SIZE + h.length < f[i].len)
			out->len -= f[i].len - FRAME_HEADER_SIZE - h.length;
	}
}

static void play(const struct buf *in, struct copy *c, struct twin_io *twin)
{
	struct player p;
	struct copy_receiver_arg arg = { c, &p.channel };

	*c = (struct copy){ .io = twin_io(twin), .dir = "/m", .workers = -1,
			    .checkpoint_bytes = 4 * GRAIN_SIZE };
	player_open(&p, in);
	twin_io_quiet(twin);
	block_source_open_memory(data, SIZE, "src", &c->source[0], &c->receive_err);
	copy_fix_seed(c, 0);
	c->receive_err.text[0] = '\0';
	copy_receive(&arg);
	buf_free(&p.out);
	block_source_close(c->source[0]);
}

static void record(void)
{
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c = { .disks = 1, .io = twin_io(twin), .dir = "/m", .workers = -1 };

	block_source_open_memory(data, SIZE, "src", &c.source[0], &c.send_err);
	copy_fix_seed(&c, 0);
	copy_run(&c);
	recorded = c.wire;
	c.wire = (struct buf){ 0 };
	copy_free(&c);
	twin_io_free(twin);
}

int main(void)
{
	unsigned rounds = getenv("FUZZ_ROUNDS") ? (unsigned)atoi(getenv("FUZZ_ROUNDS")) : 1200;
	unsigned lies = 0, silent = 0, good = 0, failed = 0;
	struct twin_io *twin = twin_io_new(NULL);
	struct copy c;

	if (getenv("FUZZ_SEED"))
		state = (uint32_t)strtoul(getenv("FUZZ_SEED"), NULL, 0) | 1;
	data = copy_data(SIZE, COPY_TEXT, 3);
	memset(data + 3 * GRAIN_SIZE, 0, 17 * GRAIN_SIZE); /* a sparse GRAINS, a ZERO */
	record();
	play(&recorded, &c, twin);
	ok(c.received == 0 && copy_image_is(&c, twin, 0, data, SIZE), "an unchanged session is a copy");
	twin_io_free(twin);
	for (unsigned i = 0; i < rounds; i++) {
		CLEANUP_BUF struct buf in = { 0 };
		uint32_t before = state;

		if (i % 2)
			bad_line(&in);
		else
			bad_sender(&in);
		twin = twin_io_new(NULL);
		play(&in, &c, twin);
		good += c.received == 0;
		failed += c.received < 0;
		silent += c.received < 0 && c.receive_err.text[0] == '\0';
		if ((c.received == 0 || c.done_disks) && !copy_image_is(&c, twin, 0, data, SIZE)) {
			printf("# FUZZ_SEED=%u is a lie\n", before);
			lies++;
		}
		twin_io_free(twin);
	}
	is_int(lies, 0, "no changed session is taken for a copy that it is not");
	is_int(silent, 0, "every failure has a sentence");
	ok(failed > rounds / 2 && good > 0, "%u sessions fail, %u are harmless", failed, good);
	buf_free(&recorded);
	free(data);
	return tap_done();
}
