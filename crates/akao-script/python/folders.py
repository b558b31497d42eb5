"""Empties the folders that a run may write to."""

import os
import stat


def clear(folder, mode):
    """Removes what is in a folder and gives it back its mode. Inner folders are moved up before they are entered, so that
    no path is longer than two names and nothing is done by recursion, however deep it goes."""
    if stat.S_IMODE(os.stat(folder).st_mode) != mode:
        os.chmod(folder, mode)
    for name in attributes(folder):
        os.removexattr(folder, name)
    entries = list(os.scandir(folder))
    number = 0
    while entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, stat.S_IRWXU)
            for inner in list(os.scandir(entry.path)):
                if inner.is_dir(follow_symlinks=False):
                    # One that may not be written can be moved only by who may write it.
                    os.chmod(inner.path, stat.S_IRWXU)
                    while True:
                        target = os.path.join(folder, f".gone-{number}")
                        number += 1
                        if not os.path.lexists(target):
                            break
                    os.rename(inner.path, target)
                else:
                    os.unlink(inner.path)
            os.rmdir(entry.path)
        entries = list(os.scandir(folder))
    # The times of the folder would tell the next run of this one, and could be set to tell it something.
    os.utime(folder, (0, 0))


def attributes(folder):
    try:
        return [name for name in os.listxattr(folder) if name.startswith("user.")]
    except OSError:
        # The file system has none.
        return []
