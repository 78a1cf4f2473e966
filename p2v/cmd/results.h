/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several commands say of a target and of a verdict, as JSON: one form for all of them. */
#ifndef CMD_RESULTS_H
#define CMD_RESULTS_H

#include "cli.h"

/* The result's member "target", unless an earlier step has set it. GUEST: as in target_to_json. */
void results_target(struct cli *cli, const struct target *t, bool guest);
/* Each link as an event, and the result's member "verdict". Takes VERDICT over; NULL: no memory. */
void results_verdict(struct cli *cli, struct json *verdict);

#endif
