"""A QEMU that runs no guest: its QMP socket, its threads, and the ways it can fail.

Run as a program, with QEMU's arguments and the name of a fault in FAKE_QEMU; only the standard
library, as it is started by its own path.

    (none)    answers, and ends on SIGTERM with status 0
    dies      prints two lines and ends with status 1
    refuses   answers query-cpus-fast with an error
    vanishes  ends, with a word, when it is asked for its vCPUs
    single    has all vCPUs on one thread
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import threading
from typing import Any

FAULT = os.environ.get("FAKE_QEMU", "")


def main() -> None:
    """Serve QMP until a signal comes."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if FAULT == "dies":
        sys.stderr.write("qemu: -foo: not so good\nqemu: cannot open the disk\n")
        sys.exit(1)
    text = " ".join(sys.argv)
    path = re.search(r"id=qmp,path=([^, ]*)", text)
    vcpus = re.search(r"-smp (?:cpus=)?(\d+)", text)
    assert path, text
    assert vcpus, text
    threads = [start_thread() for _ in range(int(vcpus[1]))]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path[1])
    listener.listen()
    while True:
        client, _ = listener.accept()
        with client:
            serve(client, threads)


def start_thread() -> int:
    """Start a thread that sleeps; return its kernel id."""
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    return thread.native_id or 0


def serve(client: socket.socket, threads: list[int]) -> None:
    """Greet, and answer every command of one client."""
    version = {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}
    send(client, {"QMP": {"version": version, "capabilities": []}})
    while text := client.recv(65536):  # a client asks once at a time, in less than that
        asked = json.loads(text)
        send(client, {**answer(asked["execute"], threads), "id": asked.get("id")})


def answer(command: str, threads: list[int]) -> dict[str, Any]:
    """Return the reply, without its id."""
    if command != "query-cpus-fast":
        return {"return": [] if command == "query-iothreads" else {}}
    if FAULT == "vanishes":
        sys.stderr.write("qemu: abort: out of luck\n")
        sys.stderr.flush()
        os._exit(3)
    if FAULT == "refuses":
        return {"error": {"class": "GenericError", "desc": "not today"}}
    one = FAULT == "single"
    return {
        "return": [
            {"cpu-index": i, "thread-id": threads[0] if one else thread}
            for i, thread in enumerate(threads)
        ]
    }


def send(client: socket.socket, message: dict[str, Any]) -> None:
    """Write one message."""
    client.sendall(json.dumps(message).encode() + b"\r\n")


if __name__ == "__main__":
    main()
