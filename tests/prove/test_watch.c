/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the loop makes of guests that come up, restart, switch off, stall or scroll. The
 * guests are boot sectors that print what systems print; all run at once. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"
#include "unrack/io.h"
#include "unrack/proc.h"

static char dir[] = "/tmp/unrack-watch-XXXXXX";

/* --- Guests -------------------------------------------------------------------------------- */

struct sector {
	uint8_t b[1024]; /* the boot sector, and one for the guest's own use */
	size_t len, texts; /* code grows up, texts down */
};

static void code(struct sector *s, const char *bytes, size_t n)
{
	memcpy(s->b + s->len, bytes, n);
	s->len += n;
}
#define CODE(s, bytes) code(s, bytes, sizeof(bytes) - 1)

static void begin(struct sector *s)
{
	memset(s, 0, sizeof *s);
	s->texts = 510;
	s->b[510] = 0x55;
	s->b[511] = 0xaa;
	CODE(s, "\x31\xc0\x8e\xd8\x8e\xc0\x8e\xd0\xbc\x00\x7c"); /* no segments, stack below */
}

/* mov si, TEXT */
static void text(struct sector *s, const char *t)
{
	size_t n = strlen(t) + 1;

	s->texts -= n;
	memcpy(s->b + s->texts, t, n);
	code(s, (char[]){ (char)0xbe, (char)(s->texts & 0xff), (char)(0x7c + (s->texts >> 8)) }, 3);
}

/* On the screen, by the BIOS. */
static void show(struct sector *s, const char *t)
{
	text(s, t);
	/* lodsb; test al, al; jz +9; mov ah, 14; mov bx, 7; int 0x10; jmp back */
	CODE(s, "\xac\x84\xc0\x74\x09\xb4\x0e\xbb\x07\x00\xcd\x10\xeb\xf2");
}

/* On the first serial port. */
static void send(struct sector *s, const char *t)
{
	text(s, t);
	/* mov dx, 0x3f8; lodsb; test al, al; jz +3; out dx, al; jmp back */
	CODE(s, "\xba\xf8\x03\xac\x84\xc0\x74\x03\xee\xeb\xf8");
}

static void hang(struct sector *s)
{
	CODE(s, "\xf4\xeb\xfd"); /* hlt; jmp back */
}

static void power_off(struct sector *s)
{
	CODE(s, "\xba\x04\x06\xb8\x00\x20\xef"); /* the PIIX4's sleep, as SeaBIOS has placed it */
	hang(s);
}

static void restart(struct sector *s)
{
	CODE(s, "\xb0\xfe\xe6\x64"); /* by the keyboard's controller */
	hang(s);
}

/* The code that follows runs at the first start only, up to first_end. */
static size_t first_begin(struct sector *s)
{
	/* Reads the second sector to 0x7e00 (ah=2); its first byte says whether; then writes it (ah=3). */
	CODE(s, "\xb8\x01\x02\xbb\x00\x7e\xb9\x02\x00\xba\x80\x00\xcd\x13");
	CODE(s, "\x80\x3e\x00\x7e\x00\x75\x00"); /* cmp byte [0x7e00], 0; jnz first_end */
	CODE(s, "\xc6\x06\x00\x7e\x01\xb8\x01\x03\xbb\x00\x7e\xb9\x02\x00\xba\x80\x00\xcd\x13");
	return s->len - 19;
}

static void first_end(struct sector *s, size_t begun)
{
	s->b[begun - 1] = (uint8_t)(s->len - begun);
}

static void fast_panic(struct sector *s)
{
	show(s, "Red Hat nash version 5.1.19.6 starting\r\nmount: could not find filesystem '/dev/root'\r\n"
		"Kernel panic - not syncing: Attempted to kill init!\r\n");
	restart(s);
}

static void comes_up(struct sector *s)
{
	show(s, "INIT: version 2.86 booting\r\nINIT: Entering runlevel: 3\r\nweb01 login: ");
	hang(s);
}

static void on_serial(struct sector *s)
{
	send(s, "\033[2JINIT: version 2.86 booting\r\n\r\nweb02 login: ");
	hang(s);
}

static void switches_off(struct sector *s)
{
	show(s, "Linux version 2.6.18-398.el5\r\nRed Hat nash version 5.1.19.6 starting\r\n");
	power_off(s);
}

static void relabels(struct sector *s)
{
	size_t first;

	show(s, "INIT: version 2.86 booting\r\n");
	first = first_begin(s);
	show(s, "*** Warning -- SELinux targeted policy relabel is required.\r\n");
	restart(s);
	first_end(s, first);
	show(s, "web03 login: ");
	hang(s);
}

static void restarts_always(struct sector *s)
{
	show(s, "INIT: version 2.86 booting\r\n");
	restart(s);
}

static void restarts_early(struct sector *s)
{
	show(s, "Linux version 2.6.18-398.el5\r\n");
	restart(s);
}

static void finds_no_timer(struct sector *s)
{
	size_t first = first_begin(s);

	show(s, "Linux version 2.6.18-398.el5\r\nKernel panic - not syncing: IO-APIC + timer doesn't work! Try using the 'noapic' "
		"kernel parameter\r\n");
	hang(s);
	first_end(s, first);
	show(s, "web04 login: ");
	hang(s);
}

static void stalls(struct sector *s)
{
	show(s, "Loading scsi_mod.ko module\r\nwaiting for the end of time\r\n");
	hang(s);
}

/* It has something new to say all the time, and gets nowhere. */
static void scrolls(struct sector *s)
{
	show(s, "Loading scsi_mod.ko module\r\n");
	/* mov dx, 0x3f8; mov cx, 32; in ax, 0x40; and al, 0x3f; add al, 0x20; out dx, al; loop; a
	 * line's end; hlt until the timer's next tick */
	CODE(s, "\xba\xf8\x03\xb9\x20\x00\xe5\x40\x24\x3f\x04\x20\xee\xe2\xf7\xb0\x0a\xee\xf4\xeb\xee");
}

/* --- Proofs -------------------------------------------------------------------------------- */

static struct guest {
	const char *name;
	void (*make)(struct sector *);
	unsigned stall_s;
	const char *last; /* what it says before it stalls */
	bool rare; /* with UNRACK_TESTS=all only, since each takes its time */
	char image[64], proof[64];
	pthread_t thread;
	int r;
	struct unrack_error err;
	struct prove_result res;
} guests[] = {
	{ .name = "up", .make = comes_up },
	{ .name = "serial", .make = on_serial, .rare = true },
	{ .name = "panic", .make = fast_panic },
	{ .name = "off", .make = switches_off },
	{ .name = "relabel", .make = relabels },
	{ .name = "always", .make = restarts_always, .rare = true },
	{ .name = "early", .make = restarts_early, .rare = true },
	{ .name = "timer", .make = finds_no_timer, .rare = true },
	{ .name = "stall", .make = stalls, .stall_s = 1, .last = "waiting for the end of time" },
	{ .name = "scroll", .make = scrolls, .stall_s = 1, .rare = true },
};
#define GUESTS (sizeof guests / sizeof guests[0])

static void *prove(void *arg)
{
	struct guest *g = arg;
	struct target t = { .disk = disk_device_find(SCSI_IDE), .nic = nic_device_find(NIC_E1000),
			    .firmware = FIRMWARE_BIOS };
	struct prove_disk disk = { g->image, "raw" };
	struct prove_options opt = { .disks = &disk, .n_disks = 1, .target = &t, .dir = g->proof,
				     .memory_mb = 16, .stall_s = g->stall_s ? g->stall_s : 1200 };

	g->r = prove_run(&opt, &g->res, &g->err);
	return NULL;
}

static struct guest *guest(const char *name)
{
	size_t i = 0;

	while (strcmp(guests[i].name, name) != 0)
		i++;
	return &guests[i];
}

static bool runs(const struct guest *g)
{
	return !g->rare || tap_all();
}

static int renew(struct guest *g);

/* One that stalls is known by a time. On a machine that is too busy to let it come so far in time, once more with
 * more of it. */
static bool came_as_far(struct guest *g)
{
	for (int i = 0; i < 4 && g->r == 0 && g->res.ran &&
			!(g->res.stage == STAGE_INITRD && (!g->last || strstr(g->res.why, g->last))); i++) {
		g->stall_s *= 5;
		if (renew(g) < 0)
			return false;
		prove(g);
	}
	return true;
}

static bool ended(const char *name)
{
	struct guest *g = guest(name);

	if (!runs(g))
		return false;
	if (g->stall_s && !ok(came_as_far(g), "(begun anew where it had to be)"))
		return false;
	if (!ok(g->r == 0 && g->res.ran, "%s: watched to its end", name))
		printf("# %s\n", g->err.text);
	else
		printf("# after %.1f s: %s\n", g->res.seconds, g->res.why);
	return g->r == 0;
}

static void judge(void)
{
	struct prove_result *r;

	if (ended("up")) {
		r = &guest("up")->res;
		ok(r->up && r->stage == STAGE_LOGIN, "a login prompt is up");
		has_str(r->why, "web01 login:", "the sentence quotes it");
		ok(r->seconds < 400, "without a wish for network it is not waited for");
		has_str(r->events[r->n_events - 1].evidence, "VGA text: web01 login:", "seen on the screen");
	}
	if (ended("serial")) {
		r = &guest("serial")->res;
		ok(r->up, "a login prompt on the serial port is, too");
		has_str(r->events[r->n_events - 1].evidence, "serial: web02 login:", "and named so");
	}
	if (ended("panic")) {
		r = &guest("panic")->res;
		ok(!r->up && r->stage == STAGE_INITRD, "a panic is not up, also if a restart follows at once");
		has_str(r->why, "it ends with \"Kernel panic - not syncing: Attempted to kill init!\" after "
			"\"mount: could not find filesystem '/dev/root'\"", "its last words and the cause are quoted");
	}
	if (ended("off")) {
		r = &guest("off")->res;
		ok(!r->up && r->stage == STAGE_INITRD, "off before init is not up");
		has_str(r->why, "it switched itself off", "and said so");
		ok(access(r->screenshot, F_OK) == 0, "its last screen is kept");
	}
	if (ended("relabel")) {
		r = &guest("relabel")->res;
		ok(r->up && r->stage == STAGE_LOGIN, "one restart after init is allowed");
		has_str(r->why, "web03 login:", "the second boot counts");
	}
	if (ended("always")) {
		r = &guest("always")->res;
		ok(!r->up, "two are not");
		has_str(r->why, "it restarts by itself", "and said so");
	}
	if (ended("early")) {
		r = &guest("early")->res;
		ok(!r->up && r->stage == STAGE_KERNEL, "nor is one before init");
		has_str(r->why, "it restarts by itself", "and said so");
	}
	if (ended("timer")) {
		r = &guest("timer")->res;
		ok(r->up && r->stage == STAGE_LOGIN, "a kernel that did not see QEMU's timer tick is started again");
		has_str(r->why, "web04 login:", "the second boot counts");
	}
	if (ended("stall")) {
		r = &guest("stall")->res;
		ok(!r->up && r->stage == STAGE_INITRD, "a stall is not up");
		has_str(r->why, "nothing advanced for", "and said so");
		has_str(r->why, "waiting for the end of time", "with the last line");
	}
	if (ended("scroll")) {
		r = &guest("scroll")->res;
		ok(!r->up && r->stage == STAGE_INITRD, "nor is scrolling without end");
		ok(r->seconds > 4 * guest("scroll")->stall_s, "which is watched for longer");
	}
}

/* --- ---------------------------------------------------------------------------------------- */

static int make(struct guest *g)
{
	struct unrack_error err;
	struct sector s;

	snprintf(g->image, sizeof g->image, "%s/%s.img", dir, g->name);
	snprintf(g->proof, sizeof g->proof, "%s/%s", dir, g->name);
	begin(&s);
	g->make(&s);
	if (s.len > s.texts)
		return -1;
	return mkdir(g->proof, 0700) | io_replace_file(io_posix(), g->image, s.b, sizeof s.b, 0600, &err);
}

/* The image again, and nothing of an earlier proof. */
static int renew(struct guest *g)
{
	const char *const remove[] = { "rm", "-rf", g->proof, g->image, NULL };
	struct unrack_error err;

	return proc_check(remove, NULL, 600, NULL, &err) < 0 ? -1 : make(g);
}

int main(void)
{
	const char *const cleanup[] = { "rm", "-rf", dir, NULL };
	struct unrack_error err;
	char *path;

	if (proc_find("qemu-system-x86_64", "", &path, &err) < 0)
		skip_all("%s", err.text);
	free(path);
	if (proc_find("qemu-img", "", &path, &err) < 0)
		skip_all("%s", err.text);
	free(path);
	setenv("UNRACK_ACCEL", "tcg", 1);
	if (!mkdtemp(dir))
		return 1;
	for (size_t i = 0; i < GUESTS; i++)
		if (!ok(make(&guests[i]) == 0, "%s: a guest", guests[i].name))
			return 1;
	for (size_t i = 0; i < GUESTS; i++)
		if (runs(&guests[i]))
			pthread_create(&guests[i].thread, NULL, prove, &guests[i]);
	for (size_t i = 0; i < GUESTS; i++)
		if (runs(&guests[i]))
			pthread_join(guests[i].thread, NULL);
	judge();
	is_int(proc_check(cleanup, NULL, 600, NULL, &err), 0, "(cleaned up)");
	return tap_done();
}
