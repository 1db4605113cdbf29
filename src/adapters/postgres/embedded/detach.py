"""Become the parent of a program and leave at once, so that it is nobody's child.

Run by path, with the standard library only: `detach.py UID GID PROGRAM ARGUMENT…`. The program
gets a process session of its own, out of reach of the terminal's Ctrl-C and hang-up, and the one
who asked for it never has a dead child to bury. What it inherits besides the standard streams is
what the caller passed on purpose: its lock.
"""

import os
import sys


def main(arguments: list[str]) -> None:
    uid, gid, *command = arguments
    if os.fork():
        os._exit(0)
    os.setsid()
    if int(uid) != os.geteuid():
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606  no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
