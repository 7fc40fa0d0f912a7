"""The tree of errors: every failure a user can cause or mend is one of these.

A message is one sentence that says what was given, what is allowed and what to do. `exit_code` is what the command
line returns: 2 where the command itself was wrong, 1 where the work failed.
"""

import difflib
from collections.abc import Iterable


class DanqingError(Exception):
    """The root: catch this to catch whatever Danqing itself refuses."""

    exit_code = 1


class WishError(DanqingError):
    """A wish that cannot be painted: a size, a palette, a seed, a picture or an option the painter cannot honour."""

    exit_code = 2


class ConfigError(DanqingError):
    """A setting that does not exist, or a value outside its range."""

    exit_code = 2


class DataError(DanqingError):
    """A set or source of pictures that cannot be read, found or written."""


class PictureError(DataError):
    """One picture file that is left out; the message is the reason shown beside its path."""


class PainterError(DanqingError):
    """A painter that does not exist or whose files are damaged."""


class TrainingError(DanqingError):
    """Training that cannot start, continue or go on (a NaN, a changed configuration)."""


class AssetError(DanqingError):
    """A pretrained network or tool that is not at hand."""


class OutputError(DanqingError):
    """A place that cannot be written to."""


class StudioError(DanqingError):
    """Something the studio refuses to do for whoever asks."""


class MissingError(StudioError):
    """A job, painting, board, picture or user that is not there, or is somebody else's."""


class ConflictError(StudioError):
    """Something that cannot be done in the state things are in: a job that has ended, a name that is taken."""


class LoginError(StudioError):
    """Nobody is logged in, or the name, password or key is wrong."""


class RightsError(StudioError):
    """Whoever is logged in may not do this, or it was asked from another site."""


class BusyError(StudioError):
    """More than the studio takes at once: too many wishes waiting, too many tries."""


def choices(given: str, allowed: Iterable[str]) -> str:
    """Words for "what is allowed": the close match first where there is one, then every allowed name."""
    names = sorted(allowed)
    close = difflib.get_close_matches(given, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}allowed are: {', '.join(names) or 'none'}"
