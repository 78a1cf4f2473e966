/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "unrack/remote.h"

#define SCHEME "ssh://"

bool remote_is_url(const char *text)
{
	return strncmp(text, SCHEME, strlen(SCHEME)) == 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static int refuse(const char *text, const char *why, struct unrack_error *err)
{
	char shown[256];
	size_t n = 0;

	for (; text[n] && n + 1 < sizeof shown; n++)
		shown[n] = is_control(text[n]) ? '?' : text[n];
	shown[n] = '\0';
	return error_set(err, UNRACK_USAGE,
			 "\"%s\" can't be used: %s; write ssh://[user@]host[:port]/path", shown, why);
}

/* FROM..END with %XX decoded, as a string. What is wrong with it, or NULL. */
static const char *decode(const char *from, const char *end, char *to, size_t room)
{
	size_t len = 0;

	while (from < end) {
		char c = *from++;

		if (c == '%') {
			int high = end - from >= 2 ? hex_value(from[0]) : -1;
			int low = high >= 0 ? hex_value(from[1]) : -1;

			if (low < 0)
				return "a % is not followed by two hexadecimal digits";
			c = (char)(high << 4 | low);
			from += 2;
		}
		if (is_control(c) || c == '\0')
			return "it has a control character";
		if (len + 1 >= room)
			return "it is too long";
		to[len++] = c;
	}
	to[len] = '\0';
	return NULL;
}

static bool only(const char *s, const char *others)
{
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || strchr(others, *s)))
			return false;
	return true;
}

static const char *take_user(const char *from, const char *end, struct remote_url *out)
{
	const char *wrong;

	if (memchr(from, ':', (size_t)(end - from)))
		return "a password has no place in it";
	wrong = decode(from, end, out->user, sizeof out->user);
	if (wrong)
		return wrong;
	if (!out->user[0])
		return "the user's name is empty";
	if (out->user[0] == '-' || !only(out->user, "._-+@"))
		return "the user's name has characters that are none of a name";
	return NULL;
}

static const char *take_port(const char *from, const char *end, struct remote_url *out)
{
	unsigned port = 0;

	for (const char *p = from; p < end; p++) {
		if (*p < '0' || *p > '9')
			return "the port is no number";
		port = port * 10 + (unsigned)(*p - '0');
		if (port > 65535)
			return "the port is above 65535";
	}
	if (port == 0)
		return "the port is missing or 0";
	out->port = port;
	return NULL;
}

/* An address in brackets, perhaps with a zone: [fe80::1%25eth0]. */
static const char *take_address(const char *from, const char *end, struct remote_url *out)
{
	char address[INET6_ADDRSTRLEN], *zone;
	struct in6_addr in6;
	const char *wrong = NULL;
	size_t n;

	/* Browsers and ping write the zone's % as it is. */
	if (memchr(from, '%', (size_t)(end - from)) && !memmem(from, (size_t)(end - from), "%25", 3)) {
		if ((size_t)(end - from) >= sizeof out->host)
			return "the host is too long";
		memcpy(out->host, from, (size_t)(end - from));
		out->host[end - from] = '\0';
	} else {
		wrong = decode(from, end, out->host, sizeof out->host);
	}
	if (wrong)
		return wrong;
	zone = strchr(out->host, '%');
	n = zone ? (size_t)(zone - out->host) : strlen(out->host);
	if (n >= sizeof address)
		return "what stands in brackets is no IPv6 address";
	memcpy(address, out->host, n);
	address[n] = '\0';
	if (inet_pton(AF_INET6, address, &in6) != 1)
		return "what stands in brackets is no IPv6 address";
	if (zone && (!zone[1] || !only(zone + 1, "._-")))
		return "the zone of the address has characters that are none of an interface's name";
	return NULL;
}

static const char *take_host(const char *from, const char *end, struct remote_url *out)
{
	const char *colon = memchr(from, ':', (size_t)(end - from));
	const char *host_end = colon ? colon : end;

	if (from < end && *from == '[') {
		const char *bracket = memchr(from, ']', (size_t)(end - from)), *wrong;

		if (!bracket)
			return "the bracket after the address is missing";
		wrong = take_address(from + 1, bracket, out);
		if (wrong || bracket + 1 == end)
			return wrong;
		return bracket[1] == ':' ? take_port(bracket + 2, end, out)
					 : "something else than a port follows the address";
	}
	if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
		return "an IPv6 address stands in brackets";
	if (host_end == from)
		return "it names no host";
	if ((size_t)(host_end - from) >= sizeof out->host)
		return "the host is too long";
	memcpy(out->host, from, (size_t)(host_end - from));
	out->host[host_end - from] = '\0';
	if (out->host[0] == '-' || strlen(out->host) != (size_t)(host_end - from) ||
	    !only(out->host, "._-"))
		return "the host has characters that are none of a host's name";
	return colon ? take_port(colon + 1, end, out) : NULL;
}

/* "/~/x" is x, relative to the home folder; the home folder itself is ".". */
static const char *take_path(const char *from, struct remote_url *out)
{
	const char *wrong = decode(from, from + strlen(from), out->path, sizeof out->path);
	char *p = out->path;

	if (wrong)
		return wrong;
	if (strcmp(p, "/~") != 0 && strncmp(p, "/~/", 3) != 0)
		return NULL;
	p += 2;
	p += strspn(p, "/");
	if (*p)
		memmove(out->path, p, strlen(p) + 1);
	else
		strcpy(out->path, ".");
	return NULL;
}

int remote_parse_url(const char *text, struct remote_url *out, struct unrack_error *err)
{
	const char *from, *slash, *at, *wrong = NULL;

	memset(out, 0, sizeof *out);
	if (!remote_is_url(text))
		return refuse(text, "it does not begin with ssh://", err);
	from = text + strlen(SCHEME);
	slash = strchr(from, '/');
	if (!slash)
		return refuse(text, "it names no path", err);
	at = memrchr(from, '@', (size_t)(slash - from));
	if (at)
		wrong = take_user(from, at, out);
	if (!wrong)
		wrong = take_host(at ? at + 1 : from, slash, out);
	if (!wrong)
		wrong = take_path(slash, out);
	return wrong ? refuse(text, wrong, err) : 0;
}

bool remote_same_host(const struct remote_url *a, const struct remote_url *b)
{
	return strcmp(a->user, b->user) == 0 && strcasecmp(a->host, b->host) == 0 &&
	       a->port == b->port;
}
