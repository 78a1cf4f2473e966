#!/bin/bash
# The proof: the unfixed server panics on PVSCSI, a repaired one comes up; what it sends
# reaches nobody.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 debugfs sfdisk perl jq
PATH=$PATH:/usr/sbin:/sbin
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

# Its packets: the server sends "payroll" to a port of its gateway, which is this host; here to one that is free.
perl -MIO::Socket::INET -e '
	$| = 1;
	my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die;
	print $s->sockport, "\n";
	open my $got, ">>", "tcp.got" or die;
	$got->autoflush;
	while (my $c = $s->accept) { print $got $_ while <$c> }' >port &
listener=$!
trap 'kill $listener 2>/dev/null; rm -rf "$work"' EXIT
begun "(somebody listens)" -p $listener test -s port
printf 'SERVER=10.0.2.2\nPORT=%s\n' "$(<port)" >payroll
root=$(sfdisk -d repaired.img | sed -n 's/.*img3 : start= *\([0-9]*\),.*/\1/p')
debugfs -w -f - "repaired.img?offset=$((root * 512))" >debugfs.log 2>&1 <<'END'
cd /etc/sysconfig
rm payroll
write payroll payroll
END
like "$(debugfs -R 'cat /etc/sysconfig/payroll' "repaired.img?offset=$((root * 512))" 2>/dev/null)" "PORT=$(<port)" \
	"(the server sends there)"
unrack boot repaired.img --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 0 "repaired, it comes up"
like "$out" "login:.*DHCP.*SSH-2.0" "with login prompt, address and ssh"
is "$(wc -c <tcp.got)" 0 "what it sent did not arrive"
unrack boot repaired.img --esx 6.7 --scsi pvscsi --nic vmxnet3 --network open
exits 0 "with --network open"
begun "it does, so the test can see it" grep payroll tcp.got

# No system at all.
truncate -s 16M empty.img
unrack boot empty.img --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 1 "an empty disk does not come up"
like "$err" "[Bb]oot" "and the sentence says that there is nothing to boot"
like "$err" "an address of QEMU's own.*no operating system was found" "no address of a card is known, and why"
is "$(pgrep -fc "qemu-system.*$work")" 0 "no QEMU is left"
# Others may be between making theirs and removing its name.
no_memory() { [ -z "$(find /dev/shm -maxdepth 1 -name '.unrack-*' -newer began)" ]; }
ok "nor its memory" wait_for 60 no_memory
done_testing
