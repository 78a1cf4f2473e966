/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/vec.h"
#include "lock_record.h"
#include "unrack/digest.h"

#define STALE_MS 10000u
/* The counter advances that many times while others wait for it. */
#define BEATS 10u
/* How long two that came together may take to settle who goes on. */
#define CONTEND_MS 60000u
/* How often to look whether a live owner has gone; more often in a short time. */
#define WAIT_STEP_MS 200u
#define PREFIX "lock."
#define ALIAS "/lock"
#define ALIAS_TMP ".name"

/* A record that can't be looked up: what its file said, and since when it says so. */
struct watched {
	char token[LOCK_TOKEN_DIGITS + 1];
	uint64_t seen;    /* the counter, or a checksum of what is no record */
	uint64_t since;   /* ms, our monotonic clock */
	bool changed;     /* it moved while we looked: its owner lives */
};
DEFINE_VEC(watched_vec, struct watched);

struct lock {
	char *dir, *path; /* PATH: our own file */
	const struct io *io;
	struct lock_record self;
	unsigned stale_ms;
	uint64_t wait_until; /* for a live owner to go */
	unsigned wait_step;
	bool said_waiting;
	const struct log *log;
	struct watched_vec watched;
	int fd;              /* of our own file, or -1 */
	size_t counter_at;
	pthread_mutex_t mutex; /* the counter, last_beat, ending */
	pthread_cond_t wake;
	pthread_t thread;
	bool beating, ending;
	uint64_t last_beat;
};

/* Malloc'd; NULL: no memory. */
static char *join(const char *a, const char *b)
{
	char *s;

	return asprintf(&s, "%s%s", a, b) < 0 ? NULL : s;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void sleep_ms(unsigned ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/* --- Our own file ----------------------------------------------------------------------- */

/* What is published here is only ever written through this descriptor. */
static int publish(struct lock *l, struct unrack_error *err)
{
	char text[LOCK_RECORD_MAX];
	size_t n;
	int r;

	l->self.counter = 0;
	n = lock_record_write(&l->self, text, &l->counter_at);
	r = io_open(l->io, l->path, O_RDWR | O_CREAT | O_EXCL, 0644, &l->fd, err);
	if (r == 0)
		r = io_pwrite_all(l->io, l->fd, l->path, text, n, 0, err);
	/* The sync is for other hosts: on a network filesystem it sends what was written. */
	if (r == 0)
		r = io_fdatasync(l->io, l->fd, l->path, err);
	return r < 0 ? error_suffix_room(err) : 0;
}

static void withdraw(struct lock *l)
{
	if (l->fd < 0)
		return;
	l->io->ops->unlink(l->io->ctx, l->path);
	l->io->ops->close(l->io->ctx, l->fd);
	l->fd = -1;
}

/* Advances the counter. With the mutex held, or before there is a thread. */
static int beat(struct lock *l)
{
	char digits[LOCK_COUNTER_DIGITS + 1];
	struct unrack_error dropped;

	snprintf(digits, sizeof digits, "%020" PRIu64, l->self.counter + 1);
	if (io_pwrite_all(l->io, l->fd, l->path, digits, LOCK_COUNTER_DIGITS, l->counter_at, &dropped) < 0 ||
	    io_fdatasync(l->io, l->fd, l->path, &dropped) < 0)
		return -1;
	l->self.counter++;
	l->last_beat = now_ms();
	return 0;
}

/* 1: a record, 0: something else, else a negative errno. Opened, not looked up: this makes a
 * network filesystem ask its server. */
static int read_record(const struct io *io, const char *path, struct lock_record *r, uint64_t *sum)
{
	int fd = io->ops->open(io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	char text[LOCK_RECORD_MAX];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = io->ops->pread(io->ctx, fd, text, sizeof text, 0);
	io->ops->close(io->ctx, fd);
	if (n < 0)
		return (int)n;
	*sum = checksum64(text, (size_t)n);
	return lock_record_parse(text, (size_t)n, r) ? 1 : 0;
}

/* Is the file with our name still the one that we made? */
static bool still_there(const struct lock *l)
{
	struct lock_record r;
	uint64_t sum;

	return read_record(l->io, l->path, &r, &sum) > 0 && !strcmp(r.token, l->self.token);
}

/* --- The others ------------------------------------------------------------------------- */

enum verdict {
	GONE,      /* no file, or its owner is dead */
	WAIT,      /* not known yet */
	CONTENDER, /* alive, has not won */
	OWNER,     /* alive */
};

static struct watched *watch(struct lock *l, const char *token, uint64_t value)
{
	for (size_t i = 0; i < l->watched.len; i++) {
		struct watched *w = &l->watched.at[i];

		if (strcmp(w->token, token) != 0)
			continue;
		if (w->seen != value) {
			w->seen = value;
			w->since = now_ms();
			w->changed = true;
		}
		return w;
	}
	if (watched_vec_push(&l->watched, (struct watched){ .seen = value, .since = now_ms() }) < 0)
		return NULL;
	snprintf(l->watched.at[l->watched.len - 1].token, sizeof l->watched.at[0].token, "%s", token);
	return &l->watched.at[l->watched.len - 1];
}

/* The name is that owner's alone, so it does no harm if this comes late or twice. */
static void remove_dead(const struct io *io, const char *path)
{
	CLEANUP_FREE char *tmp = join(path, ALIAS_TMP);

	if (tmp)
		io->ops->unlink(io->ctx, tmp);
	io->ops->unlink(io->ctx, path);
}

/* Judges the file of TOKEN. R gets what it says; a record that is none has pid 0. */
static enum verdict judge(struct lock *l, const char *token, const char *path,
			  struct lock_record *r)
{
	uint64_t sum = 0;
	int is_record = read_record(l->io, path, r, &sum);
	enum lock_life life = LOCK_FOREIGN;
	struct watched *w;

	if (is_record == -ENOENT || is_record == -ESTALE)
		return GONE;
	if (is_record > 0)
		life = lock_record_life(r, &l->self);
	if (life == LOCK_ALIVE)
		return r->counter > 0 ? OWNER : CONTENDER;
	if (life == LOCK_FOREIGN) {
		/* Whatever does not move for long enough is dead, be it a record or the torn
		 * beginning of one. */
		w = watch(l, token, is_record > 0 ? r->counter : sum);
		if (!w || now_ms() - w->since < l->stale_ms)
			return w && w->changed ? OWNER : WAIT;
	}
	remove_dead(l->io, path);
	return GONE;
}

struct others {
	enum verdict worst;
	struct lock_record who;  /* of the worst one */
	bool smaller;            /* some contender's token is smaller than ours */
};

/* Looks at all other records in the folder. */
static int look_around(struct lock *l, struct others *o, struct unrack_error *err)
{
	DIR *dir CLEANUP_CLOSEDIR = io_opendir(l->io, l->dir, err);
	struct dirent *e;

	*o = (struct others){ .worst = GONE };
	if (!dir)
		return err->code;
	while ((errno = 0, e = readdir(dir))) {
		const char *token = e->d_name + strlen(PREFIX);
		CLEANUP_FREE char *folder = NULL, *path = NULL;
		struct lock_record r = { .pid = 0 };
		enum verdict v;

		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    strlen(token) != LOCK_TOKEN_DIGITS || !strcmp(token, l->self.token))
			continue;
		folder = join(l->dir, "/");
		path = folder ? join(folder, e->d_name) : NULL;
		if (!path)
			return error_nomem(err);
		v = judge(l, token, path, &r);
		if (v == CONTENDER && strcmp(token, l->self.token) < 0)
			o->smaller = true;
		if (v > o->worst) {
			o->worst = v;
			o->who = r;
		}
	}
	return errno ? error_errno(err, errno, "can't read the folder %s", l->dir) : 0;
}

/* How much of the path is the folder of the machine. */
static int folder_length(const struct lock *l)
{
	size_t n = strlen(l->dir);

	return (int)(n > 7 && !strcmp(l->dir + n - 7, "/unrack") ? n - 7 : n);
}

static const char *host_of(const struct lock_record *who)
{
	return *who->host ? who->host : "an unknown host";
}

static int held(const struct lock *l, const struct lock_record *who, struct unrack_error *err)
{
	error_set(err, UNRACK_UNSAFE,
		  "%.*s is in use by another unrack, process %ld on %s; wait until it ends, or stop "
		  "it, and run the same command again", folder_length(l), l->dir, (long)who->pid,
		  host_of(who));
	err->sys_errno = EBUSY;
	return err->code;
}

/* --- Taking it -------------------------------------------------------------------------- */

static int interrupted(const struct lock *l, struct unrack_error *err)
{
	return error_set(err, UNRACK_INTERRUPTED, "interrupted while waiting for the lock of %s", l->dir);
}

/* A live owner: gives it some of the time that it may be waited for. */
static int wait_for_owner(struct lock *l, const struct lock_record *who, struct unrack_error *err)
{
	uint64_t now = now_ms();

	if (now >= l->wait_until)
		return held(l, who, err);
	if (!l->said_waiting)
		log_warn(l->log, "waiting for %s pid %ld to leave %.*s", host_of(who), (long)who->pid,
			 folder_length(l), l->dir);
	l->said_waiting = true;
	if (log_stop_asked(l->log))
		return interrupted(l, err);
	sleep_ms((unsigned)min_u64(l->wait_step, l->wait_until - now));
	return 0;
}

/* Waits until everybody else is gone, or somebody is the owner for longer than we wait. */
static int wait_for_others(struct lock *l, struct unrack_error *err)
{
	bool said = false;
	struct others o;
	int r;

	for (;;) {
		r = look_around(l, &o, err);
		if (r < 0)
			return r;
		if (o.worst == OWNER) {
			r = wait_for_owner(l, &o.who, err);
			if (r < 0)
				return r;
			continue;
		}
		if (o.worst != WAIT)
			return 0;
		if (!said)
			log_info(l->log, "%s is locked by process %ld on %s: waiting up to %u seconds to see "
				 "whether that is alive", l->dir, (long)o.who.pid, o.who.host,
				 (l->stale_ms + 999) / 1000);
		said = true;
		if (log_stop_asked(l->log))
			return interrupted(l, err);
		sleep_ms((unsigned)max_u64(1, min_u64(100, l->stale_ms / 20)));
	}
}

/* With our file made: 1 if we are alone and so the owner, 0 to try again later. */
static int settle(struct lock *l, uint64_t until, struct unrack_error *err)
{
	struct others o;
	int r;

	for (;;) {
		r = look_around(l, &o, err);
		if (r < 0)
			return r;
		if (o.worst == OWNER)
			return now_ms() < l->wait_until ? 0 : held(l, &o.who, err);
		if (o.worst == GONE)
			/* Unless we stood still for so long that others gave us up. */
			return beat(l) == 0 && still_there(l) ? 1 : 0;
		if (o.worst == WAIT || o.smaller || now_ms() > until || log_stop_asked(l->log))
			return 0;
		/* Of the contenders we have the smallest token: the others give way. */
		sleep_ms(1);
	}
}

static int contend(struct lock *l, struct unrack_error *err)
{
	uint64_t until = now_ms() + CONTEND_MS;
	struct others o;
	int r;

	while (now_ms() < until) {
		uint64_t before = now_ms();

		r = wait_for_others(l, err);
		if (r < 0)
			return r;
		until += now_ms() - before; /* waiting for a foreign owner does not count */
		r = publish(l, err);
		if (r == 0)
			r = settle(l, until, err);
		if (r == 1)
			return 0;
		withdraw(l);
		if (r < 0)
			return r;
		if (log_stop_asked(l->log))
			return interrupted(l, err);
		sleep_ms(1 + (unsigned)(checksum64(&l->self, sizeof l->self) + now_ms()) % 8);
	}
	r = look_around(l, &o, err);
	if (r < 0 || o.worst != GONE)
		return r < 0 ? r : held(l, &o.who, err);
	return error_set(err, UNRACK_IO, "can't keep a lock file in %s, and nobody else holds one", l->dir);
}

static void *heart(void *arg)
{
	struct lock *l = arg;
	struct timespec at;

	pthread_mutex_lock(&l->mutex);
	while (!l->ending) {
		uint64_t next = now_ms() + max_u64(1, l->stale_ms / BEATS);

		at = (struct timespec){ (time_t)(next / 1000), (long)(next % 1000) * 1000000 };
		pthread_cond_timedwait(&l->wake, &l->mutex, &at);
		/* A beat that fails is told by the next lock_check. */
		if (!l->ending)
			beat(l);
	}
	pthread_mutex_unlock(&l->mutex);
	return NULL;
}

/* "lock", a second name for our file, so that people find it. Where the filesystem has no
 * second names there is none; nothing depends on it. */
static void make_alias(const struct lock *l)
{
	CLEANUP_FREE char *tmp = join(l->path, ALIAS_TMP);
	CLEANUP_FREE char *alias = join(l->dir, ALIAS);

	if (tmp && alias && l->io->ops->link(l->io->ctx, l->path, tmp) == 0 &&
	    l->io->ops->rename(l->io->ctx, tmp, alias) < 0)
		l->io->ops->unlink(l->io->ctx, tmp);
}

static void remove_alias(const struct lock *l)
{
	CLEANUP_FREE char *alias = join(l->dir, ALIAS);
	struct unrack_error dropped;
	struct stat a, b;

	if (alias && io_stat(l->io, alias, &a, &dropped) == 0 && fstat(l->fd, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		l->io->ops->unlink(l->io->ctx, alias);
}

static int start_heart(struct lock *l, struct unrack_error *err)
{
	sigset_t all, before;
	int e;

	/* Signals are for the threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_create(&l->thread, NULL, heart, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (e)
		return error_errno(err, e, "can't start a thread for the lock of %s", l->dir);
	l->beating = true;
	return 0;
}

/* NULL: no memory. */
static struct lock *lock_new(const char *dir, const struct lock_options *opt,
			     const struct lock_record *self)
{
	struct lock *l = calloc(1, sizeof *l);
	pthread_condattr_t attr;

	if (!l)
		return NULL;
	l->self = *self;
	l->fd = -1;
	l->stale_ms = opt && opt->stale_ms ? opt->stale_ms : STALE_MS;
	l->wait_until = now_ms() + (opt ? opt->wait_ms : 0);
	l->wait_step = (unsigned)min_u64(WAIT_STEP_MS, 1 + (opt ? opt->wait_ms : 0) / 10);
	l->io = opt && opt->io ? opt->io : io_posix();
	l->log = opt ? opt->log : NULL;
	l->dir = strdup(dir);
	if (asprintf(&l->path, "%s/" PREFIX "%s", dir, self->token) < 0)
		l->path = NULL;
	if (!l->dir || !l->path) {
		free(l->dir);
		free(l->path);
		free(l);
		return NULL;
	}
	pthread_mutex_init(&l->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	return l;
}

int lock_take(const char *dir, const struct lock_options *opt, struct lock **out,
	      struct unrack_error *err)
{
	struct lock_record self;
	struct lock *l;
	int r = lock_record_self(&self, opt ? opt->boot_id : NULL, err);

	if (r < 0)
		return r;
	l = lock_new(dir, opt, &self);
	if (!l)
		return error_nomem(err);
	r = contend(l, err);
	if (r == 0) {
		make_alias(l);
		r = start_heart(l, err);
	}
	if (r < 0) {
		lock_release(l);
		return r;
	}
	*out = l;
	return 0;
}

static int lost(const struct lock *l, struct unrack_error *err)
{
	CLEANUP_FREE char *alias = join(l->dir, ALIAS);
	struct lock_record r = { .pid = 0 };
	uint64_t sum;

	if (alias && read_record(l->io, alias, &r, &sum) > 0 && strcmp(r.token, l->self.token) != 0)
		return error_set(err, UNRACK_UNSAFE,
				 "this process stood still for so long that process %ld on %s took over the "
				 "lock of %s; nothing more is written here", (long)r.pid, r.host, l->dir);
	return error_set(err, UNRACK_UNSAFE,
			 "the lock of %s was taken away from this process; nothing more is written; run the "
			 "same command again when nobody else works on it", l->dir);
}

int lock_check(struct lock *l, struct unrack_error *err)
{
	bool ours;

	pthread_mutex_lock(&l->mutex);
	/* If we were stopped, others may be counting: tell them that we live, then look. */
	if (now_ms() - l->last_beat > l->stale_ms / BEATS * 2)
		beat(l);
	ours = still_there(l);
	pthread_mutex_unlock(&l->mutex);
	return ours ? 0 : lost(l, err);
}

void lock_release(struct lock *l)
{
	if (!l)
		return;
	if (l->beating) {
		pthread_mutex_lock(&l->mutex);
		l->ending = true;
		pthread_cond_signal(&l->wake);
		pthread_mutex_unlock(&l->mutex);
		pthread_join(l->thread, NULL);
	}
	if (l->fd >= 0)
		remove_alias(l);
	withdraw(l);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->mutex);
	watched_vec_free(&l->watched);
	free(l->dir);
	free(l->path);
	free(l);
}
