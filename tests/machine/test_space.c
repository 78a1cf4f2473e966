/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "../support/tap.h"
#include "unrack/machine.h"

static struct unrack_error err;
static char said[1024];

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	if (level == LOG_WARN)
		snprintf(said, sizeof said, "%s", text);
}

int main(void)
{
	static const struct log_ops ops = { .message = on_message };
	struct log log = { &ops, NULL, NULL };
	uint64_t huge = (uint64_t)1 << 60;

	is_int(machine_check_space(io_posix(), "/tmp", 0, 4096, &log, &err), 0, "a page fits");
	is_str(said, "", "without a word");
	is_int(machine_check_space(io_posix(), "/tmp", 0, huge, &log, &err), 0, "1 EiB at most may fit, if it is zeros");
	has_str(said, "/tmp has ", "a warning");
	has_str(said, "and up to 1.0 EiB may be needed: it may fit, since zeros take no space; if it does not, "
		      "free some and run the same command again", "says so");
	is_int(machine_check_space(io_posix(), "/tmp", huge, huge, &log, &err), UNRACK_NOSPACE, "1 EiB of data does not");
	has_str(err.text, "and at least 1.0 EiB are needed; free some space, or choose another folder",
		"the sentence");
	is_int(machine_check_space(io_posix(), "/proc", 0, 1, &log, &err), UNRACK_NOSPACE, "a filesystem without any room");
	is_int(machine_check_space(io_posix(), "/proc", 0, 0, &log, &err), 0, "where nothing is needed");
	is_int(machine_check_space(io_posix(), "/nonexistent", 0, 1, &log, &err), UNRACK_IO, "no folder");
	return tap_done();
}
