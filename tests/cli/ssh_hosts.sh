#!/bin/bash
# Which hosts are trusted, and how they are found: known_hosts in all its forms, pinned keys, aliases and
# proxies of ssh_config, ports, IPv6; and copies over ssh, both ways, through cuts.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/sshd.sh"
needs_sshd
needs jq cmp nc
start_sshd || skip_all "sshd does not start here"
head -c 3M /dev/urandom >disk.img

key_is=$(fingerprint | sed 's/[+]/\\&/g') rsa_is=$(fingerprint rsa | sed 's/[+]/\\&/g')
key_of() { cut -d' ' -f1,2 "$sshd/host_$1.pub"; }
# Connects, and asks for the one disk that is there; more options override.
try() { unrack scan "ssh://${host:-127.0.0.1:$port}$work/disk.img" "${ssh_options[@]}" "$@"; }
knowing() { # LINE...: with these known hosts
	printf '%s\n' "$@" >known
	try --known-hosts "$work/known"
}

before=$(<"$sshd/known_hosts")
try --known-hosts "$work/none"
exits 5 "an unknown one"
like "$err" "host key of \[127.0.0.1\]:$port is not known: ssh-ed25519 $key_is is not in $work/none" "is shown"
like "$err" "--host-key $key_is, or connect once with ssh" "with what to do"
ok "and the file is not made" test ! -e none
ok "its end is in the server's log" wait_for 120 grep 'Connection .* by ' "$sshd/log"
unlike "$(<"$sshd/log")" 'Accepted|authenticating' "nothing was said to it but the key exchange"
try
exits 0 "a known host"
like "$out" 'disk.img' "tells what it has"
printf 'StrictHostKeyChecking no\n' >lax
try --known-hosts "$work/none" --ssh-config "$work/lax"
exits 5 "StrictHostKeyChecking no does not change that"
try --known-hosts "$work/none" --host-key "$(fingerprint)"
exits 0 "--host-key vouches for it"
try --host-key "$(fingerprint rsa)"
exits 5 "another --host-key outdoes the file"
like "$err" "is ssh-ed25519 $key_is, not the one that --host-key names" "and says what there is"
try --host-key 'MD5:00:11'
exits 2 "no fingerprint"
like "$err" 'takes SHA256:' "says which it takes"

knowing "[127.0.0.1]:$port $(key_of rsa | sed 's/ssh-rsa/ssh-ed25519/')" "[127.0.0.1]:$port ssh-ed25519 $(cut -d' ' -f2 "$sshd/id.pub")"
exits 5 "a key that has changed"
like "$err" "has changed: $work/known line 1 has .* but now it is $key_is" "with both keys and the line"
like "$err" "ssh-keygen -f '$work/known' -R '\[127.0.0.1\]:$port'" "and how to remove it"
knowing "# a comment" "" "[other]:$port $(key_of rsa)" "[127.0.0.1]:$port $(key_of rsa)" "[127.0.0.1]:$port $(key_of ed25519)"
exits 0 "several keys"
knowing "127.0.0.1 $(key_of ed25519)"
exits 0 "known by its plain name"
cp "$sshd/known_hosts" hashed
ssh-keygen -q -H -f hashed >/dev/null 2>&1
unlike "$(<hashed)" 127.0.0.1 "(a file with hashed names)"
try --known-hosts "$work/hashed"
exits 0 "a hashed name"
knowing "[127.0.0.1]:$port $(key_of ed25519)" "@revoked * $(key_of ed25519)"
exits 5 "a revoked key"
like "$err" "is revoked by $work/known line 2" "is named"
knowing "@cert-authority * $(key_of ed25519)"
exits 5 "an authority's key is no host key"
is "$(<"$sshd/known_hosts")" "$before" "known_hosts was never written"

# --- ssh_config ----------------------------------------------------------------------------
cat >"$sshd/config" <<END
Host db02
	HostName 127.0.0.1
	Port $port
	User $(id -un)
Host by-proxy
	HostName 127.0.0.1
	Port $port
	ProxyCommand nc %h %p
Host bad-proxy
	HostName 127.0.0.1
	Port $port
	ProxyCommand echo no way through to %n port %p >&2; exit 1
Host wrong-proxy
	ProxyCommand nc %z
Host ctr
	HostName 127.0.0.1
	Port $port
	Ciphers aes256-ctr
END
host=db02 try
exits 0 "an alias"
host=db02:1 try --reconnect 0
exits 4 "the URL's port outdoes it"
like "$err" "can't connect to 127.0.0.1 port 1: Connection refused" "and is named"
host=nobody@db02 try
like "$err" 'nobody@127.0.0.1: permission denied' "the URL's user too"
exits 3 "which is not let in"
host=by-proxy try
exits 0 "a ProxyCommand"
host=bad-proxy try
exits 4 "one that ends"
like "$err" "no way through to bad-proxy port $port" "is heard"
host=wrong-proxy try
exits 2 "one with an unknown %"
host=ctr try -v
like "$err" 'aes256-ctr' "the configuration's ciphers"
host=db02 try -v
like "$err" 'aes128-gcm' "or the fastest"
host=db02 try --ssh-config none
exits 4 "without configuration an alias is no host"
like "$err" "can't find the host db02" "says so"
try --ssh-config "$work/no-such-config"
exits 4 "a configuration that is not there"
: >"$sshd/config"
cp "$sshd/config" '100%h.cfg'
cp "$sshd/known_hosts" '100%h.known'
try --ssh-config "$work/100%h.cfg" --known-hosts "$work/100%h.known"
exits 0 "file names with a %"
host=my_host try
exits 2 "a name that libssh does not take"
like "$err" 'my_host.*--rsh' "says what does"
host=no-such-host.invalid try
exits 4 "a name that is none"

if [ -e /proc/net/if_inet6 ] && grep -q '^0*1 ' /proc/net/if_inet6; then
	start_sshd "ListenAddress ::1"
	know_host ed25519 ::1 >"$sshd/known_hosts"
	host="[::1]:$port" try
	exits 0 "IPv6"
	start_sshd
fi

# --- The key's type follows what is known -----------------------------------------------------
start_sshd "HostKey $sshd/host_ecdsa" "HostKey $sshd/host_rsa"
for type in rsa ecdsa ed25519; do
	knowing "$(know_host $type)"
	exits 0 "of several keys the server shows the one that is known: $type"
done
start_sshd "HostKey $sshd/host_rsa" "HostKeyAlgorithms rsa-sha2-256"
knowing "$(know_host ed25519)"
exits 5 "a server that has only another"
like "$err" "is ssh-rsa $rsa_is, but $work/known line 1 knows it by a key of type ssh-ed25519" "says so"

# --- Copies -------------------------------------------------------------------------------
start_sshd
here=ssh://127.0.0.1:$port$work
result_of() { jq -c 'select(.result)' <<<"$out"; }
unrack copy disk.img "$here/pushed" "${ssh_options[@]}"
exits 0 "a push"
ok "is identical" cmp disk.img pushed/pushed-flat.vmdk
unrack copy "$here/disk.img" pulled "${ssh_options[@]}"
exits 0 "a pull"
ok "is identical" cmp disk.img pulled/pulled-flat.vmdk
copying() { # whether the run that writes the file json has a checkpoint
	grep -q '"event":"progress".*"done":[1-9]' json
}
head -c 6M /dev/urandom >big.img
for way in push pull; do
	args=(big.img "$here/cut-$way")
	[ $way = pull ] && args=("$here/big.img" "cut-$way")
	rm -f json
	"$UNRACK" copy "${args[@]}" "${ssh_options[@]}" --rate 1M --json >json 2>/dev/null &
	pid=$!
	begun "a slow $way is under way" -p $pid copying
	kill -STOP $pid # or it may be over before it is cut
	# shellcheck disable=SC2046
	kill -9 $(sshd_connections)
	kill -CONT $pid
	wait $pid && rc=0 || rc=$?
	out=$(<json)
	is "$rc" 0 "its sshd is killed, and the same run completes"
	is "$(result_of | jq .lost_connections)" 1 "over a second connection"
	ok "identical" cmp big.img "cut-$way/cut-$way-flat.vmdk"
done
done_testing
