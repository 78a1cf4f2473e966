#!/bin/bash
# Static checks: shell, manual pages, C. Lists files that have grown beyond one idea.
set -u
cd "$(dirname "$0")/../.." || exit 1
rc=0
shellcheck -x -S warning -e SC1091,SC2154 -e SC2034,SC2046 tests/support/*.sh tests/cli/*.sh tests/fixtures/*.sh tests/vm/*.sh \
	tests/faults/*.sh tests/bench/*.sh tests/*.sh .ci/run 2>/dev/null || rc=1
for page in man/*.[0-9]; do
	mandoc -T lint -W warning "$page" || rc=1
done
flags=(-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DUNRACK_VERSION="lint"' -Iinclude)
# Neither tool understands cleanup by scope (include/base/cleanup.h), arrays of pointers, nor that a negative
# result means that outputs were not set: the checks that rest on these are off. Nor does
# cppcheck see that one of two pointers is never NULL, or that a pointer behind the end is only passed on.
cppcheck -q --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
	--suppress=missingIncludeSystem --suppress=unmatchedSuppression --suppress=memleak \
	--suppress=resourceLeak --suppress=nullPointer:transport/identity.c \
	--suppress=ctuPointerArith:transport/link.c "${flags[@]}" transport initrd p2v || rc=1
off=easily-swappable-parameters,reserved-identifier,narrowing-conversions
off+=,implicit-widening-of-multiplication-result,misplaced-widening-cast
off+=,not-null-terminated-result,sizeof-expression,assignment-in-if-condition,macro-parentheses,suspicious-string-compare
git ls-files 'transport/*.c' 'initrd/*.c' 'p2v/*.c' | xargs -P "$(nproc)" -I{} \
	clang-tidy --quiet --checks="-*,bugprone-*,-bugprone-${off//,/,-bugprone-}" \
	--warnings-as-errors='*' {} -- -std=gnu11 "${flags[@]}" 2>/dev/null || rc=1
git ls-files '*.c' '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 600 { print "long: " $2 " has " $1 " lines" }'
exit $rc
