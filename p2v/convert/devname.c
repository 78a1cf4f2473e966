/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/devname.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

#define UNDECIDED (-3) /* mentioned; devname_map_settle gives it an image, -1 or -2 */
#define CONTROLLER 256 /* disks of a controller in devname.number: more than any has */

static const struct {
	const char *prefix;
	enum devname_family family;
	unsigned letters; /* how many the disk's name may have; 0: cXdY */
} families[] = {
	{ "hd", DEVNAME_HD, 1 },
	{ "sd", DEVNAME_SD, 3 },
	{ "vd", DEVNAME_VD, 2 },
	{ "xvd", DEVNAME_XVD, 2 },
	{ "i2o/hd", DEVNAME_I2O, 2 },
	{ "cciss/", DEVNAME_CCISS, 0 },
	{ "ida/", DEVNAME_IDA, 0 },
	{ "rd/", DEVNAME_RD, 0 },
};

/* --- Names ---------------------------------------------------------------------------- */
/* A number of at most three digits, none of them a leading zero. */
static bool take_number(const char **p, unsigned *out)
{
	const char *start = *p;

	*out = 0;
	while (isdigit((unsigned char)**p) && *p - start < 3)
		*out = *out * 10 + (unsigned)(*(*p)++ - '0');
	return *p > start && (*start != '0' || *p - start == 1) && !isdigit((unsigned char)**p);
}

static bool take_letters(const char **p, unsigned most, unsigned *number)
{
	unsigned n = 0;

	*number = 0;
	while (islower((unsigned char)**p) && n++ < most)
		*number = *number * 26 + (unsigned)(*(*p)++ - 'a') + 1;
	(*number)--;
	return n > 0 && !islower((unsigned char)**p);
}

/* A letter, then a number: the "d1" of c0d1. */
static bool take_part(const char **p, char letter, unsigned *out)
{
	if (**p != letter)
		return false;
	(*p)++;
	return take_number(p, out);
}

/* What follows the disk's name: nothing, or a partition. */
static bool take_partition(const char *p, bool with_p, unsigned *out)
{
	*out = 0;
	if (!*p)
		return true;
	return (with_p ? take_part(&p, 'p', out) : take_number(&p, out)) && *out > 0 && !*p;
}

bool devname_parse(const char *name, struct devname *out)
{
	const char *s = strncmp(name, "/dev/", 5) ? name : name + 5, *p;
	unsigned a, b;

	memset(out, 0, sizeof *out);
	if (strlen(s) >= sizeof out->disk)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		size_t n = strlen(families[i].prefix);
		bool by_letters = families[i].letters > 0;

		if (strncmp(s, families[i].prefix, n) != 0)
			continue;
		p = s + n;
		if (by_letters ? !take_letters(&p, families[i].letters, &out->number) :
				 !take_part(&p, 'c', &a) || !take_part(&p, 'd', &b))
			return false;
		if (!by_letters)
			out->number = a * CONTROLLER + b;
		out->family = families[i].family;
		memcpy(out->disk, s, (size_t)(p - s));
		return take_partition(p, !by_letters, &out->partition);
	}
	if (strncmp(s, "nvme", 4) != 0)
		return false;
	p = s + 4;
	if (!take_number(&p, &a) || !take_part(&p, 'n', &b) || b == 0)
		return false;
	out->family = DEVNAME_NVME;
	out->number = a * CONTROLLER + b - 1;
	memcpy(out->disk, s, (size_t)(p - s));
	return take_partition(p, true, &out->partition);
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("/_-+:!", c));
}

void devname_find(const char *text, size_t n, size_t *at, size_t *len)
{
	*at = *len = 0;
	for (size_t i = 0; i + 5 < n; i++) {
		char name[DEVNAME_MAX];
		struct devname d;
		size_t end = i;

		if (memcmp(text + i, "/dev/", 5) != 0 ||
		    (i > 0 && (is_name_char(text[i - 1]) || text[i - 1] == '.')))
			continue;
		while (end < n && is_name_char(text[end]))
			end++;
		if (end - i < sizeof name) {
			memcpy(name, text + i, end - i);
			name[end - i] = '\0';
			if (devname_parse(name, &d)) {
				*at = i;
				*len = end - i;
				return;
			}
		}
		i = end - 1;
	}
}

/* A volume of LVM, whose group's name begins like one of multipath or PowerPath: "/dev/mapper/mpathvg-root",
 * "/dev/emcpowervg/root". Theirs have a dash only before "part". */
static bool is_volume(const char *name)
{
	const char *dash = strchr(name, '-');

	if (!strncmp(name, "/dev/mapper/mpath", 17))
		return dash && strncmp(dash, "-part", 5) != 0;
	return !strncmp(name, "/dev/emcpower", 13) && strchr(name + 13, '/');
}

bool devname_is_hardware_alias(const char *name)
{
	/* dmraid's names are those of its metadata formats. */
	static const char *const prefixes[] = {
		"/dev/disk/by-id/", "/dev/disk/by-path/", "/dev/mapper/mpath", "/dev/mpath/", "/dev/emcpower",
		"/dev/ataraid/", "/dev/mapper/pdc_", "/dev/mapper/isw_", "/dev/mapper/nvidia_", "/dev/mapper/sil_",
		"/dev/mapper/via_", "/dev/mapper/hpt37x_", "/dev/mapper/hpt45x_", "/dev/mapper/ddf1_",
		"/dev/mapper/jmicron_", "/dev/mapper/asr_",
	};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return !is_volume(name);
	return false;
}

unsigned devname_alias_partition(const char *name)
{
	static const char mpath[] = "/dev/mapper/mpath";
	const char *p = strstr(name, "-part");
	unsigned n = 0;

	if (p) {
		p += 5;
	} else if (!strncmp(name, mpath, sizeof mpath - 1)) {
		/* RHEL 6 puts a p between, 7 and later do not. */
		p = name + sizeof mpath - 1;
		while (islower((unsigned char)*p))
			p++;
	}
	return p && take_number(&p, &n) && !*p ? n : 0;
}

/* --- The map -------------------------------------------------------------------------- */
void devname_map_init(struct devname_map *m, unsigned images)
{
	memset(m, 0, sizeof *m);
	m->images = images;
	snprintf(m->prefix, sizeof m->prefix, "sd");
}

static struct devname_mapped *find_disk(const struct devname_map *m, const char *disk)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->at[i].disk, disk))
			return (struct devname_mapped *)&m->at[i];
	return NULL;
}

static bool is_taken(const struct devname_map *m, int image)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].image == image)
			return true;
	return false;
}

/* A full map gives NULL: the name stays unknown, and is reported when it is translated. */
static struct devname_mapped *add_disk(struct devname_map *m, const struct devname *d)
{
	struct devname_mapped *e = find_disk(m, d->disk);

	if (e || m->n == DEVNAME_DISKS)
		return e;
	e = &m->at[m->n++];
	memcpy(e->disk, d->disk, sizeof e->disk);
	e->family = d->family;
	e->number = d->number;
	e->image = UNDECIDED;
	return e;
}

static void decide(struct devname_mapped *e, int image, const char *why)
{
	e->image = image;
	snprintf(e->why, sizeof e->why, "%s", why);
}

void devname_map_learn(struct devname_map *m, const char *disk, int image, const char *why)
{
	struct devname d;
	struct devname_mapped *e;

	if (!devname_parse(disk, &d) || d.partition)
		return;
	e = add_disk(m, &d);
	if (!e || e->image != UNDECIDED || image < 0 || (unsigned)image >= m->images)
		return;
	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].image == image && m->at[i].family == e->family)
			return;
	decide(e, image, why);
}

void devname_map_mention(struct devname_map *m, const char *name)
{
	struct devname d;

	if (devname_parse(name, &d))
		add_disk(m, &d);
}

/* With nothing known: a single family that names as many disks as there are images, the
 * first one among them; without that a disk that was not copied may be meant. */
static void settle_by_count(struct devname_map *m)
{
	bool first = false;

	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].image != UNDECIDED || m->at[i].family != m->at[0].family)
			return;
	for (size_t i = 0; i < m->n; i++)
		first |= m->at[i].number % CONTROLLER == 0;
	if (m->n != m->images || !first)
		return;
	for (size_t i = 0; i < m->n; i++) {
		int smaller = 0;

		for (size_t k = 0; k < m->n; k++)
			smaller += m->at[k].number < m->at[i].number;
		decide(&m->at[i], smaller, "as many names as disks, in their order");
	}
}

/* Counts on from a disk of the same family that is known. */
static void settle_by_order(struct devname_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		struct devname_mapped *e = &m->at[i];

		for (size_t k = 0; k < m->n && e->image == UNDECIDED; k++) {
			const struct devname_mapped *known = &m->at[k];
			long image = (long)known->image + (long)e->number - (long)known->number;

			if (known->family == e->family && known->image >= 0 && image >= 0 &&
			    image < (long)m->images && !is_taken(m, (int)image)) {
				decide(e, (int)image, "by its order after ");
				snprintf(e->why + strlen(e->why), sizeof e->why - strlen(e->why), "%.40s",
					 known->disk);
			}
		}
	}
}

void devname_map_settle(struct devname_map *m)
{
	unsigned taken = 0;

	settle_by_count(m);
	settle_by_order(m);
	for (unsigned i = 0; i < m->images; i++)
		taken += is_taken(m, (int)i);
	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].image == UNDECIDED)
			decide(&m->at[i], taken >= m->images ? -1 : -2,
			       taken >= m->images ? "all images have other names" :
						    "nothing says which image it is");
}

void devname_map_target(struct devname_map *m, const char *prefix)
{
	snprintf(m->prefix, sizeof m->prefix, "%s", prefix);
}

void devname_make(const char *prefix, unsigned image, unsigned partition, char out[DEVNAME_MAX])
{
	char disk[16], *p = disk + sizeof disk - 1;

	*p = '\0';
	if (!strcmp(prefix, "nvme")) {
		/* Disks of a virtual controller are its namespaces. */
		snprintf(out, DEVNAME_MAX, partition ? "/dev/nvme0n%up%u" : "/dev/nvme0n%u", image + 1,
			 partition);
		return;
	}
	/* The third IDE disk is hdd: hdc is the CD's place. */
	if (!strcmp(prefix, "hd") && image == 2)
		image = 3;
	for (unsigned i = image + 1; i > 0; i = (i - 1) / 26)
		*--p = (char)('a' + (i - 1) % 26);
	snprintf(out, DEVNAME_MAX, partition ? "/dev/%s%s%u" : "/dev/%s%s", prefix, p, partition);
}

enum devname_result devname_translate(const struct devname_map *m, const char *old, char out[DEVNAME_MAX])
{
	const struct devname_mapped *e;
	struct devname d;

	out[0] = '\0';
	if (!devname_parse(old, &d))
		return DEVNAME_KEPT;
	e = find_disk(m, d.disk);
	if (!e || e->image < -1)
		return DEVNAME_UNSURE;
	if (e->image < 0)
		return DEVNAME_ABSENT;
	devname_make(m->prefix, (unsigned)e->image, d.partition, out);
	if (strncmp(old, "/dev/", 5) != 0)
		memmove(out, out + 5, strlen(out + 5) + 1);
	return strcmp(out, old) ? DEVNAME_NEW : DEVNAME_KEPT;
}

bool devname_locate(const struct devname_map *m, const char *old, int *image, unsigned *partition)
{
	const struct devname_mapped *e;
	struct devname d;

	if (!devname_parse(old, &d))
		return false;
	e = find_disk(m, d.disk);
	if (!e || e->image < 0)
		return false;
	*image = e->image;
	*partition = d.partition;
	return true;
}
