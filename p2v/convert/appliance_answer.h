/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes back from libguestfs, without libguestfs: errors as sentences, lists of names, and what the
 * appliance's console said. */
#ifndef CONVERT_APPLIANCE_ANSWER_H
#define CONVERT_APPLIANCE_ANSWER_H

#include "appliance.h"
#include "appliance_watch.h"

/* Was the call ended from outside? 0: no. */
int appliance_ended(enum appliance_watch_end end, struct unrack_error *err);
/* A call that was to do DOING ("can't DOING the guest's WHAT") failed with ERRNUM (0 or EINVAL: not known) and
 * libguestfs's own ERROR. Always an error. */
int appliance_call_failed(int errnum, const char *error, const char *doing, const char *what,
			  struct unrack_error *err);

/* Can these be a guest's disks? */
int appliance_check_images(const struct guest_image *images, unsigned n, struct unrack_error *err);
/* It did not start in SECONDS. Always an error. */
int appliance_too_slow(const char *console, int seconds, struct unrack_error *err);

/* Adds the names, each with a NUL behind it; BELOW: without the slash that what is found below a folder has in
 * front. LIST ends with NULL. -1: no memory. */
int appliance_add_names(char *const *list, bool below, struct buf *names);
/* Of N disks those which have no partition in LIST ("/dev/sda1"). */
int appliance_add_whole_disks(char *const *list, unsigned n, struct buf *names);

/* For mount(8). */
const char *appliance_mount_options(const char *fstype, bool writable);

/* The end of what the appliance said. */
#define APPLIANCE_CONSOLE_KEPT 2048u
struct appliance_console {
	char text[APPLIANCE_CONSOLE_KEPT + 1];
	size_t len;
};
void appliance_console_add(struct appliance_console *c, const char *text, size_t n);

#endif
