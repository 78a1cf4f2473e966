/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Segments and members: 0:1 flags. 0: the rest is a file as it is. Else a row of segments,
 *
 *	0:1 compression (0 none, as enum archive_packing)  1:1 zeros behind it  2:2 length  4: so many bytes
 *
 * which are packed, so that members are reached through every compression. What opens is asked all that can be
 * asked, and what can be written is the same when it is opened again. */
#include "../../initrd/archive.h"
#include "fuzz.h"
#include "unrack/initrd.h"

#define WRITE_MAX (4u << 20) /* unpacked: what is packed takes its time */

static struct unrack_error err;

static void add_segment(struct buf *b, struct fuzz_in *in)
{
	unsigned how = (unsigned)fuzz_take(in, 1) % PACK_LZO, zeros = (unsigned)fuzz_take(in, 1);
	size_t n = (size_t)fuzz_take(in, 2);
	struct store s;

	n = (size_t)min_u64(n, in->n);
	store_borrow(&s, in->p, n);
	fuzz_check(archive_pack(how, &s, "segment", b, &err) == 0 && buf_zeros(b, zeros) == 0);
	in->p += n;
	in->n -= n;
}

static void ask(const struct initrd *i)
{
	CLEANUP_BUF struct buf kernels = { 0 };
	struct initrd_segment s;
	size_t next = 0;

	fuzz_check(initrd_container(i)[0] && initrd_reason(i));
	for (size_t k = 0; k < initrd_len(i); k++) {
		const struct initrd_member *m = initrd_at(i, k), *found = initrd_find(i, m->name);
		uint32_t sum = 0;

		fuzz_check(found && !strcmp(found->name, m->name) && found >= m);
		for (size_t at = 0; at < m->size; at += 1 + m->size / 1000)
			sum += m->data[at];
		fuzz_check(sum <= 255 * 2000);
		initrd_follow(i, m->name);
	}
	for (size_t k = 0; k < initrd_segments(i); k++) {
		initrd_segment_at(i, k, &s);
		fuzz_check(s.first == next && s.packed && s.unpacked >= 110);
		next += s.n;
	}
	fuzz_check(initrd_segments(i) == 0 || next == initrd_len(i));
	fuzz_check(initrd_kernels(i, &kernels) == 0);
}

static int differs(void *ctx, const struct initrd_difference *d)
{
	(void)ctx;
	fprintf(stderr, "%s\n", (d->old ? d->old : d->new)->name);
	return 1;
}

static size_t unpacked_size(const struct initrd *i)
{
	struct initrd_segment s;
	size_t n = 0;

	for (size_t k = 0; k < initrd_segments(i); k++) {
		initrd_segment_at(i, k, &s);
		n += s.unpacked;
	}
	return n;
}

static void write_again(const struct initrd *i)
{
	CLEANUP_BUF struct buf a = { 0 }, b = { 0 };
	struct initrd *again;
	int r;

	if (unpacked_size(i) > WRITE_MAX)
		return;
	r = initrd_write(i, &a, &err);
	if (r < 0) {
		fuzz_check(err.text[0] && (r == UNRACK_UNSUPPORTED || r == UNRACK_DAMAGED));
		return;
	}
	fuzz_check(initrd_open(a.data, a.len, "again", &again, &err) == 0);
	fuzz_check(initrd_len(again) == initrd_len(i) && initrd_get_kind(again) == initrd_get_kind(i) &&
		   !strcmp(initrd_container(again), initrd_container(i)));
	fuzz_check(initrd_compare(i, again, differs, NULL) == 0);
	fuzz_check(initrd_write(again, &b, &err) == 0 && a.len == b.len && !memcmp(a.data, b.data, a.len));
	initrd_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	CLEANUP_BUF struct buf b = { 0 };
	uint8_t *exact;
	struct initrd *i;

	if (flags & 1)
		while (in.n)
			add_segment(&b, &in);
	else
		fuzz_check(buf_append(&b, in.p, in.n) == 0);
	exact = fuzz_copy(b.data, b.len);
	if (initrd_open(exact, b.len, "fuzz", &i, &err) == 0) {
		ask(i);
		write_again(i);
		initrd_close(i);
	} else {
		fuzz_check(!i && err.text[0] && (err.code == UNRACK_DAMAGED || err.code == UNRACK_UNSUPPORTED));
	}
	free(exact);
	return 0;
}
