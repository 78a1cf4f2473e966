#!/bin/bash
# --rsh: another program that reaches the far side, here ssh(1) itself, with what it gets and how it fails.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/sshd.sh"
needs_sshd
needs ssh cmp
start_sshd || skip_all "sshd does not start here"
head -c 3M /dev/urandom >disk.img
ssh="ssh -F none -o BatchMode=yes -o UserKnownHostsFile='$sshd/known_hosts' -i \"$sshd/id\""
here=ssh://$(id -un)@127.0.0.1:$port$work

unrack copy disk.img "$here/pushed" --rsh "$ssh" --remote-unrack "$UNRACK"
exits 0 "a push by ssh"
ok "is identical" cmp disk.img pushed/pushed-flat.vmdk
unrack copy "$here/disk.img" pulled --rsh "$ssh" --remote-unrack "$UNRACK"
exits 0 "a pull by ssh"
ok "is identical" cmp disk.img pulled/pulled-flat.vmdk

# What scan proposes reaches the disk in the same way.
mkdir bin && ln -s "$UNRACK" bin/unrack
unrack scan "$here/disk.img" --rsh "$ssh" --remote-unrack "$UNRACK" --timeout 20
proposed=$(sed -n 's/^to copy: //p' <<<"$out")
like "$proposed" "^unrack copy $here/disk.img FOLDER .*--rsh .*--timeout 20" "the command that scan proposes has the options"
ok "and copies when it is pasted" env PATH="$work/bin:$PATH" sh -c "${proposed/FOLDER/pasted}"
ok "is identical" cmp disk.img pasted/pasted-flat.vmdk

cat >args <<'END'
#!/bin/sh
printf '%s\n' "$@" >args.out
echo no route from here >&2
exit 7
END
chmod +x args
unrack scan "ssh://joe@db02:2222/dev/sda" --rsh "./args -x 'a b'" --remote-unrack "'/opt/un rack'"
is "$(<args.out)" "$(printf '%s\n' -x 'a b' -p 2222 joe@db02 "'/opt/un rack' serve --quiet")" "its arguments, as ssh takes them"
exits 4 "a program that fails"
like "$err" 'the command on db02 ended with status 7' "with its status"
is "$(grep -c 'no route from here' <<<"$err")" 1 "and its words, once"
unrack scan "ssh://db02/dev/sda" --rsh ./args
is "$(<args.out)" "$(printf '%s\n' db02 'unrack serve --quiet')" "no port and no user unless given"
rm args.out
unrack scan "ssh://-oProxyCommand=x/dev/sda" --rsh ./args
exits 2 "a host that looks like an option"
ok "is not handed on" test ! -e args.out

unknown="ssh -F none -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking"
unrack scan "$here/disk.img" --rsh "$unknown=yes"
exits 4 "ssh's own errors"
like "$err" 'ost key verification failed' "are shown"
unrack scan "$here/disk.img" --rsh "$ssh" --remote-unrack no-such-unrack
exits 3 "no unrack there"
like "$err" "127.0.0.1 can't run unrack \(status 127\);.*--remote-unrack" "says so"
unrack scan "$here/disk.img" --rsh "$ssh 'x"
exits 2 "a quote without its end"
unrack scan "$here/disk.img" --rsh "no-such-program"
exits 3 "a program that is not installed"
like "$err" 'no-such-program' "is named"

# A far shell that greets.
printf '#!/bin/sh\necho welcome\n' >greets
chmod +x greets
unrack scan "ssh://joe@db02:2222/dev/sda" --rsh ./greets
exits 6 "a far shell that prints something first"
like "$err" 'it says "welcome"; .* must print nothing: see what `ssh -p 2222 joe@db02 true` says' "is told how to see it, by what can be pasted"
unrack scan "ssh://db02/dev/sda" --rsh ./greets
like "$err" 'see what `ssh db02 true` says' "with no more than was given"

# A password can't be asked for: it has no terminal, and must not stop for one.
timeout 120 script -qec "$UNRACK scan '$here/disk.img' --rsh '$unknown=ask'" typescript >asked </dev/null && rc=0 || rc=$?
is "$rc" 4 "ssh that would ask on the terminal"
like "$(<asked)" 'ost key verification failed' "fails instead of waiting"
done_testing
