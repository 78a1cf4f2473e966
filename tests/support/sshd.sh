# shellcheck shell=bash
# Sourced by the shell tests, after lib.sh: an OpenSSH server on loopback, as the current user,
# with keys and configuration of its own in $work, on a port that is free. It ends with the test.
#
#   needs_sshd           skips the test where no sshd can run
#   start_sshd [LINE...] starts it (again), with these lines of sshd_config(5) before its own
#   stop_sshd            ends it, and the connections that it has
#   $port                where it listens
#   $sshd/known_hosts    its host key, as it should be known; $sshd/id the key that it lets in
#   $sshd/config         of a client: nothing in it
#   sshd_wrap            an array: a command that sshd is started by, such as unshare(1)
#   ssh_options          an array: unrack's options to connect to it, as `unrack ... "${ssh_options[@]}"`
#
# The far shell sees an empty home folder: what people have in their .bashrc takes its time, and may
# wait for a lock that a killed session has left.
# A server that runs as root needs /run/sshd; as another user it lets in only that user.
sshd=$work/sshd
sshd_pid=
sshd_wrap=()

needs_sshd() {
	needs ssh-keygen
	sshd_program=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd) || skip_all "sshd is not installed"
	if [ "$(id -u)" = 0 ]; then
		mkdir -p /run/sshd || skip_all "/run/sshd can't be made"
	fi
	mkdir -p "$sshd"
	chmod 700 "$sshd"
	local type
	for type in ed25519 rsa ecdsa; do
		ssh-keygen -q -t $type -N '' -f "$sshd/host_$type"
	done
	ssh-keygen -q -t ed25519 -N '' -f "$sshd/id"
	cp "$sshd/id.pub" "$sshd/authorized_keys"
	: >"$sshd/config"
	# No agent and no keys of whoever runs the tests.
	unset SSH_AUTH_SOCK
	trap 'stop_sshd; rm -rf "$work"' EXIT
}

free_port() { # for the next moment: somebody else may take it
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

start_sshd() {
	local try
	for try in 1 2 3; do # somebody else may have taken the port meanwhile
		stop_sshd
		port=$(free_port)
		write_sshd_config "$@"
		: >"$sshd/log"
		"${sshd_wrap[@]}" "$sshd_program" -D -e -f "$sshd/sshd_config" >"$sshd/log" 2>&1 &
		sshd_pid=$!
		wait_for -p $sshd_pid 120 grep 'Server listening' "$sshd/log" && break
	done
	if ! grep -q 'Server listening' "$sshd/log"; then
		sed 's/^/# /' "$sshd/log"
		return 1
	fi
	know_host >"$sshd/known_hosts"
	ssh_options=(--ssh-config "$sshd/config" --known-hosts "$sshd/known_hosts" --identity "$sshd/id"
		--remote-unrack "$UNRACK")
}

write_sshd_config() {
	{
		printf '%s\n' "$@"
		cat <<-END
			Port $port
			ListenAddress 127.0.0.1
			HostKey $sshd/host_ed25519
			PidFile none
			AuthorizedKeysFile $sshd/authorized_keys
			StrictModes no
			UsePAM no
			SetEnv HOME=$sshd
			PermitRootLogin yes
			PasswordAuthentication no
			KbdInteractiveAuthentication no
			LogLevel VERBOSE
		END
	} >"$sshd/sshd_config"
}

# shellcheck disable=SC2120 # the tests pass them
know_host() { # [TYPE [HOST]]: a line of known_hosts for this server
	printf '[%s]:%s %s\n' "${2:-127.0.0.1}" "$port" "$(cut -d' ' -f1,2 "$sshd/host_${1:-ed25519}.pub")"
}

fingerprint() { ssh-keygen -lf "$sshd/host_${1:-ed25519}.pub" | cut -d' ' -f2; }

# All processes below a process, itself last.
descendants() {
	local child
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		descendants "$child"
	done
	echo "$1"
}

# The processes that serve connections now.
sshd_connections() { descendants "$sshd_pid" | grep -vx "$sshd_pid"; }

stop_sshd() {
	[ -n "$sshd_pid" ] || return 0
	local all
	all=$(descendants "$sshd_pid")
	# shellcheck disable=SC2086
	kill -9 $all 2>/dev/null
	wait "$sshd_pid" 2>/dev/null
	sshd_pid=
}
