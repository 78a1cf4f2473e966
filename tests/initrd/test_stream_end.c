/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/stream_end.h"

#include "base/bytes.h"
#include "base/size.h"
#include "made.h"

static const char *const commands[] = {
	"xz --check=crc32", "xz --check=sha256", "xz -T2 --block-size=65536", "xz --check=none -0",
	"zstd -q", "zstd -q --no-check", "zstd -q -19 --no-content-size", "lz4 -l -q", "lz4 -l -q -9",
};

static enum archive_packing how_of(const char *command)
{
	return command[0] == 'x' ? PACK_XZ : command[0] == 'z' ? PACK_ZSTD : PACK_LZ4;
}

static void real(const char *command, const char *what)
{
	CLEANUP_BUF struct buf b = { 0 }, second = { 0 };
	enum archive_packing how = how_of(command);
	char line[200];
	size_t n, early = 0;

	snprintf(line, sizeof line, "%s 2>/dev/null | %s 2>/dev/null", what, command);
	if (!made_by(&b, line)) {
		ok(true, "%s # SKIP it is not here", command);
		return;
	}
	n = b.len;
	is_int(stream_end(how, b.data, n), (long)n, "%s of %s: ends at its end", command, what);
	buf_append(&second, b.data, b.len);
	buf_zeros(&b, 4);
	buf_append(&b, second.data, second.len);
	is_int(stream_end(how, b.data, b.len), (long)n, "%s: and before the next", command);
	if (how != PACK_LZ4) {
		b.len = n;
		buf_append(&b, second.data, second.len);
		is_int(stream_end(how, b.data, b.len), (long)n, "%s: also one that follows closely", command);
	}
	/* Not a frame of lz4's more than a chunk: each of its ends is one. */
	for (size_t k = 0; k < n; k += 1 + n / 500)
		early += stream_end(how, b.data, k) < k;
	is_int(early, 0, "%s: one that is cut has no end", command);
}

/* Footers that are none: their checksum is right, but not what they say. */
static void false_footers(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	uint8_t footer[12] = { 0 };

	buf_append(&b, "\xfd" "7zXZ\0\0\4\0\0\0\0", 12);
	memcpy(footer + 8, "\0\4YZ", 4);
	for (unsigned k = 1; k < 50000; k++) {
		put_le32(footer + 4, 3 * k - 1); /* all that lies before it is its index */
		put_le32(footer, gzip_crc32(footer + 4, 6));
		buf_append(&b, footer, sizeof footer);
	}
	is_int(stream_end(PACK_XZ, b.data, b.len), (long)b.len, "footers by an enemy are not believed, nor take long");
}

static void mutations(void)
{
	unsigned seed = 3, wrong = 0;

	for (size_t c = 0; c < ARRAY_LEN(commands); c++) {
		CLEANUP_BUF struct buf b = { 0 };
		char line[200];

		snprintf(line, sizeof line, "seq 1000 | %s 2>/dev/null", commands[c]);
		if (!made_by(&b, line))
			continue;
		for (unsigned k = 0; k < 1000 && b.len; k++) {
			size_t at = made_random(&seed) % b.len;
			uint8_t *exact = malloc(b.len), old = b.data[at];

			made(exact, "a copy");
			b.data[at] = (uint8_t)made_random(&seed);
			memcpy(exact, b.data, b.len); /* for a checker of addresses */
			wrong += stream_end(how_of(commands[c]), exact, b.len) > b.len;
			b.data[at] = old;
			free(exact);
		}
	}
	is_int(wrong, 0, "damaged streams have ends within");
}

int main(void)
{
	for (size_t k = 0; k < ARRAY_LEN(commands); k++) {
		real(commands[k], "seq 30000");
		real(commands[k], "head -c 70000 /dev/urandom");
	}
	false_footers();
	mutations();
	for (size_t n = 0; n < 40; n++) {
		uint8_t *p = calloc(1, n + 1);

		made(p, "zeros");
		ok(stream_end(PACK_XZ, p, n) <= n && stream_end(PACK_ZSTD, p, n) <= n && stream_end(PACK_LZ4, p, n) <= n,
		   "%zu bytes of nothing", n);
		free(p);
	}
	return tap_done();
}
