/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "jobs.h"
#include "results.h"
#include "subject.h"

static const struct option_spec options[] = {
	TARGET_OPTIONS(struct fix_options, target),
	{ "dry-run", 'n', OPTION_FLAG, NULL, "show the plan as diffs, change nothing",
	  offsetof(struct fix_options, dry_run) },
	{ "undo", 0, OPTION_FLAG, NULL, "give the images back as they were, bit for bit",
	  offsetof(struct fix_options, undo) },
	{ "discard-changes", 0, OPTION_FLAG, NULL, "go on although something else changed the image",
	  offsetof(struct fix_options, discard_changes) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

static void show(struct cli *cli, const struct fix_report *rep)
{
	for (size_t i = 0; i < json_len(rep->edits); i++)
		terminal_event(cli->terminal, "edit", json_clone(json_at(rep->edits, i)));
	if (rep->target)
		json_set(cli->result, "target", json_clone(rep->target));
	if (rep->edits)
		json_set_int(cli->result, "edit_count", (int64_t)json_len(rep->edits));
	if (rep->warnings)
		json_set(cli->result, "warnings", json_clone(rep->warnings));
	if (rep->verdict)
		results_verdict(cli, json_clone(rep->verdict));
	json_set_bool(cli->result, "changed", rep->changed);
	json_set_int(cli->result, "replaced_bytes", (int64_t)rep->replaced_bytes);
	if (rep->text.len)
		terminal_answer(cli->terminal, "%s", buf_str(&rep->text));
	if (rep->diff.len) {
		terminal_answer(cli->terminal, "%s", buf_str(&rep->diff));
		json_set_str(cli->result, "diff", buf_str(&rep->diff));
	}
}

/* Looks at the images before they become something else than what was copied. */
static int check_unchanged(struct cli *cli, struct subject *s, const struct fix_options *o,
			   struct unrack_error *err)
{
	enum machine_state state = s->machine ? machine_get_state(s->machine) : MACHINE_FIXING;

	if (o->discard_changes || (state != MACHINE_COPIED && state != MACHINE_FIXED))
		return 0;
	return machine_image_unchanged(s->machine, -1, MACHINE_CHECK_QUICK, &cli->log, err);
}

/* So that vm and boot need no look at the guest of their own. */
static int keep_findings(struct subject *s, const struct fix_report *rep, struct unrack_error *err)
{
	struct json *guest;

	if (!s->machine || !rep->guest || !rep->target)
		return 0;
	guest = json_clone(rep->guest);
	if (!guest || json_set(guest, "target", json_clone(rep->target)) < 0) {
		json_free(guest);
		return error_nomem(err);
	}
	return machine_set_guest(s->machine, guest, err); /* saved with the step */
}

bool job_fix_is_due_again(const struct machine *m)
{
	const char *state = machine_step_state(m, "fix");

	return !strcmp(state, FIX_AGAIN) || !strcmp(state, FIX_RUNNING_AGAIN);
}

static int fix(struct cli *cli, struct subject *s, const struct fix_options *o,
	       struct fix_report *rep, struct unrack_error *err)
{
	int r = subject_request(s, &o->target, &s->job.request, err);
	bool again = s->machine && job_fix_is_due_again(s->machine);

	if (r < 0)
		return r;
	if (o->dry_run)
		return subject_still(s->machine, fix_dry_run(&s->job, rep, err), err);
	r = check_unchanged(cli, s, o, err);
	if (r == 0 && s->machine)
		r = machine_step(s->machine, "fix", again ? FIX_RUNNING_AGAIN : "running", err);
	if (r < 0)
		return r;
	r = fix_run(&s->job, rep, err);
	log_debug(&cli->log, "seconds: %.2f until the guest's filesystems were mounted, %.2f for looking, changing "
		  "and checking, %.2f for writing to the images", rep->open_seconds, rep->edit_seconds,
		  rep->commit_seconds);
	if (r == 0)
		r = keep_findings(s, rep, err);
	if (r == 0)
		r = subject_keep_request(s, &s->job.request, true, err);
	if (s->machine) {
		struct unrack_error dropped;

		machine_step(s->machine, "fix",
			     r == 0 ? "done" : again ? FIX_AGAIN : r == UNRACK_INTERRUPTED ? "interrupted" : "failed",
			     r == 0 ? err : &dropped);
	}
	if (r == 0 && rep->nothing)
		log_info(&cli->log, "%s: nothing to change, it is right for this target", s->name);
	else if (r == 0)
		log_info(&cli->log, "%s: fixed; %.1f MiB of the image replaced, `unrack fix --undo` gives them back",
			 s->name, (double)rep->replaced_bytes / 1048576);
	return r;
}

static int undo(struct cli *cli, struct subject *s, const struct fix_options *o,
		struct fix_report *rep, struct unrack_error *err)
{
	int r = 0;

	/* Before anything is undone, so that nothing comes between. */
	if (o->undone && s->machine)
		r = machine_step(s->machine, "fix", o->undone, err);
	if (r == 0)
		r = fix_undo(&s->job, o->discard_changes, rep, err);
	/* Who undoes it by hand does not want it again. */
	if (r == 0 && !o->undone && s->machine && job_fix_is_due_again(s->machine))
		r = machine_step(s->machine, "fix", "undone", err);
	if (r == 0)
		log_info(&cli->log, rep->nothing ? "%s: nothing to undo"
						 : "%s: the images are again what was copied", s->name);
	return r;
}

int job_fix(struct cli *cli, const struct fix_options *o, const char *operand,
	    struct unrack_error *err)
{
	struct fix_report rep = { .nothing = false };
	struct subject s;
	int r;

	if (o->dry_run && o->undo)
		return error_set(err, UNRACK_USAGE, "--dry-run and --undo do not go together");
	r = subject_open(cli, operand, !o->dry_run, &s, err);
	if (r < 0)
		return r;
	r = o->undo ? undo(cli, &s, o, &rep, err) : fix(cli, &s, o, &rep, err);
	show(cli, &rep);
	fix_report_free(&rep);
	subject_close(&s);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	(void)n;
	return job_fix(cli, values, operands[0], err);
}

const struct command cmd_fix = {
	.name = "fix",
	.operands = "IMAGE|FOLDER",
	.summary = "make it boot on a target; --dry-run shows the plan, --undo takes it back",
	.options = options,
	.values_size = sizeof(struct fix_options),
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
