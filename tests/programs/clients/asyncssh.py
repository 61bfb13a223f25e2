"""Drives asyncssh: asyncssh.py sftp|scp ACTION."""

import asyncio
import os
import sys
import warnings

sys.path.pop(0)  # This file's own name hides the package's.
warnings.simplefilter("ignore")
import asyncssh  # noqa: E402


async def each(directory, work):
    """Every name by itself; says which could not be done."""
    bad = 0
    for name in sorted(os.listdir(directory)):
        try:
            await work(name)
        except Exception as error:
            print(f"{name!r}: {error}", file=sys.stderr)
            bad = 1
    sys.exit(bad)


async def resume_up(sftp):
    start = (await sftp.stat("uploads/part.bin")).size
    with open("up/part.bin", "rb") as source:
        source.seek(start)
        async with sftp.open("uploads/part.bin", "r+b") as target:
            await target.seek(start)
            await target.write(source.read())


async def resume_down(sftp):
    with open("down/part.bin", "ab") as target:
        async with sftp.open("out/part.bin", "rb") as source:
            await source.seek(target.tell())
            target.write(await source.read())


async def sftp_action(connection, action):
    async with connection.start_sftp_client() as sftp:
        match action:
            case "upload":
                await sftp.put("up/file.bin", "uploads/")
            case "download":
                await sftp.get("out/file.bin", "down/")
            case "tree-up":
                await sftp.put("up/tree", "uploads/", recurse=True)
            case "tree-down":
                await sftp.get("out/tree", "down/", recurse=True)
            case "names-up":
                await each("up/names", lambda n: sftp.put(f"up/names/{n}", f"uploads/names/{n}"))
            case "names-down":
                os.mkdir("down/names")
                await each("up/names", lambda n: sftp.get(f"out/names/{n}", f"down/names/{n}"))
            case "empty":
                await sftp.put("up/zero", "uploads/")
                await sftp.get("out/zero", "down/")
            case "resume-up":
                await resume_up(sftp)
            case "resume-down":
                await resume_down(sftp)
            case "kept":
                await sftp.put("up/kept.sh", "uploads/", preserve=True)
                await sftp.get("out/kept.sh", "down/", preserve=True)
            case "rename":
                await sftp.rename("uploads/old.txt", "uploads/new.txt")
            case "posix-rename":
                await sftp.posix_rename("uploads/old.txt", "uploads/new.txt")
            case "delete":
                await sftp.remove("uploads/old.txt")
            case "dotfile":
                await sftp.put("up/file.bin", os.environ["DOT"])
            case _:
                sys.exit(f"no action {action}")


async def scp_action(connection, action):
    def up(source, target, **options):
        return asyncssh.scp(source, (connection, target), **options)

    def down(source, target, **options):
        return asyncssh.scp((connection, source), target, **options)

    match action:
        case "upload":
            await up("up/file.bin", "uploads/")
        case "download":
            await down("out/file.bin", "down/")
        case "tree-up":
            await up("up/tree", "uploads/", recurse=True)
        case "tree-down":
            await down("out/tree", "down/", recurse=True)
        case "names-up":
            await each("up/names", lambda n: up(f"up/names/{n}", "uploads/names/"))
        case "names-down":
            await down("out/names", "down/", recurse=True)
        case "empty":
            await up("up/zero", "uploads/")
            await down("out/zero", "down/")
        case "kept":
            await up("up/kept.sh", "uploads/", preserve=True)
            await down("out/kept.sh", "down/", preserve=True)
        case "dotfile":
            await up("up/file.bin", os.environ["DOT"])
        case _:
            sys.exit(f"no action {action}")


async def main(protocol, action):
    async with asyncssh.connect(
        "host", username=os.environ["U"], client_keys=[os.environ["KEY"]], known_hosts=None, config=None, agent_path=None
    ) as connection:
        await (sftp_action if protocol == "sftp" else scp_action)(connection, action)


try:
    asyncio.run(main(*sys.argv[1:]))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
