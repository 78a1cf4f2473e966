/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "known_hosts.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define PREFIX "SHA256:"
#define DIGITS 43u        /* of 32 bytes in base64 without padding */
#define HASH_MARK "|1|"   /* |1|base64 of the salt|base64 of HMAC-SHA1(salt, name) */
#define KEY_MAX 65536u    /* base64 of the largest key that is looked at */

/* One word of a line, not terminated. */
struct word {
	const char *p;
	size_t n;
};

static struct word take_word(const char **p, const char *end)
{
	struct word w;

	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
	w.p = *p;
	while (*p < end && **p != ' ' && **p != '\t' && **p != '\r')
		(*p)++;
	w.n = (size_t)(*p - w.p);
	return w;
}

static bool is_word(struct word w, const char *s)
{
	return w.n == strlen(s) && memcmp(w.p, s, w.n) == 0;
}

/* Bytes of base64 text with its padding; -1: it is none, or more than ROOM. */
static int base64(const char *text, size_t n, uint8_t *out, size_t room)
{
	int len, padding = 0;

	if (n == 0 || n % 4 != 0 || n / 4 * 3 > room)
		return -1;
	while (padding < 2 && text[n - 1 - (size_t)padding] == '=')
		padding++;
	len = EVP_DecodeBlock(out, (const uint8_t *)text, (int)n);
	return len < 0 ? -1 : len - padding;
}

bool known_hosts_fingerprint(const char *key, char out[KNOWN_HOSTS_FINGERPRINT_MAX])
{
	size_t n = strlen(key);
	uint8_t *blob CLEANUP_FREE = NULL, digest[SHA256_DIGEST_LENGTH];
	uint8_t text[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];
	int len;

	if (n > KEY_MAX)
		return false;
	blob = malloc(n + 1);
	len = blob ? base64(key, n, blob, n) : -1;
	if (len < 0)
		return false;
	SHA256(blob, (size_t)len, digest);
	EVP_EncodeBlock(text, digest, sizeof digest);
	snprintf(out, KNOWN_HOSTS_FINGERPRINT_MAX, PREFIX "%.*s", (int)DIGITS, (char *)text);
	return true;
}

static size_t unpadded(const char *s)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == '=')
		n--;
	return n;
}

bool known_hosts_is_fingerprint(const char *text)
{
	size_t n = unpadded(text);

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0 || n != strlen(PREFIX) + DIGITS)
		return false;
	for (size_t i = strlen(PREFIX); i < n; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/')
			return false;
	return true;
}

bool known_hosts_same_fingerprint(const char *a, const char *b)
{
	return unpadded(a) == unpadded(b) && memcmp(a, b, unpadded(a)) == 0;
}

static bool match_hash(struct word w, const char *name)
{
	const char *salt_text = w.p + strlen(HASH_MARK), *bar;
	uint8_t salt[64], want[64], got[EVP_MAX_MD_SIZE];
	int salt_len, want_len;
	unsigned got_len;

	bar = memchr(salt_text, '|', (size_t)(w.p + w.n - salt_text));
	if (!bar)
		return false;
	salt_len = base64(salt_text, (size_t)(bar - salt_text), salt, sizeof salt);
	want_len = base64(bar + 1, (size_t)(w.p + w.n - bar - 1), want, sizeof want);
	return salt_len >= 0 && want_len == SHA_DIGEST_LENGTH &&
	       HMAC(EVP_sha1(), salt, salt_len, (const uint8_t *)name, strlen(name), got, &got_len) &&
	       memcmp(got, want, SHA_DIGEST_LENGTH) == 0;
}

/* PATTERN with * and ?, regardless of case. Greedy with one place to fall back to, so that no
 * pattern takes more than the product of both lengths. */
static bool match_pattern(struct word pattern, const char *name)
{
	const char *p = pattern.p, *end = pattern.p + pattern.n, *star = NULL, *from = name;

	while (*name) {
		if (p < end && *p == '*') {
			star = p++;
			from = name;
		} else if (p < end && (*p == '?' || tolower((unsigned char)*p) ==
							    tolower((unsigned char)*name))) {
			p++;
			name++;
		} else if (star) {
			p = star + 1;
			name = ++from;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

/* HOSTS: patterns with commas between them; a match of one with "!" outdoes all others. */
static bool match_hosts(struct word hosts, const char *name)
{
	const char *end = hosts.p + hosts.n;
	bool found = false;

	if (hosts.n > strlen(HASH_MARK) && memcmp(hosts.p, HASH_MARK, strlen(HASH_MARK)) == 0)
		return match_hash(hosts, name);
	for (const char *p = hosts.p; p < end;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		struct word pattern = { p, (size_t)((comma ? comma : end) - p) };
		bool no = pattern.n && *pattern.p == '!';

		if (no) {
			pattern.p++;
			pattern.n--;
		}
		if (match_pattern(pattern, name)) {
			if (no)
				return false;
			found = true;
		}
		p = comma ? comma + 1 : end;
	}
	return found;
}

static void weigh(struct known_hosts_answer *a, enum known_hosts_verdict verdict, const char *file,
		  unsigned line, struct word type, struct word key)
{
	char *text CLEANUP_FREE = NULL;

	if (verdict <= a->verdict)
		return;
	a->verdict = verdict;
	snprintf(a->file, sizeof a->file, "%s", file);
	a->line = line;
	snprintf(a->type, sizeof a->type, "%.*s", (int)(type.n < sizeof a->type ? type.n : 0), type.p);
	text = strndup(key.p, key.n);
	if (!text || !known_hosts_fingerprint(text, a->fingerprint))
		a->fingerprint[0] = '\0';
}

void known_hosts_look(const char *text, size_t n, const char *file, const char *name,
		      const char *type, const char *key, struct known_hosts_answer *answer)
{
	unsigned number = 0;

	for (const char *line = text, *end; line < text + n; line = end + 1) {
		const char *p = line;
		struct word hosts, key_type, key_text;
		bool revoked;

		end = memchr(line, '\n', (size_t)(text + n - line));
		if (!end)
			end = text + n;
		number++;
		hosts = take_word(&p, end);
		revoked = is_word(hosts, "@revoked");
		if (revoked)
			hosts = take_word(&p, end);
		if (hosts.n == 0 || *hosts.p == '#' || *hosts.p == '@')
			continue;
		key_type = take_word(&p, end);
		key_text = take_word(&p, end);
		if (key_text.n == 0 || !match_hosts(hosts, name))
			continue;
		if (is_word(key_type, type) && is_word(key_text, key))
			weigh(answer, revoked ? KNOWN_HOSTS_REVOKED : KNOWN_HOSTS_SAME, file, number,
			      key_type, key_text);
		else if (!revoked)
			weigh(answer,
			      is_word(key_type, type) ? KNOWN_HOSTS_CHANGED : KNOWN_HOSTS_OTHER_TYPE,
			      file, number, key_type, key_text);
	}
}

void known_hosts_name(const char *host, unsigned port, char out[KNOWN_HOSTS_NAME_MAX])
{
	if (port == 22)
		snprintf(out, KNOWN_HOSTS_NAME_MAX, "%s", host);
	else
		snprintf(out, KNOWN_HOSTS_NAME_MAX, "[%s]:%u", host, port);
	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
}
