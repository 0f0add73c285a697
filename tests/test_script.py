"""How a script ends: one line and the right status, whatever the streams are; in IPython the session goes on."""
import os
import subprocess
import sys

import pytest

from conftest import ROOT, prompt
from datasets.files import FileError
from run import script
from run.settings import SettingError

NO_SPACE = OSError(28, 'No space left on device', 'a.npz')


@pytest.mark.parametrize('error, status, line', [
    (SettingError('eta = 0: must be'), 2, 'eta = 0: must be'),
    (FileError('a.npz: damaged'), 1, 'a.npz: damaged'),
    (SettingError('two\nlines \x1b[31m'), 2, 'two\\nlines \\x1b[31m'),
    (KeyboardInterrupt(), 130, 'stopped by Ctrl-C; the rest is lost'),
    (MemoryError('No 1 TiB'), 2, 'out of memory: No 1 TiB: a smaller net or minibatch takes less'),
    (NO_SPACE, 1, 'a.npz: No space left on device'),
    (OSError(5, 'Input/output error'), 1, 'system: Input/output error'),
    (OSError('plain words'), 1, 'system: plain words'),
    (BrokenPipeError(32, 'Broken pipe'), 141, 'stdout: Broken pipe'),
    (PermissionError(13, 'Permission denied', '/root/x'), 1, '/root/x: Permission denied'),
], ids=repr)
def test_what_a_user_can_mend_is_one_line_and_a_status(error, status, line, capsys):
    with pytest.raises(SystemExit) as stopped, script.ending('; the rest is lost'):
        raise error
    assert stopped.value.code == status and capsys.readouterr().err == line + '\n'


def test_a_fault_of_the_code_keeps_its_traceback(capsys):
    with pytest.raises(ZeroDivisionError), script.ending():
        1 / 0
    assert capsys.readouterr().err == ''


def test_a_script_that_ends_well_says_nothing(capsys):
    with script.ending():
        pass
    with pytest.raises(SystemExit) as stopped, script.ending():
        sys.exit(0)
    assert stopped.value.code == 0 and capsys.readouterr() == ('', '')


def test_a_layer_that_cannot_be_is_named():
    with pytest.raises(SettingError, match='^layer 2: Wrow = 5 exceeds Xrow = 4$') as error, script.named('layer 2'):
        raise ValueError('Wrow = 5 exceeds Xrow = 4')
    assert error.value.status == 2


SCRIPT = '''
import sys
sys.path.insert(0, %r)
from run import script
with script.ending():
    for n in range(20000):
        print('# line', n, '\\u00e9', flush=True)
''' % ROOT


def run_with(redirections, **environment):
    command = 'set -o pipefail; %s -c "$SCRIPT" %s' % (sys.executable, redirections)
    return subprocess.run(command, shell=True, executable='/bin/bash', stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, 'SCRIPT': SCRIPT, **environment})


@pytest.mark.parametrize('unbuffered', ['', '1'])
@pytest.mark.parametrize('redirections, status, err', [
    ('| head -3', 141, b'stdout: Broken pipe\n'),
    ('> /dev/full', 1, b'stdout: No space left on device\n'),
    ('>&-', 141, b'stdout is closed: there is nowhere to print the log\n'),
    ('2>&-', 0, b''),
    ('2>&- | head -3', 141, b''),
    ('> /dev/full 2>&-', 1, b''),
])
def test_streams_that_fail_are_one_line(redirections, status, err, unbuffered):
    run = run_with(redirections, PYTHONUNBUFFERED=unbuffered)
    if unbuffered:                              # nothing is left in it to see that it is stdout that is full
        err = err.replace(b'stdout: No space', b'system: No space')
    assert (run.returncode, run.stderr) == (status, err)
    assert run.stdout.count(b'\n') == (3 if 'head' in redirections else 20000 if redirections == '2>&-' else 0)


def test_an_encoding_without_the_letter_spells_it_out():
    run = run_with('| tail -1', PYTHONIOENCODING='ascii')
    assert (run.returncode, run.stdout, run.stderr) == (0, b'# line 19999 \\xe9\n', b'')


def test_in_ipython_the_session_prints_on_after_any_error(ipython, tmp_path):
    """%run of scripts that end in errors of every kind: one line, no traceback, and stdout is still the terminal's."""
    path = tmp_path / 'mine.py'
    for error, line in [("OSError(28, 'No space left on device', 'a.npz')", 'a.npz: No space left on device'),
                        ("BrokenPipeError(32, 'Broken pipe')", 'stdout: Broken pipe'),
                        ("OSError('words')", 'system: words'),
                        ('KeyboardInterrupt', 'stopped by Ctrl-C'), ("SettingError('eta = 0')", 'eta = 0'),
                        ("MemoryError('1 TiB')", 'out of memory: 1 TiB')]:
        path.write_text('from run import script\nfrom run.settings import SettingError\nprint("begun")\n'
                        'with script.ending():\n    raise %s\n' % error)
        shown = prompt(ipython, '%%run %s' % path)
        assert 'begun\n' + line in shown and 'Traceback' not in shown and 'SystemExit' not in shown
        assert '\n42' in prompt(ipython, 'print(6 * 7)')
