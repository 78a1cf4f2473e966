/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LVM1, of kernels 2.4: structures of fixed places, and a table that says of each physical extent whose it is.
 * Each physical volume has all structures but the tables of the others, without checksums, so they have to be
 * alike to the last byte. Only linear volumes are followed.
 * Layout: Linux 2.4's include/linux/lvm.h, LVM2's lib/format1/disk-rep.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "unrack/digest.h"
#include "used_lvm.h"

#define KIND "LVM1"
#define NAME 128u        /* bytes of a name or UUID */
#define PV_BYTES 468u
#define VG_BYTES 188u
#define LV_BYTES 328u
#define MEMBERS_MAX 64u
#define LVS_MAX 256u
#define EXTENTS_MAX 65535u /* of a PV and of an LV */

#define EXPORTED 0x02u   /* status of VG and PV */
#define CLUSTERED 0x0cu  /* access of a VG: by a cluster, shared */
#define SNAPSHOT 0x0cu   /* access of an LV: it is one, it has one */

struct pv {
	const struct used_built *built;
	struct block_source *source;
	uint8_t head[PV_BYTES], vg[VG_BYTES];
	char uuid[NAME], group[NAME];
	uint32_t extents, extent; /* number; sectors of one */
	uint64_t start;           /* sectors */
	uint8_t *lvs, *table;     /* LVS_MAX logical volumes; 4 bytes for each extent: LV's number, its extent */
	uint64_t sum;             /* of what all have the same */
	char why[200];
	bool done;
};

struct base_size {
	uint64_t base, size; /* bytes */
};

bool used_lvm1_is(const uint8_t *head)
{
	return head[0] == 'H' && head[1] == 'M' && (get_le16(head + 2) == 1 || get_le16(head + 2) == 2);
}

static struct base_size place(const uint8_t *head, size_t at)
{
	return (struct base_size){ get_le32(head + at), get_le32(head + at + 4) };
}

/* --- One physical volume --------------------------------------------------------------------- */

static int parse_head(struct pv *v, struct unrack_error *err)
{
	const uint8_t *h = v->head;
	struct base_size table = place(h, 36);

	memcpy(v->uuid, h + 44, NAME - 1);
	memcpy(v->group, h + 172, NAME - 1);
	v->extent = get_le32(h + 452);
	v->extents = get_le32(h + 456);
	v->start = get_le16(h + 2) == 1 ? (table.base + table.size) / SECTOR_SIZE : get_le32(h + 464);
	if (!*v->group)
		return error_set(err, UNRACK_DAMAGED, "it belongs to no volume group");
	if (!*v->uuid || v->extent == 0 || v->extents == 0 || v->extents > EXTENTS_MAX)
		return error_set(err, UNRACK_DAMAGED, "its metadata contradict themselves");
	if (table.size < 4ull * v->extents || v->start * SECTOR_SIZE < table.base + 4ull * v->extents)
		return error_set(err, UNRACK_DAMAGED, "its extents lie where its metadata are");
	if (v->start + (uint64_t)v->extents * v->extent > get_le32(h + 444) ||
	    (uint64_t)get_le32(h + 444) * SECTOR_SIZE > v->built->bytes)
		return error_set(err, UNRACK_DAMAGED, "it is smaller than its metadata say");
	if (get_le32(h + 436) & EXPORTED || strstr(v->group, "PV_EXP"))
		return error_set(err, UNRACK_DAMAGED, "its group is exported");
	return 0;
}

/* A structure in SIZE bytes at least at BASE, before the extents. */
static int read_place(const struct pv *v, size_t at, void *out, size_t size, struct unrack_error *err)
{
	struct base_size p = place(v->head, at);
	int r;

	if (p.size < size || p.base < PV_BYTES || p.base + size > v->start * SECTOR_SIZE)
		return error_set(err, UNRACK_DAMAGED, "its metadata contradict themselves");
	r = block_source_read(v->source, out, size, p.base, err);
	return r < 0 ? error_prefix(err, "its metadata can't be read") : 0;
}

static int read_pv(struct used_lvm *all, struct pv *v, struct unrack_error *err)
{
	struct digest_stream *state = all->states[v->built->pieces[0].disk];
	struct base_size lvs;
	int r = used_volume_open(all->sources, v->built->pieces, v->built->n, v->built->name, &v->source, err);

	if (r == 0)
		r = block_source_read(v->source, v->head, sizeof v->head, 0, err);
	if (r < 0)
		return r;
	digest_stream_add(state, v->head, sizeof v->head);
	r = parse_head(v, err);
	if (r < 0)
		return r;
	v->lvs = calloc(LVS_MAX, LV_BYTES);
	v->table = malloc(4 * (size_t)v->extents);
	if (!v->lvs || !v->table)
		return error_nomem(err);
	/* Some tools left room for 255 volumes, some for fewer. */
	lvs = place(v->head, 28);
	r = read_place(v, 12, v->vg, sizeof v->vg, err);
	if (r == 0)
		r = read_place(v, 28, v->lvs, (size_t)min_u64(lvs.size / LV_BYTES, LVS_MAX) * LV_BYTES, err);
	if (r == 0)
		r = read_place(v, 36, v->table, 4 * (size_t)v->extents, err);
	if (r < 0)
		return r;
	digest_stream_add(state, v->vg, VG_BYTES);
	digest_stream_add(state, v->lvs, (size_t)LVS_MAX * LV_BYTES);
	digest_stream_add(state, v->table, 4 * (size_t)v->extents);
	v->sum = checksum64(v->lvs, (size_t)LVS_MAX * LV_BYTES) ^ checksum64(v->vg, VG_BYTES);
	return 0;
}

/* --- A group --------------------------------------------------------------------------------- */

/* Its volumes are the PVS of the same group as the first one. */
struct group {
	struct used_lvm *all;
	struct pv *pvs[MEMBERS_MAX];
	unsigned n;
	uint32_t *map[LVS_MAX]; /* of each logical volume's extent: number of the PV << 16 | its extent; 0xffffffff none */
};

static const uint8_t *lv_at(const struct group *g, unsigned number)
{
	return g->pvs[0]->lvs + (size_t)number * LV_BYTES;
}

static uint32_t lv_extents(const struct group *g, unsigned number)
{
	return get_le32(lv_at(g, number) + 300);
}

/* The list of UUIDs names all volumes, and no other. */
static int check_uuids(const struct group *g, const struct pv *v, struct unrack_error *err)
{
	char list[MEMBERS_MAX][NAME];
	int r = read_place(v, 20, list, (size_t)g->n * NAME, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < g->n; i++) {
		unsigned found = 0;

		for (unsigned k = 0; k < g->n; k++)
			found += !strncmp(list[k], g->pvs[i]->uuid, NAME - 1);
		if (found != 1)
			return error_set(err, UNRACK_DAMAGED, "its metadata name other volumes of its group than are there");
	}
	return 0;
}

static int check_pvs(const struct group *g, struct unrack_error *err)
{
	const struct pv *first = g->pvs[0];
	uint32_t told = get_le32(first->vg + 156);
	uint64_t extents = 0;

	if (told != g->n)
		return error_set(err, UNRACK_DAMAGED, "%u of %u physical volumes of its group are there", g->n, told);
	if (get_le32(first->vg + 136) & EXPORTED || get_le32(first->vg + 132) & CLUSTERED)
		return error_set(err, UNRACK_DAMAGED, "its group is exported or shared by several hosts");
	for (unsigned i = 0; i < g->n; i++) {
		const struct pv *v = g->pvs[i];
		char a[USED_NAME], b[USED_NAME];
		int r;

		if (*v->why)
			return error_set(err, UNRACK_DAMAGED, "of %s in its group: %s", used_lvm_name(g->all, v->built, a),
					 v->why);
		if (v->sum != first->sum || memcmp(v->vg, first->vg, VG_BYTES) != 0 ||
		    v->extent != get_le32(first->vg + 172))
			return error_set(err, UNRACK_DAMAGED, "the metadata of its group contradict each other");
		for (unsigned k = 0; k < i; k++)
			if (!strcmp(v->uuid, g->pvs[k]->uuid))
				return error_set(err, UNRACK_DAMAGED, "%s and %s have the same UUID",
						 used_lvm_name(g->all, v->built, a),
						 used_lvm_name(g->all, g->pvs[k]->built, b));
		r = check_uuids(g, v, err);
		if (r < 0)
			return r;
		extents += v->extents;
	}
	if (extents != get_le32(first->vg + 176))
		return error_set(err, UNRACK_DAMAGED, "its group has another number of extents than its volumes");
	return 0;
}

static int check_lvs(struct group *g, struct unrack_error *err)
{
	uint32_t left = get_le32(g->pvs[0]->vg + 176); /* what all volumes have */
	unsigned n = 0;

	for (unsigned i = 0; i < LVS_MAX; i++) {
		const uint8_t *lv = lv_at(g, i);
		uint32_t extents = lv_extents(g, i);

		if (!*lv)
			continue;
		n++;
		if (get_le32(lv + 272) != i || extents == 0 || extents > EXTENTS_MAX || extents > left ||
		    get_le32(lv + 288) != (uint64_t)extents * g->pvs[0]->extent)
			return error_set(err, UNRACK_DAMAGED, "its metadata have a logical volume that contradicts itself");
		left -= extents;
		g->map[i] = malloc(extents * sizeof *g->map[i]);
		if (!g->map[i])
			return error_nomem(err);
		memset(g->map[i], 0xff, extents * sizeof *g->map[i]);
	}
	if (n != get_le32(g->pvs[0]->vg + 144))
		return error_set(err, UNRACK_DAMAGED, "its metadata lack logical volumes");
	return 0;
}

/* From the tables of physical extents to those of logical ones. */
static int fill_maps(struct group *g, struct unrack_error *err)
{
	for (unsigned i = 0; i < g->n; i++) {
		const struct pv *v = g->pvs[i];
		uint32_t allocated = 0;
		char name[USED_NAME];

		for (uint32_t e = 0; e < v->extents; e++) {
			unsigned lv = get_le16(v->table + 4 * (size_t)e), le = get_le16(v->table + 4 * (size_t)e + 2);

			if (lv == 0)
				continue;
			allocated++;
			if (lv > LVS_MAX || !g->map[lv - 1] || le >= lv_extents(g, lv - 1) ||
			    g->map[lv - 1][le] != UINT32_MAX)
				return error_set(err, UNRACK_DAMAGED, "its extents are of volumes that are not there");
			g->map[lv - 1][le] = i << 16 | e;
		}
		if (allocated != get_le32(v->head + 460))
			return error_set(err, UNRACK_DAMAGED, "%s has another number of extents in use than its metadata say",
					 used_lvm_name(g->all, v->built, name));
	}
	for (unsigned i = 0; i < LVS_MAX; i++)
		for (uint32_t le = 0; g->map[i] && le < lv_extents(g, i); le++)
			if (g->map[i][le] == UINT32_MAX)
				return error_set(err, UNRACK_DAMAGED, "a logical volume of its group lacks extents");
	return 0;
}

static int add_lv(struct group *g, unsigned number, struct unrack_error *err)
{
	const uint8_t *lv = lv_at(g, number);
	const char *path = (const char *)lv;
	struct used_piece_vec pieces = { 0 };
	struct used_built b = { .kind = "linear" };
	char name[NAME] = "";
	int r = 0;

	/* "/dev/vg0/root" */
	memcpy(name, path, NAME - 1);
	snprintf(b.name, sizeof b.name, "%.80s/%.64s", g->pvs[0]->group, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	for (uint32_t le = 0; le < lv_extents(g, number) && r == 0; le++) {
		const struct pv *v = g->pvs[g->map[number][le] >> 16];
		uint64_t sector = v->start + (uint64_t)(g->map[number][le] & 0xffff) * v->extent;

		if (pieces.len > used_lvm_room(g->all)) {
			b.whole = true;
			snprintf(b.why, sizeof b.why, "it lies in too many pieces to be followed");
			break;
		}
		r = used_lvm_cut(v->built, sector * SECTOR_SIZE, (uint64_t)v->extent * SECTOR_SIZE, &pieces, err);
	}
	if (get_le32(lv + 304) > 1 || get_le32(lv + 276) > 0 || get_le32(lv + 256) & SNAPSHOT) {
		b.whole = true;
		snprintf(b.why, sizeof b.why, "it is striped, mirrored, a snapshot or has one");
		snprintf(b.kind, sizeof b.kind, KIND);
	}
	if (r == 0)
		r = used_lvm_add(g->all, &b, &pieces, err);
	used_piece_vec_free(&pieces);
	return r;
}

static int free_extents(const struct group *g, const struct pv *v, struct unrack_error *err)
{
	uint32_t first, e = 0;

	while (e < v->extents) {
		int r;

		for (first = e; e < v->extents && get_le16(v->table + 4 * (size_t)e) == 0; e++)
			;
		r = used_lvm_free(v->built, (v->start + (uint64_t)first * v->extent) * SECTOR_SIZE,
				  (uint64_t)(e - first) * v->extent * SECTOR_SIZE, g->all->disks, err);
		if (r < 0)
			return r;
		for (; e < v->extents && get_le16(v->table + 4 * (size_t)e) != 0; e++)
			;
	}
	return 0;
}

static int map_group(struct group *g, struct unrack_error *err)
{
	int r = check_pvs(g, err);

	if (r == 0)
		r = check_lvs(g, err);
	if (r == 0)
		r = fill_maps(g, err);
	for (unsigned i = 0; i < g->n && r == 0; i++)
		r = free_extents(g, g->pvs[i], err);
	for (unsigned i = 0; i < LVS_MAX && r == 0; i++)
		if (g->map[i])
			r = add_lv(g, i, err);
	for (unsigned i = 0; i < LVS_MAX; i++)
		free(g->map[i]);
	return r;
}

static int look_at_group(struct used_lvm *all, struct pv *pvs, size_t n, size_t at, struct unrack_error *err)
{
	struct group g = { .all = all };
	char why[256];
	int r;

	for (size_t i = at; i < n; i++)
		if (i == at || (!pvs[i].done && *pvs[i].group && !strcmp(pvs[i].group, pvs[at].group))) {
			pvs[i].done = true;
			g.pvs[g.n++] = &pvs[i];
		}
	if (*pvs[at].why)
		r = error_set(err, UNRACK_DAMAGED, "%s", pvs[at].why);
	else
		r = map_group(&g, err);
	if (!used_lvm_is_doubt(r))
		return r;
	snprintf(why, sizeof why, "%.240s", err->text);
	r = 0;
	for (unsigned i = 0; i < g.n && r == 0; i++)
		r = used_lvm_whole(all, g.pvs[i]->built, KIND, *g.pvs[i]->why ? g.pvs[i]->why : why, false, err);
	return r;
}

int used_lvm1(struct used_lvm *all, const struct used_built *const *members, size_t n, struct unrack_error *err)
{
	struct pv *pvs;
	int r = 0;

	if (n > MEMBERS_MAX) {
		for (size_t i = 0; i < n && r == 0; i++)
			r = used_lvm_whole(all, members[i], KIND, "there are more physical volumes than can be handled", false, err);
		return r;
	}
	pvs = calloc(n, sizeof *pvs);
	if (!pvs)
		return error_nomem(err);
	for (size_t i = 0; i < n && r == 0; i++) {
		pvs[i].built = members[i];
		r = read_pv(all, &pvs[i], err);
		if (used_lvm_is_doubt(r)) {
			snprintf(pvs[i].why, sizeof pvs[i].why, "%.190s", err->text);
			r = 0;
		}
	}
	for (size_t i = 0; i < n && r == 0; i++)
		if (!pvs[i].done)
			r = look_at_group(all, pvs, n, i, err);
	for (size_t i = 0; i < n; i++) {
		block_source_close(pvs[i].source);
		free(pvs[i].lvs);
		free(pvs[i].table);
	}
	free(pvs);
	return r;
}
