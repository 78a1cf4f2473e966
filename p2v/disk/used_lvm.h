/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files for volume groups share. Threads: any. */
#ifndef DISK_USED_LVM_H
#define DISK_USED_LVM_H

#include "base/vec.h"
#include "lvm.h"
#include "used_parts.h"

#define USED_LVM_LEGS_MAX 8u
/* Of all groups together. Stripes of 64 KiB in 8 GiB are so many pieces. */
#define USED_LVM_PIECES_MAX (1u << 17)
#define USED_LVM_VOLUMES_MAX 8192u
/* Of a member: with more, it is scattered too much to be one. */
#define USED_LVM_MEMBER_PIECES_MAX 16u

DEFINE_VEC(used_piece_vec, struct used_piece);

/* The bytes OFF... of BUILT, which has them, as pieces behind those of OUT, joined where they
 * touch. */
int used_lvm_cut(const struct used_built *built, uint64_t off, uint64_t len, struct used_piece_vec *out,
		 struct unrack_error *err);
/* The same, to be left out of the copy. */
int used_lvm_free(const struct used_built *built, uint64_t off, uint64_t len, struct ranges *const *disks,
		  struct unrack_error *err);

/* A physical volume of a group: on one member, or on each leg of a mirror. */
struct used_lvm_pv {
	const struct lvm_label *label;
	const struct used_built *legs[USED_LVM_LEGS_MAX];
	unsigned n;
};

/* What all groups are found on and add to. */
struct used_lvm {
	struct block_source *const *sources;
	const struct used_builds *members;
	struct ranges *const *disks;
	struct digest_stream *const *states;
	struct used_builds *out;
	size_t pieces; /* of all in OUT */
};
size_t used_lvm_room(const struct used_lvm *all); /* for more pieces */
/* As used_builds_name. */
const char *used_lvm_name(const struct used_lvm *all, const struct used_built *member, char out[USED_NAME]);

/* GROUP's volumes, its PVS being those of the text, in their order. When it contradicts itself, this is an
 * UNRACK_DAMAGED clause, and nothing was added. */
int used_lvm_map(struct used_lvm *all, const struct lvm_group *group, const struct used_lvm_pv *pvs,
		 struct unrack_error *err);
/* One volume, of PIECES in its order. Its name is made printable. */
int used_lvm_add(struct used_lvm *all, struct used_built *b, const struct used_piece_vec *pieces,
		 struct unrack_error *err);

/* A member that has to be copied as a whole. */
int used_lvm_whole(struct used_lvm *all, const struct used_built *member, const char *kind, const char *why,
		   bool trouble, struct unrack_error *err);
/* Whether an error is one of the volumes, not of the program. */
bool used_lvm_is_doubt(int r);

/* used_lvm1.c: LVM of kernels 2.4. MEMBERS[i] may be of several groups. */
bool used_lvm1_is(const uint8_t *head);
int used_lvm1(struct used_lvm *all, const struct used_built *const *members, size_t n, struct unrack_error *err);

#endif
