/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "appliance_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/tempfile.h"

#define LOOK_MS 100
#define PATIENCE_S 3          /* a call that takes longer may be waiting for space */
#define SPACE_MIN (1u << 20)
#define CHILDREN_MAX 32

struct appliance_watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool quit;
	bool busy;             /* a call is under way */
	struct timespec began;
	int seconds;
	pid_t pid;
	pid_t caller;          /* thread that makes the calls */
	pid_t before[CHILDREN_MAX]; /* its children when the call began */
	int n_before;
	enum appliance_watch_end end;
	const struct log *log;
	char *folder;
};

/* The processes that thread TID started and that have not been waited for. */
static int children_of(pid_t tid, pid_t *out, int max)
{
	char path[64];
	CLEANUP_FCLOSE FILE *f = NULL;
	int n = 0;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)tid);
	f = fopen(path, "re");
	while (f && n < max && fscanf(f, "%d", &out[n]) == 1)
		n++;
	return n;
}

static void end_call(struct appliance_watch *w, enum appliance_watch_end why)
{
	pid_t now[CHILDREN_MAX];
	int n;

	w->end = why;
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		return;
	}
	n = children_of(w->caller, now, CHILDREN_MAX);
	for (int i = 0; i < n; i++) {
		bool old = false;

		for (int k = 0; k < w->n_before; k++)
			old |= w->before[k] == now[i];
		if (!old)
			kill(now[i], SIGKILL);
	}
}

static long seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - then->tv_sec;
}

/* Root, and so its QEMU, also gets what is kept back for root. */
static bool is_full(const char *folder)
{
	struct statvfs vfs;

	return folder && statvfs(folder, &vfs) == 0 && vfs.f_blocks &&
	       (unsigned long long)(geteuid() ? vfs.f_bavail : vfs.f_bfree) * vfs.f_frsize < SPACE_MIN;
}

static void *watch(void *arg)
{
	struct appliance_watch *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->quit) {
		struct timespec until;

		if (w->busy && log_stop_asked(w->log))
			end_call(w, WATCH_STOPPED);
		else if (w->busy && seconds_since(&w->began) >= w->seconds)
			end_call(w, WATCH_TIMEOUT);
		else if (w->busy && seconds_since(&w->began) >= PATIENCE_S && is_full(w->folder))
			end_call(w, WATCH_NOSPACE);
		else if (w->busy && seconds_since(&w->began) >= PATIENCE_S && is_full(tempfile_folder()))
			end_call(w, WATCH_NOTEMP);
		/* Repeated while the call goes on: it may just be starting another process. */
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000L;
		}
		if (w->busy)
			pthread_cond_timedwait(&w->changed, &w->lock, &until);
		else
			pthread_cond_wait(&w->changed, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int appliance_watch_start(const char *folder, const struct log *log, struct appliance_watch **out,
			  struct unrack_error *err)
{
	struct appliance_watch *w = calloc(1, sizeof *w);
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	if (!w || (folder && !(w->folder = strdup(folder)))) {
		free(w);
		return error_nomem(err);
	}
	w->log = log;
	w->caller = gettid();
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		pthread_cond_destroy(&w->changed);
		pthread_mutex_destroy(&w->lock);
		free(w->folder);
		free(w);
		return error_errno(err, r, "can't start a thread");
	}
	*out = w;
	return 0;
}

void appliance_watch_begin(struct appliance_watch *w, pid_t pid, int seconds)
{
	pthread_mutex_lock(&w->lock);
	w->busy = true;
	w->pid = pid;
	w->seconds = seconds;
	clock_gettime(CLOCK_MONOTONIC, &w->began);
	if (pid == 0)
		w->n_before = children_of(w->caller, w->before, CHILDREN_MAX);
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

enum appliance_watch_end appliance_watch_end(struct appliance_watch *w)
{
	enum appliance_watch_end end;

	pthread_mutex_lock(&w->lock);
	w->busy = false;
	end = w->end;
	pthread_mutex_unlock(&w->lock);
	return end;
}

void appliance_watch_stop(struct appliance_watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w->folder);
	free(w);
}
