/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes a source disk the same disk the next time: its size and the signatures
 * inside it. Names, argument order and controller never count, since an old kernel and
 * a boot CD see the same disk differently.
 *
 * The form is lines of "key=value\n", sorted, so that two identities are compared as
 * text and shown to a person as they are. Strict keys must all agree; of the advisory
 * ones, wwid, or where a side has none serial, separates otherwise equal disks (RAID-1
 * legs, clones); others are only shown:
 *
 *   strict    mbr=1a2b3c4d   gpt=<guid>   1.ext3=<uuid>   2.swap=<uuid>   3.LVM2_member=<uuid>
 *             head=<checksum of the first 64 KiB> of a disk without any of these
 *   advisory  serial=..., wwid=..., model=...
 *
 * A disk that comes as a stream is known by its head alone when its copy begins. The strict
 * key stream=head says so: such an identity is partial, and is the same as a whole one that
 * agrees with all that it names, at least one key, whatever else that one names. So the disk
 * itself is recognised as the one that was streamed, and the other way round. (Replacing the
 * identity by that of the finished image would not do: a copy that is under way must be
 * recognised, too, and journals keep the identity that they began with.)
 *
 * That says which disk is meant, not that it is the same: all clones of one golden image have
 * its partition table. Where one of the two is partial, nothing is continued or called
 * complete before the bytes that are there were compared with the source. */
#ifndef UNRACK_IDENTITY_H
#define UNRACK_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/error.h"

#define IDENTITY_TEXT_MAX 16384u /* each text, with its NUL; a limit on the wire too */
#define IDENTITY_PARTIAL "stream" /* the key; its value is "head" */

struct identity {
	uint64_t bytes;
	char *strict;   /* malloc'd, never NULL after identity_init */
	char *advisory; /* malloc'd, never NULL after identity_init */
};

enum identity_match {
	IDENTITY_SAME,      /* strict parts equal, wwid or serial equal or unknown on a side */
	IDENTITY_SAME_BUT,  /* strict parts equal, wwid or serial differs: a clone? */
	IDENTITY_DIFFERENT,
};

/* Takes the texts in any order (NULL: ""), and keeps them sorted. UNRACK_DAMAGED when one
 * is too long, not lines of key=value, or names a key twice. */
int identity_init(struct identity *id, uint64_t bytes, const char *strict, const char *advisory,
		  struct unrack_error *err);
void identity_free(struct identity *id); /* leaves it empty; again is fine */
int identity_copy(struct identity *to, const struct identity *from, struct unrack_error *err);

/* It is of a stream, and says little. */
bool identity_is_partial(const struct identity *id);

/* WHY (at least 256 bytes, may be NULL): the first difference, "size 512 against 1024",
 * "1.ext3 is <a>, was <b>". */
enum identity_match identity_compare(const struct identity *was, const struct identity *is,
				     char *why, unsigned why_size);

#endif
