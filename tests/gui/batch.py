"""Runs inside the GUI GIMP as its batch: executes Python sent over a unix socket, one JSON line a
request, and answers with what it printed. Ends when the socket file's owner sends "quit"."""

import contextlib
import io
import json
import os
import socket
import traceback

from gi.repository import Gimp


def serve(path):
    names = {"Gimp": Gimp}
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(4)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            line = stream.readline()
            if not line:
                continue  # somebody only asked whether GIMP is up
            source = json.loads(line)
            if source == "quit":
                return
            stream.write(json.dumps(answer(source, names)).encode() + b"\n")


def answer(source, names):
    printed = io.StringIO()
    failure = ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(source, names)
        except Exception:
            failure = traceback.format_exc()
    return {"printed": printed.getvalue(), "failure": failure}


serve(os.environ["PENTIMENTO_GUI_BATCH"])
