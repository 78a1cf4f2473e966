# shellcheck shell=bash
# Sourced behind lib.sh: the maps of ext2, ext3 and ext4, compared with what dumpe2fs says is free.

used_map=$(dirname "$UNRACK")/used_map
[ -x "$used_map" ] || skip_all "used_map is not built; make check builds it"

# "BYTE BYTES" of each run that dumpe2fs says is free. Of clusters it names the last one's first block.
dumpe2fs_free() { # IMAGE
	dumpe2fs "$1" 2>/dev/null | awk '
		/^Block size:/ { bs = $3 }
		/^Cluster size:/ { cluster = $3 }
		/^  Free blocks:/ {
			more = cluster ? cluster / bs - 1 : 0
			sub(/.*blocks: */, "")
			n = split($0, runs, /, */)
			for (i = 1; i <= n; i++) {
				if (runs[i] == "") continue
				m = split(runs[i], b, "-")
				last = (m > 1 ? b[2] : b[1]) + more
				if (some && b[1] == end + 1) { end = last; continue }
				if (some) printf "%d %d\n", start * bs, (end - start + 1) * bs
				some = 1; start = b[1]; end = last
			}
		}
		END { if (some) printf "%d %d\n", start * bs, (end - start + 1) * bs }'
}

same_as_dumpe2fs() { # IMAGE NAME
	local r=0
	"$used_map" --ext "$1" >map.says || r=1
	sed -n 's/^unused 0 //p' map.says >map.unused
	dumpe2fs_free "$1" >map.free
	[ -s map.free ] && head -1 map.says | grep -q "^verdict partly" && cmp -s map.unused map.free || r=1
	result "$r" "$2" || { head -1 map.says; diff map.unused map.free | head -5; } | sed 's/^/# /'
}

verdict_whole() { # IMAGE WHY NAME
	like "$("$used_map" --ext "$1" | head -1)" "^verdict whole .*$2" "$3"
}
