"""What the experiments tell of the machine they ran on."""
import contextlib
import os
import platform


def cores():
    """Number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def machine():
    """Processor, cores and system, in words."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open('/proc/cpuinfo') as file:
        name = next((line.partition(':')[2].strip() for line in file if line.startswith('model name')), name)
    return '%s, %d cores, %s' % (name, cores(), platform.system())
