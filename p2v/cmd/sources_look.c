/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the opened sources is to be read, and what happens where it can't be. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/size.h"
#include "sources.h"
#include "unrack/patient.h"
#include "unrack/used.h"

/* A place that can't be read may be lost, unless all else hangs on it. */
static int judge(void *ctx, struct patient_lost *lost, struct unrack_error *err)
{
	struct source_look *look = ctx;
	const struct sources *s = look->of;
	bool vital;
	int r = used_what(s->used, s->raw, look->disk, lost->off, lost->len, look->log, lost->what,
			  sizeof lost->what, &vital, err);

	if (r == 0 && vital)
		r = error_set(err, UNRACK_IO, "what lies there (%.700s) can't be done without: copy the disk with "
			      "ddrescue first, or repair it there", lost->what);
	if (r < 0)
		return r;
	/* A session that was cut reads again what was not durable. */
	lost_forget(&look->lost, lost->off);
	return lost_add(&look->lost, lost->off, lost->len, lost->what, err);
}

void sources_count_lost(const struct sources *s, uint64_t *bytes, uint64_t *ranges)
{
	*bytes = *ranges = 0;
	for (unsigned i = 0; s->looks && i < s->n; i++) {
		*bytes += lost_bytes(&s->looks[i].lost);
		*ranges += s->looks[i].lost.n;
	}
}

static int make_patient(struct sources *s, unsigned i, const struct source_how *how, struct unrack_error *err)
{
	struct sender_disk *d = &s->senders[i];
	struct patient_options o = { .stop = how->stop_at_bad, .max_bytes = how->max_bad, .judge = judge,
				     .ctx = &s->looks[i], .log = how->log };
	struct block_source *patient;
	int r;

	/* Who allows more bytes allows more places, too: in the proportion that holds without that. */
	if (how->max_bad > PATIENT_BYTES)
		o.max_ranges = (unsigned)min_u64(how->max_bad / (PATIENT_BYTES / PATIENT_RANGES), LOST_RANGES_MAX);
	s->looks[i] = (struct source_look){ .of = s, .disk = i, .log = how->log };
	s->raw[i] = d->source;
	r = patient_open(d->source, &o, &patient, err);
	if (r < 0)
		return r;
	d->source = patient;
	d->patient = true;
	return 0;
}

static void tell(const struct sources *s, const struct log *log)
{
	for (size_t i = 0; i < s->used->n_volumes; i++) {
		const struct used_volume *v = &s->used->volumes[i];

		if (v->trouble)
			log_warn(log, "%s of %s: %s", v->name, s->names[v->disk], v->why);
		else if (v->whole)
			log_info(log, "%s of %s is copied as a whole: %s", v->name, s->names[v->disk], v->why);
	}
}

/* An image's time stamp tells of every change, not only of those that a filesystem notes. */
static void add_stamp(const char *path, struct digest *state)
{
	uint8_t stamp[16];
	struct stat st;
	uint64_t sum;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	put_le64(stamp, (uint64_t)st.st_mtim.tv_sec);
	put_le64(stamp + 8, (uint64_t)st.st_mtim.tv_nsec);
	sum = checksum64(stamp, sizeof stamp);
	for (unsigned i = 0; i < sizeof sum; i++)
		state->b[i] ^= (uint8_t)(sum >> 8 * i);
}

int sources_look(struct sources *s, const struct source_how *how, struct unrack_error *err)
{
	int r;

	s->raw = calloc(s->n, sizeof *s->raw);
	s->looks = calloc(s->n, sizeof *s->looks);
	if (!s->raw || !s->looks)
		return error_nomem(err);
	for (unsigned i = 0; i < s->n; i++)
		s->raw[i] = s->senders[i].source;
	r = used_find(s->raw, s->n, how->log, &s->used, err);
	if (r == 0 && !how->live && !how->all_blocks)
		tell(s, how->log);
	for (unsigned i = 0; i < s->n && r == 0; i++) {
		struct sender_disk *d = &s->senders[i];

		/* A filesystem that is in use says nothing about the next moment. */
		if (!how->live) {
			d->map = how->all_blocks ? NULL : s->used->maps[i];
			d->state = s->used->states[i];
			add_stamp(s->names[i], &d->state);
		}
		d->live = how->live;
		d->all_blocks = how->all_blocks;
		r = make_patient(s, i, how, err);
	}
	return r;
}
