/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ext2_fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ext2fs/ext2fs.h>

#include "base/size.h"

struct ext2_fs {
	ext2_filsys fs;
	struct struct_io_channel channel;
	struct buf *image;
	const char *name;
};

/* --- What libext2fs reads and writes through -------------------------------------------- */

/* It hands over nothing but this name, which is the address of the filesystem. */
static errcode_t channel_open(const char *name, int flags, io_channel *channel)
{
	void *p = NULL;
	struct ext2_fs *f;

	(void)flags;
	if (sscanf(name, "%p", &p) != 1 || !p)
		return EXT2_ET_BAD_DEVICE_NAME;
	f = p;
	*channel = &f->channel;
	return 0;
}

/* The channel is part of the filesystem. */
static errcode_t channel_close(io_channel channel)
{
	(void)channel;
	return 0;
}

static errcode_t channel_set_blksize(io_channel channel, int size)
{
	channel->block_size = size;
	return 0;
}

/* COUNT blocks; bytes if it is negative. NULL: not all of them are in the image. */
static uint8_t *channel_at(io_channel channel, unsigned long long block, int count, size_t *n)
{
	struct ext2_fs *f = channel->private_data;
	uint64_t size = (uint64_t)channel->block_size, off, end;

	*n = count < 0 ? (size_t)-(int64_t)count : (size_t)count * size;
	if (mul_overflows(block, size, &off) || add_overflows(off, *n, &end) || end > f->image->len)
		return NULL;
	return f->image->data + off;
}

static errcode_t channel_read_blk64(io_channel channel, unsigned long long block, int count, void *data)
{
	size_t n;
	const uint8_t *p = channel_at(channel, block, count, &n);

	if (!p)
		return EXT2_ET_SHORT_READ;
	memcpy(data, p, n);
	return 0;
}

static errcode_t channel_read_blk(io_channel channel, unsigned long block, int count, void *data)
{
	return channel_read_blk64(channel, block, count, data);
}

static errcode_t channel_write_blk64(io_channel channel, unsigned long long block, int count, const void *data)
{
	size_t n;
	uint8_t *p = channel_at(channel, block, count, &n);

	if (!p)
		return EXT2_ET_SHORT_WRITE;
	memcpy(p, data, n);
	return 0;
}

static errcode_t channel_write_blk(io_channel channel, unsigned long block, int count, const void *data)
{
	return channel_write_blk64(channel, block, count, data);
}

static errcode_t channel_flush(io_channel channel)
{
	(void)channel;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "memory",
	.open = channel_open,
	.close = channel_close,
	.set_blksize = channel_set_blksize,
	.read_blk = channel_read_blk,
	.write_blk = channel_write_blk,
	.flush = channel_flush,
	.read_blk64 = channel_read_blk64,
	.write_blk64 = channel_write_blk64,
};

static struct ext2_fs *new_fs(struct buf *image, const char *name, char device[32])
{
	struct ext2_fs *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->image = image;
	f->name = name;
	f->channel = (struct struct_io_channel){ .magic = EXT2_ET_MAGIC_IO_CHANNEL, .manager = &manager,
						 .block_size = 1024, .refcount = 1, .private_data = f };
	snprintf(device, 32, "%p", (void *)f);
	return f;
}

void ext2_fs_drop(struct ext2_fs *f)
{
	if (!f)
		return;
	if (f->fs)
		ext2fs_free(f->fs);
	free(f);
}

/* E as a result of this file's functions. */
static int result(const struct ext2_fs *f, errcode_t e, struct unrack_error *err)
{
	if (e == 0)
		return 0;
	if (e == EXT2_ET_BLOCK_ALLOC_FAIL || e == EXT2_ET_TOOSMALL)
		return EXT2_FS_NO_BLOCKS;
	if (e == EXT2_ET_INODE_ALLOC_FAIL)
		return EXT2_FS_NO_INODES;
	if (e == EXT2_ET_FILE_NOT_FOUND)
		return EXT2_FS_NO_NAME;
	if (e == EXT2_ET_NO_MEMORY || e == ENOMEM)
		return error_nomem(err);
	return error_set(err, UNRACK_DAMAGED, "%s: libext2fs does not write to its ext2 filesystem (error %ld); unpack it, "
			 "repair it with e2fsck -f, and pack it again", f->name, (long)e);
}

/* --- Beginning and end ------------------------------------------------------------------ */

int ext2_fs_open(struct buf *image, bool grew, uint32_t now, const char *name, struct ext2_fs **out,
		 struct unrack_error *err)
{
	char device[32];
	struct ext2_fs *f = new_fs(image, name, device);
	errcode_t e;
	int r;

	*out = NULL;
	if (!f)
		return error_nomem(err);
	e = ext2fs_open2(device, NULL, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &manager, &f->fs);
	if (e)
		f->fs = NULL;
	if (!e)
		e = ext2fs_read_bitmaps(f->fs);
	if (!e) {
		f->fs->now = now ? now : 1;
		/* A kernel does not write to copies of the superblock either, but new ones must come in. */
		if (grew)
			f->fs->flags &= ~EXT2_FLAG_MASTER_SB_ONLY;
	}
	/* Blocks reserved for descriptors in new groups belong to an inode. */
	if (!e && grew && ext2fs_has_feature_resize_inode(f->fs->super))
		e = ext2fs_create_resize_inode(f->fs);
	r = result(f, e, err);
	if (r)
		ext2_fs_drop(f);
	else
		*out = f;
	return r;
}

/* Inodes that no file has, and the root folder. */
static errcode_t make_root(ext2_filsys fs)
{
	errcode_t e = ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL);

	for (ext2_ino_t k = 1; !e && k < EXT2_FIRST_INODE(fs->super); k++)
		if (k != EXT2_ROOT_INO)
			ext2fs_inode_alloc_stats2(fs, k, +1, 0);
	return e;
}

int ext2_fs_create(struct buf *image, uint32_t inodes, const uint8_t uuid[16], uint32_t now, const char *name,
		   struct ext2_fs **out, struct unrack_error *err)
{
	struct ext2_super_block super = { .s_rev_level = EXT2_DYNAMIC_REV, .s_inode_size = EXT2_GOOD_OLD_INODE_SIZE,
					  .s_max_mnt_count = -1, .s_inodes_count = inodes,
					  .s_blocks_count = (uint32_t)(image->len / 1024) };
	char device[32];
	struct ext2_fs *f = new_fs(image, name, device);
	errcode_t e;
	int r;

	*out = NULL;
	if (!f)
		return error_nomem(err);
	e = ext2fs_initialize(device, EXT2_FLAG_64BITS, &super, &manager, &f->fs);
	if (e)
		f->fs = NULL;
	if (!e) {
		f->fs->now = now ? now : 1;
		f->fs->super->s_lastcheck = f->fs->super->s_mkfs_time = f->fs->now;
		memcpy(f->fs->super->s_uuid, uuid, sizeof f->fs->super->s_uuid);
		e = ext2fs_allocate_tables(f->fs);
	}
	if (!e)
		e = make_root(f->fs);
	r = result(f, e, err);
	if (r)
		ext2_fs_drop(f);
	else
		*out = f;
	return r;
}

/* How much is free, from the bitmaps. */
static void count_free(ext2_filsys fs)
{
	uint32_t blocks = 0, inodes = 0, first = fs->super->s_first_data_block, per = fs->super->s_inodes_per_group;

	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint32_t free_blocks = 0, free_inodes = 0;
		blk64_t end = min_u64(first + (uint64_t)(g + 1) * fs->super->s_blocks_per_group,
				      ext2fs_blocks_count(fs->super));

		for (blk64_t b = first + (blk64_t)g * fs->super->s_blocks_per_group; b < end; b++)
			free_blocks += !ext2fs_test_block_bitmap2(fs->block_map, b);
		for (uint32_t k = 0; k < per; k++)
			free_inodes += !ext2fs_test_inode_bitmap2(fs->inode_map, g * per + k + 1);
		ext2fs_bg_free_blocks_count_set(fs, g, free_blocks);
		ext2fs_bg_free_inodes_count_set(fs, g, free_inodes);
		blocks += free_blocks;
		inodes += free_inodes;
	}
	ext2fs_free_blocks_count_set(fs->super, blocks);
	fs->super->s_free_inodes_count = inodes;
	ext2fs_mark_super_dirty(fs);
}

int ext2_fs_close(struct ext2_fs *f, struct unrack_error *err)
{
	int r;

	count_free(f->fs);
	r = result(f, ext2fs_flush(f->fs), err);
	ext2_fs_drop(f);
	return r;
}

/* --- Files ------------------------------------------------------------------------------ */

int ext2_fs_find(struct ext2_fs *f, uint32_t dir, const char *name, uint32_t *inode, struct unrack_error *err)
{
	return result(f, ext2fs_lookup(f->fs, dir, name, (int)strlen(name), NULL, inode), err);
}

bool ext2_fs_is_folder(struct ext2_fs *f, uint32_t inode)
{
	return ext2fs_check_directory(f->fs, inode) == 0;
}

static errcode_t write_content(ext2_filsys fs, uint32_t inode, const void *data, size_t n)
{
	ext2_file_t file;
	errcode_t e = ext2fs_file_open(fs, inode, EXT2_FILE_WRITE, &file), closed;
	unsigned written;

	if (e)
		return e;
	e = n ? ext2fs_file_write(file, data, (unsigned)n, &written) : 0;
	if (!e && n && written != n)
		e = EXT2_ET_SHORT_WRITE;
	closed = ext2fs_file_close(file);
	return e ? e : closed;
}

static errcode_t free_content(ext2_filsys fs, uint32_t number, struct ext2_inode *inode)
{
	errcode_t e = 0;

	if (ext2fs_inode_has_valid_blocks2(fs, inode))
		e = ext2fs_punch(fs, number, inode, NULL, 0, ~0ULL);
	if (!e)
		e = ext2fs_inode_size_set(fs, inode, 0);
	return e;
}

int ext2_fs_replace(struct ext2_fs *f, uint32_t number, const void *data, size_t n, struct unrack_error *err)
{
	struct ext2_inode inode;
	errcode_t e = ext2fs_read_inode(f->fs, number, &inode);

	if (!e)
		e = free_content(f->fs, number, &inode);
	if (!e)
		e = ext2fs_write_inode(f->fs, number, &inode);
	if (!e)
		e = write_content(f->fs, number, data, n);
	return result(f, e, err);
}

/* An index of a folder's names, which kernels of the 2.4 series do not have, would have to be kept
 * right: without its mark the folder is a plain list again. */
static errcode_t drop_index(ext2_filsys fs, uint32_t dir)
{
	struct ext2_inode inode;
	errcode_t e = ext2fs_read_inode(fs, dir, &inode);

	if (e || !(inode.i_flags & EXT2_INDEX_FL))
		return e;
	inode.i_flags &= ~(uint32_t)EXT2_INDEX_FL;
	return ext2fs_write_inode(fs, dir, &inode);
}

static int kind_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return EXT2_FT_DIR;
	case S_IFLNK:
		return EXT2_FT_SYMLINK;
	case S_IFCHR:
		return EXT2_FT_CHRDEV;
	case S_IFBLK:
		return EXT2_FT_BLKDEV;
	case S_IFIFO:
		return EXT2_FT_FIFO;
	case S_IFSOCK:
		return EXT2_FT_SOCK;
	default:
		return EXT2_FT_REG_FILE;
	}
}

static errcode_t add_name(ext2_filsys fs, uint32_t dir, const char *name, uint32_t inode, uint32_t mode)
{
	errcode_t e = drop_index(fs, dir);

	if (!e)
		e = ext2fs_link(fs, dir, name, inode, kind_of(mode));
	if (e != EXT2_ET_DIR_NO_SPACE)
		return e;
	e = ext2fs_expand_dir(fs, dir);
	return e ? e : ext2fs_link(fs, dir, name, inode, kind_of(mode));
}

static errcode_t make_folder(ext2_filsys fs, uint32_t dir, const char *name, uint32_t *inode)
{
	errcode_t e = ext2fs_new_inode(fs, dir, S_IFDIR | 0755, NULL, inode);

	/* Without a name, which add_name finds room for. */
	if (!e)
		e = ext2fs_mkdir(fs, dir, *inode, NULL);
	return e ? e : add_name(fs, dir, name, *inode, S_IFDIR);
}

static void set_device(struct ext2_inode *inode, const struct initrd_member *m)
{
	if (m->rdev_major < 256 && m->rdev_minor < 256)
		inode->i_block[0] = m->rdev_major << 8 | m->rdev_minor;
	else
		inode->i_block[1] = (m->rdev_minor & 0xff) | m->rdev_major << 8 | (m->rdev_minor & ~0xffu) << 12;
}

static errcode_t make_file(ext2_filsys fs, uint32_t dir, const char *name, const struct initrd_member *m,
			   uint32_t *number)
{
	struct ext2_inode inode = { .i_mode = (uint16_t)m->mode, .i_links_count = 1 };
	bool fast = S_ISLNK(m->mode) && m->size < sizeof inode.i_block;
	errcode_t e = ext2fs_new_inode(fs, dir, (int)m->mode, NULL, number);

	if (fast) {
		memcpy(inode.i_block, m->data, m->size);
		inode.i_size = (uint32_t)m->size;
	} else if (S_ISCHR(m->mode) || S_ISBLK(m->mode)) {
		set_device(&inode, m);
	}
	if (!e)
		e = ext2fs_write_new_inode(fs, *number, &inode);
	if (e)
		return e;
	ext2fs_inode_alloc_stats2(fs, *number, +1, 0);
	if (!fast && (S_ISREG(m->mode) || S_ISLNK(m->mode)))
		e = write_content(fs, *number, m->data, m->size);
	return e ? e : add_name(fs, dir, name, *number, m->mode);
}

static errcode_t set_meta(ext2_filsys fs, uint32_t number, const struct initrd_member *m)
{
	struct ext2_inode inode;
	errcode_t e = ext2fs_read_inode(fs, number, &inode);

	if (e)
		return e;
	inode.i_mode = (uint16_t)m->mode;
	inode.i_uid = (uint16_t)m->uid;
	inode.i_gid = (uint16_t)m->gid;
	ext2fs_set_i_uid_high(inode, (uint16_t)(m->uid >> 16));
	ext2fs_set_i_gid_high(inode, (uint16_t)(m->gid >> 16));
	inode.i_mtime = inode.i_ctime = inode.i_atime = (uint32_t)m->mtime;
	return ext2fs_write_inode(fs, number, &inode);
}

int ext2_fs_set(struct ext2_fs *f, uint32_t inode, const struct initrd_member *m, struct unrack_error *err)
{
	return result(f, set_meta(f->fs, inode, m), err);
}

int ext2_fs_put(struct ext2_fs *f, uint32_t dir, const char *name, const struct initrd_member *m,
		uint32_t *inode, struct unrack_error *err)
{
	errcode_t e = S_ISDIR(m->mode) ? make_folder(f->fs, dir, name, inode)
				       : make_file(f->fs, dir, name, m, inode);

	return result(f, e ? e : set_meta(f->fs, *inode, m), err);
}

int ext2_fs_link(struct ext2_fs *f, uint32_t dir, const char *name, uint32_t number, struct unrack_error *err)
{
	struct ext2_inode inode;
	errcode_t e = ext2fs_read_inode(f->fs, number, &inode);

	if (!e)
		e = add_name(f->fs, dir, name, number, inode.i_mode);
	inode.i_links_count++;
	return result(f, e ? e : ext2fs_write_inode(f->fs, number, &inode), err);
}

static errcode_t remove_file(ext2_filsys fs, uint32_t number, struct ext2_inode *inode)
{
	errcode_t e = 0;

	if (inode->i_file_acl) {
		e = ext2fs_free_ext_attr(fs, number, NULL);
		if (!e)
			e = ext2fs_read_inode(fs, number, inode);
		inode->i_links_count = 0;
	}
	if (!e)
		e = free_content(fs, number, inode);
	inode->i_dtime = (uint32_t)fs->now;
	ext2fs_inode_alloc_stats2(fs, number, -1, 0);
	return e;
}

int ext2_fs_unlink(struct ext2_fs *f, uint32_t dir, const char *name, uint32_t number, struct unrack_error *err)
{
	struct ext2_inode inode;
	errcode_t e = ext2fs_read_inode(f->fs, number, &inode);

	if (!e)
		e = drop_index(f->fs, dir);
	if (!e)
		e = ext2fs_unlink(f->fs, dir, name, number, 0);
	inode.i_links_count--;
	if (!e && inode.i_links_count == 0)
		e = remove_file(f->fs, number, &inode);
	return result(f, e ? e : ext2fs_write_inode(f->fs, number, &inode), err);
}
