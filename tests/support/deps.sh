#!/bin/bash
# deps.sh PACKAGE...: installs the Debian packages that are missing. Without root it
# prints the command and exits 3. Nothing is asked; nothing happens when all are there.
set -eu
missing=()
for p in "$@"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
# The fixtures download packages (a kernel, GRUB legacy), for which apt needs its lists.
lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null || true)
[ ${#missing[@]} -eq 0 ] && [ -n "$lists" ] && exit 0

if ! command -v apt-get >/dev/null; then
	echo "this is not a Debian system; install what these packages hold: ${missing[*]}" >&2
	exit 3
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "missing packages; as root run:" >&2
	echo "apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 3
fi
# Of two at once the second one waits, and looks again: for apt that is an error.
[ -n "${UNRACK_DEPS_ALONE:-}" ] || UNRACK_DEPS_ALONE=1 exec flock -o /var/lib/dpkg "$0" "$@"
# Mirrors have their moments.
patiently() {
	local i
	for i in 1 2 3 4; do
		"$@" && return
		[ "$i" = 4 ] || sleep $((i * 10))
	done
	return 1
}

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600)
# Some source may be gone for good that nothing is needed of.
patiently "${apt[@]}" update -o APT::Update::Error-Mode=any || "${apt[@]}" update
[ ${#missing[@]} -eq 0 ] || patiently "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
