"""How a program ends: every known way has a reason, and the reason has an exit code."""

from __future__ import annotations

import errno

from ..contract import EXIT_CODES, FunnelRow


class KernelError(Exception):
    """A known ending other than success.

    `reason` is one of the contract's reasons; `message` is one sentence: what, where, how to fix it.
    """

    def __init__(self, reason: str, message: str, funnel: list[FunnelRow] | None = None) -> None:
        """`funnel`: where the documents went, if that is why."""
        if reason not in EXIT_CODES:
            raise KeyError(f"{reason} is no reason of the contract")
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.funnel = funnel

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.reason]


def error_for(error: BaseException) -> KernelError:
    """The ending that an exception stands for; what is not known is an InternalError."""
    if isinstance(error, KernelError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return KernelError(
            "DiskFull", f"the disk is full{where}; free space or enlarge the claim, the run then resumes."
        )
    # Rust libraries (tokenizers, safetensors) raise their own types with the operating system's words.
    if "No space left on device" in str(error):
        return KernelError(
            "DiskFull", "the disk is full; free space or enlarge the claim, the run then resumes."
        )
    return KernelError("InternalError", f"{type(error).__name__}: {error}"[:900])
