/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which images can be fixed. See fix_rig.h. */
#include "fix_rig.h"

/* A whole monolithicSparse VMDK of zeros: header, descriptor, directory and one grain table. */
static void sparse_image(const char *path)
{
	static const char text[] = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
				   "createType=\"monolithicSparse\"\nRW 1954 SPARSE \"web01.sparse\"\n";
	static const struct {
		unsigned at, bytes;
		uint64_t value;
	} fields[] = {
		{ 0, 4, 0x564d444b }, { 4, 4, 1 }, { 8, 4, 1 }, { 12, 8, 1954 }, { 20, 8, 128 }, { 28, 8, 1 },
		{ 36, 8, 1 }, { 44, 4, 512 }, { 56, 8, 2 }, { 64, 8, 128 }, { 73, 4, 0x0a0d200a },
		{ 2 * 512, 4, 3 },
	};
	uint8_t b[8 * 512] = { 0 };
	FILE *f = fopen(path, "w");

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		for (unsigned n = 0; n < fields[i].bytes; n++)
			b[fields[i].at + n] = (uint8_t)(fields[i].value >> 8 * n);
	memcpy(b + 512, text, sizeof text);
	fwrite(b, 1, sizeof b, f);
	fclose(f);
}

static void test_jobs(void)
{
	char path[160];
	struct fix_job job;
	struct fix_report report;
	FILE *f;

	new_image();
	is_int(fix_job_from_image("/nonexistent", io_posix(), NULL, &job, &err), UNRACK_IO, "a missing image");
	is_int(fix_job_from_image(top, io_posix(), NULL, &job, &err), UNRACK_USAGE, "a folder is no image");
	has_str(err.text, "not a machine folder", "it says so");
	is_int(fix_job_from_image("/dev/null", io_posix(), NULL, &job, &err), UNRACK_USAGE, "a device is refused");
	snprintf(path, sizeof path, "%s/web01.qcow2", top);
	f = fopen(path, "w");
	fputs("QFI\xfb and more", f);
	fclose(f);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), UNRACK_UNSUPPORTED, "a qcow2 image is refused");
	has_str(err.text, "qcow2", "by its name");
	snprintf(path, sizeof path, "%s/web01.vmdk", top);
	f = fopen(path, "w");
	fprintf(f, "# Disk DescriptorFile\nversion=1\nCID=1234abcd\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
		   "RW %u VMFS \"web01.img\"\nddb.adapterType = \"lsilogic\"\n", SIZE / 512);
	fclose(f);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), 0, "a descriptor");
	is_str(job.images[0].path, image, "stands for its extent");
	has_str(job.work, "web01.img.unrack/fix", "which has the work folder");
	fix_job_free(&job);

	snprintf(path, sizeof path, "%s/web01.sparse", top);
	sparse_image(path);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), 0, "a sparse VMDK");
	ok(job.images[0].bytes == 1000448 && !strcmp(fix_image_format(&job.images[0]), "vmdk"),
	   "counts with the size of its disk");
	is_int(fix_run(&job, &report, &err), UNRACK_UNSUPPORTED, "and is not fixed");
	has_str(err.text, "web01.sparse is no flat image, and only those are repaired", "with the reason");
	is_int(fix_dry_run(&job, &report, &err), UNRACK_UNSUPPORTED, "nor tried");
	is_int(fix_undo(&job, false, &report, &err), UNRACK_UNSUPPORTED, "nor undone");
	snprintf(path, sizeof path, "%s/web01.sparse.unrack", top);
	ok(access(path, F_OK) < 0, "and nothing is made beside it");
	fix_job_free(&job);

	snprintf(path, sizeof path, "%s/web01.odd", top);
	f = fopen(path, "w");
	fputs("no disk", f);
	fclose(f);
	is_int(fix_job_from_image(path, io_posix(), NULL, &job, &err), 0, "a file of an odd size");
	is_int(fix_run(&job, &report, &err), UNRACK_UNSUPPORTED, "is not fixed");
	has_str(err.text, "no whole number of 512-byte sectors", "and told so");
	fix_job_free(&job);
}

int main(void)
{
	if (!rig_open())
		skip_all("qemu-io is not installed");
	test_jobs();
	rig_close();
	return tap_done();
}
