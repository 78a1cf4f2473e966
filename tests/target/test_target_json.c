/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/json.h"
#include "unrack/target.h"

static struct buf text;

static const char *show(const struct target *t, bool guest)
{
	struct json *j = target_to_json(t, guest);

	buf_clear(&text);
	json_write(j, false, &text);
	json_free(j);
	return buf_str(&text);
}

int main(void)
{
	struct target t = { .esx = esx_find("6.7"), .hw = 14, .disk = disk_device_find(SCSI_PVSCSI),
			    .nic = nic_device_find(NIC_E1000), .firmware = FIRMWARE_BIOS,
			    .disk_module = "vmw_pvscsi", .nic_module = "e1000", .why = "it has them" };

	is_str(show(&t, false), "{\"esx\":\"6.7\",\"hw\":14,\"scsi\":\"pvscsi\",\"nic\":\"e1000\",\"firmware\":\"bios\"}",
	       "what the VM is");
	is_str(show(&t, true), "{\"esx\":\"6.7\",\"hw\":14,\"scsi\":\"pvscsi\",\"nic\":\"e1000\",\"firmware\":\"bios\","
	       "\"disk_module\":\"vmw_pvscsi\",\"nic_module\":\"e1000\",\"why\":\"it has them\"}", "and what the guest has for it");
	t.nic_module[0] = '\0';
	has_str(show(&t, true), "\"nic_module\":null", "a card without a driver");
	buf_free(&text);
	return tap_done();
}
