/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of a kernel's drivers are taken, with modules that say what they are. */
#include "../../p2v/convert/drivers.h"
#include "../initrd/made_elf.h"
#include "el5.h"
#include "unrack/check.h"
#include "unrack/plan.h"

#define MAGIC " SMP mod_unload gcc-4.1\n"

static struct unrack_error err;
static struct guest *g;
static struct guest_facts f;
static struct target t;

/* A module of the kernel KVER, that was built for MAGIC_KVER. */
static void put(const char *kver, const char *path, const char *magic_kver, const char *info)
{
	char full[256], text[512];
	struct buf b = { 0 };

	snprintf(full, sizeof full, "/lib/modules/%s/%s", kver, path);
	snprintf(text, sizeof text, "vermagic=%s" MAGIC "%s\n", magic_kver, info);
	made_module(&b, text, NULL);
	el5_put_bytes(full, b.data, b.len);
	buf_free(&b);
}

static void put_kernel(const char *kver)
{
	put(kver, "kernel/drivers/scsi/scsi_mod.ko", kver, "depends=");
	put(kver, "kernel/drivers/scsi/sd_mod.ko", kver, "depends=scsi_mod");
	put(kver, "kernel/drivers/scsi/scsi_transport_spi.ko", kver, "depends=scsi_mod");
	put(kver, "kernel/drivers/message/fusion/mptbase.ko", kver, "depends=scsi_mod");
	put(kver, "kernel/drivers/message/fusion/mptscsih.ko", kver, "depends=mptbase,scsi_mod");
	put(kver, "kernel/drivers/message/fusion/mptspi.ko", kver, "depends=mptscsih,scsi_transport_spi,mptbase\n"
	    "alias=pci:v00001000d00000030sv*sd*bc*sc*i*");
	put(kver, "kernel/drivers/net/e1000/e1000.ko", kver, "depends=\nalias=pci:v00008086d0000100Fsv*sd*bc*sc*i*");
	put(kver, "kernel/drivers/net/e1000e/e1000e.ko", kver, "depends=\nalias=pci:v00008086d000010D3sv*sd*bc*sc*i*");
	put(kver, "kernel/fs/ext3/ext3.ko", kver, "depends=jbd");
	put(kver, "kernel/fs/jbd/jbd.ko", kver, "depends=");
}

static int choose(enum target_scsi scsi, enum target_nic nic)
{
	struct target_request req = { .esx = "6.7", .scsi = scsi, .nic = nic };
	struct target_guest tg;
	int r;

	err = (struct unrack_error)UNRACK_ERROR_INIT;
	g = el5_open(false);
	made(inspect_guest(g, &f, &err) == 0 && facts_target_guest(&f, &tg, &err) == 0, err.text);
	r = target_choose(&req, &tg, &t, &err);
	return r;
}

static void done(void)
{
	facts_free(&f);
	guest_close(g);
}

static void drivers(void)
{
	char why[TARGET_WHY_MAX];

	is_int(choose(SCSI_AUTO, NIC_AUTO), 0, "a target for a kernel whose modules can be read");
	is_str(t.disk_module, "mptspi", "its disks' driver");
	is_str(t.nic_module, "e1000", "its card's");
	has_str(t.why, "; not on pvscsi: the kernel has no vmw_pvscsi", "there is no other");
	done();

	put(EL5, "misc/pvscsi.ko", "2.6.18-8.el5", "depends=scsi_mod\nalias=pci:v000015ADd000007C0sv*sd*bc*sc*i*");
	put(EL5, "misc/vmxnet3.ko", EL5, "depends=\nalias=pci:v000015ADd000007B0sv*sd*bc*sc*i*");
	is_int(choose(SCSI_AUTO, NIC_AUTO), 0, "a driver that does not fit is not taken");
	is_str(t.disk_module, "mptspi", "for disks");
	is_str(t.nic_module, "vmxnet3", "one beside it, that fits, is");
	has_str(t.why, "; not on pvscsi: misc/pvscsi.ko was built for \"2.6.18-8.el5 SMP mod_unload gcc-4.1\", the kernel is \""
		EL5 " SMP mod_unload gcc-4.1\"", "and it is said");
	ok(!facts_module(&f.kernels[0], "pvscsi-x"), "a driver that is not there");
	done();
	is_int(choose(SCSI_PVSCSI, NIC_AUTO), UNRACK_UNSUPPORTED, "it is not even taken when it is asked for");
	has_str(err.text, "no driver for --scsi pvscsi: misc/pvscsi.ko was built for ", "with the reason");
	has_str(err.text, "--scsi lsilogic would work", "and what would do");
	t.disk = disk_device_find(SCSI_PVSCSI);
	t.nic = nic_device_find(NIC_VLANCE);
	drivers_no_disk(&f.kernels[f.default_kernel], &t, why);
	has_str(why, "misc/pvscsi.ko was built for ", "the reason for one kernel");
	drivers_no_nic(&f.kernels[f.default_kernel], &t, why);
	has_str(why, "there is no /lib/modules/" EL5 "/kernel/drivers/net/pcnet32", "or which files are not there");
	done();

	put(EL5, "misc/pvscsi.ko", EL5, "depends=scsi_mod\nalias=pci:v000015ADd000007C0sv*sd*bc*sc*i*");
	put(EL5, "kernel/drivers/net/e1000e/e1000e.ko", EL5, "depends=\nalias=pci:v00008086d0000105Esv*sd*bc*sc*i*");
	is_int(choose(SCSI_AUTO, NIC_E1000E), UNRACK_UNSUPPORTED, "an early driver that does not know the card");
	has_str(err.text, "no driver for --nic e1000e: kernel/drivers/net/e1000e/e1000e.ko is for other devices than 8086:10d3",
		"is told");
	done();
	is_int(choose(SCSI_AUTO, NIC_AUTO), 0, "with one that fits");
	is_str(t.disk_module, "pvscsi", "disks are on pvscsi");
	done();
}

static void plan_and_check(void)
{
	const struct check_link *link = NULL;
	struct check_verdict v = { 0 };
	struct plan p = { 0 };
	bool found = false;

	el5_remove("/lib/modules/" EL5 "/modules.dep");
	choose(SCSI_LSILOGIC, NIC_E1000);
	is_int(plan_make(g, &f, &t, &p, &err), 0, "without modules.dep, too: %s", err.text);
	for (size_t k = 0; k < p.n_edits; k++)
		if (!strcmp(p.edits[k].path, "/boot/initrd-" EL5 ".img") && p.edits[k].kind == EDIT_WRITE) {
			found = true;
			has_str(buf_str(&p.edits[k].summary), "+insmod /lib/scsi_transport_spi.ko", "an initrd gets what the driver needs");
			has_str(buf_str(&p.edits[k].summary), "+insmod /lib/mptscsih.ko", "all of it");
		}
	ok(found, "the initrd is changed");
	plan_free(&p);
	done();

	put(EL5, "misc/pvscsi.ko", "2.6.18-8.el5", "depends=scsi_mod");
	choose(SCSI_AUTO, NIC_AUTO);
	t.disk = disk_device_find(SCSI_PVSCSI);
	is_int(check_guest(g, &f, &t, NULL, &v, &err), 0, "a check for a driver that does not fit");
	for (size_t k = 0; k < v.n_links; k++)
		if (!strcmp(v.links[k].name, "driver"))
			link = &v.links[k];
	is_int(link ? link->state : CHECK_OK, CHECK_BAD, "says that it would not boot");
	has_str(link ? link->evidence : "", "misc/pvscsi.ko was built for \"2.6.18-8.el5 ", "and why");
	check_free(&v);
	done();
}

int main(void)
{
	el5_make();
	put_kernel(EL5);
	put_kernel(OLD_KVER);
	drivers();
	plan_and_check();
	el5_clean();
	return tap_done();
}
