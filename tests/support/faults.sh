# shellcheck shell=bash
# Sourced behind lib.sh, by tests of faults:
#
#   faulty ARGS...             unrack with the faults of FAULT_* under it (tests/support/faults.c); as unrack else
#   held FILE BYTE ARGS...     starts unrack --json, $pid, which waits before it reads that byte of FILE until `release`;
#                              what it says is in ./json and ./errors
#   disk_make FILE [MIB]       a disk: ext4, swap, something unknown, gaps, what deleted files have left
#   disk_change FILE SEED      files of it come and go; other bytes stand in what is unknown
#   same FOLDER [SOURCE] [N]   its image is the source, as its map has it (same_by_map.pl)
#   durable                    the most that ./json has shown as durable
#   far_serves                 the processes of the far side, whose program is $far_unrack
#   push NAME / pull NAME      sets args for a copy of $disk there or from there

support=$fixtures/../support
far_unrack=$work/far-unrack
ln -s "$UNRACK" "$far_unrack"
far=(--rsh "$support/rsh.sh" --remote-unrack "$far_unrack")

needs_faults() {
	needs gcc
	! ldd "$UNRACK" | grep -q 'lib.*san' || skip_all "a library can't be put under a program with sanitizers"
	gcc -std=gnu11 -O1 -fPIC -shared -D_GNU_SOURCE -o "$work/faults.so" "$support/faults.c" -ldl -pthread ||
		skip_all "tests/support/faults.c can't be compiled"
}

faulty() {
	rc=0
	LD_PRELOAD=$work/faults.so "$UNRACK" "$@" >"$work/.out" 2>"$work/.err" || rc=$?
	out=$(<"$work/.out") err=$(<"$work/.err")
}

# What it has read before comes to a checkpoint meanwhile, so that a test can do something in the middle of a copy, and
# not when it is likely to be there. Behind `--rsh` the program of the far side is concerned as well.
held() { # FILE BYTE ARGS...
	rm -f released json errors
	FAULT_FILE=/${1##*/} FAULT_HOLD=$2+1 FAULT_UNTIL=$work/released LD_PRELOAD=$work/faults.so \
		"$UNRACK" --json "${@:3}" >json 2>errors &
	pid=$!
}
release() { : >"$work/released"; }

# Partition 1 (half of the disk) is ext4 with files, of which some are deleted again; 2 swap that was used; 3 unknown.
disk_make() { # FILE [MIB]
	local mib=${2:-96} half raw
	half=$((mib / 2)) raw=$((mib / 8))
	rm -rf "$1" tree
	truncate -s $((mib << 20)) "$1"
	printf 'label-id: 0x0badcafe\n2048,%d,83\n%d,%d,82\n%d,%d,da\n' $((half << 11)) \
		$(((half + 2) << 11)) $((4 << 11)) $(((half + 8) << 11)) $((raw << 11)) | sfdisk -q "$1"
	mkdir tree
	for i in $(seq $((half / 8))); do head -c $((RANDOM * 40)) /dev/urandom >tree/file$i; done
	seq 200000 >tree/text
	mke2fs -q -F -t ext4 -E offset=1048576 -U 11111111-2222-3333-4444-555555555555 -d tree "$1" ${half}M 2>/dev/null
	rm -r tree
	{
		head -c 4096 /dev/zero
		head -c $(((4 << 20) - 4096)) /dev/urandom
	} >swap
	mkswap -q swap >/dev/null 2>&1
	dd if=swap of="$1" bs=1M seek=$((half + 2)) conv=notrunc status=none
	rm swap
	head -c $((raw << 20)) /dev/urandom | dd of="$1" bs=1M seek=$((half + 8)) conv=notrunc status=none
	disk_change "$1" 0
}

disk_change() { # FILE SEED
	local mib half
	mib=$(($(stat -c %s "$1") >> 20))
	half=$((mib / 2))
	head -c $((300000 + RANDOM * 30)) /dev/urandom >new
	{
		echo "rm file$((RANDOM % (half / 8) + 1))"
		echo "rm new$(($2 - 1))"
		echo "write new new$2"
	} >commands
	debugfs -w -f commands "$1?offset=1048576" >/dev/null 2>&1
	head -c 70000 /dev/urandom | dd of="$1" bs=512 seek=$((((half + 8) << 11) + RANDOM % 4096)) conv=notrunc status=none
	rm new commands
}

disk_fill() { # FILE: all of what is unknown is other bytes
	local mib=$(($(stat -c %s "$1") >> 20))
	head -c $((mib / 8 << 20)) /dev/urandom | dd of="$1" bs=1M seek=$((mib / 2 + 8)) conv=notrunc status=none
}

# What dumpe2fs says is free, and the contents of swap.
disk_free() { # FILE
	local half=$(($(stat -c %s "$1") >> 21))
	dd if="$1" of=part bs=1M skip=1 count=$half conv=sparse status=none
	dumpe2fs part 2>/dev/null | awk '
		/^Block size:/ { bs = $3 }
		/^  Free blocks:/ {
			sub(/.*blocks: */, "")
			n = split($0, runs, /, */)
			for (i = 1; i <= n; i++) {
				if (runs[i] == "") continue
				m = split(runs[i], b, "-")
				printf "%d %d\n", 1048576 + b[1] * bs, ((m > 1 ? b[2] : b[1]) - b[1] + 1) * bs
			}
		}'
	rm part
	echo "$((((half + 2) << 20) + 4096)) $(((4 << 20) - 4096))"
}

same() { # FOLDER [SOURCE] [N]
	local folder=$1 source=${2:-$disk} n=${3:-0} name image map
	name=$(basename "$folder")
	[ "$n" = 0 ] || name+=_$n
	image=$folder/$name-flat.vmdk
	map=$folder/unrack/disk$n.map
	[ -e "$map" ] || { echo "no $map"; return 1; }
	if [ ! -e "$image" ]; then # a stream, or a sparse one
		image=same.raw
		qemu-img convert -f vmdk -O raw "$folder/$name.vmdk" $image || return
	fi
	disk_free "$source" >same.free
	perl "$support/same_by_map.pl" "$image" "$source" "$map" same.free
}

durable() {
	local at
	at=$(jq -s '[.[] | select(.event == "progress") | .done] | max // 0' json 2>/dev/null) || at=0
	echo "${at:-0}"
}

# What a run says of its checkpoints comes once a second at most: what it is held before may never be told.
has_come_to() { # BYTES PID: durable
	wait_for -p "$2" 120 is_durable "$1"
}
is_durable() { [ "$(durable)" -ge "$1" ]; }

far_serves() { pgrep -f -- "^$far_unrack serve" || true; }
push() { args=("$disk" "ssh://far$work/$1" "${far[@]}"); }
pull() { args=("ssh://far$work/$disk" "$1" "${far[@]}"); }
near() { args=("$disk" "$1"); }
result_of() { jq -c 'select(.result)' <<<"$out"; }
state_of() { jq -r .state "$1/unrack/manifest.json"; }
