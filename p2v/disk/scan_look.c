/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One disk, from what the kernel says of it to the groups that its partitions belong to. */
#include "scan_look.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/disk.h"
#include "usage.h"

#define SOURCES_MAX 512u /* that are kept open; of further ones nothing is left out */

/* A partition's own folder lies in that of its disk, which is what the drivers describe. */
static void find_facts(struct look *d)
{
	char file[PATH_MAX], disk[PATH_MAX];
	struct scan_facts whole;

	if (!d->dir)
		return;
	scan_sysfs_facts(d->dir, &d->facts);
	if (snprintf(file, sizeof file, "%s/partition", d->dir) >= (int)sizeof file || access(file, F_OK) < 0)
		return;
	d->partition = true;
	snprintf(disk, sizeof disk, "%s", d->dir);
	*strrchr(disk, '/') = '\0';
	scan_sysfs_facts(disk, &whole);
	whole.bytes = d->facts.bytes;
	whole.read_only = d->facts.read_only;
	d->facts = whole;
}

static void set_or_null(struct json *obj, const char *key, const char *value)
{
	json_set_str(obj, key, *value ? value : NULL);
}

/* What the kernel knows without reading. */
static int begin_json(struct scan *s, struct look *d, struct unrack_error *err)
{
	struct unrack_error use;
	struct json *holders;

	d->json = json_new_object();
	d->notes.list = json_new_array();
	holders = d->dir ? scan_sysfs_holders(s->root, d->dir) : json_new_array();
	if (!d->json || !d->notes.list || !holders) {
		json_free(holders);
		return error_nomem(err);
	}
	json_set_str(d->json, "path", d->path);
	if (d->dir)
		json_set_int(d->json, "bytes", (int64_t)d->facts.bytes);
	set_or_null(d->json, "model", d->facts.model);
	set_or_null(d->json, "serial", d->facts.serial);
	set_or_null(d->json, "wwid", d->facts.wwid);
	set_or_null(d->json, "bus", d->facts.bus);
	json_set_bool(d->json, "removable", d->facts.removable);
	json_set_bool(d->json, "read_only", d->facts.read_only);
	json_set_str(d->json, "used_by", disk_check_unused(d->path, &use) == UNRACK_UNSAFE ? use.text : NULL);
	json_set(d->json, "holders", holders);
	return 0;
}

/* Keeps what the signature says of a group; the group's name into OUT for a person. */
static int add_group(struct scan *s, struct block_source *src, const struct parts_signature *sig, const char *where,
		     uint64_t off, uint64_t bytes, char out[192], struct unrack_error *err)
{
	struct scan_group g = { .where = NULL };
	char level[16];

	*out = '\0';
	s->hidden |= !strcmp(sig->type, "crypto_LUKS") || (sig->raid && strncmp(sig->type, "LVM", 3) != 0);
	if (!src || (strcmp(sig->type, "LVM2_member") != 0 && strcmp(sig->type, "linux_raid_member") != 0))
		return 0;
	g.where = strdup(where);
	g.lvm = sig->type[0] == 'L' ? calloc(1, sizeof *g.lvm) : NULL;
	g.md = g.lvm ? NULL : calloc(1, sizeof *g.md);
	if (!g.where || (!g.lvm && !g.md)) {
		scan_group_free(&g);
		return error_nomem(err);
	}
	snprintf(g.pv, sizeof g.pv, "%s", sig->uuid);
	if (g.lvm && scan_lvm_read(src, off, bytes, g.lvm)) {
		snprintf(out, 192, "volume group %s", g.lvm->group);
	} else if (g.md && scan_md_read(src, off, bytes, g.md)) {
		snprintf(out, 192, "%s of %u", scan_md_level(g.md, level), g.md->disks);
	} else {
		free(g.lvm);
		free(g.md);
		g.lvm = NULL;
		g.md = NULL;
	}
	if (group_vec_push(&s->groups, g) < 0) {
		scan_group_free(&g);
		return error_nomem(err);
	}
	return 0;
}

static void set_signature(struct json *j, const struct parts_signature *sig, const char *part_of)
{
	set_or_null(j, "signature", sig->type);
	set_or_null(j, "label", sig->label);
	set_or_null(j, "uuid", sig->uuid);
	if (*part_of)
		json_set_str(j, "part_of", part_of);
}

static void set_user(struct json *j, const char *node)
{
	char what[256], text[320];

	switch (usage_of(node, what)) {
	case USAGE_MOUNTED:
		snprintf(text, sizeof text, "mounted on %s", what);
		json_set_str(j, "used_by", text);
		break;
	case USAGE_SWAP:
		json_set_str(j, "used_by", "active swap");
		break;
	case USAGE_CLAIMED:
		snprintf(text, sizeof text, "%s is claimed", what);
		json_set_str(j, "used_by", text);
		break;
	case USAGE_VM:
	case USAGE_NONE:
		break;
	}
}

static int add_partition(struct scan *s, struct look *d, struct block_source *src, const struct parts_entry *e,
			 struct json *list, struct unrack_error *err)
{
	char *node CLEANUP_FREE = d->dir ? scan_sysfs_partition(s->root, d->dir, e->number) : NULL;
	struct json *j = json_new_object();
	char part_of[192], where[PATH_MAX + 32];
	int r;

	snprintf(where, sizeof where, "partition %u of %s", e->number, d->path);
	r = add_group(s, src, &e->sig, node ? node : where, e->first, e->bytes, part_of, err);
	if (r < 0 || !j) {
		json_free(j);
		return r < 0 ? r : error_nomem(err);
	}
	json_set_int(j, "number", e->number);
	if (node)
		json_set_str(j, "path", node);
	json_set_int(j, "first_byte", (int64_t)e->first);
	json_set_int(j, "bytes", (int64_t)e->bytes);
	json_set_str(j, "type", e->type);
	set_signature(j, &e->sig, part_of);
	json_set_bool(j, "bootable", e->bootable);
	if (node && !e->extended)
		set_user(j, node);
	return json_add(list, j) < 0 ? error_nomem(err) : 0;
}

static int add_content(struct scan *s, struct look *d, struct block_source *src, struct unrack_error *err)
{
	const struct parts *p = d->parts;
	struct json *list = json_new_array(), *whole;
	char part_of[192];
	int r = list ? 0 : error_nomem(err);

	set_or_null(d->json, "table", p->table);
	json_set_str(d->json, "identity", d->identity);
	for (unsigned i = 0; i < p->n && r == 0; i++)
		r = add_partition(s, d, src, &p->at[i], list, err);
	if (r == 0 && json_set(d->json, "partitions", list) < 0)
		return error_nomem(err);
	if (r < 0)
		json_free(list);
	if (r < 0 || (*p->table && !*p->whole.type))
		return r;
	r = add_group(s, src, &p->whole, d->path, 0, d->facts.bytes, part_of, err);
	whole = r < 0 ? NULL : json_new_object();
	if (!whole)
		return r < 0 ? r : error_nomem(err);
	set_signature(whole, &p->whole, part_of);
	return json_set(d->json, "whole", whole) < 0 ? error_nomem(err) : 0;
}

static void set_error(struct look *d, const struct unrack_error *e)
{
	json_set_str(d->json, "error", e->text);
	json_set_str(d->json, "error_kind", error_name(e->code));
}

/* WHAT could not be read, with what to do, as far as it depends on where we are. */
static void set_open_error(struct look *d, struct unrack_error *e)
{
	if (e->sys_errno == EACCES || e->sys_errno == EPERM)
		error_suffix(e, geteuid() == 0 ? "; even root may not, as within a container: run unrack outside of it"
					       : "; run unrack as root");
	else if (e->sys_errno == ENOENT && d->dir)
		error_suffix(e, "; the kernel has this disk, but there is no node for it, as within a container: run unrack "
			     "outside of it");
	set_error(d, e);
}

static int read_parts(struct scan *s, struct look *d, struct block_source *src, struct unrack_error *err)
{
	struct identity id = { 0, NULL, NULL };
	struct unrack_error e = UNRACK_ERROR_INIT;
	int r = parts_read(d->path, d->facts.bytes, &d->parts, &e);

	if (r == 0)
		r = identify_parts(d->path, d->facts.bytes, d->parts, &id, &e);
	if (r < 0) {
		set_open_error(d, &e);
		return 0;
	}
	d->identity = strdup(id.strict);
	identity_free(&id);
	return d->identity ? add_content(s, d, src, err) : error_nomem(err);
}

/* A disk of other sectors is no block_source, but its table can be shown. */
static int read_4k(struct scan *s, struct look *d, struct unrack_error *err)
{
	json_set_int(d->json, "data_bytes", (int64_t)d->facts.bytes);
	return read_parts(s, d, NULL, err);
}

static int read_disk(struct scan *s, struct look *d, struct unrack_error *err)
{
	struct block_source_file_options opt = { .drop_cache = false };
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct block_source *src;
	int r = block_source_open_file(d->path, &opt, &src, &e);

	if (r < 0) {
		set_open_error(d, &e);
		return 0;
	}
	d->facts.bytes = src->size;
	json_set_int(d->json, "bytes", (int64_t)src->size);
	r = src->size ? disk_check_raw(src, &e)
		      : error_set(&e, UNRACK_USAGE, "%s is empty; name a disk or a disk image", d->path);
	if (r < 0) {
		set_error(d, &e);
		block_source_close(src);
		return 0;
	}
	json_set_int(d->json, "data_bytes", (int64_t)src->size);
	r = read_parts(s, d, src, err);
	if (r == 0 && d->parts)
		scan_table_warn(src, d->parts, &d->notes);
	if (s->n_sources++ < SOURCES_MAX)
		d->source = src;
	else
		block_source_close(src);
	return r;
}

int scan_look(struct scan *s, struct look *d, struct unrack_error *err)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	int r;

	log_debug(s->log, "looking at %s", d->path);
	find_facts(d);
	r = begin_json(s, d, err);
	if (r < 0)
		return r;
	if (d->facts.sector_bytes == 0)
		d->facts.sector_bytes = SECTOR_SIZE;
	json_set_int(d->json, "sector_bytes", d->facts.sector_bytes);
	if (d->dir && d->facts.bytes == 0) {
		error_set(&e, UNRACK_IO, d->facts.removable ? "%s has no medium in it" : "%s reports a size of nothing: it is "
			  "not ready, or broken", d->path);
		set_error(d, &e);
	} else if (d->facts.sector_bytes != SECTOR_SIZE) {
		r = read_4k(s, d, err);
	} else {
		r = read_disk(s, d, err);
	}
	if (r == 0)
		scan_warn_disk(&(struct scan_subject){ d->path, &d->facts, d->parts, d->identity, d->partition,
						   json_get(d->json, "holders") }, &d->notes);
	return r;
}
