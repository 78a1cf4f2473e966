#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writes the fuzzers' corpus: valid inputs, and some that just aren't. Run it in tests/fuzz when a
# format changes: perl corpus.pl. It is committed so that nothing has to be made for a run.
use strict;
use warnings;
use Compress::Zlib;
use FindBin;
use lib "$FindBin::Bin/../support";
use XXH3;

my ($n, %type) = (0);
$type{$_} = ++$n for qw(HELLO OPEN ACCEPT GRAINS ZERO CHECKPOINT ACK END DONE BYE ERROR PING CALL READY
	OFFER TEXT MAP WANT DIGESTS DELTA SAME LOST);
my $magic = "unrack\r\n";

sub save {
	my ($fuzzer, $name, $data) = @_;

	mkdir $_ for "$FindBin::Bin/corpus", "$FindBin::Bin/corpus/$fuzzer";
	open my $f, '>:raw', "$FindBin::Bin/corpus/$fuzzer/$name" or die "$name: $!\n";
	print $f $data;
	close $f or die "$name: $!\n";
}

# --- Messages -------------------------------------------------------------------------------
sub intro { $magic . pack('VVa8', 1, 0, xxh3_64($_[0])) . $_[0] }
sub hello { intro(pack 'Q<VVVa*', 0, 1114112, $_[0], length $_[1], $_[1]) }
sub open_disk {
	my ($bytes, $strict, $advisory, $state, $flags) = @_;
	my @s = ("$strict\0", "$advisory\0");

	return pack 'Q<VVa16VVa*', $bytes, map({ length } @s), $state // '', $flags // 0, 0, join '', @s;
}
sub accept_disk { pack 'VVQ<Q<Q<a32', 0, $_[0], $_[1], $_[2], 1, join '', map chr, 0 .. 31 }
sub call { intro(pack 'Q<VVVVQ<VvvQ<Z*', 0, $_[0], $_[1], $_[2], $_[3], 0, 1 + length $_[4], 0, 0, 0, $_[4]) }
sub ready { intro(pack 'Q<VVa36', 0, $_[0], 0, '') }
sub offer {
	my ($bytes, $number, @s) = @_;

	@s = map { "$_\0" } @s;
	return pack 'Q<VVVVa*', $bytes, $number, map({ length } @s), join '', @s;
}
sub error { pack 'VVa*', @_ }

my $strict = "gpt=01234567-89ab-cdef-0123-456789abcdef\n1.ext3=11111111-2222-3333-4444-555555555555\n";
my $advisory = "model=LOGICAL VOLUME\nserial=P61620D9SUIC4D\nwwid=naa.600508b1001c1234\n";
my $text = compress('x' x 65536);
my %message = (
	hello => [ HELLO => hello(2, 'web01') ],
	'hello-receiver' => [ HELLO => hello(0, '') ],
	open => [ OPEN => open_disk(146815737856, $strict, $advisory) ],
	'open-plain' => [ OPEN => open_disk(512, "head=0011223344556677\n", '') ],
	accept => [ ACCEPT => accept_disk(0, 0, 0) ],
	'accept-complete' => [ ACCEPT => accept_disk(1, 16, 9) ],
	grains => [ GRAINS => pack('Q<vvV', 32, 3, 2, 0) . pack('vvVa16a*', 0, 0, length $text, 'd' x 16, $text) .
			pack('vvVa16a*', 2, 0, length $text, 'e' x 16, $text) ],
	zero => [ ZERO => pack 'Q<Q<', 16, 16384 ],
	checkpoint => [ CHECKPOINT => pack 'Q<', 4096 ],
	ack => [ ACK => pack 'Q<Q<', 4096, 1000 ],
	end => [ END => pack 'Q<Q<a16', 0, 1000, 's' x 16 ],
	done => [ DONE => pack 'Q<a16', 1000, 'w' x 16 ],
	bye => [ BYE => '' ],
	error => [ ERROR => error(5, 28, "can't write web01-flat.vmdk: No space left on device") ],
	'error-unprintable' => [ ERROR => error(99, 70000, "a\e[31mb\0c") ],
	call => [ CALL => call(1, 3, 2, 30000, 'machines/web01') ],
	'call-send' => [ CALL => call(2, 0, 1, 0, '') ],
	ready => [ READY => ready(1) ],
	offer => [ OFFER => offer(146815737856, 0, '/dev/cciss/c0d0', $strict, $advisory) ],
	'offer-name-only' => [ OFFER => offer(0, 0xffffffff, '/dev/sda', '', '') ],
	text => [ TEXT => '{"disks":[]}' ],
	'open-live' => [ OPEN => open_disk(512, "head=0011223344556677\n", '', 's' x 16, 3) ],
	'accept-delta' => [ ACCEPT => accept_disk(2, 16, 9) ],
	map => [ MAP => pack 'VVQ<*', 3, 1, 0, 5, 7, 1, 100, 1 << 20 ],
	'map-empty' => [ MAP => pack 'VV', 0, 0 ],
	want => [ WANT => pack 'Q<Q<', 65536, 65536 ],
	digests => [ DIGESTS => pack 'Q<Q<a16a16', 4, 2, 'd' x 16, '' ],
	'digests-zeros' => [ DIGESTS => pack 'Q<Q<', 6, 60000 ],
	delta => [ DELTA => pack('Q<vvV', 32, 3, 2, 0) . pack('vvVa16', 0, 0, 0, '') .
			pack('vvVa16a*', 2, 0, length $text, 'e' x 16, $text) ],
	same => [ SAME => pack 'Q<Q<', 16, 4096 ],
	lost => [ LOST => pack('Q<Q<', 1 << 20, 512) . '/var/log/messages on vg0/root' ],
);

while (my ($name, $m) = each %message) {
	save('message', $name, chr($type{ $m->[0] }) . $m->[1]);
}

# --- Frames ---------------------------------------------------------------------------------
sub frame {
	my ($name, $disk, $sequence, $payload) = @_;
	my $head = pack 'a4CCvVVQ<a8', 'URK1', $type{$name}, 0, $disk, length $payload, 0, $sequence,
		xxh3_64($payload);

	return $head . xxh3_64($head) . $payload;
}

save('frame', 'hello', pack('CQ<', 3, 0) . frame('HELLO', 0, 0, hello(1, 'web01')));
save('frame', 'bye', pack('CQ<', 3, 7) . frame('BYE', 0, 7, ''));
save('frame', 'ack-as-it-is', pack('CQ<', 0, 1 << 40) . frame('ACK', 1, 1 << 40, pack 'Q<Q<', 5, 5));
save('frame', 'too-long', pack('CQ<', 1, 0) . pack('a4CCvVVQ<a8a8', 'URK1', 4, 0, 0, 1114113, 0, 0, '', ''));
save('frame', 'greeting', pack('CQ<', 0, 0) . "bash: unrack: command not found\n");
save('frame', 'other-stream', pack('CQ<', 0, 3) . "SSH-2.0-OpenSSH_4.3\r\n");

# --- Programs for a far side, see play.h ----------------------------------------------------
sub step {
	my ($name, $disk, $payload, $how) = @_;

	return pack 'CCva*', ($name eq 'HANG UP' ? 0x3f : $type{$name}) | ($how || 0), $disk, length $payload,
		$payload;
}
sub made { step($_[0], $_[1], $_[2] // '', 0x40) }
sub raw { pack 'CCva*', 0x80, 0, length $_[0], $_[0] }

my @offers = (step('OFFER', 0, offer(1 << 20, 0xffffffff, 'sda', "mbr=00000001\n", '')),
	step('OFFER', 1, offer(1 << 21, 3, 'sdb', "mbr=00000002\n", "serial=b\n")));

save('call', 'server-receives', pack('CC', 0, 1) . step('CALL', 0, call(1, 0, 2, 1000, 'web01')) . join '', @offers);
save('call', 'server-sends', pack('CC', 0, 0) . step('CALL', 0, call(2, 0, 1, 0, '')) .
	step('OFFER', 0, offer(0, 0xffffffff, '/dev/sda', '', '')));
save('call', 'server-scans', pack('CC', 0, 2) . step('CALL', 0, call(3, 0, 0, 0, '')));
save('call', 'server-refuses', pack('CC', 8, 0) . step('CALL', 0, call(1, 3, 1, 0, '/web01')) . $offers[0]);
save('call', 'server-hears-pings', pack('CC', 0, 0) . step('PING', 0, '') .
	step('CALL', 0, call(1, 0, 2, 0, 'web01')) . step('PING', 0, '') . join '', @offers);
save('call', 'server-hears-error', pack('CC', 0, 0) . step('CALL', 0, call(1, 0, 2, 0, 'web01')) .
	step('ERROR', 0, error(9, 0, 'stopped')));
save('call', 'server-hears-copy', pack('CC', 0, 0) . step('HELLO', 0, hello(1, 'web01')));
save('call', 'client-is-ready', pack('CC', 1, 1) . step('PING', 0, '') . step('READY', 0, ready(0)));
save('call', 'client-gets-offers', pack('CC', 3, 0) . step('READY', 0, ready(2)) . join '', @offers);
save('call', 'client-gets-text', pack('CC', 5, 0) . step('READY', 0, ready(0)) . step('TEXT', 0, '{"disks":[]}'));
save('call', 'client-refused', pack('CC', 1, 0) . step('ERROR', 0, error(6, 0, 'web01 holds another machine')));
save('call', 'client-hears-shell', pack('CC', 1, 0) . raw("bash: unrack: command not found\n" x 3));

# Made: GRAINS and DELTA distance, span - 1, places, content; ZERO and SAME distance, count; OPEN bytes,
# identity, state, flags; MAP flags, then gap and length of each run; WANT distance, count.
my $open0 = made('OPEN', 0, pack 'VC', 40 * 65536 + 1000, 1);
my $disk0 = $open0 . made('MAP', 0, "\0");
my $data = made('GRAINS', 0, pack 'cCvC', 0, 15, 0xffff, 65);
my $sparse = made('GRAINS', 0, pack 'cCvC', 0, 7, 0x0011, 70);
my $zeros = made('ZERO', 0, pack 'cv', 0, 16);
my $last = made('GRAINS', 0, pack 'cCvC', 0, 0, 1, 80);
my $whole = $disk0 . $data . $sparse . $zeros . $last . made('END', 0);
my $bye = step('BYE', 0, '');

save('receiver', 'one-disk', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $whole . $bye);
save('receiver', 'two-disks', pack('CCC', 64, 0, 0) . made('HELLO', 0, "\2") . $whole . made('OPEN', 1, pack 'VC', 1, 2) .
	made('MAP', 1, "\0") . made('GRAINS', 1, pack 'cCvC', 0, 0, 1, 9) . made('END', 1) . $bye);
save('receiver', 'stopped-and-resumed', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . $data .
	made('CHECKPOINT', 0, "\0") . $bye . step('HANG UP', 0, '') . made('HELLO', 0, "\1") .
	$disk0 . $sparse . $zeros . $last . made('END', 0) . $bye);
save('receiver', 'cut-and-resumed', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . $data . $sparse .
	step('HANG UP', 0, '') . made('HELLO', 0, "\1") . $disk0 . $zeros . $last . made('END', 0) . $bye);
save('receiver', 'complete-already', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $whole . $bye .
	step('HANG UP', 0, '') . made('HELLO', 0, "\1") . $open0 . $bye);
save('receiver', 'senders-error', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . $data .
	step('ERROR', 0, error(4, 5, "can't read /dev/sda")));
save('receiver', 'wrong-end', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . $data . $sparse . $zeros .
	$last . made('END', 0, "\0" x 16 . "\1") . $bye);
save('receiver', 'all-zeros-listed', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . made('OPEN', 0, pack 'VC', 65536, 1) .
	made('MAP', 0, "\0") . made('GRAINS', 0, pack 'cCvC', 0, 0, 1, 0) . made('END', 0) . $bye);
save('receiver', 'gap', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . made('ZERO', 0, pack 'cv', 1, 1));
save('receiver', 'unmade', pack('CCC', 0, 0, 0) . step('HELLO', 0, hello(1, 'web01')) .
	step('OPEN', 0, open_disk(3 * 65536, "mbr=00000001\n", '')) .
	step('MAP', 0, pack 'VVQ<Q<', 1, 0, 1, 2) . step('ZERO', 0, pack 'Q<Q<', 0, 3) .
	made('END', 0) . $bye);
save('receiver', 'full-and-freed', pack('CCC', 5 | 32, 9, 0) . made('HELLO', 0, "\1") . $whole . step('HANG UP', 0, '') .
	made('HELLO', 0, "\1") . $whole . $bye);
save('receiver', 'sync-fails', pack('CCC', 7, 1, 0) . made('HELLO', 0, "\1") . $whole . step('HANG UP', 0, '') .
	made('HELLO', 0, "\1") . $whole . $bye);
save('receiver', 'told-to-stop', pack('CCC', 128, 3, 0) . made('HELLO', 0, "\1") . $whole . step('HANG UP', 0, '') .
	made('HELLO', 0, "\1") . $whole . $bye);
save('receiver', 'damaged-stream', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . $data . raw('?' x 40));

# A second pass: all disks get one, or those that have changed.
my $delta = made('DELTA', 0, pack 'cCvC', 0, 15, 0x00f0, 90) . made('SAME', 0, pack 'cv', 0, 8) .
	made('DELTA', 0, pack 'cCvC', 0, 7, 0x0001, 0) . made('ZERO', 0, pack 'cv', 0, 5);
my $rest = made('SAME', 0, pack 'cv', 0, 4) . made('END', 0);
my $second = $bye . step('HANG UP', 0, '') . made('HELLO', 0, "\1") . $disk0;
my $want = made('WANT', 0, pack 'Cv', 0, 41);

save('receiver', 'second-pass', pack('CCC', 0, 0, 1) . made('HELLO', 0, "\1") . $whole . $second . $want . $delta .
	$rest . $bye);
save('receiver', 'second-pass-cut', pack('CCC', 0, 0, 1) . made('HELLO', 0, "\1") . $whole . $second . $want .
	$delta . step('HANG UP', 0, '') . made('HELLO', 0, "\1") . $disk0 . made('WANT', 0, pack 'Cv', 0, 4) .
	$rest . $bye);
save('receiver', 'source-changed', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") .
	made('OPEN', 0, pack 'VCCC', 40 * 65536 + 1000, 1, 7, 0) . made('MAP', 0, pack 'CCC', 0, 2, 3) . $data .
	step('HANG UP', 0, '') . made('HELLO', 0, "\1") . made('OPEN', 0, pack 'VCCC', 40 * 65536 + 1000, 1, 8, 0) .
	made('MAP', 0, "\0") . $want . $delta . $rest . $bye);
save('receiver', 'was-live', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") .
	made('OPEN', 0, pack 'VCCC', 40 * 65536 + 1000, 1, 7, 1) . made('MAP', 0, "\0") . $data . $sparse . $zeros .
	$last . made('END', 0) . $second . $want . $delta . $rest . $bye);
save('receiver', 'delta-of-nothing', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . $delta);
save('receiver', 'maps', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . made('OPEN', 0, pack 'VC', 40 * 65536, 1) .
	made('MAP', 0, pack 'CCCCC', 1, 2, 3, 1, 1) . made('MAP', 0, pack 'CCC', 0, 9, 1) . $data);
save('receiver', 'maps-overlap', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . made('OPEN', 0, pack 'VC', 40 * 65536, 1) .
	step('MAP', 0, pack 'VVQ<*', 2, 0, 3, 5, 4, 2));
save('receiver', 'lost', pack('CCC', 0, 0, 0) . made('HELLO', 0, "\1") . $disk0 . step('LOST', 0, pack('Q<Q<', 512, 512) .
	'/etc/passwd') . $data . $sparse . $zeros . $last . made('END', 0) . $bye);
save('receiver', 'second-pass-fails', pack('CCC', 5, 60, 1) . made('HELLO', 0, "\1") . $whole . $second . $want .
	$delta . step('HANG UP', 0, '') . made('HELLO', 0, "\1") . $disk0 . $want . $rest . $bye);

# Made: DIGESTS count, how; ACCEPT next, flags; ACK distance from what was sent; DONE what differs.
my $answers = made('HELLO', 0) . made('ACCEPT', 0, "\0\0") . made('DONE', 0);

save('sender', 'one-disk', "\0\0" . $answers . made('BYE', 0));
save('sender', 'two-disks', "\1\0" . $answers . made('ACCEPT', 1, "\5\0") . made('ACK', 1, "\0") .
	made('DONE', 1) . made('BYE', 0));
save('sender', 'complete-already', "\2\0" . made('HELLO', 0) . made('ACCEPT', 0, "\x15\1") . made('BYE', 0));
save('sender', 'nothing-changed', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\0\2") . made('DIGESTS', 0, "\25\1") .
	made('DONE', 0) . made('BYE', 0));
save('sender', 'all-changed', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\3\2") . made('DIGESTS', 0, "\5\0") .
	made('DIGESTS', 0, "\15\2") . made('DONE', 0) . made('BYE', 0));
save('sender', 'digests-not-asked-for', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\0\0") . step('DIGESTS', 0,
	pack 'Q<Q<', 0, 5));
save('sender', 'too-many-digests', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\0\2") . made('DIGESTS', 0, "\26\1"));
save('sender', 'done-for-digests', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\3\2") . made('DIGESTS', 0, "\15\2") .
	made('DONE', 0) . made('BYE', 0));
save('sender', 'digests-that-never-come', "\0\3" . made('HELLO', 0) . made('ACCEPT', 0, "\0\2") . made('DIGESTS', 0, "\5\1"));
save('sender', 'stored', "\4\0" . $answers . made('BYE', 0));
save('sender', 'stopped', "\0\3" . made('HELLO', 0) . made('ACCEPT', 0, "\0\0") . step('PING', 0, '') .
	made('ACK', 0, "\0") x 8 . made('BYE', 0));
save('sender', 'refused', "\0\0" . made('HELLO', 0) . step('ERROR', 0, error(6, 0, 'web01 holds another machine')));
save('sender', 'full', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\0\0") . made('ACK', 0, "\0") .
	step('ERROR', 0, error(5, 28, 'No space left on device')));
save('sender', 'other-digest', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\0\0") . made('DONE', 0, "\0" x 8 . "\1"));
save('sender', 'behind-the-end', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\xff\0"));
save('sender', 'ack-of-what-was-not-sent', "\0\0" . made('HELLO', 0) . made('ACCEPT', 0, "\0\0") . made('ACK', 0, "\x20"));
save('sender', 'small-payloads', "\0\0" . step('HELLO', 0, intro(pack 'Q<VVV', 0, 65536, 0, 0)));
save('sender', 'silent', "\0\0" . made('HELLO', 0));

# --- Journals -------------------------------------------------------------------------------
sub journal_header {
	my ($bytes, $s, $a) = @_;
	my $size = int((72 + length($s) + length($a) + 8 + 63) / 64) * 64;
	my $head = pack 'a8VVQ<VVa32VVa*', 'UNRKJRNL', 1, $size, $bytes, 1, 65536, 's' x 32, length $s, length $a, $s . $a;

	$head .= "\0" x ($size - 8 - length $head);
	return $head . xxh3_64($head);
}
sub record {
	my ($head, @fields) = @_;
	my $r = pack 'Q<Q<Q<Q<a16VV', @fields;

	return $r . xxh3_64(substr($head, -8) . $r);
}

my $head = journal_header(40 * 65536, $strict, $advisory);
my @records = map { record($head, $_, 8 * $_, 5 * $_, 0, '', 1, 0) } 1 .. 4;
my $end = record($head, 5, 40, 21, 1700000000 * 10**9, 'w' x 16, 1, 1);

save('journal', 'empty', "\0$head");
save('journal', 'under-way', "\3$head" . join '', @records);
save('journal', 'complete', "\3$head" . join '', @records, $end);
save('journal', 'torn', "\0$head$records[0]" . substr $records[1], 0, 30);
save('journal', 'damaged', "\0$head$records[0]" . '?' x 64 . $records[2]);
save('journal', 'plain-identity', "\3" . journal_header(512, "head=0011223344556677\n", ''));

# --- URLs -----------------------------------------------------------------------------------
my $i = 0;
save('url', sprintf('%02d', $i++), $_) for qw(ssh://host/dev/sda ssh://root@host:2222/srv/vm/web01
	ssh://user@[fe80::1%25eth0]:22/x ssh://[::1]/~/web01 ssh://host/a%20b%2Fc ssh://-oProxyCommand=x/y
	ssh://a@b@c/d ssh://host:99999/x ssh://host: ssh:/// ssh://host/%00 ssh://host/%zz scp://host/x /dev/sda
	ssh://h$(id)/x ssh://192.0.2.1/);

# --- Partition tables -----------------------------------------------------------------------
sub disk { my ($flags, $sectors, $odd, %at) = @_; pack('CVv', $flags, $sectors, $odd) . join '', map { pack 'Va512', $_, $at{$_} } sort { $a <=> $b } keys %at }
sub entries { pack('x446') . pack('a64', join '', map { pack 'Ca3Ca3VV', $_->[0], '', $_->[1], '', $_->[2], $_->[3] } @_) . "\x55\xaa" }
sub gpt_header {
	my ($at, $other, $table, $last, $entries) = @_;
	my $h = sub { pack 'a8VVVVQ<Q<Q<Q<a16Q<VVV', 'EFI PART', 65536, 92, $_[0], 0, $at, $other, 6, $last, 'g' x 16, $table, 4, 128, crc32($entries) };

	return $h->(crc32($h->(0)));
}
sub gpt {
	my ($sectors, $mbr, @parts) = @_;
	my $entries = pack 'a512', join '', map { pack 'a16a16Q<Q<Q<a72', 't' x 16, chr(65 + $_) x 16, @{ $parts[$_] }, 0, 'n' } 0 .. $#parts;
	my $last = $sectors - 1;

	return (0 => $mbr // entries([ 0, 0xee, 1, $last ]), 1 => gpt_header(1, $last, 2, $last - 5, $entries), 2 => $entries,
		$last => gpt_header($last, 1, $last - 1, $last - 5, $entries), $last - 1 => $entries);
}

my @primary = ([ 0x80, 0x83, 63, 1000 ], [ 0, 0x82, 2048, 100 ]);
my $rows = [ 0, 5, 4000, 4000 ];
my %chain = (0 => entries(@primary, $rows), 4000 => entries([ 0, 0x83, 63, 437 ], [ 0, 5, 600, 500 ]), 4600 => entries([ 0, 0x8e, 1, 499 ]));
my @parts = ([ 6, 999 ], [ 1000, 3000 ]);

save('table', 'dos', disk(0, 4096, 100, 0 => entries(@primary)));
save('table', 'dos-logical', disk(0, 8000, 0, %chain));
save('table', 'dos-ring', disk(0, 8000, 0, %chain, 4600 => entries([ 0, 0x8e, 1, 499 ], [ 0, 5, 0, 10 ])));
save('table', 'dos-two-extended', disk(0, 9000, 0, %chain, 0 => entries(@primary, $rows, [ 0, 15, 8000, 100 ]), 8000 => entries([ 0, 0x83, 1, 99 ])));
save('table', 'dos-overlap', disk(0, 8000, 0, %chain, 0 => entries(@primary, $rows, [ 0, 0x83, 7999, 1 ])));
save('table', 'dos-2-tib', disk(0, 0xffffffff, 511, 0 => entries([ 0, 0x83, 63, 0xffffff00 ])));
save('table', 'gpt', disk(1, 4096, 0, gpt(4096, undef, @parts)));
save('table', 'gpt-as-it-is', disk(0, 4096, 0, gpt(4096, undef, @parts)));
save('table', 'gpt-overlap', disk(1, 4096, 0, gpt(4096, undef, @parts, [ 3000, 3001 ])));
save('table', 'gpt-hybrid', disk(1, 4096, 0, gpt(4096, entries([ 0, 0xee, 1, 5 ], [ 0, 0x83, 6, 994 ]), @parts)));
save('table', 'gpt-unprotected', disk(0, 4096, 0, gpt(4096, entries(@primary), @parts)));
save('table', 'gpt-cut-off', disk(1, 4095, 0, gpt(4096, undef, @parts)));
save('table', 'boot-sector', disk(0, 100, 0, 0 => "\xeb\x3c\x90" . '?' x 507 . "\x55\xaa"));

# --- Volume groups --------------------------------------------------------------------------
sub lvm_id { join '-', map { $_[0] x $_ } 6, 4, 4, 4, 4, 4, 6 }
sub lvm_text {
	my ($lvs, $extra, $pvs) = @_; # $pvs: how many, or 2
	my $text = "vg0 {\nid = \"" . lvm_id('g') . "\"\nseqno = 3\nformat = \"lvm2\"\nstatus = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\n$extra" .
		"extent_size = 128\nphysical_volumes {\n";

	$text .= "pv$_ {\nid = \"" . lvm_id(chr(65 + $_)) . "\"\nstatus = [\"ALLOCATABLE\"]\nflags = []\ndev_size = 131072\npe_start = 128\npe_count = 1023\n}\n"
		for 0 .. ($pvs // 2) - 1;
	return "$text}\nlogical_volumes {\n$lvs}\n}\ncontents = \"Text Format Volume Group\"\nversion = 1\n";
}
sub lv {
	my ($name, $status, @segments) = @_;
	my ($n, $at) = (0, 0);
	my $text = "$name {\nid = \"" . lvm_id(substr $name, 0, 1) . "\"\nstatus = [$status]\nflags = []\nsegment_count = " . @segments . "\n";

	for (@segments) {
		$n++;
		$text .= "segment$n {\nstart_extent = $at\nextent_count = $_->[0]\n$_->[1]\n}\n";
		$at += $_->[0];
	}
	return "$text}\n";
}
sub plain { [ $_[0], "type = \"striped\"\nstripe_count = 1\nstripes = [ \"pv$_[1]\", $_[2] ]" ] }

my ($seen, $hidden) = ('"READ", "WRITE", "VISIBLE"', '"READ", "WRITE"');
my $two = lv('root', $seen, plain(3, 0, 0), plain(2, 1, 9));
my $mirror = lv('safe', $seen, [ 4, "type = \"mirror\"\nmirror_count = 2\nmirror_log = \"log\"\nregion_size = 64\nmirrors = [ \"m0\", 0, \"m1\", 0 ]" ]) .
	lv('log', $hidden, plain(1, 1, 9)) . lv('m0', $hidden, plain(4, 0, 0)) . lv('m1', $hidden, plain(4, 1, 0));
my $fast = lv('fast', $seen, [ 6, "type = \"striped\"\nstripe_count = 2\nstripe_size = 16\nstripes = [ \"pv0\", 3, \"pv1\", 5 ]" ]);
my $snapshot = lv('root', $seen, plain(2, 0, 0)) . lv('cow', $seen, plain(1, 0, 2)) .
	lv('snapshot0', $hidden, [ 2, "type = \"snapshot\"\nchunk_size = 8\norigin = \"root\"\ncow_store = \"cow\"" ]);
my $thin = lv('pool', $seen, [ 3, "type = \"thin-pool\"\nmetadata = \"tmeta\"\npool = \"tdata\"\nchunk_size = 128" ]) .
	lv('t', $seen, [ 9, "type = \"thin\"\nthin_pool = \"pool\"" ]) . lv('tmeta', $hidden, plain(1, 1, 0)) . lv('tdata', $hidden, plain(3, 1, 1));
my $pvmove = lv('root', "$seen, \"LOCKED\"", [ 3, "type = \"striped\"\nstripe_count = 1\nstripes = [ \"pvmove0\", 0 ]" ]) .
	lv('pvmove0', "$hidden, \"PVMOVE\"", [ 3, "type = \"mirror\"\nmirror_count = 2\nmirrors = [ \"pv0\", 2, \"pv1\", 7 ]" ]);
my %text = (linear => lvm_text($two, ''), striped => lvm_text($fast, ''), mirror => lvm_text($mirror, ''), snapshot => lvm_text($snapshot, ''),
	thin => lvm_text($thin, ''), pvmove => lvm_text($pvmove, ''), empty => lvm_text('', ''), shared => lvm_text($two, "lock_type = \"dlm\"\n"),
	overlap => lvm_text($two . lv('home', $seen, plain(2, 0, 2)), ''), 'not-there' => lvm_text($two, '', 3));

save('lvm', "text-$_", "\1$text{$_}") for keys %text;

# One physical volume of 64 MiB: label, metadata areas, the text from AT on.
sub lvm_area { my ($start, $at, $n) = @_; pack 'Va16VQ<Q<Q<Q<VV', 0, " LVM2 x[5A%r0N*>", 1, $start, 4096, $at, $n, 0, 0 }
sub lvm_disk {
	my ($text, $at, @starts) = @_;
	my %at = (1 => pack 'a8Q<VVa8a32Q<Q<4Q<4Q<2', 'LABELONE', 1, 0, 32, 'LVM2 001', 'A' x 32, 64 << 20, 65536, 0, 0, 0,
		(map { $_, 4096 } @starts), (0) x (4 - 2 * @starts), 0, 0);

	for my $start (@starts) {
		my $area = ' ' x 4096;

		substr $area, 0, 512, pack 'a512', lvm_area($start, $at, length $text);
		for my $i (0 .. length($text) - 1) {
			my $to = $at + $i;

			substr $area, $to < 4096 ? $to : $to - 4096 + 512, 1, substr $text, $i, 1;
		}
		$at{ $start / 512 + $_ } = substr $area, 512 * $_, 512 for grep { substr($area, 512 * $_, 512) =~ /\S/ } 0 .. 7;
	}
	return (131072, 0, %at);
}

my $one = lvm_text(lv('root', $seen, plain(3, 0, 0)), '', 1) =~ s/\n+/ /gr;
save('lvm', 'disk', disk(2, lvm_disk($one, 512, 4096)));
save('lvm', 'disk-ring', disk(2, lvm_disk($one, 3800, 4096)));
save('lvm', 'disk-as-it-is', disk(0, lvm_disk($one, 512, 4096)));
save('lvm', 'disk-twice', disk(6, lvm_disk($one, 512, 4096)));

# LVM1: one volume of two extents, of twelve.
my $pv1 = pack 'a2v(VV)5a128a128a128V10', 'HM', 2, 0, 1024, 4096, 4096, 8192, 4096, 12288, 656, 16384, 48, 'A' x 32, 'vg0', 'host',
	0, 1, 1, 2, 2048, 1, 128, 12, 2, 64;
my $vg1 = pack 'a128V15', 'g' x 32, 0, 3, 5, 256, 1, 0, 256, 1, 1, 0, 0, 128, 12, 2, 0;
my $lv1 = pack 'a128a128V10vvV7', '/dev/vg0/root', 'vg0', 3, 1, 0, 0, 0, 0, 0, 0, 256, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0;
my $extents1 = pack 'v*', 0, 0, 1, 1, 1, 0;
save('lvm', 'lvm1', disk(0, 2048, 0, 0 => $pv1, 8 => $vg1, 16 => 'A' x 32, 24 => $lv1, 32 => $extents1));
save('lvm', 'lvm1-twice', disk(4, 2048, 0, 0 => $pv1, 8 => $vg1, 16 => 'A' x 32, 24 => $lv1, 32 => $extents1));

# --- Members of arrays ----------------------------------------------------------------------
sub md_90 {
	my ($slot, $events, $state, $level) = @_;
	my $super = pack 'V32V12', 0xa92b4efc, 0, 90, 0, 0, 0x1111, 0, $level // 1, 960, 2, 2, 0, 0, (0x2222) x 3, (0) x 16, 0, $state, 2, 2, 0, 0, 0, $events, (0) x 4;

	$super .= "\0" x (512 - length $super);
	$super .= pack 'V32', $_, 0, 0, $_, 6, (0) x 27 for 0, 1;
	return (1920 => substr($super, 0, 512), 1921 => substr($super, 512), 1927 => pack 'x384V5', $slot, 0, 0, $slot, 6);
}
sub md_1 {
	my ($at, $slot, $events, $resync, $features, $level) = @_;

	return ($at => pack 'V4a16a32Q<VVQ<VVVVQ<V4Q<4VVa16a8Q<3VVa32v4', 0xa92b4efc, 1, $features // 0, 0, 'u' x 16, 'host:0', 0, $level // 1, 0, 1800, 0, 2,
		8, 0, 0, 0, 0, 0, 0, $at > 8 ? 0 : 64, 1800, $at, 0, $slot, 0, 'd' x 16, '', 0, $events, $resync, 0, 4, '', 0, 1, 0xffff, 0xffff);
}
sub pair { my ($flags, $one, $other) = @_; my @d = map { substr disk(0, 2048, 0, @$_), 1 } $one, $other; pack('Cv', $flags, length $d[0]) . join '', @d }

my $clean = ~0;
save('md', '0.90', pair(1, [ md_90(0, 20, 1) ], [ md_90(1, 20, 1) ]));
save('md', '0.90-stale', pair(1, [ md_90(0, 20, 1) ], [ md_90(1, 18, 1) ]));
save('md', '0.90-dirty', pair(1, [ md_90(0, 20, 0) ], [ md_90(1, 20, 0) ]));
save('md', '0.90-raid5', pair(1, [ md_90(0, 20, 1, 5) ], [ md_90(1, 20, 1, 5) ]));
save('md', '0.90-as-it-is', pair(0, [ md_90(0, 20, 1) ], [ md_90(1, 20, 1) ]));
save('md', "1.$_->[0]", pair(1, [ md_1($_->[1], 0, 20, $clean) ], [ md_1($_->[1], 1, 20, $clean) ])) for [ 0, 2032 ], [ 1, 0 ], [ 2, 8 ];
save('md', '1.2-stale', pair(1, [ md_1(8, 0, 18, $clean) ], [ md_1(8, 1, 20, $clean) ]));
save('md', '1.2-same', pair(1, [ md_1(8, 1, 20, $clean) ], [ md_1(8, 1, 20, $clean) ]));
save('md', '1.2-rebuilt', pair(1, [ md_1(8, 0, 20, $clean) ], [ md_1(8, 1, 20, $clean, 2) ]));
save('md', '1.2-bitmap', pair(1, [ md_1(8, 0, 20, 0, 1) ], [ md_1(8, 1, 20, $clean, 1) ]));
save('md', 'two', pair(1, [ md_1(8, 0, 20, $clean), md_90(0, 20, 1) ], [ md_90(1, 20, 1) ]));

# --- XFS ------------------------------------------------------------------------------------
# One or two groups of 1024 blocks of 512 bytes, the log of 512 blocks from 400 on in the first. FREE: a group's
# extents; in trees of one level, or of two if there is a second leaf.
sub xfs_tree {
	my ($v5, $which, $group, $root, $leaves, @free) = @_;
	my $magic = $v5 ? "AB3$which" : "ABT$which";
	my $block = sub {
		my ($at, $level, $n, $left, $right, $data) = @_;
		my $head = pack 'a4nnNN', $magic, $level, $n, $left, $right;

		$head .= pack 'Q>Q>a16NN', 1024 * $group + $at, 0, 'u' x 16, $group, 0 if $v5;
		return (1024 * $group + $at => $head . $data);
	};
	my $pairs = sub { join '', map { pack 'NN', @$_ } @_ };
	my $none = 0xffffffff;

	@free = sort { $a->[1] <=> $b->[1] || $a->[0] <=> $b->[0] } @free if $which eq 'C';
	return $block->($root, 0, scalar @free, $none, $none, $pairs->(@free)) if !@$leaves;
	my ($half, $room) = (int(@free / 2), int((512 - ($v5 ? 56 : 16)) / 12));
	my @parts = ([ @free[0 .. $half - 1] ], [ @free[$half .. $#free] ]);
	return ($block->($root, 1, 2, $none, $none, pack('a' . 8 * $room, $pairs->(map { $_->[0] } @parts)) . pack 'NN', @$leaves),
		$block->($leaves->[0], 0, scalar @{ $parts[0] }, $none, $leaves->[1], $pairs->(@{ $parts[0] })),
		$block->($leaves->[1], 0, scalar @{ $parts[1] }, $leaves->[0], $none, $pairs->(@{ $parts[1] })));
}

sub xfs {
	my ($flags, $v5, $deep, $head, @groups) = @_;
	my (%at, $free);
	my $blocks = 1024 * @groups;

	for my $group (0 .. $#groups) {
		my @free = @{ $groups[$group] };
		my ($sum, $longest, $start) = (0, 0, 1024 * $group);

		$sum += $_->[1] for @free;
		$longest = $_->[1] > $longest ? $_->[1] : $longest for @free;
		$free += $sum + ($deep ? 4 : 0) + 1;
		$at{ $start + 1 } = pack 'a4N15a16x136Q>NN', 'XAGF', 1, $group, 1024, 4, 5, 0, 1 + $deep, 1 + $deep, 0, 3, 3, 1, $sum, $longest,
			$deep ? 4 : 0, 'u' x 16, 0, 0, 0;
		$at{ $start + 2 } = pack 'a4N9x256a16NNQ>NN', 'XAGI', 1, $group, 1024, 64, 6, 1, 61, 64, 0xffffffff, 'u' x 16, 0, 0, 0, 7, 1;
		$at{ $start + 3 } = ($v5 ? pack 'a4Na16Q>N', 'XAFL', $group, 'u' x 16, 0, 0 : '') . pack 'N4', 0, 0, 0, 8;
		%at = (%at, xfs_tree($v5, 'B', $group, 4, $deep ? [ 10, 11 ] : [], @free), xfs_tree($v5, 'C', $group, 5, $deep ? [ 12, 13 ] : [], @free));
	}
	$at{ 1024 * $_ } = pack 'a4NQ>3a16Q>4N5n4a12C8Q>8nCCN3CCnN9Q>', 'XFSB', 512, $blocks, 0, 0, 'u' x 16, 400, 64, 0, 0, 1, 1024, scalar @groups, 0, 512,
		$v5 ? 0xb4a5 : 0xb4a4, 512, 256, 2, '', 9, 9, 8, 1, 10, 0, 0, 25, 64 * @groups, 61 * @groups, $free, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 8, 8, 0, 0, $v5 ? (0, 1, 1) : (0, 0, 0), 0, 0, 0, 0 for 0 .. $#groups;
	# The cycle is the first, what follows was never written.
	my $record = ($head + 510) % 512;
	$at{ 400 + $record } = pack 'NNNNQ>Q>NNNN64Na16N', 0xfeedbabe, 1, 2, 20, 1 << 32 | $record, 1 << 32, 0, 0, 1, (0) x 64, 1, 'u' x 16, 32768;
	$at{ 400 + $record + 1 } = pack 'NNCCnn', 1, 8, 0xaa, 0x20, 0, 0x6e55;
	return pack('CVv', $flags, $blocks, 0) . join '', map { pack 'Va512', $_, $at{$_} } sort { $a <=> $b } keys %at;
}

my @few = ([ 20, 30 ], [ 60, 1 ], [ 100, 200 ], [ 950, 74 ]);
my @many = map { [ 100 + 5 * $_, 1 + $_ % 4 ] } 0 .. 40;
save('xfs', 'v4', xfs(0, 0, 0, 2, \@few));
save('xfs', 'v4-deep', xfs(0, 0, 1, 2, \@many));
save('xfs', 'v4-two', xfs(0, 0, 0, 2, \@few, [ [ 20, 1000 ] ]));
save('xfs', 'v5', xfs(1, 1, 0, 2, \@few));
save('xfs', 'v5-deep', xfs(1, 1, 1, 2, \@many));
save('xfs', 'v5-as-it-is', xfs(0, 1, 0, 2, \@few));

# --- ext2, ext3, ext4 -----------------------------------------------------------------------
# fuzz_ext.c makes the filesystems; places: 0 superblock, 2 descriptors, 3 bitmap, 4 inode table, 7 + 8n anywhere.
sub ext { my ($which, $flags, $off, @changes) = @_; pack('CCV', $which, $flags, $off) . join '', map { pack 'CvC/a*', @$_ } @changes }
my $extents = pack 'vvvvV', 0xf30a, 1, 4, 1, 0;

save('ext', "base-$_", ext($_, 3, 100 << 10)) for 0 .. 4;
save('ext', 'needs-recovery', ext(1, 0, 40 << 10, [ 0, 0x60, pack 'V', 6 ]));
save('ext', 'not-clean', ext(0, 0, 20 << 10, [ 0, 0x3a, "\0" ]));
save('ext', 'counts', ext(3, 3, 12 << 10, [ 0, 12, pack 'V', 5 ], [ 2, 12, pack 'v', 7 ]));
save('ext', 'freed', ext(2, 0, 30 << 10, [ 3, 0, "\0\0" ], [ 2, 12, pack 'v', 500 ]));
save('ext', 'descriptors', ext(4, 3, 30 << 10, [ 2, 0, pack 'VVV', 5000, 0, ~0 ], [ 2, 50, "\3" ]));
save('ext', 'extents', ext(2, 0, 9 << 10, [ 4, 256 + 40, $extents . pack 'VVvv', 0, 20, 0, 0 ]));
save('ext', 'addresses', ext(0, 0, 9 << 10, [ 4, 256 + 40, pack 'V5', 9, 9, ~0, 20, 20 ], [ 4, 256 + 88, pack 'V3', 9, 9, 9 ]));
save('ext', 'folder', ext(0, 0, 21 << 10, [ 7, 20 << 10, pack 'VvCCa4', 11, 4, 255, 2, '..' ]));
save('ext', 'sizes', ext(3, 1, 21 << 10, [ 0, 0, pack 'VV', ~0, ~0 ], [ 0, 0x18, pack 'VV', 6, 6 ], [ 0, 0xfe, pack 'v', 1024 ]));
save('ext', 'sparse', ext(1, 0, 21 << 10, [ 0, 0x20, pack 'VVV', 8, 8, 1 ], [ 0, 0xce, pack 'v', 256 ]));

# --- VMDKs ----------------------------------------------------------------------------------
# A file as its sectors that are not zeros; WHAT and NEXT as in fuzz_vmdk.c.
sub vmdk {
	my ($what, $next, $file) = @_;
	my $sectors = length($file) >> 9;

	return pack('CV', $what, $next) . pack('Vv', $sectors, 0) . join '', map { pack 'Va512', $_, substr $file, $_ * 512, 512 }
		grep { substr($file, $_ * 512, 512) =~ /[^\0]/ } 0 .. $sectors - 1;
}
sub vmdk_text { pack 'a10240', "# Disk DescriptorFile\nversion=1\nCID=1234abcd\nparentCID=$_[1]\ncreateType=\"$_[0]\"\nRW 642 SPARSE \"x.vmdk\"\n" }
sub vmdk_header { pack 'a4VVQ<Q<Q<Q<VQ<Q<Q<Ca4vx433', 'KDMV', @_[0, 1], 642, 128, 1, 20, 512, @_[2, 3, 4], 0, "\n \r\n", $_[5] }
sub marker { pack 'Q<VVx496', $_[0], 0, $_[1] }
sub vmdk_stream {
	my ($grains, $gd) = @_;
	my $file = vmdk_header(3, 0x30001, 0, ~0, 128, 1) . vmdk_text('streamOptimized', 'ffffffff') . "\0" x (107 * 512);
	my @table = (0) x 512;

	for my $g (@$grains) {
		my $z = compress(pack 'a65536', "grain $g " x 100);

		$table[$g] = length($file) / 512;
		$file .= pack 'Q<Va*', $g * 128, length $z, $z;
		$file .= "\0" x (-length($file) % 512);
	}
	return $file if !$gd;
	$file .= marker(4, 1);
	my $at = length($file) / 512;
	$file .= pack 'V512', @table;
	return $file if $gd < 0;
	$file .= marker(1, 2);
	$gd = length($file) / 512;
	return $file . pack('Vx508', $at) . marker(1, 3) . vmdk_header(3, 0x30001, 0, $gd, 128, 1) . marker(0, 0);
}
sub vmdk_sparse {
	my @table = (0) x 512;

	@table[1, 4] = (128, 256);
	return vmdk_header(1, 3, 21, 26, 128, 0) . vmdk_text('monolithicSparse', $_[0]) . pack('Vx508', 22) . pack('V512', @table) .
		pack('Vx508', 27) . pack('V512', @table) . "\0" x (97 * 512) . pack('a65536', 'one') . pack('a65536', 'four');
}

save('vmdk', 'stream', vmdk(0, 0, vmdk_stream([ 1, 2, 5 ], 1)));
save('vmdk', 'stream-as-sparse', vmdk(1, 0, vmdk_stream([ 0 ], 1)));
save('vmdk', 'stream-cut', vmdk(0, 0, substr vmdk_stream([ 1, 2, 5 ], 1), 0, -512));
save('vmdk', 'stream-go-on', vmdk(2, 4, vmdk_stream([ 1 ], 0)));
save('vmdk', 'stream-go-on-table', vmdk(2, 5, vmdk_stream([ 1, 2 ], -1)));
save('vmdk', 'stream-go-on-end', vmdk(2, 5, vmdk_stream([ 1, 2 ], 1)));
save('vmdk', 'sparse', vmdk(0, 0, vmdk_sparse('ffffffff')));
save('vmdk', 'sparse-child', vmdk(0, 0, vmdk_sparse('12345678')));
save('vmdk', 'sparse-go-on', vmdk(3, 2, vmdk_sparse('ffffffff')));
save('vmdk', 'sparse-delta', vmdk(3, 64, vmdk_sparse('ffffffff')));
save('vmdk', 'text', vmdk(0, 0, pack 'a512', "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\nRW 1 VMFS \"x.vmdk\"\n"));
save('vmdk', 'raw', vmdk(0, 0, pack 'a1024', 'raw'));
# What QEMU makes, where it is installed.
for my $kind (qw(monolithicSparse streamOptimized)) {
	my ($from, $to) = ("/tmp/vmdk-corpus-$$.raw", "/tmp/vmdk-corpus-$$.vmdk");

	open my $f, '>:raw', $from or die "$from: $!\n";
	print $f pack('a65536', 'first'), "\0" x 200000, pack('a1000', 'last');
	close $f;
	next if system 'qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', "subformat=$kind", $from, $to;
	open $f, '<:raw', $to or die "$to: $!\n";
	save('vmdk', "qemu-$kind", vmdk(0, 0, do { local $/; <$f> }));
	unlink $from, $to;
}

# --- Ramdisks -------------------------------------------------------------------------------
# What is not zero, as changes of an image of zeros; gaps shorter than a header's cost are not left out.
sub ramdisk {
	my ($flags, $image) = @_;
	my $data = pack 'CC', int((length($image) + 65535) / 65536), $flags;

	$image =~ s/(\xff{200,})/"\0" x length $1/ge; # what bitmaps have behind their end
	while ($image =~ /[^\0](?:\0{0,8}[^\0]){0,60000}/g) {
		$data .= pack 'VXva*', $-[0], length $&, $&;
	}
	return $data;
}
sub ramdisk_change { pack 'VXva*', $_[0], length $_[1], $_[1] }

save('ext2_initrd', 'made', pack 'CC', 0, 0);
save('ext2_initrd', 'made-grows', pack 'CC', 0, 2);
save('ext2_initrd', 'made-right', pack('CC', 0, 1) . ramdisk_change(300000, 'a free block'));
save('ext2_initrd', 'made-file-types', pack('CC', 0, 1) . ramdisk_change(1024 + 96, chr 2));
save('ext2_initrd', 'no-superblock', pack('CC', 0, 0) . ramdisk_change(1024, "\0" x 100));
# What mke2fs makes, where it is installed: with all that ext2 has today, and as it was.
for my $how ([ plain => '-O none -I 128', 300 ], [ today => '-I 256', 300 ], [ groups => '-g 256 -O ^resize_inode -N 64', 700 ],
	     [ blocks => '-b 4096', 512 ]) {
	my ($name, $options, $kib) = @$how;
	my ($folder, $file) = ("/tmp/ext2-corpus-$$", "/tmp/ext2-corpus-$$.img");

	mkdir $_ for $folder, "$folder/lib", "$folder/dev";
	open my $f, '>', "$folder/linuxrc" or die "$folder: $!\n";
	print $f "#!/bin/nash\n", "insmod /lib/x.o\n" x 20;
	close $f;
	link "$folder/linuxrc", "$folder/lib/hard";
	symlink 'a' x $_, "$folder/lib/link$_" for 5, 100;
	utime 1, 1, $folder, glob "$folder/*";
	$options = "-b 1024 $options" unless $options =~ /-b/;
	next if system "E2FSPROGS_FAKE_TIME=1 mke2fs -q -F -t ext2 $options -U 01234567-89ab-cdef-0123-456789abcdef " .
		"-E hash_seed=01234567-89ab-cdef-0123-456789abcdef,lazy_itable_init=0 -d $folder $file $kib";
	system "printf 'cd dev\nmknod console c 5 1\nmknod hda b 3 0\n' | E2FSPROGS_FAKE_TIME=1 debugfs -w -f - $file >/dev/null 2>&1";
	open $f, '<:raw', $file or die "$file: $!\n";
	my $image = do { local $/; <$f> };
	save('ext2_initrd', "mke2fs-$name", ramdisk(0, $image));
	save('ext2_initrd', "mke2fs-$name-grows", ramdisk(2, $image));
	system 'rm', '-r', $folder, $file;
}

# --- Segments and members -------------------------------------------------------------------
# Each member: name, mode, content, and what differs of a header's numbers.
sub newc {
	my ($magic, @members) = @_;
	my ($out, $ino) = ('', 0);

	for my $m (@members, [ 'TRAILER!!!', 0, '' ]) {
		my ($name, $mode, $content, %of) = @$m;
		my %n = (ino => ++$ino, mode => $mode, uid => 0, gid => 0, nlink => 1, mtime => 1, size => length $content,
			major => 8, minor => 1, rmajor => 0, rminor => 0, namesize => 1 + length $name, check => 0, %of);

		$out .= $magic . join '', map { sprintf '%08X', $n{$_} }
			qw(ino mode uid gid nlink mtime size major minor rmajor rminor namesize check);
		$out .= "$name\0";
		$out .= "\0" x (-length($out) % 4) . $content;
		$out .= "\0" x (-length($out) % 4);
	}
	return $out . "\0" x (-length($out) % 512);
}
sub segments { "\1" . join '', map { pack 'CCva*', $_->[0], $_->[1], length $_->[2], $_->[2] } @_ }

my ($file, $dir, $link, $char) = (0100644, 040755, 0120777, 020600);
my $el5 = newc('070701', [ bin => $dir, '' ], [ 'bin/nash' => 0100755, "\x7fELF nash" ], [ sbin => $link, 'bin' ],
	[ 'dev/console' => $char, '', rmajor => 5, rminor => 1 ], [ 'lib/a.ko' => $file, '', ino => 9, nlink => 2 ],
	[ 'lib/b.ko' => $file, "\x7fELF vermagic=2.6.18-8.el5 SMP", ino => 9, nlink => 2 ],
	[ init => 0100755, "#!/bin/nash\ninsmod /lib/a.ko\nmkrootdev /dev/root\n" ]);
my $el7 = newc('070701', [ init => $link, 'usr/lib/systemd/systemd' ], [ lib => $link, 'usr/lib' ],
	[ 'usr/lib/dracut/modules.txt' => $file, "bash\nrescue\n" ],
	[ 'usr/lib/modules/3.10.0-1.el7.x86_64/modules.dep' => $file, "kernel/a.ko:\n" ]);
my $early = newc('070701', [ early_cpio => $file, "1\n" ],
	[ 'kernel/x86/microcode/GenuineIntel.bin' => $file, "\xff" x 64 ]);
my $odd = newc('070702', [ '/init' => $file, 'x', check => 120 ], [ './../../etc/passwd' => $file, 'root' ],
	[ 'a' => $link, 'b' ], [ 'b' => $link, 'a' ], [ 'c/d/../e' => $file, '' ], [ "x\0y" => $file, 'z' ],
	[ '' => $dir, '' ], [ "\e[2J" => $file, '' ]);
my $dump = newc('070701', [ init => 0100755, "#!/bin/msh\ncp /proc/vmcore /mnt\n" ]);
my $squashed = newc('070701', [ 'squash-root.img' => $file, 'hsqs' ], [ init => 0100755, "#!/bin/sh\n" ]);
my $debian = newc('070701', [ 'scripts/functions' => $file, '' ], [ 'conf/initramfs.conf' => $file, '' ],
	[ init => 0100755, "#!/bin/sh\n" ]);

save('initrd', 'plain', "\0$el5");
save('initrd', 'size-4g', "\0" . newc('070701', [ x => $file, 'x', size => 0xffffffff ]));
save('initrd', 'name-4g', "\0" . newc('070701', [ x => $file, 'x', namesize => 0xffffffff ]));
save('initrd', 'old-cpio', "\0" . '070707' . '0' x 70);
save('initrd', 'romfs', "\0-rom1fs-" . "\0" x 100);
save('initrd', 'kdump', "\0$dump");
save('initrd', 'squashed', segments([ 0, 0, $early ], [ 1, 0, $squashed ]));
save('initrd', 'debian', segments([ 0, 0, $early ], [ 5, 0, $debian ]));
save('initrd', 'odd', segments([ 1, 3, $odd ]));
save('initrd', 'twice', segments([ 1, 0, $el5 . $el7 ], [ 0, 0, '' ]));
save('initrd', 'packed-twice', segments([ 1, 0, compress('x') ], [ 2, 0, "\x1f\x8b" ]));
save('initrd', "packed-$_", segments([ 0, 0, $early ], [ $_, $_ == 6 ? 8 : 4, $el7 ], [ 1, 0, $el5 ])) for 1 .. 6;
# What other programs pack, where they are installed.
for my $how ([ gz => 'gzip -9n' ], [ bz2 => 'bzip2' ], [ xz => 'xz --check=crc32' ], [ lzma => 'xz --format=lzma' ],
	     [ zst => 'zstd -q' ], [ lz4 => 'lz4 -lq' ]) {
	my $from = "/tmp/initrd-corpus-$$";

	open my $f, '>:raw', $from or die "$from: $!\n";
	print $f $el5;
	close $f;
	my $packed = `$how->[1] < $from`;
	unlink $from;
	next if $?;
	save('initrd', "real-$how->[0]", "\0$packed");
	save('initrd', "real-$how->[0]-early", "\0$early$packed");
	open $f, '>:raw', $from or die "$from: $!\n";
	print $f "\0" x (4 << 20);
	close $f;
	$packed = `$how->[1] < $from`;
	unlink $from;
	save('initrd', "bomb-$how->[0]", "\0$packed") if length $packed < 4096;
}

# --- Scripts for nash -----------------------------------------------------------------------
# Kernel, flags, drivers, modules.conf and script of fuzz_nash.c; and its recipes.
sub nash { my ($kernel, $flags, $drivers, $conf, $script) = @_; pack('CCC', $kernel, $flags, $drivers) . "$conf\0$script" }
sub recipe { my ($kernel, $drivers, @texts) = @_; pack('CCC', $kernel, 2, $drivers) . join '', map { "$_\0" } @texts }

for my $path (glob "$FindBin::Bin/../initrd/data/*.{init,linuxrc}") {
	my ($name) = $path =~ m{([^/]+)\.\w+$};
	my $kernel = $name =~ /^el5/ ? 0 : $name =~ /^el4/ ? 1 : 2;

	open my $f, '<', $path or die "$path: $!\n";
	local $/;
	save('nash', $name, nash($kernel, $name =~ /cciss|ide/ ? 5 : 0, 0xd, "options mptbase a=1 \\\n b=2\n", <$f>));
}
save('nash', 'empty', nash(0, 0, 1, '', ''));
save('nash', 'no-end', nash(0, 0, 1, '', "#!/bin/nash\nmkblkdevs\nmount /sysroot"));
save('nash', 'odd', nash(0, 1, 2, 'options ahci "x', "#!/bin/nash\n#\n#\n \t\"echo\" 'a\nnash-mount\ncond -ne 0 dm create a --uuid b 0 1 c d\n"
	. "insmod\ninsmod /lib/../x.ko\ninsmod /lib/ahci.ko \"a\nlvm lvchange -a y --config x a/b\nmkrootdev -t ext3 -o ro /dev/hda1\n"
	. "stabilized --hash x\nmount -t ext3 /dev/md0 /sysroot\n"));
save('nash', 'recipe-5', recipe(0, 3, '/dev/VolGroup00/LogVol00', 'ext3', 'rw,acl', 'LABEL=swap', 'VolGroup00', '/dev/md1', 'options ahci x'));
save('nash', 'recipe-4', recipe(1, 1, 'LABEL=/', 'ext3', '', '', '', '/dev/md0', ''));
save('nash', 'recipe-3', recipe(2, 4, '/dev/v/r', 'ext3', 'defaults', '', 'v', '', "options BusLogic a\noptions BusLogic \\\nb"));
save('nash', 'recipe-odd', recipe(0, 3, '/dev/sda 2', 'ext 3', ',,ro,', '"', "a\nb", '/dev/md99999999999', ''));

# --- Kernel modules -------------------------------------------------------------------------
# Texts of fuzz_modules_dep.c, and what modules say that they need.
sub modules { my ($flags, @texts) = @_; pack('C', $flags) . join "\xff", @texts }
my $spi = 'kernel/drivers/message/fusion/mptspi.ko';
my @needs = ('', 'scsi_mod', 'scsi_mod', 'mptbase,scsi_mod', 'mptbase', '', '', 'scsi_mod', 'printk_R12345678');
my $dep = "$spi: kernel/drivers/message/fusion/mptbase.ko kernel/drivers/scsi/scsi_mod.ko\nkernel/drivers/scsi/scsi_mod.ko:\n";
my $old = "/lib/modules/2.6.18-398.el5/$spi:\t/lib/modules/2.6.18-398.el5/kernel/drivers/scsi/scsi_mod.ko \\\n\t/lib/x.ko\n\n";

save('modules_dep', 'kmod', modules(0, $dep, "kernel/fs/ext4.ko\n", '', '', '', '', @needs));
save('modules_dep', 'modutils', modules(0, $old, '', '', '', '', '', @needs));
save('modules_dep', 'alone', modules(4, $dep, "kernel/fs/ext4.ko\n"));
save('modules_dep', 'missing', modules(3, '', '', '', '', '', "CONFIG_SCSI=y\nCONFIG_EXT4_FS=m\n", @needs));
save('modules_dep', 'lying', modules(0, "$spi: kernel/gone.ko\nextra/mptspi.ko:\n", '', '', '', '', '', @needs));
save('modules_dep', 'soft', modules(0, $dep, '', "# x\nsoftdep mptspi pre: crypto-x pvscsi post: a\nsoftdep pvscsi pre: mptspi\n",
	"alias crypto-x ehci_hcd\nalias crypto_x ext4\nalias pci:v00001000d00000030sv*sd*bc*sc*i* mptspi\n",
	"mptspi 0x00001000 0x00000054 0xffffffff\n", '', @needs));
save('modules_dep', 'cycle', modules(1, '', '', "softdep a pre: a\n", '', '', '', 'sd_mod', 'mptbase', 'mptspi', 'scsi_mod,mptspi'));

# A relocatable object of sections [ name, type, data, link, info ], which are counted from 1; then come .symtab of
# symbols [ name, bind, section, value ], .strtab and .shstrtab.
sub elf {
	my ($bits, $big, $machine, $sections, @symbols) = @_;
	my ($n2, $n4, $n8) = $big ? qw(n N Q>) : qw(v V Q<);
	my $w = $bits == 64 ? $n8 : $n4;
	my ($strings, $names, $table, $headers, $data) = ("\0", "\0", "\0" x ($bits == 64 ? 24 : 16), '', '');
	my $at = $bits == 64 ? 64 : 52;

	for (@symbols) {
		my ($name, $bind, $section, $value) = @$_;

		$table .= $bits == 64 ? pack "$n4 C C $n2 $n8 $n8", length $strings, $bind << 4, 0, $section, $value, 0
			: pack "$n4 $n4 $n4 C C $n2", length $strings, $value, 0, $bind << 4, 0, $section;
		$strings .= "$name\0";
	}
	my @all = (@$sections, [ '.symtab', 2, $table, @$sections + 2, 1 ], [ '.strtab', 3, $strings ], [ '.shstrtab', 3, '' ]);
	for (@all) {
		push @$_, length $names;
		$names .= "$_->[0]\0";
	}
	$all[-1][2] = $names;
	for (@all) {
		my ($name, $type, $bytes) = @$_;

		$headers .= pack "$n4 $n4 $w $w $w $w $n4 $n4 $w $w", $_->[-1], $type, 0, 0, $at + length $data, length $bytes,
			@$_ > 4 ? @$_[3, 4] : (0, 0), 1, 0;
		$data .= $bytes;
	}
	return pack("a4 C C C x9 $n2 $n2 $n4 $w $w $w $n4 $n2 $n2 $n2 $n2 $n2 $n2", "\x7fELF", $bits == 64 ? 2 : 1, $big ? 2 : 1, 1, 1,
		$machine, 1, 0, 0, $at + length $data, 0, $at, 0, 0, $bits == 64 ? 64 : 40, 1 + @all, scalar @all) .
		$data . "\0" x ($bits == 64 ? 64 : 40) . $headers;
}
my $magic5 = "vermagic=2.6.18-398.el5 SMP\0";
my $info24 = "kernel_version=2.4.21-63.EL\0using_checksums=1\0";
my @old_symbols = ([ 'init_module', 1, 2, 0 ], [ '__ksymtab_a_Rsmp_12345678', 1, 3, 0 ], [ 'printk_R12345678', 1, 0, 0 ], [ 'weak', 2, 0, 0 ]);
my $pci = pack 'x4V7V7V7', 0x1000, 0x30, (~0) x 2, 0, 0, 0, 0x1000, ~0, (~0) x 2, 0, 0, 0, (0) x 7;
my $pci_be = pack 'x8N6x8N6x8', 0x1000, 0x30, (~0) x 2, 0, 0, (0) x 6;

save('elf', 'new', elf(64, 0, 62, [ [ '.modinfo', 1, "license=GPL\0alias=pci:v00001000d00000030sv*sd*bc*sc*i*\0depends=scsi_mod\0$magic5" ],
	[ '__versions', 1, pack 'Q<a56Q<a56', 0x12345678, 'printk', 7, 'struct_module' ] ]));
save('elf', 'soft', elf(64, 0, 62, [ [ '.modinfo', 1, "softdep=pre: y scsi_mod post: z\0\0\0depends=\0${magic5}x" ] ]));
save('elf', 'new-be', elf(64, 1, 22, [ [ '.modinfo', 1, "depends=\0vermagic=6.13 SMP\0" ],
	[ '__version_ext_crcs', 1, pack 'NN', 1, 2 ], [ '__version_ext_names', 1, "a\0module_layout\0" ] ]));
save('elf', 'old', elf(32, 0, 3, [ [ '.modinfo', 1, $info24 ], [ '.text', 1, "\xc3" ], [ '__ksymtab', 1, 'x' x 8 ], [ '.rodata', 1, $pci ],
	[ '.data', 1, pack 'VV', 0, 4 ], [ '.rel.data', 9, pack('VV', 4, 6 << 8 | 1), 7, 5 ] ], @old_symbols, [ '__module_pci_device_table', 0, 5, 4 ],
	[ '.rodata', 0, 4, 0 ]));
save('elf', 'old-be', elf(64, 1, 21, [ [ '.modinfo', 1, $info24 ], [ '.text', 1, 'x' ], [ '.rodata', 1, $pci_be ], [ '.data', 1, "\0" x 16 ],
	[ '.rela.data', 4, pack('Q>Q>Q>', 8, 1 << 32 | 38, 8), 6, 4 ] ], [ '.rodata', 0, 3, 0 ], [ '__module_pci_device_table', 0, 4, 8 ],
	[ 'a_function', 1, 2, 0 ]));
save('elf', 'bare', elf(32, 0, 3, []));
save('elf', 'packed', pack('C10', 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3) . substr(compress(elf(32, 0, 3, [ [ '.modinfo', 1, $info24 ] ])), 2));

# --- Images by dracut -----------------------------------------------------------------------
sub pieces {
	my ($flags, @files) = @_;

	return pack('C', $flags) . join '', map { "$_->[0]\0" . pack('v/a*', $_->[1]) } @files;
}
my $dracut_dir = 'usr/lib/modules/3.10.0-1160.el7.x86_64';
my @lvm = ([ 'usr/sbin/lvm' => 'ELF' ], [ 'usr/sbin/lvm_scan' => '#!/bin/sh' ],
	[ 'usr/lib/udev/rules.d/64-lvm.rules' => 'RUN+="lvm_scan"' ],
	[ 'usr/lib/dracut/hooks/cmdline/30-parse-lvm.sh' => 'getargbool 0 rd.auto' ]);
my @md = ([ 'usr/sbin/mdadm' => 'ELF' ], [ 'usr/lib/udev/rules.d/65-md.rules' => 'mdadm -I' ],
	[ 'etc/mdadm.conf' => "ARRAY /dev/md0 UUID=1:2:3:4\n" ]);

save('dracut', "bare-$_", pieces($_)) for 0, 1, 16;
save('dracut', 'lvm', pieces(2, @lvm, [ '=' => 'ro rd.lvm.lv=vg/root rd.lvm.lv=vg/swap' ]));
save('dracut', 'lvm-off', pieces(2, @lvm, [ '=' => 'rd.lvm=0' ]));
save('dracut', 'lvm-other', pieces(18, @lvm, [ 'etc/cmdline.d/90lvm.conf' => 'rd.lvm.vg=other' ], [ '=' => 'quiet' ]));
save('dracut', 'md-xfs', pieces(12, @md, [ '=' => 'rd.md.uuid=1:2:3:4 rd.driver.blacklist=vmw-pvscsi,x' ]));
save('dracut', 'el6-names', pieces(3, @lvm, [ 'etc/cmdline' => "root=/dev/sda2 rd_LVM_LV=vg/root rdloaddriver=noalias\n" ]));
save('dracut', 'blacklist', pieces(0, [ 'etc/modprobe.d/x.conf' => "blacklist vmw_pvscsi\ninstall scsi_mod /bin/true\n" ],
	[ '@usr/lib/dracut/hooks' => '../../../var/lib/dracut/hooks' ]));
save('dracut', 'by-name', pieces(0, [ 'usr/lib/systemd/systemd-modules-load' => 'ELF' ],
	[ 'etc/modules-load.d/x.conf' => "# x\nnoalias\n" ], [ 'usr/lib/dracut/hooks/pre-udev/x.sh' => 'modprobe -i vmw-pvscsi;' ]));
save('dracut', 'unit', pieces(0, [ 'usr/lib/systemd/system/dracut-pre-udev.service' => 'cmdline.d' ],
	[ 'etc/cmdline.d/x.conf' => 'rd.driver.pre=noalias resume="/dev/a b" root=block:/dev/sda1' ]));
save('dracut', 'no-rules', pieces(0, [ 'usr/lib/udev/rules.d/80-drivers.rules' => '#' ]));
save('dracut', 'softdeps', pieces(0, [ '!modules.softdep' => "softdep vmw_pvscsi pre: raid1 x post: y\n" ],
	[ '!modules.dep.bin' => "\xb0\x07\xf4\x57\0\2\0\1\0\0\0\x0c" ]));
save('dracut', 'no-dep', pieces(0, [ '!modules.dep' => '' ]));
save('dracut', 'packed', pieces(0, [ '!kernel/vmw_pvscsi.ko.xz' => compress('x' x 100) ],
	[ '!kernel/noalias.ko' => "\x1f\x8b\x08\0" . 'x' x 20 ]));
save('dracut', 'links', pieces(0, [ '@usr/lib' => '/lib' ], [ '@etc' => 'etc' ]));
save('dracut', 'elsewhere', pieces(0, [ '@usr/lib/modules' => '../../srv' ], [ '@' . "$dracut_dir/kernel" => '/' ]));
save('dracut', 'unpacked', pieces(0, [ "$dracut_dir/kernel/scsi_mod.ko" => 'ELF' ], [ "$dracut_dir/modules.dep" => 'kernel/scsi_mod.ko:' ]));
save('dracut', 'kdump', pieces(0, [ 'usr/lib/dracut/modules.txt' => "kdumpbase\n" ]));
save('dracut', 'nash', pieces(0, [ init => "#!/bin/nash\nmkrootdev /dev/root\n" ]));
