/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A place that is finished: the disk that is complete there is said to be, and nothing is written.
 * One of a disk that came as a stream: it is not continued as if that were the disk itself. */
#include <pthread.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "base/size.h"
#include "unrack/receiver.h"
#include "unrack/sender.h"

#define SIZE 300000u

static struct unrack_error err;
static struct twin_io *twin;
static bool finished, compared;
static uint8_t data[SIZE];

static int place(void *ctx, const struct receiver_offer *offer, struct receiver_place *p, struct unrack_error *e)
{
	(void)ctx;
	(void)offer;
	(void)e;
	*p = (struct receiver_place){ .format = DISK_FLAT, .image = "/m/m-flat.vmdk", .descriptor = "/m/m.vmdk",
				      .extent = "m-flat.vmdk", .journal = "/m/unrack/j", .digests = "/m/unrack/d",
				      .finished = finished, .compared = compared };
	return 0;
}

struct half {
	struct channel *channel;
	struct receiver_result res;
	struct unrack_error err;
	int result;
};

static void *receive(void *arg)
{
	static const struct receiver_host host = { .place = place };
	struct half *h = arg;
	struct receiver_options opt = { .io = twin_io(twin), .workers = -1 };

	h->result = receiver_run(h->channel, &host, &opt, &h->res, &h->err);
	return NULL;
}

static int copy(const char *strict, struct sender_result *res)
{
	struct sender_disk disk = { .source = NULL };
	struct sender_options so = { .workers = -1 };
	struct half h = { .result = 0 };
	struct channel *near = NULL;
	pthread_t thread;
	int r;

	if (identity_init(&disk.id, SIZE, strict, "", &err) < 0 || channel_open_pair(&near, &h.channel, &err) < 0 ||
	    block_source_open_memory(data, SIZE, "source", &disk.source, &err) < 0)
		abort();
	pthread_create(&thread, NULL, receive, &h);
	r = sender_run(near, &disk, 1, &so, res, &err);
	channel_shutdown(near);
	pthread_join(thread, NULL);
	channel_close(near);
	channel_close(h.channel);
	block_source_close(disk.source);
	identity_free(&disk.id);
	return r;
}

/* Of the calls from record FROM on. */
static unsigned changes(size_t from)
{
	unsigned n = 0;

	for (size_t i = from; i < twin_io_records(twin); i++) {
		struct twin_record r = twin_io_record(twin, i);

		n += r.op != TWIN_OPEN && r.op != TWIN_PREAD && r.op != TWIN_CLOSE;
	}
	return n;
}

/* Of PART the journal's identity is, WHOLE is offered, or the other way round. */
static void test_streams(const char *part, const char *whole)
{
	struct sender_result res;
	size_t before;

	twin = twin_io_new(NULL);
	finished = compared = false;
	/* The journal is there, and has no record yet. */
	twin_io_fault(twin, (struct twin_fault){ .op = TWIN_PWRITE, .suffix = "m-flat.vmdk", .nth = 1, .errnum = 5 });
	is_int(copy(part, &res), UNRACK_IO, "a copy that failed before anything was durable");
	is_int(copy(whole, &res), 0, "may become that of the disk");
	is_int(copy(whole, &res), UNRACK_UNSAFE, "but it is not that disk's");
	has_str(err.text, "disk 0 of the folder may be another disk than the one offered for it: it is known by the head "
			  "of a stream only; copy into another folder", "the sentence");
	finished = true;
	before = twin_io_records(twin);
	is_int(copy(whole, &res), UNRACK_UNSAFE, "nor is it at a finished place");
	is_int(changes(before), 0, "nothing was written");
	compared = true;
	is_int(copy(whole, &res), 0, "unless bytes were compared");
	ok(res.data_grains == 0 && res.resumed_bytes == SIZE, "then it is complete");
	compared = false;
	is_int(copy(part, &res), 0, "as it is for who began it");
	twin_io_free(twin);
}

int main(void)
{
	struct sender_result res;
	struct unrack_error dropped;
	size_t before;

	memset(data, 'x', sizeof data);
	twin = twin_io_new(NULL);
	finished = true;
	is_int(copy("mbr=1\n", &res), UNRACK_IO, "nothing is begun at a finished place");
	has_str(err.text, "/m/unrack/j", "since there is no journal");
	is_int(changes(0), 0, "nothing was written");
	finished = false;
	is_int(copy("mbr=1\n", &res), 0, "a copy");
	ok(res.data_grains > 0, "that has data");
	finished = true;
	before = twin_io_records(twin);
	is_int(copy("mbr=1\n", &res), 0, "the same at a finished place");
	ok(res.data_grains == 0 && res.resumed_bytes == SIZE, "is complete");
	io_unlink(twin_io(twin), "/m/m.vmdk", &dropped);
	is_int(copy("mbr=1\n", &res), 0, "also without its descriptor");
	ok(!twin_io_exists(twin, "/m/m.vmdk"), "which is not made again");
	is_int(copy("mbr=2\n", &res), UNRACK_UNSAFE, "another disk is refused");
	is_int(changes(before), 1, "nothing was written, nothing synced, nothing cut");
	finished = false;
	is_int(copy("mbr=1\n", &res), 0, "where it may be written");
	ok(twin_io_exists(twin, "/m/m.vmdk"), "the descriptor is made again");

	/* One that is not complete. */
	twin_io_free(twin);
	twin = twin_io_new(NULL);
	twin_io_fault(twin, (struct twin_fault){ .op = TWIN_PWRITE, .suffix = "m-flat.vmdk", .nth = 1, .errnum = 5 });
	is_int(copy("mbr=1\n", &res), UNRACK_IO, "a copy that failed");
	finished = true;
	before = twin_io_records(twin);
	is_int(copy("mbr=1\n", &res), UNRACK_UNSAFE, "is not continued at a finished place");
	has_str(err.text, "the copy of disk 0 is not complete, and must not be changed", "the sentence");
	is_int(changes(before), 0, "nothing was written");
	finished = false;
	is_int(copy("mbr=1\n", &res), 0, "and elsewhere it is");
	twin_io_free(twin);
	test_streams("mbr=1\nstream=head\n", "1.ext3=x\nmbr=1\n");
	test_streams("1.ext3=x\nmbr=1\n", "mbr=1\nstream=head\n");
	return tap_done();
}
