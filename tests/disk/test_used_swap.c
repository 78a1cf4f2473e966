/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_parts.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "unrack/digest.h"

#define BYTES (1u << 20)

static uint8_t volume[BYTES + 700];
static struct used_look seen;
static struct digest state;
static uint64_t off, len; /* the only unused range */
static size_t ranges;

static void look_at(struct block_source *s)
{
	static const struct digest_key key;
	struct unrack_error e = UNRACK_ERROR_INIT;
	const struct range *list;

	seen = (struct used_look){ .unused = ranges_new(0), .state = digest_stream_new(&key) };
	is_int(used_swap(s, &seen, &e), 0, "it is looked at");
	digest_stream_end(seen.state, &state);
	list = ranges_list(seen.unused, &ranges);
	off = ranges ? list->off : 0;
	len = ranges ? list->len : 0;
	ranges_free(seen.unused);
	digest_stream_free(seen.state);
	block_source_close(s);
}

static void look(uint64_t bytes)
{
	struct unrack_error e;
	struct block_source *s;

	block_source_open_memory(volume, bytes, "swap", &s, &e);
	look_at(s);
}

static void make(uint32_t page, const char *magic)
{
	memset(volume, 0, sizeof volume);
	memcpy(volume + page - 10, magic, strlen(magic));
	put_le32(volume + 1024, 1);
	put_le32(volume + 1028, BYTES / page - 1);
	memset(volume + 1036, 0xab, 16);
	memcpy(volume + 1052, "SWAP-sda2", 9);
}

static void whole(const char *why, const char *name)
{
	look(BYTES);
	ok(seen.verdict == USED_WHOLE && !seen.trouble && !seen.hibernated, "whole: %s", name);
	has_str(seen.why, why, "which it says");
}

static void plain(void)
{
	struct digest before;

	make(4096, "SWAPSPACE2");
	look(BYTES);
	ok(seen.verdict == USED_PARTLY && !seen.trouble && !*seen.why, "swap is used in part");
	is_str(seen.kind, "swap", "its kind");
	ok(ranges == 1 && off == 4096 && len == BYTES - 4096, "all but its header with label, UUID and bad pages");
	before = state;
	look(BYTES + 700);
	ok(off == 4096 && len == BYTES - 4096, "what is behind its last page, such as an odd last sector, stays used");
	ok(!memcmp(&before, &state, sizeof state), "the same header, the same state");
	volume[1040]++;
	look(BYTES);
	ok(memcmp(&before, &state, sizeof state) != 0, "another mkswap, another state");
	for (uint32_t page = 8192; page <= 65536; page *= 2) {
		make(page, "SWAPSPACE2");
		look(BYTES);
		ok(seen.verdict == USED_PARTLY && off == page && len == BYTES - page, "pages of %u bytes", page);
	}
	make(4096, "SWAPSPACE2");
	put_le32(volume + 1032, 637);
	look(BYTES);
	is_int(seen.verdict, USED_PARTLY, "as many bad pages as go into the header");
}

static void hibernated(void)
{
	static const char *const magics[] = { "S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001", "\xed\xc3\x02\xe9\x98\x56\xe5\x0c" };

	for (unsigned i = 0; i < sizeof magics / sizeof *magics; i++) {
		make(4096, magics[i]);
		look(BYTES);
		ok(seen.verdict == USED_WHOLE && seen.trouble && seen.hibernated && ranges == 0, "hibernated by mark %u: whole, and trouble", i);
		is_str(seen.why, "a system hibernates in it", "which it says");
	}
}

static void odd(void)
{
	make(4096, "SWAP-SPACE");
	whole("before 2.2", "the old kind");
	make(4096, "SWAPSPACE2");
	put_le32(volume + 1024, 0x01000000);
	whole("another byte order", "of a machine of the other byte order");
	make(4096, "SWAPSPACE2");
	put_le32(volume + 1028, BYTES / 4096);
	whole("more than there are", "larger than its volume by a page");
	make(4096, "SWAPSPACE2");
	put_le32(volume + 1028, UINT32_MAX);
	whole("more than there are", "the greatest last page");
	make(4096, "SWAPSPACE2");
	put_le32(volume + 1028, 0);
	whole("it is empty", "of no page");
	make(4096, "SWAPSPACE2");
	put_le32(volume + 1032, 638);
	whole("longer than its header", "too many bad pages");
	memset(volume, 0, sizeof volume);
	whole("no signature", "no swap at all");
	look(100);
	is_int(seen.verdict, USED_WHOLE, "smaller than a page");
}

static void unreadable(void)
{
	struct twin_source *twin;

	make(4096, "SWAPSPACE2");
	twin = twin_source_memory(volume, BYTES);
	twin_source_bad(twin, 0, 512, 5, 0);
	look_at(twin_source(twin));
	is_int(seen.verdict, USED_WHOLE, "a header that can't be read");
	has_str(seen.why, "can't be read", "which it says");
	twin_source_free(twin);
	twin = twin_source_memory(volume, BYTES);
	twin_source_bad(twin, 200 * 4096, 4096, 5, 0);
	look_at(twin_source(twin));
	ok(seen.verdict == USED_PARTLY && !twin_source_was_read(twin, 65536, BYTES - 65536), "its pages, also bad ones, are never read");
	twin_source_free(twin);
}

int main(void)
{
	plain();
	hibernated();
	odd();
	unreadable();
	return tap_done();
}
