"""Files that one process at a time may use."""
import contextlib
import os

from datasets.files import FileError
try:
    import fcntl
except ImportError:                              # not on Windows: there, two runs are not told apart
    fcntl = None


def lock(path):
    """A file PATH.lock that only this process holds, until unlock() or its end. Raises FileError.

    A link and what it leads to are one path.
    """
    beside = os.path.realpath(path) + '.lock'
    try:
        while True:
            file = open(beside, 'w')
            if fcntl is None:
                return file
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FileError('%s: another run is using it' % path)
            except OSError:                                      # a file system without locks
                return file
            with contextlib.suppress(FileNotFoundError):         # its last holder has removed it meanwhile: try again
                if os.path.samestat(os.fstat(file.fileno()), os.stat(beside)):
                    return file
    except OSError as error:
        raise FileError('%s.lock: cannot be written: %s' % (path, error.strerror))


def unlock(file):
    with contextlib.suppress(OSError):                           # removed meanwhile, or its folder is
        os.unlink(file.name)
    file.close()
