/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors: a code that says what the caller may do, and one sentence for a person.
 *
 * A function that can fail returns 0 or a negative enum unrack_code, and fills the
 * caller's struct unrack_error, its last parameter (never NULL). The sentence is made
 * where the fault is found and names the object, what is wrong, and what to do; upper
 * layers may prefix it. It is printed once, by the command line.
 *
 * struct unrack_error has a fixed size, needs no memory and no freeing, and crosses
 * threads by copy. */
#ifndef UNRACK_ERROR_H
#define UNRACK_ERROR_H

#include <stdarg.h>

enum unrack_code {
	UNRACK_OK = 0,
	UNRACK_NO = -1,          /* the answer is no: would not boot, differs      exit 1 */
	UNRACK_USAGE = -2,       /* the request makes no sense                     exit 2 */
	UNRACK_MISSING = -3,     /* a program, kernel or right is missing here     exit 3 */
	UNRACK_IO = -4,          /* input/output or network; trying again may help exit 4 */
	UNRACK_NOSPACE = -5,     /* no space or quota; free some and run again     exit 4 */
	UNRACK_UNSAFE = -6,      /* refused: would lose something                  exit 5 */
	UNRACK_DAMAGED = -7,     /* the file or guest contradicts itself           exit 6 */
	UNRACK_UNSUPPORTED = -8, /* well formed, but not something we can handle   exit 6 */
	UNRACK_INTERRUPTED = -9, /* a signal asked to stop; state is resumable     exit 130 */
	UNRACK_INTERNAL = -10,   /* out of memory, or a bug                        exit 4 */
	UNRACK_LOST = -11,       /* the connection is of no more use; what was
				  * acknowledged is safe, a new one continues      exit 4 */
};

struct unrack_error {
	enum unrack_code code;
	int sys_errno; /* errno behind it, or 0 */
	char text[1024];
};

#define UNRACK_ERROR_INIT { UNRACK_OK, 0, "" }

/* Sets code and text; returns CODE, so that callers write `return error_set(...)`.
 * A text too long for the buffer is cut at its end and marked with "...". */
int error_set(struct unrack_error *err, enum unrack_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with ": <strerror(ERRNUM)>" appended and the code taken from ERRNUM:
 * ENOSPC, EDQUOT and EFBIG give UNRACK_NOSPACE, EACCES and EPERM UNRACK_MISSING, ENOMEM
 * UNRACK_INTERNAL, all others UNRACK_IO. */
int error_errno(struct unrack_error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int error_nomem(struct unrack_error *err);

/* Puts "prefix: " before the text; keeps and returns the code. */
int error_prefix(struct unrack_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts more behind the text: what to do, where only an upper layer knows. Keeps and returns
 * the code. */
int error_suffix(struct unrack_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* To an UNRACK_NOSPACE it adds what to do, and to run the same command again. Keeps and returns the code. */
int error_suffix_room(struct unrack_error *err);

/* The documented exit status of a code, see unrack(1). */
int error_exit_status(enum unrack_code code);

/* A short machine-readable name ("nospace", "unsafe", ...), for JSON. */
const char *error_name(enum unrack_code code);

#endif
