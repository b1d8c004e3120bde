"""Every failure the plug-in tells people about, at one place. str() is what GIMP shows: a sentence
and, on its own line, the remedy.

PluginError            message and hint
├── NotPossible        the image or the selection does not allow it
├── ServerUnreachable  nothing answers, or something that is not a Pentimento server
├── ServerRefused      the server answered with an error; carries its code and HTTP status
├── JobFailed          the job was admitted and failed; carries its code
└── Stopped            the person has pressed Stop
"""

from __future__ import annotations


class PluginError(Exception):
    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return self.message + ("\n" + self.hint if self.hint else "")


class NotPossible(PluginError):
    pass


class ServerUnreachable(PluginError):
    pass


class ServerRefused(PluginError):
    def __init__(self, status: int, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint, code)
        self.status = status


class JobFailed(PluginError):
    pass


class Stopped(PluginError):
    pass
