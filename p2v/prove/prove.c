/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parts.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "unrack/proc.h"

/* Can it be proved at all? False: res->why. */
static bool has_models(const struct target *t, struct prove_result *res)
{
	const char *why = NULL;

	if (!t->disk->qemu)
		why = t->disk->qemu_why;
	else if (!t->nic->qemu)
		why = t->nic->qemu_why;
	if (why)
		snprintf(res->why, sizeof res->why, "%s", why);
	return !why;
}

/* --- The sentence of the result ------------------------------------------------------------ */

struct sentence {
	char *at;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->at, s->room, fmt, ap);
	va_end(ap);
	if (n > 0) {
		size_t used = (size_t)n < s->room ? (size_t)n : s->room - 1;

		s->at += used;
		s->room -= used;
	}
}

static void say_network(struct sentence *s, const struct prove_result *res,
			const struct watch_result *w)
{
	char address[INET_ADDRSTRLEN] = "";

	if (w->net.dhcp_given) {
		inet_ntop(AF_INET, w->net.leased, address, sizeof address);
		say(s, ", network reached (%s by DHCP", address);
		if (res->ssh)
			say(s, ", %s on port 22)", res->banner);
		else
			say(s, ", no answer from an ssh server)");
	} else if (w->net.has_address) {
		inet_ntop(AF_INET, w->net.address, address, sizeof address);
		say(s, ", network reached (it sends as %s; that being an address of its own, ssh was "
		    "not tried)", address);
	} else if (w->net.dhcp_asked) {
		say(s, "; the network was not reached: its DHCP request has no answer");
	} else if (w->net.packets) {
		say(s, "; the network was not reached: its card sends, but without an IPv4 address");
	} else {
		say(s, "; the network was not reached: no packet left its card, which has no driver or "
		    "is not configured");
	}
}

static void say_failure(struct sentence *s, const struct prove_options *opt,
			const struct prove_result *res, const struct watch_result *w)
{
	const struct stage_findings *f = &w->findings;

	switch (w->end) {
	case END_FAILED:
		say(s, "it ends with \"%s\"", f->end);
		break;
	case END_OFF:
		say(s, "it switched itself off");
		break;
	case END_REBOOT:
		say(s, "it restarts by itself");
		break;
	case END_LIMIT:
		say(s, "it was not up after %u s", opt->limit_s);
		break;
	default:
		say(s, "nothing advanced for %u s", w->waited_s);
		break;
	}
	if (f->cause[0])
		say(s, " after \"%s\"", f->cause);
	else if (w->end != END_FAILED && w->last_line[0])
		say(s, ", the last line being \"%s\"", w->last_line);
	say(s, "; the furthest stage was %s", prove_stage_name(res->stage));
}

static void conclude(const struct prove_options *opt, const struct watch_result *w,
		     struct prove_result *res)
{
	struct sentence s = { res->why, sizeof res->why };
	const struct target *t = opt->target;

	res->ran = true;
	res->up = (w->login || w->network) && !w->findings.panic;
	if (!res->up) {
		say(&s, "the VM does not come up on %s and %s: ", t->disk->name, t->nic->name);
		say_failure(&s, opt, res, w);
		return;
	}
	say(&s, "the VM comes up on %s and %s", t->disk->name, t->nic->name);
	if (w->login)
		say(&s, ": %s", w->findings.line[STAGE_LOGIN]);
	say_network(&s, res, w);
	if (w->end != END_UP && w->end != END_STALLED) {
		say(&s, "; but then ");
		say_failure(&s, opt, res, w);
	}
}

/* --- One boot ------------------------------------------------------------------------------ */

static int prepare_console(const struct prove_options *opt, struct console *c, struct prove_result *res,
			   struct unrack_error *err)
{
	char path[sizeof res->screenshot];

	for (unsigned i = 2; i <= PROVE_NICS_MAX; i++)
		if (snprintf(path, sizeof path, "%s/net-%u.pcap", opt->dir, i) < (int)sizeof path)
			unlink(path);
	if (snprintf(path, sizeof path, "%s/screenshot.png", opt->dir) < (int)sizeof path)
		unlink(path);
	if (snprintf(res->console, sizeof res->console, "%s/console.txt", opt->dir) >=
	    (int)sizeof res->console) {
		res->console[0] = '\0';
		return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", opt->dir);
	}
	return console_open(c, res->console, err);
}

/* *broken: the accelerator was, or may have been, the reason of the failure. */
static int boot(const struct prove_options *opt, enum accel accel, const char *qemu, bool *broken,
		struct prove_result *res, struct unrack_error *err)
{
	struct console c = { .file = NULL };
	struct watch_result w = { .end = END_UP };
	struct vm vm;
	char lacks[256] = "", words[256];
	int r = prepare_console(opt, &c, res, err);

	*broken = false;
	if (r < 0)
		return r;
	r = vm_start(&vm, opt, accel, qemu, lacks, sizeof lacks, err);
	if (r == 0) {
		r = watch_run(&vm, opt, accel, &c, res, &w, err);
		res->seconds = (double)(vm_now() - vm.started) / 1000;
		vm_last_words(&vm, words, sizeof words);
		if (r == UNRACK_IO && words[0])
			error_prefix(err, "QEMU failed (%s)", words);
		if (r == 0 && w.end == END_BROKEN)
			r = error_set(err, UNRACK_IO, "QEMU stopped with an internal error of %s",
				      accel_name(accel));
	}
	*broken = r == UNRACK_IO && vm.said >= 0; /* it was started */
	vm_stop(&vm);
	if (lacks[0]) {
		snprintf(res->why, sizeof res->why, "the QEMU here, %s, lacks the device: %s", qemu,
			 lacks);
		r = 0;
	} else if (r == 0) {
		conclude(opt, &w, res);
		console_note(&c, res->seconds, res->why);
	}
	console_close(&c);
	return r;
}

int prove_run(const struct prove_options *opt, struct prove_result *res, struct unrack_error *err)
{
	char *qemu CLEANUP_FREE = NULL;
	bool broken;
	enum accel accel;
	int r;

	memset(res, 0, sizeof *res);
	res->accel = "none";
	if (!has_models(opt->target, res))
		return 0;
	r = proc_find("qemu-system-x86_64", "install qemu-system-x86", &qemu, err);
	if (r < 0)
		return r;
	accel = accel_choose(opt->log, NULL);
	res->accel = accel_name(accel);
	r = boot(opt, accel, qemu, &broken, res, err);
	if (r < 0 && broken && accel == ACCEL_KVM) {
		log_warn(opt->log, "%s; trying again without KVM, which is slower", err->text);
		memset(res, 0, sizeof *res);
		res->accel = accel_name(ACCEL_TCG);
		r = boot(opt, ACCEL_TCG, qemu, &broken, res, err);
	}
	return r;
}
