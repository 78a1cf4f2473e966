#!/bin/bash
# unrack initrd, with nothing but an initrd and a folder of modules: an image as mkinitrd of RHEL 5 made them, with
# a real kernel's modules, and small ones by cpio.
. "$(dirname "$0")/../support/lib.sh"
needs cpio gzip xz jq perl kmod
set +e
manual() { perl "$fixtures/../support/json_events.pl" "$@"; }

# --- What is needed -------------------------------------------------------------------------
cat >make.sh <<'END'
set -euo pipefail
for part in cache kernel el5-initrd; do . "$FIXTURES/$part.sh"; done
EL5_INSTALLED=2014-09-16T12:00:00
export TZ=UTC
tree=$(kernel_tree)
kver=$(kernel_version "$tree")
copy_modules "$tree" "$kver" "$PWD/root" vmw_pvscsi mptspi mptsas ahci nvme ext4 sd_mod e1000 vmxnet3
echo 'options ahci mobile_lpm_policy=0' >conf
el5_initrd "initrd-$kver.img" root "$kver" conf ahci /dev/cciss/c0d0 /dev/cciss/c0d0p3 /dev/cciss/c0d0p2 ahci
echo "$kver" >kver
END
FIXTURES=$fixtures bash make.sh 2>make.log || {
	result 1 "an initrd like mkinitrd's is made"
	sed 's/^/# /' make.log
	done_testing
}
kver=$(<kver)
image=initrd-$kver.img
cp "$image" first.img

# Plain and packed archives in a row; a name that a terminal would obey, a link, a device, a file with two names.
mkdir -p tree/etc
echo hello >tree/etc/motd
ln tree/etc/motd tree/etc/issue
ln -s etc/motd tree/link
ln -s nowhere tree/lost
printf 'a\0b' >tree/binary
: >"tree/$(printf 'bad\033[2Jname')"
printf '#!/bin/sh\necho hi\n' >tree/init
chmod 751 tree/init
find tree -exec touch -h -d @1000000000 {} +
pack() { (cd "$1" && find . -mindepth 1 | sort | cpio --quiet -o -H newc --owner=0:0 --reproducible); }
mkdir early
echo 1 >early/early_cpio
{
	pack early
	pack tree | xz --check=crc32
} >other.img

# --- list -----------------------------------------------------------------------------------
unrack initrd list "$image"
exits 0 "list"
like "$(head -1 <<<"$out")" "^$image: gzip newc cpio by mkinitrd \(nash\), kernel $kver, [0-9]+ members$" "says what it is"
like "$out" $'\nsegment 1: gzip newc cpio, [0-9]+ members, [0-9]+ bytes at 0, unpacked [0-9]+\n' "its archive"
like "$out" $'\n 1 crw-------   1     0     0     5,   1 2014-09-16 12:00:00 dev/console\n' "a device"
like "$out" $'\n 1 lrwxrwxrwx   1     0     0          7 2014-09-16 12:00:00 bin/insmod -> busybox\n' "a link"
is "$(sed -n 's/^ 1 .* 12:00:00 //; s/ -> .*//; t p; d; :p; p' <<<"$out" | LC_ALL=C sort)" \
	"$(gzip -dc "$image" | cpio --quiet -t | LC_ALL=C sort)" "the names are those that cpio sees"
unrack initrd list other.img
exits 0 "an image in two archives"
like "$out" $'other.img: newc cpio, xz newc cpio, 9 members\nnote        neither mkinitrd nor dracut of RHEL made it\n' "is one of another kind"
like "$out" $'\nsegment 1: newc cpio, 1 member, [0-9]+ bytes at 0\nsegment 2: xz newc cpio, 8 members, [0-9]+ bytes at 512, unpacked [0-9]+\n 1 -rw' "its archives"
like "$out" $'\n 2 -rwxr-x--x   1     0     0         18 2001-09-09 01:46:40 init\n' "a member of the second one"
like "$out" ' bad\\033\[2Jname' "nothing that a terminal would obey"
like "$out" $'\n 2 -rw-r--r--   2     0     0          6 [^\n]* etc/issue\n' "a file with two names has its content under both"
unrack --json initrd list other.img
exits 0 "list as JSON"
documented "is documented"
is "$(jq -c '[.image.segments[] | [.packing, .format, .early, .member_count, .offset]]' <<<"$out")" \
	'[[null,"newc cpio",false,1,0],["xz","newc cpio",false,8,512]]' "the archives"
is "$(jq -r '.members[] | select(.name == "link") | "\(.mode) \(.target) \(.segment)"' <<<"$out")" "lrwxrwxrwx etc/motd 2" "a link"
unrack --json initrd list "$image"
documented "devices are documented"
is "$(jq -r '.members[] | select(.name == "dev/null") | "\(.major):\(.minor)"' <<<"$out")" 1:3 "with their numbers"

# --- show -----------------------------------------------------------------------------------
unrack initrd show "$image"
exits 0 "show"
like "$out" $'\nloads     1 [a-z0-9_-]+ from lib/[a-z0-9_-]+.ko\n' "modules, and from where"
like "$out" $'\nroot        /dev/cciss/c0d0p3\nroot is     ext3\nresume      /dev/cciss/c0d0p2\n' "the root it expects"
like "$out" $'\n\ninit:\n#!/bin/nash\n' "and the script"
unrack initrd show "$image" /bin/nash
cmp -s .out "$fixtures/nash-standin"
result $? "a member, byte by byte"
unrack initrd show other.img binary 2>/dev/null
is "$(od -An -tx1 .out | tr -d ' \n')" 610062 "also one that is no text"
unrack initrd show other.img ./link
is "$out" hello "a link is followed"
unrack initrd show other.img
like "$out" $'init:\n#!/bin/sh\necho hi$' "any script is shown"
unrack initrd show other.img lost
exits 6 "a link that leads nowhere"
unrack initrd show other.img etc
exits 2 "a folder"
like "$err" "etc is a folder, and has no content" "is named"
unrack initrd show other.img nothing
exits 2 "what is not there"
like "$err" "there is no nothing in it; .unrack initrd list other.img. shows" "is named"
for args in "$image" "$image init" "other.img" "other.img binary"; do
	# shellcheck disable=SC2086 # two words
	unrack --json initrd show $args
	exits 0 "show $args as JSON"
	documented "is documented"
done
is "$(jq -r .content <<<"$out")" null "what is no text is left out"

# --- check ----------------------------------------------------------------------------------
unrack initrd check "$image" -m root --scsi pvscsi
exits 1 "it does not load the driver of pvscsi"
like "$out" $'\nwants       vmw_pvscsi for pvscsi \(15ad:07c0, which it claims\): kernel/drivers/scsi/vmw_pvscsi.ko\n' "which is known by the target"
like "$out" $'\nmissing     vmw_pvscsi: [^\n]*\nno: the missing link is driver$' "the missing link"
like "$err" "/init never loads vmw_pvscsi and lib/vmw_pvscsi.ko is not in the image" "is said"
unrack initrd check "$image" -m root/lib/modules --driver ahci,sd_mod
exits 0 "the drivers that it has"
like "$out" $'\nyes: /init loads [^\n]*sd_mod[^\n]*ahci' "and in which order"
unrack initrd check "$image" -m "root/lib/modules/$kver" --esx 6.7
exits 1 "a whole target"
like "$out" $'\nnetwork     vmxnet3 for vmxnet3 ' "with its network card"
unrack initrd check "$image"
exits 0 "without a target"
like "$out" "yes: no driver was asked for" "only the image is looked at"
unrack initrd check "$image" -m root -d nothing
exits 1 "a driver that the kernel has not"
like "$err" "nothing" "is named"
unrack initrd check "$image" -m root --scsi buslogic
exits 1 "a controller that it has no driver for"
like "$err" "has no driver for buslogic \(there is no /lib/modules/$kver/kernel/drivers/scsi/BusLogic.ko\)" "is named"
unrack initrd check other.img -m root --scsi pvscsi
exits 6 "an image that nobody knows"
for args in "-m root --esx 6.7" "-m root --scsi sata --nic e1000" "-m root -d nothing" ""; do
	# shellcheck disable=SC2086 # words
	unrack --json initrd check "$image" $args
	documented "check $args as JSON is documented"
done
unrack --json initrd check "$image" -m root -d ext4,vmw_pvscsi
is "$(jq -rs 'last | .answer | "\(.boots) \(.missing_link) \(.root) \(.resume)"' <<<"$out")" \
	"false driver /dev/cciss/c0d0p3 /dev/cciss/c0d0p2" "the answer as JSON"

# --- Which kernel, which folder ----------------------------------------------------------------
cp "$image" any.img
unrack initrd check any.img -m root -d ahci
exits 0 "the kernel is known by the modules in the image"
mkdir -p two/lib/modules
cp -r "root/lib/modules/$kver" two/lib/modules/
mkdir two/lib/modules/9.9.9
for file in "root/lib/modules/$kver"/modules.*; do cp "$file" two/lib/modules/9.9.9/; done
(cd "root/lib/modules/$kver" && find kernel -name '*.ko' -exec install -D {} "$work/two/lib/modules/9.9.9/{}" \;)
find two/lib/modules/9.9.9 -name '*.ko' -exec sed -i "s/vermagic=$kver /vermagic=9${kver:1} /" {} +
unrack initrd check any.img -m two -d ahci
exits 0 "of two kernels that one is taken"
unrack initrd check any.img -m two -k 9.9.9 -d ahci
exits 1 "another one"
like "$err" "it holds modules of kernel $kver, which kernel 9.9.9 does not load" "is not that of the image"
unrack initrd add any.img -m two -k 9.9.9 -d nvme -o no.img
exits 6 "and nothing of it is added"
unrack initrd check any.img -m two -k 1.2.3 -d ahci
exits 2 "a kernel that is not there"
like "$err" "two has no modules of kernel 1.2.3 \(it has .*9.9.9.*\); name another folder" "is named"
for action in check "add -o no.img"; do
	# shellcheck disable=SC2086 # words
	unrack initrd $action any.img -m two/lib/modules/9.9.9 -d nvme
	exits 2 "$action with the folder of another kernel alone"
	like "$err" "^unrack: two/lib/modules/9.9.9 has modules of kernel 9${kver:1}, not of kernel $kver; name a folder" \
		"is told what it is"
done
mkdir -p machine/lib/modules
cp -r "root/lib/modules/$kver" machine/lib/modules/
find machine -name '*.ko' | while read -r file; do
	printf '\3' | dd of="$file" bs=1 seek=18 conv=notrunc status=none # EM_386
done
unrack initrd check any.img -m machine -d ahci
exits 1 "modules of the same version for another machine"
like "$out" $'\nmissing     kernel: lib/[a-z0-9_-]+.ko is for x86_64, the kernel.s own modules are for i386\n' "are not those of the image"
unrack initrd add any.img -m machine -d nvme -o no.img
exits 6 "and none is added"
like "$err" "any.img is of another machine or build than these modules \(lib/" "the reason"
# Drivers of others, which were forced in: they tell nothing of the image.
cp -r root others
mkdir -p "others/lib/modules/$kver/extra" front/lib
for n in 1 2 3 4 5 6 7 8 9; do
	sed 's/ SMP / SMQ /' "others/lib/modules/$kver/$(sed -n 's/:.*//p' "others/lib/modules/$kver/modules.dep" | head -n 1)" >front/lib/emc$n.ko
done
cp front/lib/emc* "others/lib/modules/$kver/extra/"
{ (cd front && find lib -name '*.ko' | sort | cpio -o -H newc --quiet); cat any.img; } >others.img
unrack initrd check others.img -m others -k "$kver" -d ahci
exits 0 "drivers of others, in another build, do not make the image one"
ok "nothing was written" test ! -e no.img
mv "machine/lib/modules/$kver/kernel" machine/files
rm "machine/lib/modules/$kver"/modules.*
cp "root/lib/modules/$kver"/modules.* "machine/lib/modules/$kver/"
rm -rf machine/files && cp -r "root/lib/modules/$kver/kernel" machine/files
ln -s /files "machine/lib/modules/$kver/kernel"
unrack initrd add any.img -m machine -d nvme -o linked.img
exits 0 "modules in a folder that a link leads to"
unrack initrd check linked.img -m machine -d nvme
exits 0 "are found"
rm "machine/lib/modules/$kver/modules.dep" && mkdir "machine/lib/modules/$kver/modules.dep"
unrack initrd check linked.img -m machine -d nvme
exits 0 "a modules.dep that is a folder is as good as none"
mkdir -p three/lib/modules
cp -r "root/lib/modules/$kver" three/lib/modules/9.9.9
unrack initrd check any.img -m three -k 9.9.9 -d ahci
exits 0 "one of another name, whose modules are of the same kernel, is that of the image"
rm -rf three two/lib/modules/"$kver"
unrack initrd check any.img -m two -d ahci
exits 2 "a folder without the image's kernel"
like "$err" "two has no modules of kernel $kver \(it has 9.9.9\)" "is told"
mkdir none
for dir in none/missing none "$image" root/lib "root/lib/modules/$kver/kernel"; do
	unrack initrd check any.img -m "$dir" -d ahci
	exits 2 "no folder of modules: $dir"
done
like "$err" "/kernel has no modules of kernel $kver \(it has none\)" "drivers/misc makes no kernel of drivers"
mkdir loose
find "root/lib/modules/$kver" -name '*.ko*' -exec cp -t loose {} +
unrack initrd check any.img -k "$kver" -m loose -d ahci
is "$rc $(grep ^wants "$work/.out")" "0 wants       ahci: ahci.ko" "modules that were put together by hand"
cp loose/ahci.ko root/lib/modules/
unrack initrd check any.img -m root/lib/modules -d ahci
is "$rc $(grep ^wants "$work/.out")" "0 wants       ahci: kernel/drivers/ata/ahci.ko" "a stray one beside folders of kernels is none of those"
rm root/lib/modules/ahci.ko
unrack initrd check any.img -m none/missing -d ahci
is "$err" "unrack: there is no folder none/missing; name one with the kernel's modules, such as /mnt/lib/modules, or a guest's root folder" \
	"a folder that is not there is told"
for name in ahci.ko kernel/ahci.ko.xz "ahci, nvme" ",ahci"; do
	unrack initrd check any.img -m root -d "$name"
	exits 2 "no name of a module: $name"
	like "$err" "takes names of modules, such as vmw_pvscsi, not \"" "is told"
done
ln -s nowhere dangling.img
unrack initrd add any.img -m root -d nvme -o dangling.img
exits 5 "a link that leads nowhere, for the new image"
ok "stays" test -L dangling.img
like "$err" "dangling.img is a symbolic link that leads nowhere; remove it, or" "is told"
mv two/lib two/usr-lib && mkdir two/usr && mv two/usr-lib two/usr/lib && ln -s usr/lib two/lib
rm -rf two/usr/lib/modules/* && cp -r "root/lib/modules/$kver" two/usr/lib/modules/
unrack initrd check any.img -m two -d ahci
exits 0 "usr/lib/modules of a root folder"
cp -r "root/lib/modules/$kver" renamed
unrack initrd check any.img -m renamed -d ahci
exits 0 "one kernel's folder under any name"

# --- add --------------------------------------------------------------------------------------
unrack initrd add "$image" -m root --scsi pvscsi -n
exits 0 "a dry run"
like "$out" $'\n\+insmod /lib/vmw_pvscsi.ko\n.*\nadded   lib/vmw_pvscsi.ko, [0-9]+ bytes$' "shows the change"
cmp -s "$image" first.img
result $? "and changes nothing"
ok "not even beside it" test "$(find . -name '*phys*' | wc -l)" = 0
unrack initrd add "$image" -m root --scsi pvscsi -o new.img
exits 0 "add, elsewhere"
cmp -s "$image" first.img
result $? "the old one stays"
unrack initrd check new.img -m root --scsi pvscsi
exits 0 "the new one is right"
gzip -dc new.img | cpio --quiet -i --to-stdout lib/vmw_pvscsi.ko 2>/dev/null | cmp -s - "root/lib/modules/$kver/kernel/drivers/scsi/vmw_pvscsi.ko"
result $? "cpio finds the module in it"
unrack initrd add "$image" -m root --scsi pvscsi -o again.img
ok "a second one is the same, byte by byte" cmp new.img again.img
unrack initrd add "$image" -m root --scsi pvscsi -o new.img
exits 0 "once more to the same file"
like "$out" "nothing to do: new.img is that already" "is nothing to do"
unrack initrd add "$image" -m root --scsi sata,pvscsi -o new.img
exits 2 "no controller"
unrack initrd add "$image" -m root --scsi nvme -o new.img
exits 5 "another image in the way"
like "$err" "new.img is in the way" "is not overwritten"
ok "nor touched" cmp new.img again.img
unrack initrd add new.img -m root --scsi pvscsi -o copy.img
exits 0 "one that is right already"
ok "goes there as it is" cmp new.img copy.img
unrack initrd add - -m root --scsi pvscsi
exits 4 "a file that is not there"
unrack initrd add "$image" -m root --scsi pvscsi -o none
exits 2 "a folder as the output"
unrack initrd add "$image" -m root --scsi pvscsi -o none/deep/x.img
exits 2 "one in a folder that is not there"
is "$err" "unrack: there is no folder none/deep; make it, or name another place with -o" "is told"
unrack initrd add other.img -m root --scsi pvscsi -k "$kver" -o no.img
exits 6 "an image that nobody knows"
unrack initrd add "$image" -m root -d nothing -o no.img
exits 6 "a driver that the kernel has not"
ok "none of these wrote anything" test ! -e no.img

# In place: mode, owner, the old one, and through a link.
chmod 640 "$image"
[ "$(id -u)" != 0 ] || chown 12:34 "$image"
touch -d @1234567890 "$image"
inode=$(stat -c %i "$image")
ln -s "$image" initrd
before=$(stat -c '%a %u %g' "$image")
unrack initrd add initrd -m root --scsi pvscsi
exits 0 "add, in place, by way of a link"
ok "the link stays" test -L initrd
ok "the new one has taken the old one's place" cmp new.img "$image"
is "$(stat -c '%a %u %g' "$image")" "$before" "with its mode and owner"
ok "and not with its time" test "$(stat -c %Y "$image")" -gt 1234567890
ok "the old one is kept" cmp first.img "initrd-$kver-phys.img"
is "$(stat -c '%i %Y' "initrd-$kver-phys.img")" "$inode 1234567890" "it is the same file"
like "$err" "the old image is kept as .*/initrd-$kver-phys.img" "which is told"
unrack initrd add "$image" -m root --scsi pvscsi
exits 0 "a second time"
like "$out" "nothing to do: $image is right as it is" "there is nothing to do"
unrack initrd add "$image" -m root --scsi nvme
exits 0 "another driver"
ok "the oldest one is kept" cmp first.img "initrd-$kver-phys.img"
like "$err" "initrd-$kver-phys.img, which was there already, stays" "which is told"
unrack initrd add "initrd-$kver-phys.img" -m root --scsi nvme
exits 5 "the one that was kept"
ok "is never changed" cmp first.img "initrd-$kver-phys.img"
ok "nothing else is left behind" test "$(find . -maxdepth 1 -name '*unrack-new*' | wc -l)" = 0

# Names of devices.
unrack initrd add first.img --rename /dev/cciss/c0d0p3=/dev/sda3 --rename /dev/cciss/c0d0p2= -o renamed.img
exits 0 "other names of devices, without any modules"
unrack initrd check renamed.img
like "$out" $'\nroot        /dev/sda3\n' "root has the new name"
unlike "$out" "resume" "the other one's line is gone"
unrack initrd add renamed.img --rename /dev/cciss/c0d0p3=/dev/sda3
exits 0 "once more"
like "$out" "nothing to do" "there is nothing to do"
like "$err" "renamed.img does not mention /dev/cciss/c0d0p3" "and the name is not there"
unrack initrd check "$image" -m root --scsi nvme
exits 0 "the name in the image is the boot loader's to change"
like "$out" $'\nnote        without root= among the kernel\'s arguments root is /dev/cciss/c0d0p3, and no disk behind nvme is' "but told"
unrack initrd check "$image" -m root --scsi nvme --args "ro root=/dev/cciss/c0d0p3"
exits 1 "a root with a name that no disk of the target has"
like "$out" $'\nmissing     root: root is /dev/cciss/c0d0p3, and no disk behind nvme is called that; name root by' "is told"
unrack initrd add "$image" -m root --scsi nvme --root /dev/sda3 -n
exits 6 "add, too"
like "$err" "root is /dev/sda3, and no disk behind nvme is called that" "refuses it"
unrack initrd add "$image" -m root --scsi nvme --root /dev/cciss/c0d0p3 --rename /dev/cciss/c0d0p3=/dev/nvme0n1p3 -n
exits 0 "unless it gets another"
for bad in /dev/sda =/dev/sda ""; do
	unrack initrd add first.img --rename "$bad" -o no.img
	exits 2 "no renaming: \"$bad\""
done

# Files.
echo "# mine" >mkblkdevs
unrack initrd add first.img --file /bin/mkblkdevs=mkblkdevs -o files.img
exits 0 "another content of a file"
unrack initrd show files.img bin/mkblkdevs
is "$out" "# mine" "is in the new image"
is "$("$UNRACK" initrd list files.img | sed -n 's/^ 1 \([^ ]*\) .* bin.mkblkdevs$/\1/p')" -rwxr-xr-x "with the mode it had"
unrack initrd add files.img --file bin/mkblkdevs=mkblkdevs
like "$out" "nothing to do" "once more there is nothing to do"
for bad in bin/mkblkdevs =mkblkdevs /=mkblkdevs ../x=mkblkdevs bin/../x=mkblkdevs bin//x=mkblkdevs x/=mkblkdevs; do
	unrack initrd add first.img --file "$bad" -o no.img
	exits 2 "no file: $bad"
done
unrack initrd add first.img --file init=missing -o no.img
exits 4 "a file that is not there"
mkdir root/etc
echo 'options vmw_pvscsi ring_pages=8' >root/etc/modprobe.conf
unrack initrd add first.img -m root --scsi pvscsi -n
like "$out" $'\n\\+insmod /lib/vmw_pvscsi.ko ring_pages=8\n' "options of a module in the guest's files"
rm -r root/etc

# --- Room --------------------------------------------------------------------------------------
unrack initrd add first.img -m root --scsi pvscsi --max-size 1M -o no.img
exits 4 "larger than allowed"
like "$err" "the new image would have [0-9]+ bytes, and --max-size allows 1048576" "is refused before it is written"
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=3M tmpfs small 2>/dev/null; then
	cp first.img "small/initrd-$kver.img"
	unrack initrd add "small/initrd-$kver.img" -m root --scsi pvscsi
	exits 4 "no room for both"
	like "$err" "small has [0-9]+ KiB free, and [0-9]+ KiB are needed" "is known before anything is written"
	is "$(ls small)" "initrd-$kver.img" "nothing was"
	umount small
else
	result 0 "no room # SKIP needs root"
fi

# --- diff ---------------------------------------------------------------------------------------
unrack initrd diff first.img new.img
exits 1 "two images that differ"
like "$out" $'^changed init, [0-9]+ to [0-9]+ bytes\n--- init\n' "by their scripts"
like "$out" $'\nadded   lib/vmw_pvscsi.ko, -rw-r--r-- 0:0, [0-9]+ bytes$' "and by a module"
unrack initrd diff new.img first.img
like "$out" $'\nremoved lib/vmw_pvscsi.ko, ' "the other way round"
gzip -dc first.img | xz --check=crc32 >packed.img
unrack initrd diff first.img packed.img
exits 0 "two that unpack to the same"
like "$out" "^first.img is gzip newc cpio, packed.img is xz newc cpio$" "though they come otherwise"
{ pack early; touch -h tree/link tree/init; chmod 700 tree/init; rm tree/lost; pack tree; } >later.img
unrack initrd diff other.img later.img
exits 1 "modes and times"
like "$out" $'^changed init, -rwxr-x--x 0:0 to -rwx------ 0:0\n' "a mode"
like "$out" $'\nremoved lost, lrwxrwxrwx 0:0, 7 bytes\n' "a link"
like "$out" "1 member differs only in time" "a time is no difference"
unrack --json initrd diff other.img later.img
documented "diff as JSON is documented"
is "$(jq -c '[.differences[] | [.name, .change, .meta, .content]]' <<<"$out")" \
	'[["init","changed",true,false],["lost","removed",false,false]]' "the differences"
unrack --json initrd diff first.img first.img
exits 0 "an image with itself"
documented "is documented"

# --- What is no file of the kind ------------------------------------------------------------------
unrack initrd list <"$image" /dev/stdin
exits 0 "a file by way of /dev/stdin"
"$UNRACK" initrd show <(cat new.img) init >piped && cmp -s piped <("$UNRACK" initrd show new.img init)
result $? "a pipe"
"$UNRACK" initrd add <(cat first.img) -m root --scsi pvscsi -o piped.img >said 2>&1
ok "a pipe, and add" cmp new.img piped.img
"$UNRACK" initrd add <(cat first.img) -m root --scsi pvscsi 2>said && rc=0 || rc=$?
is "$rc" 2 "in place of a pipe"
like "$(<said)" "/dev/fd/[0-9]+ is no regular file; say with -o" "is nothing"
"$UNRACK" initrd add <(cat new.img) -m root --scsi pvscsi -o piped2.img >said 2>&1
ok "nothing to do, through a pipe" cmp new.img piped2.img
unrack initrd list .
exits 2 "a folder"
truncate -s 5G huge.img
unrack initrd list huge.img
exits 6 "a file of 5 GiB"
like "$err" "has more than 512 MiB, which no initrd has" "is refused by its size"
unrack initrd list /dev/zero
exits 6 "one without an end, too"
: >empty.img
unrack initrd list empty.img
exits 6 "an empty file"
head -c 100000 new.img >cut.img
unrack initrd list cut.img
exits 6 "one that is cut short"
unrack initrd list missing.img
exits 4 "one that is not there"

# --- The command line -------------------------------------------------------------------------------
unrack initrd
exits 2 "no action"
unrack initrd mend "$image"
exits 2 "an unknown one"
like "$err" '"mend" is nothing that initrd does; it does list, show, check, add and diff' "is named"
unrack initrd diff "$image"
exits 2 "operands that are missing"
like "$err" "initrd diff takes FILE FILE2" "are named"
unrack initrd list "$image" -o x
exits 2 "an option of another action"
like "$err" "initrd list has no use for --output" "is named"
unrack initrd add "$image" -m root
exits 2 "nothing to add"
unrack initrd add "$image" -m root --nic vmxnet3
exits 2 "only a network card"
like "$err" "loaded from the root filesystem, so an initrd needs none" "needs no initrd"
unrack initrd add "$image" --scsi pvscsi
exits 2 "no modules"
like "$err" "say with --modules where" "are asked for"
unrack initrd add "$image" -m root --scsi auto
exits 2 "a choice without an ESX version"
unrack initrd add "$image" -m root -d a/b
exits 2 "a path for a driver"
unrack initrd check "$image" -m root -k ../x
exits 2 "a path for a kernel"
for action in list show check add diff; do
	unrack --json initrd $action missing.img missing.img -d x -m root
	documented "$action that fails is documented"
	unrack --json initrd $action
	documented "and without operands"
done
unrack --json initrd add first.img -m root --scsi pvscsi -o json.img
documented "add as JSON is documented"
is "$(jq -rs 'last | "\(.changed) \(.written) \(.output) \(.kept)"' <<<"$out")" "true true json.img null" "what it did"
unrack --json initrd add json.img -m root --esx 6.7
documented "with a target, too"
unrack --json initrd add json.img -m root --scsi sata -d nvme
is "$(jq -rs 'last | "\(.changed) \(.written) \(.output) \(.kept)"' <<<"$out")" "true true $PWD/json.img $PWD/json-phys.img" "in place"
ok "no member of the result is documented in vain" \
	manual --unseen .seen initrd "initrd image" "initrd segment" "initrd member" "initrd driver" "initrd answer" "initrd difference"
done_testing
