/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/convert/cards.h"
#include "plan7.h"

#define RULE(name) "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"" MAC7 "\", ATTR{type}==\"1\", NAME=\"" name "\"\n"

static void again(int release)
{
	done7();
	is_int(plan7_with(release, true, NULL), 0, "planned");
	is_int(apply_plan(g, &p, NULL, &err), 0, "applied: %s", err.text);
	done7();
	is_int(plan7(release), 0, "planned again");
	ok(!edit7(CARDS_RULES, EDIT_WRITE), "there is nothing left to do");
	done7();
}

static void test_names(void)
{
	const struct edit *e;

	el7_make(7, el7_image);
	is_int(plan7(7), 0, "RHEL 7: %s", err.text);
	is_str(after7(CARDS_RULES), RULE("enp3s0"), "a name after the place is kept by a rule");
	e = edit7(CARDS_RULES, EDIT_WRITE);
	ok(e && !e->existed && e->mode == 0644, "in a new file");
	is_str(e ? e->label_from : NULL, "/etc/udev/rules.d", "with the folder's label");
	has_str(e ? e->reason : NULL, "so enp3s0 (" MAC7 ") would get another name and its configuration not be used", "which says why");
	ok(!edit7(SCRIPTS7 "ifcfg-enp3s0", EDIT_WRITE), "HWADDR stays");
	again(7);
	el5_remove(CARDS_RULES);
	el5_put("/lib/udev/rename_device", "");
	is_int(plan7(7), 0, "initscripts");
	ok(!edit7(CARDS_RULES, EDIT_WRITE), "do the same by HWADDR");
	done7();
	el5_put(SCRIPTS7 "ifcfg-enp3s0", "DEVICE=enp3s0\nBOOTPROTO=none\n");
	is_int(plan7(7), 0, "the only card, whose address no file says");
	is_str(after7(CARDS_RULES), "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{type}==\"1\", NAME=\"enp3s0\"\n",
	       "gets its name whatever its address");
	has_str(edit7(CARDS_RULES, EDIT_WRITE)->reason, "a rule gives the name to the only card", "which is said");
	done7();
	el5_put(SCRIPTS7 "ifcfg-enp4s0", "DEVICE=enp4s0\n");
	is_int(plan7(7), 0, "two such cards");
	ok(!edit7(CARDS_RULES, EDIT_WRITE), "can't be told apart");
	has_str(warnings7(), "the name enp4s0 comes from the place of the card in the physical machine, and no file says its address", "which is said");
	done7();
	el5_put(SCRIPTS7 "ifcfg-enp4s0", "DEVICE=\"en p4;s0\"\nHWADDR=00:00:00:00:00:02\n");
	el5_put(SCRIPTS7 "ifcfg-enp3s0", "DEVICE=eth0\nHWADDR=00:00:00:00:00:03\n");
	el5_remove("/lib/udev/rename_device");
	is_int(plan7(7), 0, "names that are none");
	has_str(warnings7(), "a network card \"en p4;s0\", which is no name", "are left alone");
	has_str(after7(CARDS_RULES), "ATTR{address}==\"00:00:00:00:00:03\", ATTR{type}==\"1\", NAME=\"eth0\"\n", "ethN needs a rule as well");
	done7();
	el5_clean();
}

static void test_keyfiles(void)
{
	el7_make(9, el7_image);
	el5_put(KEYFILES7 "any.nmconnection", "[connection]\nid=any\ntype=ethernet\n");
	is_int(plan7(9), 0, "RHEL 9: %s", err.text);
	is_str(after7(CARDS_RULES), RULE("enp3s0"), "NetworkManager's names as well; a connection without one needs none");
	again(9);
	el5_clean();
}

static void test_el6(void)
{
	el7_make(6, el7_image);
	is_int(plan7(6), 0, "RHEL 6: %s", err.text);
	ok(!edit7(CARDS_RULES, EDIT_WRITE), "a rule by the address is right: the .vmx keeps it");
	has_str(after7(SCRIPTS7 "ifcfg-eth0"), "#HWADDR=00:1A:4B:11:22:33\n", "the only card is bound to no address, as in RHEL 5");
	done7();
	el5_put(CARDS_RULES, "# old\nSUBSYSTEM==\"net\", DRIVERS==\"bnx2\", ATTR{address}==\"" MAC7 "\", NAME=\"eth0\"\n");
	is_int(plan7(6), 0, "a rule that needs the physical card");
	is_str(after7(CARDS_RULES), "# old\n#SUBSYSTEM==\"net\", DRIVERS==\"bnx2\", ATTR{address}==\"" MAC7 "\", NAME=\"eth0\"\n" RULE("eth0"),
	       "is replaced by one that does not");
	again(6);
	el5_remove(CARDS_RULES);
	is_int(plan7(6), 0, "no rule at all");
	ok(!edit7(CARDS_RULES, EDIT_WRITE), "eth0 is the kernel's name");
	done7();
	el5_put(SCRIPTS7 "ifcfg-eth0", "DEVICE=em1\nHWADDR=00:1A:4B:11:22:33\n");
	is_int(plan7(6), 0, "a name of biosdevname");
	is_str(after7(CARDS_RULES), RULE("em1"), "is kept by a rule");
	done7();
	el5_clean();
}

static void test_kept(void)
{
	struct guest_nic n = { .name = (char *)"eth0" };
	struct buf rules = { 0 };

	el7_make(7, el7_image);
	plan7(7);
	ok(!cards_name_kept(g, &f, NULL, &n, &rules), "eth0 of RHEL 7 is not the kernel's last word");
	ok(!cards_name_kept(g, &f, "net.ifnames=01", &n, &rules), "unless it is told so");
	ok(cards_name_kept(g, &f, "ro net.ifnames=0 quiet", &n, &rules), "by net.ifnames=0");
	n.name = (char *)"eth0x";
	ok(!cards_name_kept(g, &f, "net.ifnames=0", &n, &rules), "which makes no other name");
	n.unnamed = true;
	ok(cards_name_kept(g, &f, NULL, &n, &rules), "what names no card needs none");
	done7();
	el5_clean();
}

int main(void)
{
	test_names();
	test_keyfiles();
	test_el6();
	test_kept();
	return tap_done();
}
