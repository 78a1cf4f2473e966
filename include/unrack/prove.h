/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proof: a real boot of the images in QEMU, on the target's own device models, on
 * throw-away overlays, with a network that reaches nobody. Watches the console in every
 * place where it can be read, and the packets that the guest sends.
 * Threads: one proof per call; several may run at once with different folders. */
#ifndef UNRACK_PROVE_H
#define UNRACK_PROVE_H

#include <stdbool.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/log.h"
#include "unrack/target.h"

enum prove_stage {
	STAGE_NONE, STAGE_FIRMWARE, STAGE_LOADER, STAGE_KERNEL, STAGE_INITRD, STAGE_ROOT, STAGE_INIT,
	STAGE_SERVICES, STAGE_LOGIN, STAGE_NETWORK
};
const char *prove_stage_name(enum prove_stage s);

struct prove_disk {
	const char *path;
	const char *format; /* "raw", "vmdk", "qcow2" */
};

struct prove_options {
	const struct prove_disk *disks; /* in BIOS order; never written */
	unsigned n_disks;
	const struct target *target;
	const char (*macs)[18]; /* of the NICs, "" = QEMU's default */
	unsigned n_nics;        /* at least 1 is given to the VM */
	const char *dir;        /* existing folder for overlays, console.txt, screenshot.png, net.pcap
				 * (net-2.pcap ... for further NICs); older ones are replaced */
	unsigned memory_mb, vcpus; /* 0: 1024, 1 */
	bool open_network;      /* the guest may reach the network (default: it can't) */
	bool want_network;      /* go on after login until the network is seen (or stalls) */
	unsigned stall_s;       /* 0: 3 times the expected time of the slowest stage, by accelerator */
	unsigned limit_s;       /* 0: no overall limit beyond stalls */
	const struct log *log;
};

struct prove_event {
	double at; /* seconds since start */
	enum prove_stage stage;
	char evidence[160]; /* "VGA text: web01 login:" */
};

struct prove_result {
	bool ran;      /* false: QEMU has no such device; why says which */
	bool up;       /* login or network reached, and no panic after it */
	enum prove_stage stage; /* the furthest */
	bool dhcp, ssh;
	char banner[128];
	char why[512]; /* one sentence: how far, or what stopped it (the panic's own line) */
	struct prove_event events[32]; /* in the order in which they were seen */
	unsigned n_events;
	char console[4096], screenshot[4096]; /* paths of what was kept, or "" */
	double seconds;
	const char *accel; /* "kvm" or "tcg"; static */
};

/* A guest that does not come up is a result, not an error. UNRACK_MISSING: no QEMU here;
 * UNRACK_NOSPACE: not enough for overlays or memory; UNRACK_IO: QEMU failed;
 * UNRACK_INTERRUPTED: LOG's stop flag. QEMU has ended when it returns, and of what it used
 * nothing is left but the files named above. */
int prove_run(const struct prove_options *opt, struct prove_result *res, struct unrack_error *err);

#endif
