/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing array of one type.
 *
 *   DEFINE_VEC(range_vec, struct range);
 *   struct range_vec v = { 0 };
 *   if (range_vec_push(&v, r) < 0) ... out of memory, V unchanged
 *   v.at[0], v.len
 *   range_vec_free(&v);                  the elements' own memory is the caller's
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stdint.h>
#include <stdlib.h>

#define DEFINE_VEC(name, type)                                                          \
	struct name {                                                                   \
		type *at;                                                               \
		size_t len, cap;                                                        \
	};                                                                              \
	__attribute__((unused)) static inline int name##_push(struct name *v, type x)   \
	{                                                                               \
		if (v->len == v->cap) {                                                 \
			size_t cap = v->cap ? v->cap * 2 : 8;                           \
			type *at;                                                       \
			if (cap > SIZE_MAX / sizeof(type))                              \
				return -1;                                              \
			at = realloc(v->at, cap * sizeof(type));                        \
			if (!at)                                                        \
				return -1;                                              \
			v->at = at;                                                     \
			v->cap = cap;                                                   \
		}                                                                       \
		v->at[v->len++] = x;                                                    \
		return 0;                                                               \
	}                                                                               \
	__attribute__((unused)) static inline void name##_free(struct name *v)          \
	{                                                                               \
		free(v->at);                                                            \
		v->at = NULL;                                                           \
		v->len = v->cap = 0;                                                    \
	}                                                                               \
	struct name

#endif
