"""How a script ends: whatever is the user's to mend is one line on stderr, and a status other than 0.

    with script.ending():
        main()

An exception that has a `status` is such a line; every other one is a fault of the code and keeps its traceback.
"""
import builtins
import contextlib
import os
import sys

from datasets.files import one_line
from run.settings import SettingError


def in_ipython():
    return hasattr(builtins, 'get_ipython')


def stop(message, status=2):
    """Ends the script with one line on stderr and an exit status: 2 for a wrong setting.

    In IPython, where nobody asks for the status and another than 0 is shown as a traceback, with 0.
    """
    print(one_line(message), file=sys.stderr)
    sys.exit(0 if in_ipython() else status)


@contextlib.contextmanager
def ending(after_ctrl_c=''):
    """Ends the script in one line where the block raises what its user can mend; after_ctrl_c is added at Ctrl-C."""
    check_streams()
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        stop('stopped by Ctrl-C' + after_ctrl_c, 130)
    except MemoryError as error:
        stop('out of memory: %s: a smaller net or minibatch takes less' % error)
    except OSError as error:
        broken_pipe = isinstance(error, BrokenPipeError)
        where = error.filename or ('stdout' if stdout_fails() or broken_pipe else 'system')
        stop('%s: %s' % (where, error.strerror or error), 141 if broken_pipe else 1)
    except Exception as error:
        if not hasattr(error, 'status'):
            raise
        stop(error, error.status)


def stdout_fails():
    """Whether what stdout still holds cannot be written; it is then thrown away."""
    try:
        sys.stdout.flush()
        return False
    except (OSError, ValueError):
        if not in_ipython():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True


@contextlib.contextmanager
def named(where):
    """Puts 'where: ' before the ValueError of a layer that cannot be."""
    try:
        yield
    except ValueError as error:
        raise SettingError('%s: %s' % (where, error)) from None


def check_streams():
    """stderr may be closed, stdout not; both spell out what their encoding does not have, such as a folder's name."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, 'w')              # print() would take stdout instead
    if sys.stdout is None:
        stop('stdout is closed: there is nowhere to print the log', status=141)
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, 'errors', None) == 'strict' and hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
