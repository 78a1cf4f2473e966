/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a group's text to volumes, their pieces, and what is free. */
#include "built.h"
#include "lvm_image.h"

#define EXTENT (LVM_IMAGE_EXTENT * 512u)
#define START (LVM_IMAGE_START * 512u)
#define PV_EXTENTS ((DISK_BYTES - START) / EXTENT)

static char text[28000];

/* Begins a group on two disks; behind the volumes that follow, look() ends it. */
static void begin(void)
{
	lvm_image_group(text, 3, "", 2, DISK_BYTES);
}

static void look(void)
{
	lvm_image_end(text);
	for (unsigned i = 0; i < 2; i++) {
		lvm_image_label(w.data[i], DISK_BYTES, lvm_image_id(i), 1);
		lvm_image_text(w.data[i], 0, 512, text);
	}
	built_begin();
	for (unsigned i = 0; i < 2; i++)
		built_member(i, 0, DISK_BYTES);
	if (used_lvm(w.sources, &w.members, w.free, w.states, &w.out, &w.err) != 0)
		abort();
}

static const char *group_why(void)
{
	const char *why = built_why("LVM2 on partition 1");

	return why ? why : "";
}

/* "DISK:EXTENT+EXTENTS ..." of what is free. */
static const char *free_extents(unsigned disk)
{
	static char out[256];
	size_t count, n = 0;
	const struct range *r = ranges_list(w.free[disk], &count);

	out[0] = '\0';
	for (size_t i = 0; i < count; i++)
		n += (size_t)sprintf(out + n, "%s%llu+%llu", i ? " " : "", (unsigned long long)(r[i].off - START) / EXTENT,
				     (unsigned long long)r[i].len / EXTENT);
	return out;
}

static void segments(void)
{
	char want[128];

	begin();
	lvm_image_add(text, "\nbig {\n");
	lvm_image_add_id(text, 'b');
	lvm_image_add(text, "status = [" LVM_VISIBLE "]\nsegment_count = 3\n");
	lvm_image_add(text, "segment2 {\nstart_extent = 2\nextent_count = 1\ntype = \"linear\"\nstripe_count = 1\nstripes = [\"pv1\", 9]\n}\n");
	lvm_image_add(text, "segment1 {\nstart_extent = 0\nextent_count = 2\ntype = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 4]\n}\n");
	lvm_image_add(text, "segment3 {\nstart_extent = 3\nextent_count = 3\ntype = \"striped\"\nstripe_count = 1\nstripes = [\"pv1\", 10]\n}\n}\n");
	look();
	snprintf(want, sizeof want, "0:%u+%u 1:%u+%u", START + 4 * EXTENT, 2 * EXTENT, START + 9 * EXTENT, 4 * EXTENT);
	is_str(built_pieces("vg0/big"), want, "segments in any order, joined where they touch");
	is_str(free_extents(0), "0+4 6+9", "extents before and behind it are free");
	is_str(free_extents(1), "0+9 13+2", "on both disks");
	begin();
	look();
	is_int(w.out.n, 0, "a group without volumes");
	is_str(free_extents(0), "0+15", "is all free, but for its metadata");
	is_int(ranges_list(w.free[0], &(size_t){ 0 })[0].off, START, "and what is before its extents");
	is_int(ranges_bytes(w.free[1]), PV_EXTENTS * EXTENT, "or behind them");
}

/* dm-stripe, from its definition: stripe I of a volume is row I / 2 of part I % 2. */
static void stripes(void)
{
	const struct used_built *b;
	uint64_t at = 0, wrong = 0;
	size_t i = 0;

	begin();
	lvm_image_lv(text, "fast", LVM_VISIBLE, 6, "type = \"striped\"\nstripe_count = 2\nstripe_size = 16\nstripes = [\n\"pv0\", 3,\n\"pv1\", 5\n]");
	look();
	b = built_find("vg0/fast");
	is_str(b ? b->kind : NULL, "striped", "a striped volume");
	is_str(built_why("vg0/fast"), "", "is looked into");
	is_int(b->bytes, 6 * EXTENT, "its size");
	is_int(b->n, 6 * EXTENT / 8192, "a piece for each stripe");
	for (; i < b->n; at += b->pieces[i++].len)
		for (uint64_t k = 0; k < b->pieces[i].len; k += 512) {
			uint64_t stripe = (at + k) / 8192, row = stripe / 2, within = (at + k) % 8192;

			wrong += b->pieces[i].disk != stripe % 2 ||
				 b->pieces[i].off + k != START + (stripe % 2 ? 5 : 3) * EXTENT + row * 8192 + within;
		}
	is_int(wrong, 0, "each sector of it lies where dm-stripe puts it");
	is_str(free_extents(0), "0+3 6+9", "its extents are not free");
	is_str(free_extents(1), "0+5 8+7", "on the second disk");

	begin();
	lvm_image_lv(text, "odd", LVM_VISIBLE, 6, "type = \"striped\"\nstripe_count = 2\nstripe_size = 100\nstripes = [\n\"pv0\", 3,\n\"pv1\", 5\n]");
	look();
	has_str(built_why("vg0/odd"), "stripes are not understood", "stripes that don't end with the volume");
	is_int(built_find("vg0/odd")->n, 2, "are told by their extents");
	is_str(free_extents(0), "0+3 6+9", "which are not free");
	begin();
	lvm_image_lv(text, "odd", LVM_VISIBLE, 6, "type = \"striped\"\nstripe_count = 2\nstripe_size = 0\nstripes = [\n\"pv0\", 3,\n\"pv1\", 5\n]");
	look();
	has_str(built_why("vg0/odd"), "stripes are not understood", "stripes of no size");
}

static void many_stripes(void)
{
	/* On one disk of 300 GiB, which has only its metadata. */
	static uint8_t first[START];
	struct used_piece piece = { 0, 0, 300ull << 30 };
	struct used_built member = { .pieces = &piece, .n = 1, .bytes = piece.len, .name = "partition 1" };
	struct used_builds members = { &member, 1 };
	struct block_source *source;

	lvm_image_group(text, 3, "", 1, piece.len);
	lvm_image_lv(text, "fast", LVM_VISIBLE, 400000, "type = \"striped\"\nstripe_count = 2\nstripe_size = 1\nstripes = [\n\"pv0\", 0,\n\"pv0\", 200000\n]");
	lvm_image_linear(text, "root", LVM_VISIBLE, 5, 0, 1000000);
	lvm_image_end(text);
	lvm_image_label(first, piece.len, lvm_image_id(0), 1);
	lvm_image_text(first, 0, 512, text);
	built_begin();
	block_source_open_memory(first, sizeof first, "disk", &source, &w.err);
	source->size = piece.len; /* nobody reads behind what is there */
	used_lvm(&source, &members, w.free, w.states, &w.out, &w.err);
	has_str(built_why("vg0/fast"), "too many stripes", "stripes without number are not followed");
	is_int(built_find("vg0/fast")->n, 1, "the volume is copied whole");
	is_str(built_why("vg0/root"), "", "others are not affected");
	block_source_close(source);
}

/* Texts as LVM writes them, of kinds that are copied as they are. */
static void whole_kinds(void)
{
	/* thin */
	begin();
	lvm_image_lv(text, "pool", LVM_VISIBLE, 3, "type = \"thin-pool\"\nmetadata = \"pool_tmeta\"\npool = \"pool_tdata\"\n"
		     "transaction_id = 1\nchunk_size = 128\ndiscards = \"passdown\"\nzero_new_blocks = 1\nmessage1 {\ncreate = \"t\"\n}");
	look();
	has_str(group_why(), "a section in a segment", "a section where LVM2 has one only while it works");
	ok(built_all_whole(), "makes all whole");
	begin();
	lvm_image_lv(text, "pool", LVM_VISIBLE, 3, "type = \"thin-pool\"\nmetadata = \"pool_tmeta\"\npool = \"pool_tdata\"\n"
		     "transaction_id = 1\nchunk_size = 128\ndiscards = \"passdown\"\nzero_new_blocks = 1");
	lvm_image_lv(text, "t", LVM_VISIBLE, 9, "type = \"thin\"\nthin_pool = \"pool\"\ntransaction_id = 0\ndevice_id = 1\nexternal_origin = \"base\"");
	lvm_image_linear(text, "lvol0_pmspare", LVM_HIDDEN, 1, 0, 0);
	lvm_image_linear(text, "pool_tmeta", LVM_HIDDEN, 1, 1, 0);
	lvm_image_linear(text, "pool_tdata", LVM_HIDDEN, 3, 1, 1);
	lvm_image_linear(text, "base", "\"READ\", \"VISIBLE\"", 2, 0, 1);
	lvm_image_linear(text, "root", LVM_VISIBLE, 1, 0, 3);
	look();
	has_str(built_why("vg0/pool_tdata"), "part of pool", "thin: what its pool consists of is copied whole");
	has_str(built_why("vg0/pool_tmeta"), "part of pool", "and its metadata");
	has_str(built_why("vg0/base"), "part of t", "and a volume that thin ones come from");
	has_str(built_why("vg0/lvol0_pmspare"), "hidden", "and a spare");
	ok(!built_find("vg0/t") && !built_find("vg0/pool"), "what has no extents is not told");
	is_str(built_why("vg0/root"), "", "an ordinary volume beside of it is looked into");
	is_str(free_extents(0), "4+11", "extents of hidden volumes are not free");
	is_str(free_extents(1), "4+11", "nor those of pools");

	/* snapshot */
	begin();
	lvm_image_linear(text, "root", LVM_VISIBLE, 2, 0, 0);
	lvm_image_linear(text, "before", LVM_VISIBLE, 1, 0, 2);
	lvm_image_lv(text, "snapshot0", LVM_HIDDEN, 2, "type = \"snapshot\"\nchunk_size = 8\norigin = \"root\"\ncow_store = \"before\"");
	look();
	has_str(built_why("vg0/root"), "part of snapshot0", "snapshot: its origin's free blocks belong to it");
	has_str(built_why("vg0/before"), "part of snapshot0", "and it is no filesystem");
	is_str(free_extents(0), "3+12", "free extents are free for all that");

	/* cache */
	begin();
	lvm_image_lv(text, "db", LVM_VISIBLE, 2, "type = \"cache\"\ncache_pool = \"fast\"\norigin = \"db_corig\"");
	lvm_image_linear(text, "db_corig", LVM_HIDDEN, 2, 0, 0);
	lvm_image_lv(text, "fast", LVM_HIDDEN, 1, "type = \"cache-pool\"\ndata = \"fast_cdata\"\nmetadata = \"fast_cmeta\"\nmetadata_format = 2\n"
		     "chunk_size = 128\ncache_mode = \"writeback\"\npolicy = \"smq\"");
	lvm_image_linear(text, "fast_cdata", LVM_HIDDEN, 1, 1, 0);
	lvm_image_linear(text, "fast_cmeta", LVM_HIDDEN, 1, 1, 1);
	look();
	has_str(built_why("vg0/db_corig"), "part of db", "cache: its origin may lack what was written last");
	has_str(built_why("vg0/fast_cdata"), "part of fast", "and its data are no filesystem");
	has_str(built_why("vg0/fast_cmeta"), "part of fast", "nor its metadata");

	/* writecache and cache volumes say so by a flag too */
	begin();
	lvm_image_lv(text, "db", LVM_VISIBLE, 2, "type = \"writecache\"\norigin = \"db_wcorig\"\nwritecache = \"fast_cvol\"\nwritecache_block_size = 4096");
	lvm_image_linear(text, "db_wcorig", LVM_HIDDEN, 2, 0, 0);
	lvm_image_linear(text, "fast_cvol", LVM_HIDDEN "]\nflags = [\"CACHE_VOL\"", 2, 1, 0);
	look();
	ok(built_why("vg0/db_wcorig") && *built_why("vg0/db_wcorig"), "writecache: its origin is copied whole");
	has_str(built_why("vg0/fast_cvol"), "its status is CACHE_VOL", "and its volume");

	/* raid */
	begin();
	lvm_image_lv(text, "safe", LVM_VISIBLE, 2, "type = \"raid1\"\ndevice_count = 2\nregion_size = 1024\n\nraids = [\n\"safe_rmeta_0\", \"safe_rimage_0\",\n"
		     "\"safe_rmeta_1\", \"safe_rimage_1\"\n]");
	for (unsigned i = 0; i < 2; i++) {
		lvm_image_linear(text, i ? "safe_rmeta_1" : "safe_rmeta_0", LVM_HIDDEN, 1, i, 0);
		lvm_image_linear(text, i ? "safe_rimage_1" : "safe_rimage_0", LVM_HIDDEN, 2, i, 1);
	}
	look();
	for (unsigned i = 0; i < 2; i++) {
		has_str(built_why(i ? "vg0/safe_rimage_1" : "vg0/safe_rimage_0"), "part of safe", "raid: image %u is copied whole", i);
		has_str(built_why(i ? "vg0/safe_rmeta_1" : "vg0/safe_rmeta_0"), "part of safe", "and its metadata");
	}

	/* pvmove */
	begin();
	lvm_image_lv(text, "root", LVM_VISIBLE ", \"LOCKED\"", 3, "type = \"striped\"\nstripe_count = 1\nstripes = [\n\"pvmove0\", 0\n]");
	lvm_image_lv(text, "pvmove0", "\"READ\", \"WRITE\", \"PVMOVE\", \"LOCKED\"", 3,
		     "type = \"mirror\"\nmirror_count = 2\nextents_moved = 1\nmirrors = [\n\"pv0\", 2,\n\"pv1\", 7\n]");
	look();
	has_str(built_why("vg0/pvmove0"), "its status is PVMOVE", "pvmove: both places are copied whole");
	is_int(built_find("vg0/pvmove0")->n, 2, "both");
	is_str(free_extents(0), "0+2 5+10", "neither the old extents are free");
	is_str(free_extents(1), "0+7 10+5", "nor the new ones");

	/* others */
	begin();
	lvm_image_linear(text, "moved", LVM_VISIBLE ", \"LOCKED\"", 1, 0, 0);
	lvm_image_lv(text, "nothing", LVM_VISIBLE, 2, "type = \"error\"");
	lvm_image_lv(text, "zeros", LVM_VISIBLE, 2, "type = \"zero\"");
	lvm_image_lv(text, "flagged", LVM_VISIBLE, 1, "type = \"striped+CROP_METADATA\"\nstripe_count = 1\nstripes = [\"pv0\", 1]");
	lvm_image_linear(text, "vpool0_vdata", LVM_HIDDEN, 1, 0, 2);
	lvm_image_lv(text, "vpool0", LVM_VISIBLE, 1, "type = \"vdo-pool\"\ndata = \"vpool0_vdata\"\nheader_size = 1024");
	look();
	has_str(group_why(), "flagged has extents in a way that is not known", "extents of a type that is not known");
	ok(built_all_whole(), "make all whole");
	begin();
	lvm_image_linear(text, "moved", LVM_VISIBLE ", \"LOCKED\"", 1, 0, 0);
	lvm_image_lv(text, "nothing", LVM_VISIBLE, 2, "type = \"error\"");
	lvm_image_linear(text, "vpool0_vdata", LVM_HIDDEN, 1, 0, 2);
	lvm_image_lv(text, "vpool0", LVM_VISIBLE, 1, "type = \"vdo-pool\"\ndata = \"vpool0_vdata\"\nheader_size = 1024");
	look();
	has_str(built_why("vg0/moved"), "its status is LOCKED", "a locked volume is copied whole");
	has_str(built_why("vg0/vpool0_vdata"), "part of vpool0", "and what VDO has");
	is_str(free_extents(0), "1+1 3+12", "the rest is free");
}

#define MIRROR "type = \"mirror\"\nmirror_count = 2\nmirror_log = \"safe_mlog\"\nregion_size = 64\n\nmirrors = [\n\"safe_mimage_0\", 0,\n\"safe_mimage_1\", 0\n]"

/* A mirror of 4 extents, so of 8 regions of 64 sectors; its log is extent 9 of pv1. */
static void mirror(const char *body, const char *status)
{
	begin();
	lvm_image_lv(text, "safe", status, 4, body);
	lvm_image_linear(text, "safe_mlog", LVM_HIDDEN, 1, 1, 9);
	lvm_image_linear(text, "safe_mimage_0", LVM_HIDDEN, 4, 0, 0);
	lvm_image_linear(text, "safe_mimage_1", LVM_HIDDEN, 4, 1, 0);
}

static void mirrors(void)
{
	uint8_t *log = w.data[1] + START + 9 * EXTENT;
	char want[64];

	memset(log, 0, EXTENT);
	put_le32(log, 0x4d695272);
	put_le32(log + 4, 2);
	put_le64(log + 8, 8);
	log[1024] = 0xff;
	mirror(MIRROR, LVM_VISIBLE);
	look();
	is_str(built_why("vg0/safe_mimage_0"), "", "mirror: its first leg is looked into");
	is_str(built_why("vg0/safe_mimage_1"), "", "and the second one");
	is_str(built_find("vg0/safe_mimage_1")->kind, "mirror leg", "as what they are");
	is_str(built_find("vg0/safe_mimage_0")->mirror, built_find("vg0/safe_mimage_1")->mirror, "legs of one volume");
	ok(built_find("vg0/safe_mimage_0")->leg != built_find("vg0/safe_mimage_1")->leg, "different ones");
	snprintf(want, sizeof want, "1:%u+%u", START, 4 * EXTENT);
	is_str(built_pieces("vg0/safe_mimage_1"), want, "where they lie");
	has_str(built_why("vg0/safe_mlog"), "the log of a mirror", "its log is copied as it is");
	ok(!built_find("vg0/safe"), "the mirror itself has no extents");
	is_str(free_extents(1), "4+5 10+5", "what is not of it is free");
	for (unsigned bit = 0; bit < 8; bit++) {
		log[1024] = (uint8_t)~(1u << bit);
		mirror(MIRROR, LVM_VISIBLE);
		look();
		has_str(built_why("vg0/safe_mimage_0"), "not known that the legs of safe are alike", "region %u differs", bit);
	}
	log[1024] = 0xff;
	put_le64(log + 8, UINT64_MAX);
	mirror(MIRROR, LVM_VISIBLE);
	look();
	has_str(built_why("vg0/safe_mimage_1"), "not known", "a mirror that never was in use");
	put_le64(log + 8, 8);
	log[0] ^= 1;
	mirror(MIRROR, LVM_VISIBLE);
	look();
	has_str(built_why("vg0/safe_mimage_1"), "not known", "a log that is none");
	log[0] ^= 1;
	mirror("type = \"mirror\"\nmirror_count = 2\nregion_size = 64\nmirrors = [\n\"safe_mimage_0\", 0,\n\"safe_mimage_1\", 0\n]", LVM_VISIBLE);
	look();
	has_str(built_why("vg0/safe_mimage_0"), "not known", "a mirror without a log on disk");
	mirror(MIRROR, LVM_VISIBLE ", \"NOTSYNCED\"");
	look();
	has_str(built_why("vg0/safe_mimage_0"), "part of safe", "a mirror whose legs never were alike");
	mirror(MIRROR, LVM_VISIBLE);
	lvm_image_lv(text, "snapshot0", LVM_HIDDEN, 4, "type = \"snapshot\"\nchunk_size = 8\norigin = \"safe\"\ncow_store = \"cow\"");
	lvm_image_linear(text, "cow", LVM_VISIBLE, 1, 0, 5);
	look();
	has_str(built_why("vg0/safe_mimage_1"), "part of safe", "a mirror that has a snapshot");
	mirror("type = \"mirror\"\nmirror_count = 2\nmirror_log = \"safe_mlog\"\nregion_size = 64\nmirrors = [\n\"safe_mimage_0\", 0,\n\"safe_mimage_0\", 0\n]", LVM_VISIBLE);
	look();
	has_str(built_why("vg0/safe_mimage_0"), "part of safe", "the same leg twice");
	has_str(built_why("vg0/safe_mimage_1"), "hidden", "and one that is not in use");
	mirror("type = \"mirror\"\nmirror_count = 2\nmirror_log = \"safe_mlog\"\nregion_size = 64\nmirrors = [\n\"safe_mimage_0\", 0,\n\"safe_mimage_1\", 1\n]", LVM_VISIBLE);
	look();
	has_str(built_why("vg0/safe_mimage_0"), "part of safe", "a leg from its middle on");
	mirror("type = \"mirror\"\nmirror_count = 2\nmirror_log = \"safe_mlog\"\nregion_size = 64\nmirrors = [\n\"safe_mimage_0\", 0,\n\"safe_mlog\", 0\n]", LVM_VISIBLE);
	look();
	ok(*built_why("vg0/safe_mimage_0") && *built_why("vg0/safe_mlog"), "a log that is a leg");
	mirror("type = \"mirror\"\nmirror_count = 2\nmirror_log = \"safe_mlog\"\nregion_size = 0\nmirrors = [\n\"safe_mimage_0\", 0,\n\"safe_mimage_1\", 0\n]", LVM_VISIBLE);
	look();
	has_str(built_why("vg0/safe_mimage_0"), "not known", "regions of no size");
}

static void impossible(void)
{
	static const struct {
		const char *body, *why;
		unsigned extents;
	} bad[] = {
		{ "type = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 1]", "two volumes have the same extents", 2 },
		{ "type = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 14]", "ends behind its physical volume", 2 },
		{ "type = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 18446744073709551614]", "ends behind", 2 },
		{ "type = \"striped\"\nstripe_count = 1\nstripes = [\"pv7\", 0]", "lies on pv7, which is not there", 2 },
		{ "type = \"striped\"\nstripe_count = 2\nstripe_size = 8\nstripes = [\"pv0\", 4]", "has not the places", 2 },
		{ "type = \"striped\"\nstripe_count = 2\nstripe_size = 8\nstripes = [\"pv0\", 4, \"pv1\", 0]", "has not the places", 3 },
		{ "type = \"striped\"\nstripe_count = 0", "has not the places", 2 },
		{ "type = \"striped\"\nstripe_count = 0\nstripes = []", "has not the places", 2 },
		{ "type = \"raid5\"\nraids = [\"pv0\", 5]", "in a way that is not known", 2 },
		{ "type = \"thin\"\nthin_pool = \"pv1\"", "in a way that is not known", 2 },
		{ "type = \"cache\"\nstripes = [\"pv0\", 5]", "in a way that is not known", 2 },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		begin();
		lvm_image_linear(text, "root", LVM_VISIBLE, 2, 0, 0);
		lvm_image_lv(text, "home", LVM_VISIBLE, bad[i].extents, bad[i].body);
		look();
		has_str(group_why(), bad[i].why, "%s", bad[i].why);
		ok(built_all_whole(), "all is whole");
	}
	begin();
	lvm_image_lv(text, "root", LVM_VISIBLE, 4, "type = \"striped\"\nstripe_count = 2\nstripe_size = 8\nstripes = [\"pv0\", 3, \"pv0\", 4]");
	look();
	has_str(group_why(), "the same extents", "a volume that has an extent twice");
}

/* Numbers of a physical volume in the text that don't fit its disk. */
static void places(void)
{
	static const struct {
		const char *from, *to, *why;
	} bad[] = {
		{ "pe_count = 15\n", "pe_count = 16\n", "smaller than its metadata say" },
		{ "pe_count = 15\n", "pe_count = 288230376151711744\n", "impossible" },
		{ "pe_start = 128\n", "pe_start = 120\n", "disagree" },
		{ "pe_start = 128\n", "pe_start = 36028797018963968\n", "impossible" },
		{ "dev_size = 2048\n", "dev_size = 2049\n", "smaller than its metadata say" },
		{ "dev_size = 2048\n", "dev_size = 2000\n", "disagree" },
		{ "pe_count = 15\n", "pe_count = 15\nba_start = 100\nba_size = 29\n", "where its metadata are" },
		{ "pe_count = 15\n", "pe_count = 15\nba_start = 2000\nba_size = 2\n", "where its metadata are" },
	};
	static char copy[sizeof text];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *at;

		begin();
		at = strstr(text, bad[i].from);
		strcpy(copy, at + strlen(bad[i].from));
		sprintf(at, "%s%s", bad[i].to, copy);
		look();
		has_str(group_why(), bad[i].why, "%.8s: %s", bad[i].to, bad[i].why);
		ok(built_all_whole(), "all is whole");
	}
	begin();
	sprintf(strstr(text, "pe_count = 15\n"), "pe_count = 15\nba_start = 100\nba_size = 28\n}\npv1 {\nid = \"BBBBBB-BBBB-BBBB-BBBB-BBBB-BBBB-BBBBBB\"\n"
		"pe_start = 128\npe_count = 15\n}\n}\nlogical_volumes {\n");
	look();
	is_str(free_extents(1), "0+15", "a boot loader's area before the extents, and a text of old versions");
	begin();
	lvm_image_end(text);
	lvm_image_label(w.data[0], DISK_BYTES, lvm_image_id(0), 1);
	put_le64(w.data[0] + 512 + 112, DISK_BYTES - LVM_IMAGE_MDA);
	lvm_image_seal_label(w.data[0]);
	lvm_image_text(w.data[0], 0, 512, text);
	put_le64(w.data[0] + LVM_IMAGE_MDA + 32, DISK_BYTES - LVM_IMAGE_MDA);
	lvm_image_seal_area(w.data[0], 0);
	lvm_image_text(w.data[1], 0, 512, text);
	built_begin();
	built_member(0, 0, DISK_BYTES);
	built_member(1, 0, DISK_BYTES);
	used_lvm(w.sources, &w.members, w.free, w.states, &w.out, &w.err);
	has_str(group_why(), "where its metadata are", "a metadata area in the extents");
	ok(built_all_whole(), "all is whole");
}

/* A volume on a mirrored and on a plain physical volume, whose mirror's legs nobody knows to be alike. */
static void beside(void)
{
	begin();
	lvm_image_lv(text, "wide", LVM_VISIBLE, 4, "type = \"striped\"\nstripe_count = 2\nstripe_size = 8\nstripes = [\"pv0\", 0, \"pv1\", 0]");
	lvm_image_linear(text, "root", LVM_VISIBLE, 1, 0, 5);
	look();
	memcpy(w.data[2], w.data[0], DISK_BYTES);
	built_begin();
	for (unsigned i = 0; i < 3; i++) {
		struct used_built *m = built_member(i, 0, DISK_BYTES);

		strcpy(m->mirror, i == 1 ? "" : "md/1");
		m->leg = i;
	}
	used_lvm(w.sources, &w.members, w.free, w.states, &w.out, &w.err);
	has_str(built_why("vg0/wide"), "on a mirror and beside of it", "a volume that lies on a mirror and beside of it is whole");
	is_str(built_why("vg0/root (leg 2)"), "", "one that lies on it alone is not");
	is_str(free_extents(2), "2+3 6+9", "what is free is free on all legs");
}

static void limits(void)
{
	static char big[28000];

	begin();
	lvm_image_linear(text, "a\x1b[31m", LVM_VISIBLE, 1, 0, 0);
	look();
	ok(built_all_whole() && !built_find("vg0/a?[31m"), "brackets end a name");
	begin();
	lvm_image_linear(text, "a\x9b\x7f", LVM_VISIBLE ", \"\x1b[2J\"", 1, 0, 0);
	look();
	is_str(built_why("vg0/a??"), "its status is ?[2J", "what a terminal would obey is not shown");
	begin();
	memset(big, 'x', 300);
	lvm_image_linear(text, big, LVM_VISIBLE, 1, 0, 0);
	look();
	is_int(strlen(w.out.at[0].name), 64, "a long name is cut");
}

int main(void)
{
	segments();
	stripes();
	many_stripes();
	whole_kinds();
	mirrors();
	impossible();
	places();
	beside();
	limits();
	built_end();
	return tap_done();
}
