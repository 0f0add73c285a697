"""What every script needs of files: one written whole or not at all, and text that stays on one line."""
import contextlib
import os


class FileError(Exception):
    """A file that cannot be written, or is not what it should be: one line that names it."""
    status = 1

    def __init__(self, line):
        super().__init__(one_line(line))


def one_line(text):
    """text as a line that can be printed: line feeds, escapes and the like are spelt out."""
    return ''.join(c if c.isprintable() else c.encode('unicode_escape').decode() for c in str(text))


def part_of(path):
    """How the names of a file's unfinished versions begin, in the same folder; they end in .part."""
    folder, name = os.path.split(os.path.realpath(path))        # what a link leads to is written, the link stays
    return os.path.join(folder, '.%s-' % name)


def new_part(path):
    return '%s%s.part' % (part_of(path), os.urandom(4).hex())


def can_be_written(path):
    """Whether write_whole could put a file there: tried, with an empty one of the longest name that it takes."""
    part = new_part(path)
    try:
        open(part, 'xb').close()
    except OSError:
        return False
    with contextlib.suppress(FileNotFoundError):         # another run has tidied up
        os.unlink(part)
    return True


def write_whole(path, content):
    """Puts bytes into a file that keeps what it had until the new ones are safe on disk. Raises FileError."""
    part = new_part(path)
    try:
        try:
            with open(part, 'xb') as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, os.path.realpath(path))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
            raise
        sync_folder(os.path.dirname(part))
    except OSError as error:
        raise FileError('%s: cannot be written: %s' % (path, error.strerror))


def sync_folder(folder):
    """Makes the names in a folder outlive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
