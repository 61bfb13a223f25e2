# shellcheck shell=bash
# A real sshd on loopback, and ONE account whose shell is exchanged by a link:
# two accounts differ by more than the shells do. Sourced after world.sh.

# Two daemons with the same keys: the second one is what OpenSSH offers without
# a shell, internal-sftp in a root-owned directory.
start_sshds() {
	mount -t tmpfs -o mode=755 bench /run
	mkdir -p /run/sshd "$W/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$W/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$W/ssh/client"
	usual_cpus=$(taskset -cp $$ | sed 's/.*: //')
	sed -i "s|^\(bench:.*:\)[^:]*$|\1$W/shell|" /etc/passwd
	ln -f /etc/bench/usual.toml /etc/xfersh.toml
	: >"$W/ssh/ssh_config"
	start_sshd shell
	start_sshd internal 'ForceCommand internal-sftp -d /bench' 'ChrootDirectory /home'
	cat >>"$W/ssh/ssh_config" <<-CONFIG
		Host *
			HostName 127.0.0.1
			User bench
			IdentityFile $W/ssh/client
			IdentitiesOnly yes
			BatchMode yes
			StrictHostKeyChecking no
			UserKnownHostsFile /dev/null
			LogLevel ERROR
	CONFIG
}

# start_sshd NAME [LINE...]: a daemon that the client calls NAME.
start_sshd() {
	local name=$1 port try daemon log
	daemon=$(find_program /usr/sbin/sshd /usr/bin/sshd)
	log=$W/ssh/$name.log
	for try in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 20000))
		printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' "HostKey $W/ssh/host" \
			"AuthorizedKeysFile $W/ssh/client.pub" 'PasswordAuthentication no' 'UsePAM no' \
			'StrictModes no' 'PidFile none' 'MaxStartups 100' "Subsystem sftp $server" \
			"${@:2}" >"$W/ssh/$name.conf"
		"$daemon" -D -e -f "$W/ssh/$name.conf" 2>"$log" &
		sshd_pids+=($!)
		until grep -q 'Server listening' "$log"; do
			kill -0 $! 2>/dev/null || continue 2 # the port is taken
			sleep 0.05
		done
		printf 'Host %s\n\tPort %s\n' "$name" "$port" >>"$W/ssh/ssh_config"
		return
	done
	fail "sshd did not start: $(cat "$log")"
}
sshd_pids=()

# run_on CPUS: where the daemons, and clients started from now on, run.
run_on() {
	local pid
	for pid in $$ "${sshd_pids[@]}"; do
		taskset -acp "$1" "$pid" >/dev/null
	done
}

# use_shell PROGRAM: makes it the account's login shell; the daemon to call is $host.
use_shell() {
	host=shell
	if [ "$1" = internal-sftp ]; then
		host=internal
	else
		ln -s "$1" "$W/shell.new"
		mv -T "$W/shell.new" "$W/shell"
	fi
}

add_internal_sftp() {
	subjects+=('internal-sftp, chroot' internal-sftp - bench)
}

# in_turn ROUNDS COMMAND...: calls it as COMMAND LABEL for each subject, in another
# random order each round; it prints a value. The first round is not printed.
in_turn() {
	local count=$1 round n value
	shift
	for ((round = 0; round <= count; round++)); do
		for n in $(shuf -i "0-$((${#subjects[@]} / 4 - 1))"); do
			use_shell "${subjects[n * 4 + 1]}"
			value=$("$@")
			[ "$round" = 0 ] || printf '%s\t%s\n' "${subjects[n * 4]}" "$value"
		done
	done
}

# seconds COMMAND...: how long it took.
seconds() {
	local begin=$EPOCHREALTIME end
	"$@" >/dev/null || fail "failed with the shell $(readlink "$W/shell"): $*"
	end=$EPOCHREALTIME
	awk -v b="$begin" -v e="$end" 'BEGIN { printf "%.6f", e - b }'
}
