"""Types into a shell on a terminal, which runs a command by what stands before it: `terminal.py WRAPPER...`."""
import os
import pty
import re
import shlex
import sys

STOP, INTERRUPT, END = "\x1a", "\x03", "\x04"
WRAPPER = shlex.join(sys.argv[1:])
# What the shell or the command prints, and what is typed then.
TYPED = [
    (r"PROMPT ", f"{WRAPPER} cat\n"),
    (r"cat\r\n", "first\n"),
    (r"first\r\nfirst\r\n", STOP),
    (r"Stopped.*PROMPT ", "echo status $?\n"),
    (r"status 148\r\n.*PROMPT ", "fg\n"),
    (r"cat\r\n", "second\n"),
    (r"second\r\nsecond\r\n", INTERRUPT),
    (r"PROMPT ", "echo status $?\n"),
    # The shell tells at once that a job has stopped: `fg` wakes only what it knows as stopped.
    (r"status 130\r\n.*PROMPT ", "set -b\n"),
    # In the background a command that reads from the terminal is stopped, until it is in the foreground.
    (r"PROMPT ", f"{WRAPPER} cat &\n"),
    (r"Stopped", "fg\n"),
    (r"cat\r\n", "third\n"),
    (r"third\r\nthird\r\n", END),
    (r"PROMPT ", "echo status $?\n"),
    (r"status 0\r\n.*PROMPT ", "exit 7\n"),
]


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "PS1": "PROMPT ", "TERM": "dumb"}
        os.execvpe("bash", ["bash", "--norc", "--noediting", "-i"], environment)
    printed = ""
    for pattern, text in TYPED:
        while not (found := re.search(pattern, printed, re.DOTALL)):
            printed += os.read(terminal, 4096).decode()
        printed = printed[found.end():]
        os.write(terminal, text.encode())
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()
