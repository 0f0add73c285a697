"""The project on each Python that is here: `make test-pythons`, or ARGS="-k nnet" for fewer tests.

Sets each up in a folder of its own, .pythons/VERSION, runs the tests, and prints a table: Python, packages, seconds to
set up, tests passed, whether the five forms of nets print the same log, byte for byte, as on the first of them.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FORMS = ['conv', 'conv-conv', 'conv-full', 'full', 'full-full']
RUN = ['NL=2000', 'nepoch=2', 'interval=1', 'W1nch=4', 'W2nch=4', 'H1=50', 'H2=30']
VERSIONS = 'import sys, numpy, scipy; print(sys.version.split()[0], numpy.__version__, scipy.__version__)'


def call(command, folder, check=True):
    """The finished process; one that fails ends the whole, with what it printed, where check is true."""
    run = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if check and run.returncode:
        sys.exit('%s, in %s:\n%s%s' % (' '.join(command), folder, run.stdout, run.stderr))
    return run


def found(names):
    """{'3.13': name} of the Pythons from 3.8 to 3.14 that run."""
    pythons = {}
    for name in names:
        code = 'import sys; print("%d.%d" % sys.version_info[:2])'
        run = subprocess.run('%s -c \'%s\'' % (name, code), shell=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, universal_newlines=True)
        version = run.stdout.strip()
        if re.fullmatch(r'3\.([89]|1[0-4])', version):
            pythons.setdefault(version, name)
    return dict(sorted(pythons.items(), key=lambda item: int(item[0][2:])))


def set_up(name, folder):
    """Copies the project to the folder, without what git does not know, and sets it up; returns seconds."""
    files = call(['git', 'ls-files'], ROOT).stdout.split('\n')
    for file in filter(None, files):
        os.makedirs(os.path.join(folder, os.path.dirname(file)), exist_ok=True)
        shutil.copy2(os.path.join(ROOT, file), os.path.join(folder, file))
    shutil.rmtree(os.path.join(folder, '.venv'), ignore_errors=True)
    start = time.time()
    call(['make', 'setup', 'PYTHONS=' + name], folder)
    return time.time() - start


def logs(python, folder):
    """What the five nets print, but for the line that has the versions."""
    texts = [call([python, 'mnist_convnet.py', 'hidden=' + form, *RUN], folder).stdout for form in FORMS]
    return re.sub('(?m)^# seed: .*\n', '', ''.join(texts))


def main(names, arguments):
    first = None
    print('| Python | NumPy, SciPy | set-up | tests | log |\n|---|---|---|---|---|', flush=True)
    for version, name in found(names).items():
        folder = os.path.join(ROOT, '.pythons', version)
        seconds = set_up(name, folder)
        python = os.path.join(folder, '.venv', 'bin', 'python')
        printed = logs(python, folder)
        first = first or printed
        command = ['make', '--no-print-directory', 'test', 'PYTHONS=' + name]
        tests = call([*command, 'ARGS=' + ' '.join(map(shlex.quote, arguments))], folder, check=False).stdout
        outcome = tests.strip().split('\n')[-1].strip('= ')
        print('| %s | %s, %s | %.0f s | %s | %s |' % (
            *call([python, '-c', VERSIONS], folder).stdout.split(), seconds, outcome,
            'the same' if printed == first else 'ANOTHER'), flush=True)
        with open(os.path.join(folder, 'tests.log'), 'w') as file:
            file.write(tests)


if __name__ == '__main__':
    cut = sys.argv.index('--')
    main(sys.argv[1:cut], sys.argv[cut + 1:])
