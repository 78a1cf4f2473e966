/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/buf.h"
#include "unrack/scan.h"

/* The text of TEXT as JSON, until the next call. */
static const char *show(const char *text)
{
	static char *out;
	struct unrack_error e;
	struct json *j = NULL;

	free(out);
	out = NULL;
	if (!text)
		return NULL;
	if (json_parse(text, strlen(text), "test", &j, &e) < 0) {
		printf("# %s\n", e.text);
		return NULL;
	}
	out = scan_text(j);
	json_free(j);
	return out;
}

#define DISK(path, more) "{\"path\": \"" path "\", \"bytes\": 146815733760" more "}"

static void whole(void)
{
	const char *text = show("{\"host\": \"db02\", \"disks\": ["
		"{\"path\": \"/dev/cciss/c0d0\", \"bytes\": 146815733760, \"model\": \"HP LOGICAL VOLUME\", \"serial\": \"P1\", \"bus\": \"cciss\","
		"\"removable\": false, \"read_only\": true, \"table\": \"dos\", \"identity\": \"mbr=1\", \"data_bytes\": 1024, \"partitions\": ["
		"{\"number\": 1, \"bytes\": 104857600, \"type\": \"83\", \"signature\": \"ext3\", \"label\": \"/boot\", \"uuid\": \"u-1\", \"bootable\": true},"
		"{\"number\": 2, \"bytes\": 1, \"type\": \"8e\", \"signature\": \"LVM2_member\", \"label\": null, \"uuid\": null, \"part_of\": \"volume group vg0\","
		"\"used_by\": \"mounted on /\"}],"
		"\"volumes\": [{\"name\": \"partition 1\", \"kind\": \"ext3\", \"bytes\": 104857600, \"used_bytes\": 10485760, \"whole\": false, \"why\": null},"
		"{\"name\": \"vg0/root\", \"kind\": \"ext3\", \"bytes\": 1073741824, \"used_bytes\": 1073741824, \"whole\": true, \"why\": \"its journal has to be replayed\"},"
		"{\"name\": \"vg0/ab\\u001b[2J\", \"kind\": null, \"bytes\": 2, \"used_bytes\": 2}],"
		"\"holders\": [\"/dev/mapper/a\", \"/dev/md0\"], \"warnings\": [\"one thing\", \"and another\"], \"used_by\": null}],"
		"\"warnings\": [\"all of them\"]}");

	is_str(text, "db02: 1 disk\n\n"
	       "/dev/cciss/c0d0  136.7 GiB  HP LOGICAL VOLUME  cciss  serial P1  read-only  dos\n"
	       "     1  100.0 MiB  Linux, boot  ext3  \"/boot\"  u-1\n"
	       "     2  1 bytes  Linux LVM  LVM physical volume, volume group vg0  mounted on /\n"
	       "  holds up: /dev/mapper/a, /dev/md0\n"
	       "  of partition 1, ext3: 10.0 MiB of 100.0 MiB\n"
	       "  of vg0/root, ext3: all of 1.0 GiB, since its journal has to be replayed\n"
	       "  of vg0/ab?[2J: all of 2 bytes\n"
	       "  at most 1.0 KiB of it are read and sent, the rest is unused, or holes\n"
	       "  warning: one thing\n  warning: and another\n\n"
	       "warning: all of them\n\n"
	       "to send: 1.0 KiB, 1 s over 1 Gbit/s if nothing can be compressed (117 MB/s)\n"
	       "to copy: unrack copy /dev/cciss/c0d0 FOLDER\n", "a whole machine");
}

static void estimate(void)
{
	has_str(show("{\"disks\": [" DISK("/dev/sda", ", \"data_bytes\": 11700000000") "," DISK("/dev/sdb", ", \"data_bytes\": 1") "]}"),
		"\nto send: 10.9 GiB, 101 s over 1 Gbit/s", "seconds, rounded up");
	has_str(show("{\"disks\": [" DISK("/dev/sda", ", \"data_bytes\": 117000000000") "]}"), "\nto send: 109.0 GiB, 17 min over", "minutes");
	has_str(show("{\"disks\": [" DISK("/dev/sda", ", \"data_bytes\": 2000000000000") "]}"), "1.8 TiB, 5 h over", "hours");
	ok(!strstr(show("{\"disks\": [" DISK("/dev/sda", ", \"data_bytes\": 1000, \"trouble\": true") "]}"), "to send"),
	   "not of what is left out");
}

static void command(void)
{
	has_str(show("{\"disks\": [" DISK("/dev/sda", "") "," DISK("/dev/sdb", "") "]}"),
		"\nto copy: unrack copy /dev/sda /dev/sdb FOLDER\n", "several disks");
	has_str(show("{\"disks\": [" DISK("/dev/sda", "") "], \"at\": \"ssh://root@db02\"}"),
		"unrack copy ssh://root@db02/dev/sda FOLDER\n", "of a far machine");
	has_str(show("{\"disks\": [" DISK("/dev/sda", "") "], \"at\": \"ssh://db02:22\", \"options\": \" --identity 'a key'\"}"),
		"unrack copy ssh://db02:22/dev/sda FOLDER --identity 'a key'\n", "as it was reached");
	has_str(show("{\"disks\": [" DISK("disks/50%.img", "") "], \"at\": \"ssh://db02:22\"}"),
		"unrack copy 'ssh://db02:22/~/disks/50%25.img' FOLDER\n", "relative to the home folder there");
	has_str(show("{\"disks\": [" DISK("/dev/sda", "") "], \"at\": \"ssh://db02\\u009b\"}"),
		"nothing to copy", "no command with a host that can't be typed");
	has_str(show("{\"disks\": [" DISK("/a b;'$(x)", "") "]}"), "unrack copy '/a b;'\\''$(x)' FOLDER", "names are quoted");
	has_str(show("{\"disks\": [" DISK("/dev/sda", ", \"removable\": true") "," DISK("/dev/sdb", ", \"error\": \"no\"") ","
		     DISK("/dev/sdc", ", \"used_by\": \"in use\"") "," DISK("/dev/sdd", ", \"same_as\": \"/dev/sda\"") ","
		     DISK("/dev/sde", ", \"trouble\": true") "," DISK("/dev/sdf", ", \"identity\": \"\"") ","
		     DISK("/dev/sd\\nrm", "") "]}"),
		"there is nothing to copy as it is now\n"
		"left out: /dev/sda (removable), /dev/sdb (not readable), /dev/sdc (in use), /dev/sdd (the same as another), "
		"/dev/sde (see its warnings), /dev/sdf (empty), /dev/sd?rm (without a name that can be typed)\n", "what is left out, and why");
	has_str(show("{\"host\": \"web\", \"disks\": []}"), "web: no disks are seen here", "no disks");
}

static void hostile(void)
{
	static const char *const texts[] = {
		"{\"disks\": [{\"volumes\": [1, [], {}, {\"name\": 5, \"bytes\": 1, \"used_bytes\": 2}, {\"bytes\": -1, \"used_bytes\": -1, \"why\": {}}]}]}",
		"null", "3", "\"x\"", "[]", "[[[1]]]", "{}", "{\"disks\": 1}", "{\"disks\": {}}", "{\"disks\": {\"a\": []}}",
		"{\"disks\": [1, null, \"x\", [], {}, {\"path\": 1, \"bytes\": \"x\", \"partitions\": {}, \"whole\": []}]}",
		"{\"disks\": [{\"partitions\": [1, [], {}, {\"number\": -5, \"bytes\": -9223372036854775808, \"type\": [], \"label\": {}}]}]}",
		"{\"disks\": [{\"bytes\": -1, \"data_bytes\": -5, \"holders\": [1, {}], \"warnings\": [1, {}, null], \"error\": 7}]}",
		"{\"disks\": [{\"bytes\": 9223372036854775807, \"data_bytes\": 9223372036854775806, \"sector_bytes\": -1}]}",
		"{\"warnings\": {\"a\": 1}, \"host\": [], \"at\": 5, \"disks\": [{\"path\": \"\"}]}",
		"{\"disks\": [{\"path\": \"%s%n%n%n\", \"whole\": {\"signature\": \"%s\", \"label\": \"%n\"}}]}",
	};
	struct buf b = { 0 };
	char *text = scan_text(NULL);

	ok(text && strstr(text, "no disks"), "nothing at all");
	free(text);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		ok(show(texts[i]) != NULL, "%s does no harm", texts[i]);
	text = strdup(show("{\"host\": \"a\\u001b[2Jb\\u009bc\\u007f\\n\", \"disks\": [{\"path\": \"/dev/\\r\\u0085\", \"model\": \"\\u0007\","
			   "\"whole\": {\"label\": \"x\\ny\"}, \"error\": \"e\\u001be\", \"warnings\": [\"w\\n\\tw\"]}], \"warnings\": [\"\\b\"]}"));
	is_str(text, "a?[2Jb?c??: 1 disk\n\n/dev/??  ?  \"x?y\"\n  error: e?e\n  warning: w??w\n\nwarning: ?\n\n"
	       "there is nothing to copy as it is now\nleft out: /dev/?? (not readable)\n", "control characters of all kinds");
	free(text);
	buf_puts(&b, "{\"disks\": [{\"path\": \"/dev/sda\", \"model\": \"");
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "\xc3\xa4");
	buf_puts(&b, "\"}]}");
	ok(strlen(show(buf_str(&b))) < 1000, "a long name is cut");
	has_str(show(buf_str(&b)), "\xc3\xa4...\n", "between two characters");
	buf_free(&b);
}

int main(void)
{
	whole();
	estimate();
	command();
	hostile();
	show(NULL);
	return tap_done();
}
