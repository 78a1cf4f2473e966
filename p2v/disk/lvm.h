/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LVM2's metadata as they lie on a physical volume.
 *
 *	lvm_label.c     label, header, metadata areas: where the text is
 *	lvm_text.c      the text's tokens and assignments
 *	lvm_group.c     the text as a volume group
 *
 * Layout: LVM2's lib/format_text/layout.h, lib/label/label.h and lib/format_text/text_label.c; text:
 * lib/format_text/export.c, import_vsn1.c and flags.c.
 *
 * Errors are clauses, since only the caller knows of which volume: "its label's checksum is wrong".
 * They are UNRACK_DAMAGED, or of a read; no memory is UNRACK_INTERNAL. Threads: any. */
#ifndef DISK_LVM_H
#define DISK_LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "unrack/block_source.h"

#define LVM_ID 32u          /* an id without its dashes */
#define LVM_TEXT_MAX (8u << 20)
#define LVM_AREAS_MAX 28u   /* more do not fit in a label */

/* --- Label ----------------------------------------------------------------------------------- */

struct lvm_span {
	uint64_t off, bytes; /* BYTES 0: to the end of the device, of data areas */
};

struct lvm_spans {
	struct lvm_span at[LVM_AREAS_MAX];
	unsigned n;
};

struct lvm_label {
	char id[LVM_ID + 1];
	uint64_t bytes; /* of the device, when it was made; 0: not known */
	struct lvm_spans data, areas, boot; /* where extents, metadata, and a boot loader are */
};

/* Where an area has its text, which lies in a ring behind the area's header. */
struct lvm_area {
	struct lvm_span span;
	uint64_t at, bytes; /* within SPAN; BYTES 0: it has none */
	uint32_t sum;
	bool ignored;       /* LVM doesn't keep this one up to date */
	bool pending;       /* a change was begun, and neither finished nor taken back */
};

/* The label of the physical volume in BYTES bytes at OFF. *NONE: there is none, which is an error
 * too; NONE may be NULL. */
int lvm_label_read(struct block_source *s, uint64_t off, uint64_t bytes, struct lvm_label *out, bool *none,
		   struct unrack_error *err);
/* The header of an area of the volume in BYTES bytes at OFF. */
int lvm_label_area(struct block_source *s, uint64_t off, uint64_t bytes, const struct lvm_span *span,
		   struct lvm_area *out, struct unrack_error *err);
/* Its text, malloc'd, AREA->bytes bytes without a NUL behind them. */
int lvm_label_text(struct block_source *s, uint64_t off, const struct lvm_area *area, char **out,
		   struct unrack_error *err);

/* --- Text: NAME { key = value ... section { ... } }, with # comments ----------------------------- */

struct lvm_text {
	const char *at, *end;
};

struct lvm_token {
	const char *at;
	size_t n;
	char kind; /* 'w' a word, 's' a string without its quotes, '?' one that does not end,
		    * 0 the end, else itself: { } = [ ] , */
};

struct lvm_token lvm_text_next(struct lvm_text *text);
bool lvm_token_is(const struct lvm_token *t, const char *text);
bool lvm_token_same(const struct lvm_token *a, const struct lvm_token *b);
/* An id without its dashes, cut at LVM_ID. */
void lvm_token_id(const struct lvm_token *t, char out[LVM_ID + 1]);
void lvm_token_copy(const struct lvm_token *t, char *out, size_t room); /* cut */

/* --- Group ----------------------------------------------------------------------------------- */

/* More of any of them, and the text is an error. */
#define LVM_PVS_MAX 256u
#define LVM_LVS_MAX 4096u
#define LVM_PARTS_MAX 32768u /* segments, and areas of segments, and names in them */

#define LVM_UNSET UINT64_MAX /* of a number that the text has not */

struct lvm_pv {
	struct lvm_token name; /* "pv0", for the segments */
	char id[LVM_ID + 1];
	uint64_t sectors;      /* of the device; LVM_UNSET in old texts */
	uint64_t start;        /* of the first extent, in sectors */
	uint64_t extents;
	uint64_t boot, boot_sectors; /* a boot loader's area */
};

struct lvm_lv {
	struct lvm_token name;
	char id[LVM_ID + 1];
	bool visible;
	struct lvm_token odd; /* a status that says more than who may see and write it; kind 0: none */
	uint64_t n_told;      /* segments, as the text counts them */
	size_t first, n;      /* segments */
	uint64_t extents;     /* of all of them */
};

/* Extents EXTENT... of an LV. */
struct lvm_segment {
	uint64_t extent, extents;
	struct lvm_token type;
	uint64_t stripes, stripe;  /* how many; sectors of one */
	struct lvm_token log;      /* of a mirror */
	uint64_t mirrors, region;  /* of a mirror: how many legs; sectors of a region */
	size_t first, n;           /* parts: of linear, striped and mirror */
};

/* NAME: of a PV or LV, where it begins in extents. */
struct lvm_part {
	struct lvm_token name;
	uint64_t extent;
};

/* A name in a segment of LV that is no part. */
struct lvm_ref {
	size_t lv;
	struct lvm_token name;
};

/* Of which physical or logical volume a name is. */
struct lvm_name {
	struct lvm_token name;
	bool pv;
	size_t at;
};

DEFINE_VEC(lvm_pvs, struct lvm_pv);
DEFINE_VEC(lvm_lvs, struct lvm_lv);
DEFINE_VEC(lvm_segments, struct lvm_segment);
DEFINE_VEC(lvm_parts, struct lvm_part);
DEFINE_VEC(lvm_refs, struct lvm_ref);
DEFINE_VEC(lvm_names, struct lvm_name);

struct lvm_group {
	char name[128];      /* cut */
	char id[LVM_ID + 1];
	uint64_t seqno;
	uint64_t extent;     /* sectors */
	char odd[96];        /* a clause: why none of it counts; "": nothing speaks against it */
	struct lvm_pvs pvs;
	struct lvm_lvs lvs;
	struct lvm_segments segments;
	struct lvm_parts parts;
	struct lvm_refs refs;
	struct lvm_names names; /* sorted */
};

/* What is understood is consistent as far as it goes: segments of a volume follow each other,
 * no two volumes have one name. TEXT must outlive the group. */
int lvm_group_parse(const char *text, size_t n, struct lvm_group *out, struct unrack_error *err);
void lvm_group_free(struct lvm_group *g);
const struct lvm_name *lvm_group_find(const struct lvm_group *g, const struct lvm_token *name);

#endif
