/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "unrack/digest.h"

#define PIECE (1u << 20)

static int add_file(const struct io *io, int fd, const char *path, EVP_MD_CTX *ctx, int disk,
		    const struct log *log, struct unrack_error *err)
{
	struct log_progress p = { .step = "sha256", .disk = disk, .unit = "bytes" };
	uint8_t *piece = malloc(PIECE);
	struct stat st;
	size_t got = PIECE;
	int r = piece ? io_stat(io, path, &st, err) : error_nomem(err);

	p.total = r == 0 ? (uint64_t)st.st_size : 0;
	while (r == 0 && got == PIECE) {
		if (log_stop_asked(log)) {
			r = error_set(err, UNRACK_INTERRUPTED, "stopped at byte %llu of %s",
				      (unsigned long long)p.done, path);
			break;
		}
		r = io_pread_some(io, fd, path, piece, PIECE, p.done, &got, err);
		if (r == 0 && EVP_DigestUpdate(ctx, piece, got) != 1)
			r = error_set(err, UNRACK_INTERNAL, "SHA-256 failed");
		p.done += got;
		log_progress(log, &p);
	}
	free(piece);
	return r;
}

int sha256_file(const struct io *io, const char *path, int disk, const struct log *log,
		char hex[SHA256_HEX], struct unrack_error *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sum[(SHA256_HEX - 1) / 2];
	int fd = -1, r;

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return error_nomem(err);
	}
	r = io_open(io, path, O_RDONLY, 0, &fd, err);
	if (r == 0)
		r = add_file(io, fd, path, ctx, disk, log, err);
	if (r == 0 && EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
		r = error_set(err, UNRACK_INTERNAL, "SHA-256 failed");
	if (r == 0)
		hex_encode(sum, sizeof sum, hex);
	if (fd >= 0)
		io->ops->close(io->ctx, fd);
	EVP_MD_CTX_free(ctx);
	return r;
}
