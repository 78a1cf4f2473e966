/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of the copy engine. They take no signals: those are for the program's own
 * threads, which know what to do with them. */
#ifndef TRANSPORT_THREAD_H
#define TRANSPORT_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "unrack/error.h"

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg, struct unrack_error *err);

/* A condition variable whose time is the monotonic clock. */
int thread_cond_init(pthread_cond_t *cond, struct unrack_error *err);
/* Waits until signalled or until TIMEOUT_MS are over; -1: no limit. */
void thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t timeout_ms);

/* Milliseconds of the monotonic clock. */
int64_t thread_now_ms(void);

#endif
