/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/machine/origin.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/grain.h"

#define SIZE (10 * GRAIN_SIZE)
#define WHOLE "1.ext3=x\nmbr=1\n"
#define HEAD "mbr=1\nstream=head\n"

static struct unrack_error err;
static char said[400];
static unsigned compared;
static int answer;

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	snprintf(said, sizeof said, "%s", text);
}

static int compare(void *ctx, unsigned disk, const struct machine *m, int n, struct unrack_error *e)
{
	compared++;
	ok(ctx == &compared && disk == 1 && n == 0 && machine_disks(m) == 1, "it is told what to compare");
	return answer < 0 ? error_set(e, (enum unrack_code)answer, "they differ") : 0;
}

static struct identity identity(const char *strict)
{
	struct identity id;

	if (identity_init(&id, SIZE, strict, "", &err) < 0)
		abort();
	return id;
}

struct origin_case {
	const char *what;
	const char *was;    /* identity in the folder */
	bool was_stream;
	uint64_t next;      /* durable grains; 10: complete */
	bool restart;
	bool stream;        /* what is offered is one */
	const char *is;
	bool cannot;        /* nothing to compare with */
	int answer;         /* of the comparison */
	/* What is wanted. */
	int result;
	unsigned compares;
	bool compared, restarts, is_stream;
	const char *identity; /* afterwards */
};

static const struct origin_case cases[] = {
	{ .what = "without streams", .was = WHOLE, .next = 5, .is = WHOLE, .identity = WHOLE },
	{ .what = "without streams, complete", .was = WHOLE, .next = 10, .is = WHOLE, .cannot = true, .identity = WHOLE },
	{ .what = "a disk where a stream ended", .was = HEAD, .was_stream = true, .next = 5, .is = WHOLE, .compares = 1,
	  .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "a disk where one ended, of an older manifest", .was = HEAD, .next = 5, .is = WHOLE, .compares = 1,
	  .compared = true, .identity = HEAD },
	{ .what = "a disk where a stream went on", .was = WHOLE, .was_stream = true, .next = 1, .is = WHOLE, .compares = 1,
	  .compared = true, .is_stream = true, .identity = WHOLE },
	{ .what = "another disk there", .was = HEAD, .was_stream = true, .next = 5, .is = WHOLE, .answer = UNRACK_UNSAFE,
	  .result = UNRACK_UNSAFE, .compares = 1, .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "a disk that can't be read", .was = HEAD, .was_stream = true, .next = 5, .is = WHOLE, .answer = UNRACK_IO,
	  .result = UNRACK_IO, .compares = 1, .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "a far disk", .was = HEAD, .was_stream = true, .next = 5, .is = WHOLE, .cannot = true,
	  .result = UNRACK_UNSAFE, .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "a disk of which a stream brought all", .was = HEAD, .was_stream = true, .next = 10, .is = WHOLE,
	  .compares = 1, .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "a far one of which one did", .was = HEAD, .was_stream = true, .next = 10, .is = WHOLE, .cannot = true,
	  .result = UNRACK_UNSAFE, .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "a disk where a stream brought nothing", .was = HEAD, .was_stream = true, .next = 0, .is = WHOLE,
	  .cannot = true, .restarts = true, .identity = WHOLE },
	{ .what = "a disk where it is removed", .was = HEAD, .was_stream = true, .next = 5, .restart = true, .is = WHOLE,
	  .cannot = true, .restarts = true, .identity = WHOLE },
	{ .what = "a stream of a disk that has begun", .was = WHOLE, .next = 5, .stream = true, .is = HEAD, .compared = true,
	  .is_stream = true, .identity = WHOLE },
	{ .what = "a stream that goes on", .was = HEAD, .was_stream = true, .next = 5, .stream = true, .is = HEAD,
	  .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "a stream of a disk that has nothing", .was = WHOLE, .next = 0, .stream = true, .is = HEAD,
	  .restarts = true, .is_stream = true, .identity = HEAD },
	{ .what = "a stream of a complete disk", .was = WHOLE, .next = 10, .stream = true, .is = HEAD, .compares = 1,
	  .compared = true, .identity = WHOLE },
	{ .what = "a stream of a complete stream", .was = HEAD, .was_stream = true, .next = 10, .stream = true, .is = HEAD,
	  .compares = 1, .compared = true, .is_stream = true, .identity = HEAD },
	{ .what = "another stream of it", .was = HEAD, .was_stream = true, .next = 10, .stream = true, .is = HEAD,
	  .answer = UNRACK_UNSAFE, .result = UNRACK_UNSAFE, .compares = 1, .compared = true, .is_stream = true,
	  .identity = HEAD },
};

static void run(const struct origin_case *c)
{
	static const struct log_ops ops = { .message = on_message };
	static const char *const names[] = { "/dev/other", "/dev/disk" };
	struct log log = { &ops, NULL, NULL };
	struct intake_options opt = { .log = &log, .stream = c->stream, .names = names,
				      .compare = c->cannot ? NULL : compare, .ctx = &compared };
	struct journal_point point = { .next_grain = c->next, .complete = c->next == 10 };
	struct receiver_offer offer = { .disk = 1, .disks = 2, .id = identity(c->is) };
	struct machine_disk d = { .n = 0, .format = DISK_FLAT, .id = identity(c->was), .stream = c->was_stream,
				  .restart = c->restart };
	struct twin_io *t = twin_io_new(NULL);
	const struct machine_disk *now;
	struct machine *m;
	bool was_compared;

	if (io_mkdir(twin_io(t), "m", &err) < 0 || io_mkdir(twin_io(t), "m/unrack", &err) < 0 ||
	    machine_new(twin_io(t), "m", &m, &err) < 0 || machine_put_disk(m, &d, &err) < 0)
		abort();
	compared = 0;
	answer = c->answer;
	said[0] = '\0';
	is_int(origin_settle(&opt, m, 0, &offer, &point, &was_compared, &err), c->result, "%s", c->what);
	is_int(compared, c->compares, "%s: how often it is compared", c->what);
	now = machine_find_disk(m, 0);
	ok(was_compared == c->compared && now->restart == c->restarts && now->stream == c->is_stream,
	   "%s: what is noted", c->what);
	is_str(now->id.strict, c->identity, "%s: whose it is", c->what);
	if (c->compares > 0)
		has_str(said, "/dev/disk is compared with the ", "which is said before");
	if (c->cannot && c->result < 0)
		has_str(err.text, c->next == 10 ? "disk 0 of m came as a stream, and only its bytes could tell whether /dev/disk "
						  "is that disk: compare them with unrack verify m SOURCE on a machine that "
						  "has both, or copy into another folder"
						: "disk 0 of m began as a stream, and only its bytes could tell whether "
						  "/dev/disk is that disk: continue it as a stream (unrack copy - m), or copy "
						  "into another folder",
			"and what to do");
	identity_free(&d.id);
	identity_free(&offer.id);
	machine_free(m);
	twin_io_free(t);
}

static void test_offers(void)
{
	struct identity head = identity(HEAD), whole = identity(WHOLE);
	struct intake_options opt = { .stream = false };

	is_int(origin_check_offer(&opt, &whole, &err), 0, "a whole identity is offered");
	is_int(origin_check_offer(&opt, &head, &err), UNRACK_DAMAGED, "that of a stream is none");
	has_str(err.text, "no stream is copied over the network", "the sentence");
	opt.stream = true;
	is_int(origin_check_offer(&opt, &head, &err), 0, "but where one is read");
	is_int(origin_check_offer(&opt, &whole, &err), 0, "there it may have that of the disk as well");
	identity_free(&head);
	identity_free(&whole);
}

int main(void)
{
	test_offers();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		run(&cases[i]);
	return tap_done();
}
