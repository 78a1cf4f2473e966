/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small filesystem that libext2fs makes here, and what is changed in it: 0:1 which one, 1:1 flags (1: the
 * superblock's checksum is put right, 2: the descriptors'), 2:4 the byte whose file is asked for; then, each,
 * 1 place, 2 offset in it, 1 how many bytes, and the bytes. */
#include "fuzz.h"
#include "../../p2v/disk/used_ext.h"

#define BYTES (3u << 20)
#define BLOCK 1024u

static const struct base {
	uint32_t compat, incompat, ro_compat;
} bases[] = {
	{ 0, 0, 0 },
	{ EXT3_FEATURE_COMPAT_HAS_JOURNAL, EXT2_FEATURE_INCOMPAT_FILETYPE, EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER },
	{ EXT3_FEATURE_COMPAT_HAS_JOURNAL, EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
	  EXT4_FEATURE_INCOMPAT_FLEX_BG, EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER },
	{ EXT3_FEATURE_COMPAT_HAS_JOURNAL, EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
	  EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_64BIT, EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER |
	  EXT4_FEATURE_RO_COMPAT_METADATA_CSUM },
	{ 0, EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG,
	  EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT4_FEATURE_RO_COMPAT_GDT_CSUM },
};

static uint8_t made[ARRAY_LEN(bases)][BYTES];
static uint8_t *disk; /* what libext2fs reads and writes */

/* --- Memory for libext2fs ------------------------------------------------------------------- */

static struct struct_io_channel channel;

static errcode_t mem_open(const char *name, int flags, io_channel *out)
{
	(void)name, (void)flags;
	*out = &channel;
	return 0;
}

static errcode_t mem_done(io_channel c)
{
	(void)c;
	return 0;
}

static errcode_t mem_blksize(io_channel c, int size)
{
	c->block_size = size;
	return 0;
}

/* NULL: outside of the disk. */
static uint8_t *mem_at(io_channel c, unsigned long long block, int count, size_t *n)
{
	*n = count < 0 ? (size_t)-count : (size_t)count * (size_t)c->block_size;
	return *n <= BYTES && block <= (BYTES - *n) / (unsigned)c->block_size ?
	       disk + block * (unsigned)c->block_size : NULL;
}

static errcode_t mem_read(io_channel c, unsigned long long block, int count, void *data)
{
	size_t n;
	const uint8_t *at = mem_at(c, block, count, &n);

	if (at)
		memcpy(data, at, n);
	return at ? 0 : EXT2_ET_SHORT_READ;
}

static errcode_t mem_write(io_channel c, unsigned long long block, int count, const void *data)
{
	size_t n;
	uint8_t *at = mem_at(c, block, count, &n);

	if (at)
		memcpy(at, data, n);
	return at ? 0 : EXT2_ET_SHORT_WRITE;
}

static errcode_t mem_read_32(io_channel c, unsigned long block, int count, void *data)
{
	return mem_read(c, block, count, data);
}

static errcode_t mem_write_32(io_channel c, unsigned long block, int count, const void *data)
{
	return mem_write(c, block, count, data);
}

static struct struct_io_manager memory = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER, .name = "memory", .open = mem_open, .close = mem_done,
	.set_blksize = mem_blksize, .read_blk = mem_read_32, .write_blk = mem_write_32, .flush = mem_done,
	.read_blk64 = mem_read, .write_blk64 = mem_write,
};
static struct struct_io_channel channel = {
	.magic = EXT2_ET_MAGIC_IO_CHANNEL, .manager = &memory, .block_size = BLOCK, .refcount = 1,
};

/* Folders and a file, as blocks of them. */
static void populate(ext2_filsys fs)
{
	ext2_ino_t sub = 0, file = 0;
	struct ext2_inode inode = { .i_mode = LINUX_S_IFREG | 0644, .i_links_count = 1 };
	ext2_file_t f;
	unsigned n;

	fuzz_check(ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL) == 0);
	fuzz_check(ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "sub") == 0);
	fuzz_check(ext2fs_lookup(fs, EXT2_ROOT_INO, "sub", 3, NULL, &sub) == 0);
	fuzz_check(ext2fs_new_inode(fs, sub, LINUX_S_IFREG, NULL, &file) == 0);
	ext2fs_inode_alloc_stats2(fs, file, 1, 0);
	if (ext2fs_has_feature_extents(fs->super))
		inode.i_flags = EXT4_EXTENTS_FL;
	fuzz_check(ext2fs_write_new_inode(fs, file, &inode) == 0);
	fuzz_check(ext2fs_link(fs, sub, "file", file, EXT2_FT_REG_FILE) == 0);
	fuzz_check(ext2fs_file_open(fs, file, EXT2_FILE_WRITE, &f) == 0);
	for (unsigned i = 0; i < 30; i++)
		fuzz_check(ext2fs_file_write(f, made[0], BLOCK, &n) == 0);
	fuzz_check(ext2fs_file_close(f) == 0);
}

/* ext2fs_initialize counts as if each group had its own tables. */
static void count(ext2_filsys fs)
{
	blk64_t block = fs->super->s_first_data_block, all = 0;

	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		unsigned free = 0;

		for (; block <= ext2fs_group_last_block2(fs, g); block++)
			free += !ext2fs_test_block_bitmap2(fs->block_map, block);
		ext2fs_bg_free_blocks_count_set(fs, g, free);
		ext2fs_group_desc_csum_set(fs, g);
		all += free;
	}
	ext2fs_free_blocks_count_set(fs->super, all);
}

static void make(unsigned which)
{
	const struct base *b = &bases[which];
	struct ext2_super_block p = { .s_rev_level = 1, .s_feature_compat = b->compat,
				      .s_feature_incompat = b->incompat, .s_feature_ro_compat = b->ro_compat,
				      .s_inode_size = 256, .s_inodes_count = 64,
				      .s_blocks_count = (BYTES >> 10) - 9, .s_blocks_per_group = 512,
				      .s_log_groups_per_flex = 2 };
	ext2_filsys fs;

	if (b->incompat & EXT4_FEATURE_INCOMPAT_64BIT)
		p.s_desc_size = 64;
	disk = made[which];
	fuzz_check(ext2fs_initialize("memory", EXT2_FLAG_64BITS, &p, &memory, &fs) == 0);
	fs->super->s_checksum_type = EXT2_CRC32C_CHKSUM;
	memset(fs->super->s_uuid, 0x5a, sizeof fs->super->s_uuid);
	ext2fs_init_csum_seed(fs);
	fuzz_check(ext2fs_allocate_tables(fs) == 0);
	populate(fs);
	if (b->compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL)
		fuzz_check(ext2fs_add_journal_inode(fs, 1024, 0) == 0);
	fs->super->s_state = EXT2_VALID_FS;
	count(fs);
	fuzz_check(ext2fs_close_free(&fs) == 0);
}

/* --- Changes ---------------------------------------------------------------------------------- */

static uint64_t place(unsigned which)
{
	const uint8_t *gd = disk + 2 * BLOCK;

	switch (which % 8) {
	case 0:
	case 1:
		return 1024;
	case 2:
		return 2 * BLOCK;
	case 3:
		return (uint64_t)get_le32(gd) * BLOCK;
	case 4:
	case 5:
		return (uint64_t)get_le32(gd + 8) * BLOCK;
	case 6:
		return (uint64_t)get_le32(gd + 4) * BLOCK;
	default:
		return which / 8 * (BYTES / 32);
	}
}

static void change(struct fuzz_in *in)
{
	while (in->n) {
		uint64_t at = place((unsigned)fuzz_take(in, 1));
		unsigned n;

		at += fuzz_take(in, 2);
		for (n = (unsigned)fuzz_take(in, 1) % 32; n > 0; n--, at++)
			if (at < BYTES)
				disk[at] = (uint8_t)fuzz_take(in, 1);
	}
}

static void put_right(struct block_source *volume, unsigned flags)
{
	struct used_ext_super super;
	struct used_ext_fs *f;
	char why[USED_EXT_WHY];

	if (flags & 1)
		put_le32(disk + 1024 + 0x3fc, ext2fs_crc32c_le(~0u, disk + 1024, 0x3fc));
	if (flags & 2 && used_ext_super_parse(disk + 1024, BYTES, &super, why) &&
	    (f = used_ext_io_open(volume, &super, why))) {
		for (uint32_t g = 0; g < super.groups; g++)
			ext2fs_group_desc_csum_set(f->fs, g);
		memcpy(disk + 2 * BLOCK, f->fs->group_desc, min_u64(BLOCK, super.groups * super.descriptor_size));
		used_ext_io_close(f);
	}
}

/* --- Checks ----------------------------------------------------------------------------------- */

/* Nothing is unused that libext2fs has as used in the bitmaps it reads itself. */
static void check_unused(struct ranges *unused)
{
	size_t n;
	const struct range *r = ranges_list(unused, &n);
	ext2_filsys fs;

	fuzz_check(ext2fs_open2("memory", NULL, EXT2_FLAG_64BITS, 0, 0, &memory, &fs) == 0);
	fuzz_check(ext2fs_read_block_bitmap(fs) == 0);
	for (size_t i = 0; i < n; i++) {
		fuzz_check(r[i].off % fs->blocksize == 0 && r[i].len % fs->blocksize == 0);
		fuzz_check(r[i].off >= 2048 && r[i].off + r[i].len <= BYTES);
		for (uint64_t b = r[i].off / fs->blocksize; b < (r[i].off + r[i].len) / fs->blocksize; b++)
			fuzz_check(!ext2fs_test_block_bitmap2(fs->block_map, b));
	}
	ext2fs_free(fs);
}

static void look(struct block_source *volume, bool unchanged)
{
	static const struct digest_key key;
	struct used_look l = { .unused = ranges_new(0), .state = digest_stream_new(&key) };
	struct unrack_error e = UNRACK_ERROR_INIT;

	fuzz_check(l.unused && l.state && used_ext(volume, &l, &e) == 0);
	fuzz_check(!unchanged || l.verdict == USED_PARTLY);
	if (l.verdict == USED_PARTLY)
		check_unused(l.unused);
	else
		fuzz_check(*l.why);
	digest_stream_free(l.state);
	ranges_free(l.unused);
}

static void ask(struct block_source *volume, uint64_t off)
{
	struct used_name name = { .off = off, .len = 512 };
	struct unrack_error e = UNRACK_ERROR_INIT;

	fuzz_check(used_ext_name(volume, &name, 1, NULL, &e) == 0);
	fuzz_check(name.kind <= USED_NAME_VITAL && memchr(name.name, 0, sizeof name.name));
	fuzz_check(name.kind == USED_NAME_UNKNOWN || *name.name);
	for (const char *p = name.name; *p; p++)
		fuzz_check((unsigned char)*p >= ' ' && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t changed[BYTES];
	struct fuzz_in in = { data, size };
	unsigned which = (unsigned)fuzz_take(&in, 1) % ARRAY_LEN(bases), flags = (unsigned)fuzz_take(&in, 1);
	uint64_t off = fuzz_take(&in, 4);
	struct block_source *volume;
	struct unrack_error e;
	bool unchanged = in.n == 0;

	if (is_zero(made[which] + 1024, 1024))
		make(which);
	memcpy(changed, made[which], BYTES);
	disk = changed;
	change(&in);
	fuzz_check(block_source_open_memory(disk, BYTES, "disk", &volume, &e) == 0);
	put_right(volume, flags);
	look(volume, unchanged);
	ask(volume, off % BYTES);
	block_source_close(volume);
	return 0;
}
