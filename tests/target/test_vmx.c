/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/target.h"

static struct unrack_error err;
static struct buf out;
static struct target target;
static struct vm_description vm;
static const char *const one_disk[] = { "web01.vmdk" };
static const char *many_disks[200];
static struct vm_nic nics[12];

static void describe(const char *esx, enum target_scsi scsi, enum target_nic nic)
{
	memset(nics, 0, sizeof nics);
	target = (struct target){ .esx = esx_find(esx), .hw = esx_find(esx)->hw_max, .disk = disk_device_find(scsi),
				  .nic = nic_device_find(nic), .firmware = FIRMWARE_BIOS };
	vm = (struct vm_description){ .name = "web01", .target = &target, .guest_os = "rhel5-64", .memory_mb = 2048,
				      .vcpus = 2, .disks = one_disk, .n_disks = 1, .nics = nics, .n_nics = 1 };
	strcpy(nics[0].mac, "00:1a:4b:11:22:33");
}

static const char *value_of(const char *key)
{
	static char *last;

	free(last);
	last = vmx_get(buf_str(&out), key);
	return last;
}

static void test_usual(void)
{
	static const char *const want[][2] = {
		{ "config.version", "8" }, { "virtualHW.version", "14" }, { "displayName", "web01" },
		{ "guestOS", "rhel5-64" }, { "memSize", "2048" }, { "numvcpus", "2" },
		{ "floppy0.present", "FALSE" }, { "scsi0.present", "TRUE" }, { "scsi0.virtualDev", "pvscsi" },
		{ "scsi0:0.present", "TRUE" }, { "scsi0:0.fileName", "web01.vmdk" },
		{ "scsi0:0.deviceType", "scsi-hardDisk" }, { "pciBridge0.present", "TRUE" },
		{ "pciBridge4.virtualDev", "pcieRootPort" }, { "pciBridge7.functions", "8" },
		{ "vmci0.present", "TRUE" }, { "ethernet0.present", "TRUE" }, { "ethernet0.virtualDev", "vmxnet3" },
		{ "ethernet0.startConnected", "FALSE" }, { "ethernet0.addressType", "static" },
		{ "ethernet0.address", "00:1a:4b:11:22:33" }, { "ethernet0.checkMACAddress", "FALSE" },
		{ "ethernet0.networkName", "VM Network" }, { "hpet0.present", "TRUE" },
		{ "ide1:0.deviceType", "atapi-cdrom" }, { "uuid.action", "create" },
	};

	describe("6.7", SCSI_PVSCSI, NIC_VMXNET3);
	is_int(vmx_write(&vm, &out, &err), 0, "a .vmx is written");
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		is_str(value_of(want[i][0]), want[i][1], "%s is %s", want[i][0], want[i][1]);
	ok(!value_of("firmware"), "BIOS is not named");
	ok(!strncmp(buf_str(&out), ".encoding = \"UTF-8\"\n", 20), "the encoding comes first");
}

static void test_variants(void)
{
	describe("3.5", SCSI_LSILOGIC, NIC_VLANCE);
	is_int(vmx_write(&vm, &out, &err), 0, "for hardware version 4");
	is_str(value_of("virtualHW.version"), "4", "which it says");
	is_str(value_of("scsi0.virtualDev"), "lsilogic", "the controller is named");
	is_str(value_of("ethernet0.virtualDev"), "vlance", "the card is named");
	ok(!value_of("pciBridge0.present") && !value_of("vmci0.present") && !value_of("hpet0.present") &&
	   !value_of("cpuid.coresPerSocket"), "it has none of the later devices");

	describe("5.0", SCSI_IDE, NIC_E1000);
	vm.disks = many_disks;
	vm.n_disks = 3;
	many_disks[0] = "a.vmdk", many_disks[1] = "b.vmdk", many_disks[2] = "c.vmdk";
	vmx_write(&vm, &out, &err);
	is_str(value_of("ide0:0.fileName"), "a.vmdk", "IDE disks begin on the first channel");
	is_str(value_of("ide1:1.fileName"), "c.vmdk", "and leave its place to the CD");
	is_str(value_of("ide0:1.deviceType"), "ata-hardDisk", "as ATA disks");
	ok(!value_of("scsi0.present"), "without a SCSI controller");

	describe("6.5", SCSI_NVME, NIC_E1000E);
	vmx_write(&vm, &out, &err);
	is_str(value_of("nvme0.present"), "TRUE", "an NVMe controller");
	is_str(value_of("nvme0:0.fileName"), "web01.vmdk", "with the disk");
	ok(!value_of("nvme0:0.deviceType"), "which has no type");

	describe("6.0", SCSI_SATA, NIC_E1000E);
	vmx_write(&vm, &out, &err);
	is_str(value_of("sata0:0.fileName"), "web01.vmdk", "a disk on SATA");

	describe("6.7", SCSI_PVSCSI, NIC_VMXNET3);
	for (int i = 0; i < 60; i++)
		many_disks[i] = "d.vmdk";
	many_disks[7] = "eighth.vmdk", many_disks[15] = "sixteenth.vmdk";
	vm.disks = many_disks;
	vm.n_disks = 60;
	is_int(vmx_write(&vm, &out, &err), 0, "sixty SCSI disks");
	is_str(value_of("scsi0:8.fileName"), "eighth.vmdk", "unit 7 is the controller's own");
	ok(!value_of("scsi0:7.present"), "and stays free");
	is_str(value_of("scsi1:0.fileName"), "sixteenth.vmdk", "the sixteenth is on the second controller");
	is_str(value_of("scsi3.virtualDev"), "pvscsi", "and so on to the fourth");

	describe("6.7", SCSI_PVSCSI, NIC_VMXNET3);
	target.firmware = FIRMWARE_EFI;
	vm.connect = true;
	vm.guest_os = "rhel4-64";
	vm.memory_mb = 1001;
	vm.n_nics = 3;
	strcpy(nics[1].mac, "00:50:56:3f:00:01");
	nics[1].network = "DMZ";
	vmx_write(&vm, &out, &err);
	is_str(value_of("firmware"), "efi", "EFI is said");
	is_str(value_of("memSize"), "1004", "memory is rounded up to 4 MB");
	is_str(value_of("hpet0.present"), "FALSE", "RHEL 4 gets no HPET");
	is_str(value_of("ethernet0.startConnected"), "TRUE", "connected when that is wished");
	ok(!value_of("ethernet1.checkMACAddress"), "VMware's own addresses need no exception");
	is_str(value_of("ethernet1.networkName"), "DMZ", "a network of one's own");
	is_str(value_of("ethernet2.addressType"), "generated", "without an address ESX makes one");
	ok(!value_of("ethernet2.address"), "and none is written");
}

static void test_escapes(void)
{
	describe("6.7", SCSI_PVSCSI, NIC_VMXNET3);
	vm.annotation = "a \"quote\", a | pipe,\na line, a \xc3\xa4";
	is_int(vmx_write(&vm, &out, &err), 0, "odd characters");
	has_str(buf_str(&out), "annotation = \"a |22quote|22, a |7C pipe,|0Aa line, a \xc3\xa4\"\n", "are escaped");
	is_str(value_of("annotation"), vm.annotation, "and read back");
	vm.annotation = malloc(5001);
	memset((char *)(uintptr_t)vm.annotation, 'x', 5000);
	((char *)(uintptr_t)vm.annotation)[5000] = '\0';
	vmx_write(&vm, &out, &err);
	is_str(value_of("annotation"), vm.annotation, "a long value is whole");
	free((char *)(uintptr_t)vm.annotation);
}

static void test_get(void)
{
	static const struct {
		const char *text, *key, *want;
	} cases[] = {
		{ "a = \"1\"\nb=\"2\"\n", "b", "2" },
		{ "SCSI0.VirtualDev = \"lsilogic\"\r\n", "scsi0.virtualdev", "lsilogic" },
		{ "  a\t=\t\"x\"", "a", "x" },
		{ "a = bare value\nb = \"1\"", "a", "bare value" },
		{ "a = \"unclosed\nb = \"1\"", "a", "unclosed" },
		{ "# a = \"1\"\n", "a", NULL },
		{ "ab = \"1\"\na = \"2\"\n", "a", "2" },
		{ "a\n", "a", NULL },
		{ "a =", "a", "" },
		{ "a = \"", "a", "" },
		{ "a = \"|22|7\"", "a", "\"|7" },
		{ "a = \"|00x|zz\"", "a", "x|zz" },
		{ "", "a", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *got = vmx_get(cases[i].text, cases[i].key);

		if (cases[i].want)
			is_str(got, cases[i].want, "read %s from line %zu", cases[i].key, i);
		else
			ok(!got, "no %s in %zu", cases[i].key, i);
		free(got);
	}
}

static void test_refusals(void)
{
	describe("6.7", SCSI_PVSCSI, NIC_VMXNET3);
	vm.n_disks = 0;
	is_int(vmx_write(&vm, &out, &err), UNRACK_USAGE, "no disks");
	describe("6.7", SCSI_IDE, NIC_E1000);
	vm.disks = many_disks;
	vm.n_disks = 4;
	is_int(vmx_write(&vm, &out, &err), UNRACK_USAGE, "four IDE disks");
	is_str(err.text, "web01 has 4 disks, and ide controllers take 3; choose another controller with --scsi", "are one too many");
	describe("3.5", SCSI_LSILOGIC, NIC_E1000);
	vm.n_nics = 5;
	is_int(vmx_write(&vm, &out, &err), UNRACK_USAGE, "five cards on ESX 3.5");
	is_str(err.text, "web01 has 5 network cards, ESX 3.5 gives a virtual machine 4 at most", "are one too many");
	describe("3.5", SCSI_LSILOGIC, NIC_E1000);
	vm.vcpus = 8;
	is_int(vmx_write(&vm, &out, &err), UNRACK_USAGE, "eight processors on ESX 3.5");
	has_str(err.text, "can't have 8 processors, ESX 3.5 gives a virtual machine 1 to 4", "are too many");
	describe("3.0", SCSI_LSILOGIC, NIC_E1000);
	vm.memory_mb = 65536;
	is_int(vmx_write(&vm, &out, &err), UNRACK_USAGE, "64 GB on ESX 3.0");
	static const char *const macs[] = { "00:1a:4b:11:22", "00-1a-4b-11-22-33", "01:00:5e:00:00:01",
					    "00:00:00:00:00:00", "0:1a:4b:11:22:333", "x" };
	for (size_t i = 0; i < sizeof macs / sizeof macs[0]; i++) {
		describe("6.7", SCSI_PVSCSI, NIC_VMXNET3);
		strcpy(nics[0].mac, macs[i]);
		is_int(vmx_write(&vm, &out, &err), UNRACK_USAGE, "%s is not an address", macs[i]);
		has_str(err.text, macs[i], "which is said");
	}
}

int main(void)
{
	test_usual();
	test_variants();
	test_escapes();
	test_get();
	test_refusals();
	buf_free(&out);
	return tap_done();
}
