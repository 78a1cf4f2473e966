/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/call.h"

#include <stdlib.h>
#include <string.h>

#include "heartbeat.h"
#include "message_parts.h"

struct call_waiting {
	struct link link;
	struct heartbeat heart;
};

int call_disk_set(struct call_disk *d, const char *name, int number, const struct identity *id,
		  struct unrack_error *err)
{
	int r;

	*d = (struct call_disk){ .number = number };
	d->name = strdup(name);
	r = d->name ? 0 : error_nomem(err);
	if (r == 0 && id && id->strict)
		r = identity_copy(&d->id, id, err);
	if (r < 0) {
		free(d->name);
		d->name = NULL;
	}
	return r;
}

static void free_disks(struct call_disk *disks, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(disks[i].name);
		identity_free(&disks[i].id);
	}
	free(disks);
}

void call_free(struct call *call)
{
	if (!call)
		return;
	free_disks(call->disks, call->n);
	free(call->path);
	*call = (struct call){ .n = 0 };
}

void call_answer_free(struct call_answer *answer)
{
	if (!answer)
		return;
	free_disks(answer->disks, answer->n);
	free(answer->text);
	*answer = (struct call_answer){ .n = 0 };
}

/* --- What both sides send and read -------------------------------------------------------- */

static int send_offers(struct link *l, const struct call_disk *disks, unsigned n, uint8_t *payload,
		       struct unrack_error *err)
{
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++) {
		const struct call_disk *d = &disks[i];
		struct message_offer m = { d->id.bytes, d->number, d->name,
					   d->id.strict ? d->id.strict : "",
					   d->id.advisory ? d->id.advisory : "" };
		size_t len = message_encode_offer(&m, payload);

		if (len == 0)
			return error_set(err, UNRACK_UNSUPPORTED,
					 "%.200s can't be named to the far side: its name or identity is "
					 "too long", d->name);
		r = link_send(l, MESSAGE_OFFER, (uint16_t)i, payload, len, err);
	}
	return r;
}

/* A frame of one of two types, or the far side's ERROR, as its own. PAYLOAD has
 * MESSAGE_CONTROL_MAX bytes; that of a TEXT is not read yet. */
static int read_due(struct link *l, enum message_type due, struct frame *f, uint8_t *payload,
		    struct unrack_error *err)
{
	struct unrack_error theirs;
	int r = link_read_header(l, f, err);

	if (r < 0)
		return r;
	if (f->type != due && f->type != MESSAGE_ERROR)
		return error_set(err, UNRACK_DAMAGED, "the far side sent a %s where a %s is due",
				 message_name(f->type), message_name(due));
	if (f->type == MESSAGE_TEXT)
		return 0;
	r = link_read_payload(l, f, payload, err);
	if (r < 0 || f->type != MESSAGE_ERROR)
		return r;
	r = message_decode_error(payload, f->length, &theirs, err);
	if (r == 0)
		*err = theirs;
	return err->code;
}

/* *DISKS has room for the N; *HAVE: how many are there to be freed. KNOWN: they come with their
 * identities. */
static int read_offers(struct link *l, struct call_disk *disks, unsigned n, bool known,
		       unsigned *have, uint8_t *payload, struct unrack_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		struct identity id = { 0 };
		struct message_offer m;
		struct frame f;
		int r = read_due(l, MESSAGE_OFFER, &f, payload, err);

		if (r == 0)
			r = message_decode_offer(payload, f.length, &m, err);
		if (r < 0)
			return r;
		if (f.disk != i)
			return error_set(err, UNRACK_DAMAGED,
					 "the far side offered disk %u where disk %u is due", f.disk, i);
		if (known && m.bytes == 0)
			return message_bad(err, MESSAGE_OFFER, "the disk has no size");
		if (!known && m.name[0] == '\0')
			return message_bad(err, MESSAGE_OFFER, "the disk that is wanted has no name");
		r = identity_init(&id, m.bytes, m.strict, m.advisory, err);
		if (r < 0)
			return r;
		if (identity_is_partial(&id)) {
			identity_free(&id);
			return message_bad(err, MESSAGE_OFFER, "no stream is copied over the network");
		}
		*have = i + 1;
		r = call_disk_set(&disks[i], m.name, m.number, &id, err);
		identity_free(&id);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_disks(unsigned n, struct call_disk **out, struct unrack_error *err)
{
	*out = n ? calloc(n, sizeof **out) : NULL;
	return n && !*out ? error_nomem(err) : 0;
}

/* --- Client ------------------------------------------------------------------------------- */

static int send_call(struct link *l, const struct call *call, uint8_t *payload,
		     struct unrack_error *err)
{
	struct message_call m = { .kind = call->kind, .features = MESSAGE_FEATURES,
				  .rate = call->rate, .flags = call->flags, .offers = call->n,
				  .silence_ms = call->silence_ms, .path = call->path ? call->path : "",
				  .max_bad = call->max_bad, .format = call->format,
				  .streams = call->streams };
	size_t len = message_encode_call(&m, payload);
	int r;

	if (len == 0)
		return error_set(err, UNRACK_USAGE, "the path on the far side is longer than the %u bytes "
				 "that one may have: %.200s...", MESSAGE_PATH_MAX - 1, call->path);
	r = link_send(l, MESSAGE_CALL, 0, payload, len, err);
	return r < 0 ? r : send_offers(l, call->disks, call->n, payload, err);
}

static int read_text(struct link *l, struct call_answer *answer, uint8_t *payload,
		     struct unrack_error *err)
{
	struct frame f;
	int r = read_due(l, MESSAGE_TEXT, &f, payload, err);

	if (r < 0)
		return r;
	answer->text = malloc(f.length + 1);
	if (!answer->text)
		return error_nomem(err);
	r = link_read_payload(l, &f, answer->text, err);
	if (r < 0)
		return r;
	answer->text[f.length] = '\0';
	if (!message_is_plain(answer->text, f.length, true))
		return message_bad(err, MESSAGE_TEXT, "it has control characters");
	return 0;
}

static int read_answer(struct link *l, const struct call *call, struct call_answer *answer,
		       uint8_t *payload, struct unrack_error *err)
{
	unsigned due = call->kind == CALL_SEND ? call->n : 0;
	struct message_ready ready = { 0 };
	struct frame f;
	int r = read_due(l, MESSAGE_READY, &f, payload, err);

	if (r == 0)
		r = message_decode_ready(payload, f.length, &ready, err);
	if (r == 0 && ready.offers != due)
		r = error_set(err, UNRACK_DAMAGED,
			      "the far side offers %u disks where %u are due; use the same unrack on both "
			      "sides", ready.offers, due);
	if (r == 0 && ready.streams > call->streams)
		r = error_set(err, UNRACK_DAMAGED, "the far side wants more connections than were offered");
	if (r == 0) {
		answer->streams = ready.streams;
		memcpy(answer->token, ready.token, sizeof answer->token);
	}
	if (r == 0)
		r = make_disks(due, &answer->disks, err);
	if (r == 0)
		r = read_offers(l, answer->disks, due, true, &answer->n, payload, err);
	if (r == 0 && call->kind == CALL_SCAN)
		r = read_text(l, answer, payload, err);
	return r;
}

static int talk(struct link *l, const struct call *call, struct call_answer *answer,
		struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct unrack_error unsent;
	int r = send_call(l, call, payload, err);

	if (r < 0 && r != UNRACK_LOST)
		return r;
	/* Who takes nothing more has perhaps said why. */
	unsent = *err;
	if (read_answer(l, call, answer, payload, err) < 0) {
		if (r == UNRACK_LOST && err->code == UNRACK_LOST)
			*err = unsent;
		return err->code;
	}
	if (r < 0)
		*err = unsent;
	return r;
}

int call_make(struct channel *c, const struct call *call, struct call_answer *answer,
	      struct unrack_error *err)
{
	struct heartbeat watch;
	struct link link;
	int r;

	*answer = (struct call_answer){ .n = 0 };
	c->silence_ms = call->silence_ms;
	link_init(&link, c);
	/* No PINGs: the server listens no more until it answers. */
	r = heartbeat_start(&watch, &link, 0, call->log, err);
	if (r == 0) {
		r = talk(&link, call, answer, err);
		if (heartbeat_stop(&watch))
			r = error_set(err, UNRACK_INTERRUPTED, "stopped while the far side was asked");
	}
	link_destroy(&link);
	if (r < 0)
		call_answer_free(answer);
	return r;
}

/* --- Server ------------------------------------------------------------------------------- */

static int read_call(struct channel *c, struct link *l, struct call *out, struct unrack_error *err)
{
	uint8_t payload[MESSAGE_CONTROL_MAX];
	struct message_call m;
	struct frame f;
	unsigned offers;
	int r = read_due(l, MESSAGE_CALL, &f, payload, err);

	if (r == 0)
		r = message_decode_call(payload, f.length, &m, err);
	if (r < 0)
		return r;
	out->kind = m.kind;
	out->flags = m.flags;
	out->silence_ms = m.silence_ms;
	out->rate = m.rate;
	out->max_bad = m.max_bad;
	out->format = m.format;
	out->streams = m.streams;
	offers = m.offers;
	out->path = strdup(m.path);
	if (!out->path)
		return error_nomem(err);
	r = make_disks(offers, &out->disks, err);
	if (r == 0)
		r = read_offers(l, out->disks, offers, out->kind == CALL_RECEIVE, &out->n, payload, err);
	if (r == 0) /* until here our own limit holds: who calls has no reason to wait */
		c->silence_ms = out->silence_ms;
	return r;
}

int call_take(struct channel *c, struct call *out, struct call_waiting **waiting,
	      struct unrack_error *err)
{
	struct call_waiting *w = calloc(1, sizeof *w);
	int r;

	*out = (struct call){ .n = 0 };
	*waiting = NULL;
	if (!w)
		return error_nomem(err);
	link_init(&w->link, c);
	r = read_call(c, &w->link, out, err);
	if (r == 0)
		r = heartbeat_start(&w->heart, &w->link, out->silence_ms, NULL, err);
	if (r == 0) {
		*waiting = w;
		return 0;
	}
	if (r != UNRACK_LOST || err->sys_errno == 0)
		link_send_error(&w->link, err);
	link_destroy(&w->link);
	free(w);
	call_free(out);
	return r;
}

static void end_waiting(struct call_waiting *w)
{
	link_destroy(&w->link);
	free(w);
}

static int send_text(struct link *l, const char *text, struct unrack_error *err)
{
	size_t n = strlen(text);
	uint8_t *frame;
	int r;

	if (n > MESSAGE_TEXT_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "the answer has %zu bytes, more than the %u that can be sent; ask for "
				 "fewer disks", n, MESSAGE_TEXT_MAX);
	frame = malloc(FRAME_HEADER_SIZE + n);
	if (!frame)
		return error_nomem(err);
	memcpy(frame + FRAME_HEADER_SIZE, text, n);
	r = link_send_in_place(l, MESSAGE_TEXT, 0, frame, n, err);
	free(frame);
	return r;
}

int call_accept(struct call_waiting *waiting, const struct call_answer *answer,
		struct unrack_error *err)
{
	struct link *l = &waiting->link;
	struct message_ready m = { .features = MESSAGE_FEATURES, .offers = answer->n,
				   .streams = answer->streams };
	uint8_t payload[MESSAGE_CONTROL_MAX];
	int r;

	memcpy(m.token, answer->token, sizeof m.token);
	heartbeat_stop(&waiting->heart);
	r = link_send(l, MESSAGE_READY, 0, payload, message_encode_ready(&m, payload), err);
	if (r == 0)
		r = send_offers(l, answer->disks, answer->n, payload, err);
	if (r == 0 && answer->text)
		r = send_text(l, answer->text, err);
	if (r < 0 && r != UNRACK_LOST)
		link_send_error(l, err);
	end_waiting(waiting);
	return r;
}

void call_refuse(struct call_waiting *waiting, const struct unrack_error *why)
{
	heartbeat_stop(&waiting->heart);
	link_send_error(&waiting->link, why);
	end_waiting(waiting);
}
