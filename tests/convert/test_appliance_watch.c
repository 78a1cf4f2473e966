/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../p2v/convert/appliance_watch.h"
#include "../support/tap.h"

static struct unrack_error err;
static atomic_bool stop;

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	return pid;
}

/* Waits for its end; its signal, 0 if it ended by itself. */
static int signal_of(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
	struct log log = { .stop = &stop };
	struct appliance_watch *w;
	double begun = now();
	pid_t old, pid, other;

	is_int(appliance_watch_start("/tmp", &log, &w, &err), 0, "the watch starts");
	appliance_watch_begin(w, 0, 3600);
	is_int(appliance_watch_end(w), WATCH_NOTHING, "a call that ends in time is left alone");

	pid = child();
	other = child();
	appliance_watch_begin(w, pid, 0);
	is_int(signal_of(pid), SIGKILL, "a call that takes too long: its process is ended");
	is_int(appliance_watch_end(w), WATCH_TIMEOUT, "and the reason is told");
	is_int(kill(other, 0), 0, "another process is left alone");
	appliance_watch_stop(w);

	/* As while libguestfs starts QEMU: nobody knows its number yet. */
	is_int(appliance_watch_start(NULL, &log, &w, &err), 0, "another watch");
	old = other;
	appliance_watch_begin(w, 0, 3600);
	pid = child();
	atomic_store(&stop, true);
	is_int(signal_of(pid), SIGKILL, "a stop ends what was started in the call");
	is_int(appliance_watch_end(w), WATCH_STOPPED, "and the reason is told");
	is_int(kill(old, 0), 0, "what was there before lives on");
	appliance_watch_begin(w, old, 3600);
	is_int(signal_of(old), SIGKILL, "every later call is ended at once");
	is_int(appliance_watch_end(w), WATCH_STOPPED, "for the same reason");
	appliance_watch_stop(w);
	appliance_watch_stop(NULL);
	ok(now() - begun < 300, "none of this takes long");
	return tap_done();
}
