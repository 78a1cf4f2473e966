/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/edit.h"

static struct unrack_error err;
static struct buf out;

static const char *const lsi[] = { "mptbase", "mptspi" };
static const char *const pvscsi[] = { "vmw_pvscsi" };
static const char *const kept[] = { "ata_piix", "usb-storage" };
static const char *const nics[] = { "eth0", "eth1" };

static void edit(const char *text, const char *const *adapters, size_t n, size_t n_nics)
{
	struct modconf_change c = { adapters, n, kept, 2, "vmxnet3", nics, n_nics };

	is_int(modconf_edit(text, strlen(text), &c, &out, &err), 0, "edited");
}

static void test_edit(void)
{
	static const struct {
		const char *what, *before, *lsi, *pvscsi;
	} cases[] = {
		{ "an HP server",
		  "alias eth0 tg3\nalias scsi_hostadapter cciss\nalias usb-controller uhci-hcd\n",
		  "alias eth0 vmxnet3\nalias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\n"
		  "alias usb-controller uhci-hcd\n",
		  "alias eth0 vmxnet3\nalias scsi_hostadapter vmw_pvscsi\nalias usb-controller uhci-hcd\n" },
		{ "the CD's driver is kept, behind",
		  "alias scsi_hostadapter megaraid_sas\nalias scsi_hostadapter1 ata-piix\nalias scsi_hostadapter2 qla2xxx\n"
		  "alias eth0 bnx2\n",
		  "alias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\nalias scsi_hostadapter2 ata-piix\n"
		  "alias eth0 vmxnet3\n",
		  "alias scsi_hostadapter vmw_pvscsi\nalias scsi_hostadapter1 ata-piix\nalias eth0 vmxnet3\n" },
		{ "options, install and remove lines go with their modules",
		  "options cciss x=1\n# options of tg3\noptions tg3 a=1 \\\n  b=2\nalias eth0 tg3\n"
		  "install cciss /sbin/modprobe --ignore-install cciss\nremove cciss rmmod cciss\nalias scsi_hostadapter cciss\n"
		  "options loop max_loop=64\nalias bond0 bonding\noptions bond0 mode=1\n",
		  "# options of tg3\nalias eth0 vmxnet3\nalias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\n"
		  "options loop max_loop=64\nalias bond0 bonding\noptions bond0 mode=1\n",
		  "# options of tg3\nalias eth0 vmxnet3\nalias scsi_hostadapter vmw_pvscsi\n"
		  "options loop max_loop=64\nalias bond0 bonding\noptions bond0 mode=1\n" },
		{ "odd spacing and a missing newline stay",
		  "\talias\tscsi_hostadapter   aacraid\n  alias   eth0\te1000 ",
		  "\talias\tscsi_hostadapter   mptbase\n\talias\tscsi_hostadapter1   mptspi\n  alias   eth0\tvmxnet3 ",
		  "\talias\tscsi_hostadapter   vmw_pvscsi\n  alias   eth0\tvmxnet3 " },
		{ "a last line without newline",
		  "alias eth0 tg3\nalias scsi_hostadapter 3w-9xxx",
		  "alias eth0 vmxnet3\nalias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi",
		  "alias eth0 vmxnet3\nalias scsi_hostadapter vmw_pvscsi" },
		{ "CRLF",
		  "alias eth0 tg3\r\nalias scsi_hostadapter cciss\r\n",
		  "alias eth0 vmxnet3\r\nalias scsi_hostadapter mptbase\r\nalias scsi_hostadapter1 mptspi\r\n",
		  "alias eth0 vmxnet3\r\nalias scsi_hostadapter vmw_pvscsi\r\n" },
		{ "nothing there yet", "", "alias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\nalias eth0 vmxnet3\n",
		  "alias scsi_hostadapter vmw_pvscsi\nalias eth0 vmxnet3\n" },
		{ "an IDE server: the file has other lines, no newline",
		  "alias sound-slot-0 i810",
		  "alias sound-slot-0 i810\nalias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\nalias eth0 vmxnet3\n",
		  "alias sound-slot-0 i810\nalias scsi_hostadapter vmw_pvscsi\nalias eth0 vmxnet3\n" },
		{ "comments are not lines",
		  "#alias scsi_hostadapter cciss\nalias scsi_hostadapter sym53c8xx\nalias eth0 vmxnet3\n",
		  "#alias scsi_hostadapter cciss\nalias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\nalias eth0 vmxnet3\n",
		  "#alias scsi_hostadapter cciss\nalias scsi_hostadapter vmw_pvscsi\nalias eth0 vmxnet3\n" },
		{ "duplicates, and numbers out of order",
		  "alias scsi_hostadapter2 ata_piix\nalias scsi_hostadapter cciss\nalias scsi_hostadapter cciss\nalias eth0 tg3\nalias eth0 tg3\n",
		  "alias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\nalias scsi_hostadapter2 ata_piix\nalias eth0 vmxnet3\nalias eth0 vmxnet3\n",
		  "alias scsi_hostadapter vmw_pvscsi\nalias scsi_hostadapter1 ata_piix\nalias eth0 vmxnet3\nalias eth0 vmxnet3\n" },
		{ "unfinished lines",
		  "alias\nalias scsi_hostadapter\noptions\nalias eth0 \n",
		  "alias\nalias scsi_hostadapter\noptions\nalias eth0 \nalias scsi_hostadapter mptbase\n"
		  "alias scsi_hostadapter1 mptspi\nalias eth0 vmxnet3\n",
		  "alias\nalias scsi_hostadapter\noptions\nalias eth0 \nalias scsi_hostadapter vmw_pvscsi\n"
		  "alias eth0 vmxnet3\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		edit(cases[i].before, lsi, 2, 1);
		is_str(buf_str(&out), cases[i].lsi, "%s, for lsilogic", cases[i].what);
		edit(cases[i].lsi, lsi, 2, 1);
		is_str(buf_str(&out), cases[i].lsi, "%s, twice", cases[i].what);
		edit(cases[i].before, pvscsi, 1, 1);
		is_str(buf_str(&out), cases[i].pvscsi, "%s, for pvscsi", cases[i].what);
		edit(cases[i].lsi, pvscsi, 1, 1);
		ok(!strncmp(buf_str(&out), cases[i].pvscsi, strlen(cases[i].pvscsi)), "%s, for pvscsi after lsilogic",
		   cases[i].what);
	}
}

static void test_cards(void)
{
	struct modconf_change c = { pvscsi, 1, kept, 2, NULL, nics, 2 };
	const char *text = "alias eth0 tg3\nalias eth1 off\nalias eth2 off\nalias scsi_hostadapter vmw_pvscsi\n";

	edit(text, pvscsi, 1, 2);
	is_str(buf_str(&out), "alias eth0 vmxnet3\nalias eth1 vmxnet3\nalias eth2 off\nalias scsi_hostadapter vmw_pvscsi\n",
	       "a card that is off stays off, unless the VM has it");
	is_int(modconf_edit(text, strlen(text), &c, &out, &err), 0, "without a network driver");
	is_str(buf_str(&out), text, "cards are left alone");
	text = "alias scsi_hostadapter vmw_pvscsi\nalias ethernet x\nalias eth0:1 tg3\n";
	edit(text, pvscsi, 1, 0);
	is_str(buf_str(&out), text, "other names are no cards");
	text = "options vmxnet3 x=1\nalias eth0 vmxnet3\nalias scsi_hostadapter vmw-pvscsi\noptions vmw_pvscsi y=1\n";
	edit(text, pvscsi, 1, 1);
	is_str(buf_str(&out), text, "what is right stays as it is, options too");
}

static void test_parse(void)
{
	const char *text = "alias eth0 tg3\n# x\n\talias  scsi_hostadapter1\tata_piix\nalias bond0 bonding\nalias scsi_hostadapterX y\nalias eth1";
	struct modconf_alias *a;
	size_t n;

	is_int(modconf_parse(text, strlen(text), &a, &n, &err), 0, "parsed");
	is_int(n, 2, "two aliases of devices; one has no module");
	is_str(a[0].name, "eth0", "the first");
	is_str(a[0].module, "tg3", "with its module");
	is_str(a[1].name, "scsi_hostadapter1", "the second");
	is_int(a[1].line, 3, "in the third line");
	modconf_free(a, n);
}

static void test_hostile(void)
{
	static char text[200000];
	unsigned seed = 1, changed_twice = 0;

	for (int round = 0; round < 200; round++) {
		static const char *const words[] = { "alias ", "scsi_hostadapter", "eth0 ", "\n", "\\\n", " cciss", "options ",
						     "\r\n", "\0", "#", "tg3", "\t", "1" };
		struct modconf_change c = { lsi, 2, kept, 2, "vmxnet3", nics, 2 };
		size_t n = 0;
		struct buf again = { 0 };

		while (n < 400) {
			const char *w = words[((seed = seed * 1103515245 + 12345) >> 16) % 13];
			size_t len = *w ? strlen(w) : 1;

			memcpy(text + n, w, len);
			n += len;
		}
		modconf_edit(text, n, &c, &out, &err);
		modconf_edit((char *)out.data, out.len, &c, &again, &err);
		changed_twice += again.len != out.len || memcmp(again.data, out.data, out.len);
		buf_free(&again);
	}
	is_int(changed_twice, 0, "a second edit of noise changes nothing");
	memset(text, 'a', sizeof text - 1);
	edit(text, lsi, 2, 0);
	is_int(out.len, sizeof text - 1 + strlen("\nalias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi\n"),
	       "a long line is copied");
}

int main(void)
{
	test_edit();
	test_cards();
	test_parse();
	test_hostile();
	buf_free(&out);
	return tap_done();
}
