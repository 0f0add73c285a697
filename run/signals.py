"""Ctrl-C and SIGTERM, heard at the places where a training can be stopped without losing anything."""
import contextlib
import signal
import threading


class Stopped(Exception):
    """A signal was received, and the training has stopped; status: the exit status of a script that it ends."""

    def __init__(self, name, where):
        super().__init__('stopped by %s %s' % ('Ctrl-C' if name == 'SIGINT' else name, where))
        self.status = 143 if name == 'SIGTERM' else 130


class Signals(list):
    """The names of the signals received so far."""

    def check(self, where):
        """Raises Stopped where a signal has been received; where: words on how far the training is."""
        if self:
            raise Stopped(self[0], where)


@contextlib.contextmanager
def signals_received():
    """Yields Signals, to which SIGINT (Ctrl-C) and SIGTERM are added; in the block they do nothing else."""
    received = Signals()
    if threading.current_thread() is not threading.main_thread():     # signals reach the main thread only
        yield received
        return
    previous = {number: signal.signal(number, lambda number, _: received.append(signal.Signals(number).name))
                for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
