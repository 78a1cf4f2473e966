/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The static boot check: walks the chain from the VM's file to the network card's name and
 * says at every link what it found and where. Changes nothing. */
#ifndef UNRACK_CHECK_H
#define UNRACK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/facts.h"
#include "unrack/guest.h"
#include "unrack/journal.h"
#include "unrack/target.h"

struct json;

enum check_state { CHECK_OK, CHECK_BAD, CHECK_WARN, CHECK_UNKNOWN };

struct check_link {
	const char *name; /* "loader", "initrd", ...: static */
	enum check_state state;
	char *evidence;   /* what was seen, where */
	char *reason;     /* not OK: what is wrong with it, and what to do; else NULL */
};

struct check_verdict {
	bool boots;       /* no link is bad */
	struct check_link *links;
	size_t n_links;
	char text[512];   /* one sentence */
};

/* The files beside the guest, when there is a machine folder. Strings are the caller's. */
struct check_disk {
	const char *descriptor;      /* name of the file, e.g. "web01.vmdk" */
	bool descriptor_found;
	const char *adapter_type;    /* ddb.adapterType, "" when it has none */
	const char *extent;          /* "web01-flat.vmdk" */
	bool extent_found;
	uint64_t extent_bytes;       /* of the disk in it */
	uint64_t declared_bytes;     /* by the descriptor */
	enum disk_format format;     /* 0: DISK_FLAT */
};
struct check_files {
	const char *vmx;             /* its name; NULL: there is none yet */
	const char *vmx_text;
	const struct check_disk *disks;
	size_t n_disks;
};

/* FILES NULL: a bare image, those links are left out. */
int check_guest(struct guest *g, const struct guest_facts *facts, const struct target *t,
		const struct check_files *files, struct check_verdict *out, struct unrack_error *err);
void check_free(struct check_verdict *v);

const char *check_state_name(enum check_state s); /* "ok", "bad", "warn", "unknown" */
int check_to_text(const struct check_verdict *v, struct buf *out); /* -1: no memory */
/* {boots, text, links[{name, state, evidence, reason}]}; NULL: no memory. */
struct json *check_to_json(const struct check_verdict *v);

#endif
