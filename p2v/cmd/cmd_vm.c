/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vm: NAME.vmx, and the adapter type in the disks' descriptors that goes with it. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "jobs.h"
#include "results.h"
#include "subject.h"
#include "unrack/vmdk.h"

#define DEFAULT_MEMORY_MB 2048
#define MEMORY_UNIT_MB 4 /* ESX takes multiples of it */

static const struct option_spec options[] = {
	TARGET_OPTIONS(struct vm_options, target),
	{ "memory", 0, OPTION_UINT, "MIB", "memory of the VM (default 2048)",
	  offsetof(struct vm_options, memory) },
	{ "vcpus", 0, OPTION_UINT, "N", "processors of the VM (default 1)",
	  offsetof(struct vm_options, vcpus) },
	{ "network", 0, OPTION_STR, "NAME", "port group of the network cards (default \"VM Network\")",
	  offsetof(struct vm_options, network) },
	{ "connect", 0, OPTION_FLAG, NULL, "connect the network cards at power-on",
	  offsetof(struct vm_options, connect) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

static int check_limits(const struct vm_options *o, const struct target *t, struct unrack_error *err)
{
	if (o->memory % MEMORY_UNIT_MB || o->memory > t->esx->memory_max_mb)
		return error_set(err, UNRACK_USAGE, "--memory must be a multiple of %d MiB and at most %llu on "
				 "ESX %s", MEMORY_UNIT_MB, (unsigned long long)t->esx->memory_max_mb,
				 t->esx->name);
	if (o->vcpus > (unsigned)t->esx->vcpus_max)
		return error_set(err, UNRACK_USAGE, "--vcpus may be at most %d on ESX %s", t->esx->vcpus_max,
				 t->esx->name);
	return 0;
}

/* One card for each of the guest's, with its address; one with an address of ESX's making
 * for a guest that has none configured. */
static unsigned make_nics(struct cli *cli, const struct json *guest, const struct vm_options *o,
			  const struct target *t, struct vm_nic *nics, unsigned room)
{
	const struct json *list = json_get(guest, "nics");
	unsigned n = 0;

	if (room > (unsigned)t->esx->nics_max)
		room = (unsigned)t->esx->nics_max;
	for (size_t i = 0; i < json_len(list) && n < room; i++) {
		nics[n] = (struct vm_nic){ .network = o->network };
		snprintf(nics[n++].mac, sizeof nics->mac, "%s", json_str(json_at(list, i), "mac", ""));
	}
	if (n < json_len(list))
		log_warn(&cli->log, "the guest has %zu network cards, ESX %s allows %u; the others are left out",
			 json_len(list), t->esx->name, n);
	if (n == 0)
		nics[n++] = (struct vm_nic){ .network = o->network };
	return n;
}

static int set_adapter(struct subject *s, int n, const struct target *t, struct unrack_error *err)
{
	char *path CLEANUP_FREE = machine_path(s->machine, MACHINE_DESCRIPTOR, n);
	struct buf old CLEANUP_BUF = { 0 }, new CLEANUP_BUF = { 0 };
	const struct io *io = machine_io(s->machine);
	int r = path ? vmdk_read_descriptor(io, path, &old, err) : error_nomem(err);

	if (r == 0)
		r = vmdk_descriptor_set_adapter(buf_str(&old), old.len, t->disk->adapter_type, &new, err);
	if (r < 0 || (old.len == new.len && !memcmp(old.data, new.data, old.len)))
		return r;
	/* Where it is a part of the image, that looks changed: its digests will tell better. */
	return vmdk_replace_descriptor(io, path, &new, err);
}

static int check_sizes(const struct subject *s, const struct target *t, struct unrack_error *err)
{
	for (size_t i = 0; i < machine_disks(s->machine); i++) {
		const struct machine_disk *d = machine_disk(s->machine, i);

		if (d->id.bytes > t->esx->disk_max)
			return error_set(err, UNRACK_UNSUPPORTED, "disk %d has %llu bytes; a virtual disk on ESX %s has "
					 "at most %llu: name a newer ESX with --esx", d->n,
					 (unsigned long long)d->id.bytes, t->esx->name,
					 (unsigned long long)t->esx->disk_max);
	}
	return 0;
}

static int write_vmx(struct cli *cli, struct subject *s, const struct vm_options *o,
		     const struct target *t, const struct json *guest, struct unrack_error *err)
{
	char *path CLEANUP_FREE = machine_path(s->machine, MACHINE_VMX, 0);
	const char *disks[MACHINE_DISKS_MAX];
	struct vm_nic nics[16];
	struct buf text CLEANUP_BUF = { 0 };
	struct vm_description vm = {
		.name = machine_name(s->machine), .target = t,
		.guest_os = target_guest_os(json_str(guest, "family", "rhel"), (int)json_int(guest, "major", 0),
					    (int)json_int(guest, "bits", 64), t->esx),
		.memory_mb = o->memory ? o->memory : DEFAULT_MEMORY_MB,
		.vcpus = o->vcpus ? (int)o->vcpus : 1, .disks = disks, .nics = nics, .connect = o->connect,
	};
	int r;

	if (!path)
		return error_nomem(err);
	for (size_t i = 0; i < s->files.n_disks; i++)
		disks[vm.n_disks++] = s->disks[i].descriptor;
	vm.n_nics = make_nics(cli, guest, o, t, nics, sizeof nics / sizeof nics[0]);
	r = vmx_write(&vm, &text, err);
	for (size_t i = 0; i < machine_disks(s->machine) && r == 0; i++)
		r = set_adapter(s, machine_disk(s->machine, i)->n, t, err);
	if (r == 0)
		r = io_replace_file(machine_io(s->machine), path, text.data, text.len, 0644, err);
	if (r < 0)
		return r;
	json_set_str(cli->result, "vmx", path);
	log_info(&cli->log, "wrote %s: %s, hardware version %d, %s, %u network card%s", path, vm.guest_os, t->hw,
		 t->disk->name, vm.n_nics, vm.n_nics == 1 ? "" : "s");
	if (!o->connect)
		log_info(&cli->log, "the network cards are not connected at power-on: two machines must not be alive "
			 "with one address; connect them when the physical machine is off");
	return 0;
}

static int vm(struct cli *cli, struct subject *s, const struct vm_options *o, struct unrack_error *err)
{
	const struct json *guest;
	struct target_request req;
	struct target t;
	int r = subject_request(s, &o->target, &req, err);

	if (r == 0)
		r = subject_guest(s, &guest, err);
	if (r == 0)
		r = subject_target(s, &req, &t, err);
	if (r == 0)
		results_target(cli, &t, false);
	if (r == 0)
		r = check_limits(o, &t, err);
	if (r == 0)
		r = check_sizes(s, &t, err);
	if (r == 0)
		r = machine_step(s->machine, "vm", "running", err);
	if (r == 0)
		r = subject_guest(s, &guest, err); /* subject_target may have looked again */
	if (r == 0)
		r = write_vmx(cli, s, o, &t, guest, err);
	if (r == 0)
		r = subject_keep_request(s, &req, false, err);
	return r == 0 ? machine_step(s->machine, "vm", "done", err) : r;
}

int job_vm(struct cli *cli, const struct vm_options *o, const char *folder, struct unrack_error *err)
{
	struct subject s;
	int r = subject_open(cli, folder, true, &s, err);

	if (r < 0)
		return r;
	if (s.machine) {
		r = subject_check_quiet(&s, err);
		if (r == 0)
			r = vm(cli, &s, o, err);
	} else {
		r = error_set(err, UNRACK_USAGE, "%s is an image; vm needs a machine folder, as unrack copy makes it",
			      folder);
	}
	subject_close(&s);
	return r;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	(void)n;
	return job_vm(cli, values, operands[0], err);
}

const struct command cmd_vm = {
	.name = "vm",
	.operands = "FOLDER",
	.summary = "write the virtual machine that goes with it (.vmx)",
	.options = options,
	.values_size = sizeof(struct vm_options),
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
