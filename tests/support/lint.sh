#!/bin/bash
# Static checks: shell, manual pages, C. Lists files that have grown beyond one idea.
set -u
cd "$(dirname "$0")/../.." || exit 1
rc=0
shellcheck -x -S warning -e SC1091,SC2154 tests/support/*.sh tests/cli/*.sh tests/fixtures/*.sh tests/vm/*.sh \
	tests/faults/*.sh tests/bench/*.sh tests/*.sh .ci/run 2>/dev/null || rc=1
for page in man/*.[0-9]; do
	mandoc -T lint -W warning "$page" || rc=1
done
flags=(-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DUNRACK_VERSION="lint"' -Iinclude)
cppcheck -q --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
	--suppress=missingIncludeSystem --suppress=unmatchedSuppression "${flags[@]}" \
	transport initrd p2v || rc=1
clang-tidy --quiet --checks='-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,-bugprone-assignment-in-if-condition,-bugprone-macro-parentheses,clang-analyzer-*,-clang-analyzer-unix.Malloc,-clang-analyzer-security.insecureAPI.*' \
	--warnings-as-errors='*' $(git ls-files 'transport/*.c' 'initrd/*.c' 'p2v/*.c') -- -std=gnu11 "${flags[@]}" 2>/dev/null || rc=1
git ls-files '*.c' '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 600 { print "long: " $2 " has " $1 " lines" }'
exit $rc
