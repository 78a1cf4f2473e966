/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cli.h"

int target_options_request(const struct target_options *o, const struct target_request *defaults,
			   struct target_request *req, struct unrack_error *err)
{
	int r = 0;

	memset(req, 0, sizeof *req);
	if (defaults)
		*req = *defaults;
	if (o->esx) {
		if (!esx_find(o->esx))
			return error_set(err, UNRACK_USAGE, "\"%s\" is not a known ESX version; known are %s",
					 o->esx, esx_list());
		snprintf(req->esx, sizeof req->esx, "%s", o->esx);
	}
	if (o->scsi)
		r = target_scsi_parse(o->scsi, &req->scsi, err);
	if (r == 0 && o->nic)
		r = target_nic_parse(o->nic, &req->nic, err);
	if (r == 0 && o->firmware)
		r = target_firmware_parse(o->firmware, &req->firmware, err);
	if (r < 0)
		return r;
	if (o->hw)
		req->hw = (int)o->hw;
	if (!req->esx[0])
		return error_set(err, UNRACK_USAGE, "which ESX version is it for? Say --esx with one of %s",
				 esx_list());
	return 0;
}
