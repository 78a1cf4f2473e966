# SPDX-License-Identifier: LGPL-2.1-or-later
# XXH3 in plain Perl (https://github.com/Cyan4973/xxHash), slow and independent of the C library:
# the checksums and digests of unrack-wire(5).
#
#   xxh3_64 DATA             8 bytes, least significant first: what stands in files and frames
#   xxh3_128 DATA, SECRET    16 bytes, most significant first: what stands in digests
#   xxh3_secret SEED         the 192 bytes of secret that 32 bytes of seed give
package XXH3;
use strict;
use warnings;
no warnings 'portable'; # 64-bit constants
use integer;            # arithmetic modulo 2^64
use Exporter 'import';
our @EXPORT = qw(xxh3_64 xxh3_128 xxh3_secret);

use constant {
	LOW => 0xffffffff,
	P32_1 => 0x9E3779B1, P32_2 => 0x85EBCA77, P32_3 => 0xC2B2AE3D,
	P64_1 => 0x9E3779B185EBCA87, P64_2 => 0xC2B2AE3D27D4EB4F, P64_3 => 0x165667B19E3779F9,
	P64_4 => 0x85EBCA77C2B2AE63, P64_5 => 0x27D4EB2F165667C5,
	MIX => 0x9FB21C651E98DF25, AVALANCHE => 0x165667919E3779F9,
};

my $default_secret = pack 'H*', join '',
	'b8fe6c3923a44bbe7c01812cf721ad1c', 'ded46de9839097db7240a4a4b7b3671f',
	'cb79e64eccc0e578825ad07dccff7221', 'b8084674f743248ee03590e6813a264c',
	'3c2852bb91c300cb88d0658b1b532ea3', '71644897a20df94e3819ef46a9deacd8',
	'a8fa763fe39c343ff9dcbbc7c70b4f1d', '8a51e04bcdb45931c89f7ec9d9787364',
	'eac5ac8334d3ebc3c581a0fffa1363eb', '170ddd51b7f0da49d316552629d4689e',
	'2b16be587d47a1fc8ff8b8d17ad031ce', '45cb3a8f95160428afd7fbcabb4b407e';

sub le64 { unpack 'q<', substr $_[0], $_[1], 8 }
sub le32 { unpack 'V', substr $_[0], $_[1], 4 }
sub swap64 { unpack 'q>', pack 'q<', $_[0] }
sub swap32 { unpack 'N', pack 'V', $_[0] }
# >> keeps the sign here.
sub shr { ($_[0] >> $_[1]) & ((1 << (64 - $_[1])) - 1) }
sub rotl64 { ($_[0] << $_[1]) | shr($_[0], 64 - $_[1]) }

sub mul128 { # (low, high)
	my ($x, $y) = @_;
	my ($xl, $xh, $yl, $yh) = ($x & LOW, ($x >> 32) & LOW, $y & LOW, ($y >> 32) & LOW);
	my ($ll, $lh, $hl) = ($xl * $yl, $xl * $yh, $xh * $yl);
	my $mid = (($ll >> 32) & LOW) + ($lh & LOW) + ($hl & LOW);

	return (($ll & LOW) | ($mid << 32),
		$xh * $yh + (($lh >> 32) & LOW) + (($hl >> 32) & LOW) + ($mid >> 32));
}

sub fold { my ($l, $h) = mul128(@_); $l ^ $h }

sub avalanche {
	my $h = shift;

	$h ^= shr($h, 37);
	$h *= AVALANCHE;
	return $h ^ shr($h, 32);
}

sub avalanche64 { # that of the older XXH64
	my $h = shift;

	$h ^= shr($h, 33);
	$h *= P64_2;
	$h ^= shr($h, 29);
	$h *= P64_3;
	return $h ^ shr($h, 32);
}

# 16 bytes of DATA (by reference) at $at with the secret at $s.
sub mix16 {
	my ($data, $at, $secret, $s, $seed) = @_;

	return fold(le64($$data, $at) ^ (le64($secret, $s) + $seed),
		    le64($$data, $at + 8) ^ (le64($secret, $s + 8) - $seed));
}

sub mix32 {
	my ($acc, $data, $a, $b, $secret, $s, $seed) = @_;

	$acc->[0] += mix16($data, $a, $secret, $s, $seed);
	$acc->[0] ^= le64($$data, $b) + le64($$data, $b + 8);
	$acc->[1] += mix16($data, $b, $secret, $s + 16, $seed);
	$acc->[1] ^= le64($$data, $a) + le64($$data, $a + 8);
}

# The eight accumulators over more than 240 bytes.
sub accumulate {
	my ($data, $secret) = @_;
	my $len = length $$data;
	my @key = unpack 'q<24', $secret;
	my @acc = (P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1);
	my $at = 0;
	my $stripe = sub {
		my ($pos, $k) = @_;
		my @d = unpack 'q<8', substr $$data, $pos, 64;

		for my $i (0 .. 7) {
			my $x = $d[$i] ^ $k->[$i];

			$acc[$i ^ 1] += $d[$i];
			$acc[$i] += ($x & LOW) * (($x >> 32) & LOW);
		}
	};
	my @window = map { [@key[$_ .. $_ + 7]] } 0 .. 16;

	while ($at < $len - 1) {
		my $whole = ($len - 1 - $at) / 64;

		$whole = 16 if $whole > 16;
		$stripe->($at + 64 * $_, $window[$_]) for 0 .. $whole - 1;
		$at += 64 * $whole;
		last if $whole < 16;
		last if $at > ($len - 1) / 1024 * 1024;
		for my $i (0 .. 7) {
			$acc[$i] = ($acc[$i] ^ shr($acc[$i], 47) ^ $key[16 + $i]) * P32_1;
		}
	}
	$stripe->($len - 64, [unpack 'q<8', substr $secret, 192 - 64 - 7, 64]);
	return \@acc;
}

sub merge {
	my ($acc, $secret, $s, $h) = @_;

	for my $i (0 .. 3) {
		$h += fold($acc->[2 * $i] ^ le64($secret, $s + 16 * $i),
			   $acc->[2 * $i + 1] ^ le64($secret, $s + 16 * $i + 8));
	}
	return avalanche($h);
}

sub hash64 {
	my ($data) = @_; # by reference
	my $n = length $$data;
	my $s = $default_secret;

	if ($n == 0) {
		return avalanche64(le64($s, 56) ^ le64($s, 64));
	} elsif ($n <= 3) {
		my @b = unpack 'C*', $$data;
		my $x = $b[0] << 16 | $b[$n >> 1] << 24 | $b[-1] | $n << 8;

		return avalanche64($x ^ le32($s, 0) ^ le32($s, 4));
	} elsif ($n <= 8) {
		my $x = (le32($$data, $n - 4) + (le32($$data, 0) << 32)) ^ le64($s, 8) ^ le64($s, 16);

		$x ^= rotl64($x, 49) ^ rotl64($x, 24);
		$x *= MIX;
		$x ^= shr($x, 35) + $n;
		$x *= MIX;
		return $x ^ shr($x, 28);
	} elsif ($n <= 16) {
		my $l = le64($$data, 0) ^ le64($s, 24) ^ le64($s, 32);
		my $h = le64($$data, $n - 8) ^ le64($s, 40) ^ le64($s, 48);

		return avalanche($n + swap64($l) + $h + fold($l, $h));
	} elsif ($n <= 128) {
		my $acc = $n * P64_1;

		for (my $i = ($n - 1) / 32; $i >= 0; $i--) {
			$acc += mix16($data, 16 * $i, $s, 32 * $i, 0);
			$acc += mix16($data, $n - 16 * ($i + 1), $s, 32 * $i + 16, 0);
		}
		return avalanche($acc);
	} elsif ($n <= 240) {
		my $acc = $n * P64_1;

		$acc += mix16($data, 16 * $_, $s, 16 * $_, 0) for 0 .. 7;
		$acc = avalanche($acc);
		$acc += mix16($data, 16 * $_, $s, 16 * ($_ - 8) + 3, 0) for 8 .. $n / 16 - 1;
		return avalanche($acc + mix16($data, $n - 16, $s, 136 - 17, 0));
	}
	return merge(accumulate($data, $s), $s, 11, $n * P64_1);
}

sub finish_mid { # 17 to 240 bytes
	my ($acc, $n, $seed) = @_;

	return (avalanche($acc->[0] + $acc->[1]),
		-avalanche($acc->[0] * P64_1 + $acc->[1] * P64_4 + ($n - $seed) * P64_2));
}

sub hash128 { # (low, high); at least 4 bytes
	my ($data, $s, $seed) = @_; # DATA by reference
	my $n = length $$data;
	my @acc = ($n * P64_1, 0);

	if ($n < 4) {
		die "XXH3-128 of $n bytes is nothing that unrack has\n";
	} elsif ($n <= 8) {
		my $mixed = $seed ^ swap32($seed & LOW) << 32;
		my $x = le32($$data, 0) + (le32($$data, $n - 4) << 32);
		my ($l, $h) = mul128($x ^ ((le64($s, 16) ^ le64($s, 24)) + $mixed), P64_1 + ($n << 2));

		$h += $l << 1;
		$l ^= shr($h, 3);
		$l ^= shr($l, 35);
		$l *= MIX;
		return ($l ^ shr($l, 28), avalanche($h));
	} elsif ($n <= 16) {
		my ($il, $ih) = (le64($$data, 0), le64($$data, $n - 8));
		my ($l, $h) = mul128($il ^ $ih ^ ((le64($s, 32) ^ le64($s, 40)) - $seed), P64_1);

		$l += ($n - 1) << 54;
		$ih ^= (le64($s, 48) ^ le64($s, 56)) + $seed;
		$h += $ih + ($ih & LOW) * (P32_2 - 1);
		$l ^= swap64($h);
		my ($rl, $rh) = mul128($l, P64_2);
		return (avalanche($rl), avalanche($rh + $h * P64_2));
	} elsif ($n <= 128) {
		for (my $i = ($n - 1) / 32; $i >= 0; $i--) {
			mix32(\@acc, $data, 16 * $i, $n - 16 * ($i + 1), $s, 32 * $i, $seed);
		}
		return finish_mid(\@acc, $n, $seed);
	} elsif ($n <= 240) {
		mix32(\@acc, $data, 32 * $_, 32 * $_ + 16, $s, 32 * $_, $seed) for 0 .. 3;
		@acc = map { avalanche($_) } @acc;
		mix32(\@acc, $data, 32 * $_, 32 * $_ + 16, $s, 3 + 32 * ($_ - 4), $seed)
			for 4 .. $n / 32 - 1;
		mix32(\@acc, $data, $n - 16, $n - 32, $s, 136 - 17 - 16, -$seed);
		return finish_mid(\@acc, $n, $seed);
	}
	my $acc = accumulate($data, $s);
	return (merge($acc, $s, 11, $n * P64_1), merge($acc, $s, 192 - 64 - 11, ~($n * P64_2)));
}

sub xxh3_64 { pack 'q<', hash64(\$_[0]) }

sub xxh3_128 { my ($l, $h) = hash128(\$_[0], $_[1], 0); pack 'q>2', $h, $l }

# XXH3_generateSecret of release 0.8.1 and later, for 192 bytes.
sub xxh3_secret {
	my $seed = shift;
	my ($l, $h) = hash128(\$seed, $default_secret, 0);
	my $scrambler = pack 'q>2', $h, $l;
	my @word = unpack 'q<24', substr $seed x 6, 0, 192;

	for my $i (0 .. 11) {
		my @h = hash128(\$scrambler, $default_secret, $i);

		$word[2 * $i] ^= $h[0];
		$word[2 * $i + 1] ^= $h[1];
	}
	$word[22] ^= $l;
	$word[23] ^= $h;
	return pack 'q<24', @word;
}

1;
