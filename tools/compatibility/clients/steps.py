"""Steps of a compatibility run, in a client's own environment: what is given comes by standard input, and
each step's outcome goes to standard output, a JSON object a line.
"""

import json
import socket
import sys
import traceback

_STEPS = []


def step(words):
    """Registers a step, in the order of the file."""

    def registered(function):
        _STEPS.append((words, function))
        return function

    return registered


def resolve(hosts):
    """Answers for names as a resolver that asks localcloud's name server would: name -> address and port."""
    real = socket.getaddrinfo

    def answer(host, port, *args, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name in hosts:
            address, there = hosts[name]
            return real(address, there, *args, **options)
        return real(host, port, *args, **options)

    socket.getaddrinfo = answer


def run():
    """Runs every step; one that fails does not keep the others from being tried."""
    given = json.load(sys.stdin)
    resolve(given["hosts"])
    out = sys.stdout
    sys.stdout = sys.stderr  # clients print
    state = {}
    for words, function in _STEPS:
        error = None
        try:
            function(given, state)
        except Exception as failure:
            traceback.print_exc()
            error = "{}: {}".format(type(failure).__name__, str(failure).strip().partition("\n")[0])[:200]
        out.write(json.dumps({"step": words, "error": error}) + "\n")
        out.flush()
