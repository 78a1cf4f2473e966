/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volume groups: 0:1 flags. 1: the rest is the text of a group, on both of two disks, with everything around it
 * right. Else it is a disk as in sparse.h, on which 2: the sums of label, metadata areas and text are put right,
 * 4: the second disk is the same (else it is empty). */
#include "built.h"
#include "sparse.h"
#include "../../p2v/disk/crc.h"
#include "../../p2v/disk/lvm.h"
#include "../disk/lvm_image.h"

#define SUM_START 0xf597a6cfu
#define PV_BYTES (64u << 20)
#define HEAD_BYTES (LVM_IMAGE_START * 512u)

/* A disk of PV_BYTES, of which only the beginning is not zeros. */
struct head {
	struct block_source source;
	uint8_t b[HEAD_BYTES];
};

static int head_read(struct block_source *s, void *buf, size_t n, uint64_t off, struct unrack_error *err)
{
	struct head *h = s->ctx;

	(void)err;
	memset(buf, 0, n);
	if (off < sizeof h->b)
		memcpy(buf, h->b + off, (size_t)min_u64(n, sizeof h->b - off));
	return 0;
}

static void find(struct built *b, struct block_source *const *sources)
{
	struct unrack_error e = UNRACK_ERROR_INIT;

	built_begin(b, sources);
	fuzz_check(used_lvm(b->sources, &b->members, b->free, b->states, &b->out, &e) == 0);
	built_check(b);
}

static void find_twice(struct block_source *const *sources)
{
	struct built a, b;

	find(&a, sources);
	find(&b, sources);
	built_check_same(&a, &b);
	built_end(&a);
	built_end(&b);
}

static void text_alone(struct fuzz_in *in)
{
	static const struct block_source_ops ops = { .read = head_read };
	static struct head disks[BUILT_DISKS];
	struct block_source *sources[BUILT_DISKS];
	char *text = malloc(in->n + 1);

	if (!text)
		abort();
	memcpy(text, in->p, in->n);
	text[in->n] = '\0';
	if (strlen(text) >= LVM_IMAGE_MDA_BYTES - 512)
		text[LVM_IMAGE_MDA_BYTES - 513] = '\0';
	for (unsigned i = 0; i < BUILT_DISKS; i++) {
		lvm_image_label(disks[i].b, PV_BYTES, lvm_image_id(i), 1);
		lvm_image_text(disks[i].b, 0, LVM_IMAGE_MDA_BYTES - 100, text);
		disks[i].source = (struct block_source){ &ops, PV_BYTES, "disk", &disks[i] };
		sources[i] = &disks[i].source;
	}
	find_twice(sources);
	free(text);
}

/* What the area at sector AT says of its text. */
static void put_area_right(struct sparse *d, uint64_t at)
{
	uint8_t *h = sparse_at(d, at), text[8192];
	uint64_t from, n, bytes, head;
	struct unrack_error e;

	if (!h)
		return;
	from = get_le64(h + 40);
	n = get_le64(h + 48);
	bytes = get_le64(h + 32);
	if (n <= sizeof text && from < bytes && bytes > 512) {
		head = min_u64(n, bytes - from);
		sparse_read(&d->source, text, (size_t)head, at * SECTOR_SIZE + from, &e);
		sparse_read(&d->source, text + head, (size_t)(n - head), at * SECTOR_SIZE + 512, &e);
		put_le32(h + 56, crc_ieee(SUM_START, text, (size_t)n));
	}
	put_le32(h, crc_ieee(SUM_START, h + 4, 508));
}

static void put_right(struct sparse *d)
{
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *l = sparse_at(d, i);

		if (!l || memcmp(l, "LABELONE", 8) != 0)
			continue;
		put_area_right(d, get_le64(l + 104) / SECTOR_SIZE);
		put_area_right(d, get_le64(l + 120) / SECTOR_SIZE);
		put_le32(l + 16, crc_ieee(SUM_START, l + 20, 492));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size }, none = { data, 0 };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	static struct sparse disk, empty;
	struct block_source *sources[BUILT_DISKS] = { &disk.source, flags & 4 ? &disk.source : &empty.source };

	if (flags & 1) {
		text_alone(&in);
		return 0;
	}
	sparse_open(&disk, &in);
	sparse_open(&empty, &none);
	if (flags & 2)
		put_right(&disk);
	find_twice(sources);
	return 0;
}
