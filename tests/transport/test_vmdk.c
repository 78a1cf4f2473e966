/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/io.h"
#include "unrack/proc.h"
#include "unrack/vmdk.h"

static struct unrack_error err;

static void test_geometry(void)
{
	static const struct {
		uint64_t sectors;
		const char *adapter;
		uint64_t c, h, s;
	} cases[] = {
		{ 131072, "buslogic", 64, 64, 32 },       { 2097151, "lsilogic", 1023, 64, 32 },
		{ 2097152, "lsilogic", 512, 128, 32 },    { 4194303, "lsilogic", 1023, 128, 32 },
		{ 4194304, "lsilogic", 261, 255, 63 },    { 10485216, "ide", 10402, 16, 63 },
		{ 1, "lsilogic", 1, 64, 32 },             { UINT64_MAX / 512, "ide", 65535, 16, 63 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t c, h, s;

		vmdk_geometry(cases[i].sectors, cases[i].adapter, &c, &h, &s);
		ok(c == cases[i].c && h == cases[i].h && s == cases[i].s,
		   "geometry of %llu sectors, %s: %llu/%llu/%llu", (unsigned long long)cases[i].sectors,
		   cases[i].adapter, (unsigned long long)c, (unsigned long long)h, (unsigned long long)s);
	}
}

/* The descriptor that facts about ESX call known to be good. */
static const char good[] = "# Disk DescriptorFile\n"
			   "version=1\n"
			   "CID=1a2b3c4d\n"
			   "parentCID=ffffffff\n"
			   "createType=\"vmfs\"\n"
			   "\n"
			   "# Extent description\n"
			   "RW 131072 VMFS \"web01-flat.vmdk\"\n"
			   "\n"
			   "# The Disk Data Base\n"
			   "#DDB\n"
			   "\n"
			   "ddb.virtualHWVersion = \"4\"\n"
			   "ddb.geometry.cylinders = \"64\"\n"
			   "ddb.geometry.heads = \"64\"\n"
			   "ddb.geometry.sectors = \"32\"\n"
			   "ddb.adapterType = \"buslogic\"\n";

static void test_write(void)
{
	struct buf b = { 0 };

	is_int(vmdk_descriptor_write(DISK_FLAT, "web01-flat.vmdk", 67108864, "buslogic", 0x1a2b3c4d, &b, &err), 0,
	       "a descriptor is written");
	is_str(buf_str(&b), good, "byte for byte");
	is_int(vmdk_descriptor_write(DISK_FLAT, "a-flat.vmdk", 1000000, "lsilogic", 1, &b, &err), 0,
	       "for an odd size");
	has_str(buf_str(&b), "RW 1954 VMFS", "sectors are rounded up");
	is_int(vmdk_descriptor_write(DISK_FLAT, "a\"b", 512, "ide", 1, &b, &err), UNRACK_USAGE, "a name with a quote");
	is_int(vmdk_descriptor_write(DISK_FLAT, "", 512, "ide", 1, &b, &err), UNRACK_USAGE, "an empty name");
	is_int(vmdk_descriptor_write(DISK_FLAT, "a/b", 512, "ide", 1, &b, &err), UNRACK_USAGE, "a path");
	is_int(vmdk_descriptor_write(DISK_FLAT, "a", 512, "pvscsi", 1, &b, &err), UNRACK_INTERNAL,
	       "an adapter that descriptors do not have");
	is_int(vmdk_descriptor_write(DISK_FLAT, "a", 512, "ide", 0xfffffffe, &b, &err), UNRACK_INTERNAL,
	       "a reserved content ID");
	buf_free(&b);
}

static void test_parse(void)
{
	static const char odd[] = "# comment\r\n"
				  "version=3\r\n"
				  "encoding=\"UTF-8\"\r\n"
				  "cid=FFFFFFFE\r\n"
				  "PARENTCID=1\r\n"
				  "CreateType = \"monolithicFlat\"\r\n"
				  "RW 100 FLAT \"with space-flat.vmdk\" 0\r\n"
				  "RDONLY 50 ZERO\r\n"
				  "DDB.AdapterType=ide";
	struct vmdk_descriptor d;

	is_int(vmdk_descriptor_parse(good, sizeof good - 1, "d", &d, &err), 0, "ours is read");
	is_str(d.create_type, "vmfs", "its type");
	is_str(d.adapter_type, "buslogic", "its adapter");
	is_str(d.extent, "web01-flat.vmdk", "its extent");
	is_str(d.extent_type, "VMFS", "the extent's type");
	ok(d.sectors == 131072 && d.extents == 1, "its size");
	ok(d.cid == 0x1a2b3c4d && d.parent_cid == 0xffffffff, "its content IDs");
	ok(d.cylinders == 64 && d.heads == 64 && d.spt == 32, "its geometry");

	is_int(vmdk_descriptor_parse(odd, sizeof odd - 1, "d", &d, &err), 0, "another's is read");
	ok(d.cid == 0xfffffffe && d.parent_cid == 1, "in any case of letters");
	is_str(d.create_type, "monolithicFlat", "with carriage returns");
	is_str(d.extent, "with space-flat.vmdk", "spaces in names");
	ok(d.extents == 2 && d.sectors == 100, "two extents: the first is told");
	is_str(d.adapter_type, "ide", "without quotes and a last newline");
	is_int(vmdk_descriptor_parse("version=1\ncreateType=x\nRW 1 ZERO\n\0junk", 42, "d", &d, &err), 0,
	       "padding is not read");
}

static void test_hostile(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "it has no version" },
		{ "KDMV", "line 1 is not version" },
		{ "version=4\n", "line 1 is not version" },
		{ "version=1\n", "it has no createType" },
		{ "version=1\ncreateType=x\n", "it has no extent" },
		{ "version=1\ncreateType=\"0123456789012345678901234567890123456789\"\n", "line 2" },
		{ "version=1\ncreateType=x\nRW -1 VMFS \"a\"\n", "line 3" },
		{ "version=1\ncreateType=x\nRW 99999999999999999999 VMFS \"a\"\n", "line 3" },
		{ "version=1\ncreateType=x\nRW 36028797018963968 VMFS \"a\"\n", "line 3" },
		{ "version=1\ncreateType=x\nRW 1 VMFS a\n", "line 3" },
		{ "version=1\ncreateType=x\nRW 1 VMFS \"a\n", "line 3" },
		{ "version=1\ncreateType=x\nRW 1 VMFS \"\"\n", "line 3" },
		{ "version=1\ncreateType=x\nRW 1 VMFS\n", "line 3" },
		{ "version=1\ncreateType=x\nRW 1\n", "line 3" },
		{ "version=1\ncreateType=x\nRW\n", "line 3" },
		{ "version=1\nCID=100000000\n", "line 2" },
		{ "version=1\nCID=\n", "line 2" },
		{ "version=1\nddb.geometry.heads=many\n", "line 2" },
	};
	struct vmdk_descriptor d;
	char *big;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		/* On the heap, so that a read past the end is seen by ASan. */
		size_t n = strlen(cases[i].text);
		char *copy = memcpy(malloc(n + 1), cases[i].text, n);

		is_int(vmdk_descriptor_parse(copy, n, "x.vmdk", &d, &err), UNRACK_DAMAGED,
		       "hostile descriptor %zu", i);
		has_str(err.text, cases[i].why, "hostile descriptor %zu: why", i);
		free(copy);
	}
	for (size_t n = 0; n < sizeof good; n++) {
		char *copy = memcpy(malloc(n + 1), good, n);

		vmdk_descriptor_parse(copy, n, "x", &d, &err);
		free(copy);
	}
	big = calloc(1, VMDK_DESCRIPTOR_MAX + 1);
	is_int(vmdk_descriptor_parse(big, VMDK_DESCRIPTOR_MAX + 1, "x", &d, &err), UNRACK_DAMAGED,
	       "too large");
	has_str(err.text, "65536 bytes", "the limit is named");
	free(big);
}

static void test_set_adapter(void)
{
	static const char text[] = "version=1\r\n  DDB.adapterType = \"ide\" \r\nddb.uuid = \"60 00\"\n";
	struct buf b = { 0 };

	is_int(vmdk_descriptor_set_adapter(text, sizeof text - 1, "lsilogic", &b, &err), 0,
	       "the adapter is replaced");
	is_str(buf_str(&b),
	       "version=1\r\n  ddb.adapterType = \"lsilogic\" \r\nddb.uuid = \"60 00\"\n",
	       "and nothing else");
	is_int(vmdk_descriptor_set_adapter("version=1", 9, "ide", &b, &err), 0, "where none was");
	is_str(buf_str(&b), "version=1\nddb.adapterType = \"ide\"\n", "it is added");
	is_int(vmdk_descriptor_set_adapter("version=1", 9, "nvme", &b, &err), UNRACK_INTERNAL,
	       "an unknown one is refused");
	buf_free(&b);
}

static void test_qemu(void)
{
	char dir[] = "/tmp/unrack-vmdk-XXXXXX", descriptor[64], flat[64], raw[64];
	char *qemu_img = NULL;
	struct buf b = { 0 }, out = { 0 };
	uint8_t data[1536];
	const struct io *io = io_posix();

	if (proc_find("qemu-img", "qemu-utils", &qemu_img, &err) < 0) {
		ok(true, "qemu-img accepts it # SKIP no qemu-img");
		return;
	}
	if (!mkdtemp(dir))
		exit(1);
	snprintf(descriptor, sizeof descriptor, "%s/w.vmdk", dir);
	snprintf(flat, sizeof flat, "%s/w-flat.vmdk", dir);
	snprintf(raw, sizeof raw, "%s/raw", dir);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7);
	vmdk_descriptor_write(DISK_FLAT, "w-flat.vmdk", sizeof data, "lsilogic", 7, &b, &err);
	io_replace_file(io, descriptor, b.data, b.len, 0666, &err);
	io_replace_file(io, flat, data, sizeof data, 0666, &err);
	io_replace_file(io, raw, data, sizeof data, 0666, &err);
	ok(proc_check((const char *const[]){ qemu_img, "info", descriptor, NULL }, &out, 600, NULL, &err) == 0,
	   "qemu-img info reads the descriptor");
	has_str(buf_str(&out), "virtual size: 1.5 KiB (1536 bytes)", "with the right size");
	has_str(buf_str(&out), "create type: vmfs", "and type");
	ok(proc_check((const char *const[]){ qemu_img, "compare", "-f", "vmdk", "-F", "raw", descriptor, raw,
					      NULL }, NULL, 600, NULL, &err) == 0,
	   "qemu-img compare finds the same bytes through it");
	unlink(descriptor);
	unlink(flat);
	unlink(raw);
	rmdir(dir);
	buf_free(&b);
	buf_free(&out);
	free(qemu_img);
}

int main(void)
{
	test_geometry();
	test_write();
	test_parse();
	test_hostile();
	test_set_adapter();
	test_qemu();
	return tap_done();
}
