/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/disk.h"
#include "unrack/vmdk.h"

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Keeps a malloc'd string as long as the subject. */
static char *keep(struct subject *s, char *text)
{
	if (text)
		s->texts[s->n_texts++] = text;
	return text;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static uint64_t job_bytes(const struct subject *s, int n)
{
	for (unsigned i = 0; i < s->job.n; i++)
		if (s->job.images[i].disk == n)
			return s->job.images[i].bytes;
	return 0;
}

/* What the check wants to know of a disk's files. A missing or odd descriptor is a finding
 * of the check, not an error here. */
static int look_at_disk(struct subject *s, int n, struct check_disk *d, struct unrack_error *err)
{
	char *descriptor = keep(s, machine_path(s->machine, MACHINE_DESCRIPTOR, n));
	char *image = keep(s, machine_path(s->machine, MACHINE_IMAGE, n));
	struct buf text CLEANUP_BUF = { 0 };
	struct unrack_error dropped;
	struct vmdk_descriptor v;
	uint64_t expected;
	struct stat st;

	if (!descriptor || !image)
		return error_nomem(err);
	d->descriptor = base_name(descriptor);
	d->extent = base_name(image);
	d->adapter_type = "";
	d->extent_found = stat(image, &st) == 0;
	d->extent_bytes = d->extent_found ? (uint64_t)st.st_size : 0;
	expected = round_up(machine_find_disk(s->machine, n)->id.bytes, SECTOR_SIZE);
	d->format = machine_find_disk(s->machine, n)->format;
	if (d->format != DISK_FLAT) /* its own size says nothing; fix_job_from_machine knows the disk's */
		d->extent_bytes = job_bytes(s, n);
	if (d->extent_found && d->extent_bytes != expected)
		return error_set(err, UNRACK_UNSAFE, "%s has %llu bytes and had %llu: it changed since unrack wrote "
				 "it; put the image back, or copy the machine into another folder", image,
				 (unsigned long long)d->extent_bytes, (unsigned long long)expected);
	if (vmdk_read_descriptor(machine_io(s->machine), descriptor, &text, &dropped) < 0 ||
	    vmdk_descriptor_parse(buf_str(&text), text.len, descriptor, &v, &dropped) < 0)
		return 0;
	d->descriptor_found = true;
	d->declared_bytes = v.sectors * 512;
	d->adapter_type = keep(s, strdup(v.adapter_type));
	return d->adapter_type ? 0 : error_nomem(err);
}

static int look_at_files(struct subject *s, struct unrack_error *err)
{
	char *vmx = keep(s, machine_path(s->machine, MACHINE_VMX, 0));
	struct buf text CLEANUP_BUF = { 0 };
	struct unrack_error dropped;
	int r = vmx ? 0 : error_nomem(err);

	for (size_t i = 0; i < machine_disks(s->machine) && r == 0; i++)
		r = look_at_disk(s, machine_disk(s->machine, i)->n, &s->disks[i], err);
	if (r < 0)
		return r;
	s->files.disks = s->disks;
	s->files.n_disks = machine_disks(s->machine);
	if (io_read_file(machine_io(s->machine), vmx, 1 << 20, &text, &dropped) == 0) {
		s->files.vmx = base_name(vmx);
		s->files.vmx_text = keep(s, buf_steal(&text));
		if (!s->files.vmx_text)
			return error_nomem(err);
	}
	s->job.files = &s->files;
	return 0;
}

static int open_machine(struct cli *cli, const char *folder, bool change, struct subject *s,
			struct unrack_error *err)
{
	int r = machine_open(io_posix(), folder, &s->machine, err);
	char *dir CLEANUP_FREE = NULL;

	if (r < 0)
		return r;
	if (change) {
		struct lock_options lo = { .log = &cli->log };

		dir = machine_path(s->machine, MACHINE_UNRACK, 0);
		r = dir ? lock_take(dir, &lo, &s->lock, err) : error_nomem(err);
		/* Read again: whoever held the lock may have changed it. */
		if (r == 0) {
			machine_free(s->machine);
			s->machine = NULL;
			r = machine_open(io_posix(), folder, &s->machine, err);
		}
	}
	if (r == 0)
		r = machine_check_files(s->machine, err);
	if (r == 0)
		r = fix_job_from_machine(s->machine, &cli->log, &s->job, err);
	s->job.lock = s->lock;
	return r < 0 ? r : look_at_files(s, err);
}

int subject_open(struct cli *cli, const char *operand, bool change, struct subject *s,
		 struct unrack_error *err)
{
	int r;

	memset(s, 0, sizeof *s);
	if (is_folder(operand))
		r = open_machine(cli, operand, change, s, err);
	else
		r = fix_job_from_image(operand, io_posix(), &cli->log, &s->job, err);
	if (r == 0)
		s->name = strdup(s->job.name);
	if (r == 0 && !s->name)
		r = error_nomem(err);
	if (r < 0)
		subject_close(s);
	return r;
}

int subject_check_quiet(const struct subject *s, struct unrack_error *err)
{
	if (!s->machine || machine_get_state(s->machine) != MACHINE_LIVE)
		return 0;
	return error_set(err, UNRACK_UNSAFE, "%s was copied from a source in use, so its disks are of no single moment; copy it "
			 "again without --live, while nothing writes to the source", machine_folder(s->machine));
}

int subject_still(const struct machine *m, int result, struct unrack_error *err)
{
	struct unrack_error changed;

	if (!m || result == UNRACK_INTERRUPTED || machine_check_still(m, &changed) != UNRACK_UNSAFE)
		return result;
	*err = changed;
	return err->code;
}

void subject_close(struct subject *s)
{
	fix_job_free(&s->job);
	machine_free(s->machine);
	lock_release(s->lock);
	for (unsigned i = 0; i < s->n_texts; i++)
		free(s->texts[i]);
	free(s->name);
	json_free(s->facts);
	memset(s, 0, sizeof *s);
}

int subject_request(const struct subject *s, const struct target_options *o,
		    struct target_request *req, struct unrack_error *err)
{
	const struct machine_target *kept = s->machine ? machine_get_target(s->machine) : NULL;
	struct target_request first = { .hw = 0 };
	int r = 0;

	if (kept && kept->esx[0]) {
		snprintf(first.esx, sizeof first.esx, "%s", kept->esx);
		first.hw = kept->hw;
		if (kept->scsi[0])
			r = target_scsi_parse(kept->scsi, &first.scsi, err);
		if (r == 0 && kept->nic[0])
			r = target_nic_parse(kept->nic, &first.nic, err);
		if (r == 0 && kept->firmware[0])
			r = target_firmware_parse(kept->firmware, &first.firmware, err);
	}
	return r < 0 ? r : target_options_request(o, &first, req, err);
}

int subject_keep_request(struct subject *s, const struct target_request *req, bool fixed,
			 struct unrack_error *err)
{
	struct machine_target t = { .hw = req->hw };

	if (!s->machine || !s->lock || (!fixed && machine_get_target(s->machine)->esx[0]))
		return 0;
	snprintf(t.esx, sizeof t.esx, "%s", req->esx);
	snprintf(t.scsi, sizeof t.scsi, "%s", target_scsi_name(req->scsi));
	snprintf(t.nic, sizeof t.nic, "%s", target_nic_name(req->nic));
	snprintf(t.firmware, sizeof t.firmware, "%s", target_firmware_name(req->firmware));
	machine_set_target(s->machine, &t);
	return machine_save(s->machine, err);
}

int subject_inspect(struct subject *s, struct guest **guest, struct guest_facts *facts,
		    struct unrack_error *err)
{
	int r = fix_open_guest(&s->job, guest, err);
	bool found;

	if (r < 0)
		return r;
	r = inspect_guest(*guest, facts, err);
	found = r == 0;
	if (!s->lock)
		r = subject_still(s->machine, r, err);
	if (found && r < 0)
		facts_free(facts);
	if (r < 0) {
		guest_close(*guest);
		*guest = NULL;
	}
	return r;
}

/* --- What is known without an appliance ------------------------------------------------- */

static const char *any_module(void *ctx, const char *name)
{
	(void)ctx;
	return name;
}

/* REQ with everything decided needs no guest. */
static int target_of(const struct target_request *req, struct target *t, struct unrack_error *err)
{
	struct target_guest g = { .module = any_module, .kver = "", .bits = 64, .release = 5,
				  .efi = req->firmware == FIRMWARE_EFI };

	return target_choose(req, &g, t, err);
}

/* The manifest's decision, if it was made for the same request. */
static bool remembered(const struct subject *s, const struct target_request *req,
		       struct target_request *decided)
{
	const struct json *guest = s->machine ? machine_get_guest(s->machine) : NULL;
	const struct json *t = guest ? json_get(guest, "target") : NULL;
	struct unrack_error dropped;

	*decided = *req;
	if (!t || strcmp(json_str(t, "esx", ""), req->esx) != 0 ||
	    (req->hw && req->hw != json_int(t, "hw", 0)) ||
	    target_scsi_parse(json_str(t, "scsi", ""), &decided->scsi, &dropped) < 0 ||
	    target_nic_parse(json_str(t, "nic", ""), &decided->nic, &dropped) < 0 ||
	    target_firmware_parse(json_str(t, "firmware", ""), &decided->firmware, &dropped) < 0)
		return false;
	decided->hw = (int)json_int(t, "hw", 0);
	return (req->scsi == SCSI_AUTO || req->scsi == decided->scsi) &&
	       (req->nic == NIC_AUTO || req->nic == decided->nic) &&
	       (req->firmware == FIRMWARE_AUTO || req->firmware == decided->firmware);
}

static bool only_bios(const struct subject *s)
{
	struct block_source *source = NULL;
	struct unrack_error dropped;
	bool may = true;

	if (vmdk_open_source(s->job.io, s->job.images[0].path, s->job.images[0].format, &source, &dropped) == 0 &&
	    disk_may_boot_efi(source, &may, &dropped) < 0)
		may = true;
	block_source_close(source);
	return !may;
}

/* Keeps what an inspection found; in the manifest only under the lock, else it is looked up
 * again next time. */
static int remember(struct subject *s, const struct guest_facts *facts, struct unrack_error *err)
{
	const struct json *old = s->machine ? machine_get_guest(s->machine) : NULL;
	struct json *guest = facts_to_json(facts), *target;
	int r;

	if (!guest)
		return error_nomem(err);
	if (!s->machine) {
		json_free(s->facts);
		s->facts = guest;
		return 0;
	}
	target = old ? json_get(old, "target") : NULL;
	if (target)
		json_set(guest, "target", json_clone(target));
	r = machine_set_guest(s->machine, guest, err);
	return r < 0 || !s->lock ? r : machine_save(s->machine, err);
}

int subject_target(struct subject *s, const struct target_request *req, struct target *t,
		   struct unrack_error *err)
{
	struct target_request decided;
	struct target_guest tg;
	struct guest_facts facts;
	struct guest *guest;
	int r;

	if (remembered(s, req, &decided) || (req->scsi != SCSI_AUTO && req->nic != NIC_AUTO &&
					     req->firmware != FIRMWARE_AUTO))
		return target_of(&decided, t, err);
	/* Both devices are named, and the first sector says that it can only be BIOS. */
	if (req->scsi != SCSI_AUTO && req->nic != NIC_AUTO && req->firmware == FIRMWARE_AUTO &&
	    only_bios(s)) {
		decided = *req;
		decided.firmware = FIRMWARE_BIOS;
		return target_of(&decided, t, err);
	}
	r = subject_inspect(s, &guest, &facts, err);
	if (r < 0)
		return r;
	r = remember(s, &facts, err);
	if (r == 0)
		r = facts_target_guest(&facts, &tg, err);
	if (r == 0)
		r = target_choose(req, &tg, t, err);
	facts_free(&facts);
	guest_close(guest);
	return r;
}

static const struct json *known_guest(const struct subject *s)
{
	return s->machine ? machine_get_guest(s->machine) : s->facts;
}

int subject_guest(struct subject *s, const struct json **guest, struct unrack_error *err)
{
	struct guest_facts facts;
	struct guest *g;
	int r;

	*guest = known_guest(s);
	if (*guest && json_has(*guest, "release"))
		return 0;
	r = subject_inspect(s, &g, &facts, err);
	if (r < 0)
		return r;
	r = remember(s, &facts, err);
	facts_free(&facts);
	guest_close(g);
	*guest = known_guest(s);
	return r;
}

char *subject_folder(struct subject *s, const char *name, struct unrack_error *err)
{
	const char *slash = strrchr(s->job.work, '/');
	char *parent CLEANUP_FREE = slash ? strndup(s->job.work, (size_t)(slash - s->job.work)) : strdup(".");
	char *path = NULL;

	if (!parent || asprintf(&path, "%s/%s", parent, name) < 0) {
		error_nomem(err);
		return NULL;
	}
	if (io_mkdir(io_posix(), parent, err) < 0 || io_mkdir(io_posix(), path, err) < 0) {
		free(path);
		return NULL;
	}
	return path;
}
