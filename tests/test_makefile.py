"""The README's first command, where something is missing: one line that says what, and how to get it."""
import os
import shutil
import subprocess

import pytest

from conftest import ROOT

TOOLS = ['make', 'sh', 'touch', 'rm', 'echo', 'env', 'dirname']


@pytest.fixture
def make(tmp_path):
    """Runs make setup in a copy of the project, on a PATH of nothing but the tools named."""
    (tmp_path / 'theano_setup' / 'build').mkdir(parents=True)
    for name in ('Makefile', 'requirements.txt', 'theano_setup/build/requirements.txt'):
        shutil.copy(os.path.join(ROOT, name), str(tmp_path / name))
    bin_folder = tmp_path / 'bin'
    bin_folder.mkdir()

    def run(**scripts):
        for name in TOOLS:
            if shutil.which(name):
                os.symlink(shutil.which(name), str(bin_folder / name))
        for name, text in scripts.items():
            path = bin_folder / name.replace('_', '.').replace('gxx', 'g++')
            path.write_text('#!/bin/sh\n' + text)
            path.chmod(0o755)
        return subprocess.run(['make', 'setup'], cwd=str(tmp_path), env={'PATH': str(bin_folder)}, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return run


def test_no_compiler(make):
    run = make()
    assert run.returncode != 0
    assert run.stdout == 'no C++ compiler: apt-get install g++, dnf install gcc-c++, or xcode-select --install\n'


def test_no_python_that_fits(make):
    run = make(gxx='exit 0', python3='exit 1')
    assert run.returncode != 0
    assert run.stdout == 'no Python 3.8 to 3.14: apt-get install python3-dev python3-venv, or install uv\n'


HEADER_IN = 'case "$2" in *print*) echo %s;; *venv*) exit 1;; esac'


def test_no_headers(make):
    run = make(gxx='exit 0', python3_10=HEADER_IN % '/nowhere/Python.h')
    assert run.returncode != 0
    assert run.stdout == 'no /nowhere/Python.h: apt-get install python3-dev, or dnf install python3-devel\n'


@pytest.mark.parametrize('scripts, chosen', [
    (dict(python3='/Makefile', python3_13='/Makefile'), 'python3'),
    (dict(python3=None, python3_8='/Makefile', python3_13='/Makefile', python3_9='/Makefile'), 'python3.13'),
    (dict(python3='/nowhere/Python.h', python3_12='/Makefile'), 'python3.12'),
])
def test_python3_is_first_where_it_fits_then_the_newest(make, tmp_path, scripts, chosen):
    """None: it does not fit; a path: the header that it names."""
    scripts = {name: HEADER_IN % (str(tmp_path) + path if path == '/Makefile' else path) if path else 'exit 1'
               for name, path in scripts.items()}
    assert make(gxx='exit 0', **scripts).stdout.split('\n')[0] == 'setting up .venv with ' + chosen


def test_uv_is_asked_where_no_python_fits(make):
    run = make(gxx='exit 0', python3='exit 1', uv='echo uv called with "$@"; exit 7')
    assert run.returncode != 0
    assert 'uv called with venv --quiet --seed --python 3.13 .venv' in run.stdout
