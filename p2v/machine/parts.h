/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of struct machine, for the files of this folder. */
#ifndef P2V_MACHINE_PARTS_H
#define P2V_MACHINE_PARTS_H

#include "base/vec.h"
#include "unrack/machine.h"

DEFINE_VEC(machine_disk_vec, struct machine_disk);

struct machine {
	const struct io *io;
	char *folder;
	char name[MACHINE_NAME_MAX + 1];
	/* What the members below do not hold, among it all keys that are not known here; on
	 * saving they are written over it. */
	struct json *doc;
	enum machine_state state;
	struct machine_disk_vec disks; /* sorted by number */
	struct machine_target target;
};

/* machine_folder_name of a folder in terms of IO. */
int machine_name_in(const struct io *io, const char *folder, char name[MACHINE_NAME_MAX + 1],
		    struct unrack_error *err);

/* M->doc into the other members. */
int machine_from_json(struct machine *m, struct unrack_error *err);
/* And back over it. -1: no memory. */
int machine_to_json(struct machine *m);

#endif
