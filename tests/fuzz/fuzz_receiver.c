/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* receiver_run against a sender that does what the input says: 0:1 faults of the storage (bit 0:
 * one, bits 1 to 4 of what, bit 5: and onwards), bit 6: PINGs, bit 7: it is told to stop, 1:1 at
 * which call, or after which of its frames, 2:1 what becomes of complete disks; then a program
 * (play.h). Each time that it hangs up a new session continues with the same storage.
 *
 * Made are: OPEN from 0:4 bytes 4:1 identity 5:1 state 6:1 flags; MAP from 0:1 flags, then for each
 * run 1 gap, 1 length; GRAINS and DELTA from 0:1 distance from the grain that is due, 1:1 span,
 * 2:2 bits of the places that are listed, 4:1 content; ZERO, SAME, WANT and CHECKPOINT from 0:1
 * distance, 1:2 count; END from bytes that change a right one.
 *
 * Whatever comes, a disk that is declared complete holds what was sent, and its whole digest is
 * that of its contents. What the receiver says of its image is so. */
#include "play.h"

#include "../support/twins.h"
#include "unrack/deflate.h"
#include "unrack/digest_table.h"
#include "unrack/receiver.h"

#define DISKS 3u
#define GRAINS 64u

#define AS_IT_WAS (-1)

struct state {
	struct twin_io *twin;
	uint64_t bytes[DISKS];
	int held[DISKS][GRAINS]; /* content, 0: zeros, AS_IT_WAS: see below */
	struct deflate *deflate;
	enum receiver_again again;
	/* The disk under way, once it is accepted: */
	bool open, delta;
	uint8_t *image;          /* of a delta pass: what was there before */
	size_t image_size;
	uint64_t told;           /* in DIGESTS, up to where */
	unsigned disk;
	uint64_t due, first, data_grains;
	struct digest_key key;
	struct digest_stream *session;
	char path[DISKS][5][32];
	unsigned stop_after, said;
	atomic_bool stop;
};

enum { IMAGE, DESCRIPTOR, JOURNAL, DIGESTS, MAP };

/* Valid bytes of grain G are the content's, or what was in the image, the rest zeros. */
static void fill(const struct state *s, unsigned disk, uint64_t g, int content,
		 uint8_t data[GRAIN_SIZE])
{
	uint32_t n = grain_bytes(s->bytes[disk], g);

	memset(data, 0, GRAIN_SIZE);
	if (content == AS_IT_WAS) {
		fuzz_check(s->image && g * GRAIN_SIZE + n <= s->image_size);
		memcpy(data, s->image + g * GRAIN_SIZE, n);
		return;
	}
	for (uint32_t i = 0; content && i < n; i++)
		data[i] = (uint8_t)(content + (i % 7 == 0 ? g : i % 5));
}

/* Zeros have none. */
static struct digest digest_of(const struct state *s, unsigned disk, uint64_t g)
{
	struct digest d = { { 0 } };
	uint8_t data[GRAIN_SIZE];

	fill(s, disk, g, s->held[disk][g], data);
	if (!is_zero(data, sizeof data))
		digest_grain(&s->key, data, GRAIN_SIZE, GRAIN_SIZE, &d);
	return d;
}

/* --- What is played ----------------------------------------------------------------------- */
static void append(struct buf *out, const void *p, size_t n)
{
	if (n && buf_append(out, p, n) < 0)
		abort();
}

static void append_number(struct buf *out, uint64_t v, size_t n)
{
	uint8_t le[8];

	put_le64(le, v);
	append(out, le, n);
}

static void make_open(struct fuzz_in *in, struct buf *out)
{
	uint64_t bytes = fuzz_take(in, 4), state;
	char strict[32];
	int n = snprintf(strict, sizeof strict, "mbr=%08x\n", (unsigned)fuzz_take(in, 1)) + 1;

	state = fuzz_take(in, 1);
	append_number(out, bytes, 8);
	append_number(out, (uint64_t)n, 4);
	append_number(out, 1, 4);
	append_number(out, state, 8);
	append_number(out, state, 8);
	append_number(out, fuzz_take(in, 1), 8);
	append(out, strict, (size_t)n);
	append(out, "", 1);
}

static void make_map(struct fuzz_in *in, struct buf *out)
{
	uint64_t flags = fuzz_take(in, 1), at = 0;

	append_number(out, in->n / 2, 4);
	append_number(out, flags, 4);
	while (in->n >= 2) {
		uint64_t gap = fuzz_take(in, 1), count = fuzz_take(in, 1);

		append_number(out, at + gap, 8);
		append_number(out, count, 8);
		at += gap + count;
	}
}

/* Grains that are not listed count as they are: in a delta pass. */
static void count_others(struct state *s, uint64_t first, uint64_t count)
{
	for (uint64_t g = first; g < first + count && g < grain_count(s->bytes[s->disk]); g++) {
		struct digest d = digest_of(s, s->disk, g);

		if (digest_is_zero(&d))
			continue;
		s->data_grains++;
		digest_whole_add(s->session, g, &d);
	}
}

static void make_grains(struct state *s, unsigned type, struct fuzz_in *in, struct buf *out)
{
	uint64_t first = s->due + (uint64_t)(int8_t)fuzz_take(in, 1);
	unsigned span = (unsigned)fuzz_take(in, 1) % MESSAGE_GRAINS_MAX + 1;
	unsigned places = (unsigned)fuzz_take(in, 2);
	int content = (int)fuzz_take(in, 1);
	struct message_grains_writer w;
	uint8_t data[GRAIN_SIZE], *made = malloc(MESSAGE_GRAINS_LIMIT);

	if (!made)
		abort();
	message_grains_begin(&w, made, first, (uint16_t)span);
	for (uint16_t i = 0; i < MESSAGE_GRAINS_MAX; i++) {
		bool due = s->open && first == s->due && i < span; /* else it will be refused */
		struct digest digest = { { 0 } };
		uint64_t g = first + i;
		size_t n = 0;

		if (!(places >> i & 1) && due && s->delta)
			count_others(s, g, 1);
		if (!(places >> i & 1) || !s->open || g >= grain_count(s->bytes[s->disk]))
			continue;
		fill(s, s->disk, g, content, data);
		if (content || type != MESSAGE_DELTA) {
			digest_grain(&s->key, data, GRAIN_SIZE, GRAIN_SIZE, &digest);
			n = deflate_grain(s->deflate, data, message_grains_room(&w));
		}
		message_grains_add(&w, i, (uint32_t)n, &digest);
		if (!due)
			continue;
		s->held[s->disk][g] = content;
		if (n == 0)
			continue;
		s->data_grains++;
		digest_whole_add(s->session, g, &digest);
	}
	append(out, made, message_grains_end(&w));
	free(made);
}

static void make_range(struct state *s, unsigned type, struct fuzz_in *in, struct buf *out)
{
	uint64_t first = s->due + (uint64_t)(int8_t)fuzz_take(in, 1), count = fuzz_take(in, 2);

	append_number(out, first, 8);
	append_number(out, count, 8);
	if (type == MESSAGE_SAME && s->open && s->delta && first == s->due)
		count_others(s, first, count);
}

static void make_end(struct state *s, struct fuzz_in *in, struct buf *out)
{
	struct digest digest = { { 0 } };

	if (s->open)
		digest_stream_end(s->session, &digest);
	append_number(out, s->first, 8);
	append_number(out, s->data_grains, 8);
	append(out, digest.b, sizeof digest.b);
	for (size_t i = 0; i < out->len && in->n; i++)
		out->data[i] ^= (uint8_t)fuzz_take(in, 1);
}

static bool make(struct play *p, unsigned type, uint8_t *disk, struct fuzz_in *in, struct buf *out)
{
	struct state *s = p->ctx;
	uint64_t at = s->due;

	(void)disk;
	switch (type) {
	case MESSAGE_HELLO:
		append(out, "unrack\r\n\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x11\0", 36);
		append_number(out, fuzz_take(in, 1), 4);
		append_number(out, 0, 4);
		break;
	case MESSAGE_OPEN:
		make_open(in, out);
		break;
	case MESSAGE_MAP:
		make_map(in, out);
		break;
	case MESSAGE_GRAINS:
	case MESSAGE_DELTA:
		make_grains(s, type, in, out);
		break;
	case MESSAGE_ZERO:
	case MESSAGE_SAME:
	case MESSAGE_WANT:
		make_range(s, type, in, out);
		break;
	case MESSAGE_CHECKPOINT:
		append_number(out, at + (uint64_t)(int8_t)fuzz_take(in, 1), 8);
		break;
	case MESSAGE_END:
		make_end(s, in, out);
		break;
	default:
		return false;
	}
	return true;
}

/* Keeps account of what the receiver must take, if it does not refuse it. */
static void played_grains(struct state *s, unsigned type, const struct buf *payload)
{
	uint64_t end = s->due + get_le16(payload->data + 8);
	struct unrack_error err;
	struct message_grains m;

	if (end > grain_count(s->bytes[s->disk]) || (type == MESSAGE_DELTA) != s->delta ||
	    message_decode_grains(type, payload->data, payload->len, &m, &err) < 0)
		return;
	for (uint64_t g = s->due, i = 0; g < end; g++)
		if (i < m.count && m.first + m.grain[i].place == g)
			i++;
		else if (!s->delta)
			s->held[s->disk][g] = 0;
	s->due = end;
}

static void played(struct play *p, unsigned type, const struct buf *payload)
{
	struct state *s = p->ctx;
	struct unrack_error err;
	struct message_range z;

	if (!s->open)
		return;
	if ((type == MESSAGE_GRAINS || type == MESSAGE_DELTA) && payload->len >= 10 &&
	    get_le64(payload->data) == s->due) {
		played_grains(s, type, payload);
	} else if ((type == MESSAGE_ZERO || (type == MESSAGE_SAME && s->delta)) &&
		   message_decode_range(type, payload->data, payload->len, &z, &err) == 0 &&
		   z.first == s->due && z.count <= grain_count(s->bytes[s->disk]) - s->due) {
		for (; z.count; z.count--, s->due++)
			if (type == MESSAGE_ZERO)
				s->held[s->disk][s->due] = 0;
	}
}

/* The image as it is before anything of this pass comes: the writer is not there yet. */
static void look_at_image(struct state *s, const struct message_accept *a)
{
	uint8_t *image = twin_io_get(s->twin, s->path[s->disk][IMAGE], &s->image_size);

	fuzz_check(image && s->image_size == round_up(s->bytes[s->disk], 512));
	free(s->image);
	s->image = image;
	for (uint64_t g = 0; g < grain_count(s->bytes[s->disk]); g++) {
		if (g >= a->next_grain || s->held[s->disk][g] == AS_IT_WAS)
			s->held[s->disk][g] = AS_IT_WAS;
	}
	s->told = a->next_grain;
}

static void heard_digests(struct state *s, const uint8_t *payload, size_t n)
{
	struct message_digests m;
	struct unrack_error err;

	fuzz_check(s->open && s->delta && message_decode_digests(payload, n, &m, &err) == 0);
	fuzz_check(m.first >= s->told && m.count <= grain_count(s->bytes[s->disk]) - m.first);
	for (uint64_t i = 0; i < m.count; i++) {
		struct digest is = { { 0 } };
		uint8_t data[GRAIN_SIZE];

		fill(s, s->disk, m.first + i, AS_IT_WAS, data);
		if (!is_zero(data, sizeof data))
			digest_grain(&s->key, data, GRAIN_SIZE, GRAIN_SIZE, &is);
		if (m.digest)
			fuzz_check(memcmp(m.digest + i * DIGEST_SIZE, is.b, DIGEST_SIZE) == 0);
		else
			fuzz_check(digest_is_zero(&is));
	}
	s->told = m.first + m.count;
}

static void heard(struct play *p, const struct frame *f, const uint8_t *payload)
{
	struct state *s = p->ctx;
	struct message_accept a;
	struct message_ack ack;
	struct unrack_error err;

	if (s->stop_after && ++s->said >= s->stop_after)
		atomic_store(&s->stop, true);
	if (f->type == MESSAGE_ACCEPT) {
		fuzz_check(f->disk < DISKS && message_decode_accept(payload, f->length, &a, &err) == 0);
		fuzz_check(a.next_grain <= grain_count(s->bytes[f->disk]));
		s->disk = f->disk;
		s->due = s->first = a.next_grain;
		s->data_grains = 0;
		s->open = !a.complete;
		s->delta = a.delta;
		digest_key_init(&s->key, a.seed);
		if (a.delta)
			look_at_image(s, &a);
		digest_stream_free(s->session);
		s->session = digest_stream_new(&s->key);
		digest_whole_begin(s->session, s->bytes[s->disk]);
	} else if (f->type == MESSAGE_DIGESTS) {
		heard_digests(s, payload, f->length);
	} else if (f->type == MESSAGE_ACK) {
		fuzz_check(message_decode_ack(payload, f->length, &ack, &err) == 0);
		fuzz_check(ack.next_grain <= s->due && ack.next_grain >= s->first);
	} else if (f->type == MESSAGE_DONE || f->type == MESSAGE_HELLO) {
		s->open = false;
	}
}

/* --- The receiver's host ------------------------------------------------------------------ */
static int place(void *ctx, const struct receiver_offer *offer, struct receiver_place *where,
		 struct unrack_error *err)
{
	struct state *s = ctx;
	unsigned d = offer->disk;

	if (d >= DISKS || grain_count(offer->id.bytes) > GRAINS)
		return error_set(err, UNRACK_UNSAFE, "no place for that");
	/* Another size is another disk, which the journal tells. */
	if (!s->bytes[d])
		s->bytes[d] = offer->id.bytes;
	*where = (struct receiver_place){ .number = (int)d, .format = DISK_FLAT,
					  .image = s->path[d][IMAGE],
					  .descriptor = s->path[d][DESCRIPTOR],
					  .extent = "d-flat.vmdk", .journal = s->path[d][JOURNAL],
					  .digests = s->path[d][DIGESTS], .map = s->path[d][MAP],
					  .again = s->again };
	return 0;
}

static int disk_done(void *ctx, const struct receiver_place *where,
		     const struct journal_point *point, struct unrack_error *err)
{
	struct state *s = ctx;
	unsigned d = (unsigned)where->number;
	uint8_t want[GRAIN_SIZE], *image;
	struct digest_stream *all = digest_stream_new(&s->key);
	struct digest digest;
	size_t n;

	(void)err;
	fuzz_check(point->complete && point->next_grain == grain_count(s->bytes[d]));
	image = twin_io_get(s->twin, where->image, &n);
	fuzz_check(image && n == round_up(s->bytes[d], 512));
	digest_whole_begin(all, s->bytes[d]);
	for (uint64_t g = 0; g < point->next_grain; g++) {
		fill(s, d, g, s->held[d][g], want);
		fuzz_check(memcmp(image + g * GRAIN_SIZE, want, grain_bytes(s->bytes[d], g)) == 0);
		if (is_zero(want, GRAIN_SIZE))
			continue;
		digest_grain(&s->key, want, GRAIN_SIZE, GRAIN_SIZE, &digest);
		digest_whole_add(all, g, &digest);
	}
	digest_stream_end(all, &digest);
	fuzz_check(memcmp(&digest, &point->whole, sizeof digest) == 0);
	digest_stream_free(all);
	free(image);
	return 0;
}

/* --- One input ---------------------------------------------------------------------------- */
static void set_fault(struct state *s, unsigned faults, unsigned nth)
{
	struct twin_fault f = { .op = (enum twin_op)((faults >> 1 & 15) % TWIN_OPS), .nth = nth + 1u,
				.onwards = faults & 32, .errnum = nth % 2 ? 28 : 5 };

	if (faults & 1)
		twin_io_fault(s->twin, f);
}

static void name_files(struct state *s)
{
	static const char *const name[] = { "/m/d%u-flat.vmdk", "/m/d%u.vmdk", "/m/d%u.journal",
					    "/m/d%u.digests", "/m/d%u.map" };

	for (unsigned d = 0; d < DISKS; d++)
		for (unsigned i = 0; i < ARRAY_LEN(name); i++)
			snprintf(s->path[d][i], sizeof s->path[d][i], name[i], d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct play_ops ops = { make, played, heard };
	struct fuzz_in in = { data, size };
	unsigned faults = (unsigned)fuzz_take(&in, 1), nth = (unsigned)fuzz_take(&in, 1);
	struct state s = { .again = (enum receiver_again)(fuzz_take(&in, 1) % 3),
			   .twin = twin_io_new(NULL), .deflate = deflate_open(DEFLATE_LIBDEFLATE),
			   .stop_after = faults & 128 ? nth + 1 : 0 };
	struct log log = { .stop = &s.stop };
	struct receiver_host host = { .place = place, .disk_done = disk_done, .ctx = &s };
	struct receiver_options opt = { .io = twin_io(s.twin), .log = &log, .checkpoint_bytes = 4 * GRAIN_SIZE,
					.workers = -1 };
	struct receiver_result res;
	struct play p;

	name_files(&s);
	twin_io_quiet(s.twin);
	set_fault(&s, faults, nth);
	play_open(&p, &ops, &s, in);
	p.channel.silence_ms = faults & 64 ? 1000 : 0;
	for (unsigned i = 0; i < 8 && (i == 0 || p.program.n); i++) {
		struct unrack_error err = UNRACK_ERROR_INIT;
		int r = receiver_run(&p.channel, &host, &opt, &res, &err);

		fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
		twin_io_heal(s.twin);
		s.stop_after = 0;
		atomic_store(&s.stop, false);
		play_again(&p);
	}
	play_free(&p);
	digest_stream_free(s.session);
	free(s.image);
	deflate_close(s.deflate);
	twin_io_free(s.twin);
	return 0;
}
