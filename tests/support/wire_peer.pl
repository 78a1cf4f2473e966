#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Another implementation of unrack-wire(5), written from that page: a client that pushes a disk
# to `unrack serve`, pulls one from it, or scans. It is slow, and serves only to show that
# the page says all.
#
#   wire_peer.pl push [--cut N | --stop N | --zeros N] [--offer LINE] [--open LINE] [--state HEX]
#		[--unused FIRST+COUNT,...] [--lost OFFSET+LENGTH:TEXT] IMAGE PATH COMMAND...
#	--cut: after N grains closes the connection without a word
#	--stop: after N grains asks for a checkpoint, and says goodbye
#	--offer LINE, --open LINE: has this line in the strict identity of OFFER, of OPEN
#	--zeros: from grain N on lists grains of zeros, too, which is wrong
#	--state: of the source; --unused: runs that are not sent; --lost: says that of these bytes
#   wire_peer.pl pull [--delta] PATH IMAGE COMMAND...
#	--delta: IMAGE is there already, and only what differs is wanted
#   wire_peer.pl scan COMMAND...
#   wire_peer.pl say HEX COMMAND...     sends these bytes and shows what comes back
#   wire_peer.pl examples               those of the page
#
# What the server said stands on standard output, a line each.
use strict;
use warnings;
use Compress::Raw::Zlib;
use FindBin;
use IPC::Open2;
use lib $FindBin::Bin;
use XXH3;

use constant { GRAIN => 65536, SILENCE_MS => 60000, MAGIC => "unrack\r\n", ANY => 0xffffffff };
my ($n, %type, @name, @limit) = (0);
for (qw(HELLO:300 OPEN:36888 ACCEPT:64 GRAINS:1049232 ZERO:16 CHECKPOINT:8 ACK:16 END:32 DONE:24
	BYE:0 ERROR:1032 PING:0 CALL:4168 READY:76 OFFER:36888 TEXT:1048576 MAP:32776 WANT:16
	DIGESTS:32784 DELTA:1049232 SAME:16 LOST:1040)) {
	my ($name, $limit) = split /:/;

	$type{$name} = ++$n;
	$name[$n] = $name;
	$limit[$n] = $limit;
}

# --- Frames ---------------------------------------------------------------------------------
my ($from, $to, $pid, $owner);
my ($sent, $received, $gone) = (0, 0, 0);
my $last_sent = time;

sub put {
	my $bytes = shift;

	while (length $bytes) {
		my $put = syswrite $to, $bytes;

		if (!defined $put) {
			my $why = "$!";

			eval { frame() while 1 } unless $gone++; # what it said before it went: an ERROR ends us
			die "the server takes no more: $why\n";
		}
		substr $bytes, 0, $put, '';
	}
	$last_sent = time;
}

sub tell_peer {
	my ($name, $disk, $payload) = @_;
	my $head = pack 'a4CCvVVQ<a8', 'URK1', $type{$name}, 0, $disk, length $payload, 0, $sent++,
		xxh3_64($payload);

	put($head . xxh3_64($head) . $payload);
}

# Says that it lives while it waits; gives up after the limit of silence.
sub get {
	my $want = shift;
	my $bytes = '';
	my $heard = time;

	while (length $bytes < $want) {
		my $ready = '';

		vec($ready, fileno $from, 1) = 1;
		if (!select $ready, undef, undef, SILENCE_MS / 5000) {
			tell_peer('PING', 0, '') if $sent || $received;
			die "silence\n" if time - $heard > SILENCE_MS / 1000;
			next;
		}
		my $got = sysread $from, $bytes, $want - length $bytes, length $bytes;

		die "can't read: $!\n" unless defined $got;
		die "the server closed the connection\n" unless $got;
		$heard = time;
	}
	return $bytes;
}

sub any_frame {
	my $head = get(40);
	my ($magic, $t, $flags, $disk, $length, $zero, $seq, $sum) = unpack 'a4CCvVVQ<a8', $head;

	die "no frame\n" unless $magic eq 'URK1';
	die "header's checksum\n" unless xxh3_64(substr $head, 0, 32) eq substr $head, 32;
	die "frame $seq where $received is due\n" unless $seq == $received++;
	die "flags\n" if $flags || $zero;
	die "type $t\n" unless $name[$t];
	die "$name[$t] of $length bytes\n" if $length > $limit[$t];
	my $payload = $length ? get($length) : '';

	die "payload's checksum\n" unless xxh3_64($payload) eq $sum;
	return ($name[$t], $disk, $payload);
}

# The next one that is no PING; ERROR ends us.
sub frame {
	my ($name, $disk, $payload);

	do {
		($name, $disk, $payload) = any_frame();
	} while $name eq 'PING';
	if ($name eq 'ERROR') {
		my ($code, $errno, $text) = unpack 'VVa*', $payload;

		$text =~ s/[^ -~]/?/g;
		print "error $code $text\n";
		exit 1;
	}
	return ($name, $disk, $payload);
}

sub expect {
	my ($want, $want_disk) = @_;
	my ($name, $disk, $payload) = frame();

	die "$name where $want is due\n" unless $name eq $want;
	die "$name for disk $disk\n" unless $disk == $want_disk;
	return $payload;
}

sub with_intro { MAGIC . pack('VVa8', 1, 0, xxh3_64($_[0])) . $_[0] }

sub intro {
	my ($name, $payload) = @_;
	my ($magic, $version, $zero, $sum) = unpack 'a8VVa8', $payload;

	die "$name begins wrong\n" unless $magic eq MAGIC;
	die "$name of version $version\n" unless $version == 1;
	die "$name is damaged\n" if $zero || xxh3_64(substr $payload, 24) ne $sum;
	return substr $payload, 24;
}

# --- The call -------------------------------------------------------------------------------
sub call {
	my ($kind, $path, @offers) = @_;
	my @answers;

	tell_peer('CALL', 0, with_intro(pack 'Q<VVVVQ<VvvQ<Z*', 0, $kind, 0, scalar @offers, SILENCE_MS, 0,
		1 + length $path, 0, 0, 0, $path));
	for my $i (0 .. $#offers) {
		my $o = $offers[$i];
		my @s = map { "$_\0" } $o->{name}, $o->{strict} // '', $o->{advisory} // '';

		tell_peer('OFFER', $i, pack 'Q<VVVVa*', $o->{bytes} // 0, ANY, map({ length } @s),
			join '', @s);
	}
	my ($features, $count, $connections, $token) = unpack 'Q<VVZ36', intro('READY', expect('READY', 0));

	die "READY wants more connections than were offered\n" if $connections > 1 || $token ne '';

	for my $i (0 .. $count - 1) {
		my ($bytes, $number, $ln, $ls, $la, $text) = unpack 'Q<VVVVa*', expect('OFFER', $i);

		die "an OFFER's lengths\n" unless $ln + $ls + $la == length $text;
		my ($name, $strict, $advisory) = map { /\A([^\0]*)\0\z/ ? $1 : die "a string\n" }
			unpack "a$ln a$ls a$la", $text;

		push @answers, { bytes => $bytes, name => $name, strict => $strict, advisory => $advisory };
		print "offer $i bytes $bytes name $name\n";
	}
	return @answers;
}

sub begin_copy { ($sent, $received) = (0, 0) }

sub hello {
	my ($disks, $machine) = @_;

	return with_intro(pack 'Q<VVVa*', 0, 1114112, $disks, length $machine, $machine);
}

# --- Sending --------------------------------------------------------------------------------
sub zlib_stream {
	my ($data, $kind) = @_;
	my %how = ( # every kind of block that there is
		stored => [ -Level => Z_NO_COMPRESSION ],
		fixed => [ -Level => 6, -Strategy => Z_FIXED ],
		dynamic => [ -Level => 9 ],
	);
	my ($d) = Compress::Raw::Zlib::Deflate->new(@{ $how{$kind} });
	my ($z, $more) = ('', '');

	$d->deflate($data, $z);
	$d->flush($more);
	return $z . $more if length($z . $more) <= 65552;

	# zlib may take more stored blocks than needed; this is what the page counts.
	my ($s1, $s2) = (1, 0);

	$s1 = ($s1 + unpack 'C', substr $data, $_, 1) % 65521, $s2 = ($s2 + $s1) % 65521 for 0 .. GRAIN - 1;
	return "\x78\x01" . pack('Cvva*', 0, 65535, 0, substr $data, 0, 65535) .
		pack('Cvva*', 1, 1, 0xfffe, substr $data, 65535) . pack 'N', $s2 << 16 | $s1;
}

sub wait_ack {
	my $position = shift;
	my $next;

	do {
		($next) = unpack 'Q<Q<', expect('ACK', 0);
		print "ack $next\n";
	} while $next < $position;
}

# What the image there holds, for each grain from FIRST on.
sub ask_digests {
	my ($first, $count) = @_;
	my @have;

	tell_peer('WANT', 0, pack 'Q<Q<', $first, $count);
	while (@have < $count) {
		my ($name, $disk, $payload) = frame();

		next if $name eq 'ACK';
		die "$name for disk $disk where DIGESTS are due\n" unless $name eq 'DIGESTS' && $disk == 0;
		my ($at, $n, $text) = unpack 'Q<Q<a*', $payload;

		die "DIGESTS from $at\n" unless $at == $first + @have && $n && $n <= $count - @have;
		die "DIGESTS' length\n" unless length $text == 0 || ($n <= 2048 && length $text == 16 * $n);
		push @have, map { substr($text, 16 * $_, 16) || "\0" x 16 } 0 .. $n - 1;
	}
	return @have;
}

sub push_disk {
	my (%stop, %line, %say);

	while (@ARGV && $ARGV[0] =~ /^--(cut|stop|zeros|offer|open|state|unused|lost)$/) {
		my $option = $1;

		($option =~ /^o/ ? \%line : $option =~ /^(st(?!op)|u|l)/ ? \%say : \%stop)->{$option} = $ARGV[1];
		splice @ARGV, 0, 2;
	}
	my @runs = map { [ split /\+/ ] } split /,/, $say{unused} // '';
	my $unused = sub {
		my $g = shift;

		return grep { $g >= $_->[0] && $g < $_->[0] + $_->[1] } @runs;
	};
	my ($image, $path) = splice @ARGV, 0, 2;
	my $bytes = -s $image;
	my $grains = int(($bytes + GRAIN - 1) / GRAIN);
	my ($data_grains, $sums, $span, $head) = (0, '', 1);

	open my $in, '<:raw', $image or die "$image: $!\n";
	read $in, $head, GRAIN;
	my %disk = (name => $image, bytes => $bytes, advisory => "model=wire_peer.pl\n",
		strict => 'head=' . unpack('H*', scalar reverse xxh3_64($head)) . "\n");

	start();
	call(1, $path, { %disk, strict => $disk{strict} . (defined $line{offer} ? "$line{offer}\n" : '') });
	begin_copy();
	$disk{strict} .= "$line{open}\n" if defined $line{open};
	tell_peer('HELLO', 0, hello(1, 'perl'));
	my (undef, $most) = unpack 'Q<VVV', intro('HELLO', expect('HELLO', 0));

	die "the receiver takes $most bytes\n" if $most < $limit[ $type{GRAINS} ];
	my @s = ("$disk{strict}\0", "$disk{advisory}\0");

	tell_peer('OPEN', 0, pack 'Q<VVa16VVa*', $bytes, map({ length } @s), pack('H*', $say{state} // ''), 0, 0,
		join '', @s);
	my ($number, $flags, $first, $before, $pass, $seed) = unpack 'VVQ<Q<Q<a32', expect('ACCEPT', 0);
	my ($complete, $delta) = ($flags & 1, $flags >> 1);

	die "ACCEPT's flags\n" if $flags > 2;
	print "accept number $number complete $complete next $first data $before pass $pass",
		$delta ? " delta\n" : "\n";
	if (!$complete) {
		my $secret = xxh3_secret($seed);
		my (@have, $changed);

		# Two MAPs at least, if there is something to tell.
		for my $i (0 .. $#runs) {
			tell_peer('MAP', 0, pack 'VVQ<Q<', 1, $i < $#runs, @{ $runs[$i] });
		}
		tell_peer('MAP', 0, pack 'VV', 0, 0) unless @runs;
		tell_peer('LOST', 0, pack 'Q<Q<a*', $1, $2, $3) if ($say{lost} // '') =~ /^(\d+)\+(\d+):(.*)/;
		@have = ((undef) x $first, ask_digests($first, $grains - $first)) if $delta && $first < $grains;
		my ($zero_first, $zeros) = ($first, 0);
		my $at = $first;
		my $kind = 0;
		my $flush = sub {
			tell_peer($delta ? 'SAME' : 'ZERO', 0, pack 'Q<Q<', $zero_first, $zeros) if $zeros;
			$zeros = 0;
		};

		while ($at < $grains) {
			my ($listed, $body) = (0, '');

			$span = $span * 5 % 17; # 1 to 16
			$span = $grains - $at if $span > $grains - $at;
			for my $place (0 .. $span - 1) {
				my $grain = '';

				seek $in, ($at + $place) * GRAIN, 0;
				read $in, $grain, GRAIN;
				$grain .= "\0" x (GRAIN - length $grain);
				$grain = "\0" x GRAIN if $unused->($at + $place);
				my $zero = $grain !~ /[^\0]/ && $at < ($stop{zeros} // $grains);
				my $digest = $zero ? "\0" x 16 : xxh3_128($grain, $secret);

				$sums .= pack 'Q<a16', $at + $place, $digest unless $zero;
				$data_grains++ unless $zero;
				next if $digest eq ($delta ? $have[$at + $place] : "\0" x 16);
				my $z = $zero ? '' : zlib_stream($grain, (qw(stored fixed dynamic))[$kind++ % 3]);

				$body .= pack 'vvVa16a*', $place, 0, length $z, $digest, $z;
				$listed++;
				$changed++;
			}
			if ($listed) {
				$flush->();
				tell_peer($delta ? 'DELTA' : 'GRAINS', 0, pack 'Q<vvVa*', $at, $span, $listed, 0, $body);
			} else {
				$zero_first = $at unless $zeros;
				$zeros += $span;
			}
			$at += $span;
			tell_peer('PING', 0, '') if $span == 5; # more often than needed
			for my $how (grep { $_ ne 'zeros' && $at >= $stop{$_} } keys %stop) {
				$flush->();
				if ($how eq 'stop') {
					tell_peer('CHECKPOINT', 0, pack 'Q<', $at);
					wait_ack($at);
					tell_peer('BYE', 0, '');
					expect('BYE', 0);
				}
				print "left at $at\n";
				finish();
			}
		}
		$flush->();
		my $session = xxh3_128(pack('Q<', $bytes) . $sums, $secret);

		tell_peer('END', 0, pack 'Q<Q<a16', $first, $data_grains, $session);
		my ($name, $disk, $payload);

		print "ack " . unpack('Q<', $payload) . "\n"
			while (($name, $disk, $payload) = frame())[0] eq 'ACK';
		die "$name for disk $disk where DONE is due\n" unless $name eq 'DONE' && $disk == 0;
		my ($total, $whole) = unpack 'Q<a16', $payload;

		print "done data $total whole " . unpack('H*', $whole) . "\n";
		print "changed " . ($changed // 0) . "\n" if $delta;
		die "DONE counts $total grains\n" unless $total == $before + $data_grains;
		die "DONE's digest is another one\n" if $first == 0 && $whole ne $session;
	}
	tell_peer('BYE', 0, '');
	expect('BYE', 0);
	print "bye\n";
	finish();
}

# --- Receiving ------------------------------------------------------------------------------
sub inflate_grain {
	my $z = shift;
	my ($i) = Compress::Raw::Zlib::Inflate->new(-LimitOutput => 1, -Bufsize => GRAIN + 1);
	my $data = '';
	my $status = $i->inflate($z, $data);

	die "a stream is damaged: $status\n" unless $status == Z_STREAM_END;
	die "a stream holds " . length($data) . " bytes\n" unless length $data == GRAIN;
	die "bytes follow a stream\n" if length $z;
	return $data;
}

sub pull_disk {
	my $delta = $ARGV[0] eq '--delta' && shift @ARGV;
	my ($path, $image) = splice @ARGV, 0, 2;
	my $seed = pack 'C32', map { $_ * 7 } 0 .. 31;
	my $secret = xxh3_secret($seed);

	start();
	my ($offer) = call(2, '', { name => $path });

	begin_copy();
	my ($features, $most, $disks, $len, $machine) = unpack 'Q<VVVa*', intro('HELLO', expect('HELLO', 0));

	die "$disks disks\n" unless $disks == 1;
	die "the machine's name\n" unless $len == length $machine;
	tell_peer('HELLO', 0, hello(0, ''));
	my ($bytes, $ls, $la, $state, $flags, $zero, $text) = unpack 'Q<VVa16VVa*', expect('OPEN', 0);

	die "OPEN's flags\n" if $flags > 3 || $zero;

	die "OPEN is not what was offered\n" unless $bytes == $offer->{bytes} &&
		$text eq "$offer->{strict}\0$offer->{advisory}\0" && $ls == 1 + length $offer->{strict};
	my $grains = int(($bytes + GRAIN - 1) / GRAIN);
	my ($next, $data_grains, $sums, $changed, $low_run, $more) = (0, 0, '', 0, 0, 1);
	my @have;

	open my $out, $delta ? '+<:raw' : '+>:raw', $image or die "$image: $!\n";
	truncate $out, $bytes;
	for my $g (0 .. ($delta ? $grains - 1 : -1)) {
		my $grain = '';

		seek $out, $g * GRAIN, 0;
		read $out, $grain, GRAIN;
		$grain .= "\0" x (GRAIN - length $grain);
		push @have, $grain =~ /[^\0]/ ? xxh3_128($grain, $secret) : "\0" x 16;
	}
	tell_peer('ACCEPT', 0, pack 'VVQ<Q<Q<a32', 0, $delta ? 2 : 0, 0, 0, $delta ? 2 : 1, $seed);
	while ($more) {
		my ($count, $mflags, @run) = unpack 'VVQ<*', expect('MAP', 0);

		die "MAP\n" if $mflags > 1 || $count > 2048 || @run != 2 * $count;
		while (my ($first, $n) = splice @run, 0, 2) {
			die "a run from $first\n" if $first < $low_run || !$n || $n > $grains - $first;
			$low_run = $first + $n + 1;
			print "unused $first $n\n";
		}
		$more = $mflags;
	}
	# What has not changed of a range; KEEP: else it becomes zeros.
	my $pass_over = sub {
		my ($first, $count, $keep) = @_;

		for my $g ($first .. $first + $count - 1) {
			my $old = $have[$g] // "\0" x 16;

			next if $old eq "\0" x 16;
			if ($keep) {
				$sums .= pack 'Q<a16', $g, $old;
				$data_grains++;
				next;
			}
			seek $out, $g * GRAIN, 0;
			print $out "\0" x ($bytes - $g * GRAIN < GRAIN ? $bytes - $g * GRAIN : GRAIN);
			$changed++;
		}
	};
	while (1) {
		my ($name, $disk, $payload) = frame();

		die "$name for disk $disk\n" if $disk != 0;
		if ($name eq 'WANT') {
			my ($first, $count) = unpack 'Q<Q<', $payload;

			die "WANT from $first\n" unless $delta && $first >= $next && $count && $count <= 65536 &&
				$count <= $grains - $first;
			# In frames of odd sizes.
			for (my $n; $count; $first += $n, $count -= $n) {
				$n = $count < 13 ? $count : 13;
				my $text = join '', @have[$first .. $first + $n - 1];

				tell_peer('DIGESTS', 0, pack 'Q<Q<a*', $first, $n, $text =~ /[^\0]/ ? $text : '');
			}
		} elsif ($name eq 'LOST') {
			my ($off, $len, $what) = unpack 'Q<Q<a*', $payload;

			print "lost $off $len $what\n";
		} elsif ($name eq 'ZERO' || ($name eq 'SAME' && $delta)) {
			my ($first, $count) = unpack 'Q<Q<', $payload;

			die "$name from $first\n" unless $first == $next && $count && $count <= $grains - $next;
			$pass_over->($first, $count, $name eq 'SAME');
			$next += $count;
		} elsif ($name eq ($delta ? 'DELTA' : 'GRAINS')) {
			my ($first, $span, $count, $zero) = unpack 'Q<vvV', $payload;
			my ($at, $low) = (16, 0);

			die "GRAINS from $first\n" unless $first == $next && $span >= 1 && $span <= 16 &&
				$span <= $grains - $next && $count >= 1 && $count <= $span && !$zero;
			for (1 .. $count) {
				my ($place, $pad, $size, $digest) = unpack 'vvVa16', substr $payload, $at, 24;

				die "place $place\n" if $place < $low || $place >= $span || $pad;
				$pass_over->($first + $low, $place - $low, 1);
				$low = $place + 1;
				$changed++;
				if ($size == 0) {
					die "zeros with a digest\n" unless $delta && $digest eq "\0" x 16;
					$changed--;
					$pass_over->($first + $place, 1, 0);
					$at += 24;
					next;
				}
				my $data = inflate_grain(substr $payload, $at + 24, $size);

				$at += 24 + $size;
				my $off = ($first + $place) * GRAIN;
				my $here = $bytes - $off < GRAIN ? $bytes - $off : GRAIN;
				my $part = substr $data, 0, $here;

				die "a grain's digest\n"
					unless xxh3_128($part . "\0" x (GRAIN - $here), $secret) eq $digest;
				seek $out, $off, 0;
				print $out $part;
				$sums .= pack 'Q<a16', $first + $place, $digest;
				$data_grains++;
			}
			die "$name is too long\n" unless $at == length $payload;
			$pass_over->($first + $low, $span - $low, 1);
			$next += $span;
			tell_peer('ACK', 0, pack 'Q<Q<', $next, $data_grains);
		} elsif ($name eq 'END') {
			my $session = xxh3_128(pack('Q<', $bytes) . $sums, $secret);

			die "END at $next of $grains\n" unless $next == $grains;
			die "END says another thing\n" unless $payload eq pack 'Q<Q<a16', 0, $data_grains, $session;
			close $out or die "$image: $!\n";
			tell_peer('ACK', 0, pack 'Q<Q<', $next, $data_grains);
			tell_peer('DONE', 0, pack 'Q<a16', $data_grains, $session);
			last;
		} elsif ($name ne 'CHECKPOINT') {
			die "$name within a disk\n";
		}
	}
	expect('BYE', 0);
	tell_peer('BYE', 0, '');
	print "done data $data_grains", $delta ? " changed $changed\n" : "\n";
	finish();
}

# --- The rest -------------------------------------------------------------------------------
sub start {
	$SIG{PIPE} = 'IGNORE';
	$owner = $$;
	$pid = open2($from, $to, @ARGV);
	binmode $_ for $from, $to;
	$| = 1;
}

# The server's own end, after ours: it may still have something to bring to an end.
sub server_ends {
	close $to;
	close $from;
	waitpid $pid, 0;
	$pid = 0;
}

sub finish {
	server_ends();
	print "server $?\n";
	exit 0;
}

END {
	my $status = $?;

	server_ends() if $pid && $$ == $owner;
	$? = $status;
}

sub examples {
	my $secret = xxh3_secret(pack 'C32', 0 .. 31);
	my $g = join '', map { chr $_ % 251 } 0 .. GRAIN - 1;
	my $head = pack 'a4CCvVVQ<a8', 'URK1', $type{BYE}, 0, 0, 0, 0, 0, xxh3_64('');
	my @d = (xxh3_128($g, $secret), xxh3_128(substr($g, 0, 1000) . "\0" x (GRAIN - 1000), $secret));

	print unpack('H*', $_), "\n" for scalar reverse(xxh3_64('')), $head . xxh3_64($head),
		scalar reverse(xxh3_64(MAGIC)), substr($secret, 0, 8), substr($secret, -8), @d,
		xxh3_128(pack('Q<Q<a16Q<a16', 2 * GRAIN + 1000, 0, $d[0], 2, $d[1]), $secret);
}

sub say_bytes {
	my $bytes = pack 'H*', shift @ARGV;

	start();
	put($bytes);
	my ($name, $disk, $payload) = frame();

	print "$name\n";
	finish();
}

my $what = shift // '';

if ($what eq 'push') {
	push_disk();
} elsif ($what eq 'pull') {
	pull_disk();
} elsif ($what eq 'scan') {
	start();
	call(3, '', map { { name => $_ } } ());
	print expect('TEXT', 0), "\n";
	finish();
} elsif ($what eq 'say') {
	say_bytes();
} elsif ($what eq 'examples') {
	examples();
} else {
	die "see the head of this file\n";
}
