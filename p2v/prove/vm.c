/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU running. All that it writes for us, apart from the captures, goes to files without
 * names, which it opens by way of our /proc/PID/fd: whatever becomes of this process and of
 * QEMU (which is killed with it), nothing is left behind. */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/tempfile.h"
#include "unrack/proc.h"

#define START_MS 60000
#define OVERLAY_S 120 /* a lock on NFS may never come */
#define SCREEN_ADDRESS 0xb8000
#define SCREEN_SIZE 32768
#define FIRMWARE_END (1 << 20)
#define SPARE_MIB 64u /* what is left free where the guest's memory is */

int64_t vm_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- Files without names ------------------------------------------------------------------- */

static int nameless(const char *dir, struct unrack_error *err)
{
	int fd = tempfile_in(dir);

	return fd >= 0 ? fd : error_errno(err, errno, "can't make a file in %s", dir);
}

static int in_memory(const char *what, struct unrack_error *err)
{
	int fd = memfd_create(what, MFD_CLOEXEC);

	return fd >= 0 ? fd : error_errno(err, errno, "can't make a file in memory for %s", what);
}

static char *path_of(int fd)
{
	char *path;

	return asprintf(&path, "/proc/%d/fd/%d", (int)getpid(), fd) < 0 ? NULL : path;
}

static bool has_space(const char *dir, unsigned mib)
{
	struct statvfs v;

	return statvfs(dir, &v) == 0 &&
	       (uint64_t)v.f_bavail * v.f_frsize >> 20 >= (uint64_t)mib + SPARE_MIB;
}

/* The guest's memory, a file so that it can be read from outside. */
static int make_ram(const struct prove_options *opt, unsigned mib, struct unrack_error *err)
{
	if (has_space("/dev/shm", mib)) {
		int fd = nameless("/dev/shm", err);

		if (fd >= 0)
			return fd;
	}
	if (!has_space(opt->dir, mib))
		return error_set(err, UNRACK_NOSPACE, "neither /dev/shm nor %s has the %u MiB that the "
				 "VM wants as memory; free some or choose less with --memory", opt->dir,
				 mib);
	return nameless(opt->dir, err);
}

static int make_overlay(const struct prove_options *opt, const struct prove_disk *d, int *overlay,
			struct unrack_error *err)
{
	char *base CLEANUP_FREE = realpath(d->path, NULL), *img CLEANUP_FREE = NULL;
	char *path CLEANUP_FREE = NULL;
	int r;

	*overlay = -1;
	if (!base)
		return error_errno(err, errno, "can't find the image %s", d->path);
	r = proc_find("qemu-img", "install qemu-utils", &img, err);
	if (r < 0)
		return r;
	*overlay = nameless(opt->dir, err);
	if (*overlay < 0)
		return *overlay;
	path = path_of(*overlay);
	if (!path)
		return error_nomem(err);
	const char *const argv[] = { img, "create", "-q", "-f", "qcow2", "-F", d->format, "-b", base,
				     path, NULL };
	r = proc_check(argv, NULL, OVERLAY_S, opt->log, err);
	return r < 0 ? error_prefix(err, "can't put an overlay over %s", d->path) : 0;
}

static int make_capture(struct vm *vm, const struct prove_options *opt, struct unrack_error *err)
{
	char path[PATH_MAX], number[16] = "";
	int fd;

	if (vm->n_captures)
		snprintf(number, sizeof number, "-%u", vm->n_captures + 1);
	if (snprintf(path, sizeof path, "%s/net%s.pcap", opt->dir, number) >= (int)sizeof path)
		return error_set(err, UNRACK_USAGE, "the path %.64s... is too long", opt->dir);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_errno(err, errno, "can't create %s", path);
	vm->captures[vm->n_captures++] = fd;
	return 0;
}

/* --- Start and end ------------------------------------------------------------------------- */

/* EFI: the empty store of its variables, NULL: BIOS. */
static int make_files(struct vm *vm, const struct prove_options *opt, const char *efi, unsigned mib,
		      unsigned nics, struct unrack_error *err)
{
	int r;

	for (unsigned i = 0; i < opt->n_disks; i++)
		if ((r = make_overlay(opt, &opt->disks[i], &vm->overlays[vm->n_overlays++], err)) < 0)
			return r;
	if (efi && (r = make_overlay(opt, &(struct prove_disk){ efi, "raw" }, &vm->efi_vars, err)) < 0)
		return r;
	for (unsigned i = 0; i < nics; i++)
		if ((r = make_capture(vm, opt, err)) < 0)
			return r;
	if ((vm->ram = make_ram(opt, mib, err)) < 0)
		return vm->ram;
	if ((vm->serial = in_memory("the serial port", err)) < 0)
		return vm->serial;
	if ((vm->scratch = in_memory("the screen", err)) < 0)
		return vm->scratch;
	vm->said = in_memory("QEMU's messages", err);
	return vm->said < 0 ? vm->said : 0;
}

static int start_qemu(struct vm *vm, const struct prove_options *opt, const struct qemu_spec *spec,
		      struct unrack_error *err)
{
	char *said CLEANUP_FREE = path_of(vm->said);
	struct arg_vec args = { 0 };
	struct buf line CLEANUP_BUF = { 0 };
	int r = said ? qemu_command(spec, &args, err) : error_nomem(err);

	for (size_t i = 0; i < args.len; i++)
		buf_printf(&line, "%s%s", i ? " " : "", args.at[i]);
	log_debug(opt->log, "%s", buf_str(&line));
	if (r == 0)
		r = proc_start((const char *const *)args.at, said, &vm->pid, err);
	qemu_args_free(&args);
	return r;
}

/* The names by which QEMU opens our files. */
struct names {
	char *overlays[PROVE_DISKS_MAX], *captures[PROVE_NICS_MAX], *ram, *serial, *efi_vars;
};

static int make_names(const struct vm *vm, struct names *n, struct unrack_error *err)
{
	bool all = (n->ram = path_of(vm->ram)) && (n->serial = path_of(vm->serial)) &&
		   (vm->efi_vars < 0 || (n->efi_vars = path_of(vm->efi_vars)));

	for (unsigned i = 0; i < vm->n_overlays && all; i++)
		all = (n->overlays[i] = path_of(vm->overlays[i]));
	for (unsigned i = 0; i < vm->n_captures && all; i++)
		all = (n->captures[i] = path_of(vm->captures[i]));
	return all ? 0 : error_nomem(err);
}

static void free_names(struct names *n)
{
	for (size_t i = 0; i < ARRAY_LEN(n->overlays); i++)
		free(n->overlays[i]);
	for (size_t i = 0; i < ARRAY_LEN(n->captures); i++)
		free(n->captures[i]);
	free(n->ram);
	free(n->serial);
	free(n->efi_vars);
}

/* QEMU has not come up: its own words say why. */
static int explain(const struct vm *vm, char *lacks, size_t room, struct unrack_error *err)
{
	char words[256];

	vm_last_words(vm, words, sizeof words);
	if (strstr(words, "is not a valid device model name")) {
		snprintf(lacks, room, "%s", words);
		return error_set(err, UNRACK_UNSUPPORTED, "%s", words);
	}
	return words[0] ? error_set(err, UNRACK_IO, "QEMU does not start: %s", words) :
			  error_prefix(err, "QEMU does not start");
}

int vm_start(struct vm *vm, const struct prove_options *opt, enum accel accel, const char *qemu,
	     char *lacks, size_t lacks_room, struct unrack_error *err)
{
	const bool efi = opt->target->firmware == FIRMWARE_EFI;
	struct names names = { .ram = NULL };
	struct efi_files firmware;
	struct qemu_spec spec = {
		.program = qemu, .accel = accel, .memory_mb = opt->memory_mb ? opt->memory_mb : 1024,
		.vcpus = opt->vcpus ? opt->vcpus : 1, .scsi = opt->target->disk->kind,
		.disk_model = opt->target->disk->qemu, .nic_model = opt->target->nic->qemu,
		.overlays = names.overlays, .n_disks = opt->n_disks, .macs = opt->macs,
		.captures = names.captures, .open_network = opt->open_network,
	};
	int r = 0;

	*vm = (struct vm){ .ram = -1, .serial = -1, .scratch = -1, .said = -1, .efi_vars = -1,
			   .started = vm_now() };
	lacks[0] = '\0';
	spec.n_nics = (unsigned)max_u64(1, min_u64(opt->n_nics, PROVE_NICS_MAX));
	spec.n_macs = (unsigned)min_u64(opt->n_nics, spec.n_nics);
	if (opt->n_disks > PROVE_DISKS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%u disks are more than the %u that can be "
				 "proved", opt->n_disks, PROVE_DISKS_MAX);
	if (efi)
		r = efi_find("", &firmware, err);
	if (r == 0)
		r = make_files(vm, opt, efi ? firmware.vars : NULL, spec.memory_mb, spec.n_nics, err);
	if (r == 0)
		r = make_names(vm, &names, err);
	if (r == 0)
		r = qmp_listen(&vm->qmp, err);
	if (r == 0) {
		spec.ram = names.ram;
		spec.serial = names.serial;
		spec.monitor = qmp_path(vm->qmp);
		spec.efi_code = efi ? firmware.code : NULL;
		spec.efi_vars = names.efi_vars;
		r = start_qemu(vm, opt, &spec, err);
	}
	free_names(&names);
	if (r == 0 && qmp_accept(vm->qmp, &vm->pid, START_MS, err) < 0)
		r = explain(vm, lacks, lacks_room, err);
	return r;
}

void vm_last_words(const struct vm *vm, char *out, size_t room)
{
	struct buf text CLEANUP_BUF = { 0 };
	uint8_t b[4096];
	struct stat st;
	const char *last;
	ssize_t n;

	out[0] = '\0';
	if (vm->said < 0 || fstat(vm->said, &st) < 0)
		return;
	n = pread(vm->said, b, sizeof b,
		  st.st_size > (off_t)sizeof b ? st.st_size - (off_t)sizeof b : 0);
	if (n <= 0 || text_from_bytes(b, (size_t)n, &text) < 0)
		return;
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	last = strrchr(buf_str(&text), '\n');
	snprintf(out, room, "%s", last ? last + 1 : buf_str(&text));
}

static void close_file(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vm_stop(struct vm *vm)
{
	if (vm->pid)
		proc_kill(vm->pid);
	vm->pid = 0;
	qmp_close(vm->qmp);
	vm->qmp = NULL;
	for (unsigned i = 0; i < vm->n_overlays; i++)
		close_file(&vm->overlays[i]);
	for (unsigned i = 0; i < vm->n_captures; i++)
		close_file(&vm->captures[i]);
	vm->n_overlays = vm->n_captures = 0;
	close_file(&vm->ram);
	close_file(&vm->serial);
	close_file(&vm->scratch);
	close_file(&vm->efi_vars);
	close_file(&vm->said);
}

/* --- Asking it ----------------------------------------------------------------------------- */

int vm_screen(struct vm *vm, uint8_t cells[SCREEN_SIZE], struct unrack_error *err)
{
	struct json *args = json_new_object();
	char *path CLEANUP_FREE = path_of(vm->scratch);
	int r = path ? json_set_str(args, "filename", path) : -1;

	r |= json_set_int(args, "val", SCREEN_ADDRESS) | json_set_int(args, "size", SCREEN_SIZE);
	if (r < 0) {
		json_free(args);
		return error_nomem(err);
	}
	r = qmp_command(vm->qmp, "pmemsave", args, NULL, err);
	if (r == 0 && pread(vm->scratch, cells, SCREEN_SIZE, 0) != SCREEN_SIZE)
		r = error_set(err, UNRACK_UNSUPPORTED, "QEMU wrote less than the VM's screen");
	return r;
}

int vm_screenshot(struct vm *vm, const char *path, struct unrack_error *err)
{
	struct json *args = json_new_object();

	if (json_set_str(args, "filename", path) < 0 || json_set_str(args, "format", "png") < 0) {
		json_free(args);
		return error_nomem(err);
	}
	return qmp_command(vm->qmp, "screendump", args, NULL, err);
}

unsigned vm_forwards(struct vm *vm, int *ports, unsigned room)
{
	struct json *args = json_new_object(), *answer = NULL;
	struct unrack_error err = UNRACK_ERROR_INIT;
	unsigned n = 0;

	if (json_set_str(args, "command-line", "info usernet") < 0) {
		json_free(args);
		return 0;
	}
	if (qmp_command(vm->qmp, "human-monitor-command", args, &answer, &err) < 0)
		return 0;
	/* "  TCP[HOST_FORWARD]  11       127.0.0.1 37107       10.0.2.15    22     0     0" */
	for (const char *p = json_str(answer, "return", ""); n < room; n++) {
		p = strstr(p, "HOST_FORWARD]");
		if (!p || sscanf(p, "HOST_FORWARD] %*d 127.0.0.1 %d", &ports[n]) != 1)
			break;
		p++;
	}
	json_free(answer);
	return n;
}

bool vm_broken(struct vm *vm)
{
	struct json *answer = NULL;
	struct unrack_error err = UNRACK_ERROR_INIT;
	bool broken = false;

	if (qmp_command(vm->qmp, "query-status", NULL, &answer, &err) == 0)
		broken = !strcmp(json_str(json_get(answer, "return"), "status", ""), "internal-error");
	json_free(answer);
	return broken;
}

static int set_action(struct vm *vm, const char *on_reboot, struct unrack_error *err)
{
	struct json *args = json_new_object();

	if (json_set_str(args, "reboot", on_reboot) < 0) {
		json_free(args);
		return error_nomem(err);
	}
	return qmp_command(vm->qmp, "set-action", args, NULL, err);
}

/* SeaBIOS finds that it was not started by power-on, and resets the machine itself, with
 * all the means it has one after the other. */
static int pass_firmware_resets(struct vm *vm, struct unrack_error *err)
{
	int64_t now = vm_now(), quiet = now + 1000, end = now + 2000;
	struct qmp_event ev;

	for (; now < quiet && now < end; now = vm_now()) {
		int r = qmp_wait(vm->qmp, 50, err);

		if (r < 0)
			return r;
		while (qmp_next_event(vm->qmp, &ev))
			if (!strcmp(ev.name, "RESET") && !strcmp(ev.reason, "guest-reset"))
				quiet = vm_now() + 200;
	}
	return 0;
}

int vm_reboot(struct vm *vm, struct unrack_error *err)
{
	struct stat st;
	int r = set_action(vm, "reset", err);

	/* Or the screens of the last boot would be found in memory as if they were new. The
	 * first megabyte is the firmware's. */
	if (fstat(vm->ram, &st) == 0 && st.st_size > FIRMWARE_END)
		fallocate(vm->ram, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FIRMWARE_END,
			  st.st_size - FIRMWARE_END);
	if (r == 0)
		r = qmp_command(vm->qmp, "system_reset", NULL, NULL, err);
	if (r == 0)
		r = qmp_command(vm->qmp, "cont", NULL, NULL, err);
	if (r == 0)
		r = pass_firmware_resets(vm, err);
	return r == 0 ? set_action(vm, "shutdown", err) : r;
}
