"""Empties the folders that a run may write to."""

import os
import stat


class Folder:
    """A folder as it is before anybody has used it."""

    def __init__(self, path):
        self.path = path
        self.mode = stat.S_IMODE(os.stat(path).st_mode)
        self.attributes = attributes(path)

    def clear(self):
        """Removes what is in it and gives it back its mode and attributes. What cannot be undone raises, and ends the server."""
        if stat.S_IMODE(os.stat(self.path).st_mode) != self.mode:
            os.chmod(self.path, self.mode)
        self.restore()
        empty(self.path)
        # The times of the folder would tell the next run of this one, and could be set to tell it something.
        os.utime(self.path, (0, 0))

    def restore(self):
        """Lists of who may do what are attributes, too; they would decide about the files of the next run."""
        now = attributes(self.path)
        for name in now.keys() - self.attributes.keys():
            os.removexattr(self.path, name)
        for name, value in self.attributes.items():
            if now.get(name) != value:
                os.setxattr(self.path, name, value)


def empty(folder):
    """Inner folders are moved up before they are entered, so that no path is longer than two names and nothing is done by
    recursion, however deep it goes."""
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


def attributes(folder):
    try:
        return {name: os.getxattr(folder, name) for name in os.listxattr(folder)}
    except OSError:
        # The file system has none.
        return {}
