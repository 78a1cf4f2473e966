#!/bin/bash
# One copy over several connections, each with a process of its own on "another machine", which are
# processes behind --rsh: push and pull, cuts, and one that does not come.
. "$(dirname "$0")/../support/lib.sh"
needs jq cmp pgrep
rsh=$fixtures/../support/rsh.sh
# By a name of its own: other tests have servers, too.
far_unrack=$work/far-unrack
ln -s "$UNRACK" "$far_unrack"
far=(--rsh "$rsh" --remote-unrack "$far_unrack")
{
	head -c 9M /dev/urandom
	head -c 6M /dev/zero
	yes 'a line of a file that deflates well' | head -c 9M
} >disk.img

result_of() { jq -c 'select(.result)' <<<"$out"; }
serves() { pgrep "$@" -f -- "^$far_unrack serve"; }
no_serves() { ! serves; }
copying() { # whether the run that writes the file json has a checkpoint
	grep -q '"event":"progress".*"done":[1-9]' json
}

unrack copy disk.img "ssh://far$work/web01" "${far[@]}" --streams 4 --json
exits 0 "a push over four connections"
ok "is identical" cmp disk.img web01/web01-flat.vmdk
unrack copy "ssh://far$work/disk.img" web02 "${far[@]}" --streams 3
exits 0 "a pull over three"
ok "is identical" cmp disk.img web02/web02-flat.vmdk
unrack copy disk.img "ssh://far$work/web03" "${far[@]}" --streams 1
exits 0 "one"
unrack copy disk.img "ssh://far$work/web04" "${far[@]}" --streams 17
exits 2 "seventeen"
like "$err" '\-\-streams takes a number from 1 to 16' "are too many"
mkdir machines
unrack copy disk.img "ssh://far/web05" --rsh "$rsh" --streams 2 \
	--remote-unrack "$far_unrack serve --root $work/machines --receive-only #"
exits 0 "a server that only receives takes them, too"
ok "identical" cmp disk.img machines/web05/web05-flat.vmdk

rm -f json
"$UNRACK" copy disk.img "ssh://far$work/cut1" "${far[@]}" --streams 4 --rate 3M --json >json 2>/dev/null &
pid=$!
begun "a slow push is under way" -p $pid copying
kill -STOP $pid # or it may be over before it is cut
is "$(serves | wc -l)" 4 "in four processes there"
kill -9 "$(serves -o)"
kill -CONT $pid
wait $pid && rc=0 || rc=$?
out=$(<json)
is "$rc" 0 "the one that writes is killed, and the same run completes"
is "$(result_of | jq .lost_connections)" 1 "over new connections"
ok "identical" cmp disk.img cut1/cut1-flat.vmdk
ok "no process is left" wait_for 120 no_serves

rm -f json
"$UNRACK" copy "ssh://far$work/disk.img" cut2 "${far[@]}" --streams 2 --rate 3M --json >json 2>/dev/null &
pid=$!
begun "a slow pull is under way" -p $pid copying
kill -9 $pid
wait $pid 2>/dev/null
ok "its client is killed, and no process is left" wait_for 120 no_serves
unrack copy "ssh://far$work/disk.img" cut2 "${far[@]}" --streams 4
exits 0 "it is continued over another number of connections"
ok "identical" cmp disk.img cut2/cut2-flat.vmdk

# The first connection is lost before the second one has come.
cat >serve <<END
#!/bin/sh
[ -e $work/first ] || echo \$\$ >$work/first
exec $UNRACK "\$@"
END
cat >late-rsh <<END
#!/bin/sh
[ -e $work/first ] && [ ! -e $work/lost-one ] && touch $work/lost-one && kill -9 \$(cat $work/first)
exec $rsh "\$@"
END
chmod +x serve late-rsh
unrack copy disk.img "ssh://far$work/late" --rsh "$work/late-rsh" --remote-unrack "$work/serve" --streams 2 --json
exits 0 "the first connection is lost before the second one comes, and all are made again"
is "$(result_of | jq .lost_connections)" 1 "once"
ok "identical" cmp disk.img late/late-flat.vmdk

# A long way: all of them together take longer than the line may be silent, but each has come in time.
cat >slow-rsh <<END
#!/bin/sh
sleep 1
exec $rsh "\$@"
END
chmod +x slow-rsh
unrack copy disk.img "ssh://far$work/slow" --rsh "$work/slow-rsh" --remote-unrack "$far_unrack" --streams 5 --timeout 3
exits 0 "connections that take a second each"
ok "identical" cmp disk.img slow/slow-flat.vmdk

# The line stands still while a further connection is made, until the far side gives up.
cat >still-rsh <<END
#!/bin/sh
echo x >>$work/still-calls
[ "\$(wc -l <$work/still-calls)" = 2 ] && sleep 5
exec $rsh "\$@"
END
chmod +x still-rsh
unrack copy disk.img "ssh://far$work/still" --rsh "$work/still-rsh" --remote-unrack "$far_unrack" --streams 2 --timeout 2 --json
exits 0 "a line that stands still while connections are made"
ok "it is made again" test "$(result_of | jq .lost_connections)" -ge 1
ok "identical" cmp disk.img still/still-flat.vmdk

# The second connection reaches a machine where nobody waits.
cat >lost <<END
#!/bin/sh
echo x >>$work/calls
[ "\$(wc -l <$work/calls)" -ge 2 ] && exec unshare -n $rsh "\$@"
exec $rsh "\$@"
END
chmod +x lost
if unshare -n true 2>/dev/null; then
	unrack copy disk.img "ssh://far$work/web06" --rsh "$work/lost" --remote-unrack "$UNRACK" --streams 2
	exits 5 "a connection that reaches another machine"
	like "$err" 'on another machine behind the same address.*--streams 1' "is told from a lost one"
fi
done_testing
