"""Progress on terminals of any width, in notebooks, and nowhere else; by a clock that the tests set."""
import fcntl
import io
import itertools
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading

import pytest

from conftest import ROOT
from run import progress
from run.progress import Progress, duration, said_if_slow


@pytest.mark.parametrize('seconds, text', [(0, '0:00'), (59.9, '0:59'), (65, '1:05'), (3599, '59:59'),
                                           (3600, '1:00:00'),
                                           (7265, '2:01:05'), (360000, '100:00:00')])
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.fixture
def clock(monkeypatch):
    """The time, as a list of one number of seconds."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    return now


class Terminal:
    """A pseudo-terminal of 80 columns in the place of stderr, in a with block."""

    def __enter__(self):
        self.master, slave = pty.openpty()
        self.stream, self.stderr = open(slave, 'w', encoding='utf-8'), sys.stderr
        self.resize(80)
        sys.stderr = self.stream
        return self

    def __exit__(self, *_):
        sys.stderr = self.stderr
        self.stream.close()
        os.close(self.master)

    def resize(self, columns):
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, struct.pack('4H', 24, columns, 0, 0))

    def shown(self):
        """What has been written since the last time, line by line, each without what went before it."""
        self.stream.write('END')
        self.stream.flush()
        text = ''
        while not text.endswith('END'):
            text += os.read(self.master, 4096).decode()
        return re.split(r'\r\x1b\[K', text[:-3])[1:]


def test_a_terminal_shows_how_much_is_done_and_what_is_left(clock):
    with Terminal() as terminal:
        bar = Progress(100)
        bar.show(10, 'epoch 1/10')
        assert terminal.shown() == ['epoch 1/10 [##                  ] 10 %']
        clock[0] += 10
        bar.show(20, 'epoch 2/10')                                  # 10 in 10 s
        assert terminal.shown() == ['epoch 2/10 [####                ] 20 %, 1:20 left']
        clock[0] += 0.05
        bar.show(21, 'epoch 2/10')                                  # too soon
        assert terminal.shown() == []
        bar.clear()                                                 # a line of the log comes
        assert terminal.shown() == ['']
        bar.show(100, 'epoch 10/10')                                # the last one is always shown
        assert terminal.shown() == ['epoch 10/10 [####################] 100 %, 0:00 left']
        bar.__exit__()
        assert terminal.shown() == ['']


def test_more_than_an_hour_is_told_in_hours_and_a_resumed_run_by_its_own_rate(clock):
    with Terminal() as terminal, Progress(10000) as bar:
        bar.show(9000, 'a')                                         # so many were done before
        clock[0] += 60
        bar.show(9008, 'a')
        assert terminal.shown()[-1].endswith('90 %, 2:04:00 left')  # 992 more at 7.5 s each


def test_a_line_fits_a_terminal_that_is_made_narrower(clock):
    with Terminal() as terminal, Progress(100) as bar:
        for columns in (80, 30, 12, 200):
            terminal.resize(columns)
            clock[0] += 1
            bar.show(columns % 100, 'epoch 1/10')
            line, = terminal.shown()
            assert len(line) == min(columns - 1, len(line)) and line.startswith('epoch 1/10 '[:columns - 1])
            assert ('left' in line) == (columns == 200)             # the first has no rate yet, the others no room


@pytest.mark.parametrize('stream', [io.StringIO(), None])
def test_nothing_is_shown_where_there_is_no_terminal(stream, monkeypatch, clock, capsys):
    monkeypatch.setattr(sys, 'stderr', stream)
    with Progress(10) as bar:
        for n in range(1, 11):
            clock[0] += 1
            bar.show(n, 'epoch')
            bar.clear()
    assert (stream is None or stream.getvalue() == '') and capsys.readouterr() == ('', '')


def test_a_block_that_is_slow_says_so_and_one_that_is_not_does_not(capsys):
    said = threading.Event()

    class Stream(io.StringIO):
        def write(self, text):
            said.set()
            return super().write(text)

    stream, stderr = Stream(), sys.stderr
    sys.stderr = stream
    try:
        with said_if_slow(1000, 'slow'):
            pass
        assert stream.getvalue() == ''
        with said_if_slow(0, 'slow'):
            assert said.wait(60)
    finally:
        sys.stderr = stderr
    while stream.getvalue() != 'slow\n':
        pass


NOTEBOOK = '''
import sys
sys.path.insert(0, %r)
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.displaypub import CapturingDisplayPublisher
shell = InteractiveShell.instance()
shell.display_pub = CapturingDisplayPublisher(parent=shell)

class OutStream:                                # as ipykernel has it in the place of stderr: no terminal
    def isatty(self): return False
    def write(self, text): sys.__stderr__.write(text)
    def flush(self): pass

OutStream.__module__ = 'ipykernel.iostream'
sys.stderr = OutStream()
from run import progress
now = [0.0]
progress.time.monotonic = lambda: now[0] + 1000
with progress.Progress(4) as bar:
    for now[0] in (1, 2, 3, 4):
        bar.show(int(now[0]), 'epoch 1/1')
        bar.clear()
for output in shell.display_pub.outputs:
    first = shell.display_pub.outputs[0]
    print(output['data']['text/plain'], output['transient'] == first['transient'], output['update'], sep='|')
'''


def test_in_a_notebook_one_output_is_rewritten():
    """By IPython's own display, into a publisher that keeps what a notebook would be sent."""
    pytest.importorskip('IPython')
    run = subprocess.run([sys.executable, '-c', NOTEBOOK % ROOT], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         universal_newlines=True)
    assert run.returncode == 0 and run.stderr == '', run.stderr
    lines = [line.split('|') for line in run.stdout.splitlines()]
    assert [line[1:] for line in lines] == [['True', 'False']] + 5 * [['True', 'True']]
    assert [line[0] for line in lines] == ['', 'epoch 1/1 [#####               ] 25 %',
                                           'epoch 1/1 [##########          ] 50 %, 0:02 left',
                                           'epoch 1/1 [###############     ] 75 %, 0:01 left',
                                           'epoch 1/1 [####################] 100 %, 0:00 left', '']


def test_in_a_real_notebook_the_log_is_in_one_piece_and_a_mistake_is_one_line():
    """By a kernel of its own: the script's header, one output that is rewritten, and the log."""
    nbclient, nbformat = pytest.importorskip('nbclient'), pytest.importorskip('nbformat')
    pytest.importorskip('ipykernel')
    cells = '%run mnist_convnet.py nepoch=1 data=drawn NL=200', '%run mnist_convnet.py eta=x'
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    shown = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, *rest):
            if 'display' in message['msg_type']:
                shown.append((message['msg_type'], message['content']['data']['text/plain']))
            return super().process_message(message, *rest)

    Client(notebook, timeout=300, kernel_name='python3', resources={'metadata': {'path': ROOT}}).execute()
    first, second = ([(output.get('name', output.output_type), output.get('text', '')) for output in cell.outputs]
                     for cell in notebook.cells)
    pieces = [(name, ''.join(text for _, text in group)) for name, group in itertools.groupby(first, lambda o: o[0])]
    at = [name for name, _ in pieces].index('display_data')
    assert {name for name, _ in pieces[:at]} <= {'stdout', 'stderr'}         # that it compiles, that others are at work
    assert all(line.startswith('# ') for _, text in pieces[:at] for line in text.splitlines())
    assert [name for name, _ in pieces[at + 1:]] == ['stdout', 'stderr'], pieces
    log = pieces[at + 1][1]
    assert re.match(r'### 2-layer convnet\n(#.*\n)+0 .*\n1 .*\n# NT = 10000\n1 .*\n# data: drawn .*\n$', log)
    assert [kind for kind, _ in shown] == ['display_data'] + ['update_display_data'] * (len(shown) - 1)
    assert shown[0][1] == shown[-1][1] == '' and all(text.startswith('epoch 1/1 [') for _, text in shown[1:-1])
    assert 'epoch 1/1 [####################] 100 %' in shown[-2][1]
    assert {name for name, _ in second} == {'stderr'}
    line = ''.join(text for _, text in second)
    assert line.startswith("eta = 'x': must be") and line.count('\n') == 1
