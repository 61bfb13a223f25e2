# Builds the private machine of one test host and keeps it until standard input ends.
#
# Runs as the first process of new mount, PID, IPC and network namespaces, so that everything made here, files,
# mounts, processes and sockets alike, is gone as soon as this process is. The machine's own disk is read-only
# from here on; every place that a test may write to is a file system in memory, except that the homes are in the
# directory XFERSH_TEST_HOMES_HERE if that is set.
set -eu
umask 022
exec 2>&1

# Still the outer /proc: this is our process id as the tests see it.
read -r pid _ </proc/self/stat

mount -t proc proc /proc
perl -e 'socket(S, 2, 2, 0) or die "socket: $!"; $up = pack("a16s", "lo", 0x41); ioctl(S, 0x8914, $up) or die "cannot raise lo: $!"'

# As systemd sets it: a log daemon that is busy for a moment loses nothing.
echo 512 >/proc/sys/net/unix/max_dgram_qlen

# Before anything is mounted over the place where it is.
if [ -n "${XFERSH_TEST_HOMES_HERE-}" ]; then
    mount --bind "$XFERSH_TEST_HOMES_HERE" /home
else
    mount -t tmpfs -o mode=755 tmpfs /home
fi

mount -t tmpfs -o mode=755 tmpfs /mnt
cp -a /etc/. /mnt/
mount --move /mnt /etc
rm -f /etc/xfersh.toml

for place in /opt /srv /run /mnt /var/log; do
    mount -t tmpfs -o mode=755 tmpfs "$place"
done
for place in /tmp /var/tmp; do
    mount -t tmpfs -o mode=1777 tmpfs "$place"
done

mount -t tmpfs -o mode=755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/full c 1 7
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mknod -m 666 /dev/tty c 5 0
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr

mkdir -p /run/sshd /run/lock
mount -o remount,bind,ro /

echo "ready $pid"
exec 3<&0 1>/dev/null 2>/dev/null
cat <&3 &
# The shell reaps the orphans of the namespace while it waits.
wait $!
