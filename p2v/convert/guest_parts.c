/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define LOADER_TEXT_MAX (1u << 20) /* of a configuration file */

bool guest_parts_parse_name(const char *name, int *disk, int *partition)
{
	unsigned d = 0, p = 0;

	if (strncmp(name, "/dev/sd", 7) || name[7] < 'a' || name[7] > 'z')
		return false;
	for (name += 7; *name >= 'a' && *name <= 'z' && d < 100000; name++)
		d = d * 26 + (unsigned)(*name - 'a') + 1;
	for (; *name >= '0' && *name <= '9' && p < 100000; name++)
		p = p * 10 + (unsigned)(*name - '0');
	*disk = (int)d - 1;
	*partition = (int)p;
	return *name == '\0';
}

void guest_parts_disk_name(unsigned disk, char out[16])
{
	char letters[8];
	int n = 0;

	for (unsigned i = disk + 1; i > 0 && n < 8; i = (i - 1) / 26)
		letters[n++] = (char)('a' + (i - 1) % 26);
	strcpy(out, "/dev/sd");
	out += strlen(out);
	while (n > 0)
		*out++ = letters[--n];
	*out = '\0';
}

void guest_parts_describe(const struct guest_part *p, char *out, size_t size)
{
	char where[320], what[128] = "";

	if (p->disk < 0)
		snprintf(where, sizeof where, "%.300s", p->device);
	else if (p->partition == 0)
		snprintf(where, sizeof where, "disk %d", p->disk);
	else
		snprintf(where, sizeof where, "partition %d of disk %d", p->partition, p->disk);
	if (p->fstype[0])
		snprintf(what, sizeof what, " (%s%s%s)", p->fstype, p->label[0] ? ", label " : "", p->label);
	snprintf(out, size, "%s%s", where, what);
}

bool guest_parts_read_below(struct search *s, const struct candidate *c, const char *path, struct buf *text)
{
	struct unrack_error dropped;
	char full[300];
	bool found;

	snprintf(full, sizeof full, "%s%s", c->at, path);
	return guest_read_if(s->g, full, LOADER_TEXT_MAX, text, &found, &dropped) == 0 && found;
}

/* --- Partitions ---------------------------------------------------------------------------- */

static int add_part(struct search *s, const char *device, struct unrack_error *err)
{
	struct guest *g = s->g;
	uint8_t *head CLEANUP_FREE = malloc(FSPROBE_BYTES);
	struct candidate *c;
	struct guest_part *p;
	size_t got = 0;
	int r;

	if (!head)
		return error_nomem(err);
	r = s->a->ops->head(s->a->ctx, device, head, FSPROBE_BYTES, &got, err);
	if (r == UNRACK_IO && err->sys_errno == ENOENT) {
		/* Listed, but not active: a physical volume of its group is missing. */
		log_warn(s->log, "%s is left out: its volume group is not complete; give all disks of the "
			 "machine", device);
		return 0;
	}
	if (r < 0)
		return r;
	p = &g->parts[g->n_parts];
	c = &s->at[g->n_parts];
	fsprobe_read(head, got, &c->probe);
	if (!guest_parts_parse_name(device, &p->disk, &p->partition)) {
		p->disk = -1;
		p->partition = 0;
	}
	p->device = strdup(device);
	p->fstype = strdup(c->probe.type);
	p->label = strdup(c->probe.label);
	p->uuid = strdup(c->probe.uuid);
	g->n_parts++;
	if (!p->device || !p->fstype || !p->label || !p->uuid)
		return error_nomem(err);
	if (c->probe.hibernated) {
		char what[512];

		guest_parts_describe(p, what, sizeof what);
		log_warn(s->log, "%s holds a hibernated system: its filesystems are older than what it "
			 "had in memory; start and shut down the server, then copy it again", what);
	}
	return 0;
}

static int add_parts(struct search *s, const struct buf *names, struct unrack_error *err)
{
	for (size_t at = 0; at < names->len; at += strlen((const char *)names->data + at) + 1) {
		int r;

		if (s->g->n_parts == GUEST_PARTS_MAX)
			return error_set(err, UNRACK_UNSUPPORTED, "the disks have more than %u partitions",
					 GUEST_PARTS_MAX);
		r = add_part(s, (const char *)names->data + at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Volumes of one name, or one physical volume twice (a leg of a mirror, a clone): which of them
 * LVM started is chance. */
static int refuse_duplicates(const struct search *s, struct unrack_error *err)
{
	const struct guest *g = s->g;

	for (unsigned i = 0; i < g->n_parts; i++)
		for (unsigned k = i + 1; k < g->n_parts; k++) {
			const struct guest_part *a = &g->parts[i], *b = &g->parts[k];
			char one[512], other[512];

			guest_parts_describe(a, one, sizeof one);
			guest_parts_describe(b, other, sizeof other);
			if (a->disk < 0 && !strcmp(a->device, b->device))
				return error_set(err, UNRACK_UNSAFE,
						 "there are two volumes %s, in two volume groups of one name; which "
						 "of them is the server's can't be told, give only the disks that it "
						 "used together", a->device);
			if (!strcmp(a->fstype, "LVM2_member") && !strcmp(b->fstype, "LVM2_member") &&
			    a->uuid[0] && !strcmp(a->uuid, b->uuid))
				return error_set(err, UNRACK_UNSAFE,
						 "%s and %s are one physical volume of LVM twice (%s), legs of a mirror "
						 "or a clone; which of them is the server's can't be told, give only "
						 "one of the disks", one, other, a->uuid);
		}
	return 0;
}

int guest_parts_find(struct search *s, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	bool lvm = false;
	int r;

	s->g->parts = calloc(GUEST_PARTS_MAX, sizeof *s->g->parts);
	s->at = calloc(GUEST_PARTS_MAX, sizeof *s->at);
	if (!s->g->parts || !s->at)
		return error_nomem(err);
	r = s->a->ops->partitions(s->a->ctx, &names, err);
	if (r == 0)
		r = add_parts(s, &names, err);
	for (unsigned i = 0; i < s->g->n_parts; i++)
		if (!strcmp(s->g->parts[i].fstype, "LVM2_member"))
			lvm = true;
	if (r < 0 || !lvm)
		return r;
	r = s->a->ops->volumes(s->a->ctx, &names, err);
	if (r == 0)
		r = add_parts(s, &names, err);
	return r == 0 ? refuse_duplicates(s, err) : r;
}
