#!/bin/bash
# The whole chain on the EL5-like server: check says no and why, fix makes it right, a
# second fix finds nothing, the VM boots (seen by another watcher too), undo gives it back.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 sha256sum
source=$("$fixtures/el5-server.sh" --hostname payroll) || skip_all "the fixture can't be built here"
image=web/web-flat.vmdk
sum() { sha256sum <"$1" | cut -c1-64; }
original=$(sum "$source")

unrack copy "$source" web
exits 0 "copy"

unrack check web --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 1 "check says no before the fix"
like "$out$err" "vmw_pvscsi" "and names the driver that is missing"
unrack fix web --esx 6.7 --scsi pvscsi --nic vmxnet3 --dry-run
exits 0 "fix --dry-run"
like "$out" $'\n\\+alias eth0 vmxnet3' "shows the new alias of eth0"
like "$out" $'\n-/dev/cciss/c0d0p3' "the old root device in fstab"
like "$out" "vmw_pvscsi.ko" "and the module added to the initrd"
is "$(sum $image)" "$original" "and changes nothing"
is "$(jq -r .state web/unrack/manifest.json)" copied "nor the state"

unrack --json fix web --esx 6.7
exits 0 "fix, devices chosen by itself"
documented "its JSON is documented"
is "$(jq -rs 'last | "\(.result) \(.exit) \(.target.scsi) \(.target.nic)"' <<<"$out")" "ok 0 pvscsi vmxnet3" \
	"takes the best that guest and ESX have"
is "$(jq -rs '[.[] | select(.event == "edit") | select(.reason == null or .reason == "")] | length' <<<"$out")" 0 \
	"each edit has its reason"
is "$(jq -r .state web/unrack/manifest.json)" fixed "the state is fixed"
fixed=$(sum $image)
ok "the image was changed" test "$fixed" != "$original"
unrack fix web
exits 0 "a second fix"
like "$err" "nothing to change" "says that nothing is to be changed"
is "$(sum $image)" "$fixed" "and changes nothing"
unrack verify web
exits 0 "verify knows what unrack replaced"
repairs() { [ "$(jq -r '.steps[] | select(.name == "fix").state' web/unrack/manifest.json)" = "running again" ]; }
"$UNRACK" copy "$source" web >again.out 2>&1 &
pid=$!
begun "a copy of the same disk over the fixed machine takes the repair back, and begins to make it again" -p $pid repairs
ok "it has found no difference, without the repair" grep -q "0.0 of 192.0 MiB had changed" again.out
kill -9 $pid
wait $pid 2>/dev/null
is "$(jq -r .state web/unrack/manifest.json)" copied "it is killed before that is done"
unrack copy "$source" web
exits 0 "the same command again"
is "$(jq -r .state web/unrack/manifest.json)" fixed "and makes it"
fixed=$(sum $image)

unrack vm web
exits 0 "vm"
like "$(<web/web.vmx)" 'scsi0.virtualDev = "pvscsi"' "the .vmx has the controller"
like "$(<web/web.vmx)" 'ethernet0.virtualDev = "vmxnet3"' "the network card"
like "$(<web/web.vmx)" 'ethernet0.address = "00:1a:4b:11:22:33"' "with the physical address"
like "$(<web/web.vmx)" 'ethernet0.startConnected = "FALSE"' "not connected at power-on"
unrack check web
exits 0 "check says yes, from the .vmx to the network card"

unrack --json boot web --require-proof
exits 0 "it boots on pvscsi and vmxnet3"
documented "its JSON is documented"
is "$(jq -rs 'last | "\(.up) \(.dhcp) \(.proof)"' <<<"$out")" "true true boot" "with network"
like "$(jq -rs 'last.ssh' <<<"$out")" "^SSH-2.0-" "and ssh"
ok "a screenshot is kept" test -s web/unrack/proof/screenshot.png
ok "and the console's text" grep -q "payroll login:" web/unrack/proof/console.txt
is "$(sum $image)" "$fixed" "the image was not written"

unrack fix web --scsi lsisas1068 --nic e1000
exits 0 "fix for another target"
is "$(jq -r '.target | "\(.scsi) \(.nic)"' web/unrack/manifest.json)" "lsisas1068 e1000" "which is the folder's from now on"
ok "boots on LSI SAS and e1000, as another watcher sees" "$fixtures/boot-raw.sh" $image \
	--disk mptsas1068 --nic e1000-82545em --timeout 900
unrack boot web --scsi lsilogic --nic vlance
exits 1 "it is not prepared for lsilogic and vlance"
like "$err" "53C1030" "and QEMU has no such controller, which is said"
unrack fix web --scsi lsilogic --nic vlance
exits 0 "fix for lsilogic and vlance"
unrack check web --scsi lsilogic --nic vlance
exits 1 "whose .vmx is still the old one"
like "$err" "vm file" "as the check finds"
unrack vm web --scsi lsilogic --nic vlance
exits 0 "vm for these"
like "$(<web/web.vmdk)" 'adapterType = "lsilogic"' "sets the descriptor too"
unrack check web --scsi lsilogic --nic vlance
exits 0 "the static verdict"
like "$out" "mptbase.*mptscsih.*mptspi" "shows the load order"
like "$out" "pcnet32" "and the card's driver"

unrack fix web --scsi buslogic --nic vlance --dry-run
exits 0 "BusLogic is taken where the kernel has its module file"
like "$out" "BusLogic.ko" "which goes into the initrd"
like "$out" "64-bit" "with a warning for a 64-bit guest"

unrack fix web --undo
exits 0 "undo"
is "$(sum $image)" "$original" "gives the image back bit for bit, over three fixes"
is "$(jq -r .state web/unrack/manifest.json)" copied "the state is copied again"
unrack copy "$source" web
exits 0 "and the folder is a copy as before"

unrack fix web --scsi pvscsi --nic vmxnet3
exits 0 "fixed again"
flip $image 150000000
flipped=$(sum $image)
unrack fix web --undo
exits 5 "undo is refused when something else wrote to the image"
like "$err" "changed since unrack wrote it; it may have run" "with the reason"
is "$(sum $image)" "$flipped" "and loses nothing"
unrack copy "$source" web
exits 5 "so is a copy"
done_testing
