/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/json.h"
#include "unrack/target.h"

struct json *target_to_json(const struct target *t, bool guest)
{
	struct json *j = json_new_object();
	int bad = !j;

	bad = bad || json_set_str(j, "esx", t->esx->name) < 0 || json_set_int(j, "hw", t->hw) < 0 ||
	      json_set_str(j, "scsi", t->disk->name) < 0 || json_set_str(j, "nic", t->nic->name) < 0 ||
	      json_set_str(j, "firmware", target_firmware_name(t->firmware)) < 0;
	if (guest)
		bad = bad || json_set_str(j, "disk_module", t->disk_module) < 0 ||
		      json_set_str(j, "nic_module", t->nic_module[0] ? t->nic_module : NULL) < 0 ||
		      json_set_str(j, "why", t->why) < 0;
	if (!bad)
		return j;
	json_free(j);
	return NULL;
}
