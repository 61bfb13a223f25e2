# What the lines of the client matrix may call.

# The options that PuTTY's programs need to trust the host and to log in.
PUTTY="-batch -noagent -i $KEY.ppk -hostkey $(cat /opt/clients/host-key 2>/dev/null)"

# The same for curl and rclone.
CURL="-sS -g -k -m 10 --key $KEY --pubkey $KEY.pub -u $U:"
RCLONE=":sftp,host=host,user=$U,key_file=$KEY"

# Runs a line for every file of a directory: $f is its path, $n its name.
each() {
    local f n bad=0
    for f in "$1"/*; do
        n=${f##*/}
        eval "$2" || bad=1
    done
    return $bad
}

# Quotes a word for sh(1), as people do for `scp -O`.
q() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# Escapes the wildcards of a name, as people do for `scp` and `sftp`.
e() { printf %s "$1" | sed 's/[][*?\\]/\\&/g'; }

# Encodes a name for a URL.
url() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'; }

# Runs a line with the account's home mounted on /tmp/mnt.
mounted() {
    mkdir -p /tmp/mnt && sshfs "$TO:" /tmp/mnt || return
    eval "$1"
    local status=$?
    fusermount3 -u /tmp/mnt
    return $status
}

# Where backup programs keep their repositories, and their secrets.
export PUTTYDIR=/tmp/home/putty
export RESTIC_REPOSITORY=sftp:$TO:uploads/restic RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=/tmp/home/restic
export BORG_REPO=/tmp/mnt/uploads/borg BORG_BASE_DIR=/tmp/home/borg BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
DUPLICITY="--no-encryption --archive-dir /tmp/home/duplicity-$U --ssh-options=-oIdentityFile=$KEY"
