"""Files that one process at a time may use."""
import contextlib
import os

from datasets.files import FileError
try:
    import fcntl
except ImportError:                              # not on Windows: there, two runs are not told apart
    fcntl = None


def lock(path):
    """A file of this name that only this process holds, until unlock() or its end. Raises FileError."""
    try:
        while True:
            file = open(path, 'w')
            if fcntl is None:
                return file
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FileError('%s: another run is using it' % path[:-len('.lock')])
            except OSError:                                      # a file system without locks
                return file
            with contextlib.suppress(FileNotFoundError):         # its last holder has removed it meanwhile: try again
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    return file
    except OSError as error:
        raise FileError('%s: cannot be written: %s' % (path, error.strerror))


def unlock(file):
    os.unlink(file.name)
    file.close()
