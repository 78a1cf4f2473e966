#!/bin/bash
# The proof: the unfixed server panics on PVSCSI, a repaired one comes up; what it sends
# reaches nobody.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 nc
: >began
source=$("$fixtures/el5-server.sh" --disk-name hda --driver ata_piix) &&
	repaired=$("$fixtures/el5-server.sh" --repaired vmw_pvscsi:vmxnet3) || skip_all "the fixture can't be built here"
cp --sparse=always "$source" disk.img
cp --sparse=always "$repaired" repaired.img
before=$(sha256sum <disk.img)

unrack -v --json boot disk.img --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 1 "on PVSCSI it does not come up"
like "$out" "qemu-system[^\"]*vmxnet3,[^ ]*,mac=00:1a:4b:11:22:33[ \"]" "its card has the address that the guest's files name"
documented "its JSON is documented"
result=$(jq -s last <<<"$out")
is "$(jq -r '"\(.result) \(.up) \(.proof)"' <<<"$result")" "no false boot" "the answer is no"
like "$(jq -r .why <<<"$result")" "Kernel panic - not syncing" "the kernel's last words are quoted"
like "$(jq -r .stage <<<"$result")" "^(kernel|initrd)$" "the stage it reached is named"
like "$(jq -rs '[.[] | select(.event == "stage") | .name] | join(" ")' <<<"$out")" "loader" "each stage is an event"
is "$(sha256sum <disk.img)" "$before" "the image was not written"
ok "the console is kept" grep -q "Kernel panic" disk.img.unrack/proof/console.txt
ok "so is a screenshot" test "$(head -c 4 disk.img.unrack/proof/screenshot.png | tail -c 3)" = PNG

# Its packets: the server sends "payroll" to port 2525 of its gateway, which is this host.
listen() {
	timeout 90 nc -d -l 127.0.0.1 2525 >tcp.got 2>/dev/null &
	listener=$!
}
listen
unrack boot repaired.img --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 0 "repaired, it comes up"
like "$out" "login:.*DHCP.*SSH-2.0" "with login prompt, address and ssh"
is "$(wc -c <tcp.got)" 0 "what it sent did not arrive"
kill "$listener" 2>/dev/null
wait "$listener" 2>/dev/null
listen
unrack boot repaired.img --esx 6.7 --scsi pvscsi --nic vmxnet3 --network open
exits 0 "with --network open"
sleep 1
like "$(<tcp.got)" payroll "it does, so the test can see it"
kill "$listener" 2>/dev/null

# No system at all.
truncate -s 16M empty.img
unrack boot empty.img --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 1 "an empty disk does not come up"
like "$err" "[Bb]oot" "and the sentence says that there is nothing to boot"
like "$err" "an address of QEMU's own.*no operating system was found" "no address of a card is known, and why"
is "$(pgrep -fc "qemu-system.*$work")" 0 "no QEMU is left"
is "$(find /dev/shm -maxdepth 1 -type f -newer began 2>/dev/null | wc -l)" 0 "nor its memory"
done_testing
