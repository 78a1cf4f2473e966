/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What disks a machine has, what is on them, and what would bite when they are copied.
 * Nothing is changed, and nothing is read but tables, superblocks and sysfs. Threads: any. */
#ifndef UNRACK_SCAN_H
#define UNRACK_SCAN_H

#include "unrack/error.h"
#include "unrack/json.h"
#include "unrack/log.h"

/* PATHS: disks, partitions or images to look at; N 0: all disks of this machine (no RAM disks, loop
 * devices, CD drives, or what is built on other disks: md, LVM, multipath). The result is
 *
 *	{"host": ..., "disks": [{"path", "bytes", "model", "serial", "wwid", "bus", "removable", "read_only",
 *	  "sector_bytes", "table": "dos"|"gpt"|null, "identity": "...",
 *	  "partitions": [{"number", "first_byte", "bytes", "type", "signature", "label", "uuid", "bootable"}],
 *	  "whole": {"signature", "label", "uuid"}        when there is no table
 *	  "used_by": "...",                              why copy would refuse it now, else null
 *	  "holders": ["/dev/md0", ...], "same_as": "/dev/sdb",   another path or leg of one disk
 *	  "data_bytes": N,                               at most so much is read and sent: holes of images are not
 *	  "error": "..."                                 when it could not be read; then only what is known
 *	  "warnings": ["..."]}], "warnings": ["..."]}
 *
 * One bad disk is no error of the whole. *out is the caller's. */
int scan_disks(const char *const *paths, unsigned n, const struct log *log, struct json **out,
	       struct unrack_error *err);

/* The result as lines for a person. malloc'd. Takes any JSON, also one that came from a
 * far machine: what is missing or of another kind is left out. */
char *scan_text(const struct json *scan);

#endif
