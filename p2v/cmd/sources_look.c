/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the opened sources is to be read, and what happens where it can't be. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/size.h"
#include "sources.h"
#include "unrack/disk.h"
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

/* An image's time stamp tells of every change, not only of those that a filesystem notes. A device has
 * none, but its system counts what is written, as long as it runs: that is asked where nothing on the disk itself
 * would tell, since after a new start of the system all has to be compared. */
static void add_stamp(const char *path, bool loose, struct digest *state)
{
	uint8_t stamp[16];
	struct stat st;
	uint64_t sum;

	if (stat(path, &st) < 0)
		return;
	if (S_ISREG(st.st_mode)) {
		put_le64(stamp, (uint64_t)st.st_mtim.tv_sec);
		put_le64(stamp + 8, (uint64_t)st.st_mtim.tv_nsec);
		sum = checksum64(stamp, sizeof stamp);
	} else if (!loose || !disk_writes(path, &sum)) {
		return;
	}
	for (unsigned i = 0; i < sizeof sum; i++)
		state->b[i] ^= (uint8_t)(sum >> 8 * i);
}

/* The state of disk I, of what FOUND says now. */
static struct digest state_of(const struct sources *s, const struct used *found, unsigned i)
{
	struct digest state = found->states[i];

	add_stamp(s->names[i], found->loose[i], &state);
	return state;
}

/* Nobody may have used the disk while it was read: the map was of before that, and what has come since into
 * space that was free is not in the copy. */
static int check_unchanged(void *ctx, struct unrack_error *err)
{
	struct source_look *look = ctx;
	const struct sources *s = look->of;
	const struct block_source_file_options fresh = { .fresh = true };
	struct block_source *again;
	struct unrack_error dropped;
	struct digest state;
	struct used *now;
	int r;

	/* A disk that goes bad does not say the same each time. */
	for (unsigned i = 0; i < s->n; i++)
		if (lost_bytes(&s->looks[i].lost))
			return 0;
	for (unsigned i = 0; i < s->n; i++)
		if (block_source_open_file(s->names[i], &fresh, &again, &dropped) == 0)
			block_source_close(again);
	r = used_find(s->raw, s->n, look->log, &now, err);
	if (r < 0)
		return r;
	state = state_of(s, now, look->disk);
	used_free(now);
	if (!memcmp(&state, &s->senders[look->disk].state, sizeof state))
		return 0;
	return error_set(err, UNRACK_UNSAFE, "%s was used by somebody while it was copied, so that the copy is of no "
			 "single moment; see that nothing uses it, and copy again, which sends what has changed (or use "
			 "--live)", s->names[look->disk]);
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
			d->state = state_of(s, s->used, i);
			d->check = check_unchanged;
			d->ctx = &s->looks[i];
		}
		d->live = how->live;
		d->all_blocks = how->all_blocks;
		r = make_patient(s, i, how, err);
	}
	return r;
}
