/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a journal, see unrack-journal(5): from and to memory, no input or output. */
#ifndef TRANSPORT_JOURNAL_FORMAT_H
#define TRANSPORT_JOURNAL_FORMAT_H

#include <stddef.h>

#include "unrack/buf.h"
#include "unrack/journal.h"

#define JOURNAL_RECORD_SIZE 64u
/* The largest header: fixed part and both identity texts, rounded up to records. */
#define JOURNAL_HEADER_MAX (128u + 2 * IDENTITY_TEXT_MAX)
/* An append beyond that many records compacts the journal first. */
#define JOURNAL_RECORDS_MAX 16384u
#define JOURNAL_FILE_MAX (JOURNAL_HEADER_MAX + JOURNAL_RECORD_SIZE * (JOURNAL_RECORDS_MAX + 64))

/* What a whole journal says. */
struct journal_content {
	struct journal_info info;
	struct journal_point last; /* all zero when there is no record */
	uint64_t seq;              /* of the last record, 0: none */
	uint64_t records;          /* good ones */
	uint32_t header_size;
	uint64_t header_sum;       /* that each record's checksum includes */
	uint64_t end;              /* of the last good record; bytes behind it are a torn tail */
};

/* Appends the header to OUT. */
int journal_format_header(const struct journal_info *info, struct buf *out, uint64_t *sum,
			  struct unrack_error *err);
void journal_format_record(const struct journal_point *p, uint64_t seq, uint64_t header_sum,
			   uint8_t out[JOURNAL_RECORD_SIZE]);
/* NAME for messages. On success C->info is to be freed. */
int journal_format_parse(const uint8_t *data, size_t n, const char *name,
			 struct journal_content *c, struct unrack_error *err);
/* NULL when P can be a record of a disk of BYTES bytes, else what is wrong with it. */
const char *journal_format_check(const struct journal_point *p, uint64_t bytes);

#endif
