/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parts.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"

#define TICK_MS 500
#define SETTLE_MS 1500 /* what a panic still has to say */
#define MEMORY_MS 5000 /* between two looks through the guest's memory */
#define SCREEN_SIZE 32768u
#define SCREEN_COLUMNS 80u
#define SERIAL_WINDOW (256u << 10)
#define SERIAL_FILE_MAX (8u << 20)   /* emptied then: it is memory */
#define CAPTURE_FILE_MAX (64u << 20) /* no more packets are written then */
#define CAPTURE_CHUNK (1u << 20)
#define START_MS 10000 /* of patience at least, until there is a first sign of life */
#define NO_ADVANCE 5   /* times the stall, and scrolling on and on does not help any more */
#define LATE_MAX 8     /* starts with a timer that is late, see timer_was_late() */

/* Seconds that the slowest stage, from init to the end of the services, takes with a full
 * server; 3 times as long without anything new is a stall. (Measured under emulation: 60 to
 * 70 s for the whole of a small one.) */
static const unsigned slowest_stage_s[] = { [ACCEL_KVM] = 20, [ACCEL_TCG] = 60 };
/* Seconds to wait for the ssh banner after everything else was seen. */
static const unsigned ssh_grace_s[] = { [ACCEL_KVM] = 5, [ACCEL_TCG] = 15 };

struct watch {
	struct vm *vm;
	const struct prove_options *opt;
	struct console *console;
	struct prove_result *res;
	struct watch_result *out;
	enum accel accel;
	int64_t stall_ms;

	/* This boot; a guest may restart once. */
	enum prove_stage reached; /* by what its consoles show: login at most */
	bool reported[STAGE_COUNT];
	bool off, rebooted, broken;
	unsigned reboots, late;

	/* When, monotonic ms; 0: not yet. */
	int64_t advanced, changed, failed, login, ready, ssh, memory;

	struct buf serial; /* the last of what came */
	uint64_t serial_at; /* how much of the file was read */
	struct {
		uint64_t at; /* how much of the capture was read */
		struct pcap_facts facts;
		struct ssh_probe probe;
		bool closed; /* no more is captured */
	} nics[PROVE_NICS_MAX];
	bool disk_error;
};

static double seconds(const struct watch *w)
{
	return (double)(vm_now() - w->vm->started) / 1000;
}

/* --- What was found ------------------------------------------------------------------------ */

static void report(struct watch *w, enum prove_stage s, const char *source, const char *line)
{
	struct prove_result *res = w->res;
	struct log_progress p = { .step = "boot", .disk = -1, .total = STAGE_NETWORK, .unit = "steps" };
	double at = seconds(w);
	char evidence[sizeof res->events[0].evidence];

	snprintf(evidence, sizeof evidence, "%s: %s", source, line);
	if (res->n_events < ARRAY_LEN(res->events)) {
		struct prove_event *ev = &res->events[res->n_events++];

		ev->at = at;
		ev->stage = s;
		memcpy(ev->evidence, evidence, sizeof evidence);
	}
	w->reported[s] = true;
	w->advanced = vm_now();
	if (s != STAGE_NETWORK)
		w->reached = s;
	res->stage = w->out->network ? STAGE_NETWORK : w->reached;
	p.done = res->stage;
	log_info(w->opt->log, "%s after %.1f s (%s)", prove_stage_name(s), at, evidence);
	log_progress(w->opt->log, &p);
}

/* TEXT is what SOURCE shows now. */
static void read_text(struct watch *w, enum text_source source, const char *text, unsigned columns)
{
	struct stage_findings *f = &w->out->findings;

	if (console_add(w->console, seconds(w), source, text))
		w->changed = vm_now();
	stages_read(text, strlen(text), columns, w->reached, f);
	for (enum prove_stage s = STAGE_FIRMWARE; s <= STAGE_LOGIN; s++) {
		/* What shows late of an earlier stage is no news. */
		if (f->line[s][0] && !w->reported[s] && s > w->reached)
			report(w, s, text_source_name(source), f->line[s]);
	}
	if (f->end[0] && !w->failed)
		w->failed = vm_now();
	if (w->reported[STAGE_LOGIN] && !w->login) {
		w->login = vm_now();
		w->out->login = true;
	}
}

/* The last line on the console, for the report of a stall. */
static void keep_last(struct watch *w, struct buf *text)
{
	const char *last;

	while (text->len && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
	last = strrchr(buf_str(text), '\n');
	snprintf(w->out->last_line, sizeof w->out->last_line, "%s", last ? last + 1 : buf_str(text));
}

/* --- Where it is looked for ---------------------------------------------------------------- */

static int look_at_screen(struct watch *w, struct unrack_error *err)
{
	uint8_t *cells CLEANUP_FREE = malloc(SCREEN_SIZE);
	struct buf text CLEANUP_BUF = { 0 };
	int r;

	if (!cells)
		return error_nomem(err);
	r = vm_screen(w->vm, cells, err);
	if (r < 0)
		return r == UNRACK_UNSUPPORTED ? 0 : r;
	if (text_from_cells(cells, SCREEN_SIZE, SCREEN_COLUMNS, &text) < 0)
		return error_nomem(err);
	read_text(w, TEXT_SCREEN, buf_str(&text), SCREEN_COLUMNS);
	keep_last(w, &text);
	return 0;
}

/* Drops all but the last SERIAL_WINDOW bytes, at a line's end. */
static void shorten(struct buf *b)
{
	size_t drop = b->len > SERIAL_WINDOW ? b->len - SERIAL_WINDOW : 0;
	const uint8_t *nl = drop ? memchr(b->data + drop, '\n', b->len - drop) : NULL;

	if (nl)
		drop = (size_t)(nl - b->data) + 1;
	memmove(b->data, b->data + drop, b->len - drop);
	b->len -= drop;
	b->data[b->len] = '\0';
}

static int look_at_serial(struct watch *w, struct unrack_error *err)
{
	struct buf text CLEANUP_BUF = { 0 };
	uint8_t chunk[16384];
	bool any = false;
	ssize_t n;

	while ((n = pread(w->vm->serial, chunk, sizeof chunk, (off_t)w->serial_at)) > 0) {
		w->serial_at += (uint64_t)n;
		any = true;
		if (buf_append(&w->serial, chunk, (size_t)n) < 0)
			return error_nomem(err);
		if (w->serial.len > 2 * SERIAL_WINDOW)
			shorten(&w->serial);
	}
	if (!any)
		return 0;
	shorten(&w->serial);
	if (w->serial_at > SERIAL_FILE_MAX && ftruncate(w->vm->serial, 0) == 0)
		w->serial_at = 0;
	if (text_from_bytes(w->serial.data, w->serial.len, &text) < 0)
		return error_nomem(err);
	read_text(w, TEXT_SERIAL, buf_str(&text), 0);
	return 0;
}

static int look_at_memory(struct watch *w, struct unrack_error *err)
{
	struct buf consoles CLEANUP_BUF = { 0 }, log CLEANUP_BUF = { 0 };

	if (ram_scan(w->vm->ram, &consoles, &log) < 0)
		return error_nomem(err);
	/* First the log: it begins with the kernel's version. */
	read_text(w, TEXT_LOG, buf_str(&log), 0);
	read_text(w, TEXT_MEMORY, buf_str(&consoles), 0);
	if (!w->out->last_line[0]) /* it draws its consoles, and the screen is no text */
		keep_last(w, &consoles);
	w->memory = vm_now();
	return 0;
}

/* A guest could fill the disk with packets. */
static void end_capture(struct watch *w, unsigned i)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct json *args = json_new_object();
	char id[16];

	snprintf(id, sizeof id, "dump%u", i);
	if (json_set_str(args, "id", id) < 0)
		json_free(args);
	else if (qmp_command(w->vm->qmp, "object-del", args, NULL, &err) == 0)
		w->nics[i].closed = true;
}

static int look_at_packets(struct watch *w, unsigned i, struct unrack_error *err)
{
	uint8_t *p CLEANUP_FREE = malloc(CAPTURE_CHUNK);
	struct pcap_facts *f = &w->nics[i].facts;
	ssize_t n;

	if (!p)
		return error_nomem(err);
	while ((n = pread(w->vm->captures[i], p, CAPTURE_CHUNK, (off_t)w->nics[i].at)) > 0) {
		size_t done = pcap_read(p, (size_t)n, w->nics[i].at, f);

		if (!done)
			break;
		w->nics[i].at += done;
	}
	if (w->nics[i].at > CAPTURE_FILE_MAX && !w->nics[i].closed)
		end_capture(w, i);
	return 0;
}

static void address_text(const uint8_t a[4], char *out, socklen_t room)
{
	if (!inet_ntop(AF_INET, a, out, room))
		out[0] = '\0';
}

/* The card that came furthest speaks for all. */
static int how_far(const struct pcap_facts *f)
{
	return f->dhcp_given ? 4 : f->has_address ? 3 : f->dhcp_asked ? 2 : f->packets != 0;
}

/* Packets count as the network reached once init runs: initrds may use it too. */
static void conclude_network(struct watch *w)
{
	struct watch_result *out = w->out;
	char address[INET_ADDRSTRLEN], line[96];

	for (unsigned i = 0; i < w->vm->n_captures; i++) {
		const struct pcap_facts *f = &w->nics[i].facts;

		if (how_far(f) >= how_far(&out->net))
			out->net = *f;
	}
	w->res->dhcp = out->net.dhcp_given;
	if (out->network || (w->reached < STAGE_INIT && !w->res->ssh))
		return;
	if (out->net.dhcp_given) {
		address_text(out->net.leased, address, sizeof address);
		snprintf(line, sizeof line, "the guest has got %s by DHCP", address);
	} else if (out->net.has_address) {
		address_text(out->net.address, address, sizeof address);
		snprintf(line, sizeof line, "the guest sends as %s, an address of its own", address);
	} else if (w->res->ssh) {
		snprintf(line, sizeof line, "the guest answers");
	} else {
		return;
	}
	out->network = true;
	report(w, STAGE_NETWORK, "network", line);
}

static void look_at_ssh(struct watch *w)
{
	struct prove_result *res = w->res;

	for (unsigned i = 0; i < w->vm->n_captures && !res->ssh; i++) {
		struct ssh_probe *p = &w->nics[i].probe;

		/* The forwarded port leads to the address that DHCP gives; while the card does
		 * not even listen, connecting only makes QEMU complain. */
		if (!p->port || !w->nics[i].facts.dhcp_given)
			continue;
		res->ssh = ssh_step(p, vm_now(), res->banner, sizeof res->banner);
	}
	if (res->ssh && !w->ssh) {
		w->ssh = vm_now();
		report(w, STAGE_NETWORK, "ssh", res->banner);
	}
}

/* --- QEMU's own news ----------------------------------------------------------------------- */

static int read_events(struct watch *w, struct unrack_error *err)
{
	struct qmp_event ev;

	while (qmp_next_event(w->vm->qmp, &ev)) {
		if (!strcmp(ev.name, "SHUTDOWN")) {
			w->rebooted = !strcmp(ev.reason, "guest-reset");
			w->off = !w->rebooted;
		} else if (!strcmp(ev.name, "STOP")) {
			w->broken = w->broken || vm_broken(w->vm);
		} else if (!strcmp(ev.name, "BLOCK_IO_ERROR")) {
			if (!strcmp(ev.reason, "nospace"))
				return error_set(err, UNRACK_NOSPACE, "no space is left in %s for what the "
						 "guest writes on trial; free some and run the same "
						 "command again", w->opt->dir);
			if (!w->disk_error)
				log_warn(w->opt->log, "the image could not be read where the guest wanted "
					 "it: %s", ev.reason);
			w->disk_error = true;
		}
	}
	return 0;
}

static int look(struct watch *w, bool thoroughly, struct unrack_error *err)
{
	int r = look_at_screen(w, err);

	if (r == 0)
		r = look_at_serial(w, err);
	if (r == 0 && (thoroughly || vm_now() - w->memory >= MEMORY_MS))
		r = look_at_memory(w, err);
	for (unsigned i = 0; i < w->vm->n_captures && r == 0; i++)
		r = look_at_packets(w, i, err);
	if (r < 0)
		return r;
	look_at_ssh(w);
	conclude_network(w);
	return 0;
}

/* --- Is it enough? ------------------------------------------------------------------------- */

static bool came_up(struct watch *w, int64_t now)
{
	struct watch_result *out = w->out;
	int64_t patience = w->stall_ms / 3;
	bool ssh_may_come = !w->res->ssh && out->net.dhcp_given;

	if (out->login && (out->network || !w->opt->want_network)) {
		if (!w->ready)
			w->ready = now;
		return !ssh_may_come || now - w->ready >= (int64_t)ssh_grace_s[w->accel] * 1000;
	}
	if (out->login)
		return now - w->login >= patience;
	return w->ssh && now - w->ssh >= patience;
}

static bool stalled(struct watch *w, int64_t now)
{
	int64_t quiet = now - (int64_t)max_u64((uint64_t)w->advanced, (uint64_t)w->changed);
	int64_t patience = w->reached == STAGE_NONE && w->stall_ms < START_MS ? START_MS : w->stall_ms;

	if (quiet < patience && now - w->advanced < NO_ADVANCE * patience)
		return false;
	w->out->waited_s = (unsigned)((now - w->advanced) / 1000);
	return true;
}

/* True when it is over. */
static bool decide(struct watch *w)
{
	struct watch_result *out = w->out;
	int64_t now = vm_now();

	if (w->broken)
		out->end = END_BROKEN;
	else if (w->failed && (w->off || w->rebooted || now - w->failed >= SETTLE_MS))
		out->end = END_FAILED;
	else if (w->off)
		out->end = END_OFF;
	else if (w->rebooted)
		out->end = END_REBOOT;
	else if (came_up(w, now))
		out->end = END_UP;
	else if (stalled(w, now))
		out->end = END_STALLED;
	else if (w->opt->limit_s && now - w->vm->started >= (int64_t)w->opt->limit_s * 1000)
		out->end = END_LIMIT;
	else
		return false;
	return true;
}

/* Nothing of this boot counts any more. */
static int boot_again(struct watch *w, const char *why, struct unrack_error *err)
{
	log_info(w->opt->log, "%s after %.1f s", why, seconds(w));
	console_note(w->console, seconds(w), why);
	w->off = w->rebooted = false;
	w->reached = w->res->stage = STAGE_NONE;
	memset(w->reported, 0, sizeof w->reported);
	memset(&w->out->findings, 0, sizeof w->out->findings);
	memset(&w->out->net, 0, sizeof w->out->net);
	for (unsigned i = 0; i < w->vm->n_captures; i++) {
		memset(&w->nics[i].facts, 0, sizeof w->nics[i].facts);
		ssh_close(&w->nics[i].probe);
	}
	w->out->login = w->out->network = w->res->dhcp = false;
	w->failed = w->login = w->ready = 0;
	w->advanced = w->changed = vm_now();
	buf_clear(&w->serial);
	return vm_reboot(w->vm, err);
}

/* Systems restart by themselves at a first boot, to relabel all files for SELinux. */
static bool may_reboot(const struct watch *w)
{
	return w->rebooted && !w->reboots && !w->failed && !w->broken && w->reached >= STAGE_INIT &&
	       w->reached < STAGE_LOGIN;
}

/* A kernel that does not see the timer tick in time takes it for broken. With an emulated one on a busy machine that says
 * nothing of the guest, and the next start may have more luck. */
static bool timer_was_late(const struct watch *w)
{
	return w->accel == ACCEL_TCG && w->failed && w->late < LATE_MAX &&
	       strstr(w->out->findings.end, "IO-APIC + timer doesn't work");
}

static int loop(struct watch *w, struct unrack_error *err)
{
	for (;;) {
		int r = read_events(w, err);

		if (r == 0)
			r = look(w, w->off || w->rebooted || w->broken, err);
		if (r == 0 && may_reboot(w)) {
			w->reboots++;
			r = boot_again(w, "the guest restarts by itself", err);
		} else if (r == 0 && timer_was_late(w)) {
			w->late++;
			r = boot_again(w, "QEMU's timer was too late for the guest's kernel, which is started again", err);
		}
		if (r < 0)
			return r;
		if (decide(w))
			return 0;
		if (log_stop_asked(w->opt->log))
			return error_set(err, UNRACK_INTERRUPTED, "interrupted while the guest was "
					 "booting; run the same command again");
		r = qmp_wait(w->vm->qmp, TICK_MS, err);
		if (r < 0)
			return r;
	}
}

static void take_screenshot(struct watch *w)
{
	struct prove_result *res = w->res;
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct stat st;

	if (snprintf(res->screenshot, sizeof res->screenshot, "%s/screenshot.png", w->opt->dir) >=
	    (int)sizeof res->screenshot) {
		res->screenshot[0] = '\0';
		return;
	}
	if (vm_screenshot(w->vm, res->screenshot, &err) < 0)
		log_warn(w->opt->log, "there is no screenshot (%s)", err.text);
	if (stat(res->screenshot, &st) < 0 || st.st_size == 0) {
		unlink(res->screenshot);
		res->screenshot[0] = '\0';
	}
}

int watch_run(struct vm *vm, const struct prove_options *opt, enum accel accel,
	      struct console *console, struct prove_result *res, struct watch_result *out,
	      struct unrack_error *err)
{
	unsigned stall_s = opt->stall_s ? opt->stall_s : 3 * slowest_stage_s[accel];
	struct watch *w = calloc(1, sizeof *w);
	int ports[PROVE_NICS_MAX], r;
	unsigned n;

	memset(out, 0, sizeof *out);
	if (!w)
		return error_nomem(err);
	*w = (struct watch){ .vm = vm, .opt = opt, .console = console, .res = res, .out = out,
			     .accel = accel, .stall_ms = (int64_t)stall_s * 1000,
			     .advanced = vm_now(), .changed = vm_now(), .memory = vm_now() };
	n = vm_forwards(vm, ports, vm->n_captures);
	for (unsigned i = 0; i < vm->n_captures; i++)
		w->nics[i].probe = (struct ssh_probe){ .fd = -1, .port = i < n ? ports[i] : 0 };

	r = loop(w, err);
	if (r == 0 && out->end != END_BROKEN) {
		if (!w->off && !w->rebooted)
			r = look_at_memory(w, err);
		take_screenshot(w);
	}
	for (unsigned i = 0; i < vm->n_captures; i++)
		ssh_close(&w->nics[i].probe);
	buf_free(&w->serial);
	free(w);
	return r;
}
