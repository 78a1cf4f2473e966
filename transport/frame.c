/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/frame.h"

#include <string.h>

#include "base/bytes.h"
#include "unrack/digest.h"

static const uint8_t magic[FRAME_MAGIC_SIZE] = "URK1";

enum { AT_TYPE = 4, AT_FLAGS = 5, AT_DISK = 6, AT_LENGTH = 8, AT_ZERO = 12, AT_SEQUENCE = 16,
       AT_PAYLOAD_SUM = 24, AT_SUM = 32 };

void frame_write(struct frame *f, const void *payload, uint8_t header[FRAME_HEADER_SIZE])
{
	f->payload_sum = checksum64(payload, f->length);
	memset(header, 0, FRAME_HEADER_SIZE);
	memcpy(header, magic, sizeof magic);
	header[AT_TYPE] = f->type;
	put_le16(header + AT_DISK, f->disk);
	put_le32(header + AT_LENGTH, f->length);
	put_le64(header + AT_SEQUENCE, f->sequence);
	put_le64(header + AT_PAYLOAD_SUM, f->payload_sum);
	put_le64(header + AT_SUM, checksum64(header, AT_SUM));
}

bool frame_begins(const void *bytes, size_t n)
{
	return memcmp(bytes, magic, n < sizeof magic ? n : sizeof magic) == 0;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Often a greeting or an error of ssh or a shell: the printable beginning of its first line that
 * is not empty. */
int frame_refuse(const void *bytes, size_t n, struct unrack_error *err)
{
	static const char sentence[] = "the far side does not speak unrack's protocol; it ";
	const uint8_t *p = bytes, *end = p + n, *from;

	while (p < end && is_blank(*p))
		p++;
	for (from = p; p < end && *p >= ' ' && *p <= '~'; p++)
		;
	if (p - from >= 4 || (p > from && (p == end || is_blank(*p))))
		return error_set(err, UNRACK_UNSUPPORTED, "%ssays \"%.*s\"", sentence,
				 (int)(p - from), (const char *)from);
	p = bytes;
	error_set(err, UNRACK_UNSUPPORTED, "%ssends bytes", sentence);
	for (size_t i = 0; i < n && i < FRAME_MAGIC_SIZE; i++)
		error_suffix(err, " %02x", p[i]);
	return UNRACK_UNSUPPORTED;
}

int frame_parse(const uint8_t header[FRAME_HEADER_SIZE], uint64_t sequence, struct frame *f,
		struct unrack_error *err)
{
	if (!frame_begins(header, FRAME_HEADER_SIZE)) {
		/* Once frames have come, what follows is theirs too, only damaged. */
		if (sequence == 0)
			return frame_refuse(header, FRAME_HEADER_SIZE, err);
		return error_set(err, UNRACK_LOST,
				 "the stream is damaged: frame %llu does not begin as a frame does",
				 (unsigned long long)sequence);
	}
	if (get_le64(header + AT_SUM) != checksum64(header, AT_SUM))
		return error_set(err, UNRACK_LOST,
				 "the stream is damaged: the checksum of frame %llu's header is wrong",
				 (unsigned long long)sequence);
	f->type = header[AT_TYPE];
	f->disk = get_le16(header + AT_DISK);
	f->length = get_le32(header + AT_LENGTH);
	f->sequence = get_le64(header + AT_SEQUENCE);
	f->payload_sum = get_le64(header + AT_PAYLOAD_SUM);
	if (f->sequence != sequence)
		return error_set(err, UNRACK_LOST,
				 "the stream is damaged: frame %llu came where frame %llu is due",
				 (unsigned long long)f->sequence, (unsigned long long)sequence);
	if (header[AT_FLAGS] != 0 || get_le32(header + AT_ZERO) != 0)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "frame %llu uses a feature that was not agreed on (flags %02x)",
				 (unsigned long long)sequence, header[AT_FLAGS]);
	if (f->length > FRAME_PAYLOAD_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "frame %llu has %u bytes, more than the %u that are allowed",
				 (unsigned long long)sequence, f->length, FRAME_PAYLOAD_MAX);
	return 0;
}

int frame_check_payload(const struct frame *f, const void *payload, struct unrack_error *err)
{
	if (checksum64(payload, f->length) != f->payload_sum)
		return error_set(err, UNRACK_LOST,
				 "the stream is damaged: the checksum of frame %llu's %u bytes is "
				 "wrong", (unsigned long long)f->sequence, f->length);
	return 0;
}
