/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of sysfs. Threads: any. */
#ifndef DISK_SYSFS_H
#define DISK_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first line of DIR/FILE without the spaces that firmware pads with; false when there is no
 * such file or nothing in it. OUT is "" then. */
bool sysfs_value(const char *dir, const char *file, char *out, size_t room);
/* The same as a number, DEF without one. */
uint64_t sysfs_number(const char *dir, const char *file, uint64_t def);

/* Where drivers show what a disk is: SCSI and ATA below device/, virtio (serial) and NVMe (wwid) not. */
bool sysfs_model(const char *dir, char *out, size_t room);
bool sysfs_serial(const char *dir, char *out, size_t room);
bool sysfs_wwid(const char *dir, char *out, size_t room);

/* As disk_writes: by DIR/stat and BOOT_DIR/boot_id. */
bool sysfs_writes(const char *dir, const char *boot_dir, uint64_t *stamp);

#endif
