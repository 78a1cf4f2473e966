/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/edit.h"

int main(void)
{
	static const char text[] =
		"# /etc/fstab\n"
		"LABEL=/ / ext3 defaults 1 1\n"
		"/dev/cciss/c0d0p2\tswap swap defaults 0 0\n"
		"broken line\n"
		"/dev/hdc /media/cdrecorder auto pamconsole,exec,noauto,managed 0 0\n"
		"/dev/sdb1 /my\\040data ext3 rw,_netdev 0 2\n"
		"nas:/vol /nas nfs rw 0 0\n"
		"/dev/sdc1 /c ext3\n"
		"proc /proc proc defaults 0 0\r\n"
		"/dev/fd0 /floppy vfat users 0 0\n"
		"/dev/cdrom /cd iso9660 ro 0 0\n"
		"/srv /export none bind 0 0";
	static const bool local[] = { true, true, false, false, false, true, false, false, false, false };
	struct unrack_error err;
	struct fstab_entry *e;
	static char huge[1 << 20];
	size_t n;

	is_int(fstab_parse(text, sizeof text - 1, &e, &n, &err), 0, "parsed");
	is_int(n, 10, "lines with three fields are entries");
	is_str(e[0].device, "LABEL=/", "the first field");
	is_str(e[0].where, "/", "the second");
	is_int(e[0].passno, 1, "the sixth");
	is_int(e[1].line, 3, "the line's number");
	is_str(e[3].where, "/my\\040data", "escapes are left as they are");
	is_str(e[5].options, "defaults", "missing options are defaults");
	is_int(e[5].passno, 0, "a missing number is 0");
	is_str(e[6].options, "defaults", "CRLF");
	for (size_t i = 0; i < n; i++)
		ok(fstab_is_local(&e[i]) == local[i], "%s is %smounted at boot from a local disk", e[i].where,
		   local[i] ? "" : "not ");
	ok(fstab_has_option(&e[2], "noauto") && !fstab_has_option(&e[2], "no") && !fstab_has_option(&e[2], "auto"),
	   "options are whole words");
	fstab_free(e, n);

	for (size_t i = 0; i < sizeof huge; i++)
		huge[i] = "a b c\n"[i % 6];
	is_int(fstab_parse(huge, sizeof huge, &e, &n, &err), 0, "a file of many lines");
	is_int(n, 4096, "is cut");
	fstab_free(e, n);
	is_int(fstab_parse(NULL, 0, &e, &n, &err), 0, "no text");
	is_int(n, 0, "has no entries");
	fstab_free(e, n);
	return tap_done();
}
