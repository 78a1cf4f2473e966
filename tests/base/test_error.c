/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "../support/tap.h"
#include "unrack/error.h"

int main(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char big[3000];

	is_int(error_set(&e, UNRACK_UNSAFE, "disk %d is mounted", 3), UNRACK_UNSAFE, "error_set returns the code");
	is_str(e.text, "disk 3 is mounted", "the sentence is kept");
	is_int(error_prefix(&e, "web01"), UNRACK_UNSAFE, "a prefix keeps the code");
	is_str(e.text, "web01: disk 3 is mounted", "a prefix stands before the sentence");

	is_int(error_suffix(&e, "; do %s", "this"), UNRACK_UNSAFE, "a suffix keeps the code too");
	is_str(e.text, "web01: disk 3 is mounted; do this", "and stands behind the sentence");

	is_int(error_errno(&e, ENOSPC, "can't write %s", "x"), UNRACK_NOSPACE, "ENOSPC is no space");
	is_str(e.text, "can't write x: No space left on device", "errno's text is added");
	is_int(e.sys_errno, ENOSPC, "errno is kept");
	is_int(error_errno(&e, EDQUOT, "x"), UNRACK_NOSPACE, "a quota is no space");
	is_int(error_errno(&e, EACCES, "x"), UNRACK_MISSING, "EACCES is a missing right");
	is_int(error_errno(&e, EIO, "x"), UNRACK_IO, "EIO is input/output");

	is_int(error_suffix_room(&e), UNRACK_IO, "other errors are not about room");
	is_str(e.text, "x: Input/output error", "and stay as they are");
	error_errno(&e, EDQUOT, "can't write x");
	is_int(error_suffix_room(&e), UNRACK_NOSPACE, "what to do without room");
	has_str(e.text, "can't write x: Disk quota exceeded; free some space and run the same command again", "the sentence");
	error_errno(&e, EFBIG, "can't write x");
	error_suffix_room(&e);
	has_str(e.text, "File too large; raise the limit of file sizes (ulimit -f), or use another filesystem, and run the "
			"same command again", "a file that must not grow");

	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	error_set(&e, UNRACK_IO, "%s", big);
	is_int(strlen(e.text), sizeof e.text - 1, "a long sentence is cut to the buffer");
	is_str(e.text + sizeof e.text - 4, "...", "and marked as cut");
	error_suffix(&e, "more");
	is_str(e.text + sizeof e.text - 4, "...", "a full sentence takes no more");
	error_prefix(&e, "p");
	ok(!strncmp(e.text, "p: aaa", 6), "a prefix before a full sentence");

	is_int(error_exit_status(UNRACK_OK), 0, "exit: done");
	is_int(error_exit_status(UNRACK_NO), 1, "exit: no");
	is_int(error_exit_status(UNRACK_USAGE), 2, "exit: usage");
	is_int(error_exit_status(UNRACK_MISSING), 3, "exit: missing here");
	is_int(error_exit_status(UNRACK_IO), 4, "exit: input/output");
	is_int(error_exit_status(UNRACK_NOSPACE), 4, "exit: no space");
	is_int(error_exit_status(UNRACK_UNSAFE), 5, "exit: refused");
	is_int(error_exit_status(UNRACK_DAMAGED), 6, "exit: damaged");
	is_int(error_exit_status(UNRACK_UNSUPPORTED), 6, "exit: not supported");
	is_int(error_exit_status(UNRACK_INTERRUPTED), 130, "exit: interrupted");
	is_str(error_name(UNRACK_NOSPACE), "nospace", "names for machines");
	return tap_done();
}
