"""Why the server did not start, as it says it itself, for the translators: it writes English into
its log then, whatever the language, and `pentimento serve` says the same in a terminal.

`{name}` stands for whatever is there, as in failure_words.py, which has the failures of jobs.
"""

from __future__ import annotations

import failure_words
from choices import N_
from sentences import Sentences

STARTS = (
    N_("The data folder {folder} cannot be used: {reason}."),
    N_("Choose another one with --data-dir or PENTIMENTO_DATA."),
    N_("it is a link to {place}, which is not there"),
    N_("it is not a folder"),
    N_("{place} is a link to a place that is not there"),
    N_("{place} is not a folder"),
    N_("it belongs to another user (number {number}), and this is root"),
    N_("Start the server as that user, or choose another folder with --data-dir."),
    N_("it holds files that are not Pentimento's, such as {name}"),
    N_("Choose an empty or a new folder with --data-dir or PENTIMENTO_DATA."),
    N_("{name} in it is a link"),
    N_(
        "Delete that link. To keep everything on another disk, choose a folder there with "
        "--data-dir or PENTIMENTO_DATA."
    ),
    N_("{name} in it is not what it should be"),
    N_("Move {place} away."),
    N_(
        "Look whether its disk works and its files are yours, or choose another folder with "
        "--data-dir or PENTIMENTO_DATA."
    ),
    N_("The server cannot listen at {host}, port {port}: {reason}."),
    N_("Choose another port with --port, or 0 for any free one."),
    N_("A server for this data folder is running already at {url} (process {number})."),
    N_("A server for this data folder is running already, just starting."),
    N_("Use that one, or end it first; --data-dir makes another one possible."),
    N_("The settings in {file} cannot be read: {reason}."),
    N_("it is not JSON"),
    N_("it is not a JSON object"),
    N_("“faces” is not a list of names"),
    N_("“{found}” is not a {name}."),
    N_("Possible: {values}."),
    N_("There is no face called “{name}”."),
    N_("Choose from {values}; docs/faces.md tells what they are."),
)
OF_THE_SYSTEM = (  # reasons that the operating system gives
    N_("Address already in use"),
    N_("Cannot assign requested address"),
    N_("Permission denied"),
    N_("No space left on device"),
    N_("Read-only file system"),
    N_("Input/output error"),
    N_("Too many levels of symbolic links"),
    N_("Not a directory"),
    N_("database disk image is malformed"),
    N_("file is not a database"),
)

_sentences = Sentences((*STARTS, *OF_THE_SYSTEM))


def told(text: str) -> str:
    """A sentence in the person's language; one that is not known here as it comes."""
    known = _sentences.told(text)
    return known if known != text else failure_words.told(text)
