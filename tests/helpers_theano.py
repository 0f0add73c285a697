"""Processes of Python in an environment that does not set Theano up."""
import os
import subprocess
import sys

from conftest import ROOT

CLEAN = ('THEANO_FLAGS', 'THEANORC', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')


def clean(**changes):
    """The environment without what sets Theano up, with these changes; side by side, tests have homes of their own."""
    environment = {name: value for name, value in os.environ.items() if name not in CLEAN}
    if 'PYTEST_XDIST_WORKER' in environment:                # or one would wait, and say so, for another's compile lock
        home = os.path.expanduser('~/.theano/home-' + environment['PYTEST_XDIST_WORKER'])
        os.makedirs(home, exist_ok=True)
        environment['HOME'] = home
    return {**environment, **changes}


def python(*arguments, cwd=ROOT, **environment):
    """A finished process of Python."""
    return subprocess.run([sys.executable, '-W', 'ignore', *arguments], cwd=str(cwd), env=clean(**environment),
                          timeout=300, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
