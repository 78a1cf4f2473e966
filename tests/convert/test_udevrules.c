/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../support/tap.h"
#include "unrack/netconf.h"

#define RULES                                                                                     \
	"# PCI device 0x8086:0x100e (e1000)\n"                                                    \
	"SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"00:1A:4b:11:22:33\", " \
	"ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n"                                    \
	"SUBSYSTEM==\"net\", DRIVERS==\"tg3\", \\\n  ATTR{address}==\"00:1a:4b:11:22:34\", NAME=\"eth1\"\n" \
	"KERNEL==\"sd*\", NAME=\"disk\"\n"                                                        \
	"SUBSYSTEM==\"net\", KERNELS==\"0000:03:00.0\", NAME:=\"em1\"\n"                          \
	"SUBSYSTEM==\"net\", NAME==\"eth9\", ENV{X}=\"1\"\n"                                      \
	"SUBSYSTEM==\"net\", NAME=\"wan%n\"\n"

static void test_next(void)
{
	struct udev_rule r;
	unsigned line = 0;
	size_t pos = 0;

	ok(udev_rule_next(RULES, strlen(RULES), &pos, &line, &r), "a first rule");
	ok(!strcmp(r.name, "eth0") && r.line == 2 && !r.bound, "names eth0 in line 2");
	is_str(r.mac, "00:1a:4b:11:22:33", "by its address, in lower case");
	udev_rule_free(&r);
	ok(udev_rule_next(RULES, strlen(RULES), &pos, &line, &r), "one on two lines");
	ok(!strcmp(r.name, "eth1") && r.line == 3, "names eth1");
	is_str(r.bound, "DRIVERS==\"tg3\"", "with the physical card's driver");
	udev_rule_free(&r);
	ok(udev_rule_next(RULES, strlen(RULES), &pos, &line, &r), "one by the slot");
	ok(!strcmp(r.name, "em1") && r.line == 6 && !r.mac, "without an address");
	is_str(r.bound, "KERNELS==\"0000:03:00.0\"", "only the physical machine has it");
	udev_rule_free(&r);
	ok(!udev_rule_next(RULES, strlen(RULES), &pos, &line, &r), "others name no card, or compute the name");
}

static void test_edit(void)
{
	static const char *const names[] = { "eth1", "em1" };
	struct unrack_error err;
	struct buf out = { 0 };

	is_int(udev_rules_edit(RULES, strlen(RULES), names, 2, "NEW\n", &out, &err), 0, "edited");
	has_str(buf_str(&out), "#SUBSYSTEM==\"net\", DRIVERS==\"tg3\", \\\n#  ATTR{address}", "a rule on two lines becomes a comment");
	has_str(buf_str(&out), "\n#SUBSYSTEM==\"net\", KERNELS", "so does the other");
	has_str(buf_str(&out), "\nKERNEL==\"sd*\", NAME=\"disk\"\n", "what is not of cards stays");
	has_str(buf_str(&out), "NAME=\"wan%n\"\nNEW\n", "new lines come behind");
	is_int(udev_rules_edit(RULES, strlen(RULES) - 1, names, 0, "NEW\n", &out, &err), 0, "without an end of line");
	has_str(buf_str(&out), "NAME=\"wan%n\"\nNEW\n", "one is added");
	udev_rules_edit(RULES, strlen(RULES), names, 0, "", &out, &err);
	is_str(buf_str(&out), RULES, "nothing to do: the same bytes");
	buf_free(&out);
}

static void test_hostile(void)
{
	static const char alphabet[] = "A=\"\\\n,{}# net";
	static const char *const names[] = { "A" };
	char text[200];
	struct unrack_error err;
	struct buf out = { 0 };
	unsigned found = 0;

	for (unsigned seed = 1; seed < 500; seed++) {
		unsigned x = seed, line = 0;
		struct udev_rule r;
		size_t pos = 0;

		for (size_t i = 0; i < sizeof text; i++) {
			x = x * 1103515245u + 12345u;
			text[i] = alphabet[(x >> 16) % (sizeof alphabet - 1)];
		}
		memcpy(text + seed % 100, "SUBSYSTEM==\"net\",NAME=\"A\"", 25);
		while (udev_rule_next(text, sizeof text, &pos, &line, &r)) {
			found++;
			udev_rule_free(&r);
		}
		udev_rules_edit(text, sizeof text, names, 1, "", &out, &err);
	}
	ok(found > 0, "any bytes are safe, %u rules", found);
	buf_free(&out);
}

int main(void)
{
	test_next();
	test_edit();
	test_hostile();
	return tap_done();
}
