/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Swap: its first page (label, UUID, list of bad pages) is kept, the pages behind it hold nothing
 * once the system is down, unless it hibernates. Layout: Linux' include/linux/swap.h, union
 * swap_header; how it is read, and what a header that fits is: mm/swapfile.c, read_swap_header.
 * Signatures of a hibernated system: kernel/power/swap.c, suspend-utils' swsusp.h, TuxOnIce. */
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/digest.h"
#include "used_parts.h"

#define PAGE_MIN 4096u
#define PAGE_MAX 65536u
#define SIGNATURE_BYTES 10u /* at the end of the first page */
#define INFO_AT 1024u       /* version, last page, number of bad pages, UUID, label */
#define BAD_PAGES_AT 1536u

static bool has(const uint8_t *signature, const char *text)
{
	return !memcmp(signature, text, strlen(text));
}

static bool is_hibernated(const uint8_t *signature)
{
	static const uint8_t tuxonice[8] = { 0xed, 0xc3, 0x02, 0xe9, 0x98, 0x56, 0xe5, 0x0c };

	return has(signature, "S1SUSPEND") || has(signature, "S2SUSPEND") || has(signature, "ULSUSPEND") ||
	       has(signature, "LINHIB0001") || !memcmp(signature, tuxonice, sizeof tuxonice);
}

/* The size of the pages that it was made for; 0: there is no swap. */
static uint32_t find_page(const uint8_t *head, size_t n)
{
	for (uint32_t page = PAGE_MIN; page <= n; page *= 2) {
		const uint8_t *signature = head + page - SIGNATURE_BYTES;

		if (is_hibernated(signature) || has(signature, "SWAPSPACE2") || has(signature, "SWAP-SPACE"))
			return page;
	}
	return 0;
}

static int look_at_page(const uint8_t *head, uint32_t page, uint64_t bytes, struct used_look *look,
			struct unrack_error *err)
{
	const uint8_t *signature = head + page - SIGNATURE_BYTES;
	uint64_t end = ((uint64_t)get_le32(head + INFO_AT + 4) + 1) * page;

	if (is_hibernated(signature)) {
		look->trouble = look->hibernated = true;
		return used_whole(look, "a system hibernates in it");
	}
	if (!has(signature, "SWAPSPACE2"))
		return used_whole(look, "it is of the kind that Linux had before 2.2");
	if (get_le32(head + INFO_AT) != 1)
		return used_whole(look, "its header has version %u, or another byte order", get_le32(head + INFO_AT));
	if (end <= page)
		return used_whole(look, "its header says that it is empty");
	if (end > bytes)
		return used_whole(look, "its header says %llu bytes, more than there are", (unsigned long long)end);
	if (get_le32(head + INFO_AT + 8) > (page - SIGNATURE_BYTES - BAD_PAGES_AT) / 4)
		return used_whole(look, "its list of bad pages is longer than its header");
	look->verdict = USED_PARTLY;
	return ranges_add(look->unused, page, end - page, err);
}

int used_swap(struct block_source *volume, struct used_look *look, struct unrack_error *err)
{
	uint8_t head[PAGE_MAX];
	struct unrack_error e;
	size_t n = (size_t)min_u64(volume->size, sizeof head);
	uint32_t page;

	strcpy(look->kind, "swap");
	if (block_source_read(volume, head, n, 0, &e) < 0)
		return used_whole(look, "its beginning can't be read");
	page = find_page(head, n);
	if (page == 0)
		return used_whole(look, "it has no signature of swap");
	digest_stream_add(look->state, head, page);
	return look_at_page(head, page, volume->size, look, err);
}
