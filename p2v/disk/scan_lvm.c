/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LVM2's metadata, as far as the name of a group and the ids of its physical volumes. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan_groups.h"

bool scan_lvm_read(struct block_source *s, uint64_t off, uint64_t bytes, struct scan_lvm *out)
{
	char *text CLEANUP_FREE = NULL;
	struct unrack_error dropped;
	struct lvm_label label;
	struct lvm_area area;

	/* The first area is as good as the others. */
	return lvm_label_read(s, off, bytes, &label, NULL, &dropped) == 0 && label.areas.n > 0 &&
	       lvm_label_area(s, off, bytes, &label.areas.at[0], &area, &dropped) == 0 && area.bytes > 0 &&
	       lvm_label_text(s, off, &area, &text, &dropped) == 0 && scan_lvm_parse(text, (size_t)area.bytes, out);
}

static void take_value(const struct lvm_token *key, const struct lvm_token *value, unsigned depth, bool in_pvs,
		       struct scan_lvm *out)
{
	char number[24];

	if (depth == 1 && lvm_token_is(key, "id") && value->kind == 's') {
		lvm_token_id(value, out->id);
	} else if (depth == 1 && lvm_token_is(key, "seqno")) {
		lvm_token_copy(value, number, sizeof number);
		out->seqno = strtoull(number, NULL, 10);
	} else if (depth == 3 && in_pvs && lvm_token_is(key, "id") && value->kind == 's') {
		if (out->n_pvs < LVM_PVS_MAX)
			lvm_token_id(value, out->pvs[out->n_pvs]);
		out->n_pvs++;
	}
}

/* The first section is the group; behind it, the file says who wrote it. What else it says is not looked
 * at, so that groups are known by name whatever they have. */
bool scan_lvm_parse(const char *data, size_t n, struct scan_lvm *out)
{
	struct lvm_text text = { data, data + n };
	struct lvm_token key = { .kind = 0 }, t;
	unsigned depth = 0;
	bool in_pvs = false;

	memset(out, 0, sizeof *out);
	while ((t = lvm_text_next(&text)).kind) {
		if (t.kind == '{') {
			if (++depth == 1 && key.kind == 'w')
				lvm_token_copy(&key, out->group, sizeof out->group);
			if (depth == 2)
				in_pvs = lvm_token_is(&key, "physical_volumes");
		} else if (t.kind == '}') {
			if (depth <= 1)
				break;
			depth--;
		} else if (t.kind == '=') {
			t = lvm_text_next(&text);
			take_value(&key, &t, depth, in_pvs, out);
		}
		key = t;
	}
	return *out->group && *out->id && out->n_pvs > 0;
}
