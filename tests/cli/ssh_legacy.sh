#!/bin/bash
# Servers as old as RHEL 2.1 to 6: an sshd that is restricted to what they speak. Nothing of it is used
# unless asked for, and the error says what helps.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/sshd.sh"
needs_sshd
needs ssh nc
start_sshd || skip_all "sshd does not start here"
head -c 3M /dev/urandom >disk.img
ssh-keygen -q -t rsa -b 2048 -N '' -f "$sshd/id_rsa"
cat "$sshd/id_rsa.pub" >>"$sshd/authorized_keys"

kex='KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1'
hostkey='HostKeyAlgorithms ssh-rsa'
pubkey='PubkeyAcceptedAlgorithms ssh-rsa'
ciphers='Ciphers 3des-cbc,aes128-cbc,aes192-cbc,aes256-cbc'
macs='MACs hmac-md5,hmac-sha1'

port=22 write_sshd_config "$kex" "$hostkey" "$pubkey" "$ciphers" "$macs"
"$sshd_program" -t -f "$sshd/sshd_config" 2>/dev/null || skip_all "this sshd has dropped the old algorithms"

try() { unrack scan "ssh://127.0.0.1:$port$work/disk.img" "${ssh_options[@]}" --identity "$sshd/id_rsa" "$@"; }
server() { # LINE...
	start_sshd "HostKey $sshd/host_rsa" "$@" || exit 1
	know_host rsa >"$sshd/known_hosts"
}
both() { # WHAT REGEX LINE...: refused with this sentence, taken with --ssh-legacy
	local what=$1 regex=$2
	shift 2
	server "$@"
	try
	exits 6 "$what: refused"
	like "$err" "127.0.0.1 has no $regex; --ssh-legacy takes" "with what it offers and what helps"
	try --ssh-legacy
	exits 0 "taken with --ssh-legacy"
}

both "key exchange with SHA-1" 'key exchange that is trusted today: it offers diffie-hellman-group14-sha1,diffie[a-z0-9,-]*-group1-sha1' "$kex"
both "ssh-rsa host keys" 'host key that is trusted today: it offers ssh-rsa' "$hostkey"
both "ciphers in CBC mode" 'cipher that is trusted today: it offers 3des-cbc,aes128-cbc,aes192-cbc,aes256-cbc' "$ciphers"
both "MACs with SHA-1" 'MAC that is trusted today: it offers hmac-md5,hmac-sha1' "$macs" "Ciphers aes128-ctr"

server "$pubkey"
try
exits 3 "a server that takes only ssh-rsa signatures"
try --ssh-legacy
exits 0 "gets one with --ssh-legacy"

for one in group14-sha1 group-exchange-sha1 group1-sha1; do
	server "KexAlgorithms diffie-hellman-$one"
	try --ssh-legacy
	exits 0 "diffie-hellman-$one"
done
server "$kex" "$hostkey" "$pubkey" "$ciphers" "$macs"
unrack copy "ssh://127.0.0.1:$port$work/disk.img" web01 "${ssh_options[@]}" --identity "$sshd/id_rsa" --ssh-legacy
exits 0 "a pull from a server that has nothing newer"
ok "is identical" cmp disk.img web01/web01-flat.vmdk
printf 'Ciphers aes256-ctr\nKexAlgorithms curve25519-sha256\n' >"$sshd/config"
try --ssh-legacy
exits 0 "--ssh-legacy outdoes the configuration"
: >"$sshd/config"
start_sshd
try --ssh-legacy -v
exits 0 "a modern server with --ssh-legacy"
like "$err" 'curve25519-sha256, aes128-gcm' "is spoken to as to any other"

# --- What only another ssh program can do -------------------------------------------------
server "$ciphers" "MACs hmac-md5"
try --ssh-legacy
exits 6 "a server with MD5 only"
like "$err" 'no MAC that libssh can use: it offers hmac-md5; --rsh can use another ssh program' "says so"
ssh="ssh -F none -o BatchMode=yes -o UserKnownHostsFile=$sshd/known_hosts -i $sshd/id_rsa"
unrack scan "ssh://127.0.0.1:$port$work/disk.img" --remote-unrack "$UNRACK" \
	--rsh "$ssh -o Ciphers=+3des-cbc,aes128-cbc -o MACs=+hmac-md5"
exits 0 "which ssh itself can"
if ssh-keygen -q -t dsa -N '' -f "$sshd/host_dsa" 2>/dev/null; then
	stop_sshd
	start_sshd "HostKey $sshd/host_dsa" "HostKeyAlgorithms ssh-dss" || exit 1
	try --ssh-legacy
	exits 6 "a server with a DSA key only"
	like "$err" 'no host key that libssh can use: it offers ssh-dss; --rsh' "says so"
	know_host dsa >"$sshd/known_hosts"
	unrack scan "ssh://127.0.0.1:$port$work/disk.img" --remote-unrack "$UNRACK" --rsh "$ssh -o HostKeyAlgorithms=+ssh-dss"
	exits 0 "which ssh itself can"
fi

# --- What is no ssh server of our age at all --------------------------------------------------
answer() { # BYTES: a server that says this, once
	rm -f listens
	printf '%b' "$1" | nc -lvnN 127.0.0.1 0 >/dev/null 2>listens &
	wait_for -p $! 120 grep '^Listening on ' listens
	port=$(sed -n 's/^Listening on [^ ]* //p' listens)
	try --ssh-legacy --reconnect 0
	kill $! 2>/dev/null
	wait $! 2>/dev/null
}
answer 'SSH-1.5-OpenSSH_2.1\r\n'
exits 6 "protocol 1"
like "$err" 'version 1 of the ssh protocol only \(SSH-1.5-OpenSSH_2.1\); --rsh' "is called so"
answer 'HTTP/1.1 400 Bad Request\r\n\r\n'
exits 4 "a web server"
like "$err" 'does not complete the ssh handshake' "is none"
answer ''
exits 4 "a server that hangs up"
like "$err" 'does not complete the ssh handshake' "says nothing"
answer 'SSH-2.0-OpenSSH_3.9p1\r\n\0\0\0\0garbage\377\377\377\377\377\377\377\377'
exits 4 "garbage after the version"
done_testing
