#!/bin/bash
# The manual pages and --help say the same, in both directions, and the pages are well formed.
. "$(dirname "$0")/../support/lib.sh"
man=$fixtures/../../man
needs mandoc

options_of_help() { grep -oE -- '--[a-z][a-z-]*' <<<"$1" | sort -u; }
# .Fl Fl name: the long options that a page has as list items.
options_of_page() { sed -n 's/^\.It .*Fl Fl \([a-z-]*\).*/--\1/p' "$1" | sort -u; }

unrack --help
exits 0 "--help"
commands=$(sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$out")
like "$commands" copy "it lists commands"
global=$(options_of_page "$man/unrack.1" | grep -E -- '^--(help|version|json|quiet|verbose|log)$')
is "$(wc -l <<<"$global")" 6 "unrack(1) has the global options"

for c in $commands; do
	page=$man/unrack-$c.1
	ok "$c has a page" test -f "$page"
	like "$(<"$man/unrack.1")" "Xr unrack-$c 1" "unrack(1) refers to it"
	unrack "$c" --help
	exits 0 "$c --help"
	help=$(grep -E '^  -' <<<"$out" | sed 's/^  //; s/  .*//')
	is "$(options_of_help "$help" | comm -23 - <(printf '%s\n' "$global"))" "$(options_of_page "$page")" \
		"$c: the same options in --help and in the page"
done
for page in "$man"/unrack-*.1; do
	c=${page##*/unrack-}
	ok "$(basename "$page") is of a command" grep -qx "${c%.1}" <<<"$commands"
done
for page in "$man"/*.[1-9]; do
	ok "$(basename "$page") is well formed" mandoc -T lint -W warning "$page"
done

unrack
exits 2 "no command is a usage error"
unrack frobnicate
exits 2 "so is an unknown one"
like "$err" '"frobnicate" is not a command' "which is named"
unrack copy
exits 2 "so are missing operands"
like "$err" 'copy takes SOURCE... FOLDER; see `unrack copy --help`' "and says what is wanted"
unrack copy --no-such-thing a b
exits 2 "so is an unknown option"
unrack --version
like "$out" '^unrack [0-9]+\.' "the version"
done_testing
