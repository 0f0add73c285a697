"""The parser of name=value: what it takes, what it refuses in one line, its help."""
import os
import shlex

import numpy as np
import pytest

from run import settings
from run.settings import SettingError, parse

RULES = {'trials': settings.POSITIVE_INT, 'ds1': settings.PAIR, 'rate': (settings.is_number, 'a finite number'),
         'fast': settings.BOOL, 'runs': settings.names_from(('a', 'b')), 'out': settings.TEXT}
DEFAULTS = {'trials': 10, 'ds1': (2, 2), 'rate': 0.5, 'fast': False, 'runs': 'a', 'out': '', 'other': None}


def parsed(*arguments, **keywords):
    return parse('What it does.', DEFAULTS, RULES, list(arguments), **keywords)


def test_defaults_with_the_arguments_in_their_place():
    assert parsed() == {name: DEFAULTS[name] for name in RULES}
    found = parsed('trials=3', 'ds1=(4, 4)', 'rate=1', 'fast=True', 'runs=b,a', 'out=a=b')
    assert found == dict(trials=3, ds1=(4, 4), rate=1, fast=True, runs='b,a', out='a=b')


def test_plain_text_stays_text_where_text_is_due():
    assert parsed('out=123')['out'] == '123' and parsed("out='quoted'")['out'] == 'quoted'
    assert parsed('out=(1,')['out'] == '(1,'


def test_positional_arguments_come_as_a_list():
    found = parsed('net.npz', './c=d.png', 'trials=2', positional=1)
    assert found['positional'] == ['net.npz', './c=d.png'] and found['trials'] == 2
    with pytest.raises(SettingError, match='^1 arguments: must be at least 2, as --help tells$'):
        parsed('net.npz', positional=2)


@pytest.mark.parametrize('argument, line', [
    ('trails=3',
     'trails=3: no setting of this name, did you mean trials?; known are trials, ds1, rate, fast, runs, out'),
    ('TRIALS=3', 'TRIALS=3: no setting of this name, did you mean trials?; known are trials, ds1, '),
    ('xyz=3', 'xyz=3: no setting of this name; known are trials, ds1, rate, fast, runs, out'),
    ('trials', 'trials: must be name=value; known are trials, ds1, rate, fast, runs, out'),
    ('', "'': must be name=value"),
    ('trials=0', 'trials = 0: must be a whole number from 1 to 1000000000'),
    ('runs=c', "runs = 'c': must be names separated by commas, of a, b"),
    ('runs=', "runs = '': must be names"),
    ('rate=nan', "rate = 'nan': must be a finite number"),
    ('trials=__import__("os").getpid()', 'trials = \'__import__("os").getpid()\': must be'),
    ('trials=' + '(' * 100000, "trials = '(((("),
    ('trials=' + '9' * 5000, 'trials = '),
])
def test_what_is_wrong_is_one_line_of_bounded_length(argument, line):
    with pytest.raises(SettingError) as error:
        parsed(argument)
    assert str(error.value).startswith(line) and len(str(error.value)) < 500 and error.value.status == 2


def test_values_that_no_rule_expects_are_refused_and_not_a_traceback():
    for value in (np.zeros(3), [], {}, None, 1j, object()):
        with pytest.raises(SettingError, match='^trials = '):
            parse('', dict(DEFAULTS, trials=value), RULES, [])


@pytest.mark.parametrize('word', ['-h', '--help', 'help'])
def test_help_prints_what_the_script_does_and_every_setting(word, capsys):
    with pytest.raises(SystemExit) as stopped:
        parsed('trials=3', word)
    out = capsys.readouterr().out
    assert stopped.value.code == 0 and out.startswith('What it does.\n')
    assert '    trials=10    a whole number from 1 to 1000000000\n' in out
    assert '    "ds1=(2,2)"  two whole numbers' in out
    assert out.count('\n') == 4 + len(RULES)


@pytest.mark.parametrize('value', [(4, 4), 0.5, True, 'conv-full', "it's", 'two words', '$HOME', 'a"b', 'a\\b', '!1',
                                   ''])
def test_a_setting_as_typed_is_the_same_after_a_shell(value):
    """As the shell's own rules take it apart."""
    word, = shlex.split(settings.typed('name', value))
    name, _, text = word.partition('=')
    assert name == 'name' and settings.value_of(text, value) == value


def test_files_are_named_with_their_suffix_in_a_folder_that_is_there(tmp_path):
    allowed, what = settings.file_named('.png', '.pdf')
    assert what == "'' or a file FILE.png or FILE.pdf in a folder that exists and can be written"
    assert allowed('') and allowed(str(tmp_path / 'a.PNG')) and allowed(str(tmp_path / 'b.pdf'))
    (tmp_path / 'c.png').mkdir()
    for wrong in (str(tmp_path / 'a.txt'), str(tmp_path / 'nowhere' / 'a.png'), str(tmp_path / 'c.png'), 'a\0.png'):
        assert not allowed(wrong)
    long = 240 * 'n'                        # the file's own name fits, that of its unfinished version does not
    assert not allowed(str(tmp_path / (long + '.png'))) and os.listdir(str(tmp_path)) == ['c.png']
    (tmp_path / 'link.png').symlink_to('nowhere/a.png')
    assert not allowed(str(tmp_path / 'link.png'))
