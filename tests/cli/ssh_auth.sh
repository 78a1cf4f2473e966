#!/bin/bash
# Who gets in: keys, keys with a passphrase, the agent, passwords; and what is said when nobody does.
# Passwords are those of an sshd that sees a shadow file of its own, which takes a mount namespace.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/sshd.sh"
needs_sshd
needs ssh-agent ssh-add script
start_sshd || skip_all "sshd does not start here"
head -c 3M /dev/urandom >disk.img
me=$(id -un)

anybody() { unrack scan "ssh://127.0.0.1:$port$work/disk.img" --ssh-config "$sshd/config" \
	--known-hosts "$sshd/known_hosts" --remote-unrack "$UNRACK" "$@"; }
secret_free() { # nothing that was said has the secret
	unlike "$out$err$(cat "$work"/*.log 2>/dev/null)" 'geheim' "$1"
}

# --- Keys ---------------------------------------------------------------------------------
anybody --identity "$sshd/id"
exits 0 "a key that is let in"
ssh-keygen -q -t rsa -N '' -f other
anybody --identity "$work/other"
exits 3 "a key that is not"
like "$err" "$me@127.0.0.1: permission denied \(publickey\); tried $work/other" "with what was tried, and what is offered"
like "$err" 'use --identity, --ask-password or --password-fd' "and what to do"
anybody --identity "$work/no-such-key"
exits 4 "a key that is not there"
like "$err" "can't read the key $work/no-such-key" "is named"
rm other.pub
anybody --identity "$work/other"
exits 3 "a key without its public half"
ok "which is not made" test ! -e other.pub
cat >"$sshd/config" <<END
IdentityFile $work/other
IdentityFile $sshd/id
END
anybody
exits 0 "keys of the configuration"
: >"$sshd/config"

ssh-keygen -q -t ed25519 -N 'geheim 1' -f locked
cat locked.pub >>"$sshd/authorized_keys"
anybody --identity "$work/locked"
exits 3 "a key that needs a passphrase, and nobody to ask"
like "$err" "$work/locked needs a passphrase" "says so"
anybody --identity "$work/locked" --password-fd 3 -v --log "$work/1.log" 3<<<'geheim 1'
exits 0 "its passphrase by a descriptor"
secret_free "is not said anywhere"
proposed=$(sed -n 's/^to copy: //p' <<<"$out")
like "$proposed" "^unrack copy ssh://.* FOLDER .*--identity $work/locked .*--password-fd 3 3<FILE$" "the proposed command has the options"
mkdir bin && ln -s "$UNRACK" bin/unrack && echo 'geheim 1' >FILE
ok "and copies when it is pasted" env PATH="$work/bin:$PATH" sh -c "${proposed/FOLDER/pasted}"
ok "is identical" cmp disk.img pasted/pasted-flat.vmdk
unrack copy "ssh://127.0.0.1:1$work/disk.img" gone --ssh-config "$sshd/config" --password-fd 3 3<FILE
exits 4 "nobody listens"
like "$out" "to continue: .*/disk.img gone .*--password-fd 3 3<FILE$" "what continues says that the password is to be given again"
anybody --identity "$work/locked" --password-fd 3 --log "$work/1.log" 3<<<'geheim 2'
exits 3 "a wrong one"
like "$err" 'wrong passphrase' "is called so"
secret_free "and not said anywhere"
rm locked.pub
anybody --identity "$work/locked" --password-fd 3 3<<<'geheim 1'
exits 0 "without the public half too"
for type in rsa ecdsa; do
	ssh-keygen -q -t $type -m PEM -N 'geheim 1' -f pem_$type
	cat pem_$type.pub >>"$sshd/authorized_keys"
	rm pem_$type.pub
	anybody --identity "$work/pem_$type" --password-fd 3 3<<<'geheim 1'
	exits 0 "an old $type key"
	anybody --identity "$work/pem_$type"
	exits 3 "which does not ask by itself"
done
printf 'no key\n' >junk
anybody --identity "$work/junk"
exits 3 "a file that is no key"

# The terminal, which only script(1) can be here. What is typed before the question is dropped; what ends before the
# program does ends its terminal.
ask() { # QUESTION ANSWER COMMAND...
	local question=$1 answer=$2
	shift 2
	rc=0
	: >typescript
	out=$({
		wait_for 120 grep "$question" typescript
		printf '%s\n' "$answer"
		wait_for 120 grep '^Script done' typescript
	} | script -qefc "$(printf '%q ' "$@")" typescript 2>&1) || rc=$?
}
scan=("$UNRACK" scan "ssh://127.0.0.1:$port$work/disk.img" --ssh-config none --known-hosts "$sshd/known_hosts"
	--remote-unrack "$UNRACK")
ask 'passphrase of' 'geheim 1' "${scan[@]}" --identity "$work/locked" --ask-password
is "$rc" 0 "the passphrase by the terminal"
like "$out" "passphrase of $work/locked: " "is asked for by the file's name"
unlike "$out" geheim "and not shown"

# --- The agent ------------------------------------------------------------------------------
eval "$(ssh-agent -s)" >/dev/null
trap 'kill "$SSH_AGENT_PID"; stop_sshd; rm -rf "$work"' EXIT
anybody
exits 3 "an agent without keys"
like "$err" 'tried the agent' "is one of what was tried"
ssh-add -q "$sshd/id" 2>/dev/null
anybody
exits 0 "the agent's key"
ssh-add -q -D 2>/dev/null
for n in 1 2 3 4 5 6 7; do
	ssh-keygen -q -t ed25519 -N '' -f "many$n"
	ssh-add -q "many$n" 2>/dev/null
done
anybody
exits 3 "too many keys"
like "$err" 'takes no more attempts.*--identity' "are called so"
anybody --identity "$sshd/id"
exits 0 "--identity comes before the agent"
kill "$SSH_AGENT_PID"
trap 'stop_sshd; rm -rf "$work"' EXIT
unset SSH_AUTH_SOCK SSH_AGENT_PID

# --- Other ends --------------------------------------------------------------------------
start_sshd "AuthenticationMethods password" "PasswordAuthentication yes"
anybody --identity "$sshd/id"
exits 3 "a server that takes passwords only"
like "$err" 'permission denied \(password\)' "is said to"
start_sshd "ForceCommand echo this account is closed"
anybody --identity "$sshd/id"
ok "a forced command that is not ours is no success" test "$rc" != 0
like "$err" 'this account is closed' "and quoted"
start_sshd "PermitTTY no" "ForceCommand /bin/sh -c 'echo not today >&2; exit 1'"
anybody --identity "$sshd/id"
exits 4 "one that ends"
is "$(grep -c 'not today' <<<"$err")" 1 "is quoted too, once"
like "$err" 'ended with status 1$' "with its status"
start_sshd "DenyUsers $me"
anybody --identity "$sshd/id"
exits 3 "a user who is denied"

# --- Passwords ---------------------------------------------------------------------------
if [ "$(id -u)" = 0 ] && command -v openssl >/dev/null && unshare -m true 2>/dev/null; then
	awk -F: -v OFS=: -v p="$(openssl passwd -6 'geheim 3')" '$1 == "root" { $2 = p } 1' /etc/shadow >shadow
	printf 'auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n' >pam
	cat >wrap <<-END
		mount --make-rprivate / && mount --bind $work/shadow /etc/shadow || exit
		[ ! -e /etc/pam.d/sshd ] || mount --bind $work/pam /etc/pam.d/sshd || exit
		exec "\$@"
	END
	sshd_wrap=(unshare -m bash "$work/wrap")
	start_sshd "PasswordAuthentication yes"
	anybody --password-fd 3 --log "$work/2.log" -v 3<<<'geheim 3'
	exits 0 "a password by a descriptor"
	secret_free "is not said anywhere"
	anybody --identity "$sshd/id" --password-fd 3 3</dev/null
	exits 0 "is not read as long as a key does"
	anybody --password-fd 3 --log "$work/2.log" 3<<<'geheim 4'
	exits 3 "a wrong password"
	like "$err" 'permission denied \(publickey,password\); tried .*a password' "is refused"
	secret_free "without being said"
	is "$(grep -c 'Failed password' "$sshd/log")" 1 "and was tried once"
	anybody --password-fd 3 3</dev/null
	ok "an empty descriptor is no password" test "$rc" != 0
	start_sshd "PasswordAuthentication yes" "AuthenticationMethods publickey,password"
	anybody --identity "$sshd/id" --password-fd 3 3<<<'geheim 3'
	exits 0 "a key and a password"
	anybody --identity "$sshd/id"
	exits 3 "the key alone"
	like "$err" 'permission denied \(password\)' "is not enough"
	if [ -e /etc/pam.d/sshd ]; then
		start_sshd "UsePAM yes" "KbdInteractiveAuthentication yes" "AuthenticationMethods keyboard-interactive"
		anybody --password-fd 3 3<<<'geheim 3'
		exits 0 "the same, asked for by keyboard-interactive"
		anybody --password-fd 3 3<<<'geheim 4'
		exits 3 "a wrong one there"
		like "$err" 'permission denied \(keyboard-interactive\); tried .*a password' "is refused"
	fi
else
	echo "# passwords: not without root, openssl and mount namespaces"
fi
done_testing
