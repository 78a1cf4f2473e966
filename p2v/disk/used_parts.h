/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From inside of used.h: what the readers of each kind of volume and those who combine them share.
 *
 *	used.c          disks -> partitions -> volumes -> maps and states
 *	used_table.c    MBR with extended partitions, GPT
 *	used_sign.c     signatures: what a volume is, and what else claims it
 *	used_claim.c    what follows from them
 *	used_volume.c   a volume made of pieces of disks, as one block_source
 *	used_lvm*.c, used_md.c                   which volumes those are, by lvm.h and md_super.h
 *	used_ext*.c, used_xfs*.c, used_swap.c    what is unused in one
 *	used_what.c     what lies at a place
 *
 * A reader of a kind looks at one volume from its first byte to its last and answers with a verdict.
 * It is called only when the volume's signature is of its kind and the only one, but must
 * check everything it relies on: the bytes may be hostile. Errors that it returns are of memory;
 * what can't be read, or is not consistent, is USED_WHOLE with the reason. */
#ifndef DISK_USED_PARTS_H
#define DISK_USED_PARTS_H

#include "unrack/ranges.h"
#include "unrack/used.h"

enum used_verdict {
	USED_WHOLE, /* all of it is to be copied */
	USED_PARTLY, /* what is in UNUSED need not be */
};

struct used_look {
	enum used_verdict verdict;
	char kind[32];          /* more exactly than the signature: "ext3" */
	char why[256];          /* of USED_WHOLE, a clause without full stop; or "" */
	bool trouble;
	bool hibernated;        /* no volume of the machine is what its filesystem says */
	struct ranges *unused;  /* bytes of the volume; the caller made it, and forgets it unless PARTLY */
	struct digest_stream *state; /* each reader adds what changes whenever the volume does: superblocks */
};

int used_ext(struct block_source *volume, struct used_look *look, struct unrack_error *err);
int used_xfs(struct block_source *volume, struct used_look *look, struct unrack_error *err);
int used_swap(struct block_source *volume, struct used_look *look, struct unrack_error *err);

/* Whose bytes of a volume are, for those that can't be read of it. */
enum used_name_kind {
	USED_NAME_UNKNOWN,
	USED_NAME_FREE,  /* nobody's */
	USED_NAME_FILE,  /* a file's, or nothing that is missed */
	USED_NAME_VITAL, /* what the filesystem needs to find its files: tables, folders, lists of blocks */
};
struct used_name {
	uint64_t off, len; /* bytes of the volume; given */
	enum used_name_kind kind;
	char name[512];    /* "/var/lib/mysql/ibdata1", "inode table"; "" for not known; of printable characters */
};
/* VOLUME is an ext2, ext3 or ext4, clean or not. All of NAMES are looked for at once; of a range in several
 * files one is named. Takes long, but not for ever: then names stay unknown, and files are "inode N".
 * LOG's stop flag ends it with UNRACK_INTERRUPTED; other errors are of memory. LOG may be NULL. */
int used_ext_name(struct block_source *volume, struct used_name *names, size_t n, const struct log *log,
		  struct unrack_error *err);
/* The same for an XFS, but that files and folders are not told from each other, and have no names. */
int used_xfs_name(struct block_source *volume, struct used_name *names, size_t n, const struct log *log,
		  struct unrack_error *err);

/* LOOK becomes WHOLE because of FMT. Returns 0, so that readers can end with it. */
int used_whole(struct used_look *look, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The partitions of a disk. UNTRUSTED: there is a table, but nothing may be concluded from it. What it has of
 * partitions within the disk may then overlap, and there may be more. */
#define USED_SLOTS_MAX 256u
struct used_slot {
	unsigned number;
	uint64_t off, len; /* bytes, within the disk; of a trusted table no two overlap each other, or the table */
};
struct used_table {
	char kind[8]; /* "dos", "gpt", "" for none */
	bool untrusted;
	char why[256]; /* a clause */
	uint64_t unreadable; /* the sector of it that could not be read, if there is one; else 0 */
	unsigned n;
	struct used_slot at[USED_SLOTS_MAX];
};
/* Of Linux' point of view: a GPT counts behind a protective MBR only. STATE gets the bytes of the table. */
int used_table_read(struct block_source *disk, struct digest_stream *state, struct used_table *out,
		    struct unrack_error *err);

/* What has left its mark in a volume or on a whole disk. */
enum used_kind { USED_EXT, USED_XFS, USED_SWAP, USED_LVM, USED_MD,
	USED_RAID,  /* of a controller, or its driver */
	USED_TABLE, /* of partitions */
	USED_OTHER };
struct used_sign {
	enum used_kind kind;
	const char *name; /* "ext", "NTFS", "Intel RAID": a constant */
	uint64_t at;      /* its byte */
	bool tail;        /* counted from the end */
};
#define USED_SIGNS_MAX 8u /* more are not told */
struct used_signs {
	bool unreadable; /* there may be more */
	unsigned n;
	struct used_sign at[USED_SIGNS_MAX];
};
/* STATE gets the bytes at both ends that were looked at. */
int used_sign_read(struct block_source *volume, struct digest_stream *state, struct used_signs *out,
		   struct unrack_error *err);

/* What is to be done with a volume. */
enum used_depth { USED_ON_DISK, USED_ON_ARRAY, USED_ON_GROUP }; /* groups are built on arrays, not the other way */
struct used_claim {
	char kind[32];
	enum { USED_CLAIM_ALL, USED_CLAIM_READ, USED_CLAIM_MD, USED_CLAIM_LVM } what;
	int (*read)(struct block_source *volume, struct used_look *look, struct unrack_error *err);
	char why[256]; /* of ALL, a clause: it might have been less; or "" */
	bool unsure;   /* of ALL: what tells its kind can't be read as a whole */
};
void used_claim_volume(const struct used_signs *s, enum used_depth depth, struct used_claim *out);
/* Whether something claims the whole DISK, although it has TABLE: which becomes untrusted then. Where S
 * is unreadable that is not known. */
void used_claim_disk(struct block_source *disk, const struct used_signs *s, struct used_table *table);

/* A piece of a disk; OFF and LEN in bytes. Pieces of a volume follow each other. */
struct used_piece {
	unsigned disk;
	uint64_t off, len;
};

/* The pieces of SOURCES as one source, which reads through them; they must outlive it. PIECES are
 * copied. Mirrors of a volume are volumes of their own, of which one is read. */
int used_volume_open(struct block_source *const *sources, const struct used_piece *pieces, size_t n,
		     const char *name, struct block_source **out, struct unrack_error *err);
/* The volume's byte ranges UNUSED as ranges of the disks: added to DISKS[piece.disk]. */
int used_volume_translate(const struct used_piece *pieces, size_t n, struct ranges *unused,
			  struct ranges *const *disks, struct unrack_error *err);

/* Something that others are built on, or that is built on others: a partition, an array, a logical volume. */
struct used_built {
	char name[160];            /* for people: "partition 2", "md raid1 of partition 1", "vg0/root" */
	char kind[32];             /* "linear", "striped", "raid1", ...; "" for a partition */
	struct used_piece *pieces; /* in the order of its bytes */
	size_t n;
	uint64_t bytes;
	bool whole;                /* its pieces don't tell its content: WHY */
	char why[256];
	bool trouble;
	/* Of a leg of a mirror: the mirror's id, which its other legs have too, and its number; "" for all else.
	 * Whoever makes a member of it keeps both: a volume group on a mirror is there once for each leg. */
	char mirror[80];
	unsigned leg;
};
struct used_builds {
	struct used_built *at;
	size_t n;
};
int used_builds_add(struct used_builds *b, const struct used_built *one, struct unrack_error *err); /* copies */
void used_builds_free(struct used_builds *b);

/* ONE of MEMBERS by a name that tells it from the others: "partition 1", and "partition 1 of /dev/sdb" when they
 * lie on several disks. OUT is filled, and the result. */
#define USED_NAME 96u
const char *used_builds_name(const struct used_builds *members, const struct used_built *one,
			     struct block_source *const *sources, char out[USED_NAME]);

/* MEMBERS have the signature of an array's or of a volume group's member. OUT gets what is built on them, of
 * which each is looked at like a partition (a leg of a mirror is one of its own: legs are compared by
 * nobody); what is not understood is WHOLE. Extents that no logical volume has are added to DISKS.
 * STATES[disk] gets what changes whenever the metadata does. */
int used_md(struct block_source *const *sources, const struct used_builds *members,
	    struct digest_stream *const *states, struct used_builds *out, struct unrack_error *err);
int used_lvm(struct block_source *const *sources, const struct used_builds *members,
	     struct ranges *const *disks, struct digest_stream *const *states, struct used_builds *out,
	     struct unrack_error *err);

/* What used_find knows of places, for used_what. */
struct used_places {
	struct used_builds partitions, arrays, logical;
	/* Volumes that nothing is built on: they point into those lists. */
	struct used_leaf {
		const struct used_built *built;
		char kind[32];
		bool unsure; /* it may be something else, or built on */
	} *leaves;
	size_t n_leaves;
	struct used_disk_table {
		bool gpt, untrusted;
		uint64_t unreadable; /* sector */
	} *tables; /* of each disk */
};
void used_places_free(struct used_places *p); /* NULL is fine */

#endif
