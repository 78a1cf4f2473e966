/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The repair itself, on overlays: inspect, choose, plan, apply, and check again. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "fix_parts.h"
#include "unrack/facts.h"
#include "unrack/plan.h"

/* What a filesystem writes beside the files: its journal, tables, superblocks. */
#define MOUNT_OVERHEAD (8u << 20)

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- Findings, for the report -------------------------------------------------------------- */

static struct json *edits_to_json(const struct plan *p)
{
	struct json *list = json_new_array();

	for (size_t i = 0; list && i < p->n_edits; i++) {
		const struct edit *e = &p->edits[i];
		struct json *o = json_new_object();

		if (!o || json_set_str(o, "kind", apply_kind_name(e->kind)) < 0 ||
		    json_set_str(o, "path", e->path) < 0 || json_set_str(o, "to", e->to) < 0 ||
		    json_set_str(o, "reason", e->reason) < 0) {
			json_free(o);
			json_free(list);
			return NULL;
		}
		if (json_add(list, o) < 0) {
			json_free(list);
			return NULL;
		}
	}
	return list;
}

static struct json *warnings_to_json(const struct plan *p)
{
	struct json *list = json_new_array();

	for (size_t i = 0; list && i < p->n_warnings; i++)
		if (json_add_str(list, p->warnings[i]) < 0) {
			json_free(list);
			return NULL;
		}
	return list;
}

static int report_plan(const struct guest_facts *facts, const struct target *t, const struct plan *p,
		       bool dry_run, struct fix_report *report, struct unrack_error *err)
{
	report->guest = facts_to_json(facts);
	report->target = target_to_json(t, true);
	report->edits = edits_to_json(p);
	report->warnings = warnings_to_json(p);
	if (!report->guest || !report->target || !report->edits || !report->warnings ||
	    buf_printf(&report->text, "target: %s\n", t->why) < 0 || plan_to_text(p, &report->text) < 0)
		return error_nomem(err);
	return dry_run ? plan_diff(p, &report->diff, err) : 0;
}

/* --- The repair ---------------------------------------------------------------------------- */

struct findings {
	struct guest *guest;
	struct guest_facts facts;
	bool inspected;
	struct target target;
	struct plan plan;
	bool planned;
	struct check_verdict verdict;
	bool checked;
};

static void findings_free(struct findings *f)
{
	if (f->checked)
		check_free(&f->verdict);
	if (f->planned)
		plan_free(&f->plan);
	if (f->inspected)
		facts_free(&f->facts);
	guest_close(f->guest);
}

static int inspect(struct findings *f, struct unrack_error *err)
{
	int r;

	if (f->inspected)
		facts_free(&f->facts);
	r = inspect_guest(f->guest, &f->facts, err);
	f->inspected = r == 0;
	return r;
}

static int make_plan(const struct fix_job *job, struct findings *f, struct unrack_error *err)
{
	struct target_guest has;
	int r = inspect(f, err);

	if (r == 0)
		r = facts_target_guest(&f->facts, &has, err);
	if (r == 0)
		r = target_choose(&job->request, &has, &f->target, err);
	if (r == 0)
		r = plan_make(f->guest, &f->facts, &f->target, &f->plan, err);
	f->planned = r == 0;
	return r;
}

/* Overlays and undo data: what is written is there twice, in whole clusters. */
static int check_room(const struct fix_job *job, const char *overlay, const struct findings *f,
		      struct unrack_error *err)
{
	char *folder CLEANUP_FREE = strdup(overlay);
	uint64_t bytes = 0;

	if (!folder)
		return error_nomem(err);
	*strrchr(folder, '/') = '\0';
	for (size_t i = 0; i < f->plan.n_edits; i++)
		bytes += round_up(plan_edit_bytes(&f->plan.edits[i]), OVERLAY_CLUSTER) + OVERLAY_CLUSTER;
	return machine_check_space(io_posix(), folder, 2 * bytes,
				   2 * (bytes + (uint64_t)f->guest->n_mounts * MOUNT_OVERHEAD), job->log, err);
}

/* Looks at the guest as it is now and says whether it boots. */
static int verify(const struct fix_job *job, struct findings *f, struct fix_report *report,
		  struct unrack_error *err)
{
	int r = check_guest(f->guest, &f->facts, &f->target, NULL, &f->verdict, err);

	if (r < 0)
		return r;
	f->checked = true;
	report->verdict = check_to_json(&f->verdict);
	if (!report->verdict || check_to_text(&f->verdict, &report->text) < 0)
		return error_nomem(err);
	if (!f->verdict.boots)
		return error_set(err, UNRACK_NO, "%s would not boot on ESX %s%s: %s; nothing was changed", job->name,
				 f->target.esx->name, report->nothing ? "" : " even after the repair",
				 f->verdict.text);
	return 0;
}

static int change(const struct fix_job *job, const char *overlay, struct findings *f,
		  struct unrack_error *err)
{
	int r = check_room(job, overlay, f, err);

	if (r == 0)
		r = apply_plan(f->guest, &f->plan, job->log, err);
	if (r == 0)
		r = f->guest->ops->sync(f->guest, err);
	return r < 0 ? r : inspect(f, err);
}

static int repair(const struct fix_job *job, const struct guest_image *overlays, bool dry_run,
		  struct findings *f, struct fix_report *report, struct unrack_error *err)
{
	int r = make_plan(job, f, err);

	if (r == 0)
		r = report_plan(&f->facts, &f->target, &f->plan, dry_run, report, err);
	if (r < 0)
		return r;
	report->nothing = f->plan.n_edits == 0;
	if (!report->nothing)
		r = change(job, overlays[0].path, f, err);
	if (r == 0)
		r = verify(job, f, report, err);
	return r < 0 ? r : guest_finish(f->guest, err);
}

int fix_edit_guest(void *ctx, const struct fix_job *job, const struct guest_image *overlays,
		   bool dry_run, struct fix_report *report, struct unrack_error *err)
{
	struct findings f = { 0 };
	double begun = seconds();
	int r;

	(void)ctx;
	r = guest_open_images(overlays, job->n, true, job->log, &f.guest, err);
	report->open_seconds = seconds() - begun;
	begun = seconds();
	if (r == 0)
		r = repair(job, overlays, dry_run, &f, report, err);
	findings_free(&f);
	report->edit_seconds = seconds() - begun;
	return r;
}
