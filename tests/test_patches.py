"""Patches of what does not work: the compile lock, and what of Theano the project itself does not use."""
import os
import shutil

import numpy as np
import pytest
import theano.tensor as T

from theano_setup import theano


# ---- the lock

@pytest.fixture
def lock_folder():
    path = os.path.join(theano.config.compiledir, 'lock_dir')
    assert not os.path.exists(path)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_an_error_while_compiling_lets_go_of_the_lock(lock_folder):
    class Nonsense(theano.Op):
        def make_node(self, x):
            return theano.Apply(self, [x], [x.type()])

        def c_code(self, *_):
            return 'this is no C;'

    with pytest.raises(Exception, match='Compilation failed'):
        theano.function([], Nonsense()(T.constant([1.])), mode=theano.Mode('c', None))
    assert not os.path.exists(lock_folder)


def test_a_lock_half_taken_is_let_go_of(lock_folder, monkeypatch):
    from theano.gof import compilelock

    def refresh_lock(path):
        assert os.path.isdir(lock_folder)
        raise KeyboardInterrupt
    monkeypatch.setattr(compilelock, 'refresh_lock', refresh_lock)
    with pytest.raises(KeyboardInterrupt):
        with compilelock.lock_ctx():
            pass
    assert not os.path.exists(lock_folder)


def test_ctrl_c_while_waiting_leaves_the_lock_of_another_process(lock_folder, monkeypatch):
    from theano.gof import compilelock

    def sleep(seconds):
        raise KeyboardInterrupt
    os.mkdir(lock_folder)
    with open(os.path.join(lock_folder, 'lock'), 'w') as file:
        file.write('%d_1_%s\n' % (os.getppid(), compilelock.hostname))
    monkeypatch.setattr(compilelock.time, 'sleep', sleep)
    with pytest.raises(KeyboardInterrupt):
        with compilelock.lock_ctx():
            pass
    assert os.path.exists(os.path.join(lock_folder, 'lock'))


# ---- what of Theano the project itself does not use

def test_scan():
    A, k = T.dvector(), T.iscalar()
    powers, updates = theano.scan(lambda power, A: power * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    f = theano.function([A, k], [powers, theano.grad(powers[-1].sum(), A)], updates=updates)
    x = np.array([0.5, 2, 3])
    values, gradient = f(x, 4)
    np.testing.assert_allclose(values, x ** np.arange(1, 5)[:, None])
    np.testing.assert_allclose(gradient, 4 * x ** 3)


def test_a_scan_within_a_scan():
    """The inner one is a node of what the outer one compiles."""
    x, k = T.dscalar(), T.iscalar()

    def power(n, x):
        return theano.scan(lambda power, x: power * x, outputs_info=T.ones_like(x), non_sequences=x, n_steps=n)[0][-1]

    total = theano.scan(power, sequences=T.arange(1, k + 1), non_sequences=x)[0].sum()        # x + x^2 + ... + x^k
    f = theano.function([x, k], [total, theano.grad(total, x)])
    np.testing.assert_allclose(f(2., 4), [2 + 4 + 8 + 16, 1 + 4 + 12 + 32])


def test_hessian_and_jacobian():
    x = T.dvector()
    y = (x ** 3).sum() + x[0] * x[1]
    H, J = theano.function([x], [theano.gradient.hessian(y, x), theano.gradient.jacobian(x ** 2, x)])([1., 2., 3.])
    np.testing.assert_allclose(H, [[6, 1, 0], [1, 12, 0], [0, 0, 18]])
    np.testing.assert_allclose(J, np.diag([2, 4, 6]))


def test_printing(capsys, tmp_path):
    x = T.dscalar('x')
    f = theano.function([x], 2 * theano.printing.Print('x is')(x))
    assert f(3) == 6 and capsys.readouterr().out == 'x is __str__ = 3.0\n'
    text = theano.printing.debugprint(f, file='str')
    assert 'Elemwise{mul' in text and 'Print{message=\'x is\'' in text
    assert theano.printing.pprint(x + 1) == '(x + TensorConstant{1})'
    if theano.printing.pydot_imported:
        theano.printing.pydotprint(f, outfile=str(tmp_path / 'graph.png'))
        assert (tmp_path / 'graph.png').stat().st_size


def test_debug_mode():
    x = T.dmatrix()
    f = theano.function([x], T.exp(T.dot(x, x.T)).sum(axis=0), mode='DebugMode')
    X = np.arange(6.).reshape(2, 3) / 10
    np.testing.assert_allclose(f(X), np.exp(X @ X.T).sum(axis=0))
