"""A remote shell, as scp -S and rsync -e take one, that sends its server a signal in mid-transfer.

The environment names it: SIGNAL, and AFTER, the number of bytes. After that nothing more is passed on to the server;
prints on stderr how it ended.
"""

import asyncio
import os
import sys

sys.path.pop(0)  # As in the other drivers.
import asyncssh  # noqa: E402

AFTER = int(os.environ["AFTER"])


async def down(process):
    while data := await process.stdout.read(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


async def up(process):
    passed = 0
    while passed < AFTER:
        data = await asyncio.to_thread(os.read, 0, 32768)
        if not data:
            sys.exit("the transfer ended before the signal")
        process.stdin.write(data)
        await process.stdin.drain()
        passed += len(data)
    process.send_signal(os.environ["SIGNAL"])


async def main(account, command):
    async with asyncssh.connect(
        "127.0.0.1", username=account, client_keys=[os.environ["KEY"]], known_hosts=None, config=None, agent_path=None
    ) as connection:
        process = await connection.create_process(command, encoding=None)
        downwards = asyncio.create_task(down(process))
        await up(process)
        await asyncio.wait_for(process.wait(), 30)
        downwards.cancel()
        print(f"ended: {process.exit_signal and process.exit_signal[0]} {process.exit_status}", file=sys.stderr)


# rsync: -l ACCOUNT HOST COMMAND...; scp: OPTIONS -l ACCOUNT -- HOST COMMAND.
arguments = sys.argv[1:]
at = arguments.index("-l")
rest = [word for word in arguments[at + 2 :] if word != "--"]
asyncio.run(main(arguments[at + 1], " ".join(rest[1:])))
