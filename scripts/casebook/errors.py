"""The exceptions that reach the user as a message instead of a traceback."""

from __future__ import annotations


class CasebookError(Exception):
    """Something that the user can mend.

    Args:
        reason: what is wrong, in one sentence.
        file: the file it is about, if there is one.
        record: the 1-based number of the record in that file, if it is about one.
        fix: what to do about it.
    """

    def __init__(
        self,
        reason: str,
        *,
        file: object | None = None,
        record: int | None = None,
        fix: str | None = None,
    ) -> None:
        self.reason, self.file, self.record, self.fix = reason, file, record, fix
        where = "" if file is None else f"{file}: "
        if record is not None:
            where += f"record {record}: "
        super().__init__(f"{where}{reason}" + (f"\nFix: {fix}" if fix else ""))


class Refused(Exception):
    """The file cannot be read as a whole: nothing of it is landed.

    Args:
        reason: why, and what to do about it, in one line.
    """
