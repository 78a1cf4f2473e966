/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan: what must be changed in a guest so that it boots on a target, in order, each
 * change with its reason, the file before and after. Making it changes nothing; a plan for
 * a guest that is right already is empty. */
#ifndef UNRACK_PLAN_H
#define UNRACK_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/facts.h"
#include "unrack/guest.h"
#include "unrack/target.h"

enum edit_kind { EDIT_WRITE, EDIT_RENAME, EDIT_REMOVE, EDIT_SYMLINK };

/* Edits are applied in their order, with guest_ops of the same names. */
struct edit {
	enum edit_kind kind;
	char *path;         /* of the real file, links resolved */
	char *to;           /* RENAME: the new path; SYMLINK: the target; else NULL */
	struct buf before;  /* WRITE, REMOVE of text: content now; empty for binary files */
	struct buf after;   /* WRITE: the whole new content, unless it is in a file */
	bool in_file;       /* it is too much for memory */
	int file;           /* then it is what this temporary file holds */
	uint64_t file_bytes;
	bool existed;       /* WRITE: the file is there (after the edits before this one) */
	bool binary;        /* an initrd */
	uint32_t mode, uid, gid; /* WRITE of a new file */
	char *label_from;   /* WRITE of a new file: path whose security label it gets, or NULL */
	char *reason;       /* one sentence: which fact about the guest makes it necessary */
	struct buf summary; /* initrds: what changes inside, as text */
};

struct plan {
	struct edit *edits;
	size_t n_edits;
	char **warnings;    /* one sentence each */
	size_t n_warnings;
};

/* OUT is filled; on failure it is empty. UNRACK_UNSUPPORTED: this guest cannot be repaired
 * by this version, or has no kernel with a usable driver. UNRACK_UNSAFE: something in it
 * would destroy data and cannot be made safe. UNRACK_NOSPACE: old and new initrds do not
 * both fit. */
int plan_make(struct guest *g, const struct guest_facts *facts, const struct target *t,
	      struct plan *out, struct unrack_error *err);
void plan_free(struct plan *p);
uint64_t plan_edit_bytes(const struct edit *e); /* that a WRITE writes */
/* The name under which an initrd is kept that is replaced: "/boot/initrd-X-phys.img" of "/boot/initrd-X.img". It ends
 * in PLAN_PHYS, and is never taken for an initrd. malloc'd. */
#define PLAN_PHYS "-phys.img"
char *plan_phys_name(const char *path);

/* One line per edit and warning; then plan_diff: unified diffs of text files, and the
 * summaries of initrds. -1: no memory. */
int plan_to_text(const struct plan *p, struct buf *out);
int plan_diff(const struct plan *p, struct buf *out, struct unrack_error *err);

#endif
