# shellcheck shell=bash
# Sourced by the shell tests: TAP, a scratch folder that goes away, and the program. What failed is also told on stderr,
# which prove shows.
#
#   plan is printed by done_testing; ok COMMAND..., is GOT WANT, like GOT REGEX
#   unrack ARGS...   runs the program; status in $rc, output in $out, errors in $err
#   documented NAME  its JSON is what the manual says
#   flip FILE BYTE   one bit of that byte becomes another
#   wait_for [-p PID] SECONDS COMMAND...   until it succeeds; fails when it never does, or when process PID is gone
#   begun NAME [-p PID] COMMAND...         a test that it comes to that

: "${UNRACK:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/unrack}"
fixtures=$(cd "$(dirname "${BASH_SOURCE[0]}")/../fixtures" && pwd)
tap_n=0 tap_failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/unrack-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

result() { # STATUS NAME: one TAP line
	tap_n=$((tap_n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_n - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_n - $2"
		echo "# $0: test $tap_n failed: $2" >&2
	fi
	[ "$1" = 0 ]
}

ok() { # NAME COMMAND...
	local name=$1 r=0
	shift
	"$@" >"$work/.ok" 2>&1 || r=$?
	result "$r" "$name" || sed 's/^/# /' "$work/.ok" >&2
}

nok() { # NAME COMMAND...: the command must fail
	local name=$1 r=0
	shift
	"$@" >/dev/null 2>&1 && r=1
	result "$r" "$name"
}

is() { # GOT WANT NAME
	local r=0
	[ "$1" = "$2" ] || r=1
	result "$r" "$3" || printf '# got  "%s"\n# want "%s"\n' "$1" "$2" >&2
}

like() { # TEXT REGEX NAME
	local r=0
	[[ $1 =~ $2 ]] || r=1
	result "$r" "$3" || printf '%s\n# does not match %s\n' "$(sed 's/^/# /' <<<"$1")" "$2" >&2
}

unlike() { # TEXT REGEX NAME
	local r=0
	[[ $1 =~ $2 ]] && r=1
	result "$r" "$3" || printf '%s\n# matches %s\n' "$(sed 's/^/# /' <<<"$1")" "$2" >&2
}

flip() { # FILE BYTE: from the end if negative
	perl -e 'open my $f, "+<:raw", $ARGV[0] or die; my $at = $ARGV[1] < 0 ? (-s $f) + $ARGV[1] : $ARGV[1];
		seek $f, $at, 0; read $f, my $c, 1; seek $f, $at, 0; print $f $c ^ "\x10"; close $f or die' "$1" "$2"
}

unrack() {
	rc=0
	"$UNRACK" "$@" >"$work/.out" 2>"$work/.err" || rc=$?
	out=$(<"$work/.out") err=$(<"$work/.err")
}

# Conditions are waited for, and never the time that they usually take: SECONDS is when all hope is lost, and so it may
# be large. Looks are counted, so that neither a clock that is set nor a machine that stands still ends it early.
wait_for() { # [-p PID] SECONDS COMMAND...
	local pid='' i gone=
	if [ "$1" = -p ]; then
		pid=$2
		shift 2
	fi
	for ((i = $1 * 20; i >= 0; i--)); do
		"${@:2}" >/dev/null 2>&1 && return
		[ -z "$gone" ] || return 1
		# What it did last may be what is waited for: one more look.
		if [ "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
			gone=1
		else
			sleep 0.05
		fi
	done
	return 1
}

# With a process, it also has to be there still.
begun() { # NAME [-p PID] COMMAND...
	local name=$1 pid=()
	shift
	if [ "$1" = -p ]; then
		pid=(-p "$2")
		shift 2
	fi
	ok "$name" wait_for "${pid[@]}" 120 "$@"
}

# Waits until process PID is unrack: until then it is a shell, whose traps a signal would run.
started() { # PID
	wait_for -p "$1" 120 is_unrack "$1"
}

is_unrack() { # PID
	[ "$(readlink "/proc/$1/exe")" = "$(realpath "$UNRACK")" ]
}

# The status of the last unrack, with what it said when it is another one.
exits() { # WANT NAME
	local r=0
	[ "$rc" = "$1" ] || r=1
	result "$r" "$2" || {
		echo "# exit status $rc, want $1"
		printf '%s\n%s\n' "$out" "$err" | tail -40 | sed 's/^/# /'
	} >&2
}

# What the last `unrack --json` wrote is what unrack(1) says; the members that were there go to $work/.seen.
documented() { # NAME
	ok "$1" perl "$fixtures/../support/json_events.pl" --exit "$rc" --seen "$work/.seen" "$work/.out"
}

needs() { # PROGRAM...: skips the whole test when one is missing
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || skip_all "$p is not installed"
	done
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

done_testing() {
	echo "1..$tap_n"
	exit $((tap_failed > 0))
}
