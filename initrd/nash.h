/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scripts for nash, the shell of RHEL's initrds up to release 5, as lines that are edited
 * one by one; what is not touched stays as it is in every byte. Pure.
 *
 * The language, from nash.c of mkinitrd 3.2.6 to 5.1.19.6: a command per line, '#' begins
 * a comment line, words end at blanks, "..." and '...' at the beginning of a word quote
 * without escapes. There is no flow of control, and a failing command does not end the
 * script. A last line without a newline is not run. insmod resolves no dependencies. */
#ifndef INITRD_NASH_H
#define INITRD_NASH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/vec.h"
#include "unrack/buf.h"
#include "unrack/error.h"

#define NASH_SCRIPT_MAX (64u << 10) /* real ones have 3 to 8 KiB */
#define NASH_EL4_SCRIPT_MAX 32766 /* nash before 5 reads no more */

enum nash_command {
	NASH_OTHER,     /* and empty lines, comments, lines that are not run */
	NASH_ECHO,
	NASH_INSMOD,
	NASH_NODES,     /* makes the nodes of disks: mkblkdevs (5), udevstart (4), mkdevices (3) */
	NASH_STABILIZED,
	NASH_RESUME,
	NASH_MKROOTDEV,
	NASH_MOUNT,
	NASH_MAKE,      /* mkdir, mknod: names in /dev that are no disks */
	NASH_LVM,       /* lvm; vgscan, vgchange */
	NASH_RAID,      /* raidautorun */
	NASH_DM,        /* dm create, dm partadd: tables of dmraid and multipath, baked in; their programs */
	NASH_RMPARTS,
	NASH_NETWORK,   /* network, iscsistart */
	NASH_SWITCH,    /* goes to root: switchroot, pivot_root */
};

/* The release of RHEL whose mkinitrd wrote a script, and whose nash runs it. */
enum nash_release {
	NASH_EL21,
	NASH_EL3,
	NASH_EL4,
	NASH_EL5,
};

struct nash_line {
	char *text; /* with its newline */
	size_t len;
	enum nash_command command;
};

DEFINE_VEC(nash_lines, struct nash_line);

struct nash {
	struct nash_lines lines;
	bool ramdisk; /* it is a /linuxrc, of release 2.1 or 3; set by who knows */
};

/* NAME is for messages. UNRACK_UNSUPPORTED: too long, or a NUL in it. */
int nash_parse(const void *text, size_t n, const char *name, struct nash *out,
	       struct unrack_error *err);
void nash_free(struct nash *s);
int nash_print(const struct nash *s, struct buf *out); /* -1: no memory */

/* By the commands that only one release's nash has, or whose arguments changed; the latest
 * one that there is a sign of. Without any sign: NASH_EL5, of a ramdisk NASH_EL3. */
enum nash_release nash_release_of(const struct nash *s);

struct nash_word {
	const char *p; /* without quotes */
	size_t n;
};

/* The next word of a line; *AT is 0 for the first one, the command. */
bool nash_next(const struct nash_line *l, size_t *at, struct nash_word *w);
bool nash_word_is(const struct nash_word *w, const char *text);

/* The words that are neither options nor values of -t, -o, --interval, --iterations. The
 * first two are stored; returns how many there are. */
size_t nash_arguments(const struct nash_line *l, struct nash_word w[2]);
/* The word behind OPTION. */
bool nash_option(const struct nash_line *l, const char *option, struct nash_word *w);

/* The path of an insmod line, without a leading '/'. */
bool nash_insmod_path(const struct nash_line *l, struct nash_word *w);

/* Whether the line looks for the root filesystem, directly or by starting LVM or md. */
bool nash_is_root(const struct nash_line *l);
bool nash_mounts_root(const struct nash_line *l); /* ... by mount, not by mkrootdev */
/* ... and mkrootdev says what root is: "mount /sysroot" of nash 5, "mount ... /dev/root /sysroot" */
bool nash_mounts_by_mkrootdev(const struct nash_line *l);
bool nash_mounts_proc(const struct nash_line *l);

/* Edits: 0, or -1 when there is no memory. TEXT has its newline. */
int nash_insert(struct nash *s, size_t at, const char *text);
void nash_remove(struct nash *s, size_t at);
void nash_move(struct nash *s, size_t from, size_t to); /* TO: its index afterwards */
int nash_end_last_line(struct nash *s);                 /* gives the last line its newline */

/* Replaces whole names in a line: see struct initrd_change. *DROP: a name whose new one is
 * NULL is there; the line is as it was. */
int nash_rename(struct nash_line *l, const char *const (*names)[2], size_t n, bool *drop);

#endif
