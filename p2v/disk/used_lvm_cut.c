/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From bytes of a physical volume to pieces of disks. */
#include <stdio.h>

#include "base/size.h"
#include "used_lvm.h"

bool used_lvm_is_doubt(int r)
{
	return r < 0 && r != UNRACK_INTERNAL && r != UNRACK_INTERRUPTED;
}

size_t used_lvm_room(const struct used_lvm *all)
{
	return all->pieces < USED_LVM_PIECES_MAX ? USED_LVM_PIECES_MAX - all->pieces : 0;
}

const char *used_lvm_name(const struct used_lvm *all, const struct used_built *member, char out[USED_NAME])
{
	return used_builds_name(all->members, member, all->sources, out);
}

static int add(struct used_piece_vec *out, struct used_piece piece, struct unrack_error *err)
{
	struct used_piece *last = out->len ? &out->at[out->len - 1] : NULL;

	if (last && last->disk == piece.disk && last->off + last->len == piece.off) {
		last->len += piece.len;
		return 0;
	}
	return used_piece_vec_push(out, piece) < 0 ? error_nomem(err) : 0;
}

int used_lvm_cut(const struct used_built *built, uint64_t off, uint64_t len, struct used_piece_vec *out,
		 struct unrack_error *err)
{
	uint64_t at = 0, end = off + len;
	int r;

	for (size_t i = 0; i < built->n && at < end; i++) {
		const struct used_piece *p = &built->pieces[i];
		uint64_t from = max_u64(at, off), to = min_u64(at + p->len, end);

		if (from < to) {
			r = add(out, (struct used_piece){ p->disk, p->off + (from - at), to - from }, err);
			if (r < 0)
				return r;
		}
		at += p->len;
	}
	return 0;
}

int used_lvm_free(const struct used_built *built, uint64_t off, uint64_t len, struct ranges *const *disks,
		  struct unrack_error *err)
{
	struct used_piece_vec pieces = { 0 };
	int r = used_lvm_cut(built, off, len, &pieces, err);

	for (size_t i = 0; i < pieces.len && r == 0; i++)
		r = ranges_add(disks[pieces.at[i].disk], pieces.at[i].off, pieces.at[i].len, err);
	used_piece_vec_free(&pieces);
	return r;
}

/* Names and types come from the disk, and end on somebody's terminal. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

int used_lvm_add(struct used_lvm *all, struct used_built *b, const struct used_piece_vec *pieces,
		 struct unrack_error *err)
{
	b->pieces = pieces->at;
	b->n = pieces->len;
	b->bytes = 0;
	for (size_t i = 0; i < b->n; i++)
		b->bytes += b->pieces[i].len;
	all->pieces += b->n;
	make_printable(b->name);
	make_printable(b->kind);
	make_printable(b->why);
	return used_builds_add(all->out, b, err);
}

int used_lvm_whole(struct used_lvm *all, const struct used_built *member, const char *kind, const char *why,
		   bool trouble, struct unrack_error *err)
{
	struct used_piece_vec pieces = { .at = member->pieces, .len = member->n };
	struct used_built b = { .whole = true, .trouble = trouble };

	snprintf(b.name, sizeof b.name, "%s on %.100s", kind, member->name);
	snprintf(b.kind, sizeof b.kind, "%s", kind);
	snprintf(b.why, sizeof b.why, "%s", why);
	return used_lvm_add(all, &b, &pieces, err);
}
