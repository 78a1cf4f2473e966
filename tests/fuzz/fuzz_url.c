/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ssh URL, as a user or an inventory gives it. */
#include "fuzz.h"
#include "unrack/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct remote_url url;
	int r;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	r = remote_parse_url(text, &url, &err);
	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	if (r == 0) {
		/* What ssh or a shell would take for something else. */
		fuzz_check(remote_is_url(text));
		fuzz_check(url.host[0] && url.host[0] != '-' && url.user[0] != '-');
		fuzz_check(!strpbrk(url.host, " \t\n'\"`$;&|<>()\\*?!{}/@"));
		fuzz_check(!strpbrk(url.user, " \t\n'\"`$;&|<>()*?!{}/"));
		fuzz_check(url.port <= 65535);
		fuzz_check(strlen(url.path) < sizeof url.path);
		fuzz_check(remote_same_host(&url, &url));
	}
	free(text);
	return 0;
}
