"""Progress and time left, in one line that is rewritten: on a terminal's stderr, or in a notebook; else nothing."""
import contextlib
import os
import sys
import threading
import time


def duration(seconds):
    """1:05, or 2:01:05 from an hour on."""
    minutes, hours = seconds // 60, seconds // 3600
    return '%d:%02d:%02d' % (hours, minutes % 60, seconds % 60) if hours else '%d:%02d' % (minutes, seconds % 60)


class Progress:
    """Shows how much of a total is done, what is going on, and how long the rest will take at the rate so far."""

    def __init__(self, total):
        self.total, self.first, self.last, self.cell = total, None, 0, None
        self.notebook = type(sys.stderr).__module__ == 'ipykernel.iostream'
        self.shown = self.notebook or sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self):
        if self.notebook:
            self.write('')                      # its place is above the log, which it would cut in two
        return self

    def show(self, done, text):
        """A tenth of a second after the last time, or later; done: so many of the total, those before a resume, too."""
        now = time.monotonic()
        if not self.shown or now - self.last < 0.1 and done < self.total:
            return
        if self.first is None:
            self.first = now, done
        self.last = now
        new = done - self.first[1]
        left = ', %s left' % duration((now - self.first[0]) / new * (self.total - done)) if new else ''
        bar = '#' * int(20 * done / self.total)
        self.write('%s [%-20s] %.0f %%%s' % (text, bar, 100 * done / self.total, left))

    def write(self, line):
        if self.notebook:
            from IPython.display import display
            if self.cell is None:
                self.cell = display({'text/plain': line}, raw=True, display_id=True)
            else:
                self.cell.update({'text/plain': line}, raw=True)
            return
        width = 80
        with contextlib.suppress(OSError, ValueError, AttributeError):      # asked each time: it may be made narrower
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        print('\r\x1b[K' + line[:width - 1], end='', file=sys.stderr, flush=True)

    def clear(self):
        """Makes room for a line of the log."""
        if self.shown and self.last and not self.notebook:
            self.write('')

    def __exit__(self, *_):
        if self.shown and self.last:
            self.write('')


@contextlib.contextmanager
def said_if_slow(seconds, text):
    """Says the text on stderr where the block takes longer than so many seconds."""
    timer = threading.Timer(seconds, print, [text], {'file': sys.stderr, 'flush': True})
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
