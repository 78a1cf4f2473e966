/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/lvm.h"
#include "../support/tap.h"
#include "lvm_image.h"

static char text[16384];
static struct lvm_group g;
static struct unrack_error e;

static void make(void)
{
	lvm_image_group(text, 7, "", 2, 1 << 20);
	lvm_image_linear(text, "root", LVM_VISIBLE, 3, 0, 4);
	lvm_image_lv(text, "pool", LVM_HIDDEN "]\nflags = [\"ACTIVATION_SKIP\"", 3,
		     "type = \"thin-pool\"\nmetadata = \"pool_tmeta\"\npool = \"pool_tdata\"\ntags = [\"root\"]\nzero_new_blocks = 1");
	lvm_image_lv(text, "safe", "\"READ\", \"VISIBLE\", \"LOCKED\"", 4,
		     "type = \"mirror\"\nmirror_count = 2\nmirror_log = \"log\"\nregion_size = 1024\nmirrors = [\n\"m0\", 0,\n\"m1\", 9\n]");
	lvm_image_end(text);
}

/* From a copy with nothing behind it. */
static int parse(size_t n)
{
	static char *copy;

	free(copy);
	copy = malloc(n ? n : 1);
	memcpy(copy, text, n);
	return lvm_group_parse(copy, n, &g, &e);
}

static int parse_all(void)
{
	return parse(strlen(text) + 1);
}

static void facts(void)
{
	const struct lvm_segment *s;
	const struct lvm_name *name;

	make();
	is_int(parse_all(), 0, "a text as LVM2 writes it");
	is_str(g.name, "vg0", "the group's name");
	is_str(g.id, "gggggggggggggggggggggggggggggggg", "its id");
	ok(g.seqno == 7 && g.extent == LVM_IMAGE_EXTENT && !*g.odd, "its number and its extents' size");
	is_int(g.pvs.len, 2, "physical volumes");
	ok(g.pvs.at[1].start == LVM_IMAGE_START && g.pvs.at[1].extents == 15 && g.pvs.at[1].sectors == 2048, "one of them");
	is_str(g.pvs.at[1].id, "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "its id");
	is_int(g.lvs.len, 3, "logical volumes");
	ok(g.lvs.at[0].visible && !g.lvs.at[0].odd.kind && g.lvs.at[0].extents == 3, "an ordinary one");
	ok(!g.lvs.at[1].visible && !g.lvs.at[1].odd.kind, "a hidden one, with a flag that does no harm");
	ok(lvm_token_is(&g.lvs.at[2].odd, "LOCKED"), "one with a status that is no ordinary one");
	s = &g.segments.at[g.lvs.at[0].first];
	ok(s->n == 1 && s->stripes == 1 && g.parts.at[s->first].extent == 4, "where a segment lies");
	s = &g.segments.at[g.lvs.at[2].first];
	ok(s->n == 2 && s->mirrors == 2 && s->region == 1024 && lvm_token_is(&s->log, "log") && g.parts.at[s->first + 1].extent == 9,
	   "a mirror");
	is_int(g.refs.len, 2, "names in a segment of another type, but no tags");
	ok(g.refs.at[1].lv == 1 && lvm_token_is(&g.refs.at[1].name, "pool_tdata"), "are kept");
	name = lvm_group_find(&g, &(struct lvm_token){ "pv1", 3, 's' });
	ok(name && name->pv && name->at == 1, "a physical volume's name");
	name = lvm_group_find(&g, &(struct lvm_token){ "safe", 4, 's' });
	ok(name && !name->pv && name->at == 2, "a logical volume's name");
	ok(!lvm_group_find(&g, &(struct lvm_token){ "saf", 3, 's' }), "a name that is not there");
	lvm_group_free(&g);
}

static void cut(void)
{
	unsigned read = 0;
	size_t n = (size_t)(strstr(text, "version = 1\n") - text) + 11;

	for (size_t i = 0; i < n; i++)
		if (parse(i) == 0) {
			read++;
			lvm_group_free(&g);
		}
	is_int(read, 0, "cut anywhere, it is none");
	is_int(parse(n), 0, "cut behind all that counts, it is one");
	lvm_group_free(&g);
}

/* Puts TO in the place of the first FROM. */
static void change(const char *from, const char *to)
{
	static char rest[sizeof text];
	char *at;

	make();
	at = strstr(text, from);
	if (!at)
		abort();
	strcpy(rest, at + strlen(from));
	sprintf(at, "%s%s", to, rest);
}

static void refused(void)
{
	static const struct {
		const char *from, *to, *why;
	} bad[] = {
		{ "version = 1\n", "version = 2\n", "of a version that is not known" },
		{ "version = 1\n", "", "of a version that is not known" },
		{ "Text Format Volume Group", "Text Format Volume", "of a version that is not known" },
		{ "seqno = 7", "seqno = 7x", "a number in its metadata is none" },
		{ "seqno = 7", "seqno = -7", "a number in its metadata is none" },
		{ "seqno = 7", "seqno = 18446744073709551615", "a number in its metadata is none" },
		{ "seqno = 7", "seqno = 18446744073709551617", "a number in its metadata is none" },
		{ "seqno = 7", "seqno = \"7\"", "a number in its metadata is none" },
		{ "seqno = 7", "seqno = [7]", "a number in its metadata is none" },
		{ "seqno = 7", "seqno = 7\nseqno = 7", "there twice" },
		{ "seqno = 7", "", "lack facts of the group" },
		{ "extent_size = 128", "extent_size = 0", "lack facts of the group" },
		{ "extent_size = 128", "extent_size = 4294967296", "lack facts of the group" },
		{ "gggggg\"", "gggggg\"\nid = \"gggggg-gggg-gggg-gggg-gggg-gggg-gggggg\"", "there twice" },
		{ "-gggggg\"", "\"", "an id in its metadata is too short" },
		{ "physical_volumes {", "physical_volumes { x = 1 ", "a value between volumes" },
		{ "physical_volumes {", "snapshots { } physical_volumes {", "a section that is not known" },
		{ "pe_start = 128", "", "lack facts of a physical volume" },
		{ "pe_count = 15", "", "lack facts of a physical volume" },
		{ "pe_start = 128", "pe_start = 128\nx { }", "a section in a physical volume" },
		{ "status = [\"ALLOCATABLE\"]", "status = \"ALLOCATABLE\"", "a status in its metadata is none" },
		{ "segment_count = 1", "segment_count = 2", "lack segments" },
		{ "segment_count = 1", "", "lack segments" },
		{ "start_extent = 0", "start_extent = 1", "do not follow each other" },
		{ "extent_count = 3", "extent_count = 0", "do not follow each other" },
		{ "extent_count = 3", "", "lack facts of a segment" },
		{ "type = \"striped\"", "", "lack facts of a segment" },
		{ "type = \"striped\"", "type = \"striped\"\ntype = \"linear\"", "there twice" },
		{ "\"pv0\", 4", "\"pv0\"", "no places" },
		{ "\"pv0\", 4", "4, \"pv0\"", "no places" },
		{ "\"pv0\", 4", "\"pv0\", \"4\"", "no places" },
		{ "stripes = [", "stripes = 1 x = [", "no places" },
		{ "stripes = [", "stripes = [ ] stripes = [", "two lists" },
		{ "stripes = [", "stripes = [ [", "a list in its metadata does not end" },
		{ "root {", "pool {", "two volumes of its group have one name" },
		{ "root {", "pv1 {", "two volumes of its group have one name" },
		{ "root {", "\"root\" {", "no such text" },
		{ "root {", "root", "no such text" },
		{ "vg0 {", "vg1 { } vg0 {", "lack facts of the group" },
		{ "# Generated", "vg1 { }\n# Generated", "of two groups" },
		{ "# Generated", "}\n# Generated", "no such text" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		change(bad[i].from, bad[i].to);
		is_int(parse_all(), UNRACK_DAMAGED, "%s", bad[i].why);
		has_str(e.text, bad[i].why, "says so (%u)", (unsigned)i);
	}
	change("extent_count = 3", "extent_count = 18446744073709551614");
	ok(parse_all() == 0, "any number of extents");
	lvm_group_free(&g);
	change("logical_volumes {", "historical_logical_volumes {\nold {\nid = \"x\"\ndescendants = [\"a\"]\n}\n}\nlogical_volumes {");
	is_int(parse_all(), 0, "volumes that are no more are skipped");
	is_int(g.lvs.len, 3, "and are none");
	lvm_group_free(&g);
	change("seqno = 7", "seqno = 7\nprofile = \"x\"\ntags = [\"a\", \"b\"]");
	is_int(parse_all(), 0, "values that are not known are skipped");
	lvm_group_free(&g);
	change("flags = []\ndev_size", "flags = [\"MISSING\"]\ndev_size");
	ok(parse_all() == 0 && strstr(g.odd, "MISSING"), "a physical volume with a flag makes the group odd");
	lvm_group_free(&g);
}

static void limits(void)
{
	static char big[9 << 20];
	char *at;
	size_t n;

	make();
	at = strstr(text, "physical_volumes {\n") + 19;
	n = (size_t)(at - text);
	memcpy(big, text, n);
	for (unsigned i = 0; i <= LVM_PVS_MAX; i++)
		n += (size_t)sprintf(big + n, "p%u { id = \"%032u\" pe_start = 1 pe_count = 1 }\n", i, i);
	strcpy(big + n, at);
	is_int(lvm_group_parse(big, strlen(big), &g, &e), UNRACK_DAMAGED, "too many physical volumes");
	has_str(e.text, "more volumes or pieces than can be handled", "say so");
	at = strstr(text, "logical_volumes {\n") + 18;
	n = (size_t)(at - text);
	memcpy(big, text, n);
	for (unsigned i = 0; i <= LVM_LVS_MAX; i++)
		n += (size_t)sprintf(big + n, "l%u { segment_count = 1 s { start_extent = 0 extent_count = 1 type = \"zero\" } }\n", i);
	strcpy(big + n, at);
	is_int(lvm_group_parse(big, strlen(big), &g, &e), UNRACK_DAMAGED, "too many logical volumes");
	n = (size_t)(at - text);
	n += (size_t)sprintf(big + n, "l { segment_count = %u\n", LVM_PARTS_MAX + 1);
	for (unsigned i = 0; i <= LVM_PARTS_MAX; i++)
		n += (size_t)sprintf(big + n, "s { start_extent = %u extent_count = 1 type = \"zero\" }\n", i);
	sprintf(big + n, "}\n%s", at);
	is_int(lvm_group_parse(big, strlen(big), &g, &e), UNRACK_DAMAGED, "too many segments");
	n = (size_t)(at - text);
	n += (size_t)sprintf(big + n, "l { segment_count = 1 s { start_extent = 0 extent_count = 1 type = \"striped\" stripes = [ ");
	for (unsigned i = 0; i <= LVM_PARTS_MAX; i++)
		n += (size_t)sprintf(big + n, "\"a\", 1,");
	sprintf(big + n, "] } }\n%s", at);
	is_int(lvm_group_parse(big, strlen(big), &g, &e), UNRACK_DAMAGED, "too many places");
	memset(big, '{', sizeof big);
	is_int(lvm_group_parse(big, sizeof big, &g, &e), UNRACK_DAMAGED, "braces only");
	for (size_t i = 0; i + 4 < sizeof big; i += 4)
		memcpy(big + i, "a { ", 4);
	is_int(lvm_group_parse(big, sizeof big, &g, &e), UNRACK_DAMAGED, "sections in sections");
	has_str(e.text, "is not known", "end soon");
}

int main(void)
{
	facts();
	cut();
	refused();
	limits();
	return tap_done();
}
