"""Drives FileZilla's engine for SFTP, as FileZilla does: fzsftp.py ACTION.

The engine reads commands, one a line, and answers with events: one character, then text up to the end of the line.
It opens no local file: it asks for a piece of memory that it shares with its parent, and the parent reads or writes
the file. Requests are answered by a line that begins with `-`.
"""

import mmap
import os
import subprocess
import sys

REPLY, DONE, ERROR = "0", "1", "2"
MAY_RECEIVE, MAY_SEND = "@", "A"
SIZE, OPEN, NEXT, FINISH = "J", "K", "L", "M"
WITHOUT_TEXT = (MAY_RECEIVE, MAY_SEND, SIZE)
LENGTH = 1 << 18

descriptor = os.memfd_create("shared", 0)
os.ftruncate(descriptor, LENGTH)
memory = mmap.mmap(descriptor, LENGTH)
engine = subprocess.Popen(
    ["fzsftp", "-v", "-hostkey", open("/opt/clients/host-key").read().strip()],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    bufsize=0,
    pass_fds=[descriptor],
)


def say(line):
    engine.stdin.write(line.encode() + b"\n")


def event():
    kind = engine.stdout.read(1).decode()
    text = b""
    while kind and kind not in WITHOUT_TEXT and (byte := engine.stdout.read(1)) not in (b"\n", b""):
        text += byte
    return kind, text.decode()


def command(line, file=None, up=False):
    """Sends a command and serves it; raises with the engine's own words if it fails."""
    words = []
    say(line)
    while True:
        kind, text = event()
        if kind in ("", ERROR):
            words.append(text or "the engine ended")
        if kind == "":
            raise OSError(words[0])
        elif kind == MAY_RECEIVE or kind == MAY_SEND:
            say(f"-{int(kind == MAY_SEND)}-")
        elif kind == SIZE:
            say(f"-{os.fstat(file.fileno()).st_size}")
        elif kind == OPEN:
            start = int(text or 0)
            going_on = start == (1 << 64) - 1
            position = file.seek(0, os.SEEK_END) if going_on else file.seek(start)
            say(f"-{descriptor} {LENGTH} {position}")
        elif kind == NEXT and up:
            piece = file.read(LENGTH)
            memory[: len(piece)] = piece
            say(f"-0 {len(piece)}" if piece else "-0")
        elif kind == NEXT:
            file.write(memory[: int(text or 0)])
            say(f"-0 {LENGTH}")
        elif kind == FINISH:
            file.write(memory[: int(text or 0)])
            say("-1")
        elif kind == DONE and text.startswith("0") and words:
            raise OSError("; ".join(words))
        elif kind in (DONE, REPLY):
            # Without an error before it, 0 is success too: chmod ends so.
            return


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def put(source, target, resume=False):
    with open(source, "rb") as file:
        command(f"{'re' * resume}put {quoted(source)} {quoted(HOME + target)}", file, up=True)


def get(source, target, resume=False):
    with open(target, "r+b" if resume else "wb") as file:
        command(f"{'re' * resume}get {quoted(HOME + source)} {quoted(target)}", file)


def tree(source, directory, file):
    """Makes every directory and copies every file of `up/tree`, which is the same on both sides."""
    for path, _, names in os.walk(source):
        directory(path)
        for name in names:
            file(f"{path}/{name}")


def each(work):
    bad = 0
    for name in sorted(os.listdir("up/names")):
        try:
            if "\n" in name:
                raise OSError("the engine reads one command a line")
            work(name)
        except OSError as error:
            print(f"{name!r}: {error}", file=sys.stderr)
            bad = 1
    return bad


def kept():
    facts = os.stat("up/kept.sh")
    put("up/kept.sh", "uploads/kept.sh")
    command(f"chmod {facts.st_mode & 0o7777:o} {quoted(HOME + 'uploads/kept.sh')}")
    command(f"chmtime {int(facts.st_mtime)} {quoted(HOME + 'uploads/kept.sh')}")
    get("out/kept.sh", "down/kept.sh")


def both(first, second):
    first()
    second()


HOME = f"/home/{os.environ['U']}/"
ACTIONS = {
    "upload": lambda: put("up/file.bin", "uploads/file.bin"),
    "download": lambda: get("out/file.bin", "down/file.bin"),
    "tree-up": lambda: tree(
        "up/tree",
        lambda path: command(f"mkdir {quoted(HOME + path.replace('up', 'uploads', 1))}"),
        lambda path: put(path, path.replace("up", "uploads", 1)),
    ),
    "tree-down": lambda: tree(
        "up/tree",
        lambda path: os.mkdir(path.replace("up", "down", 1)),
        lambda path: get(path.replace("up", "out", 1), path.replace("up", "down", 1)),
    ),
    "names-up": lambda: each(lambda name: put(f"up/names/{name}", f"uploads/names/{name}")),
    "names-down": lambda: os.mkdir("down/names") or each(lambda name: get(f"out/names/{name}", f"down/names/{name}")),
    "empty": lambda: both(lambda: put("up/zero", "uploads/zero"), lambda: get("out/zero", "down/zero")),
    "resume-up": lambda: put("up/part.bin", "uploads/part.bin", resume=True),
    "resume-down": lambda: get("out/part.bin", "down/part.bin", resume=True),
    "kept": kept,
    "rename": lambda: command(f"mv {quoted(HOME + 'uploads/old.txt')} {quoted(HOME + 'uploads/new.txt')}"),
    "delete": lambda: command(f"rm {quoted(HOME + 'uploads/old.txt')}"),
    "dotfile": lambda: put("up/file.bin", os.environ["DOT"]),
}

try:
    event()
    command(f"keyfile {quoted(os.environ['KEY'] + '.ppk')}")
    command(f"open {quoted(os.environ['U'] + '@127.0.0.1')} 22")
    status = ACTIONS[sys.argv[1]]() or 0
except OSError as error:
    print(error, file=sys.stderr)
    status = 1
engine.kill()
engine.wait()
sys.exit(status)
