#!/bin/bash
# XFS in use: filled, emptied, filled again, grown, its log wrapped many times; copied while it is mounted,
# frozen, read-only, unmounted, and after a crash. Whether its log is clean says xfs_logprint, what is free
# xfs_db. What this machine's kernel no longer mounts (version 4) is done in a VM.
# In a mount namespace of its own, so that no copy of another one keeps its filesystems mounted.
[ -n "${MAPS_XFS_NS-}" ] || ! unshare -m true 2>/dev/null || MAPS_XFS_NS=1 exec unshare -m bash "$0"
. "$(dirname "$0")/../support/lib.sh"
PATH=$PATH:/sbin:/usr/sbin
map=$(dirname "$UNRACK")/used_map free=$fixtures/../support/xfs_free.pl
[ -x "$map" ] || skip_all "used_map is not built; make $map"
needs mkfs.xfs xfs_db xfs_logprint xfs_growfs xfs_repair xfs_freeze perl
# mkfs.xfs makes filesystems of less than 300 MB only for its own tests.
export TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1
mkdir mnt
trap 'umount mnt 2>/dev/null; rm -rf "$work"' EXIT

# churn FOLDER ROUNDS SEED: makes, extends, renames and removes files, in order of chance.
cat >churn.pl <<'P'
my ($to, $rounds, $seed) = @ARGV;
srand $seed;
for (1 .. $rounds) {
	my $folder = "$to/d" . int rand 40;
	my $file = "$folder/f" . int rand 100;
	my $what = rand;

	mkdir $folder;
	if ($what < 0.45) {
		unlink $file;
	} elsif ($what < 0.5) {
		rename $file, "$to/d" . int(rand 40) . '/r' . int rand 100;
	} elsif (open my $f, '>>', $file) {
		print $f 'x' x rand 50000;
	}
}
P

# What the log of IMAGE is for xfs_logprint: clean or dirty.
log_of() { # IMAGE
	xfs_logprint -t "$1" 2>&1 | sed -n 's/.*state: <\(.*\)>.*/\L\1/p'
}

same() { # IMAGE NAME: trusted, and what is unused is what is free
	"$map" --xfs "$1" >ours 2>&1
	like "$(head -1 ours)" "^verdict partly xfs" "$2: trusted"
	is "$(log_of "$1")" clean "$2: xfs_logprint says so, too"
	perl "$free" "$1" >theirs 2>&1
	ok "$2: what xfs_db lists is unused, and nothing else" diff theirs <(sed 1d ours)
}

dirty() { # IMAGE NAME
	is "$(log_of "$1")" dirty "($2: for xfs_logprint)"
	is "$("$map" --xfs "$1" 2>&1)" "verdict whole xfs its log has to be replayed" "$2: whole, and why"
}

# Of what may be either: never trusted unless xfs_logprint trusts it, and then xfs_db agrees.
either() { # IMAGE NAME
	"$map" --xfs "$1" >ours 2>&1
	if grep -q "^verdict partly" ours; then
		same "$1" "$2"
	else
		ok "$2: whole" grep -q "^verdict whole xfs " ours
	fi
}

# A loop device goes away some time after its unmount, and with it the right to mount its UUID again.
attach() { # IMAGE OPTIONS
	local i
	for i in $(seq 100); do
		mount -o "loop$2" "$1" mnt 2>mount.err && return
		sleep 0.1
	done
	cat mount.err
	return 1
}

# Makes the log go around: many inodes made, logged, and removed.
spin() {
	local i
	for i in $(seq 60); do
		perl -e 'mkdir "mnt/s"; for (1 .. 800) { open my $f, ">", "mnt/s/$_" or last }'
		sync -f mnt
		rm -rf mnt/s
	done
}

snap() {
	cp --sparse=always img copy
}

state() {
	"$map" img | grep ^state
}

cycle() { # the log's, from its first block
	xfs_logprint -d img 2>/dev/null | sed -n 's/.*HEADER Cycle \([0-9]*\).*/\1/p' | sort -n | tail -1
}

aged() { # SIZE MKFS-OPTIONS...
	local name="$*" size=$1 before after i pid
	shift
	rm -f img && truncate -s "$size" img
	mkfs.xfs -q -f "$@" img 2>mkfs.err || {
		ok "$name # SKIP $(head -1 mkfs.err)" true
		return
	}
	ok "$name: (mounted)" attach img "" || return
	for i in $(seq 10); do
		perl churn.pl mnt 3000 "$i" 2>/dev/null
		sync -f mnt
	done
	spin
	snap
	dirty copy "$name: mounted and synced"
	perl churn.pl mnt 30000 99 2>/dev/null &
	pid=$!
	i=0
	while kill -0 $pid 2>/dev/null && [ $i -lt 12 ]; do
		snap
		i=$((i + 1))
		either copy "$name: in flight, copy $i"
	done
	wait $pid
	snap
	xfs_freeze -f mnt
	cp --sparse=always img frozen
	xfs_freeze -u mnt
	either frozen "$name: frozen"
	mount -o remount,ro mnt
	cp --sparse=always img readonly
	umount mnt
	same readonly "$name: remounted for reading only"
	same img "$name: aged and unmounted"
	ok "$name: its log went around often (now $(cycle))" test "$(cycle)" -gt 2

	before=$(state)
	attach img ""
	touch mnt/d1
	umount mnt
	after=$(state)
	ok "$name: a mount that touched a folder is another state" test "$before" != "$after"
	attach img ,ro
	umount mnt
	is "$(state)" "$after" "$name: one for reading only is not"

	dirty copy "$name: after a crash"
	attach copy "" && umount mnt
	same copy "$name: replayed"
	ok "$name: nothing for xfs_repair" sh -c "xfs_repair -n copy >repair.out 2>&1"
}

grown() { # as AGED left it
	truncate -s 500M img
	attach img ""
	xfs_growfs mnt >growfs.out 2>&1
	rm -rf mnt/d1* mnt/d3
	perl churn.pl mnt 3000 5 2>/dev/null
	umount mnt
	same img "grown to $(xfs_db -r -c 'sb 0' -c 'print agcount' img 2>/dev/null)"
	attach img ""
	dd if=/dev/zero of=mnt/all bs=1M status=none 2>/dev/null
	umount mnt
	same img "full"
	attach img ""
	rm -rf mnt/*
	umount mnt
	same img "emptied"
}

# Every second of many small files goes: a tree of three levels.
fragmented() {
	rm -f img && truncate -s 512M img
	mkfs.xfs -q -f -b size=1024 -d agcount=2 img
	attach img "" || return
	perl -e 'for (1 .. 60000) { open my $f, ">", "mnt/$_" or last; print $f "x" x 3000 }'
	perl -e 'unlink "mnt/$_" for grep { $_ % 2 } 1 .. 60000'
	umount mnt
	like "$(xfs_db -r -c 'agf 0' -c 'print bnolevel' img)" 3 "(three levels)"
	same img "in many pieces"
}

if [ "$(id -u)" = 0 ] && truncate -s 64M img && mkfs.xfs -q -f img 2>mkfs.err && attach img ""; then
	umount mnt
	aged 256M -b size=1024 -d agcount=6
	aged 256M -m rmapbt=1,reflink=1 -i nrext64=1
	aged 256M -m finobt=0,reflink=0 -s size=4096 -l su=32k
	aged 256M -l su=256k -d agcount=2
	grown
	fragmented
else
	ok "XFS in use # SKIP root and a kernel that mounts it are needed" true
fi

# --- Version 4, in a VM ---------------------------------------------------------------------
# Its init churns the disk, and ends it as the command line says: unmounted, read-only, or not at all.
vm_files() {
	set -eu
	# shellcheck source=tests/fixtures/cache.sh
	. "$fixtures/cache.sh"
	# shellcheck source=tests/fixtures/debian.sh
	[ ! -f "$fixtures/debian.sh" ] || . "$fixtures/debian.sh"
	# shellcheck source=tests/fixtures/kernel.sh
	. "$fixtures/kernel.sh"
	local tree version
	tree=$(kernel_tree)
	version=$(kernel_version "$tree")
	mkdir -p root/bin root/dev root/proc root/m
	cp "$(command -v busybox)" root/bin/busybox
	module_closure "$tree" "$version" virtio_pci virtio_blk xfs >modules
	while read -r module; do
		cp "$module" root/
		echo "insmod /$(basename "$module")"
	done <modules >root/load
	cat >root/init <<'I'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
. /load
mount -t xfs /dev/vda /m || echo "no mount"
i=0
while [ $i -lt 4000 ]; do
	i=$((i + 1))
	d=/m/d$((i * 7919 % 23)) f=f$((i * 104729 % 97))
	mkdir -p $d
	if [ $((i * 31 % 11)) -lt 4 ]; then
		rm -f $d/$f
	else
		dd if=/bin/busybox of=$d/$f bs=1000 count=$((i * 13 % 37)) 2>/dev/null
	fi
	[ $((i % 250)) != 0 ] || sync
done
case $(cat /proc/cmdline) in
*unmounted*) umount /m ;;
*readonly*) mount -o remount,ro /m ;;
*) sync ;;
esac
echo churned
poweroff -f
I
	chmod +x root/init
	(cd root && find . | cpio -o -H newc --quiet | gzip -1) >initrd
	cp "$tree"/boot/vmlinuz-* kernel
}

v4() { # NAME HOW MKFS-OPTIONS...: churned in a VM, which ends HOW
	local name="version 4, $1: $2" how=$2
	shift 2
	rm -f img && truncate -s 200M img
	mkfs.xfs -q -f -m crc=0 "$@" img >/dev/null 2>&1 || return
	timeout 300 qemu-system-x86_64 -accel tcg -m 512 -nographic -no-reboot -nodefaults -serial stdio \
		-kernel kernel -initrd initrd -append "console=ttyS0 quiet $how" \
		-drive file=img,format=raw,if=virtio,cache=unsafe </dev/null >vm.out 2>&1
	like "$(tail -5 vm.out)" churned "($name)"
	if [ "$how" = mounted ]; then
		dirty img "$name"
	else
		same img "$name"
	fi
}

if ! command -v qemu-system-x86_64 busybox cpio depmod >/dev/null; then
	ok "version 4 in a VM # SKIP QEMU, busybox, cpio or kmod is not installed" true
elif (vm_files) >vm_files.out 2>&1; then
	v4 "as RHEL 5 made it" unmounted -l version=1,lazy-count=0 -i attr=1
	v4 "as RHEL 6 made it" unmounted -i attr=2
	v4 "as RHEL 6 made it" readonly -b size=512 -d agcount=5
	v4 "as RHEL 6 made it" mounted -b size=2048 -l su=32k
else
	ok "version 4 in a VM # SKIP its kernel can't be had: $(tail -1 vm_files.out)" true
fi
done_testing
