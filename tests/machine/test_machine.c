/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/machine.h"

#define FOLDER "srv/web01"
#define PATH FOLDER "/unrack/manifest.json"

static struct unrack_error err;

static int put(struct machine *m, int n, uint64_t bytes, const char *strict, const char *advisory)
{
	struct machine_disk d = { .n = n, .format = DISK_FLAT };
	int r = identity_init(&d.id, bytes, strict, advisory, &err);

	if (r == 0)
		r = machine_put_disk(m, &d, &err);
	identity_free(&d.id);
	return r;
}

static void test_round_trip(void)
{
	struct twin_io *t = twin_io_new(NULL);
	struct machine *m = NULL;
	struct machine_target target = { .esx = "6.7", .scsi = "pvscsi", .hw = 14, .firmware = "bios" };
	struct json *guest = json_new_object();
	const struct machine_disk *d;

	is_int(machine_open(twin_io(t), FOLDER, &m, &err), UNRACK_USAGE, "a folder without a manifest");
	is_int(err.sys_errno, ENOENT, "is told as such");
	is_str(err.text, "srv/web01 is not a machine folder: it has no unrack/manifest.json", "the sentence");
	is_int(machine_new(twin_io(t), FOLDER, &m, &err), 0, "a new machine");
	ok(!twin_io_exists(t, PATH), "is not written yet");
	ok(machine_disks(m) == 0 && !machine_get_guest(m) && !machine_get_target(m)->esx[0],
	   "it has nothing");
	put(m, 1, 1000, "mbr=2\n", "");
	put(m, 0, INT64_MAX, "1.ext3=u-u\nmbr=1\n", "serial=A B\n");
	machine_set_target(m, &target);
	json_set_str(guest, "family", "rhel");
	is_int(machine_set_guest(m, guest, &err), 0, "what was found in the guest");
	is_int(machine_save(m, &err), 0, "saved");
	machine_free(m);

	is_int(machine_open(twin_io(t), FOLDER "/", &m, &err), 0, "and opened");
	is_int(machine_disks(m), 2, "two disks");
	d = machine_disk(m, 0);
	ok(d->n == 0 && d->id.bytes == INT64_MAX && d->format == DISK_FLAT && !d->restart && !d->stream,
	   "in order of their numbers");
	is_str(d->id.strict, "1.ext3=u-u\nmbr=1\n", "strict identity");
	is_str(d->id.advisory, "serial=A B\n", "advisory identity");
	is_int(machine_find_disk(m, 1)->id.bytes, 1000, "found by number");
	ok(!machine_find_disk(m, 2), "or not");
	ok(!memcmp(machine_get_target(m), &target, sizeof target), "the target");
	is_str(json_str(machine_get_guest(m), "family", ""), "rhel", "the guest");
	is_int(put(m, 1, 2000, "mbr=3\n", ""), 0, "a disk is replaced");
	ok(machine_disks(m) == 2 && machine_find_disk(m, 1)->id.bytes == 2000, "not added");
	is_int(machine_put_disk(m, machine_disk(m, 1), &err), 0, "by itself as well");
	is_str(machine_disk(m, 1)->id.strict, "mbr=3\n", "unharmed");
	is_int(put(m, 60, 1, "", ""), UNRACK_USAGE, "there is no disk 60");
	is_int(put(m, -1, 1, "", ""), UNRACK_USAGE, "and no disk -1");
	is_int(put(m, 5, (uint64_t)INT64_MAX + 1, "", ""), UNRACK_UNSUPPORTED, "nor one so large");
	machine_free(m);
	twin_io_free(t);
}

static void test_steps(void)
{
	struct twin_io *t = twin_io_new(NULL);
	struct machine *m = NULL;
	char *text;

	machine_new(twin_io(t), FOLDER, &m, &err);
	is_str(machine_step_state(m, "copy"), "", "a step that never ran");
	is_int(machine_step(m, "copy", "running", &err), 0, "it runs");
	is_str(machine_step_state(m, "copy"), "running", "and says so");
	text = (char *)twin_io_get(t, PATH, NULL);
	has_str(text, "\"ended\": null", "it has no end");
	has_str(text, "\"started\": \"20", "but a start");
	has_str(text, "Z\",", "in UTC");
	has_str(text, "\"tool\": \"unrack ", "and the tool");
	free(text);
	machine_step(m, "fix", "running", &err);
	is_int(machine_step(m, "copy", "done", &err), 0, "it ends");
	machine_free(m);
	machine_open(twin_io(t), FOLDER, &m, &err);
	is_str(machine_step_state(m, "copy"), "done", "its end is kept");
	is_str(machine_step_state(m, "fix"), "running", "each step for itself");
	machine_step(m, "copy", "running", &err);
	text = (char *)twin_io_get(t, PATH, NULL);
	ok(strstr(text, "\"copy\"") && !strstr(strstr(text, "\"copy\"") + 1, "\"copy\""),
	   "a second run takes the place of the first");
	free(text);
	machine_free(m);
	twin_io_free(t);
}

/* The manifest is replaced: after a power failure at any point it is the old or the new. */
static void test_crash(void)
{
	struct twin_io *t = twin_io_new(NULL);
	struct machine *m = NULL;
	bool whole = true, seen_old = false, seen_new = false;
	size_t from;

	machine_new(twin_io(t), FOLDER, &m, &err);
	put(m, 0, 1, "mbr=1\n", "");
	machine_save(m, &err);
	from = twin_io_records(t);
	put(m, 1, 1, "mbr=2\n", "");
	machine_save(m, &err);
	machine_free(m);
	for (size_t calls = from; calls <= twin_io_records(t); calls++) {
		for (uint32_t seed = 0; seed < 6; seed++) {
			struct twin_io *c = twin_io_crash(t, calls, seed ? TWIN_TORN : TWIN_DROP, seed);

			m = NULL;
			if (machine_open(twin_io(c), FOLDER, &m, &err) < 0) {
				printf("# after %zu calls: %s\n", calls, err.text);
				whole = false;
			} else {
				seen_old |= machine_disks(m) == 1;
				seen_new |= machine_disks(m) == 2;
				whole &= calls < twin_io_records(t) || machine_disks(m) == 2;
			}
			machine_free(m);
			twin_io_free(c);
		}
	}
	ok(whole && seen_old && seen_new, "a power failure leaves the old manifest or the new one");
	for (enum twin_op op = TWIN_OPEN; op < TWIN_OPS; op++) {
		if (op == TWIN_PREAD || op == TWIN_TRUNCATE || op == TWIN_PUNCH || op == TWIN_UNLINK)
			continue;
		m = NULL;
		machine_open(twin_io(t), FOLDER, &m, &err);
		twin_io_fault(t, (struct twin_fault){ op, NULL, 1, false, EIO });
		is_int(machine_save(m, &err), UNRACK_IO, "if call %d fails, saving does", op);
		twin_io_heal(t);
		machine_free(m);
		m = NULL;
		is_int(machine_open(twin_io(t), FOLDER, &m, &err), 0, "and a whole manifest is left");
		machine_free(m);
	}
	twin_io_free(t);
}

static void test_stamp(void)
{
	char root[] = "/tmp/unrack-stamp-XXXXXX", folder[64], image[128];
	struct machine *m = NULL;

	if (!mkdtemp(root))
		exit(1);
	snprintf(folder, sizeof folder, "%s/w", root);
	snprintf(image, sizeof image, "%s/w/w-flat.vmdk", root);
	machine_make_folder(io_posix(), folder, &err);
	machine_new(io_posix(), folder, &m, &err);
	put(m, 0, 1, "", "");
	is_int(machine_stamp_image(m, 0, &err), UNRACK_IO, "no image, no stamp");
	io_replace_file(io_posix(), image, "x", 1, 0600, &err);
	is_int(machine_stamp_image(m, 0, &err), 0, "the image's time stamp is noted");
	ok(machine_find_disk(m, 0)->image_mtime_ns > (uint64_t)1700000000 * 1000000000,
	   "in nanoseconds");
	is_int(machine_stamp_image(m, 1, &err), UNRACK_INTERNAL, "of a disk that is there");
	machine_free(m);
	unlink(image);
	snprintf(image, sizeof image, "%s/w/unrack", root);
	rmdir(image);
	rmdir(folder);
	rmdir(root);
}

static void test_file(void)
{
	char path[] = "/tmp/unrack-file-XXXXXX";
	struct machine *m = NULL;
	int fd = mkstemp(path);

	close(fd);
	is_int(machine_open(io_posix(), path, &m, &err), UNRACK_USAGE, "a file");
	has_str(err.text, "is not a machine folder: it is no folder", "is none");
	unlink(path);
}

int main(void)
{
	test_file();
	test_round_trip();
	test_steps();
	test_crash();
	test_stamp();
	return tap_done();
}
