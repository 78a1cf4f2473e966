/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_text(struct unrack_error *err, const char *fmt, va_list ap)
{
	int n = vsnprintf(err->text, sizeof err->text, fmt, ap);

	if (n < 0)
		err->text[0] = '\0';
	else if ((size_t)n >= sizeof err->text)
		memcpy(err->text + sizeof err->text - 4, "...", 4);
}

int error_set(struct unrack_error *err, enum unrack_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	err->sys_errno = 0;
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	return code;
}

static enum unrack_code code_of(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return UNRACK_NOSPACE;
	case EACCES:
	case EPERM:
		return UNRACK_MISSING;
	case ENOMEM:
		return UNRACK_INTERNAL;
	default:
		return UNRACK_IO;
	}
}

int error_errno(struct unrack_error *err, int errnum, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	err->code = code_of(errnum);
	err->sys_errno = errnum;
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof err->text - len, ": %s", strerror(errnum));
	return err->code;
}

int error_nomem(struct unrack_error *err)
{
	return error_set(err, UNRACK_INTERNAL, "out of memory");
}

int error_prefix(struct unrack_error *err, const char *fmt, ...)
{
	char rest[sizeof err->text];
	size_t len;
	va_list ap;

	memcpy(rest, err->text, sizeof rest);
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	if (snprintf(err->text + len, sizeof err->text - len, ": %s", rest) >=
	    (int)(sizeof err->text - len))
		memcpy(err->text + sizeof err->text - 4, "...", 4);
	return err->code;
}

int error_suffix(struct unrack_error *err, const char *fmt, ...)
{
	size_t len = strlen(err->text), room = sizeof err->text - len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(err->text + len, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room)
		memcpy(err->text + sizeof err->text - 4, "...", 4);
	return err->code;
}

int error_suffix_room(struct unrack_error *err)
{
	if (err->code != UNRACK_NOSPACE)
		return err->code;
	return error_suffix(err, "; %s and run the same command again",
			    err->sys_errno == EFBIG ? "raise the limit of file sizes (ulimit -f), or use another filesystem,"
						    : "free some space");
}

static const struct {
	enum unrack_code code;
	int status;
	const char *name;
} codes[] = {
	{ UNRACK_OK, 0, "ok" },
	{ UNRACK_NO, 1, "no" },
	{ UNRACK_USAGE, 2, "usage" },
	{ UNRACK_MISSING, 3, "missing" },
	{ UNRACK_IO, 4, "io" },
	{ UNRACK_NOSPACE, 4, "nospace" },
	{ UNRACK_UNSAFE, 5, "unsafe" },
	{ UNRACK_DAMAGED, 6, "damaged" },
	{ UNRACK_UNSUPPORTED, 6, "unsupported" },
	{ UNRACK_INTERRUPTED, 130, "interrupted" },
	{ UNRACK_INTERNAL, 4, "internal" },
	{ UNRACK_LOST, 4, "lost" },
};

int error_exit_status(enum unrack_code code)
{
	for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i].code == code)
			return codes[i].status;
	return 4;
}

const char *error_name(enum unrack_code code)
{
	for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i].code == code)
			return codes[i].name;
	return "internal";
}
