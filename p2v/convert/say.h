/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_SAY_H
#define CONVERT_SAY_H

/* A sentence, malloc'd; NULL: no memory. */
char *say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
