"""What the experiments tell of the machine they ran on."""
import contextlib
import os
import platform
import subprocess


def cores():
    """Number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def vectors(compiler):
    """The widest vectors that a compiler's code has on this processor, in words."""
    macros = subprocess.run([compiler, '-march=native', '-dM', '-E', '-x', 'c++', os.devnull], stdout=subprocess.PIPE,
                            check=True, universal_newlines=True).stdout
    return next((words for macro, words in (('__AVX512F__', 'AVX-512'), ('__AVX2__', 'AVX2')) if macro in macros),
                'no AVX2')


def machine():
    """Processor, cores and system, in words."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open('/proc/cpuinfo') as file:
        name = next((line.partition(':')[2].strip() for line in file if line.startswith('model name')), name)
    return '%s, %d cores, %s' % (name, cores(), platform.system())
