/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "play.h"

#include <errno.h>

#include "unrack/digest.h"

static void add(struct buf *b, const void *data, size_t n)
{
	if (n && buf_append(b, data, n) < 0)
		abort();
}

static void add_frame(struct play *p, unsigned type, uint8_t disk, struct buf *payload)
{
	struct frame f = { .type = (uint8_t)type, .disk = disk, .length = (uint32_t)payload->len,
			   .sequence = p->sequence++ };
	uint8_t header[FRAME_HEADER_SIZE];

	if ((type == MESSAGE_HELLO || type == MESSAGE_CALL || type == MESSAGE_READY) &&
	    payload->len >= 24)
		put_le64(payload->data + 16, checksum64(payload->data + 24, payload->len - 24));
	frame_write(&f, payload->len ? payload->data : (const uint8_t *)"", header);
	add(&p->stream, header, sizeof header);
	add(&p->stream, payload->data, payload->len);
}

/* The next step's bytes. False at the end of the program or of this connection. */
static bool next_step(struct play *p)
{
	unsigned step, type;
	uint8_t disk;
	struct fuzz_in arg;
	struct buf payload = { 0 };
	bool go_on = true;

	if (p->program.n == 0)
		return false;
	step = (unsigned)fuzz_take(&p->program, 1);
	type = step & PLAY_TYPE;
	disk = (uint8_t)fuzz_take(&p->program, 1);
	arg.n = fuzz_take(&p->program, 2);
	arg.p = p->program.p;
	if (arg.n > p->program.n)
		arg.n = p->program.n;
	p->program.p += arg.n;
	p->program.n -= arg.n;
	if (step & PLAY_RAW) {
		add(&p->stream, arg.p, arg.n);
		return true;
	}
	if (type == PLAY_HANG_UP)
		return false;
	if (step & PLAY_MADE)
		go_on = p->ops->make && p->ops->make(p, type, &disk, &arg, &payload);
	else
		add(&payload, arg.p, arg.n);
	if (go_on && p->ops->played)
		p->ops->played(p, type, &payload);
	if (go_on)
		add_frame(p, type, disk, &payload);
	buf_free(&payload);
	return go_on;
}

static int over(struct unrack_error *err, int errnum)
{
	error_set(err, UNRACK_LOST, "the program ends here");
	err->sys_errno = errnum;
	return UNRACK_LOST;
}

static int play_read(struct channel *c, void *buf, size_t n, struct unrack_error *err)
{
	struct play *p = c->ctx;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (p->at == p->stream.len) {
		buf_clear(&p->stream);
		p->at = 0;
	}
	while (!p->down && !p->deaf && p->stream.len - p->at < n && next_step(p))
		;
	if (p->down || p->deaf) {
		r = over(err, ECANCELED);
	} else if (p->stream.len - p->at < n) {
		r = over(err, p->stream.len == p->at ? EPIPE : ECONNRESET);
	} else {
		memcpy(buf, p->stream.data + p->at, n);
		p->at += n;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* What the code under test sends must be right whatever it was sent. */
static void hear_frames(struct play *p)
{
	size_t at = 0;

	while (p->written.len - at >= FRAME_HEADER_SIZE) {
		const uint8_t *b = p->written.data + at;
		struct unrack_error err;
		struct frame f;

		fuzz_check(frame_parse(b, p->heard, &f, &err) == 0);
		fuzz_check(message_check_frame(&f, &err) == 0);
		if (p->written.len - at < FRAME_HEADER_SIZE + f.length)
			break;
		fuzz_check(frame_check_payload(&f, b + FRAME_HEADER_SIZE, &err) == 0);
		p->heard++;
		if (p->ops->heard)
			p->ops->heard(p, &f, b + FRAME_HEADER_SIZE);
		at += FRAME_HEADER_SIZE + f.length;
	}
	if (at == 0)
		return;
	memmove(p->written.data, p->written.data + at, p->written.len - at);
	p->written.len -= at;
	pthread_cond_broadcast(&p->changed);
}

static int play_write(struct channel *c, const void *buf, size_t n, struct unrack_error *err)
{
	struct play *p = c->ctx;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (p->down) {
		r = over(err, ECANCELED);
	} else {
		add(&p->written, buf, n);
		hear_frames(p);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void play_shutdown(struct channel *c)
{
	struct play *p = c->ctx;

	pthread_mutex_lock(&p->lock);
	p->down = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void play_stop_reading(struct channel *c)
{
	struct play *p = c->ctx;

	pthread_mutex_lock(&p->lock);
	p->deaf = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void play_close(struct channel *c)
{
	(void)c;
}

static const struct channel_ops play_channel_ops = { .read = play_read, .write = play_write,
						     .shutdown = play_shutdown,
						     .close = play_close,
						     .stop_reading = play_stop_reading };

void play_open(struct play *p, const struct play_ops *ops, void *ctx, struct fuzz_in program)
{
	memset(p, 0, sizeof *p);
	p->channel.ops = &play_channel_ops;
	p->channel.ctx = p;
	p->ops = ops;
	p->ctx = ctx;
	p->program = program;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
}

void play_again(struct play *p)
{
	buf_clear(&p->stream);
	buf_clear(&p->written);
	p->at = 0;
	p->sequence = p->heard = 0;
	p->down = p->deaf = false;
}

void play_free(struct play *p)
{
	buf_free(&p->stream);
	buf_free(&p->written);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
}
