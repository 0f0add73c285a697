"""Modules compiled side by side: by a compiler that writes down when it begins and ends, beside Theano without it."""
from theano_setup import environment
import os
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT

CODE = '''if True:
    import sys
    from theano_setup import loading
    if sys.argv[1] == 'without':
        patches = loading.patches()
        loading.patches = lambda: [patch for patch in patches if not patch.__name__.endswith('side_by_side')]
    from theano_setup import theano
    import numpy as np
    import theano.tensor as T
    x, y = T.fmatrices(2)
    parts = [T.dot(x, y), T.exp(x).sum(), T.cos(x).max(axis=1), T.sort(y)]
    f = theano.function([x, y], parts)
    A = np.arange(6, dtype='float32').reshape(2, 3) / 7
    for part in f(A, A.T.copy()):
        print(np.asarray(part).tolist())'''


def run(folder, how):
    """(what is printed, [(first word, time in ns, number of the process, name of the C)]) of a process."""
    compiler, said = folder / 'g++', folder / ('said-' + how)
    compiler.write_text('#!/bin/sh\ncase "$*" in *mod.cpp*) ;; *) exec "%s" "$@";; esac\n'
                        'hash=$(cat $(echo "$@" | tr " " "\\n" | grep mod.cpp) | md5sum | cut -c -32)\n'
                        'echo begin $(date +%%s%%N) $hash >> "%s"\n"%s" "$@"; status=$?\n'
                        'echo end $(date +%%s%%N) $hash >> "%s"; exit $status\n' % (
                            shutil.which('g++'), said, shutil.which('g++'), said))
    compiler.chmod(0o755)
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', CODE, how], cwd=ROOT, timeout=300, check=True,
                          stdout=subprocess.PIPE, universal_newlines=True, env=dict(
                              os.environ, THEANO_FLAGS='cxx=%s,base_compiledir=%s' % (compiler, folder / how)))
    events = [line.split() for line in said.read_text().splitlines()]
    return done.stdout, sorted(events, key=lambda words: int(words[1]))


@pytest.mark.skipif(environment.cores() < 2, reason='one core compiles one after the other')
@pytest.mark.skipif(not sys.platform.startswith('linux') or not shutil.which('g++'), reason='for GCC on Linux')
def test_the_same_modules_are_compiled_but_side_by_side(tmp_path):
    printed, compiled = {}, {}
    for how in ('with', 'without'):
        printed[how], events = run(tmp_path, how)
        at_work, most = 0, 0
        for event in events:
            at_work += 1 if event[0] == 'begin' else -1
            most = max(most, at_work)
        # while Theano compiles cutils, which is no Op's module, in its own way, others are at work
        assert at_work == 0 and (1 < most <= environment.cores() + 1 if how == 'with' else most == 1)
        compiled[how] = sorted(words[2] for words in events if words[0] == 'begin')
        assert not [path for path in (tmp_path / how).glob('*/tmp*') if not list(path.glob('*.so'))]   # no leftovers
    assert printed['with'] == printed['without'] != ''
    assert compiled['with'] == compiled['without'] and len(compiled['with']) >= 4         # none twice, none for nothing
