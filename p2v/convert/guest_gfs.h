/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files that use libguestfs share: the appliance, and how it is called. */
#ifndef CONVERT_GUEST_GFS_H
#define CONVERT_GUEST_GFS_H

#include <guestfs.h>
#include <stdlib.h>
#include <sys/types.h>

#include "appliance_answer.h"
#include "read_cache.h"

#define GFS_LAUNCH_SECONDS 300 /* the first one also builds the appliance */
#define GFS_CALL_SECONDS 600   /* a long journal may be replayed */

struct gfs {
	guestfs_h *h;
	struct appliance_watch *watch;
	pid_t pid; /* QEMU, once it runs */
	const struct log *log;
	struct appliance_console console;
	struct read_cache files;
	uint64_t *sizes;
	uint8_t **heads;
	unsigned n_disks;
};

static inline struct gfs *gfs_of(struct guest *g)
{
	return g->ctx;
}

static inline guestfs_h *gfs_begin(struct gfs *c)
{
	appliance_watch_begin(c->watch, c->pid, c->pid ? GFS_CALL_SECONDS : GFS_LAUNCH_SECONDS);
	return c->h;
}

/* Ends a call that began with gfs_begin; GOOD says how it went. */
static inline int gfs_end(struct gfs *c, bool good, const char *doing, const char *what, struct unrack_error *err)
{
	int e = guestfs_last_errno(c->h), r = appliance_ended(appliance_watch_end(c->watch), err);

	if (r < 0 || good)
		return r;
	return appliance_call_failed(e, guestfs_last_error(c->h), doing, what, err);
}

static inline void gfs_free_strings(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* In guest_gfs_files.c; for a guest whose context is a struct gfs. */
extern const struct guest_ops guest_gfs_files;

#endif
