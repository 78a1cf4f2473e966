/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "plan_parts.h"

/* sdX had 15 partitions until Linux 2.6.28; hdX and cciss had more (devices.txt). */
#define SD_PARTITIONS_OLD 15
#define RELEASE_SD_MANY 6

/* A table's names are its own. */
static void free_name(struct edit_name *e)
{
	free((char *)(uintptr_t)e->old);
	free((char *)(uintptr_t)e->new);
}

void plan_table_free(struct plan_table *t)
{
	for (size_t i = 0; i < t->v.len; i++)
		free_name(&t->v.at[i]);
	plan_name_vec_free(&t->v);
}

struct edit_names plan_table_names(const struct plan_table *t)
{
	return (struct edit_names){ t->v.at, t->v.len };
}

int plan_table_add(struct plan_table *t, const char *old, const char *new, struct unrack_error *err)
{
	struct edit_names names = plan_table_names(t);
	struct edit_name e = { NULL, NULL };

	if (edit_names_find(&names, old, strlen(old)))
		return 0;
	e.old = strdup(old);
	e.new = new ? strdup(new) : NULL;
	if (e.old && (!new || e.new) && plan_name_vec_push(&t->v, e) == 0)
		return 0;
	free_name(&e);
	return error_nomem(err);
}

/* by-id, by-path and the like. What is mounted at WHERE is known; else "...-partN" is a
 * partition of the only disk. */
static enum devname_result translate_alias(const struct plan_job *j, const char *old,
					   const char *where, char out[DEVNAME_MAX])
{
	unsigned n = devname_alias_partition(old);

	for (unsigned i = 0; where && i < j->g->n_mounts; i++) {
		const struct guest_mount *m = &j->g->mounts[i];

		if (strcmp(m->where, where) != 0 || !m->device[0])
			continue;
		if (m->disk < 0)
			return DEVNAME_UNSURE; /* a volume: it has no such name */
		devname_make(j->names.prefix, (unsigned)m->disk, (unsigned)m->partition, out);
		return DEVNAME_NEW;
	}
	if (j->names.images != 1 || n == 0 || n > 255)
		return DEVNAME_UNSURE;
	devname_make(j->names.prefix, 0, n, out);
	return DEVNAME_NEW;
}

/* Puts UUID= of what the VM calls OUT there, if it has one of its own: names that a kernel
 * counts may move again. */
static void make_stable(const struct plan_job *j, char out[DEVNAME_MAX])
{
	static const char *const types[] = { "ext2", "ext3", "ext4", "xfs", "swap" };
	const struct guest_part *found = NULL;
	char name[DEVNAME_MAX];

	for (unsigned i = 0; i < j->g->n_parts && !found; i++) {
		const struct guest_part *p = &j->g->parts[i];

		if (p->disk < 0 || !p->uuid[0] || strlen(p->uuid) > 40)
			continue;
		devname_make(j->names.prefix, (unsigned)p->disk, (unsigned)p->partition, name);
		for (size_t k = 0; k < ARRAY_LEN(types) && !strcmp(name, out); k++)
			if (!strcmp(p->fstype, types[k]))
				found = p;
	}
	for (unsigned i = 0; found && i < j->g->n_parts; i++)
		if (&j->g->parts[i] != found && !strcmp(j->g->parts[i].uuid, found->uuid))
			return;
	if (found)
		snprintf(out, DEVNAME_MAX, "UUID=%s", found->uuid);
}

int plan_translate(struct plan_job *j, const char *old, const char *where, char out[DEVNAME_MAX],
		   enum devname_result *result, struct unrack_error *err)
{
	struct devname d;

	*result = devname_is_hardware_alias(old) ? translate_alias(j, old, where, out) :
						   devname_translate(&j->names, old, out);
	if (*result == DEVNAME_NEW && j->f->major < RELEASE_SD_MANY && devname_parse(out, &d) &&
	    d.family == DEVNAME_SD && d.partition > SD_PARTITIONS_OLD)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s would be %s in the VM, but a disk on %s has at most %d "
				 "partitions in %s; --scsi ide may keep more",
				 old, out, j->t->disk->name, SD_PARTITIONS_OLD, j->f->release);
	if (*result == DEVNAME_NEW && j->stable)
		make_stable(j, out);
	return 0;
}

int plan_table_translate(struct plan_job *j, struct plan_table *t, const char *old, const char *where,
			 enum devname_result *result, struct unrack_error *err)
{
	char new[DEVNAME_MAX];
	int r = plan_translate(j, old, where, new, result, err);

	if (r == 0 && *result == DEVNAME_NEW)
		r = plan_table_add(t, old, new, err);
	return r;
}

char *plan_table_say(const struct plan_table *t)
{
	CLEANUP_BUF struct buf b = { 0 };
	int bad = buf_puts(&b, "");

	for (size_t i = 0; i < t->v.len; i++) {
		const struct edit_name *e = &t->v.at[i];

		if (i > 0)
			bad |= buf_puts(&b, i + 1 == t->v.len ? " and " : ", ");
		bad |= e->new ? buf_printf(&b, "%s is %s", e->old, e->new) :
				buf_printf(&b, "%s is not there", e->old);
	}
	bad |= buf_puts(&b, " in the VM");
	return bad ? NULL : buf_steal(&b);
}

char *plan_table_say_used(const struct plan_table *t, const struct buf *before, const char *extra)
{
	struct plan_table used = { 0 };
	char *text, *all;

	for (size_t i = 0; i < t->v.len; i++) {
		const char *old = t->v.at[i].old;
		const char *p = memmem(buf_str(before), before->len, old, strlen(old));

		for (; p; p = strstr(p + 1, old)) {
			if (strchr(" \t\r\n\"'", p[strlen(old)])) { /* the end of the text too */
				plan_name_vec_push(&used.v, t->v.at[i]);
				break;
			}
		}
	}
	text = used.v.len ? plan_table_say(&used) : strdup("");
	plan_name_vec_free(&used.v);
	if (!extra || !text)
		return text;
	all = say("%s%s%s", extra, *text ? "; " : "", text);
	free(text);
	return all;
}

int plan_refuse_name(const struct plan_job *j, const char *file, const char *name,
		     enum devname_result result, struct unrack_error *err)
{
	if (result == DEVNAME_ABSENT)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s names %s, a disk that is none of the %u given; copy that disk "
				 "too, or remove the line on the server and copy again",
				 file, name, j->names.images);
	/* device.map would not help. */
	if (devname_is_hardware_alias(name))
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s names %s, and nothing says which of the %u disks that is; name "
				 "it by LABEL= or UUID= on the server, then copy it again",
				 file, name, j->names.images);
	return error_set(err, UNRACK_UNSUPPORTED,
			 "%s names %s, and nothing says which of the %u disks that is; write them "
			 "all into /boot/grub/device.map on the server, then copy it again",
			 file, name, j->names.images);
}
