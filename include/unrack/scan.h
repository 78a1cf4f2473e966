/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What disks a machine has, what is on them, and what would bite when they are copied.
 * Nothing is changed, and nothing is read but tables, superblocks, the metadata of LVM and md,
 * and sysfs. Threads: any. */
#ifndef UNRACK_SCAN_H
#define UNRACK_SCAN_H

#include "unrack/error.h"
#include "unrack/json.h"
#include "unrack/log.h"

/* PATHS: disks, partitions or images to look at, and folders, for the images in them (by the end of
 * their names); N 0: all disks of this machine (no RAM disks, loop devices, CD drives, or what is
 * built on other disks: md, LVM, multipath). The result is
 *
 *	{"host": ..., "data_bytes": N, "seconds": N,      all disks' (once each), and how long sending them takes over
 *	                                                 1 Gbit/s when nothing can be compressed
 *	 "disks": [{"path", "bytes", "model", "serial", "wwid", "bus", "removable", "read_only",
 *	  "sector_bytes", "table": "dos"|"gpt"|null, "identity": "...",
 *	  "partitions": [{"number", "path", "first_byte", "bytes", "type", "signature", "label", "uuid",
 *	    "bootable", "part_of", "used_by"}],
 *	  "whole": {"signature", "label", "uuid", "part_of"}   when there is no table, or with one,
 *	                                                 when all of the disk is a RAID's member
 *	  "used_by": "...",                              why copy would refuse it now, else null
 *	  "holders": ["/dev/md0", ...], "same_as": "/dev/sdb",   another path or leg of one disk
 *	  "data_bytes": N,                               at most so much is read and sent: holes of images are not, nor
 *	                                                 what nothing uses
 *	  "volumes": [{"name", "kind", "bytes", "used_bytes", "whole", "why", "trouble"}],   as in used.h, of those that begin
 *	                                                 on this disk; missing where "same_as" is
 *	  "trouble": true,                               copied as it is, it would be of no use, or do harm
 *	  "error": "...", "error_kind": "io"             when it could not be read; then only what is known
 *	  "warnings": ["..."]}], "warnings": ["..."]}
 *
 * "type" is a DOS type in hexadecimal or a GPT's GUID; "signature" libblkid's name; "identity" the strict
 * lines of unrack/identity.h; "part_of" for a person: "volume group vg0", "raid1 of 2"; "path" and
 * "used_by" of a partition are there where the kernel shows it, and uses it; "removable": the medium, or a
 * disk that is plugged in from outside (USB); "error_kind": a name of error_name. Strings that are
 * not known are null, or missing behind an error.
 *
 * One bad disk is no error of the whole. *out is the caller's. */
#define SCAN_BYTES_PER_SECOND 117000000u /* what TCP carries over 1 Gbit/s */
int scan_disks(const char *const *paths, unsigned n, const struct log *log, struct json **out,
	       struct unrack_error *err);

/* The result as lines for a person. malloc'd; NULL: no memory. Takes any JSON, also one that came from a
 * far machine: what is missing or of another kind is left out. At the end is the command that copies
 * what can be copied; a member "at" of SCAN ("ssh://root@web01", set by the client and never taken from
 * the far machine) stands before its paths, and a member "options" (" --identity id", from there too) behind
 * the command. */
char *scan_text(const struct json *scan);

#endif
