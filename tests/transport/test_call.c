/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The call: what is asked arrives as it was asked, and so does the answer; other clients and
 * servers than ours are refused, with what was wrong. */
#include "unrack/call.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "../../transport/link.h"
#include "../../transport/thread.h"
#include "../support/tap.h"
#include "base/size.h"

static struct unrack_error err;

/* A call of N disks; those that the client sends have identities. */
static struct call make_call(enum message_call_kind kind, unsigned n)
{
	struct call call = { .kind = kind, .n = n,
			     .path = strdup(kind == CALL_RECEIVE ? "/vm/web01" : "") };

	call.disks = calloc(n ? n : 1, sizeof *call.disks);
	for (unsigned i = 0; i < n; i++) {
		struct identity id = { 0 };
		char name[32], strict[32];

		snprintf(name, sizeof name, "/dev/disk%u", i);
		snprintf(strict, sizeof strict, "mbr=0000000%u\n", i);
		if (identity_init(&id, 1000000 + i, strict, "serial=S\n", &err) < 0 ||
		    call_disk_set(&call.disks[i], name, i == 1 ? 7 : -1,
				  kind == CALL_RECEIVE ? &id : NULL, &err) < 0)
			abort();
		identity_free(&id);
	}
	return call;
}

/* --- Both sides are ours ------------------------------------------------------------------ */

struct server {
	struct channel *near, *far;
	pthread_t thread;
	unsigned slow_ms;                 /* before it answers */
	const struct unrack_error *refuse;
	const struct call_answer *answer;
	struct call got;
	int taken, accepted;
	struct unrack_error err;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	struct call_waiting *w;

	s->taken = call_take(s->far, &s->got, &w, &s->err);
	if (s->taken == 0) {
		usleep(s->slow_ms * 1000);
		if (s->refuse)
			call_refuse(w, s->refuse);
		else
			s->accepted = call_accept(w, s->answer, &s->err);
	}
	return NULL;
}

static int ask(struct server *s, const struct call *call, struct call_answer *answer)
{
	int r;

	if (channel_open_pair(&s->near, &s->far, &err) < 0)
		abort();
	pthread_create(&s->thread, NULL, serve, s);
	r = call_make(s->near, call, answer, &err);
	pthread_join(s->thread, NULL);
	return r;
}

static void end(struct server *s, struct call *call, struct call_answer *answer)
{
	call_free(call);
	call_free(&s->got);
	call_answer_free(answer);
	channel_close(s->near);
	channel_close(s->far);
}

static void test_receive(void)
{
	static const struct call_answer yes = { .n = 0 };
	struct server s = { .answer = &yes };
	struct call call = make_call(CALL_RECEIVE, 3);
	struct call_answer answer;
	struct link client, server;
	struct frame f;

	call.flags = CALL_DISCARD_CHANGES;
	call.rate = 5000000000;
	call.silence_ms = 30000;
	is_int(ask(&s, &call, &answer), 0, "a server that shall receive is asked");
	ok(s.taken == 0 && s.accepted == 0, "and accepts");
	ok(s.got.kind == CALL_RECEIVE && s.got.flags == CALL_DISCARD_CHANGES && s.got.n == 3 &&
	   s.got.rate == 5000000000 && s.got.silence_ms == 30000, "it knows what is wanted");
	is_str(s.got.path, "/vm/web01", "where");
	ok(s.got.disks[1].number == 7 && s.got.disks[2].number == -1 &&
	   s.got.disks[2].id.bytes == 1000002, "and of which disks");
	is_str(s.got.disks[2].name, "/dev/disk2", "by their names");
	is_str(s.got.disks[2].id.strict, "mbr=00000002\n", "and identities");
	is_str(s.got.disks[2].id.advisory, "serial=S\n", "in both parts");
	ok(s.near->silence_ms == 30000 && s.far->silence_ms == 30000, "both sides know the limit of silence");
	ok(answer.n == 0 && !answer.disks && !answer.text, "there is nothing to answer but yes");

	link_init(&client, s.near);
	link_init(&server, s.far);
	link_send(&client, MESSAGE_BYE, 0, NULL, 0, &err);
	link_send(&server, MESSAGE_BYE, 0, NULL, 0, &err);
	ok(link_read_header(&server, &f, &err) == 0 && f.type == MESSAGE_BYE,
	   "the next dialogue begins where the call has ended");
	ok(link_read_header(&client, &f, &err) == 0 && f.type == MESSAGE_BYE, "on both sides");
	link_destroy(&client);
	link_destroy(&server);
	end(&s, &call, &answer);
}

static void test_send(void)
{
	struct call offered = make_call(CALL_RECEIVE, 2), call = make_call(CALL_SEND, 2);
	struct call_answer yes = { .disks = offered.disks, .n = 2 }, answer;
	struct server s = { .answer = &yes };

	is_int(ask(&s, &call, &answer), 0, "a server that shall send is asked");
	is_str(s.got.disks[1].name, "/dev/disk1", "it knows what to open");
	ok(s.got.disks[1].id.bytes == 0 && s.got.path[0] == '\0', "and no more");
	ok(answer.n == 2 && answer.disks[1].id.bytes == 1000001 && answer.disks[1].number == 7,
	   "the client learns which disks these are");
	is_str(answer.disks[1].id.strict, "mbr=00000001\n", "with their identities");
	is_int(s.near->silence_ms, 0, "without a limit there is none");
	end(&s, &call, &answer);

	yes.n = 1;
	s = (struct server){ .answer = &yes };
	call = make_call(CALL_SEND, 2);
	is_int(ask(&s, &call, &answer), UNRACK_DAMAGED, "a server that offers fewer than it was asked for");
	has_str(err.text, "the far side offers 1 disks where 2 are due; use the same unrack on both sides",
		"is not believed");
	ok(answer.n == 0 && !answer.disks, "after an error there is no answer");
	end(&s, &call, &answer);
	call_free(&offered);
}

static void test_scan(void)
{
	static char good[] = "{\"disks\":\n[]}", evil[] = "{\"name\":\"\x1b[2J\"}";
	struct call_answer yes = { .text = good }, answer;
	struct server s = { .answer = &yes };
	struct call call = make_call(CALL_SCAN, 0);
	char *big = malloc(MESSAGE_TEXT_MAX + 2);

	is_int(ask(&s, &call, &answer), 0, "a scan of everything");
	is_str(answer.text, yes.text, "is answered by a text");
	end(&s, &call, &answer);

	memset(big, 'j', MESSAGE_TEXT_MAX + 1);
	big[MESSAGE_TEXT_MAX + 1] = '\0';
	yes.text = big;
	s = (struct server){ .answer = &yes };
	call = make_call(CALL_SCAN, 1);
	is_int(ask(&s, &call, &answer), UNRACK_UNSUPPORTED, "a text that is too long is an error");
	is_str(err.text, "the answer has 1048577 bytes, more than the 1048576 that can be sent; ask for "
	       "fewer disks", "with the reason");
	is_str(s.err.text, err.text, "on both sides");
	end(&s, &call, &answer);

	big[MESSAGE_TEXT_MAX] = '\0';
	s = (struct server){ .answer = &yes };
	call = make_call(CALL_SCAN, 1);
	is_int(ask(&s, &call, &answer), 0, "the longest one arrives");
	ok(answer.text && strcmp(answer.text, big) == 0, "whole");
	end(&s, &call, &answer);

	yes.text = evil;
	s = (struct server){ .answer = &yes };
	call = make_call(CALL_SCAN, 1);
	is_int(ask(&s, &call, &answer), UNRACK_DAMAGED, "control characters are refused");
	has_str(err.text, "a TEXT came that is not valid: it has control characters", "with the reason");
	end(&s, &call, &answer);
	free(big);
}

static void test_refuse(void)
{
	struct unrack_error why;
	struct server s = { .refuse = &why };
	struct call call = make_call(CALL_RECEIVE, 1);
	struct call_answer answer;

	error_set(&why, UNRACK_UNSAFE, "/vm/web01 belongs to another machine");
	is_int(ask(&s, &call, &answer), UNRACK_UNSAFE, "a refusal arrives as it is");
	is_str(err.text, why.text, "with its sentence");
	end(&s, &call, &answer);
}

static void make_partial(struct call *call, unsigned i)
{
	identity_free(&call->disks[i].id);
	if (identity_init(&call->disks[i].id, 1000000, "mbr=00000001\nstream=head\n", "", &err) < 0)
		abort();
}

/* Who knows only what the head of a stream tells could take somebody else's disk for its own. */
static void test_streams(void)
{
	static const struct call_answer yes = { .n = 0 };
	struct call call = make_call(CALL_RECEIVE, 2), asked = make_call(CALL_SEND, 1);
	struct call_answer answer, head = { .disks = call.disks, .n = 1 };
	struct server s = { .answer = &yes }, far = { .answer = &head };

	make_partial(&call, 1);
	is_int(ask(&s, &call, &answer), UNRACK_DAMAGED, "a stream is not offered");
	is_int(s.taken, UNRACK_DAMAGED, "nor taken");
	is_str(err.text, "a OFFER came that is not valid: no stream is copied over the network", "the sentence");
	make_partial(&call, 0);
	call_answer_free(&answer);
	is_int(ask(&far, &asked, &answer), UNRACK_DAMAGED, "nor is one accepted of a server");
	has_str(err.text, "no stream is copied over the network", "which is told");
	end(&far, &asked, &answer);
	call_answer_free(&answer);
	end(&s, &call, &answer);
}

static void test_names(void)
{
	static char longest[MESSAGE_PATH_MAX + 1];
	struct server s = { 0 };
	struct call call = make_call(CALL_RECEIVE, 1);
	struct call_answer answer;
	struct call_disk d;

	memset(longest, 'p', MESSAGE_PATH_MAX);
	free(call.path);
	call.path = strdup(longest);
	if (channel_open_pair(&s.near, &s.far, &err) < 0)
		abort();
	is_int(call_make(s.near, &call, &answer, &err), UNRACK_USAGE, "a path that is too long is not sent");
	has_str(err.text, "longer than the 4095 bytes that one may have: ppp", "with the reason");
	end(&s, &call, &answer);

	call = make_call(CALL_RECEIVE, 1);
	free(call.disks[0].name);
	call.disks[0].name = strdup(longest);
	if (channel_open_pair(&s.near, &s.far, &err) < 0)
		abort();
	is_int(call_make(s.near, &call, &answer, &err), UNRACK_UNSUPPORTED, "nor a name of a disk");
	has_str(err.text, "ppp can't be named to the far side", "with the reason");
	end(&s, &call, &answer);

	is_int(call_disk_set(&d, "x", 3, NULL, &err), 0, "a disk of which only the name is known");
	ok(d.number == 3 && d.id.bytes == 0 && !d.id.strict, "has no identity");
	free(d.name);
	call_free(NULL);
	call_answer_free(NULL);
}

/* --- Patience ------------------------------------------------------------------------------ */

static atomic_bool stop;

static void *ask_to_stop(void *arg)
{
	usleep(10000);
	atomic_store(&stop, true);
	return arg;
}

static void test_patience(void)
{
	static const struct call_answer yes = { .n = 0 };
	struct server s;
	struct call call;
	struct log log = { .stop = &stop };
	struct call_answer answer;
	pthread_t thread;
	int64_t began;
	int r;

	/* On a machine that is too busy to run a thread in time, once more with more of it. */
	for (unsigned ms = 100, again = 0; again < 4; ms *= 10, again++) {
		s = (struct server){ .answer = &yes, .slow_ms = ms * 2 + 20 };
		call = make_call(CALL_RECEIVE, 1);
		call.silence_ms = ms;
		r = ask(&s, &call, &answer);
		end(&s, &call, &answer);
		if (r == 0)
			break;
	}
	is_int(r, 0, "a server that works on its answer is waited for");

	s = (struct server){ 0 };
	call = make_call(CALL_RECEIVE, 1);
	if (channel_open_pair(&s.near, &s.far, &err) < 0)
		abort();
	call.silence_ms = 50;
	began = thread_now_ms();
	is_int(call_make(s.near, &call, &answer, &err), UNRACK_LOST, "one that says nothing is not");
	is_int(err.sys_errno, ETIMEDOUT, "for longer than the limit");
	ok(thread_now_ms() - began < 120000, "in time");
	end(&s, &call, &answer);

	call = make_call(CALL_RECEIVE, 1);
	call.log = &log;
	if (channel_open_pair(&s.near, &s.far, &err) < 0)
		abort();
	pthread_create(&thread, NULL, ask_to_stop, NULL);
	is_int(call_make(s.near, &call, &answer, &err), UNRACK_INTERRUPTED, "the waiting can be stopped");
	is_str(err.text, "stopped while the far side was asked", "and says so");
	pthread_join(thread, NULL);
	end(&s, &call, &answer);
}

/* --- Other servers ------------------------------------------------------------------------- */

static uint8_t payload[MESSAGE_CONTROL_MAX];

static void tell(struct link *l, enum message_type type, uint16_t disk, size_t n)
{
	struct unrack_error dropped;

	link_send(l, type, disk, payload, n, &dropped);
}

static void ready(struct link *l, unsigned offers)
{
	struct message_ready m = { .offers = offers };

	tell(l, MESSAGE_READY, 0, message_encode_ready(&m, payload));
}

static void offer(struct link *l, uint16_t index, uint64_t bytes, const char *strict)
{
	struct message_offer m = { bytes, -1, "/dev/sda", strict, "" };

	tell(l, MESSAGE_OFFER, index, message_encode_offer(&m, payload));
}

static void hello_first(struct link *l)
{
	struct message_hello m = { .version = 1, .payload_max = FRAME_PAYLOAD_MAX };

	tell(l, MESSAGE_HELLO, 0, message_encode_hello(&m, payload));
}

static void other_version(struct link *l)
{
	struct message_ready m = { .offers = 0 };
	size_t n = message_encode_ready(&m, payload);

	payload[8] = 9;
	tell(l, MESSAGE_READY, 0, n);
}

static void too_many(struct link *l)
{
	ready(l, 3);
}

static void out_of_order(struct link *l)
{
	ready(l, 2);
	offer(l, 1, 1000, "");
}

static void without_size(struct link *l)
{
	ready(l, 2);
	offer(l, 0, 0, "");
}

static void bad_identity(struct link *l)
{
	ready(l, 2);
	offer(l, 0, 1000, "no identity\n");
}

static void half_an_answer(struct link *l)
{
	ready(l, 2);
	offer(l, 0, 1000, "");
}

static void error_in_between(struct link *l)
{
	struct unrack_error why;

	ready(l, 2);
	error_set(&why, UNRACK_IO, "can't read /dev/sdb");
	link_send_error(l, &why);
}

static void text_instead(struct link *l)
{
	tell(l, MESSAGE_TEXT, 0, 100);
}

static void shell(struct link *l)
{
	channel_write(l->channel, "sh: unrack: not found\n", 22, &err);
}

static void silent_end(struct link *l)
{
	(void)l;
}

static void against_server(void (*script)(struct link *), int code, const char *text, const char *what)
{
	struct channel *near, *far;
	struct call call = make_call(CALL_SEND, 2);
	struct call_answer answer;
	struct link l;

	if (channel_open_pair(&near, &far, &err) < 0)
		abort();
	link_init(&l, far);
	script(&l);
	channel_shutdown(far);
	is_int(call_make(near, &call, &answer, &err), code, "%s", what);
	has_str(err.text, text, "with the reason");
	ok(answer.n == 0 && !answer.disks && !answer.text, "and no answer");
	link_destroy(&l);
	channel_close(near);
	channel_close(far);
	call_free(&call);
}

static void test_servers(void)
{
	against_server(hello_first, UNRACK_DAMAGED, "the far side sent a HELLO where a READY is due",
		       "a server that begins with the copy");
	against_server(other_version, UNRACK_UNSUPPORTED, "one side speaks version 9 of the protocol",
		       "a server of another version");
	against_server(too_many, UNRACK_DAMAGED, "offers 3 disks where 2 are due", "one that offers too much");
	against_server(out_of_order, UNRACK_DAMAGED, "offered disk 1 where disk 0 is due",
		       "one that offers in another order");
	against_server(without_size, UNRACK_DAMAGED, "a OFFER came that is not valid: the disk has no size",
		       "one that does not know its disks");
	against_server(bad_identity, UNRACK_DAMAGED, "identity", "one with an identity that is none");
	against_server(half_an_answer, UNRACK_LOST, "Broken pipe",
		       "one that ends in the middle");
	against_server(error_in_between, UNRACK_IO, "can't read /dev/sdb", "one that fails in the middle");
	against_server(text_instead, UNRACK_DAMAGED, "the far side sent a TEXT where a READY is due",
		       "one that answers something else");
	against_server(shell, UNRACK_UNSUPPORTED, "it says \"sh: unrack: not found\"", "a shell is quoted");
	against_server(silent_end, UNRACK_LOST, "", "one that just ends");
}

/* --- Other clients ------------------------------------------------------------------------- */

static void call_of(struct link *l, enum message_call_kind kind, unsigned offers)
{
	struct message_call m = { .kind = kind, .offers = offers,
				  .path = kind == CALL_RECEIVE ? "/vm" : "" };

	tell(l, MESSAGE_CALL, 0, message_encode_call(&m, payload));
}

static void call_other_version(struct link *l)
{
	struct message_call m = { .kind = CALL_SCAN, .path = "" };
	size_t n = message_encode_call(&m, payload);

	payload[8] = 2;
	tell(l, MESSAGE_CALL, 0, n);
}

static void call_without_size(struct link *l)
{
	call_of(l, CALL_RECEIVE, 1);
	offer(l, 0, 0, "");
}

static void call_out_of_order(struct link *l)
{
	call_of(l, CALL_RECEIVE, 2);
	offer(l, 0, 1000, "");
	offer(l, 0, 1000, "");
}

static void call_without_name(struct link *l)
{
	struct message_offer m = { 0, -1, "", "", "" };

	call_of(l, CALL_SEND, 1);
	tell(l, MESSAGE_OFFER, 0, message_encode_offer(&m, payload));
}

static void call_cut(struct link *l)
{
	call_of(l, CALL_RECEIVE, 2);
	offer(l, 0, 1000, "");
}

static void call_given_up(struct link *l)
{
	struct unrack_error why;

	call_of(l, CALL_RECEIVE, 2);
	error_set(&why, UNRACK_INTERRUPTED, "stopped");
	link_send_error(l, &why);
}

static void browser(struct link *l)
{
	channel_write(l->channel, "GET / HTTP/1.1\r\nHost: web01\r\n\r\n", 32, &err);
}

static void against_client(void (*script)(struct link *), int code, const char *text, const char *what)
{
	struct channel *near, *far;
	struct unrack_error theirs = UNRACK_ERROR_INIT, dropped;
	struct call_waiting *w;
	struct call call;
	struct frame f;
	struct link l;

	if (channel_open_pair(&near, &far, &err) < 0)
		abort();
	link_init(&l, near);
	script(&l);
	far->silence_ms = 10; /* instead of the end */
	is_int(call_take(far, &call, &w, &err), code, "%s", what);
	has_str(err.text, text, "with the reason");
	ok(!w && call.n == 0 && !call.path && !call.disks, "and nothing is left of it");
	channel_shutdown(far);
	if (link_read_header(&l, &f, &dropped) == 0 && f.type == MESSAGE_ERROR &&
	    link_read_payload(&l, &f, payload, &dropped) == 0)
		message_decode_error(payload, f.length, &theirs, &dropped);
	if (code == UNRACK_LOST)
		ok(theirs.text[0] == '\0', "where nobody listens nothing is said");
	else
		is_str(theirs.text, err.text, "the client is told");
	link_destroy(&l);
	channel_close(near);
	channel_close(far);
}

static void test_clients(void)
{
	against_client(hello_first, UNRACK_DAMAGED, "the far side sent a HELLO where a CALL is due",
		       "a client that begins with the copy");
	against_client(call_other_version, UNRACK_UNSUPPORTED, "one side speaks version 2 of the protocol",
		       "a client of another version");
	against_client(call_without_size, UNRACK_DAMAGED, "the disk has no size",
		       "one that does not know its disks");
	against_client(call_out_of_order, UNRACK_DAMAGED, "offered disk 0 where disk 1 is due",
		       "one that offers a disk twice");
	against_client(call_without_name, UNRACK_DAMAGED, "the disk that is wanted has no name",
		       "one that wants it does not say what");
	against_client(call_cut, UNRACK_LOST, "nothing has come from the far side", "one that stops talking");
	against_client(call_given_up, UNRACK_INTERRUPTED, "stopped", "one that gives up");
	against_client(browser, UNRACK_UNSUPPORTED, "it says \"GET / HTTP/1.1\"", "a browser is quoted");
}

int main(void)
{
	test_receive();
	test_send();
	test_scan();
	test_refuse();
	test_streams();
	test_names();
	test_patience();
	test_servers();
	test_clients();
	return tap_done();
}
