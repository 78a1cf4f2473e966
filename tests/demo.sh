#!/bin/bash
# demo.sh: a small physical server, made from Debian packages, goes through the main job:
# its unfixed copy panics on the virtual controller, then it is migrated, then the VM is
# shown to boot. Everything is kept in build/demo.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNRACK=${UNRACK:-$here/../build/unrack}
out=$here/../build/demo
machine=$out/payroll

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ unrack %s\n' "$*"; "$UNRACK" "$@"; }

say "A physical server: RHEL 5's layout, its disk on a Smart Array, its drivers for that only"
mkdir -p "$out"
rm -rf "$machine"
"$here/fixtures/el5-server.sh" --hostname payroll --out "$out/server.img" >/dev/null
ls -lsh "$out/server.img"
cd "$out"

say "Copied as it is, it does not come up on a PVSCSI controller:"
run copy server.img payroll
rc=0
run boot payroll --esx 6.7 --scsi pvscsi --nic vmxnet3 || rc=$?
[ "$rc" = 1 ] || { echo "expected the unfixed copy to fail with status 1, got $rc"; exit 1; }

say "And this is what unrack says about it before anything is changed:"
rc=0
run check payroll --esx 6.7 --scsi pvscsi --nic vmxnet3 || rc=$?
[ "$rc" = 1 ] || { echo "expected the check to say no, got status $rc"; exit 1; }

say "Now the job in one command: copy (already done), fix, vm, boot"
run migrate server.img payroll --esx 6.7

say "Done. The proof is in build/demo/payroll/unrack/proof:"
ls -l payroll payroll/unrack/proof
