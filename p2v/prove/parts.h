/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a proof, for the files of this folder:
 *
 *   prove.c   what may be proved here, overlays, the sentence of the result
 *   watch.c   the loop: looks at everything once a second, and decides when it is enough
 *   vm.c      QEMU running, with its nameless files   qemu.c  its command line (pure)
 *   qmp.c     its monitor                             ssh.c   a banner from the guest's port 22
 *   console.c what was seen of the guest, kept as console.txt
 *   text.c    VGA cells and serial bytes -> text      ram.c   the same from the guest's memory
 *   stages.c  text -> stages and failures             pcap.c  packets -> what the guest sent
 *   efi.c     where this machine has EFI firmware
 *
 * text.c, ram.c, stages.c and pcap.c are pure: bytes in, facts out. All that they read is the
 * guest's to choose, so every length is checked and every text is made printable. */
#ifndef P2V_PROVE_PARTS_H
#define P2V_PROVE_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/vec.h"
#include "unrack/accel.h"
#include "unrack/json.h"
#include "unrack/prove.h"

#define PROVE_DISKS_MAX 60u
#define PROVE_NICS_MAX 8u

/* --- text.c -------------------------------------------------------------------------------- */

/* Cells are pairs of bytes, character and colour. Rows of COLUMNS cells become lines without
 * blanks at their end; empty rows are dropped. Frames become | - +, all else that is not
 * printable ASCII a blank. */
int text_from_cells(const uint8_t *cells, size_t n, unsigned columns, struct buf *out);
/* Bytes of a terminal: escape sequences and control characters go, cursor movements and
 * carriage returns end the line. */
int text_from_bytes(const uint8_t *bytes, size_t n, struct buf *out);

/* --- ram.c --------------------------------------------------------------------------------- */

/* Where in P the next screen of a kernel's virtual console lies: a run of cells in the
 * console's colours that is mostly of one colour and has some text. Returns false when there
 * is none; else *start and *len (bytes), and *columns as guessed from the blanks at the end
 * of its rows. Linux keeps each console that has no VGA memory so, as u16 (vt.c). */
bool ram_find_cells(const uint8_t *p, size_t n, size_t from, size_t *start, size_t *len,
		    unsigned *columns);
/* Where in P the kernel's own log shows: its "Kernel command line:" with real arguments, as
 * a record of the log and not as a format, a system log's line or a file. SIZE_MAX: nowhere.
 * Records: "<5>text\n" to 3.4, a binary header before each text since (printk.c). */
size_t ram_find_log(const uint8_t *p, size_t n);
/* The log's text around byte AT of P: printable runs with short binary gaps between. */
int ram_log_text(const uint8_t *p, size_t n, size_t at, struct buf *out);

/* Reads the parts of the guest's memory that were ever written; the buffers are replaced.
 * Best effort: what can't be read is not seen. -1: no memory. */
int ram_scan(int fd, struct buf *consoles, struct buf *log);

/* --- stages.c ------------------------------------------------------------------------------ */

#define STAGE_COUNT (STAGE_NETWORK + 1)

struct stage_findings {
	char line[STAGE_COUNT][160]; /* the guest's own line that shows the stage, or "" */
	char cause[160]; /* the first line that says what went wrong */
	char end[160];   /* a line after which nothing more comes by itself */
	bool panic;      /* ... a kernel panic */
};

/* TEXT is one screen or stream. COLUMNS: lines of that length go on in the next one, 0: none
 * does. REACHED: how far the guest had come before. Findings are only ever added. */
void stages_read(const char *text, size_t n, unsigned columns, enum prove_stage reached,
		 struct stage_findings *f);

/* --- pcap.c -------------------------------------------------------------------------------- */

struct pcap_facts {
	uint64_t packets; /* that the guest sent */
	bool dhcp_asked, dhcp_given;
	uint8_t leased[4]; /* address given by DHCP */
	bool has_address;  /* it sent ARP or IPv4 with an address of its own */
	uint8_t address[4];
};

/* Takes whole records from P; returns how many bytes are done with, so that the caller can
 * come back with the rest and what follows it. AT: offset of P in the file (0: its header is
 * there). Anything that is no capture counts as done with. */
size_t pcap_read(const uint8_t *p, size_t n, uint64_t at, struct pcap_facts *f);

/* --- ssh.c --------------------------------------------------------------------------------- */

struct ssh_probe {
	int fd; /* -1: not connected */
	int port;
	int64_t until; /* give up this connection, monotonic ms */
	bool patient;  /* with the next one */
	size_t len;
	char got[1024];
};

/* One step, without waiting: connects to 127.0.0.1:PORT, or reads what has come. True once
 * the guest's identification has come; BANNER gets it. */
bool ssh_step(struct ssh_probe *p, int64_t now_ms, char *banner, size_t room);
/* The line of TEXT that begins with "SSH-" (RFC 4253 4.2 allows others before it), whole. */
bool ssh_banner(const char *text, size_t n, char *banner, size_t room);
void ssh_close(struct ssh_probe *p);

/* --- efi.c --------------------------------------------------------------------------------- */

#define EFI_PATH_MAX 256u

struct efi_files {
	char code[EFI_PATH_MAX], vars[EFI_PATH_MAX]; /* raw images; neither is written to */
};

/* ROOT is put before the usual places: "", or a folder in a test. UNRACK_MISSING: not there. */
int efi_find(const char *root, struct efi_files *out, struct unrack_error *err);

/* --- qemu.c -------------------------------------------------------------------------------- */

DEFINE_VEC(arg_vec, char *);

struct qemu_spec {
	const char *program;
	enum accel accel;
	unsigned memory_mb, vcpus;
	enum target_scsi scsi;
	const char *disk_model, *nic_model;
	char *const *overlays; /* qcow2, in BIOS order */
	unsigned n_disks;
	const char (*macs)[18]; /* of the first N_MACS cards; "", or no address: QEMU's own */
	unsigned n_macs;
	unsigned n_nics;
	bool open_network;
	char *const *captures; /* one for each card */
	const char *ram, *serial, *monitor;
	const char *efi_code, *efi_vars; /* raw; qcow2, its overlay. NULL: BIOS */
};

/* OUT ends with NULL (not counted); also on failure it is the caller's to free. */
int qemu_command(const struct qemu_spec *spec, struct arg_vec *out, struct unrack_error *err);
void qemu_args_free(struct arg_vec *args);

/* --- qmp.c --------------------------------------------------------------------------------- */

struct qmp;

struct qmp_event {
	char name[32];
	char reason[48]; /* data.reason of SHUTDOWN; "nospace" or the text of BLOCK_IO_ERROR */
};

/* A socket for QEMU to connect to, in a folder that only this user can enter. */
int qmp_listen(struct qmp **out, struct unrack_error *err);
const char *qmp_path(const struct qmp *q);
/* Waits for QEMU's greeting and answers it; the socket's name is gone afterwards. UNRACK_IO
 * when *PID ends first (then *pid is 0) or after TIMEOUT_MS. */
int qmp_accept(struct qmp *q, pid_t *pid, int timeout_ms, struct unrack_error *err);
/* ARGS is taken (NULL: none). *answer (may be NULL) gets the whole answer, whose "return" is
 * what was asked for; to be freed. UNRACK_UNSUPPORTED: QEMU refuses, and can go on;
 * UNRACK_IO: it can't. */
int qmp_command(struct qmp *q, const char *command, struct json *args, struct json **answer,
		struct unrack_error *err);
/* Waits up to TIMEOUT_MS for something to come. UNRACK_IO: QEMU is gone. */
int qmp_wait(struct qmp *q, int timeout_ms, struct unrack_error *err);
bool qmp_next_event(struct qmp *q, struct qmp_event *ev);
void qmp_close(struct qmp *q);

/* --- vm.c ---------------------------------------------------------------------------------- */

struct vm {
	pid_t pid; /* 0: ended */
	struct qmp *qmp;
	int ram, serial, scratch, said; /* files without names; SAID: QEMU's own messages */
	int overlays[PROVE_DISKS_MAX], captures[PROVE_NICS_MAX];
	unsigned n_overlays, n_captures;
	int efi_vars; /* an overlay too */
	int64_t started; /* monotonic ms */
};

/* Makes the overlays and starts QEMU. VM is zeroed here; vm_stop is needed also on failure.
 * *lacks (of LACKS_ROOM bytes) gets QEMU's words when it has no such device, and the return
 * value is UNRACK_UNSUPPORTED. */
int vm_start(struct vm *vm, const struct prove_options *opt, enum accel accel, const char *qemu,
	     char *lacks, size_t lacks_room, struct unrack_error *err);
/* The 32 KiB of text memory at 0xb8000. */
int vm_screen(struct vm *vm, uint8_t cells[32768], struct unrack_error *err);
int vm_screenshot(struct vm *vm, const char *path, struct unrack_error *err);
/* Ports on 127.0.0.1 that lead to port 22 of the guest's cards; returns how many. */
unsigned vm_forwards(struct vm *vm, int *ports, unsigned room);
/* Is it stopped by an internal error, that is, is the accelerator broken? */
bool vm_broken(struct vm *vm);
/* After SHUTDOWN by a reset: lets the guest's reboot happen. */
int vm_reboot(struct vm *vm, struct unrack_error *err);
/* The last line of QEMU's own messages, or "". */
void vm_last_words(const struct vm *vm, char *out, size_t room);
void vm_stop(struct vm *vm);

int64_t vm_now(void); /* monotonic ms */

/* --- console.c ----------------------------------------------------------------------------- */

enum text_source { TEXT_SCREEN, TEXT_SERIAL, TEXT_MEMORY, TEXT_LOG, TEXT_SOURCES };

const char *text_source_name(enum text_source s); /* "VGA text", ... */

struct console {
	FILE *file;
	uint64_t written;
	struct console_lines {
		uint64_t *at; /* digests of the lines seen last, sorted */
		size_t len;
	} before[TEXT_SOURCES];
};

int console_open(struct console *c, const char *path, struct unrack_error *err);
/* Records the lines of TEXT that were not in SOURCE's last text; true when there were any. */
bool console_add(struct console *c, double at, enum text_source source, const char *text);
void console_note(struct console *c, double at, const char *note);
void console_close(struct console *c);

/* --- watch.c ------------------------------------------------------------------------------- */

enum watch_end {
	END_UP,      /* everything that was wanted was seen */
	END_FAILED,  /* the guest said so: findings.end */
	END_OFF,     /* it switched itself off */
	END_REBOOT,  /* it restarted, before init or again and again */
	END_STALLED, /* nothing advanced */
	END_LIMIT,   /* out of time */
	END_BROKEN,  /* not the guest's fault: the accelerator */
};

struct watch_result {
	enum watch_end end;
	bool login, network;
	unsigned waited_s; /* END_STALLED: for how long */
	struct stage_findings findings;
	struct pcap_facts net;
	char last_line[160]; /* the last one on the console */
};

/* Fills RES->events, stage, dhcp, ssh, banner, screenshot and W. An error is one of this
 * machine (no space, QEMU died), or UNRACK_INTERRUPTED. */
int watch_run(struct vm *vm, const struct prove_options *opt, enum accel accel,
	      struct console *console, struct prove_result *res, struct watch_result *w,
	      struct unrack_error *err);

#endif
