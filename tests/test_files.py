"""Files that are written whole or not at all."""
import os
import resource
import stat
import subprocess
import sys

import pytest

from conftest import ROOT
from datasets.files import FileError, one_line, write_whole


def test_a_file_is_written_and_replaced_with_the_permissions_of_any_new_file(tmp_path):
    path, plain = tmp_path / 'a', tmp_path / 'plain'
    plain.write_bytes(b'')
    for content in (b'one', b'two'):
        write_whole(path, content)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    assert sorted(os.listdir(str(tmp_path))) == ['a', 'plain']


def test_what_a_link_leads_to_is_written(tmp_path):
    (tmp_path / 'folder').mkdir()
    os.symlink('folder/a', str(tmp_path / 'link'))
    write_whole(tmp_path / 'link', b'content')
    assert (tmp_path / 'folder' / 'a').read_bytes() == b'content' and (tmp_path / 'link').is_symlink()


@pytest.mark.parametrize('name, words', [('nowhere/a', 'No such file'), ('folder', 'directory')])
def test_what_cannot_be_written_is_named_in_one_line(tmp_path, name, words):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(FileError, match='%s: cannot be written: .*%s' % (name, words)) as error:
        write_whole(str(tmp_path / name), b'content')
    assert '\n' not in str(error.value) and error.value.status == 1
    assert os.listdir(str(tmp_path)) == ['folder'] and not os.listdir(str(tmp_path / 'folder'))


def test_a_file_that_may_not_grow_leaves_the_previous_one(tmp_path):
    path = str(tmp_path / 'a')
    write_whole(path, b'before')
    code = 'from datasets.files import write_whole; write_whole(%r, bytes(1 << 22))' % path
    run = subprocess.run([sys.executable, '-c', code], cwd=ROOT, stderr=subprocess.PIPE, universal_newlines=True,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 21, 1 << 21)))
    assert run.returncode != 0 and 'FileError: %s: cannot be written: File too large' % path in run.stderr
    assert os.listdir(str(tmp_path)) == ['a']
    with open(path, 'rb') as file:
        assert file.read() == b'before'


def test_one_line_spells_out_what_would_spoil_a_line():
    assert one_line('a\nb \x1b[31m\u2028 äß字') == 'a\\nb \\x1b[31m\\u2028 äß字'
