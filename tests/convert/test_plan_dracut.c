/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan7.h"

#define CONF "/etc/dracut.conf.d/90-unrack.conf"
#define DEVICES "/etc/lvm/devices/system.devices"

static void test_conf(void)
{
	const struct edit *e;

	el7_make(7, el7_image);
	is_int(plan7(7), 0, "planned: %s", err.text);
	e = edit7(CONF, EDIT_WRITE);
	has_str(e ? buf_str(&e->after) : NULL, "\nadd_drivers+=\" vmw_pvscsi \"\n", "blanks on both sides of the driver");
	ok(e && !e->existed && e->mode == 0644, "in a new file");
	is_str(e ? e->label_from : NULL, "/etc/dracut.conf.d", "with the folder's label");
	done7();
	el5_put(CONF, "add_drivers+=\" ahci \"\n");
	is_int(plan7(7), 0, "one for another target");
	e = edit7(CONF, EDIT_WRITE);
	ok(e && e->existed && strstr(buf_str(&e->after), "vmw_pvscsi") && !strstr(buf_str(&e->after), "ahci"), "is written anew");
	done7();
	el5_remove(CONF);
	made(rmdir(el5_path("/etc/dracut.conf.d")) == 0, "no folder");
	el5_put("/etc/dracut.conf", "add_dracutmodules+=\"\"");
	is_int(plan7(7), 0, "without the folder");
	is_str(after7("/etc/dracut.conf"), "add_dracutmodules+=\"\"\nadd_drivers+=\" vmw_pvscsi \"\n", "a line in dracut.conf");
	done7();
	el5_put("/etc/dracut.conf", "add_dracutmodules+=\"\"\nadd_drivers+=\" vmw_pvscsi \"\n");
	is_int(plan7(7), 0, "once");
	is_str(after7("/etc/dracut.conf"), "(not changed)", "only");
	done7();
	el5_remove("/etc/dracut.conf");
	is_int(plan7(7), 0, "a guest without dracut");
	ok(!edit7(CONF, EDIT_WRITE) && !edit7("/etc/dracut.conf", EDIT_WRITE), "gets no file of it");
	done7();
	el5_clean();
}

static void test_devices(void)
{
	const struct edit *e;

	el7_make(9, el7_image);
	el5_put(DEVICES, "# LVM uses devices listed in this file.\nVERSION=1.1.2\nIDTYPE=sys_wwid IDNAME=naa.600508b1001c DEVNAME=/dev/sdb PVID=y\n"
		"IDTYPE=devname IDNAME=/dev/cciss/c0d0p2 DEVNAME=/dev/cciss/c0d0p2 PVID=x PART=2\n");
	is_int(plan7(9), 0, "planned: %s", err.text);
	e = edit7(DEVICES, EDIT_REMOVE);
	has_str(e ? e->reason : NULL, "by what the physical machine's disks are called (naa.600508b1001c)", "a list of the old disks goes");
	has_str(e ? buf_str(&e->before) : NULL, "IDTYPE=sys_wwid", "and is in the diff");
	done7();
	el5_put(DEVICES, "VERSION=1.1.2\n#IDTYPE=sys_wwid IDNAME=a\nIDTYPE=devname IDNAME=/dev/cciss/c0d0p2 PVID=x\n");
	is_int(plan7(9), 0, "one by names that move");
	ok(edit7(DEVICES, EDIT_REMOVE), "goes");
	done7();
	el5_put(DEVICES, "VERSION=1.1.2\n#IDTYPE=sys_wwid IDNAME=a\nIDTYPE=devname IDNAME=/dev/md0 PVID=x\n");
	is_int(plan7(9), 0, "one by names that stay");
	ok(!edit7(DEVICES, EDIT_REMOVE), "stays");
	done7();
	el5_clean();
}

int main(void)
{
	test_conf();
	test_devices();
	return tap_done();
}
