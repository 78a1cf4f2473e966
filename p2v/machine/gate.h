/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which folders senders may name who are trusted with nothing but their own disks. */
#ifndef P2V_MACHINE_GATE_H
#define P2V_MACHINE_GATE_H

#include "unrack/error.h"
#include "unrack/io.h"

/* FOLDER is relative, each of its parts a machine's name that is neither hidden nor "unrack",
 * and it does not lie within the folder of a machine: what lies there would be taken for
 * that machine's. Refusals are UNRACK_UNSAFE. */
int gate_check_folder(const struct io *io, const char *folder, struct unrack_error *err);

#endif
