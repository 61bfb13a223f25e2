# shellcheck shell=bash
# The world that the benchmarks run in: private namespaces with their own
# accounts, homes, policies and syslog, all of it in memory. Nothing of it is
# left when the benchmark ends. Sourced by all benchmarks.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
W=/mnt # the world's own programs; a tmpfs of this namespace

common_help="
Options of all benchmarks:
  --rounds N          how often each thing is measured
  --also NAME=PATH    measures that xfersh too, in the same run; as often as wanted
  --figures FILE      writes the figures there as well, for tests/bench/report:
                      TOPIC LABEL X MEDIAN LEAST, tab separated
  XFERSH=PATH         (environment) measures that binary instead of building this tree's

Needs root and Linux with OpenSSH's server and client, a C compiler, awk and
util-linux (Debian: openssh-server openssh-client gcc libc6-dev mawk util-linux).
The peers come from the packages dash, bash, rush and mysecureshell: those that are
installed, or unpacked from \`apt-get download\` into memory. Nothing is installed.
A peer that cannot be had is a row \"not installed\"."

rounds='' figures_file=/dev/null
also=() # NAME PATH ...

fail() {
	echo "bench: $*" >&2
	exit 1
}

# The head comment of the script, and what all scripts have.
print_help() {
	awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
	echo "$common_help"
	exit 0
}

# Reads one option that all benchmarks have; it was two words long.
common_option() {
	case $1 in
	--rounds) rounds=${2?--rounds needs a number} ;;
	--figures) figures_file=${2?--figures needs a file} ;;
	--also)
		[[ ${2-} == ?*=?* && -x ${2#*=} ]] || fail "--also needs NAME=PATH, PATH a program"
		also+=("${2%%=*}" "$(realpath "${2#*=}")")
		;;
	--help | -h) print_help ;;
	*) fail "unknown argument: $1 (try --help)" ;;
	esac
}

# Starts the calling script anew in private namespaces.
enter_world() {
	[ "$(id -u)" = 0 ] || fail "needs root, for private mounts and an account of its own"
	[ "${XFERSH_BENCH_WORLD-}" = entered ] && return
	XFERSH_BENCH_WORLD=entered exec unshare --mount --ipc --propagation private -- "$0" "$@"
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

# Our release build, or the binary that XFERSH names, and those of --also.
build_xfersh() {
	local n
	if [ -z "${XFERSH-}" ]; then
		XFERSH=$(cd "$repo" && cargo build --release --locked --message-format json-render-diagnostics |
			sed -n 's/.*"executable":"\([^"]*\/xfersh\)".*/\1/p') || fail "cannot build xfersh"
	fi
	[ -x "$XFERSH" ] || fail "there is no release build of xfersh"
	install -m 755 "$XFERSH" "$W/xfersh"
	for ((n = 0; n < ${#also[@]}; n += 2)); do
		install -D -m 755 "${also[n + 1]}" "$W/also/${also[n]}/xfersh"
	done
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
# What is needed of the tree is built and copied before: it may lie in /home.
mount_world() {
	local node
	exec {figures}>"$figures_file"
	mount -t tmpfs -o mode=755 bench "$W"
	: >"$W/figures"
	build_tools
	build_xfersh
	cp -R "$here" "$W/bench"
	here=$W/bench
	cd "$W"
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
	server=$(find_server)
	add_account bench 64201 "$W/xfersh"
	write_policies
	start_log
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

# Ends the log, says how many lines came, and hands the figures over.
finish() {
	kill "$log_pid"
	wait "$log_pid" || true
	printf '\nLog lines received: %s.\n' "$(cat "$W/log-lines")"
	cat "$W/figures" >&"$figures"
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
	cat >/etc/bench/usual.toml <<-'POLICY'
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
	chmod 644 /etc/bench/usual.toml
}

# A subject is four words: LABEL PROGRAM POLICY ACCOUNT. These add to `subjects`;
# a peer that cannot be had goes to `absent`.
subjects=() absent=()

# add_ours POLICY: "xfersh", which the goals are about, and the others of --also.
add_ours() {
	local n
	subjects+=(xfersh "$W/xfersh" "$1" bench)
	for ((n = 0; n < ${#also[@]}; n += 2)); do
		subjects+=("xfersh ${also[n]}" "$W/also/${also[n]}/xfersh" "$1" bench)
	done
}

# peer LABEL PACKAGE PROGRAM: the program of the package, installed or unpacked in memory.
peer() {
	local label=$1 package=$2 program=$3 place=$W/peers/$2
	if [ -x "$program" ]; then
		place=
	elif ! [ -d "$place" ]; then
		mkdir -p "$place"
		(cd "$place" && apt-get -qq -o APT::Sandbox::User=root download "$package" &&
			dpkg-deb -x ./*.deb .) >/dev/null 2>&1 || true
	fi
	if [ -x "$place$program" ] && ! ldd "$place$program" 2>/dev/null | grep -q 'not found'; then
		subjects+=("$label" "$(realpath "$place$program")" - bench)
	else
		absent+=("$label")
	fi
}

add_shells() {
	peer dash dash /bin/dash
	peer bash bash /bin/bash
}

# GNU rush, with the least policy that serves sftp.
add_rush() {
	printf 'rush 2.0\nrule sftp\n  match $0 == "%s"\n' "$server" >/etc/rush.rc
	chmod 644 /etc/rush.rc
	peer 'GNU rush' rush /usr/sbin/rush
}

# MySecureShell is a server of its own. Its limits are off, as xfersh's are.
add_mysecureshell() {
	install -m 666 /dev/null "$W/mysecureshell.log"
	cat >/etc/ssh/sftp_config <<-CONFIG
		<Default>
			StayAtHome true
			VirtualChroot false
			LogFile $W/mysecureshell.log
		</Default>
	CONFIG
	peer MySecureShell mysecureshell /usr/bin/mysecureshell
}

# One line for the report: what this ran on, and how busy it was.
describe_machine() {
	local kind=machine
	! grep -q '^flags.*hypervisor' /proc/cpuinfo || kind='virtual machine'
	echo "$(nproc)-core $kind, Linux $(uname -r | cut -d. -f1,2), $(uname -m), CPUID $("$W/cpuid") µs, load $(cut -d' ' -f1 /proc/loadavg) at the start"
}

# all_on_one_cpu COMMAND...: a comparison without the cost of waking another CPU.
all_on_one_cpu() {
	taskset -c 0 "$@"
}

# figure TOPIC LABEL MEDIAN [LEAST]: a label LABEL@X brings its X.
figure() {
	local label=${2%%@*} x=
	[ "$label" = "$2" ] || x=${2#*@}
	printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$label" "$x" "$3" "${4-$3}" >>"$W/figures"
}

# table TOPIC TITLE NOTE UNIT DIGITS: a table of the samples on standard input,
# with the ratio to the first label. A third column of the samples is the
# processor time of the session.
table() {
	local label least median
	cat >"$W/samples"
	medians 2 >"$W/medians"
	while IFS=$'\t' read -r label _ least median; do
		figure "$1" "$label" "$median" "$least"
	done <"$W/medians"
	[ -z "$2" ] || printf '\n### %s\n' "$2"
	[ -z "$3" ] || printf '\n%s\n' "$3"
	echo
	medians 3 | paste "$W/medians" - |
		awk -F '\t' -v unit="$4" -v digits="$5" -v absent="$(IFS='|' && echo "${absent[*]}")" -f "$here/table.awk"
}

# medians COLUMN: of $W/samples, a line for each subject, in their order.
medians() {
	local n
	for ((n = 0; n < ${#subjects[@]}; n += 4)); do
		echo "${subjects[n]}"
	done | awk -f "$here/median.awk" -v column="$1" - "$W/samples"
}
