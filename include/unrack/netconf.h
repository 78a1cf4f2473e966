/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsers and editors of what names and configures network cards beside ifcfg files: udev's
 * rules, systemd's .link files, NetworkManager's keyfiles. Rules as in edit.h. Threads: any.
 *
 * Sources: udev(7), systemd.link(5), nm-settings-keyfile(5). */
#ifndef UNRACK_NETCONF_H
#define UNRACK_NETCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/buf.h"
#include "unrack/error.h"

/* --- Rules that name a card ---------------------------------------------------------------- */
struct udev_rule {
	char *name;    /* NAME="eth0" */
	char *mac;     /* ATTR{address}=="...", lower case; NULL: any */
	char *bound;   /* what of the physical machine it needs besides: KERNELS=="0000:03:00.0"; NULL: nothing */
	unsigned line; /* 1-based, its first */
};
/* The next rule of SUBSYSTEM net that sets NAME. *pos and *line start at 0; false at the end.
 * A rule that memory does not suffice for is passed over. */
bool udev_rule_next(const char *text, size_t n, size_t *pos, unsigned *line, struct udev_rule *out);
void udev_rule_free(struct udev_rule *r);
/* Makes a comment of every rule that calls a card NAMES[i], then appends LINES. */
int udev_rules_edit(const char *text, size_t n, const char *const *names, size_t n_names,
		    const char *lines, struct buf *out, struct unrack_error *err);

/* --- Files of sections --------------------------------------------------------------------- */
/* Value of the last KEY= in [SECTION] (malloc'd); NULL: none. */
char *ini_get(const char *text, size_t n, const char *section, const char *key);

/* A connection of NetworkManager. */
struct nm_keyfile {
	char *id;        /* its name */
	char *interface; /* interface-name; NULL: any that fits */
	char *mac;       /* mac-address; NULL: any */
	char *method;    /* of IPv4: "auto", "manual", ...; NULL: not said */
	bool autoconnect;
	bool card;       /* a wired card */
};
int nm_keyfile_parse(const char *text, size_t n, struct nm_keyfile *out, struct unrack_error *err);
void nm_keyfile_free(struct nm_keyfile *k);

#endif
