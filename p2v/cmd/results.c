/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "results.h"

void results_target(struct cli *cli, const struct target *t, bool guest)
{
	if (!json_has(cli->result, "target"))
		json_set(cli->result, "target", target_to_json(t, guest));
}

void results_verdict(struct cli *cli, struct json *verdict)
{
	struct json *links = json_get(verdict, "links");

	for (size_t i = 0; i < json_len(links); i++)
		terminal_event(cli->terminal, "link", json_clone(json_at(links, i)));
	json_set(cli->result, "verdict", verdict);
}
