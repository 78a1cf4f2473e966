/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "el5.h"

static struct unrack_error err;
static struct guest_facts f;

static void inspect(void)
{
	struct guest *g = el5_open(false);

	facts_free(&f);
	is_int(inspect_guest(g, &f, &err), 0, "inspected");
	guest_close(g);
}

#define SCRIPTS "/etc/sysconfig/network-scripts/"

int main(void)
{
	el5_make();
	el5_put(SCRIPTS "ifcfg-eth0", "DEVICE=eth0\n#HWADDR=00:1A:4B:11:22:33\n");
	el5_put("/etc/sysconfig/hwconf", "");
	inspect();
	is_str(f.nics[0].mac, "00:1a:4b:11:22:33", "an address that a repair made a comment");
	ok(!f.nics[0].hwaddr, "does not bind the card");
	el5_put("/etc/sysconfig/hwconf", "-\nclass: NETWORK\ndevice: eth1\nnetwork.hwaddr: 00:00:00:00:00:01\n-\nclass: NETWORK\n"
		"device: eth0\nnetwork.hwaddr: 00:1a:4b:AA:bb:cc\n-\nnetwork.hwaddr: 00:00:00:00:00:02\n");
	inspect();
	is_str(f.nics[0].mac, "00:1a:4b:aa:bb:cc", "kudzu's list counts more: it is that card's entry");
	el5_put(SCRIPTS "ifcfg-eth0", "DEVICE=eth0\nHWADDR=none\n");
	inspect();
	is_str(f.nics[0].mac, "00:1a:4b:aa:bb:cc", "what is no address is none");
	ok(f.nics[0].hwaddr, "though the interface is bound to it");
	el5_put("/etc/sysconfig/hwconf", "");
	inspect();
	ok(!f.nics[0].mac, "no address is known");
	el5_put(SCRIPTS "ifcfg-eth0-office", "DEVICE=eth0\n");
	el5_put(SCRIPTS "ifcfg-eth1", "DEVICE=eth1\nMASTER=bond0\nSLAVE=yes\n");
	el5_put(SCRIPTS "ifcfg-bond0", "DEVICE=bond0\n");
	el5_put(SCRIPTS "ifcfg-eth1.7", "DEVICE=eth1.7\nVLAN=yes\n");
	el5_put("/etc/modprobe.conf", "alias eth1 tg3\nalias eth0 e1000\nalias eth0 bnx2\n");
	el5_remove("/etc/rc.d/rc3.d/S05kudzu");
	el5_remove("/etc/rc.d/rc5.d/S05kudzu");
	inspect();
	is_int(f.n_nics, 2, "two cards: two files of one are one, bonds and VLANs are none");
	is_str(f.nics[0].driver, "bnx2", "the last alias counts");
	ok(!f.kudzu, "kudzu does not run");
	facts_free(&f);
	el5_clean();
	return tap_done();
}
