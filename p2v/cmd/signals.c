/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "cli.h"

static atomic_bool stop_flag;

static void on_signal(int sig)
{
	if (atomic_exchange(&stop_flag, true)) {
		/* Asked twice: the state on disk is resumable at any moment. */
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

const atomic_bool *signals_install(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A limit of file sizes (ulimit -f) is told as an error of the write. */
	signal(SIGXFSZ, SIG_IGN);
	/* Who started us may ignore it; then children could not be waited for. */
	signal(SIGCHLD, SIG_DFL);
	return &stop_flag;
}
