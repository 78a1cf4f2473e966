/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the root filesystem among a guest's partitions and mounts the rest as its fstab
 * says. libguestfs's own inspection is not used: it runs dozens of programs in the
 * appliance, six seconds under emulation, and knows no loader. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "guest_parts.h"
#include "unrack/devname.h"
#include "unrack/edit.h"

#define TEXT_MAX (1u << 20) /* of an fstab or a loader's configuration */
#define LIST_MAX 400        /* characters of what the disks hold */

/* --- Names --------------------------------------------------------------------------------- */

/* "/dev/vg-a/root" is "/dev/mapper/vg--a-root". */
static bool is_mapper_name(const char *spec, const char *device)
{
	const char *slash;

	if (strncmp(spec, "/dev/mapper/", 12) || strncmp(device, "/dev/", 5))
		return false;
	spec += 12;
	device += 5;
	slash = strchr(device, '/');
	if (!slash)
		return false;
	for (; *device; device++) {
		if (device == slash) {
			if (*spec++ != '-')
				return false;
			continue;
		}
		if (*device != *spec++)
			return false;
		if (*device == '-' && *spec++ != '-')
			return false;
	}
	return *spec == '\0';
}

/* The text behind a prefix like LABEL=, without quotes. */
static bool tagged(const char *spec, const char *tag, char *out, size_t size)
{
	size_t n = strlen(tag);

	if (strncmp(spec, tag, n))
		return false;
	spec += n;
	n = strlen(spec);
	if (n >= 2 && (spec[0] == '"' || spec[0] == '\'') && spec[n - 1] == spec[0]) {
		spec++;
		n -= 2;
	}
	if (n >= size)
		return false;
	memcpy(out, spec, n);
	out[n] = '\0';
	return n > 0;
}

static bool part_is(const struct guest_part *p, const struct devname_map *names, const char *spec)
{
	char value[256];
	unsigned partition;
	int image;

	if (tagged(spec, "LABEL=", value, sizeof value) ||
	    tagged(spec, "/dev/disk/by-label/", value, sizeof value))
		return !strcmp(p->label, value);
	if (tagged(spec, "UUID=", value, sizeof value) ||
	    tagged(spec, "/dev/disk/by-uuid/", value, sizeof value))
		return !strcasecmp(p->uuid, value);
	if (p->disk < 0)
		return !strcmp(p->device, spec) || is_mapper_name(spec, p->device);
	return devname_locate(names, spec, &image, &partition) && image == p->disk &&
	       (int)partition == p->partition;
}

int guest_mount_resolve(const struct guest *g, const struct devname_map *names, const char *spec)
{
	int found = -1;

	for (unsigned i = 0; i < g->n_parts; i++)
		if (part_is(&g->parts[i], names, spec)) {
			if (found >= 0)
				return -2;
			found = (int)i;
		}
	return found;
}

/* --- The root ------------------------------------------------------------------------------ */

static void first_line(const struct buf *text, char *out, size_t size)
{
	size_t n = strcspn(buf_str(text), "\r\n");

	snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), buf_str(text));
}

static int read_release(struct search *s, struct candidate *c, struct unrack_error *err)
{
	/* Rebuilds have redhat-release too; the others say which one it is. */
	static const char *const like[] = { "/etc/redhat-release", "/etc/centos-release",
					    "/etc/oracle-release", "/etc/enterprise-release",
					    "/etc/rocky-release", "/etc/almalinux-release" };
	static const char *const other[] = { "/etc/SuSE-release", "/etc/lsb-release", "/etc/os-release" };
	CLEANUP_BUF struct buf text = { 0 };
	char *name;

	for (size_t i = 0; i < ARRAY_LEN(like); i++)
		if (guest_parts_read_below(s, c, like[i], &text)) {
			first_line(&text, c->release, sizeof c->release);
			c->rhel_like = true;
			return 0;
		}
	if (guest_parts_read_below(s, c, "/etc/debian_version", &text)) {
		snprintf(c->release, sizeof c->release, "Debian ");
		first_line(&text, c->release + 7, sizeof c->release - 7);
		return 0;
	}
	snprintf(c->release, sizeof c->release, "an unknown Linux");
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		if (!guest_parts_read_below(s, c, other[i], &text))
			continue;
		name = sysconfig_get(buf_str(&text), text.len, "ID_LIKE");
		c->rhel_like |= name && strstr(name, "rhel");
		free(name);
		name = sysconfig_get(buf_str(&text), text.len, "PRETTY_NAME");
		if (!name)
			name = sysconfig_get(buf_str(&text), text.len, "DISTRIB_DESCRIPTION");
		if (name)
			snprintf(c->release, sizeof c->release, "%s", name);
		else if (i == 0)
			first_line(&text, c->release, sizeof c->release);
		else
			continue;
		free(name);
		return 0;
	}
	if (log_stop_asked(s->log))
		return error_set(err, UNRACK_INTERRUPTED, "interrupted");
	return 0;
}

/* Which disk the guest's boot loader calls what. Images are in the BIOS's order. */
static void read_device_map(struct search *s, const struct candidate *c)
{
	CLEANUP_BUF struct buf text = { 0 };
	char name[64];
	size_t pos = 0;
	int bios;

	if (!guest_parts_read_below(s, c, "/grub/device.map", &text) && !guest_parts_read_below(s, c, "/boot/grub/device.map", &text) &&
	    !guest_parts_read_below(s, c, "/grub2/device.map", &text) && !guest_parts_read_below(s, c, "/boot/grub2/device.map", &text))
		return;
	while (devicemap_next(buf_str(&text), text.len, &pos, &bios, name))
		devname_map_learn(s->names, name, bios, "device.map");
}

static bool has_loader(struct search *s, const struct candidate *c)
{
	static const char *const files[] = { "/grub2/grub.cfg", "/grub2/grubenv", "/grub/grub.conf", "/grub/menu.lst" };
	CLEANUP_BUF struct buf text = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (guest_parts_read_below(s, c, files[i], &text))
			return true;
	return false;
}

/* Whether it may be the root. A filesystem can be mounted and yet not be read. */
static int find_fstab(struct search *s, struct candidate *c, struct unrack_error *err)
{
	CLEANUP_BUF struct buf fstab = { 0 };
	char path[32], *at;
	int r;

	snprintf(path, sizeof path, "%s/etc/fstab", c->at);
	r = guest_read_if(s->g, path, TEXT_MAX, &fstab, &c->root, err);
	if (r != UNRACK_DAMAGED)
		return r;
	at = strstr(err->text, path); /* named as it is in the guest */
	if (at)
		memmove(at, at + strlen(c->at), strlen(at + strlen(c->at)) + 1);
	snprintf(c->problem, sizeof c->problem, "can't be read: %.230s", err->text);
	return 0;
}

/* Mounts every filesystem that may be a root, read-only, each at a place of its own. */
static int look_at_all(struct search *s, struct unrack_error *err)
{
	const struct appliance *a = s->a;

	for (unsigned i = 0; i < s->g->n_parts; i++) {
		const struct guest_part *p = &s->g->parts[i];
		struct candidate *c = &s->at[i];
		int r;

		if (!c->probe.mountable)
			continue;
		snprintf(c->at, sizeof c->at, "/c%u", i);
		r = a->ops->mkmountpoint(a->ctx, c->at, err);
		if (r < 0)
			return r;
		r = a->ops->mount(a->ctx, p->device, p->fstype, false, c->at, err);
		if (r == UNRACK_DAMAGED) {
			snprintf(c->problem, sizeof c->problem, "can't be mounted: %.230s", err->text);
			c->at[0] = '\0';
			continue;
		}
		if (r < 0)
			return r;
		read_device_map(s, c);
		c->boot = has_loader(s, c);
		r = find_fstab(s, c, err);
		if (r == 0 && c->root)
			r = read_release(s, c, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the disks hold, when there is no root among it. */
static int report_no_root(struct search *s, struct unrack_error *err)
{
	CLEANUP_BUF struct buf found = { 0 };
	char what[512];

	for (unsigned i = 0; i < s->g->n_parts; i++) {
		const struct candidate *c = &s->at[i];

		guest_parts_describe(&s->g->parts[i], what, sizeof what);
		if (c->problem[0])
			return error_set(err, UNRACK_DAMAGED,
					 "%s %s; check it with fsck on the server, then copy it again", what,
					 c->problem);
		if (found.len > LIST_MAX)
			continue;
		if (s->g->parts[i].fstype[0])
			buf_printf(&found, "%s%s", found.len ? ", " : "", what);
		else if (s->g->parts[i].disk < 0)
			buf_printf(&found, "%s%s with nothing that is known", found.len ? ", " : "", what);
	}
	return error_set(err, UNRACK_UNSUPPORTED,
			 "no operating system was found: no filesystem here has /etc/fstab (there is %s)",
			 found.len ? buf_str(&found) : "no filesystem that is known");
}

static int choose_root(struct search *s, unsigned *root, struct unrack_error *err)
{
	CLEANUP_BUF struct buf list = { 0 };
	char what[512];
	unsigned n = 0;
	int named;

	for (unsigned i = 0; i < s->g->n_parts; i++) {
		if (!s->at[i].root)
			continue;
		guest_parts_describe(&s->g->parts[i], what, sizeof what);
		buf_printf(&list, "%s%s: %s", n ? "; " : "", what, s->at[i].release);
		*root = i;
		n++;
	}
	if (n == 0)
		return report_no_root(s, err);
	if (n > 1) {
		named = guest_root_of_loader(s);
		if (named < 0)
			return error_set(err, UNRACK_UNSUPPORTED,
					 "there are %u systems, and the boot loader of the first disk does not say "
					 "which one starts: %s", n, buf_str(&list));
		*root = (unsigned)named;
	}
	if (!s->at[*root].rhel_like)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "the system is %s; unrack knows Red Hat Enterprise Linux and its rebuilds",
				 s->at[*root].release);
	return 0;
}

/* --- Mounting ------------------------------------------------------------------------------ */

/* Repairs touch these; what a dirty journal of the others holds is not ours to replay. */
static bool is_system_path(const char *where)
{
	static const char *const paths[] = { "/boot", "/etc", "/usr", "/var", "/lib" };

	if (!strcmp(where, "/"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		size_t n = strlen(paths[i]);

		if (!strncmp(where, paths[i], n) && (where[n] == '\0' || where[n] == '/'))
			return true;
	}
	return false;
}

static int mount_part(struct search *s, unsigned i, const char *where, struct unrack_error *err)
{
	struct guest *g = s->g;
	const struct guest_part *p = &g->parts[i];
	const struct appliance *a = s->a;
	struct guest_mount *m = &g->mounts[g->n_mounts];
	bool writable = g->writable && is_system_path(where);
	char what[512];
	int r;

	guest_parts_describe(p, what, sizeof what);
	if (writable && s->at[i].probe.errors)
		return error_set(err, UNRACK_DAMAGED,
				 "%s is marked as damaged by the system that used it; check it with fsck on "
				 "the server, then copy it again", what);
	r = a->ops->mount(a->ctx, p->device, p->fstype, writable, where, err);
	if (r < 0)
		return r == UNRACK_DAMAGED ? error_prefix(err, "%s can't be mounted", what) : r;
	memset(m, 0, sizeof *m);
	m->where = strdup(where);
	m->device = strdup(p->device);
	m->disk = p->disk;
	m->partition = p->partition;
	m->fstype = strdup(p->fstype);
	m->label = strdup(p->label);
	m->uuid = strdup(p->uuid);
	g->n_mounts++;
	if (!m->where || !m->device || !m->fstype || !m->label || !m->uuid)
		return error_nomem(err);
	return a->ops->space(a->ctx, where, &m->free_bytes, &m->free_inodes, err);
}

/* fstab writes a space as \040. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static int by_where(const void *a, const void *b)
{
	const struct fstab_entry *x = a, *y = b;

	return strcmp(x->where, y->where);
}

/* The guest's names of disks, with what the root's own entry tells. */
static void learn_names(struct search *s, unsigned root, const struct fstab_entry *e, size_t n)
{
	struct devname_map *names = s->names;
	const struct guest_part *p = &s->g->parts[root];
	struct devname d;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(e[i].where, "/") && devname_parse(e[i].device, &d) && p->disk >= 0 &&
		    (int)d.partition == p->partition)
			devname_map_learn(names, d.disk, p->disk, "fstab: /");
	for (size_t i = 0; i < n; i++)
		if (fstab_is_local(&e[i]) || !strcmp(e[i].type, "swap"))
			devname_map_mention(names, e[i].device);
	devname_map_settle(names);
}

static int refuse_md_root(const struct fstab_entry *e, size_t n, struct unrack_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(e[i].where, "/") && !strncmp(e[i].device, "/dev/md", 7))
			return error_set(err, UNRACK_UNSUPPORTED,
					 "the root filesystem is on software RAID (%s): changing one disk of it "
					 "alone would break it; this version can't repair it", e[i].device);
	return 0;
}

/* What a name of the physical machine's hardware means: on a single disk by the partition that
 * it ends with; /boot by its content. -1: it can't be told. */
static int by_hardware_name(const struct search *s, const struct fstab_entry *e)
{
	unsigned partition = devname_alias_partition(e->device);
	int found = -1;

	if (!devname_is_hardware_alias(e->device))
		return -1;
	for (unsigned i = 0; i < s->g->n_parts; i++) {
		const struct guest_part *p = &s->g->parts[i];

		if (s->g->disks == 1 && partition && p->disk == 0 && p->partition == (int)partition)
			return (int)i;
		if (strcmp(e->where, "/boot") != 0 || !s->at[i].boot)
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}

static int mount_entries(struct search *s, struct fstab_entry *e, size_t n, struct unrack_error *err)
{
	for (size_t i = 0; i < n; i++) {
		bool boot = !strcmp(e[i].where, "/boot");
		int part, r;

		if (e[i].where[0] != '/' || e[i].where[1] == '\0' || (i > 0 && !by_where(&e[i - 1], &e[i])))
			continue;
		if (!fstab_is_local(&e[i]) && !boot)
			continue;
		part = guest_mount_resolve(s->g, s->names, e[i].device);
		if (part == -1)
			part = by_hardware_name(s, &e[i]);
		if (part >= 0 && !s->at[part].probe.mountable && strcmp(s->g->parts[part].fstype, "vfat"))
			part = -1;
		if (part < 0) {
			r = error_set(err, UNRACK_DAMAGED, "the guest mounts %s at %s, but %s here is that; give "
				      "all disks of the machine", e[i].device, e[i].where,
				      part == -2 ? "more than one filesystem" : "no filesystem");
		} else {
			r = mount_part(s, (unsigned)part, e[i].where, err);
		}
		if (r == UNRACK_DAMAGED && !boot) {
			log_warn(s->log, "%s is left out: %s", e[i].where, err->text);
			r = 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int mount_system(struct search *s, unsigned root, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct fstab_entry *e = NULL;
	size_t n = 0;
	int r = s->a->ops->umount_all(s->a->ctx, err);

	s->g->mounts = calloc(GUEST_PARTS_MAX, sizeof *s->g->mounts);
	if (r == 0 && !s->g->mounts)
		r = error_nomem(err);
	if (r == 0)
		r = mount_part(s, root, "/", err);
	if (r == 0)
		r = s->g->ops->read(s->g, "/etc/fstab", TEXT_MAX, &text, err);
	if (r == 0)
		r = fstab_parse(buf_str(&text), text.len, &e, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		unescape(e[i].where);
		unescape(e[i].device);
	}
	qsort(e, n, sizeof *e, by_where);
	r = refuse_md_root(e, n, err);
	if (r == 0) {
		learn_names(s, root, e, n);
		/* GUEST_PARTS_MAX mounts have room, one of them is the root. */
		r = mount_entries(s, e, n < GUEST_PARTS_MAX ? n : GUEST_PARTS_MAX - 1, err);
	}
	fstab_free(e, n);
	return r;
}

int guest_mount_all(struct guest *g, const struct appliance *a, const struct log *log,
		    struct unrack_error *err)
{
	struct search s = { .g = g, .a = a, .log = log, .names = malloc(sizeof *s.names) };
	unsigned root = 0;
	int r;

	if (!s.names)
		return error_nomem(err);
	devname_map_init(s.names, g->disks);
	r = guest_parts_find(&s, err);
	if (r == 0)
		r = look_at_all(&s, err);
	if (r == 0)
		r = choose_root(&s, &root, err);
	if (r == 0) {
		log_debug(log, "root filesystem: %s, %s", g->parts[root].device, s.at[root].release);
		r = mount_system(&s, root, err);
	}
	free(s.names);
	free(s.at);
	return r;
}
