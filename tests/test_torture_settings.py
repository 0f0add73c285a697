"""Wrong settings through the real command line: one line, status 2, before the log begins."""
import pytest

from conftest import amount, run_script

# Arguments, and how the line begins. The folder has 500 images of 12 x 10 pixels to train.
WRONG = [
    ('eta=nan', 'eta = '), ('W1nch=16.0', 'W1nch = 16.0: '), ('seed=__import__("os").remove("x")', 'seed = '),
    ('W1dim=(13,5)', 'layer 1: Wrow = 13 exceeds Xrow = 12'), ('hidden=full H1=2000000', 'layer 1: H = 2000000: must'),
    ('hidden=conv-conv-full', 'layer 2: Wrow = 5 exceeds Xrow = 4'), ('NL=501', 'NL = 501: '),
    ('nepochs=3', 'nepochs=3: no setting of this name, did you mean nepoch?'),
    # the rest only under TORTURE=1
    ('Wsigma=1e300', 'Wsigma = 1e+300: '), ('ds1=(2,2,2)', 'ds1 = (2, 2, 2): '), ('hidden=', "hidden = '': "),
    ('nepoch=-5', 'nepoch = -5: '), ('data=/dev/null', "data = '/dev/null': "), ('Eta=1', 'Eta=1: '),
    ('W1nch=100000000', 'layer 1: W of shape'),
    ('data=', "data = '': "), ('data=nowhere', "data = 'nowhere': "), ('data=5', "data = '5': "),
    ('data=~', "data = '~': "), ('data=$(reboot)', "data = '$(reboot)': "), ('data=[]', "data = '[]': "),
    ('data=\n', "data = '\\n': "), ('NL=0', 'NL = 0: '), ('NL=1e9', 'NL = 1000000000.0: '),
    ('NL=inf', 'NL = '), ('NL=', 'NL = '), ('hidden=conv,full', 'hidden = '), ('hidden=0', "hidden = '0': "),
    ('hidden=CONV', "hidden = 'CONV': "), ('W1dim=5', 'W1dim = 5: '), ('W1dim=(0,5)', 'W1dim = (0, 5): '),
    ('W1dim=(-5,-5)', 'W1dim = (-5, -5): '), ('W1dim=(5,5.0)', 'W1dim = (5, 5.0): '),
    ('W1dim=(1000000000,1)', 'layer 1: Wrow'),
    ('W2dim=()', 'W2dim = (): '), ('hidden=conv-conv', 'layer 2: Wrow = 5 exceeds Xrow = 4'),
    ('W2dim=(5,nan)', 'W2dim = '),
    ('W1nch=0', 'W1nch = 0: '), ('W1nch=-16', 'W1nch = -16: '), ('W1nch=99999999999999999999', 'W1nch = '),
    ('W1nch=300000', 'layer 1: H = 3600000'), ('W2nch=True', 'W2nch = True: '), ('W2nch=1e400', 'W2nch = inf: '),
    ('ds1=0', 'ds1 = 0: '), ('ds1=(2,0)', 'ds1 = (2, 0): '), ('ds1=(2,-2)', 'ds1 = (2, -2): '),
    ('ds2=[2,2]', 'ds2 = [2, 2]: '),
    ('ds2="2,2;rm"', "ds2 = '2,2;rm': "), ('afunc1=relu', "afunc1 = 'relu': "),
    ('afunc1=lambda', "afunc1 = 'lambda': "),
    ('afunc2=softmax', "afunc2 = 'softmax': "), ('afunc2=', "afunc2 = '': "), ('H1=0', 'H1 = 0: '),
    ('hidden=full H1=1000000000', 'layer 1: W of shape'), ('H2=4e2', 'H2 = 400.0: '), ('H2=' + '(' * 500, "H2 = '((("),
    ('hidden=full-full-full H3=2000000', 'layer 3: W of shape'), ('H3=-1', 'H3 = -1: '),
    ('afunc3=Tanh', "afunc3 = 'Tanh': "),
    ('withBias=yes', "withBias = 'yes': "), ('withBias=1', 'withBias = 1: '), ('Wsigma=-1', 'Wsigma = -1: '),
    ('Wsigma=', "Wsigma = '': "), ('Wsigma=1e999', 'Wsigma = inf: '), ('eta=0', 'eta = 0: '),
    ('eta=-0.5', 'eta = -0.5: '),
    ('eta=1e31', 'eta = 1e+31: '), ('eta=1j', 'eta = 1j: '), ('eta=exec("1")', 'eta = '),
    ('eta=' + '-' * 100000 + '1', 'eta = '),
    ('mu=1', 'mu = 1: '), ('mu=-0.1', 'mu = -0.1: '), ('mu=None', 'mu = None: '), ('batchsize=0', 'batchsize = 0: '),
    ('batchsize=501', 'batchsize = 501: must be at most NL = 500'), ('batchsize=100.0', 'batchsize = 100.0: '),
    ('nepoch=1.5', 'nepoch = 1.5: '), ('nepoch=inf', 'nepoch = '), ('interval=0', 'interval = 0: '),
    ('interval={}', 'interval = {}: '), ('seed=-1', 'seed = -1: '), ('seed=4294967296', 'seed = 4294967296: '),
    ('seed=0.5', 'seed = 0.5: '), ('seed=' + '9' * 100000, 'seed = '), ('nepoch', 'nepoch: '), ('=', '=: '),
    ('--halp', '--halp: '),
    ('a\nb=1', 'a\\nb=1: '), ('save=.npz/a', "save = '.npz/a': "),
    ('checkpoint=a.txt', "checkpoint = 'a.txt': "), ('resume=True', 'resume = True: '),
    ('change=W1nch', "change = 'W1nch': "),
]


@pytest.mark.parametrize('arguments, line', amount(WRONG[:8], WRONG), ids=lambda text: text[:30])
def test_a_wrong_setting_is_one_line_and_status_2(folder, arguments, line):
    run = run_script('data=' + folder, 'NL=500', *(arguments.split(' ') if 'hidden=full' in arguments else [arguments]))
    assert run.returncode == 2 and run.stdout == ''
    assert run.stderr.startswith(line) and run.stderr.count('\n') == 1 and len(run.stderr) < 1000
