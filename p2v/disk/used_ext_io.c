/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libext2fs reads through. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "used_ext.h"

/* For opening a filesystem: its superblock, descriptors in one piece, and those of meta_bg in blocks. */
#define OPEN_READS (16u + USED_EXT_DESCRIPTORS_MAX / 1024)

bool used_ext_io_read_block(struct used_ext_fs *f, uint64_t block, uint64_t count, void *buf)
{
	uint64_t size = f->super.block_size;
	struct unrack_error dropped;

	return block < f->super.blocks && count <= f->super.blocks - block &&
	       block_source_read(f->volume, buf, count * size, block * size, &dropped) == 0;
}

/* libext2fs hands over nothing but this name, which is the address of the filesystem. */
static errcode_t channel_open(const char *name, int flags, io_channel *channel)
{
	void *p = NULL;
	struct used_ext_fs *f;

	if (flags & IO_FLAG_RW || sscanf(name, "%p", &p) != 1 || !p)
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

/* COUNT blocks; bytes if it is negative. */
static errcode_t channel_read_blk64(io_channel channel, unsigned long long block, int count, void *data)
{
	struct used_ext_fs *f = channel->private_data;
	struct unrack_error dropped;
	uint64_t n = count < 0 ? (uint64_t)-(int64_t)count : (uint64_t)count * (uint64_t)channel->block_size;
	uint64_t off, end;

	if (f->reads_left == 0)
		return EXT2_ET_CANCEL_REQUESTED;
	f->reads_left--;
	if (mul_overflows(block, (uint64_t)channel->block_size, &off) || add_overflows(off, n, &end) ||
	    end > f->volume->size)
		return EXT2_ET_SHORT_READ;
	return block_source_read(f->volume, data, n, off, &dropped) == 0 ? 0 : EIO;
}

static errcode_t channel_read_blk(io_channel channel, unsigned long block, int count, void *data)
{
	return channel_read_blk64(channel, block, count, data);
}

static errcode_t channel_write_blk64(io_channel channel, unsigned long long block, int count, const void *data)
{
	(void)channel, (void)block, (void)count, (void)data;
	return EROFS;
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
	.name = "block_source",
	.open = channel_open,
	.close = channel_close,
	.set_blksize = channel_set_blksize,
	.read_blk = channel_read_blk,
	.write_blk = channel_write_blk,
	.flush = channel_flush,
	.read_blk64 = channel_read_blk64,
	.write_blk64 = channel_write_blk64,
};

static void say(errcode_t e, char why[USED_EXT_WHY])
{
	if (e == EXT2_ET_SB_CSUM_INVALID || e == EXT2_ET_UNKNOWN_CSUM)
		snprintf(why, USED_EXT_WHY, "its superblock's checksum is wrong");
	else if (e == EIO || e == EXT2_ET_SHORT_READ || e == EXT2_ET_CANCEL_REQUESTED)
		snprintf(why, USED_EXT_WHY, "its superblock or group descriptors can't be read");
	else if (e == EXT2_ET_NO_MEMORY)
		snprintf(why, USED_EXT_WHY, "there is not enough memory for its group descriptors");
	else
		snprintf(why, USED_EXT_WHY, "libext2fs can't open it (error %ld)", (long)e);
}

struct used_ext_fs *used_ext_io_open(struct block_source *volume, const struct used_ext_super *super,
				     char why[USED_EXT_WHY])
{
	struct used_ext_fs *f = calloc(1, sizeof *f);
	char name[32];
	errcode_t e;

	if (!f) {
		say(EXT2_ET_NO_MEMORY, why);
		return NULL;
	}
	f->super = *super;
	f->volume = volume;
	f->reads_left = OPEN_READS;
	f->channel = (struct struct_io_channel){ .magic = EXT2_ET_MAGIC_IO_CHANNEL, .manager = &manager,
						 .name = NULL, .block_size = 1024, .refcount = 1,
						 .private_data = f };
	snprintf(name, sizeof name, "%p", (void *)f);
	e = ext2fs_open2(name, NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP, 0, 0, &manager, &f->fs);
	if (e) {
		f->fs = NULL;
		say(e, why);
	} else if (memcmp(f->fs->orig_super, super->bytes, USED_EXT_SUPER_BYTES) != 0 ||
		   f->fs->group_desc_count != super->groups) {
		snprintf(why, USED_EXT_WHY, "it changes while it is read");
	} else {
		return f;
	}
	used_ext_io_close(f);
	return NULL;
}

void used_ext_io_close(struct used_ext_fs *f)
{
	if (!f)
		return;
	if (f->fs)
		ext2fs_free(f->fs);
	free(f);
}
