"""Failures of a job as sentences: what went wrong and what to do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import torch

from pentimento.core.errors import JobFailed
from pentimento.core.geometry import Size
from pentimento.engine.memory.device import MIB

# As InvokeAI's list: drivers report a full memory in many ways besides torch.OutOfMemoryError.
MEMORY_WORDS = (
    "out of memory",
    "out_of_device_memory",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "insufficient memory",  # OpenCV
    "failed to allocate",
    "std::bad_alloc",
    "could not create a primitive",  # oneDNN, for convolutions on a processor
    "could not create a memory object",
)


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if not isinstance(error, RuntimeError | cv2.error):
        return False
    return any(word in str(error).lower() for word in MEMORY_WORDS)


ASKED_FOR = re.compile(r"tried to allocate ([\d.]+) ?(bytes|KiB|MiB|GiB)", re.IGNORECASE)
UNITS = {"bytes": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def asked_for(error: BaseException) -> int | None:
    """Bytes that could not be had, where torch says how many."""
    said = ASKED_FOR.search(str(error))
    return int(float(said[1]) * UNITS[said[2].lower()]) if said else None


def out_of_memory(
    size: Size, device: str, needed: int | None, free: int, tried: Sequence[str]
) -> JobFailed:
    """`needed` and `free` in bytes; `tried` are the ways to use less that were of no help."""
    free_mb = free // MIB
    numbers = f"{free_mb} MB are free"
    details = {"width": size.width, "height": size.height, "device": device, "free_mb": free_mb}
    if needed:
        details["needed_mb"] = -(-needed // MIB)
        numbers = f"{details['needed_mb']} MB more were needed, {numbers}"
    return JobFailed(
        "out_of_memory",
        f"There is not enough memory for a picture of {size} px ({device}): {numbers}. "
        f"Tried in vain: {', '.join(tried)}.",
        "Use a smaller area or a smaller model, or close other programs that use the memory.",
        details=details | {"tried": list(tried)},
    )


def model_damaged(file: Path, reason: str) -> JobFailed:
    """`reason` is a sentence without its full stop that names the part of the folder."""
    return JobFailed(
        "model_damaged",
        f"The model cannot be loaded: {reason}.",
        "Install the model again, or choose another one.",
        details={"file": str(file), "reason": reason},
    )


def weights_missing(file: Path, what: str, missing: Sequence[str]) -> JobFailed:
    """`what` is the file or the part of a model that lacks them."""
    failure = model_damaged(file, f"{what} lacks {len(missing)} weights, e.g. {missing[0]}")
    failure.missing = tuple(missing)
    return failure


def disk_full(path: Path) -> JobFailed:
    return JobFailed(
        "disk_full",
        "The disk is full: the result cannot be saved.",
        f"Free some space on the disk that holds {path}, then run the job again.",
        details={"path": str(path)},
    )


def no_picture(stage: str) -> JobFailed:
    return JobFailed(
        "internal",
        f"The model produced no valid picture: {stage} gave values that are not numbers.",
        "Try another sampler or a lower guidance. If it stays, the model may be damaged.",
        details={"stage": stage},
    )


def internal(error: BaseException) -> JobFailed:
    """Something nobody thought of; the trace is in the log, not here."""
    return JobFailed(
        "internal",
        f"The engine failed while computing ({type(error).__name__}).",
        "Try again. If it stays, please report it with the log file engine.log.",
        details={"type": type(error).__name__},
    )
