/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "check_parts.h"
#include "unrack/json.h"

/* Without knowing these nobody can say that it boots. */
static const char *const essential[] = { "default entry", "kernel", "initrd", "driver", "root" };

int check_add(struct check_job *j, const char *name, enum check_state state, char *evidence,
	      char *reason, struct unrack_error *err)
{
	struct check_verdict *v = j->v;
	struct check_link *links = realloc(v->links, (v->n_links + 1) * sizeof *links);

	if (links)
		v->links = links;
	if (!links || !evidence || (!reason && state != CHECK_OK)) {
		free(evidence);
		free(reason);
		return error_nomem(err);
	}
	v->links[v->n_links++] = (struct check_link){ name, state, evidence, reason };
	return 0;
}

void check_free(struct check_verdict *v)
{
	for (size_t i = 0; i < v->n_links; i++) {
		free(v->links[i].evidence);
		free(v->links[i].reason);
	}
	free(v->links);
	memset(v, 0, sizeof *v);
}

const char *check_state_name(enum check_state s)
{
	static const char *const names[] = { "ok", "bad", "warn", "unknown" };

	return names[s];
}

static bool is_essential(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(essential); i++)
		if (!strcmp(essential[i], name))
			return true;
	return false;
}

static void conclude(struct check_job *j)
{
	struct check_verdict *v = j->v;
	const struct check_link *bad = NULL, *unknown = NULL;
	size_t n_bad = 0, n_warn = 0;
	char machine[96];
	int len;

	for (size_t i = 0; i < v->n_links; i++) {
		const struct check_link *l = &v->links[i];

		n_bad += l->state == CHECK_BAD;
		n_warn += l->state == CHECK_WARN;
		if (l->state == CHECK_BAD && !bad)
			bad = l;
		if (l->state == CHECK_UNKNOWN && is_essential(l->name) && !unknown)
			unknown = l;
	}
	v->boots = !bad && !unknown;
	snprintf(machine, sizeof machine, "ESX %s with %s and %s", j->t->esx->name, j->t->disk->name,
		 j->t->nic->name);
	if (bad)
		len = snprintf(v->text, sizeof v->text, "it would not boot on %s: %s: %s", machine,
			       bad->name, bad->reason);
	else if (unknown)
		len = snprintf(v->text, sizeof v->text,
			       "whether it would boot on %s can't be told: %s: %s", machine,
			       unknown->name, unknown->reason);
	else
		len = snprintf(v->text, sizeof v->text, "it would boot on %s: kernel %s finds %s",
			       machine, j->kernel->kver, j->f->root);
	if (len > 0 && (size_t)len < sizeof v->text && n_bad > 1)
		len += snprintf(v->text + len, sizeof v->text - (size_t)len, "; and %zu more",
				n_bad - 1);
	if (len > 0 && (size_t)len < sizeof v->text && v->boots && n_warn)
		snprintf(v->text + len, sizeof v->text - (size_t)len, "; %zu warning%s", n_warn,
			 n_warn == 1 ? "" : "s");
}

static void find_kernel(struct check_job *j)
{
	const struct guest_loader *l = &j->f->loader;

	if (l->default_entry >= 0 && (size_t)l->default_entry < l->n_entries)
		j->entry = &l->entries[l->default_entry];
	if (j->f->default_kernel >= 0)
		j->kernel = &j->f->kernels[j->f->default_kernel];
}

int check_guest(struct guest *g, const struct guest_facts *facts, const struct target *t,
		const struct check_files *files, struct check_verdict *out, struct unrack_error *err)
{
	static int (*const parts[])(struct check_job *, struct unrack_error *) = {
		check_vm_files, check_boot_disk, check_loader, check_kernel,
		check_driver,	check_root,	 check_mounts, check_harm,
		check_console,	check_network,	 check_others,
	};
	struct check_job *j = calloc(1, sizeof *j);
	int r = 0;

	memset(out, 0, sizeof *out);
	if (!j)
		return error_nomem(err);
	j->g = g;
	j->f = facts;
	j->t = t;
	j->files = files;
	j->v = out;
	find_kernel(j);
	devname_map_init(&j->vm, facts->disks);
	devname_map_target(&j->vm, target_node(t));
	for (unsigned i = 0; i < facts->disks && i < DEVNAME_DISKS; i++) {
		char name[DEVNAME_MAX];

		devname_make(j->vm.prefix, i, 0, name);
		devname_map_learn(&j->vm, name, (int)i, "the VM");
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
		r = parts[i](j, err);
	if (r == 0)
		conclude(j);
	else
		check_free(out);
	free(j);
	return r;
}

/* --- For people and programs ---------------------------------------------------------- */
int check_to_text(const struct check_verdict *v, struct buf *out)
{
	int bad = 0;

	for (size_t i = 0; i < v->n_links; i++) {
		const struct check_link *l = &v->links[i];

		bad |= buf_printf(out, "%-8s%-16s%s\n", check_state_name(l->state), l->name,
				  l->evidence);
		if (l->reason)
			bad |= buf_printf(out, "%24s-> %s\n", "", l->reason);
	}
	return bad | buf_printf(out, "%s: %s\n", v->boots ? "yes" : "no", v->text) ? -1 : 0;
}

struct json *check_to_json(const struct check_verdict *v)
{
	struct json *j = json_new_object(), *links = json_new_array();
	int bad = !j || !links;

	for (size_t i = 0; !bad && i < v->n_links; i++) {
		const struct check_link *l = &v->links[i];
		struct json *one = json_new_object();

		bad |= json_set_str(one, "name", l->name) |
		       json_set_str(one, "state", check_state_name(l->state)) |
		       json_set_str(one, "evidence", l->evidence) |
		       json_set_str(one, "reason", l->reason) | json_add(links, one);
	}
	if (bad) {
		json_free(links);
		json_free(j);
		return NULL;
	}
	if (json_set_bool(j, "boots", v->boots) | json_set_str(j, "text", v->text) |
	    json_set(j, "links", links)) {
		json_free(j);
		return NULL;
	}
	return j;
}
