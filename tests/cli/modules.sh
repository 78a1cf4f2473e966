#!/bin/bash
# Modules of a real kernel as kmod's programs see them, and of a made 2.4 one as its sources say.
. "$(dirname "$0")/../support/lib.sh"
of=$(dirname "$UNRACK")/modules_of
[ -x "$of" ] || skip_all "modules_of is not built; make $of"
for name in modinfo modprobe depmod gcc xz zstd; do
	command -v $name > /dev/null || skip_all "there is no $name"
done
. "$fixtures/cache.sh"
. "$fixtures/kernel.sh"

tree=$(kernel_tree)
[ -d "$tree/lib/modules" ] || skip_all "no kernel can be had here"
kver=$(kernel_version "$tree")
real=$tree/lib/modules/$kver

sorted() { # FILE: of each module the lines behind its "filename", sorted
	awk '$1 == "filename" {file = $2; next} {print file, $0}' "$1" | sort
}

needs() { # FILE: lines of modules.dep, their needs sorted
	awk -F: '{n = split($2, a, " "); for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] < a[j - 1]; j--) {
		x = a[j]; a[j] = a[j - 1]; a[j - 1] = x }
		s = $1 ":"; for (i = 1; i <= n; i++) s = s " " a[i]; print s}' "$1" | sort
}

# --- What modules say ------------------------------------------------------------------------
find "$real" -name '*.ko' | sort > modules
xargs modinfo < modules | sed -nE 's/^(filename|alias|depends|softdep|vermagic): */\1 /p' > theirs
xargs "$of" info < modules > ours
ok "alias, depends, softdep and vermagic of all modules are those of modinfo" \
	cmp <(sorted ours) <(sorted theirs)
ok "and that is something" [ "$(wc -l < ours)" -gt 20000 ]
for name in kernel/drivers/scsi/scsi_mod kernel/fs/ext4/ext4 kernel/drivers/net/vmxnet3/vmxnet3; do
	modprobe --dump-modversions "$real/$name.ko" | sort > theirs
	"$of" versions "$real/$name.ko" | sort > ours
	ok "checksums of ${name##*/}" cmp ours theirs
done
for how in xz\ --check=crc32 gzip zstd\ -q; do
	$how -c "$real/kernel/fs/ext4/ext4.ko" > ext4.ko
	"$of" info ext4.ko | tail -n +2 > ours
	"$of" info "$real/kernel/fs/ext4/ext4.ko" | tail -n +2 > theirs
	ok "a module packed by ${how%% *}" cmp ours theirs
done

# --- What they need --------------------------------------------------------------------------
depmod -n -b "$tree" "$kver" 2> /dev/null | sed -n '/^#/q; p' > dep
"$of" all "$real" "$kver" | sort > ours
ok "what all modules need, by modules.dep" cmp ours <(needs dep)
"$of" all -n "$real" "$kver" | sort > ours
ok "and by themselves" cmp ours <(needs dep)

wrong=
while read -r name; do
	modprobe -C /dev/null -d "$tree" -S "$kver" --show-depends "$name" | sed -n "s|^insmod $real/||p" |
		tr -d ' ' | sort -u > theirs
	"$of" closure "$real" "$kver" "$name" > ours
	# modprobe takes a module's first line of modules.softdep only.
	comm -13 <(sed 's/ soft$//' ours | sort) theirs | grep -q . && wrong+=" $name(less)"
	comm -23 <(grep -v ' soft$' ours | sort) theirs | grep -q . && wrong+=" $name(more)"
	# None comes before what it needs.
	awk 'NR == FNR {split($0, a, ":"); needs[a[1]] = a[2]; next}
		{n = split(needs[$1], a, " "); for (i = 1; i <= n; i++) if (!(a[i] in seen)) exit 1; seen[$1] = 1}' \
		dep ours || wrong+=" $name(order)"
done <<- 'END'
	ext4
	xfs
	btrfs
	f2fs
	vmw_pvscsi
	mptspi
	mptsas
	BusLogic
	ahci
	ata_piix
	nvme
	sd_mod
	sr_mod
	vmxnet3
	e1000e
	pcnet32
	r8169
	dm-mod
	dm-crypt
	raid456
	megaraid_sas
	hpsa
	mpt3sas
	qla2xxx
	cifs
	nfs
	uhci-hcd
	virtio_blk
	virtio_net
END
is "$wrong" "" "closures are those of modprobe, soft dependencies too, in an order that works"

# --- modules.dep, wrong in all ways ----------------------------------------------------------
mkdir copy
copy_modules "$tree" "$kver" "$work/copy" scsi_mod sd_mod mptspi vmw_pvscsi ext4 crc32c_generic crc32c-intel
copy=$work/copy/lib/modules/$kver
"$of" closure "$copy" "$kver" ext4 mptspi | sort > good
ok "closures in a copy" [ "$(wc -l < good)" -ge 11 ]
mv "$copy/modules.dep" dep
damage() { # NAME: whatever modules.dep is like, the closure is the same
	"$of" closure "$copy" "$kver" ext4 mptspi 2>&1 | sort > ours
	ok "modules.dep is $1" cmp ours good
}
damage missing
: > "$copy/modules.dep"
damage empty
head -c "$(($(grep -b 'mptspi\.ko:' dep | cut -d: -f1) + 70))" dep > "$copy/modules.dep"
damage cut
sed 's|/scsi_transport_spi|/gone/&|; s|/jbd2/|/jbd3/|' dep > "$copy/modules.dep"
damage "that of other files"
sed 's|:.*|:|' dep > "$copy/modules.dep"
damage "without what is needed"
rm "$copy/modules.dep"
find "$copy" -name '*.ko' -exec xz --check=crc32 {} +
"$of" closure "$copy" "$kver" ext4 mptspi | sed 's/\.xz//' | sort > ours
ok "with packed modules, too" cmp ours good

# --- What fits -------------------------------------------------------------------------------
mkdir -p "$copy/extra"
cp "$real/kernel/drivers/net/vmxnet3/vmxnet3.ko" "$copy/extra/"
variant() { # NAME VERMAGIC [OPTION...]: another build of it
	printf 'vermagic=%s\0depends=\0' "$2" > info
	objcopy --remove-section .modinfo --add-section .modinfo=info "${@:3}" "$copy/extra/vmxnet3.ko" "$copy/extra/$1.ko"
}
objcopy -O binary --only-section=__versions --set-section-flags __versions=alloc "$copy/extra/vmxnet3.ko" versions
printf '\1\2\3\4' |
	dd of=versions conv=notrunc bs=1 seek=$(($(grep -abo module_layout versions | cut -d: -f1) - 8)) status=none
variant kabi "6.0.0 SMP preempt mod_unload modversions "
variant flavour "6.0.0 SMP mod_unload modversions "
variant other "6.0.0 SMP preempt mod_unload modversions " --update-section __versions=versions
echo 'int x;' > x.c
gcc -m32 -c -o "$copy/extra/i386.ko" x.c
head -c 20000 "$real/kernel/drivers/net/vmxnet3/vmxnet3.ko" > "$copy/extra/cut.ko"
"$of" fits "$copy" "$kver" extra/{vmxnet3,kabi,flavour,other,i386,cut}.ko > fits
is "$(sed -n 1p fits)" "extra/vmxnet3.ko fits" "a module of the kernel fits"
is "$(sed -n 2p fits)" "extra/kabi.ko fits" "one of another build with the same checksums, too"
is "$(sed -n 3p fits)" "extra/flavour.ko was built for \"6.0.0 SMP mod_unload modversions \", the kernel is \"$kver SMP \
preempt mod_unload modversions \"" "one of another flavour does not"
like "$(sed -n 4p fits)" '^extra/other.ko was built for a kernel with another module_layout \(checksum 04030201, ' \
	"nor one with other checksums"
is "$(sed -n 5p fits)" "extra/i386.ko is for i386, the kernel's own modules are for x86_64" "nor one for another processor"
like "$(sed -n 6p fits)" '^extra/cut.ko can.t be used \(extra/cut.ko: is cut short' "nor half a one"

# --- PCI devices -----------------------------------------------------------------------------
for answer in vmw_pvscsi:15ad:07c0:yes vmxnet3:15ad:07b0:yes mptspi:1000:0030:yes mptsas:1000:0054:yes e1000:8086:100f:yes \
	e1000:8086:10d3:no e1000e:8086:10d3:yes ahci:15ad:07e0:class nvme:15ad:07f0:class BusLogic:104b:1040:yes \
	pcnet32:1022:2000:yes ext4:1:2:unknown; do
	IFS=: read -r name vendor device want <<< "$answer"
	is "$("$of" claims "$real" "$kver" "$name" "$vendor" "$device")" "$want" "$name for $vendor:$device: $want"
done

# --- A 2.4 kernel ----------------------------------------------------------------------------
old=2.4.21-63.ELsmp
cat > module.h <<- 'END'
	#define INFO(n, text) static const char n[] __attribute__((section(".modinfo"), used)) = text;
	#define VERSION INFO(version, "kernel_version=" KVER) INFO(checksums, "using_checksums=1")
	struct module_symbol { unsigned long value; const char *name; };
	#define EXPORT(sym) static const char kstrtab_##sym[] __attribute__((section(".kstrtab"))) = #sym; \
		const struct module_symbol __ksymtab_##sym __attribute__((section("__ksymtab"))) = { (unsigned long)&sym, kstrtab_##sym };
	#define EXPORT_NO __asm__(".section __ksymtab\n.previous");
	struct pci_device_id { unsigned int vendor, device, subvendor, subdevice, class, class_mask; unsigned long data; };
	#define TABLE(name) static const unsigned long __module_pci_device_size __attribute__((used)) = sizeof(struct pci_device_id); \
		static const struct pci_device_id *__module_pci_device_table __attribute__((used)) = name;
END
cat > scsi_mod.c <<- 'END'
	#include "module.h"
	VERSION
	extern int printk_Rsmp_1b7d4074(const char *, ...);
	int scsi_register_Rsmp_0a0b0c0d(void) { return printk_Rsmp_1b7d4074("x"); }
	int scsi_hidden(void) { return 0; }
	EXPORT(scsi_register_Rsmp_0a0b0c0d)
END
cat > mptbase.c <<- 'END'
	#include "module.h"
	VERSION
	static struct pci_device_id ids[] = { { 0x1000, 0x30, ~0, ~0 }, { 0x1000, 0x621, ~0, ~0 }, { 0 } };
	TABLE(ids)
	int mpt_register_Rsmp_11223344(void) { return 0; }
	EXPORT(mpt_register_Rsmp_11223344)
END
cat > mptscsih.c <<- 'END'
	#include "module.h"
	VERSION
	EXPORT_NO
	extern int mpt_register_Rsmp_11223344(void), scsi_register_Rsmp_0a0b0c0d(void), printk_Rsmp_1b7d4074(const char *, ...);
	int init_module(void) { return mpt_register_Rsmp_11223344() + scsi_register_Rsmp_0a0b0c0d() + printk_Rsmp_1b7d4074("y"); }
END
cat > mii.c <<- 'END'
	#include "module.h"
	VERSION
	int mii_link_ok(void) { return 1; }
END
cat > pcnet32.c <<- 'END'
	#include "module.h"
	VERSION
	EXPORT_NO
	extern int mii_link_ok(void);
	int init_module(void) { return mii_link_ok(); }
END
sed 's/1b7d4074/99999999/' scsi_mod.c > foreign.c
for bits in 32 64; do
	dir=old$bits/lib/modules/$old
	mkdir -p "$dir"/kernel/drivers/{scsi,message/fusion,net} "$dir/misc"
	for at in scsi/scsi_mod message/fusion/mptbase message/fusion/mptscsih net/mii net/pcnet32; do
		gcc -m$bits -w -O2 -fno-pie -fcommon -DKVER="\"$old\"" -I. -c -o "$dir/kernel/drivers/$at.o" "${at##*/}.c"
	done
	gcc -m$bits -w -O2 -fno-pie -DKVER='"2.4.21-4.ELsmp"' -I. -c -o "$dir/misc/foreign.o" foreign.c
	gzip -k "$dir/kernel/drivers/net/pcnet32.o" && rm "$dir/kernel/drivers/net/pcnet32.o"
	is "$("$of" closure "$dir" $old mptscsih | xargs -n1 basename | tr '\n' ' ')" "mptbase.o scsi_mod.o mptscsih.o " \
		"2.4, $bits bits: symbols tell what a module needs"
	is "$("$of" closure "$dir" $old pcnet32 | xargs -n1 basename | tr '\n' ' ')" "mii.o pcnet32.o.gz " \
		"global ones, too, where none is exported"
	is "$("$of" claims "$dir" $old mptbase 1000 0030) $("$of" claims "$dir" $old mptbase 1000 0054)" "yes no" \
		"and its table which devices it is for"
	like "$("$of" fits "$dir" $old misc/foreign.o)" 'with another printk \(checksum 99999999, the kernel.s is 1b7d4074\)' \
		"a module with other checksums does not fit"
	is "$("$of" fits "$dir" $old kernel/drivers/net/mii.o)" "kernel/drivers/net/mii.o fits" "its own do"
done
ok "a 2.4 module is no module for another processor's kernel" grep -q 'is for i386, ' \
	<(cp old32/lib/modules/$old/kernel/drivers/net/mii.o old64/lib/modules/$old/misc/ &&
		"$of" fits old64/lib/modules/$old $old misc/mii.o)
done_testing
