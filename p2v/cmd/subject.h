/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a command works on: a machine folder, or a bare image. And what is known of the guest
 * in it without starting an appliance: what the last look at it left in the manifest. */
#ifndef CMD_SUBJECT_H
#define CMD_SUBJECT_H

#include "cli.h"
#include "unrack/facts.h"
#include "unrack/fix.h"
#include "unrack/lock.h"
#include "unrack/machine.h"

struct subject {
	struct machine *machine; /* NULL: a bare image */
	struct lock *lock;       /* of the machine folder; NULL when only looked at */
	struct fix_job job;      /* its images */
	char *name;
	struct json *facts;      /* of a bare image's guest, once it was looked at; NULL before */
	/* The VM's files, for the check's first links. Empty for a bare image. */
	struct check_files files;
	struct check_disk disks[MACHINE_DISKS_MAX];
	char *texts[4 * MACHINE_DISKS_MAX + 2]; /* strings that these point to */
	unsigned n_texts;
};

/* CHANGE: the folder's lock is taken. A folder whose copy is not complete is refused. */
int subject_open(struct cli *cli, const char *operand, bool change, struct subject *s,
		 struct unrack_error *err);
void subject_close(struct subject *s);
/* Whether its disks are of one moment, so that it can become a virtual machine. */
int subject_check_quiet(const struct subject *s, struct unrack_error *err);

/* RESULT, which is that of ERR, of looking at M without its lock; unless another unrack has changed M meanwhile: then
 * that is the error, and there is no result. M may be NULL. */
int subject_still(const struct machine *m, int result, struct unrack_error *err);

/* What was given, over the folder's default. */
int subject_request(const struct subject *s, const struct target_options *o,
		    struct target_request *req, struct unrack_error *err);
/* Keeps REQ, which has proven possible, as the folder's default: always when it was FIXED for
 * that, else if it has none yet. */
int subject_keep_request(struct subject *s, const struct target_request *req, bool fixed,
			 struct unrack_error *err);

/* Looks at the guest in an appliance. *guest stays open for more; closed by the caller. */
int subject_inspect(struct subject *s, struct guest **guest, struct guest_facts *facts,
		    struct unrack_error *err);

/* The decision for REQ: what both named devices say by themselves, or what the manifest
 * remembers of the same request, else what the guest's files allow, for which an appliance is started. */
int subject_target(struct subject *s, const struct target_request *req, struct target *t,
		   struct unrack_error *err);
/* The guest's facts as JSON: remembered, else looked up (and remembered: under the lock in the
 * manifest, for a bare image as long as the subject is open). Borrowed. */
int subject_guest(struct subject *s, const struct json **guest, struct unrack_error *err);

/* A folder for what a command keeps: unrack/proof, or IMAGE.unrack/proof. Made. malloc'd. */
char *subject_folder(struct subject *s, const char *name, struct unrack_error *err);

#endif
