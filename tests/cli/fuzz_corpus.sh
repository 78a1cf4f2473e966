#!/bin/bash
# The fuzzers on their corpus and on a few changes of it, always the same ones; make fuzz goes on.
. "$(dirname "$0")/../support/lib.sh"
fuzz=$fixtures/../fuzz
bin=$(dirname "$UNRACK")/fuzz
[ -d "$bin" ] || skip_all "the fuzzers are not built; make fuzz-bin"

for c in "$fuzz"/fuzz_*.c; do
	name=$(basename "$c" .c)
	case $name in
	fuzz_receiver | fuzz_sender | fuzz_call) runs=100 ;; # they start threads
	*) runs=20000 ;;
	esac
	ok "$name" "$bin/$name" -runs=$runs -timeout=300 -artifact_prefix="$work/" "$fuzz/corpus/${name#fuzz_}"
done
done_testing
