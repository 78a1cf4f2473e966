/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of struct twin_io, shared by twin_*.c. */
#ifndef TESTS_TWIN_STATE_H
#define TESTS_TWIN_STATE_H

#include <pthread.h>

#include "base/vec.h"
#include "twins.h"

/* The bytes of one file: pages, of which holes are NULL. */
struct twin_content {
	uint8_t **page;
	size_t pages;
	uint64_t size;
};

void twin_content_write(struct twin_content *c, const void *data, uint64_t n, uint64_t off);
void twin_content_punch(struct twin_content *c, uint64_t off, uint64_t len);
size_t twin_content_read(const struct twin_content *c, void *buf, size_t n, uint64_t off);
/* As io_ops.next_data. */
uint64_t twin_content_next_data(const struct twin_content *c, uint64_t off);
void twin_content_resize(struct twin_content *c, uint64_t size);
void twin_content_copy(struct twin_content *to, const struct twin_content *from);
void twin_content_free(struct twin_content *c); /* also C itself; NULL is fine */

struct twin_name {
	char *path;
	size_t file;
};

struct twin_fd {
	bool used;
	size_t file;
	int flags;
	char *path; /* kept until the slot is used again, for messages */
};

/* One call, as twin_io_crash needs it. */
struct twin_entry {
	struct twin_record r;
	size_t file;  /* which file the call was about; TWIN_NONE */
	size_t mark;  /* syncs: entries before this one are covered */
	int flags;    /* open */
	bool existed; /* open: the name was there before */
	struct twin_content *initial; /* open: the file was durable before the record began */
};

struct twin_fault_state {
	struct twin_fault f;
	uint64_t seen;
};

DEFINE_VEC(twin_file_vec, struct twin_content *);
DEFINE_VEC(twin_name_vec, struct twin_name);
DEFINE_VEC(twin_fd_vec, struct twin_fd);
DEFINE_VEC(twin_entry_vec, struct twin_entry);
DEFINE_VEC(twin_fault_vec, struct twin_fault_state);
DEFINE_VEC(twin_index_vec, size_t);

#define TWIN_NONE SIZE_MAX

struct twin_io {
	struct io io;
	const struct io *real;
	pthread_mutex_t lock;
	struct twin_file_vec files; /* by number; in memory their content, else empty */
	struct twin_name_vec names;
	struct twin_fd_vec fds;
	struct twin_entry_vec log;
	struct twin_fault_vec faults;
	bool limited, quiet;
	uint64_t space;
	size_t max;
	uint64_t count[TWIN_OPS];
	int (*hook)(void *ctx, enum twin_op op, const char *path);
	void *hook_ctx;
};

void *twin_need(void *p); /* aborts when NULL */
void twin_pushed(int r);  /* aborts when a push had no memory */

/* The file of that name, or TWIN_NONE. */
size_t twin_name_find(const struct twin_name_vec *v, const char *path);
void twin_name_set(struct twin_name_vec *v, const char *path, size_t file);
void twin_name_remove(struct twin_name_vec *v, const char *path);
void twin_names_free(struct twin_name_vec *v);
size_t twin_file_new(struct twin_io *t);
/* A durable file with a copy of that content. */
void twin_put(struct twin_io *t, const char *path, const struct twin_content *c);

#endif
