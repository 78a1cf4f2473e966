/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An XFS: 0:1 flags (1: the checksums are put right), then a disk as in sparse.h, which is the volume. */
#include "sparse.h"
#include "../../p2v/disk/crc32c.h"
#include "../../p2v/disk/used_parts.h"

static void put_sum(uint8_t *p, size_t at)
{
	put_le32(p + at, 0);
	put_le32(p + at, crc32c(0, p, SECTOR_SIZE));
}

/* Of blocks and sectors of 512 bytes. */
static void put_right(struct sparse *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		uint8_t *p = d->sectors[i].b;

		switch (get_be32(p)) {
		case 0x58465342: /* superblock */
			put_sum(p, 224);
			break;
		case 0x58414746: /* AGF */
			put_sum(p, 216);
			break;
		case 0x58414749: /* AGI */
			put_sum(p, 312);
			break;
		case 0x5841464c: /* AGFL */
			put_sum(p, 32);
			break;
		case 0x41423342: /* the trees */
		case 0x41423343:
			put_sum(p, 52);
			break;
		}
	}
}

static void look(struct sparse *d, struct used_look *l)
{
	static const struct digest_key key;
	struct unrack_error e = UNRACK_ERROR_INIT;

	*l = (struct used_look){ .unused = ranges_new(0), .state = digest_stream_new(&key) };
	fuzz_check(l->unused && l->state);
	fuzz_check(used_xfs(&d->source, l, &e) == 0);
}

static void look_end(struct used_look *l)
{
	ranges_free(l->unused);
	digest_stream_free(l->state);
}

/* Nothing is unused of what the superblock itself says is in use. */
static void check_bounds(struct sparse *d, struct used_look *l)
{
	uint8_t sb[SECTOR_SIZE];
	struct unrack_error e = UNRACK_ERROR_INIT;
	const struct range *r;
	uint64_t block, end, group, log, log_end;
	size_t n;

	fuzz_check(block_source_read(&d->source, sb, sizeof sb, 0, &e) == 0);
	block = get_be32(sb + 4);
	end = get_be64(sb + 8) * block;
	group = get_be32(sb + 84) * block;
	log = (get_be64(sb + 48) >> sb[124]) * group + (get_be64(sb + 48) & ((1ull << sb[124]) - 1)) * block;
	log_end = log + get_be32(sb + 96) * block;
	fuzz_check(end <= d->source.size);
	r = ranges_list(l->unused, &n);
	for (size_t i = 0; i < n; i++) {
		uint64_t to = r[i].off + r[i].len;

		fuzz_check(to <= end && to - r[i].off == r[i].len);
		fuzz_check(to <= log || r[i].off >= log_end);
		fuzz_check(r[i].off % group >= 4ull * get_be16(sb + 102));
		fuzz_check(r[i].off / group == (to - 1) / group);
	}
}

/* What lies where, of a volume of any state. */
static void check_names(struct sparse *d)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct used_name names[8];

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		names[i] = (struct used_name){ .off = min_u64(i * 2600, d->source.size), .len = i * 300 };
	fuzz_check(used_xfs_name(&d->source, names, ARRAY_LEN(names), NULL, &e) == 0);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		fuzz_check(names[i].kind == USED_NAME_UNKNOWN || names[i].name[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sparse disk;
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	struct used_look one, other;

	sparse_open(&disk, &in);
	if (flags & 1)
		put_right(&disk);
	look(&disk, &one);
	if (one.verdict == USED_WHOLE)
		fuzz_check(one.why[0]);
	else
		check_bounds(&disk, &one);
	look(&disk, &other);
	fuzz_check(one.verdict == other.verdict && ranges_bytes(one.unused) == ranges_bytes(other.unused));
	look_end(&one);
	look_end(&other);
	check_names(&disk);
	return 0;
}
