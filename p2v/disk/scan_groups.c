/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the members of volume groups and arrays say of each other. */
#include "scan_groups.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "unrack/buf.h"

void scan_warn(struct json *warnings, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	json_add_str(warnings, text);
	free(text);
}

void scan_group_free(struct scan_group *g)
{
	free(g->where);
	free(g->lvm);
	free(g->md);
}

/* LVM's ids with dashes against those without. */
static bool same_id(const char *dashed, const char *plain)
{
	for (; *dashed; dashed++)
		if (*dashed != '-' && *dashed != *plain++)
			return false;
	return *plain == '\0';
}

static bool same_group(const struct scan_group *a, const struct scan_group *b)
{
	if (a->lvm && b->lvm)
		return !strcmp(a->lvm->id, b->lvm->id);
	return a->md && b->md && !strcmp(a->md->uuid, b->md->uuid);
}

/* Whether no earlier one is of the same group. */
static bool is_first(const struct scan_group *at, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_group(&at[k], &at[i]))
			return false;
	return true;
}

/* "/dev/sda2 and /dev/sdb1": the members of I's group. */
static void name_members(const struct scan_group *at, size_t n, size_t i, struct buf *out)
{
	size_t left = 0;

	for (size_t k = i; k < n; k++)
		left += same_group(&at[k], &at[i]);
	for (size_t k = i; k < n; k++) {
		if (!same_group(&at[k], &at[i]))
			continue;
		left--;
		buf_printf(out, "%s%s", at[k].where, left > 1 ? ", " : left == 1 ? " and " : "");
	}
}

/* The group as its newest member knows it. */
static void warn_group(const struct scan_group *at, size_t n, size_t i, bool hidden, struct json *warnings)
{
	struct buf members CLEANUP_BUF = { 0 };
	const struct scan_lvm *newest = at[i].lvm;
	unsigned known, missing = 0;
	bool differ = false;

	for (size_t k = i; k < n; k++) {
		if (!same_group(&at[k], &at[i]))
			continue;
		differ |= at[k].lvm->seqno != newest->seqno;
		if (at[k].lvm->seqno > newest->seqno)
			newest = at[k].lvm;
	}
	known = newest->n_pvs < LVM_PVS_MAX ? newest->n_pvs : LVM_PVS_MAX;
	for (unsigned p = 0; p < known; p++) {
		bool found = false;

		for (size_t k = 0; k < n && !found; k++)
			found = same_id(at[k].pv, newest->pvs[p]);
		missing += !found;
	}
	name_members(at, n, i, &members);
	if (missing)
		scan_warn(warnings, "volume group %s spans %u physical volumes, and %u of them %s not found%s (only %s): a "
			  "machine that is copied without them does not find its filesystems", newest->group,
			  newest->n_pvs, missing, missing == 1 ? "is" : "are",
			  hidden ? ", unless inside a RAID or an encrypted partition" : "", buf_str(&members));
	if (differ)
		scan_warn(warnings, "the physical volumes of volume group %s (%s) do not have the same state of it: one is "
			  "stale, such as the leg of a mirror, or a disk of former times; find out which one the "
			  "machine uses before copying", newest->group, buf_str(&members));
	for (size_t k = 0; k < i; k++)
		if (at[k].lvm && !same_group(&at[k], &at[i]) && !strcmp(at[k].lvm->group, newest->group) &&
		    is_first(at, k))
			scan_warn(warnings, "%s and %s are of two different volume groups that are both called %s: they can't "
				  "be used in one machine; copy the disks of one group at a time", at[k].where,
				  at[i].where, newest->group);
}

static void warn_array(const struct scan_group *at, size_t n, size_t i, struct json *warnings)
{
	struct buf members CLEANUP_BUF = { 0 };
	const struct scan_md *newest = at[i].md;
	unsigned found = 0;
	char level[16];

	for (size_t k = i; k < n; k++) {
		if (!same_group(&at[k], &at[i]))
			continue;
		found++;
		if (at[k].md->events > newest->events)
			newest = at[k].md;
	}
	name_members(at, n, i, &members);
	scan_md_level(newest, level);
	if (found < newest->disks && newest->level == 1)
		scan_warn(warnings, "the array of %s (raid1 of %u) is not complete: %u found; its copy runs degraded, as long as "
			  "this leg is the one that was in use last", buf_str(&members), newest->disks, found);
	else if (found < newest->disks)
		scan_warn(warnings, "the array of %s (%s of %u) is not complete: %u found; all of its disks must be copied "
			  "together", buf_str(&members), level, newest->disks, found);
	for (size_t k = i; k < n; k++)
		if (same_group(&at[k], &at[i]) && at[k].md->events < newest->events)
			scan_warn(warnings, "%s is a stale member of its array (%s): what is on it is older than on the others; a "
				  "machine that boots from it comes up in a former state", at[k].where, level);
}

void scan_groups_warn(const struct scan_group *at, size_t n, bool hidden, struct json *warnings)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_first(at, i))
			continue;
		if (at[i].lvm)
			warn_group(at, n, i, hidden, warnings);
		else if (at[i].md)
			warn_array(at, n, i, warnings);
	}
}
