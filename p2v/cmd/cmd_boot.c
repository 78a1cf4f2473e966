/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* boot: the proof in QEMU, or the static verdict where QEMU has no such device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "jobs.h"
#include "results.h"
#include "subject.h"
#include "unrack/prove.h"

#define NICS_MAX 8

static const struct option_spec options[] = {
	TARGET_OPTIONS(struct boot_options, target),
	{ "memory", 0, OPTION_UINT, "MIB", "memory of the VM (default 1024)",
	  offsetof(struct boot_options, memory) },
	{ "vcpus", 0, OPTION_UINT, "N", "processors of the VM (default 1)",
	  offsetof(struct boot_options, vcpus) },
	{ "network", 0, OPTION_STR, "KIND", "closed (default): the guest reaches nobody; or open",
	  offsetof(struct boot_options, network) },
	{ "stall", 0, OPTION_UINT, "SECONDS", "give up when no stage advances for so long",
	  offsetof(struct boot_options, stall) },
	{ "require-proof", 0, OPTION_FLAG, NULL, "a static verdict is not enough",
	  offsetof(struct boot_options, require_proof) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

static void show(struct cli *cli, const struct prove_result *p)
{
	for (unsigned i = 0; i < p->n_events; i++) {
		struct json *e = json_new_object();

		json_set_str(e, "name", prove_stage_name(p->events[i].stage));
		/* Tenths: what was watched is not known more exactly. */
		json_set_real(e, "at", round(p->events[i].at * 10) / 10);
		json_set_str(e, "evidence", p->events[i].evidence);
		terminal_event(cli->terminal, "stage", e);
	}
	json_set_str(cli->result, "proof", "boot");
	json_set_bool(cli->result, "up", p->up);
	json_set_str(cli->result, "stage", prove_stage_name(p->stage));
	json_set_bool(cli->result, "dhcp", p->dhcp);
	json_set_str(cli->result, "ssh", p->ssh ? p->banner : NULL);
	json_set_str(cli->result, "accel", p->accel);
	json_set_str(cli->result, "why", p->why);
	if (p->console[0])
		json_set_str(cli->result, "console", p->console);
	if (p->screenshot[0]) {
		json_set_str(cli->result, "screenshot", p->screenshot);
		log_info(&cli->log, "screenshot: %s", p->screenshot);
	}
}

/* No such device in QEMU: what the check says stands alone. */
static int static_verdict(struct cli *cli, struct subject *s, const struct target *t,
			  const struct boot_options *o, const char *why, struct unrack_error *err)
{
	struct buf text CLEANUP_BUF = { 0 };
	struct check_verdict v;
	struct guest_facts facts;
	struct target_guest tg;
	struct target_request req = { .scsi = t->disk->kind, .nic = t->nic->kind, .firmware = t->firmware,
				      .hw = t->hw };
	struct target exact;
	struct guest *g;
	int r = subject_inspect(s, &g, &facts, err);

	if (r < 0)
		return r;
	log_warn(&cli->log, "%s: there is no proof by a boot, only the static check", why);
	snprintf(req.esx, sizeof req.esx, "%s", t->esx->name);
	r = facts_target_guest(&facts, &tg, err);
	if (r == 0)
		r = target_choose(&req, &tg, &exact, err);
	if (r == 0)
		r = check_guest(g, &facts, &exact, s->job.files, &v, err);
	if (r == 0) {
		json_set_str(cli->result, "proof", "static");
		json_set_str(cli->result, "why", why);
		results_verdict(cli, check_to_json(&v));
		if (check_to_text(&v, &text) == 0)
			terminal_answer(cli->terminal, "%s", buf_str(&text));
		if (!v.boots)
			r = error_set(err, UNRACK_NO, "%s", v.text);
		else if (o->require_proof)
			r = error_set(err, UNRACK_NO, "%s, and --require-proof does not take the static verdict; "
				      "name another device with --scsi and --nic", why);
		check_free(&v);
	}
	facts_free(&facts);
	guest_close(g);
	return r;
}

/* The cards' addresses, by which the guest may know them. Where nothing can be learned of the
 * guest it is started all the same. */
static int find_macs(struct cli *cli, struct subject *s, char macs[NICS_MAX][18], unsigned *n,
		     struct unrack_error *err)
{
	const struct json *guest, *nics;
	int r = subject_guest(s, &guest, err);

	*n = 0;
	if (r == UNRACK_INTERRUPTED)
		return r;
	if (r < 0) {
		log_warn(&cli->log, "the network card gets an address of QEMU's own, the guest's is not known: %s",
			 err->text);
		return 0;
	}
	nics = json_get(guest, "nics");
	for (size_t i = 0; i < json_len(nics) && *n < NICS_MAX; i++)
		snprintf(macs[(*n)++], 18, "%s", json_str(json_at(nics, i), "mac", ""));
	return 0;
}

static int prove(struct cli *cli, struct subject *s, const struct target *t,
		 const struct boot_options *o, struct unrack_error *err)
{
	char *dir CLEANUP_FREE = subject_folder(s, "proof", err);
	struct prove_disk disks[MACHINE_DISKS_MAX];
	char macs[NICS_MAX][18];
	struct prove_options po = { .disks = disks, .n_disks = s->job.n, .target = t,
				    .macs = (const char(*)[18])macs, .dir = dir, .memory_mb = o->memory,
				    .vcpus = o->vcpus, .stall_s = o->stall, .want_network = true,
				    .log = &cli->log };
	struct prove_result res = { .ran = false };
	int r;

	if (!dir)
		return err->code;
	po.open_network = o->network && !strcmp(o->network, "open");
	/* Without a model in QEMU there is no boot. */
	if (t->disk->qemu && t->nic->qemu && (r = find_macs(cli, s, macs, &po.n_nics, err)) < 0)
		return r;
	for (unsigned i = 0; i < s->job.n; i++)
		disks[i] = (struct prove_disk){ s->job.images[i].path,
						 fix_image_format(&s->job.images[i]) };
	r = prove_run(&po, &res, err);
	if (r < 0)
		return r;
	if (!res.ran)
		return static_verdict(cli, s, t, o, res.why, err);
	show(cli, &res);
	if (!res.up)
		return error_set(err, UNRACK_NO, "%s", res.why);
	terminal_answer(cli->terminal, "%s\n", res.why);
	return 0;
}

static int boot(struct cli *cli, struct subject *s, const struct boot_options *o,
		struct unrack_error *err)
{
	struct target_request req;
	struct target t;
	int r = subject_request(s, &o->target, &req, err);

	if (r == 0)
		r = subject_target(s, &req, &t, err);
	if (r == 0 && s->machine)
		r = machine_step(s->machine, "boot", "running", err);
	if (r < 0)
		return r;
	results_target(cli, &t, false);
	r = prove(cli, s, &t, o, err);
	if (s->machine) {
		struct unrack_error dropped;

		machine_step(s->machine, "boot",
			     r == 0 ? "done" : r == UNRACK_INTERRUPTED ? "interrupted" : "failed",
			     r == 0 ? err : &dropped);
	}
	return r;
}

int job_boot(struct cli *cli, const struct boot_options *o, const char *operand,
	     struct unrack_error *err)
{
	struct subject s;
	int r;

	if (o->network && strcmp(o->network, "open") != 0 && strcmp(o->network, "closed") != 0)
		return error_set(err, UNRACK_USAGE, "--network is closed or open, not \"%s\"", o->network);
	r = subject_open(cli, operand, true, &s, err);
	if (r < 0)
		return r;
	r = subject_check_quiet(&s, err);
	if (r == 0)
		r = boot(cli, &s, o, err);
	subject_close(&s);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	(void)n;
	return job_boot(cli, values, operands[0], err);
}

const struct command cmd_boot = {
	.name = "boot",
	.operands = "IMAGE|FOLDER",
	.summary = "boot it in QEMU, closed off from any network, and say how far it came",
	.options = options,
	.values_size = sizeof(struct boot_options),
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
