#!/bin/bash
# Ramdisks of RHEL 2.1 and 3 against e2fsprogs: what mke2fs made is read as debugfs reads it, and what is
# written is free of errors for e2fsck.
. "$(dirname "$0")/../support/lib.sh"
ramdisk=$(dirname "$UNRACK")/ramdisk
[ -x "$ramdisk" ] || skip_all "the program for ramdisks is not built; make check-nodeps"
for c in mke2fs debugfs e2fsck dumpe2fs cpio; do
	[ -n "$(PATH=$PATH:/sbin:/usr/sbin command -v $c)" ] || skip_all "there is no $c here"
done
PATH=$PATH:/sbin:/usr/sbin

clean() { e2fsck -fn "$1"; }
quiet_debugfs() { debugfs "$@" 2>>debugfs.log; }
# What it says of every member: mode, owner, size of files, name; in debugfs's words.
ours() { "$ramdisk" list "$1" | sed 's/ -> .*//' | awk '{s = substr($1, length($1) - 5); print s, $2, (s ~ /^4|^04/ ? 0 : $5), substr($0, index($0, " /") + 1)}' | sort; }
theirs() { # IMAGE [FOLDER]
	local ino mode uid gid name size
	while IFS=/ read -r _ ino mode uid gid name size _; do
		[ -n "$ino" ] && [ "$ino" != 0 ] && [ "$name" != .. ] || continue
		case $name:$2 in
		.:) printf '%o %s:%s 0 /.\n' "0$mode" "$uid" "$gid" ;;
		.:*) ;;
		*)
			printf '%o %s:%s %s %s/%s\n' "0$mode" "$uid" "$gid" "${size:-0}" "$2" "$name"
			[[ $mode = 04* ]] && theirs "$1" "$2/$name"
			;;
		esac
	done < <(quiet_debugfs -R "ls -p \"${2:-/}\"" "$1")
}

# --- Files of all kinds ------------------------------------------------------------------
mkdir -p root/{bin,lib,dev,etc,empty,many,deep/er/than}
printf '#!/bin/nash\ninsmod /lib/x.o\nmount -t ext3 /dev/root /sysroot\n' >root/linuxrc
chmod 755 root/linuxrc
: >root/etc/empty
for n in 1 1023 1024 1025 12288 12289 280576 280577 700000; do
	head -c $n /dev/urandom >root/lib/f$n.o
done
truncate -s 600000 root/etc/holes
head -c 3000 /dev/urandom | dd of=root/etc/holes bs=1 seek=300000 conv=notrunc status=none
for n in 0 4711 1777 600; do
	: >root/etc/m$n
	chmod $n root/etc/m$n
done
for n in 1 59 60 61 900; do
	ln -s "$(printf "%${n}s" '' | tr ' ' t)" root/etc/link$n
done
ln -s bin root/sbin
echo vgwrapper >root/bin/vgscan
ln root/bin/vgscan root/bin/vgchange
ln root/bin/vgscan root/deep/er/than/that
for n in {1..300}; do echo $n >root/many/file-with-a-name-that-is-not-short-$n; done
head -c 150000 /dev/urandom >driver.o
printf '#!/bin/nash\nnew\n' >script
head -c 3000000 /dev/urandom >large.o

extra() { # IMAGE: what a folder cannot give without rights
	printf '%s\n' 'cd /dev' 'mknod console c 5 1' 'mknod hda1 b 3 1' 'mknod many b 259 70000' 'mknod pipe p' \
		'set_inode_field console mode 020600' 'set_inode_field hda1 uid 70000' 'set_inode_field hda1 gid 6' \
		'ea_set /etc/m600 user.kept "a value that does not go"' |
		quiet_debugfs -w -f - "$1" >/dev/null
}

unchanged() { # OLD NEW NAME: all files are as they were, but for NEW's own
	diff <("$ramdisk" list "$1" | grep -v ' /\.$\| /linuxrc$\| /etc$') <("$ramdisk" list "$2") | grep -c '^<'
}

try() { # NAME KIB OPTIONS...
	local name=$1 kib=$2 list
	shift 2
	rm -f a.img
	mke2fs -q -F -t ext2 -L "ramdisk" "$@" -d root a.img "$kib" >/dev/null 2>&1 || { ok "$name: mke2fs" false; return; }
	extra a.img
	ok "$name: e2fsck likes what we read" clean a.img
	is "$(ours a.img)" "$(theirs a.img '' | sort)" "$name: every member is as debugfs sees it"
	rm -rf dump
	mkdir dump
	quiet_debugfs -R "rdump / dump" a.img >/dev/null
	list=$("$ramdisk" list a.img | awk '$1 ~ /^100/ {print $8}')
	is "$(for f in $list; do "$ramdisk" data a.img "${f#/}" | cmp - "dump$f"; done 2>&1)" "" "$name: every content too"
	"$ramdisk" write a.img b.img
	ok "$name: written, it is the same" cmp a.img b.img

	"$ramdisk" edit a.img b.img 65536 script lib/driver.o driver.o etc/new/conf script many/one-more script 2>edit.err
	is "$(cat edit.err)" "" "$name: it is changed"
	ok "$name: e2fsck finds nothing" clean b.img
	ok "$name: the driver is in it" cmp <(quiet_debugfs -R 'cat /lib/driver.o' b.img) driver.o
	ok "$name: the script" cmp <(quiet_debugfs -R 'cat /linuxrc' b.img) script
	is "$(unchanged a.img b.img)" 0 "$name: no other file changed"
	is "$(quiet_debugfs -R 'ea_get /etc/m600 user.kept' b.img)" "$(quiet_debugfs -R 'ea_get /etc/m600 user.kept' a.img)" \
		"$name: attributes stay"
	is "$(dumpe2fs -h b.img 2>/dev/null | grep -E 'UUID|name|features|Inode size')" \
		"$(dumpe2fs -h a.img 2>/dev/null | grep -E 'UUID|name|features|Inode size')" "$name: it is the same filesystem"
	"$ramdisk" edit a.img c.img 65536 script lib/driver.o driver.o etc/new/conf script many/one-more script
	ok "$name: the same change gives the same bytes" cmp b.img c.img

	"$ramdisk" edit a.img b.img 40000 script lib/1.o large.o lib/2.o large.o lib/3.o large.o lib/4.o large.o 2>edit.err
	is "$(cat edit.err)" "" "$name: it grows by 12 MB"
	ok "$name: e2fsck finds nothing in it" clean b.img
	ok "$name: nor in what it had" test "$(unchanged a.img b.img)" = 0
	ok "$name: what is new is whole" cmp <(quiet_debugfs -R 'cat /lib/4.o' b.img) large.o
}

try "mkinitrd's" 4000 -O none -I 128 -b 1024
try "mke2fs of today" 4000 -b 1024
like "$(quiet_debugfs -R 'ea_get /etc/m600 user.kept' b.img)" "a value that does not go" "(there are attributes)"
try "2 KiB blocks" 4000 -b 2048 -I 256
try "4 KiB blocks" 2000 -b 4096
try "small groups" 4000 -b 1024 -g 1024 -O ^resize_inode
try "groups without copies" 9000 -b 1024 -O none,sparse_super,filetype -g 2048
try "revision 0" 4000 -r 0 -b 1024

# --- A folder with an index --------------------------------------------------------------
mke2fs -q -F -t ext2 -b 1024 -d root a.img 4000 >/dev/null 2>&1
e2fsck -fyD a.img >/dev/null 2>&1
like "$(quiet_debugfs -R 'stat /many' a.img)" "Flags: 0x1000" "a folder has an index"
is "$(ours a.img)" "$(theirs a.img '' | sort)" "and is read"
"$ramdisk" edit a.img b.img 8192 - many/one-more script many/file-with-a-name-that-is-not-short-7 script
ok "a file comes in: e2fsck finds nothing" clean b.img
ok "it is there" cmp <(quiet_debugfs -R 'cat /many/one-more' b.img) script
is "$(unchanged a.img b.img)" 1 "and all others, but for the one that was replaced"

# --- Almost full -------------------------------------------------------------------------
rm -f a.img
mke2fs -q -F -O none -I 128 -b 1024 -d root a.img 3000 >/dev/null 2>&1
free=$(dumpe2fs -h a.img 2>/dev/null | sed -n 's/^Free blocks: *//p')
head -c $(((free - 12) * 1024)) /dev/urandom >fill
quiet_debugfs -w -R 'write fill fill' a.img >/dev/null
ok "an image with a few free blocks" clean a.img
gzip -9n <a.img >a.gz
"$ramdisk" edit a.gz b.gz 4096 script lib/driver.o driver.o
ok "takes in a driver" gzip -dkf b.gz
mv b b.img
ok "e2fsck finds nothing" clean b.img
size=$(stat -c %s b.img)
ok "it has grown by little ($((size / 1024)) KiB)" test "$size" -gt 3072000 -a "$size" -lt 3400000
like "$("$ramdisk" edit a.gz b.gz 3072 script lib/driver.o driver.o 2>&1)" \
	"needs a ramdisk of $((size / 1024)) KiB .* the kernel's has 3072 KiB; put ramdisk_size=$((size / 1024)) on the kernel's" \
	"where it must not grow, it says which ramdisk_size= it would take"
rm -f b.gz
"$ramdisk" edit a.gz b.gz 3072 script lib/driver.o driver.o 2>/dev/null
is "$? $(find . -name b.gz)" "4 " "that is no room, and nothing is written"

# --- With errors -------------------------------------------------------------------------
cp a.img e.img
printf 'set_inode_field /etc/empty links_count 3\n' | quiet_debugfs -w -f - e.img >/dev/null
like "$("$ramdisk" edit e.img b.img 8192 script 2>&1)" "has errors and is not written to.*repair it with e2fsck -f" "errors are told"
e2fsck -fy e.img >/dev/null 2>&1
ok "and after e2fsck it is changed" "$ramdisk" edit e.img b.img 8192 script
ok "without new ones" clean b.img

# --- New ones ----------------------------------------------------------------------------
(cd root && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >root.cpio
"$ramdisk" make root.cpio m.img 3000 8192
ok "a new ramdisk of what cpio packed: e2fsck finds nothing" clean m.img
rm -rf dump
mkdir dump
quiet_debugfs -R "rdump / dump" m.img >/dev/null
ok "all contents are there" diff -r --no-dereference root dump
is "$("$ramdisk" list m.img | sed 's/^\(4[0-7]* [^ ]* [^ ]* [^ ]* [^ ]*\) [0-9]*/\1/' | sort)" \
	"$("$ramdisk" list root.cpio | sed 's/^\(4[0-7]* [^ ]* [^ ]* [^ ]* [^ ]*\) [0-9]*/\1/' | sort)" \
	"all members are as they were packed, times and links too"
"$ramdisk" make m.img n.img 3000 8192
"$ramdisk" make root.cpio o.img 3000 8192
ok "the same members give the same bytes" cmp m.img o.img
is "$("$ramdisk" list n.img | sort)" "$("$ramdisk" list m.img | sort)" "and so does a ramdisk's own, in any order"
like "$(dumpe2fs -h m.img 2>/dev/null)" "features: *\(none\).*Inode count: *7[0-9][0-9].*Block count: *3000.*Inode size:[[:space:]]*128" "it is as mke2fs -O none makes it"
done_testing
