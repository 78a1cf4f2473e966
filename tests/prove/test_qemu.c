/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/prove/parts.h"
#include "../support/tap.h"

static char names[64][32];
static char *overlays[64], *captures[PROVE_NICS_MAX];

static struct qemu_spec spec_of(enum target_scsi scsi, enum target_nic nic, unsigned n_disks)
{
	for (unsigned i = 0; i < 64; i++) {
		snprintf(names[i], sizeof names[i], "/d/overlay-%u", i);
		overlays[i] = names[i];
	}
	for (unsigned i = 0; i < PROVE_NICS_MAX; i++)
		captures[i] = names[i];
	return (struct qemu_spec){
		.program = "/usr/bin/qemu-system-x86_64", .accel = ACCEL_TCG, .memory_mb = 768, .vcpus = 2,
		.scsi = scsi, .disk_model = disk_device_find(scsi)->qemu,
		.nic_model = nic_device_find(nic)->qemu, .overlays = overlays, .n_disks = n_disks,
		.n_nics = 1, .captures = captures, .ram = "/proc/self/fd/5", .serial = "/s",
		.monitor = "/tmp/q/qmp",
	};
}

/* All of them, each followed by a newline. */
static char *command(const struct qemu_spec *s)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf b = { 0 };
	struct arg_vec v = { 0 };

	if (qemu_command(s, &v, &err) == 0) {
		ok(v.at[v.len] == NULL, "the list ends with NULL");
		for (size_t i = 0; i < v.len; i++)
			buf_printf(&b, "%s\n", v.at[i]);
	}
	qemu_args_free(&v);
	return buf_steal(&b);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

static void machine(void)
{
	struct qemu_spec s = spec_of(SCSI_PVSCSI, NIC_VMXNET3, 1);
	char *c = command(&s);

	ok(!strncmp(c, "/usr/bin/qemu-system-x86_64\n", 28), "the program comes first");
	has_str(c, "\n-nodefaults\n", "no devices of QEMU's own choice");
	has_str(c, "\n-accel\ntcg\n", "the accelerator");
	has_str(c, "\n-cpu\nmax,la57=off,-erms,-fsrm\n", "all that the processor can, but what is slow in emulation");
	has_str(c, "\n-smp\n2\n", "processors");
	has_str(c, "size=768M", "memory");
	has_str(c, "mem-path=/proc/self/fd/5,share=on", "which can be read from outside");
	has_str(c, "\n-display\nnone\n", "no window");
	has_str(c, "\nisa-vga\n", "a screen that stays text");
	has_str(c, "path=/tmp/q/qmp\n", "the monitor");
	has_str(c, "reboot=shutdown,shutdown=pause", "a reset or power-off leaves it to be looked at");
	ok(!strstr(c, "snapshot"), "the overlays are no one else's");
	ok(!strstr(c, "pflash"), "BIOS");
	s.efi_code = "/fw/code";
	s.efi_vars = "/fw/a,b";
	free(c);
	c = command(&s);
	has_str(c, "if=pflash,unit=0,format=raw,readonly=on,file=/fw/code\n", "EFI's code is not written to");
	has_str(c, "if=pflash,unit=1,format=qcow2,file=/fw/a,,b\n", "its variables are an overlay");
	ok(!strstr(c, "isa-vga"), "EFI needs a card that it can draw on");
	free(c);
	s.accel = ACCEL_KVM;
	c = command(&s);
	has_str(c, "\n-accel\nkvm\n-cpu\nmax\n", "the other accelerator, and all that the processor can");
	free(c);
}

static void controllers(void)
{
	struct qemu_spec s = spec_of(SCSI_PVSCSI, NIC_VMXNET3, 16);
	char *c = command(&s);

	has_str(c, "\npvscsi,id=hba0\n", "pvscsi");
	has_str(c, "scsi-hd,bus=hba0.0,scsi-id=0,lun=0,drive=disk0,bootindex=1", "the first disk boots first");
	has_str(c, "scsi-id=6,lun=0,drive=disk6,", "unit 6");
	has_str(c, "scsi-id=8,lun=0,drive=disk7,", "unit 7 is the controller's own");
	has_str(c, "scsi-hd,bus=hba1.0,scsi-id=0,lun=0,drive=disk15,", "the sixteenth is the second controller's");
	is_int(count(c, "\npvscsi,"), 2, "of which there are two");
	is_int(count(c, "format=qcow2"), 16, "sixteen overlays");
	has_str(c, "file=/d/overlay-15\n", "with their files");
	free(c);

	s = spec_of(SCSI_LSISAS1068, NIC_E1000, 2);
	c = command(&s);
	has_str(c, "\nmptsas1068,id=hba0\n", "lsisas1068");
	is_int(count(c, "wwn=0x5000c5"), 2, "each disk has a world wide name");
	ok(strcmp(strstr(c, "wwn="), strstr(strstr(c, "wwn=") + 1, "wwn=")) != 0, "of its own");
	free(c);

	s = spec_of(SCSI_SATA, NIC_E1000E, 7);
	c = command(&s);
	has_str(c, "\nich9-ahci,id=hba0\n", "sata");
	has_str(c, "ide-hd,bus=hba0.5,drive=disk5", "six ports");
	has_str(c, "ide-hd,bus=hba1.0,drive=disk6", "the seventh disk is the next controller's");
	free(c);

	s = spec_of(SCSI_NVME, NIC_VLANCE, 16);
	c = command(&s);
	has_str(c, "\nnvme,id=hba0,serial=", "nvme, which needs a serial number");
	has_str(c, "\nnvme-ns,bus=hba0,nsid=1,drive=disk0,bootindex=1\n", "its first disk");
	has_str(c, "\nnvme-ns,bus=hba0,nsid=2,drive=disk1,", "the second is a namespace of the same controller");
	has_str(c, "\nnvme-ns,bus=hba1,nsid=1,drive=disk15,", "the sixteenth is another's");
	is_int(count(c, "\nnvme,"), 2, "of which there are two");
	free(c);

	s = spec_of(SCSI_IDE, NIC_E1000, 3);
	c = command(&s);
	ok(!strstr(c, "piix3-ide"), "ide is the board's own");
	has_str(c, "bus=ide.0,unit=1,drive=disk1,", "with two channels");
	has_str(c, "bus=ide.1,unit=1,drive=disk2,", "the CD's place is left out");
	free(c);
}

static void too_many(void)
{
	static const struct {
		enum target_scsi scsi;
		unsigned n;
	} t[] = { { SCSI_IDE, 4 }, { SCSI_SATA, 64 }, { SCSI_PVSCSI, 61 }, { SCSI_LSISAS1068, 64 },
		  { SCSI_NVME, 64 } };

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct qemu_spec s = spec_of(t[i].scsi, NIC_E1000, t[i].n);
		struct unrack_error err = UNRACK_ERROR_INIT;
		struct arg_vec v = { 0 };

		is_int(qemu_command(&s, &v, &err), UNRACK_UNSUPPORTED, "too many disks for %s",
		       target_scsi_name(t[i].scsi));
		has_str(err.text, "choose another controller with --scsi", "... and what to do");
		qemu_args_free(&v);
	}
}

static void network(void)
{
	static const char macs[2][18] = { "00:1a:4b:11:22:33", "" };
	static const char bad[][18] = { "1,romfile=/etc/x", "01:1a:4b:11:22:33", "00:1a:4b:11:22", "00-1a-4b-11-22-33",
					"00:1a:4b:11:22:3g" };
	struct qemu_spec s = spec_of(SCSI_PVSCSI, NIC_VLANCE, 1);
	char *c;

	s.macs = macs;
	s.n_macs = 2;
	s.n_nics = 3;
	c = command(&s);
	is_int(count(c, "restrict=on"), 3, "closed off, each card");
	ok(!strstr(c, "restrict=off"), "none is open");
	is_int(count(c, "pcnet,netdev=net"), 3, "three cards");
	is_int(count(c, "romfile="), 3, "none of which boots from the network itself");
	is_int(count(c, "mac="), 1, "the known address");
	has_str(c, "netdev=net0,romfile=,mac=00:1a:4b:11:22:33\n", "is the first card's");
	has_str(c, "hostfwd=tcp:127.0.0.1:0-:22", "ssh can be reached from this machine only");
	is_int(count(c, "filter-dump,"), 3, "each card's packets are kept");
	has_str(c, "file=/d/overlay-2\n", "in its own file");
	free(c);
	s.open_network = true;
	c = command(&s);
	is_int(count(c, "restrict=off"), 3, "open when it was asked for");
	free(c);

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		s.macs = &bad[i];
		s.n_macs = s.n_nics = 1;
		c = command(&s);
		ok(!strstr(c, "mac="), "no address of a card: \"%s\"", bad[i]);
		free(c);
	}
}

static void names_with_commas(void)
{
	struct qemu_spec s = spec_of(SCSI_PVSCSI, NIC_E1000, 1);
	char disk[] = "/a,if=floppy/o", capture[] = "/b,c", *c;

	overlays[0] = disk;
	captures[0] = capture;
	s.serial = "/e,f";
	c = command(&s);
	has_str(c, "file=/a,,if=floppy/o\n", "a comma in a disk's name");
	has_str(c, "file=/b,,c\n", "in the capture's");
	has_str(c, "path=/e,,f\n", "in the serial port's");
	free(c);
}

int main(void)
{
	machine();
	controllers();
	too_many();
	network();
	names_with_commas();
	return tap_done();
}
