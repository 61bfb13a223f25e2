# shellcheck shell=bash
# The world that the benchmarks run in: a private mount namespace with its own
# accounts, homes, policies and syslog, all of it in memory. Nothing of it is
# left when the benchmark ends. Sourced by start and transfer.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
W=/mnt # the world's own programs; a tmpfs of this namespace

fail() {
	echo "bench: $*" >&2
	exit 1
}

# Starts the calling script anew in a private mount namespace.
enter_world() {
	[ "$(id -u)" = 0 ] || fail "needs root, for private mounts and an account of its own"
	[ "${XFERSH_BENCH_WORLD-}" = entered ] && return
	XFERSH_BENCH_WORLD=entered exec unshare --mount --propagation private -- "$0" "$@"
}

# The first of the places in which systems keep the program.
find_program() {
	local place
	for place in "$@"; do
		[ -x "$place" ] && realpath "$place" && return
	done
	fail "found none of: $*"
}

find_server() {
	find_program /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server \
		/usr/lib/ssh/sftp-server /usr/libexec/sftp-server /usr/lib/sftp-server
}

# Our release build, or the binary that XFERSH names.
build_xfersh() {
	if [ -z "${XFERSH-}" ]; then
		(cd "$repo" && cargo build --release --locked --quiet) || fail "cannot build xfersh"
		XFERSH=$(find "$repo/target" -path '*/release/xfersh' -type f -perm -u+x -printf '%T@ %p\n' |
			sort -rn | head -n 1 | cut -d' ' -f2-)
	fi
	[ -x "$XFERSH" ] || fail "there is no release build of xfersh"
	install -m 755 "$XFERSH" "$W/xfersh"
}

build_tools() {
	local cc=${CC:-cc} tool
	for tool in launch count idle cpuid; do
		$cc -O2 -Wall -Wextra -o "$W/$tool" "$here/tools/$tool.c" "$here/tools/session.c"
	done
	$cc -O2 -Wall -Wextra -o "$W/pump" "$here"/tools/{pump,wire,session}.c
	$cc -O2 -Wall -Wextra -o "$W/logsink" "$here/tools/logsink.c"
	for tool in floor stamp; do
		$cc -O2 -Wall -Wextra -static -nostdlib -ffreestanding -fno-stack-protector \
			-o "$W/$tool" "$here/tools/$tool.c"
	done
}

# A copy of /etc and an empty /home and /dev with a syslog, all in memory.
mount_world() {
	local node
	mount -t tmpfs -o mode=755 bench "$W"
	mkdir "$W/etc"
	cp -a /etc/. "$W/etc/"
	mount --bind "$W/etc" /etc
	rm -f /etc/xfersh.toml
	mount -t tmpfs -o mode=755 bench /home
	mkdir "$W/dev"
	for node in null zero full random urandom tty ptmx fd stdin stdout stderr; do
		[ ! -e "/dev/$node" ] || cp -a "/dev/$node" "$W/dev/"
	done
	mkdir "$W/dev/pts" "$W/dev/shm"
	mount --rbind /dev/pts "$W/dev/pts"
	mount --move "$W/dev" /dev 2>/dev/null || mount --rbind "$W/dev" /dev
}

# Ends what runs in the background, also when the benchmark fails.
end_jobs() {
	local job
	for job in $(jobs -p); do
		kill "$job" 2>/dev/null || true
		wait "$job" || true
	done
}

# start_log: lines sent to /dev/log are taken and counted.
start_log() {
	"$W/logsink" /dev/log >"$W/log-lines" &
	log_pid=$!
	trap end_jobs EXIT
	while [ ! -S /dev/log ]; do
		kill -0 "$log_pid" || fail "the log did not start"
		sleep 0.05
	done
}

# Ends the log and says how many lines came.
stop_log() {
	kill "$log_pid"
	wait "$log_pid" || true
	printf '\nLog lines received: %s.\n' "$(cat "$W/log-lines")"
}

# add_account NAME UID SHELL: in the namespace's own passwd, group and shadow.
add_account() {
	local name=$1 uid=$2 shell=$3
	! getent passwd "$uid" >/dev/null || fail "uid $uid is taken on this machine"
	echo "$name:x:$uid:$uid::/home/$name:$shell" >>/etc/passwd
	echo "$name:x:$uid:" >>/etc/group
	echo "$name:*:19000::::::" >>/etc/shadow
	install -d -m 755 -o "$uid" -g "$uid" "/home/$name"
	install -d -m 755 -o "$uid" -g "$uid" "/home/$name/uploads"
}

# A policy as an administrator would write it, with a match block or two.
write_policies() {
	mkdir -m 755 /etc/bench # link(2) does not leave a mount
	cat >"/etc/bench/usual.toml" <<-'POLICY'
		protocols = ["sftp", "scp"]
		writable = ["~/uploads"]
		readable = ["~"]
		umask = "0022"

		[[match]]
		group = ["partners"]
		access = "upload-only"

		[[match]]
		user = ["backup-*"]
		access = "append-only"
	POLICY
	{
		echo 'writable = ["~/uploads"]'
		seq -f $'\n[[match]]\nuser = ["partner%05.0f"]\naccess = "upload-only"' 1 10000
	} >"/etc/bench/large.toml"
	chmod 644 /etc/bench/*.toml
}

# One line for the report: what this ran on.
describe_machine() {
	local kind=machine
	! grep -q '^flags.*hypervisor' /proc/cpuinfo || kind='virtual machine'
	echo "$(nproc)-core $kind, Linux $(uname -r | cut -d. -f1,2), $(uname -m), CPUID $("$W/cpuid") µs"
}

# For awk: whether a value keeps its goal, in words.
# shellcheck disable=SC2034
verdict='
	function verdict(value, limit) {
		if (value <= limit) return "met"
		return sprintf("missed by %.0f %%", (value / limit - 1) * 100)
	}'
