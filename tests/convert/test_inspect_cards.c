/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "el7.h"

static struct unrack_error err;
static struct guest_facts f;

static void inspect(int release)
{
	struct guest *g = el7_open(release, false);

	facts_free(&f);
	is_int(inspect_guest(g, &f, &err), 0, "inspected: %s", err.text);
	guest_close(g);
}

static void test_rules(void)
{
	el7_make(6, el7_bare_image);
	inspect(6);
	is_int(f.n_nics, 1, "one card");
	is_str(f.nics[0].rule, "/etc/udev/rules.d/70-persistent-net.rules", "named by a rule");
	el5_put(SCRIPTS7 "ifcfg-eth0", "DEVICE=eth0\n");
	inspect(6);
	is_str(f.nics[0].mac, MAC7, "whose address it has, when its file has none");
	el5_put(SCRIPTS7 "ifcfg-eth0", "DEVICE=eth0\nHWADDR=00:1a:4b:00:00:01\n");
	inspect(6);
	ok(!f.nics[0].rule, "a rule for another address is not its own");
	el5_put("/etc/udev/rules.d/70-persistent-net.rules", "SUBSYSTEM==\"net\", KERNELS==\"0000:03:00.0\", NAME=\"eth0\"\n");
	inspect(6);
	ok(!f.nics[0].rule, "nor is one that depends on the place");
	el5_put("/etc/udev/rules.d/10-any.rules", "SUBSYSTEM==\"net\", DRIVERS==\"?*\", NAME=\"eth0\"\n");
	inspect(6);
	is_str(f.nics[0].rule, "/etc/udev/rules.d/10-any.rules", "one for any card is");
	el5_clean();
}

static void test_keyfiles(void)
{
	el7_make(9, el7_bare_image);
	el5_put(KEYFILES7 "any.nmconnection", "[connection]\nid=Wired connection 1\ntype=ethernet\n[ipv4]\nmethod=auto\n");
	el5_put(KEYFILES7 "bond.nmconnection", "[connection]\nid=bond0\ntype=bond\ninterface-name=bond0\n");
	el5_put(KEYFILES7 ".swp.nmconnection", "[connection]\nid=x\ntype=ethernet\n");
	el5_put(KEYFILES7 "enp3s0.nmconnection~", "[connection]\nid=y\ntype=ethernet\n");
	inspect(9);
	is_int(f.n_nics, 2, "two cards: a bond and what editors leave are none");
	ok(!strcmp(f.nics[0].name, "Wired connection 1") && f.nics[0].unnamed && !f.nics[0].hwaddr, "one fits any card");
	ok(!strcmp(f.nics[1].name, "enp3s0") && f.nics[1].keyfile && f.nics[1].hwaddr && !f.nics[1].unnamed, "one is named");
	is_str(f.nics[1].mac, MAC7, "its address");
	is_str(f.nics[1].bootproto, "manual", "and method");
	ok(!f.nics[1].rule, "nothing keeps its name");
	el5_put("/etc/systemd/network/10-lan.link", "[Match]\nMACAddress=00:1A:4B:11:22:33\n[Link]\nName=enp3s0\n");
	inspect(9);
	is_str(f.nics[1].rule, "/etc/systemd/network/10-lan.link", "a .link file would");
	el5_put("/etc/systemd/network/10-lan.link", "[Match]\nPath=pci-0000:03:00.0\n[Link]\nName=enp3s0\n");
	inspect(9);
	ok(!f.nics[1].rule, "not one by the place");
	el5_clean();
}

int main(void)
{
	test_rules();
	test_keyfiles();
	facts_free(&f);
	return tap_done();
}
