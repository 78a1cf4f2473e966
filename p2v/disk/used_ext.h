/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the readers of ext2, ext3 and ext4. This is the one file of this layer that includes
 * libext2fs, which gets nothing to read before used_ext_super_parse found the superblock sane, and
 * then no more than a budget of reads where it follows what is on the disk.
 *
 * Numbers of blocks and groups are those of the filesystem. Layout: Linux' fs/ext4/ext4.h and
 * Documentation/filesystems/ext4. WHY is a clause for used_look.why. One thread at a time. */
#ifndef DISK_USED_EXT_H
#define DISK_USED_EXT_H

#include <stdbool.h>
#include <stdint.h>

#include <ext2fs/ext2fs.h>

#include "used_parts.h"

#define USED_EXT_SUPER_OFF 1024u
#define USED_EXT_SUPER_BYTES 1024u
#define USED_EXT_WHY 256u
/* Of group descriptors in memory: a filesystem of 64 TiB in blocks of 4 KiB. */
#define USED_EXT_DESCRIPTORS_MAX (32u << 20)
#define USED_EXT_SPECIAL 6u

struct used_ext_super {
	uint8_t bytes[USED_EXT_SUPER_BYTES]; /* as they are on the disk */
	char kind[8];                        /* "ext2", "ext3", "ext4", "jbd" for a journal of its own */
	uint32_t compat, incompat, ro_compat;
	uint32_t block_size;
	unsigned cluster_bits;               /* a cluster has 1 << cluster_bits blocks */
	uint64_t blocks, free_blocks;
	uint32_t first_block, blocks_per_group, groups;
	uint32_t descriptor_size;            /* bytes */
	uint32_t journal;                    /* its inode; 0: none, or elsewhere */
	uint64_t mmp;                        /* the block of multi-mount protection; 0: none */
	uint32_t special[USED_EXT_SPECIAL];  /* inodes whose blocks the kernel relies on; 0: none there */
};

/* False: B (USED_EXT_SUPER_BYTES) is no superblock, not understood, or would lead libext2fs astray. Kind is
 * right, or "", in any case. */
bool used_ext_super_parse(const uint8_t *b, uint64_t volume_bytes, struct used_ext_super *out,
			  char why[USED_EXT_WHY]);
/* False: the filesystem is in use, was not unmounted cleanly, or has errors. */
bool used_ext_super_clean(const struct used_ext_super *s, char why[USED_EXT_WHY]);
/* True if B, read at the place of a backup, is one of S's filesystem. */
bool used_ext_super_backup(const struct used_ext_super *s, const uint8_t *b);

/* A filesystem in libext2fs. */
struct used_ext_fs {
	struct used_ext_super super;
	struct block_source *volume;
	ext2_filsys fs;
	uint64_t reads_left; /* of libext2fs, before all of them fail */
	struct struct_io_channel channel;
};

/* Takes a copy of SUPER; VOLUME must outlive the filesystem. NULL, with WHY: libext2fs doesn't like it,
 * or has read another superblock. */
struct used_ext_fs *used_ext_io_open(struct block_source *volume, const struct used_ext_super *super,
				     char why[USED_EXT_WHY]);
void used_ext_io_close(struct used_ext_fs *f); /* NULL is fine */
bool used_ext_io_read_block(struct used_ext_fs *f, uint64_t block, uint64_t count, void *buf);

/* What the filesystem itself occupies. */
enum used_ext_part {
	USED_EXT_SUPERBLOCK, /* with the group descriptors */
	USED_EXT_BACKUP,     /* of both, and blocks reserved for more descriptors */
	USED_EXT_BLOCK_BITMAP,
	USED_EXT_INODE_BITMAP,
	USED_EXT_INODE_TABLE,
	USED_EXT_MMP,
};
/* Called for each run of blocks, in no order; COUNT is not 0. Another result than 0 ends the walk, and is
 * its result. Blocks are not checked against the size of the filesystem. */
typedef int used_ext_meta_visit(void *ctx, enum used_ext_part part, uint64_t first, uint64_t count);
int used_ext_meta_walk(struct used_ext_fs *f, used_ext_meta_visit *visit, void *ctx);

/* What is free, as ranges of LOOK, if every bitmap agrees with META, the blocks that must be in use, and
 * with what is counted; else LOOK is WHOLE. Below 0: no memory. */
int used_ext_walk(struct used_ext_fs *f, struct ranges *meta, struct used_look *look,
		  struct unrack_error *err);

#endif
