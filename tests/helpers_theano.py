"""Processes of Python in an environment that does not set Theano up."""
import os
import subprocess
import sys

from conftest import ROOT

CLEAN = ('THEANO_FLAGS', 'THEANORC', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')


def clean(**changes):
    """The environment without what sets Theano up, with these changes."""
    return {**{name: value for name, value in os.environ.items() if name not in CLEAN}, **changes}


def python(*arguments, cwd=ROOT, **environment):
    """A finished process of Python."""
    return subprocess.run([sys.executable, '-W', 'ignore', *arguments], cwd=str(cwd), env=clean(**environment),
                          timeout=300, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
