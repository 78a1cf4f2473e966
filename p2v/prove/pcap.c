/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Capture files as QEMU's filter-dump writes them: libpcap 2.4, little-endian, Ethernet. */
#include "parts.h"

#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

#define FILE_HEADER 24u
#define RECORD_HEADER 16u
#define RECORD_MAX 65536u
#define ETHERNET 14u
#define DHCP_FIXED 236u /* before the magic, RFC 2131 */

/* The network that QEMU plays sends from 52:55:0a:00:02:xx (slirp: 52:55 and its address). */
static bool from_qemu(const uint8_t *frame)
{
	static const uint8_t prefix[] = { 0x52, 0x55, 10, 0, 2 };

	return !memcmp(frame + 6, prefix, sizeof prefix);
}

static bool is_zero4(const uint8_t *a)
{
	return get_be32(a) == 0;
}

/* Loopback and 169.254.0.0/16, which a machine takes that got no address. */
static bool is_usable(const uint8_t *a)
{
	return !is_zero4(a) && a[0] != 127 && !(a[0] == 169 && a[1] == 254);
}

static void own_address(const uint8_t *a, struct pcap_facts *f)
{
	if (!f->has_address && is_usable(a)) {
		f->has_address = true;
		memcpy(f->address, a, 4);
	}
}

/* Message type (option 53), 0: none. */
static uint8_t dhcp_type(const uint8_t *p, size_t n)
{
	static const uint8_t magic[] = { 0x63, 0x82, 0x53, 0x63 };
	size_t at = DHCP_FIXED + sizeof magic;

	if (n < at || memcmp(p + DHCP_FIXED, magic, sizeof magic) != 0)
		return 0;
	while (at + 2 < n && p[at] != 255) {
		if (p[at] == 53 && p[at + 1] == 1)
			return p[at + 2];
		at += p[at] == 0 ? 1 : 2 + (size_t)p[at + 1];
	}
	return 0;
}

static void read_ipv4(const uint8_t *p, size_t n, bool guest, struct pcap_facts *f)
{
	size_t head;
	uint8_t type;

	if (n < 20 || p[0] >> 4 != 4)
		return;
	if (guest)
		own_address(p + 12, f);
	head = (size_t)(p[0] & 15) * 4;
	if (p[9] != 17 || head < 20 || n < head + 8 + DHCP_FIXED)
		return;
	type = dhcp_type(p + head + 8, n - head - 8);
	if (guest && get_be16(p + head + 2) == 67 && (type == 1 || type == 3))
		f->dhcp_asked = true;
	if (!guest && get_be16(p + head + 2) == 68 && type == 5) {
		f->dhcp_given = true;
		memcpy(f->leased, p + head + 8 + 16, 4);
	}
}

static void read_frame(const uint8_t *p, size_t n, struct pcap_facts *f)
{
	size_t at = 12;
	bool guest;

	if (n < ETHERNET)
		return;
	guest = !from_qemu(p);
	if (guest)
		f->packets++;
	while (at + 4 <= n && (get_be16(p + at) == 0x8100 || get_be16(p + at) == 0x88a8))
		at += 4; /* VLAN tags */
	if (at + 2 > n)
		return;
	if (get_be16(p + at) == 0x0800)
		read_ipv4(p + at + 2, n - at - 2, guest, f);
	else if (get_be16(p + at) == 0x0806 && guest && n - at - 2 >= 28)
		own_address(p + at + 2 + 14, f); /* ARP: the sender's IPv4 address */
}

size_t pcap_read(const uint8_t *p, size_t n, uint64_t at, struct pcap_facts *f)
{
	size_t done = 0;

	if (at == 0) {
		if (n < FILE_HEADER)
			return 0;
		if (get_le32(p) != 0xa1b2c3d4)
			return n;
		done = FILE_HEADER;
	}
	while (n - done >= RECORD_HEADER) {
		uint32_t size = get_le32(p + done + 8);

		if (size > RECORD_MAX)
			return n;
		if (n - done - RECORD_HEADER < size)
			break;
		read_frame(p + done + RECORD_HEADER, size, f);
		done += RECORD_HEADER + size;
	}
	return done;
}
