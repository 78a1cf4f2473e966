/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `unrack initrd` says of images, members and answers, as text and as JSON. Pure.
 * Functions on text return 0, or -1 when there is no memory; those that make JSON NULL then. */
#ifndef CMD_INITRD_TEXT_H
#define CMD_INITRD_TEXT_H

#include "unrack/initrd.h"
#include "unrack/json.h"

/* Names and the like come from outside: of what a terminal would obey, each byte is shown as \ooo. */
int initrd_text_name(struct buf *out, const char *p, size_t n);

/* "drwxr-xr-x" */
void initrd_text_mode(uint32_t mode, char out[11]);
/* The line of ls -l for member K: its segment (counted from 1; 0 is shown as '-'), mode, links, owner,
 * size or device number, time in UTC, and name, with the target of a symbolic link. */
int initrd_text_member(struct buf *out, const struct initrd *i, size_t k, size_t segment);
struct json *initrd_text_member_json(const struct initrd *i, size_t k, size_t segment);

/* The segment that holds member K, from 1; 0: the image has none. */
size_t initrd_text_segment(const struct initrd *i, size_t k);

/* What it is: "initrd.img: gzip newc cpio by mkinitrd (nash), kernel 2.6.18-398.el5, 70 members". */
int initrd_text_image(struct buf *out, const struct initrd *i, const char *name);
/* A line for each of its archives. */
int initrd_text_segments(struct buf *out, const struct initrd *i);
/* {file, bytes, kind, special, container, kernels, member_count, segments} */
struct json *initrd_text_image_json(const struct initrd *i, const char *name, uint64_t bytes);

/* Whether nothing is known to keep it from finding root. */
bool initrd_text_boots(const struct initrd_answer *a);
/* Of an answer to a question that named no driver: what its sentence says then. */
void initrd_text_unasked(struct initrd_answer *a);
/* What it loads and expects, a line or more for each thing there is. */
int initrd_text_answer(struct buf *out, const struct initrd_answer *a);
struct json *initrd_text_answer_json(const struct initrd_answer *a);

/* The script that starts the image: init, or linuxrc of a ramdisk; NULL: there is none, or it is a program. */
const struct initrd_member *initrd_text_script(const struct initrd *i);
/* Whether it can be shown on a terminal, or as a string: without a NUL, and not of more than 4 MiB. */
bool initrd_text_is_text(const struct initrd_member *m);

#endif
