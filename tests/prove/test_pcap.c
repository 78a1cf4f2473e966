/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/prove/parts.h"
#include "../support/tap.h"
#include "base/bytes.h"

static const uint8_t guest_mac[6] = { 0x00, 0x1a, 0x4b, 0x11, 0x22, 0x33 };
static const uint8_t qemu_mac[6] = { 0x52, 0x55, 10, 0, 2, 2 };

static void put16(struct buf *b, unsigned v)
{
	uint8_t p[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	buf_append(b, p, 2);
}

static void file_header(struct buf *b)
{
	uint8_t h[24] = { 0 };

	put_le32(h, 0xa1b2c3d4);
	put_le16(h + 4, 2);
	put_le16(h + 6, 4);
	put_le32(h + 16, 65536);
	put_le32(h + 20, 1);
	buf_append(b, h, sizeof h);
}

static void record(struct buf *b, const struct buf *frame)
{
	uint8_t h[16] = { 0 };

	put_le32(h + 8, (uint32_t)frame->len);
	put_le32(h + 12, (uint32_t)frame->len);
	buf_append(b, h, sizeof h);
	buf_append(b, frame->data, frame->len);
}

static void ethernet(struct buf *b, const uint8_t *from, unsigned type)
{
	buf_clear(b);
	buf_append(b, "\xff\xff\xff\xff\xff\xff", 6);
	buf_append(b, from, 6);
	put16(b, type);
}

static void ipv4(struct buf *b, const char *from, unsigned protocol, size_t payload)
{
	uint8_t h[20] = { 0x45 };

	h[2] = (uint8_t)((20 + payload) >> 8);
	h[3] = (uint8_t)(20 + payload);
	h[9] = (uint8_t)protocol;
	memcpy(h + 12, from, 4);
	memcpy(h + 16, "\xff\xff\xff\xff", 4);
	buf_append(b, h, sizeof h);
}

/* A DHCP message of TYPE behind OPTIONS; from the guest or the server. */
static void dhcp(struct buf *capture, bool guest, unsigned type, const char *options, size_t n)
{
	struct buf f CLEANUP_BUF = { 0 };
	uint8_t fixed[236] = { 0 };
	uint8_t message[4] = { 53, 1, (uint8_t)type, 255 };

	memcpy(fixed + 16, "\x0a\0\2\x0f", 4);
	ethernet(&f, guest ? guest_mac : qemu_mac, 0x0800);
	ipv4(&f, guest ? "\0\0\0\0" : "\x0a\0\2\2", 17, 8 + 236 + 4 + n + 4);
	put16(&f, guest ? 68 : 67);
	put16(&f, guest ? 67 : 68);
	put16(&f, 8 + 236 + 4 + (unsigned)n + 4);
	put16(&f, 0);
	buf_append(&f, fixed, sizeof fixed);
	buf_append(&f, "\x63\x82\x53\x63", 4);
	buf_append(&f, options, n);
	buf_append(&f, message, 4);
	record(capture, &f);
}

static void packet(struct buf *capture, const uint8_t *mac, const char *from)
{
	struct buf f CLEANUP_BUF = { 0 };

	ethernet(&f, mac, 0x0800);
	ipv4(&f, from, 6, 0);
	record(capture, &f);
}

static void arp(struct buf *capture, const uint8_t *mac, const char *from)
{
	struct buf f CLEANUP_BUF = { 0 };

	ethernet(&f, mac, 0x0806);
	buf_append(&f, "\0\1\x08\0\6\4\0\1", 8);
	buf_append(&f, mac, 6);
	buf_append(&f, from, 4);
	buf_zeros(&f, 10);
	record(capture, &f);
}

static struct pcap_facts read_all(const struct buf *b)
{
	struct pcap_facts f = { .packets = 0 };

	is_int(pcap_read(b->data, b->len, 0, &f), b->len, "all of it is read");
	return f;
}

static void facts(void)
{
	struct buf b CLEANUP_BUF = { 0 };
	struct pcap_facts f;

	file_header(&b);
	f = read_all(&b);
	is_int(f.packets, 0, "an empty capture");
	dhcp(&b, true, 1, "", 0);
	f = read_all(&b);
	ok(f.packets == 1 && f.dhcp_asked && !f.dhcp_given && !f.has_address,
	   "the guest asks for an address, and has none yet");
	dhcp(&b, false, 2, "", 0);
	f = read_all(&b);
	ok(f.packets == 1 && !f.dhcp_given, "an offer is not yet an address");
	dhcp(&b, true, 3, "\0\x0c\4host", 7);
	dhcp(&b, false, 5, "\0\0\x36\4\x0a\0\2\2", 8);
	f = read_all(&b);
	ok(f.packets == 2 && f.dhcp_given && !memcmp(f.leased, "\x0a\0\2\x0f", 4),
	   "behind other options: it is given one");
	ok(!f.has_address, "which it has not used");
	packet(&b, qemu_mac, "\x0a\0\2\2");
	ok(!read_all(&b).has_address, "what QEMU's own network sends does not count");
	packet(&b, guest_mac, "\x0a\0\2\x0f");
	f = read_all(&b);
	ok(f.has_address && !memcmp(f.address, "\x0a\0\2\x0f", 4), "the guest's own packet does");

	buf_clear(&b);
	file_header(&b);
	arp(&b, guest_mac, "\0\0\0\0");
	packet(&b, guest_mac, "\xa9\xfe\1\2");
	packet(&b, guest_mac, "\x7f\0\0\1");
	f = read_all(&b);
	ok(f.packets == 3 && !f.has_address, "a probe, a link-local and a loopback address are none");
	arp(&b, qemu_mac, "\x0a\0\2\3");
	ok(!read_all(&b).has_address, "nor is one that QEMU announces");
	arp(&b, guest_mac, "\xc0\xa8\1\x14");
	f = read_all(&b);
	ok(f.has_address && !memcmp(f.address, "\xc0\xa8\1\x14", 4), "an announced static address is");
}

static void tagged(void)
{
	struct buf b CLEANUP_BUF = { 0 }, frame CLEANUP_BUF = { 0 };
	struct pcap_facts f;

	file_header(&b);
	ethernet(&frame, guest_mac, 0x8100);
	put16(&frame, 5);
	put16(&frame, 0x0800);
	ipv4(&frame, "\x0a\1\2\3", 6, 0);
	record(&b, &frame);
	f = read_all(&b);
	ok(f.has_address && !memcmp(f.address, "\x0a\1\2\3", 4), "an address behind a VLAN tag");
}

static void in_parts(void)
{
	struct buf b CLEANUP_BUF = { 0 };
	struct pcap_facts whole, parts = { .packets = 0 };
	size_t done = 0;

	file_header(&b);
	dhcp(&b, true, 1, "", 0);
	dhcp(&b, false, 5, "", 0);
	packet(&b, guest_mac, "\x0a\0\2\x0f");
	whole = read_all(&b);
	for (size_t n = 0; n <= b.len; n++)
		done += pcap_read(b.data + done, n - done, done, &parts);
	is_int(done, b.len, "byte by byte: nothing is left");
	ok(!memcmp(&parts, &whole, sizeof whole), "and the facts are the same");
}

static void hostile(void)
{
	struct buf b CLEANUP_BUF = { 0 };
	struct pcap_facts f = { .packets = 0 };
	uint32_t seed = 1;

	buf_puts(&b, "this is not a capture, whoever wrote it");
	is_int(pcap_read(b.data, b.len, 0, &f), b.len, "not a capture: done with");
	is_int(f.packets, 0, "without packets");
	is_int(pcap_read(b.data, 10, 0, &f), 0, "too short to know: wait");
	buf_clear(&b);
	file_header(&b);
	buf_append(&b, "\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff more", 21);
	is_int(pcap_read(b.data, b.len, 0, &f), b.len, "a record without a sane size: done with");

	/* Every cut of every frame: sizes inside may promise more than there is. */
	for (size_t cut = 0; cut < 330; cut++) {
		struct buf whole CLEANUP_BUF = { 0 }, frame CLEANUP_BUF = { 0 };
		uint8_t *exact;

		dhcp(&whole, true, 1, "\x0c\xff", 2);
		if (cut > whole.len - 16)
			break;
		exact = malloc(cut + 1);
		memcpy(exact, whole.data + 16, cut);
		buf_append(&frame, exact, cut);
		free(exact);
		buf_clear(&whole);
		file_header(&whole);
		record(&whole, &frame);
		exact = malloc(whole.len);
		memcpy(exact, whole.data, whole.len);
		pcap_read(exact, whole.len, 0, &f);
		free(exact);
	}
	ok(true, "frames that are cut");
	for (int round = 0; round < 2000; round++) {
		uint8_t *exact;
		size_t at;

		buf_clear(&b);
		file_header(&b);
		dhcp(&b, true, 1, "\0\x0c\4host", 7);
		arp(&b, guest_mac, "\xc0\xa8\1\x14");
		for (int i = 0; i < 4; i++) {
			seed = seed * 1664525 + 1013904223;
			at = 24 + (seed >> 8) % (b.len - 24);
			b.data[at] = (uint8_t)(seed >> 24);
		}
		exact = malloc(b.len);
		memcpy(exact, b.data, b.len);
		if (pcap_read(exact, b.len, 0, &f) > b.len)
			ok(false, "round %d: more than there is was read", round);
		free(exact);
	}
	ok(true, "damaged captures");
}

int main(void)
{
	facts();
	tagged();
	in_parts();
	hostile();
	return tap_done();
}
