/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"
#include "unrack/proc.h"

#define DISKS 17u /* more than one controller of most kinds takes */

static char dir[] = "/tmp/unrack-vm, a test-XXXXXX"; /* a name that needs care */
static char image[64];
static char *qemu;

static unsigned files_in(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.' || strncmp(e->d_name, ".unrack", 7) == 0;
	if (d)
		closedir(d);
	return n;
}

/* QEMU takes all the devices, on COUNT disks and two cards, and can be asked. */
static void starts(enum target_scsi scsi, enum target_nic nic, unsigned count)
{
	static const char macs[2][18] = { "00:1a:4b:11:22:33", "" };
	struct target t = { .disk = disk_device_find(scsi), .nic = nic_device_find(nic),
			    .firmware = FIRMWARE_BIOS };
	struct prove_disk disks[DISKS];
	struct prove_options opt = { .disks = disks, .n_disks = count, .target = &t, .macs = macs,
				     .n_nics = 2, .dir = dir, .memory_mb = 64 };
	struct unrack_error err = UNRACK_ERROR_INIT;
	static uint8_t cells[32768];
	char lacks[256], what[64];
	int ports[8] = { 0 };
	struct vm vm;
	pid_t pid;

	snprintf(what, sizeof what, "%u disks on %s, %s", count, t.disk->name, t.nic->name);
	for (unsigned i = 0; i < count; i++)
		disks[i] = (struct prove_disk){ image, "raw" };
	if (!ok(vm_start(&vm, &opt, ACCEL_TCG, qemu, lacks, sizeof lacks, &err) == 0, "%s: QEMU starts", what)) {
		printf("# %s %s\n", lacks, err.text);
		vm_stop(&vm);
		return;
	}
	pid = vm.pid;
	is_int(vm_screen(&vm, cells, &err), 0, "%s: its screen can be read", what);
	is_int(vm_forwards(&vm, ports, 8), 2, "%s: both cards can be reached", what);
	ok(ports[0] > 0 && ports[1] > 0 && ports[0] != ports[1], "%s: by their own ports", what);
	ok(!vm_broken(&vm), "%s: nothing is broken", what);
	vm_stop(&vm);
	ok(kill(pid, 0) < 0, "%s: QEMU is gone", what);
	vm_stop(&vm);
	is_int(files_in(dir), 3, "%s: nothing is left but the image and the packets", what);
}

static void refused(void)
{
	struct target t = { .disk = disk_device_find(SCSI_PVSCSI), .nic = nic_device_find(NIC_E1000),
			    .firmware = FIRMWARE_BIOS };
	struct nic_device unknown = { .name = "flux", .qemu = "flux-capacitor" };
	struct prove_disk disk = { "/nowhere/disk.img", "raw" };
	struct prove_options opt = { .disks = &disk, .n_disks = 1, .target = &t, .dir = dir, .memory_mb = 64 };
	struct unrack_error err = UNRACK_ERROR_INIT;
	char lacks[256];
	struct vm vm;

	is_int(vm_start(&vm, &opt, ACCEL_TCG, qemu, lacks, sizeof lacks, &err), UNRACK_IO, "no such image");
	has_str(err.text, "/nowhere/disk.img", "the sentence names it");
	vm_stop(&vm);

	disk.path = image;
	t.nic = &unknown;
	is_int(vm_start(&vm, &opt, ACCEL_TCG, qemu, lacks, sizeof lacks, &err), UNRACK_UNSUPPORTED,
	       "a device that this QEMU lacks");
	has_str(lacks, "flux-capacitor", "QEMU's own words name it");
	vm_stop(&vm);

	t.nic = nic_device_find(NIC_E1000);
	opt.memory_mb = 1u << 30;
	is_int(vm_start(&vm, &opt, ACCEL_TCG, qemu, lacks, sizeof lacks, &err), UNRACK_NOSPACE,
	       "more memory than there is");
	has_str(err.text, "--memory", "the sentence says what to do");
	vm_stop(&vm);
	opt.memory_mb = 64;
	opt.dir = "/nowhere";
	ok(vm_start(&vm, &opt, ACCEL_TCG, qemu, lacks, sizeof lacks, &err) < 0, "no folder");
	has_str(err.text, "/nowhere", "the sentence names it");
	vm_stop(&vm);
}

int main(void)
{
	char *img = NULL, path[128];
	struct unrack_error err;
	int fd;

	if (proc_find("qemu-system-x86_64", "", &qemu, &err) < 0)
		skip_all("%s", err.text);
	if (proc_find("qemu-img", "", &img, &err) < 0)
		skip_all("%s", err.text);
	free(img);
	if (!mkdtemp(dir))
		return 1;
	snprintf(image, sizeof image, "%s/disk.img", dir);
	fd = open(image, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		return 1;
	close(fd);
	starts(SCSI_PVSCSI, NIC_VMXNET3, tap_all() ? DISKS : 2);
	if (tap_all()) {
		starts(SCSI_LSISAS1068, NIC_E1000, 9);
		starts(SCSI_SATA, NIC_E1000E, 7);
		starts(SCSI_NVME, NIC_VLANCE, 16);
	}
	starts(SCSI_IDE, NIC_E1000, 3);
	refused();
	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof path, i == 1 ? "%s/net.pcap" : "%s/net-%d.pcap", dir, i);
		unlink(path);
	}
	unlink(image);
	is_int(rmdir(dir), 0, "nothing else was left");
	free(qemu);
	return tap_done();
}
