"""Drives paramiko's SFTP client and the scp package: paramiko.py sftp|scp ACTION."""

import os
import sys

sys.path.pop(0)  # This file's own name hides the package's.
import paramiko  # noqa: E402
import scp  # noqa: E402


def connect():
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("host", username=os.environ["U"], key_filename=os.environ["KEY"], look_for_keys=False, allow_agent=False)
    return client


def tree_up(sftp, source, target):
    sftp.mkdir(target)
    for name in os.listdir(source):
        if os.path.isdir(f"{source}/{name}"):
            tree_up(sftp, f"{source}/{name}", f"{target}/{name}")
        else:
            sftp.put(f"{source}/{name}", f"{target}/{name}")


def tree_down(sftp, source, target):
    os.mkdir(target)
    for entry in sftp.listdir_attr(source):
        if entry.longname.startswith("d"):
            tree_down(sftp, f"{source}/{entry.filename}", f"{target}/{entry.filename}")
        else:
            sftp.get(f"{source}/{entry.filename}", f"{target}/{entry.filename}")


def resume_up(sftp):
    start = sftp.stat("uploads/part.bin").st_size
    with open("up/part.bin", "rb") as source, sftp.open("uploads/part.bin", "ab") as target:
        source.seek(start)
        target.write(source.read())


def resume_down(sftp):
    with open("down/part.bin", "ab") as target, sftp.open("out/part.bin", "rb") as source:
        source.seek(target.tell())
        target.write(source.read())


def kept(sftp):
    facts = os.stat("up/kept.sh")
    sftp.put("up/kept.sh", "uploads/kept.sh")
    sftp.chmod("uploads/kept.sh", facts.st_mode & 0o7777)
    sftp.utime("uploads/kept.sh", (facts.st_mtime, facts.st_mtime))
    facts = sftp.stat("out/kept.sh")
    sftp.get("out/kept.sh", "down/kept.sh")
    os.chmod("down/kept.sh", facts.st_mode & 0o7777)
    os.utime("down/kept.sh", (facts.st_mtime, facts.st_mtime))


def empty(put, get):
    put("up/zero", "uploads/zero")
    get("out/zero", "down/zero")


def each(directory, work):
    """Every name by itself; says which could not be done."""
    bad = 0
    for name in sorted(os.listdir(directory)):
        try:
            work(name)
        except Exception as error:
            print(f"{name!r}: {error}", file=sys.stderr)
            bad = 1
    sys.exit(bad)


def scp_kept(copy):
    copy.put("up/kept.sh", "uploads/kept.sh", preserve_times=True)
    copy.get("out/kept.sh", "down/kept.sh", preserve_times=True)


SFTP = {
    "upload": lambda s: s.put("up/file.bin", "uploads/file.bin"),
    "download": lambda s: s.get("out/file.bin", "down/file.bin"),
    "tree-up": lambda s: tree_up(s, "up/tree", "uploads/tree"),
    "tree-down": lambda s: tree_down(s, "out/tree", "down/tree"),
    "names-up": lambda s: each("up/names", lambda n: s.put(f"up/names/{n}", f"uploads/names/{n}")),
    "names-down": lambda s: os.mkdir("down/names") or each("up/names", lambda n: s.get(f"out/names/{n}", f"down/names/{n}")),
    "empty": lambda s: empty(s.put, s.get),
    "resume-up": resume_up,
    "resume-down": resume_down,
    "kept": kept,
    "rename": lambda s: s.rename("uploads/old.txt", "uploads/new.txt"),
    "posix-rename": lambda s: s.posix_rename("uploads/old.txt", "uploads/new.txt"),
    "delete": lambda s: s.remove("uploads/old.txt"),
    "dotfile": lambda s: s.put("up/file.bin", os.environ["DOT"]),
}
SCP = {
    "upload": lambda c: c.put("up/file.bin", "uploads/file.bin"),
    "download": lambda c: c.get("out/file.bin", "down/file.bin"),
    "tree-up": lambda c: c.put("up/tree", "uploads", recursive=True),
    "tree-down": lambda c: c.get("out/tree", "down", recursive=True),
    "names-up": lambda c: each("up/names", lambda n: c.put(f"up/names/{n}", f"uploads/names/{n}")),
    "names-down": lambda c: os.mkdir("down/names") or each("up/names", lambda n: c.get(f"out/names/{n}", f"down/names/{n}")),
    "empty": lambda c: empty(c.put, c.get),
    "kept": scp_kept,
    "dotfile": lambda c: c.put("up/file.bin", os.environ["DOT"]),
}

protocol, action = sys.argv[1:]
try:
    with connect() as client:
        if protocol == "sftp":
            SFTP[action](client.open_sftp())
        else:
            SCP[action](scp.SCPClient(client.get_transport()))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
