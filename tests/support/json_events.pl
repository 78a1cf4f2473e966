#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Is what the program writes with --json what the manual says? The tables of unrack(1), section JSON
# EVENTS, are read as they stand there; nothing of them is repeated here.
#
# usage: json_events.pl [--manual FILE] [--exit N] [--seen FILE] FILE
#        json_events.pl [--manual FILE] --unseen FILE [NAME...]
#
# The first form checks the standard output of one run, with the exit status N if that is known; each
# documented member that was there is added to --seen. The second form tells the members that no run
# with this --seen has had: of all tables, or of those with these names (an event, a command, an
# object, or "event" and "result" for what all have).
# Says what is wrong, a line each; exits 1 then, and 2 when the manual itself can't be understood.
use strict;
use warnings;
use B;
use JSON::PP;

my (%table, %words, %exit_of, @wrong, %seen);
my %plain = map { $_ => 1 } qw(string integer number boolean);

sub give_up { print "@_\n"; exit 2 }
sub wrong { push @wrong, "@_" }

# --- The manual ---------------------------------------------------------------------------
# %table: "event message", "result copy", "object target", and "event", "result" for the common ones:
# lists of { name, type, null, list, there, those }.

sub add_row {
	my ($in, @cell) = @_;

	give_up("manual: a row with @{[scalar @cell]} columns: @cell") if @cell < 3 || @cell > 4;
	my ($name, $type, $there) = @cell;
	my %row = (there => $there);
	give_up("manual: $in: \"$there\" does not say when $name is there")
		unless $there =~ /^(always|ok|ok, no|not ok|maybe|with \w+|without \w+|\w+=\w+)$/;
	if ($name =~ /^those of (.+)$/) {
		$row{those} = $1;
	} else {
		give_up("manual: $in: \"$name\" is no name of a member") unless $name =~ /^[a-z][a-z_]*$/;
		give_up("manual: $in: $name is there twice") if grep { ($_->{name} // '') eq $name } @{$table{$in}};
		$row{name} = $name;
		$row{null} = $type =~ s/ or null$//;
		$row{list} = $type =~ s/^list of //;
		$row{type} = $type;
	}
	push @{$table{$in}}, \%row;
}

sub read_manual {
	my ($file) = @_;
	my %kind = (Events => 'event', 'The result' => 'result', Objects => 'object', Words => 'words');
	my ($inside, $kind, $in, $head, $exits) = (0);

	open my $f, '<', $file or give_up("can't read $file: $!");
	while (<$f>) {
		chomp;
		if (/^\.Sh (.*)/) {
			$inside = $1 eq 'JSON EVENTS';
		} elsif ($inside && /^\.Ss (.*)/) {
			$kind = $kind{$1} // give_up("manual: a subsection $1");
			$in = $kind;
			$exits = 0;
		} elsif (!$inside || !$kind) {
			next;
		} elsif (/^\.It Em result Ta Em exit Ta$/) {
			$exits = 1;
		} elsif (/^\.It Em /) {
			next;
		} elsif ($exits && /^\.It (\w+) Ta (\d+) Ta /) {
			give_up("manual: $1 has two exit statuses") if exists $exit_of{$1};
			$exit_of{$1} = $2;
		} elsif (/^\.It Cm ([a-z ]+)$/) {
			$exits = 0;
			$head = $1;
			$in = "$kind $head";
			give_up("manual: $in is there twice") if $table{$in} || $words{$head};
			$table{$in} = [] if $kind ne 'words';
		} elsif ($kind eq 'words' && $head && /^\.Li (.+)$/) {
			$words{$head} = { map { $_ => 1 } split / , /, $1 };
		} elsif (/^\.It (.*)$/) {
			give_up("manual: not understood: $_") if $kind eq 'words' || $exits;
			add_row($in, split /\s+Ta(?:\s+|$)/, $1);
		}
	}
	close $f;
	$words{result} = { map { $_ => 1 } keys %exit_of };
	check_manual($file);
}

sub check_manual {
	my ($file) = @_;

	give_up("$file has no tables of JSON events") unless $table{event} && $table{result} && %exit_of;
	for my $in (keys %table) {
		for my $row (@{$table{$in}}) {
			my $type = $row->{type};
			if ($row->{those}) {
				those($in, $row);
				next;
			}
			give_up("manual: $in: $row->{name} is of a type that is not told, $type")
				unless $plain{$type} || $words{$type} || $table{"object $type"};
			give_up("manual: $in: $row->{name} depends on $1, which is no member")
				if $row->{there} =~ /^(?:with|without) (\w+)$|^(\w+)=/ &&
				!grep { ($_->{name} // '') eq ($1 // $2) } @{$table{$in}};
		}
		give_up("manual: the table of $in is empty")
			unless @{$table{$in}} || $in eq 'event' || $in eq 'result';
	}
}

# The table that a row refers to: of the same kind, or an object.
sub those {
	my ($in, $row) = @_;
	my ($kind) = split ' ', $in;

	for ("$kind $row->{those}", "object $row->{those}") {
		return $_ if $table{$_};
	}
	give_up("manual: $in: there is no table of $row->{those}");
}

# All rows of a table, those of others among them. In "origin" is the table where they stand.
sub rows {
	my ($in) = @_;
	my @all;

	for my $row (@{$table{$in}}) {
		if (!$row->{those}) {
			push @all, { %$row, origin => $in };
			next;
		}
		for (rows(those($in, $row))) {
			# What is certain by one of the two only is not certain.
			my $there = $row->{there} eq 'always' ? $_->{there}
				: $_->{there} =~ /^(?:always|ok|ok, no)$/ ? $row->{there}
				: "maybe";
			push @all, { %$_, there => $there };
		}
	}
	return @all;
}

# --- Values -------------------------------------------------------------------------------
sub kind_of {
	my ($v) = @_;

	return 'null' unless defined $v;
	return 'boolean' if JSON::PP::is_bool($v);
	return ref $v eq 'HASH' ? 'object' : 'list' if ref $v;
	my $flags = B::svref_2object(\$v)->FLAGS;
	return 'string' if $flags & B::SVf_POK;
	return $flags & B::SVf_IOK ? 'integer' : 'number';
}

sub check_value {
	my ($v, $row, $where) = @_;
	my ($type, $kind) = ($row->{type}, kind_of($v));

	return if $row->{null} && $kind eq 'null';
	if ($row->{list}) {
		return wrong("$where is a $kind and not a list") if $kind ne 'list';
		check_value($v->[$_], { type => $type }, "$where\[$_]") for 0 .. $#$v;
	} elsif ($table{"object $type"}) {
		return wrong("$where is a $kind and not an object") if $kind ne 'object';
		check_object($v, $where, undef, "object $type");
	} elsif ($words{$type}) {
		return wrong("$where is a $kind and not a string") if $kind ne 'string';
		wrong("$where is \"$v\", which is no $type") unless $words{$type}{$v};
	} else {
		wrong("$where is a $kind and not of the type $type")
			unless $kind eq $type || $type eq 'number' && $kind eq 'integer';
		wrong("$where is negative") if $type eq 'integer' && $kind eq 'integer' && $v < 0;
	}
}

# --- When members are there ----------------------------------------------------------------
# Must a member be there (1), must it not (-1), or may it (0)? RESULT: of the whole, in a result.
sub must {
	my ($there, $o, $result) = @_;
	my $ok = defined $result && $result eq 'ok';
	my $answered = !defined $result || $result eq 'ok' || $result eq 'no';

	return 1 if $there eq 'always';
	return $ok if $there eq 'ok';
	return $answered if $there eq 'ok, no';
	return $ok ? -1 : 1 if $there eq 'not ok';
	return exists $o->{$1} ? $answered : -1 if $there =~ /^with (\w+)$/;
	return !exists $o->{$1} if $there =~ /^without (\w+)$/;
	return defined $o->{$1} && $o->{$1} eq $2 ? $answered : -1 if $there =~ /^(\w+)=(\w+)$/;
	return 0;
}

sub check_object {
	my ($o, $where, $result, @tables) = @_;
	my (%known, %must);

	for my $row (map { rows($_) } @tables) {
		my ($name, $must) = ($row->{name}, must($row->{there}, $o, $result));
		# Two commands may add a member of one name: then it is one of the two.
		$must{$name} = !exists $must{$name} || $must > $must{$name} ? $must : $must{$name};
		give_up("manual: $where: $name has two types") if $known{$name} && $known{$name}{type} ne $row->{type};
		$known{$name} //= $row;
		$seen{"$row->{origin}: $name"} = 1 if exists $o->{$name};
	}
	for (sort keys %$o) {
		if (!$known{$_}) {
			wrong("$where has a member that is not documented: $_");
		} elsif ($must{$_} < 0) {
			wrong("$where has $_, which the manual excludes here");
		} else {
			check_value($o->{$_}, $known{$_}, "$where.$_");
		}
	}
	for (sort keys %must) {
		wrong("$where has no $_") if $must{$_} > 0 && !exists $o->{$_};
	}
}

# --- A run ----------------------------------------------------------------------------------
sub check_event {
	my ($o, $n) = @_;
	my $name = $o->{event};

	return wrong("line $n: event is a @{[kind_of($name)]}") if kind_of($name) ne 'string';
	return wrong("line $n: the event $name is not documented") unless $table{"event $name"};
	check_object($o, "line $n: $name", undef, 'event', "event $name");
}

sub check_result {
	my ($o, $n, $exit) = @_;
	my ($result, $command) = ($o->{result} // '', $o->{command} // '');
	my @tables = ('result');

	push @tables, "result $command" if $table{"result $command"};
	check_object($o, "the result", $result, @tables);
	return wrong("the result: exit is not that of $result")
		unless exists $exit_of{$result} && ($o->{exit} // '') eq $exit_of{$result};
	wrong("the result says exit $o->{exit}, but it was $exit") if defined $exit && $exit ne $o->{exit};
}

sub check_run {
	my ($file, $exit) = @_;
	my $json = JSON::PP->new->utf8;
	my ($n, $done) = (0, 0);

	open my $f, '<:raw', $file or give_up("can't read $file: $!");
	while (my $line = <$f>) {
		$n++;
		wrong("line $n comes after the result") if $done;
		wrong("line $n does not end") unless $line =~ s/\n\z//;
		my $o = eval { $json->decode($line) };
		if (ref $o ne 'HASH') {
			wrong("line $n is no JSON object: " . substr($line, 0, 200));
		} elsif (exists $o->{event}) {
			check_event($o, $n);
		} else {
			check_result($o, $n, $exit);
			$done = 1;
		}
	}
	close $f;
	wrong("there is no result") unless $done;
}

# --- Members that nobody has seen -----------------------------------------------------------
sub check_unseen {
	my ($file, @names) = @_;
	my %was;

	open my $f, '<', $file or give_up("can't read $file: $!");
	chomp, $was{$_} = 1 while <$f>;
	close $f;
	for my $name (@names) {
		give_up("there is no table of $name") unless grep { $_ eq $name || /^\w+ \Q$name\E$/ } keys %table;
	}
	for my $in (sort keys %table) {
		next if @names && !grep { $in eq $_ || $in =~ /^\w+ \Q$_\E$/ } @names;
		for (@{$table{$in}}) {
			wrong("never seen: $in: $_->{name}") unless $_->{those} || $was{"$in: $_->{name}"};
		}
	}
}

my ($manual, $exit, $record, $unseen);
($manual = $0) =~ s{[^/]*$}{../../man/unrack.1};
while (@ARGV && $ARGV[0] =~ /^--(manual|exit|seen|unseen)$/) {
	my $value = ($1 eq 'manual' ? \$manual : $1 eq 'exit' ? \$exit : $1 eq 'seen' ? \$record : \$unseen);
	shift;
	$$value = shift // give_up("a value is missing");
}
read_manual($manual);
if (defined $unseen) {
	check_unseen($unseen, @ARGV);
} else {
	give_up("usage: json_events.pl [--manual FILE] [--exit N] [--seen FILE] FILE") if @ARGV != 1;
	check_run($ARGV[0], $exit);
}
if (defined $record) {
	open my $f, '>>', $record or give_up("can't write $record: $!");
	print $f "$_\n" for sort keys %seen;
	close $f or give_up("can't write $record: $!");
}
print "$_\n" for @wrong;
exit(@wrong ? 1 : 0);
