/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Proofs as far as the firmware: a whole guest takes too long for here. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"
#include "unrack/io.h"
#include "unrack/proc.h"

static char dir[] = "/tmp/unrack-prove-XXXXXX";
static char image[64], proof[64];
static const char *const kept[] = { "console.txt", "screenshot.png", "net.pcap" };

static unsigned files_in(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	if (d)
		closedir(d);
	return n;
}

static struct prove_options options(const struct target *t, const struct prove_disk *disk)
{
	return (struct prove_options){ .disks = disk, .n_disks = 1, .target = t, .dir = proof,
				       .memory_mb = 64, .stall_s = 1200 };
}

static bool same_time(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void empty_disk(void)
{
	struct target t = { .disk = disk_device_find(SCSI_PVSCSI), .nic = nic_device_find(NIC_VMXNET3),
			    .firmware = FIRMWARE_BIOS };
	struct prove_disk disk = { image, "raw" };
	struct prove_options opt = options(&t, &disk);
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct prove_result res = { .ran = false };
	struct buf text CLEANUP_BUF = { 0 };
	struct stat before, after;

	stat(image, &before);
	is_int(prove_run(&opt, &res, &err), 0, "a disk without a system is a result");
	ok(res.ran, "it was tried");
	ok(!res.up, "it did not come up");
	is_int(res.stage, STAGE_FIRMWARE, "the firmware was all");
	has_str(res.why, "No bootable device", "the sentence has the firmware's own words");
	ok(res.seconds < 600, "it was not waited for");
	is_str(res.accel, "tcg", "the accelerator that was asked for");
	ok(res.n_events >= 1 && res.events[0].stage == STAGE_FIRMWARE, "an event");
	has_str(res.events[0].evidence, "VGA text: ", "says where it was seen");
	ok(!res.dhcp && !res.ssh && !res.banner[0], "without a network");
	io_read_file(io_posix(), res.console, 1 << 20, &text, &err);
	has_str(buf_str(&text), "No bootable device", "the console was kept");
	ok(stat(res.screenshot, &after) == 0 && after.st_size > 100, "and a picture of it");
	is_int(files_in(proof), 3, "with the packets, and nothing else");
	stat(image, &after);
	ok(same_time(&before, &after), "the image was not written to");
}

static void not_in_qemu(void)
{
	struct target t = { .disk = disk_device_find(SCSI_BUSLOGIC), .nic = nic_device_find(NIC_VLANCE),
			    .firmware = FIRMWARE_BIOS };
	struct prove_disk disk = { image, "raw" };
	struct prove_options opt = options(&t, &disk);
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct prove_result res = { .ran = true };

	is_int(prove_run(&opt, &res, &err), 0, "a device that QEMU lacks is no error");
	ok(!res.ran && !res.up, "but no proof");
	has_str(res.why, "BusLogic", "and the sentence says why");
}

static void errors(void)
{
	struct target t = { .disk = disk_device_find(SCSI_PVSCSI), .nic = nic_device_find(NIC_VMXNET3),
			    .firmware = FIRMWARE_BIOS };
	struct prove_disk disk = { image, "raw" };
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	struct prove_options opt = options(&t, &disk);
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct prove_result res;
	char *path = strdup(getenv("PATH"));

	opt.log = &log;
	is_int(prove_run(&opt, &res, &err), UNRACK_INTERRUPTED, "a proof can be interrupted");
	opt.log = NULL;
	disk.path = "/nowhere/disk.img";
	is_int(prove_run(&opt, &res, &err), UNRACK_IO, "no such image");
	has_str(err.text, "/nowhere/disk.img", "the sentence names it");
	disk.path = image;
	if (access("/usr/libexec/qemu-kvm", X_OK) < 0) {
		setenv("PATH", "/nowhere", 1);
		is_int(prove_run(&opt, &res, &err), UNRACK_MISSING, "no QEMU");
		has_str(err.text, "install qemu-system-x86", "the sentence says what to install");
		setenv("PATH", path, 1);
	}
	free(path);
}

static void names(void)
{
	is_str(prove_stage_name(STAGE_NONE), "none", "a stage's name");
	is_str(prove_stage_name(STAGE_INITRD), "initrd", "another");
	is_str(prove_stage_name(STAGE_NETWORK), "network", "the last");
}

int main(void)
{
	struct unrack_error err;
	char *path, file[128];
	int fd;

	if (proc_find("qemu-system-x86_64", "", &path, &err) < 0)
		skip_all("%s", err.text);
	free(path);
	if (proc_find("qemu-img", "", &path, &err) < 0)
		skip_all("%s", err.text);
	free(path);
	setenv("UNRACK_ACCEL", "tcg", 1);
	if (!mkdtemp(dir))
		return 1;
	snprintf(image, sizeof image, "%s/disk.img", dir);
	snprintf(proof, sizeof proof, "%s/proof", dir);
	fd = open(image, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0 || mkdir(proof, 0700) < 0)
		return 1;
	close(fd);
	names();
	empty_disk();
	not_in_qemu();
	errors();
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		snprintf(file, sizeof file, "%s/%s", proof, kept[i]);
		unlink(file);
	}
	unlink(image);
	is_int(rmdir(proof), 0, "nothing else was left");
	rmdir(dir);
	return tap_done();
}
