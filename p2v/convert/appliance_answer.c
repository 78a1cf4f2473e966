/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "appliance_answer.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/tempfile.h"
#include "guest_parts.h"

#define DISKS_MAX 64u

/* --- Errors -------------------------------------------------------------------------------- */

int appliance_ended(enum appliance_watch_end end, struct unrack_error *err)
{
	switch (end) {
	case WATCH_STOPPED:
		return error_set(err, UNRACK_INTERRUPTED, "interrupted; the appliance was ended");
	case WATCH_NOSPACE:
		return error_set(err, UNRACK_NOSPACE, "no space is left for the overlays of the guest's disks; "
				 "free some and run the same command again");
	case WATCH_NOTEMP:
		return error_set(err, UNRACK_NOSPACE, "no space is left in %s, where QEMU keeps what the appliance "
				 "writes; free some, or name another folder with TMPDIR, and run the same command "
				 "again", tempfile_folder());
	case WATCH_TIMEOUT:
		return error_set(err, UNRACK_IO, "the appliance did not answer in time and was ended; "
				 "run the same command again");
	default:
		return 0;
	}
}

int appliance_call_failed(int errnum, const char *error, const char *doing, const char *what,
			  struct unrack_error *err)
{
	char line[256];

	switch (errnum) {
	case 0:
	case EINVAL:
		appliance_first_line(error, line);
		return error_set(err, UNRACK_IO, "can't %s the guest's %s: %s", doing, what, line);
	case EPERM:
	case EACCES:
		error_errno(err, errnum, "can't %s the guest's %s (a protected file? see lsattr)", doing, what);
		return err->code = UNRACK_UNSUPPORTED;
	case EIO:
	case EROFS:
	case EUCLEAN:
	case EBADMSG:
	case ELOOP:
		error_errno(err, errnum, "can't %s the guest's %s: its filesystem is damaged", doing, what);
		return err->code = UNRACK_DAMAGED;
	case ENOSPC:
	case EDQUOT:
		return error_errno(err, errnum, "can't %s the guest's %s: free some space on that filesystem of "
				   "the server, then copy it again", doing, what);
	default:
		return error_errno(err, errnum, "can't %s the guest's %s", doing, what);
	}
}

int appliance_check_images(const struct guest_image *images, unsigned n, struct unrack_error *err)
{
	if (n == 0 || n > DISKS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "a guest has 1 to %u disks, not %u", DISKS_MAX, n);
	for (unsigned i = 0; i < n; i++) {
		struct stat st;

		if (stat(images[i].path, &st) < 0)
			return error_errno(err, errno, "can't open %s", images[i].path);
	}
	return 0;
}

int appliance_too_slow(const char *console, int seconds, struct unrack_error *err)
{
	char words[256];

	appliance_last_words(console, words);
	return error_set(err, UNRACK_IO, "libguestfs's appliance did not start within %d seconds and was "
			 "ended (%s); libguestfs-test-tool shows more", seconds, words[0] ? words : "it said nothing");
}

/* --- Names --------------------------------------------------------------------------------- */

int appliance_add_names(char *const *list, bool below, struct buf *names)
{
	for (size_t i = 0; list[i]; i++) {
		const char *name = list[i] + (below && list[i][0] == '/');

		if (buf_append(names, name, strlen(name) + 1) < 0)
			return -1;
	}
	return 0;
}

int appliance_add_whole_disks(char *const *list, unsigned n, struct buf *names)
{
	for (unsigned i = 0; i < n; i++) {
		bool divided = false;
		char name[16];

		for (size_t k = 0; list[k] && !divided; k++) {
			int disk, partition;

			divided = guest_parts_parse_name(list[k], &disk, &partition) && disk == (int)i;
		}
		guest_parts_disk_name(i, name);
		if (!divided && buf_append(names, name, strlen(name) + 1) < 0)
			return -1;
	}
	return 0;
}

const char *appliance_mount_options(const char *fstype, bool writable)
{
	/* Copies of a filesystem have its UUID, and XFS takes only the first. */
	if (!strcmp(fstype, "xfs"))
		return writable ? "nouuid" : "ro,nouuid";
	return writable ? "" : "ro";
}

/* --- Console ------------------------------------------------------------------------------- */

void appliance_console_add(struct appliance_console *c, const char *text, size_t n)
{
	size_t over;

	if (n > APPLIANCE_CONSOLE_KEPT) {
		text += n - APPLIANCE_CONSOLE_KEPT;
		n = APPLIANCE_CONSOLE_KEPT;
	}
	over = c->len + n > APPLIANCE_CONSOLE_KEPT ? c->len + n - APPLIANCE_CONSOLE_KEPT : 0;
	memmove(c->text, c->text + over, c->len - over);
	memcpy(c->text + c->len - over, text, n);
	c->len += n - over;
	c->text[c->len] = '\0';
}
