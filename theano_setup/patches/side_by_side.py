"""The modules of a function are compiled side by side, on all cores.

Symptom: a first run compiles some forty modules, one after the other, on one core.
Cause: Theano makes the thunk of one Op, with its module, before it looks at the next. Here, when the first module of a
function has to be compiled, the compiler is started for the others, too, as many at a time as there are cores;
what it makes is taken when Theano asks for it, and what it cannot make, Theano tries again in its own way.
Gain: told by `make doctor`... measured below.
For: Theano 1.0.5.
"""
import collections
import contextlib
import os
import shutil
import subprocess
import time

from theano_setup import environment

Job = collections.namedtuple('Job', 'command library folder')


class Started(BaseException):
    """Ends the making of a module where its compiler is started."""


class Jobs:
    """Compilers at work or waiting for a core, by what they are given: the command without its places, and the C."""

    def __init__(self):
        self.waiting, self.running = collections.OrderedDict(), {}

    @staticmethod
    def key_and_job(command):
        at = command.index('-o')
        library, source = command[at + 1:at + 3]
        with open(source) as file:
            text = file.read()
        return (tuple(command[:at] + command[at + 3:]), text), Job(command, library, os.path.dirname(source))

    def at_work(self, key):
        return key in self.running and self.running[key][1].poll() is None

    def fill_cores(self):
        while self.waiting and sum(map(self.at_work, self.running)) < environment.cores():
            key, job = self.waiting.popitem(last=False)
            quiet = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.DEVNULL)
            self.running[key] = job, subprocess.Popen(job.command, **quiet)

    def add(self, command):
        key, job = self.key_and_job(command)
        self.waiting.setdefault(key, job)
        self.fill_cores()

    def take(self, command):
        """Whether the library that the command makes is now where it is to be."""
        key, wanted = self.key_and_job(command)
        if key in self.waiting:
            self.waiting.move_to_end(key, last=False)
        while key in self.waiting or self.at_work(key):
            self.fill_cores()
            time.sleep(0.005)
        self.fill_cores()
        job, process = self.running.pop(key, (None, None))
        if job is None or process.returncode != 0:
            return False
        os.replace(job.library, wanted.library)
        shutil.rmtree(job.folder, ignore_errors=True)
        return True

    def end(self):
        for job, process in self.running.values():
            process.kill()
            process.wait()
        for job in [*self.waiting.values(), *(job for job, _ in self.running.values())]:
            shutil.rmtree(job.folder, ignore_errors=True)
        self.waiting.clear()
        self.running.clear()


def needed():
    return True


def after_import(theano):
    from theano.gof import cmodule, vm
    from theano.gof.cc import CLinker
    from theano.gof.fg import FunctionGraph
    make_all, compile_cmodule, run = vm.VM_Linker.make_all, CLinker.compile_cmodule, cmodule.output_subprocess_Popen
    jobs, linkers, doing = Jobs(), [], []                 # the innermost of linkers, and of what is done, is last

    def make_all_side_by_side(self, *args, **options):
        linkers.append(self)
        try:
            return make_all(self, *args, **options)
        finally:
            linkers.pop()
            if not linkers:
                jobs.end()

    def compile_side_by_side(self, location=None):
        if linkers and not hasattr(linkers[-1], 'looked_ahead'):
            linkers[-1].looked_ahead = True
            look_ahead(linkers[-1])
        with during('take'):
            return compile_cmodule(self, location)

    def look_ahead(linker):
        known = cmodule.get_module_cache().entry_from_key
        for node in linker.schedule(linker.fgraph):
            location = None
            try:
                module = CLinker().accept(FunctionGraph(node.inputs, node.outputs), no_recycling=[])
                if module.cmodule_key() not in known:
                    location = cmodule.dlimport_workdir(theano.config.compiledir)
                    with during('add'):
                        compile_cmodule(module, location)
            except Started:
                pass
            except Exception:                             # an Op without C, or what Theano will say when it comes there
                if location:
                    shutil.rmtree(location, ignore_errors=True)

    @contextlib.contextmanager
    def during(what):
        doing.append(what)
        try:
            yield
        finally:
            doing.pop()

    def run_or_take(command, **options):
        if doing and doing[-1] == 'add':
            jobs.add(command)
            raise Started
        if doing and jobs.take(command):
            return b'', b'', 0
        return run(command, **options)

    vm.VM_Linker.make_all, CLinker.compile_cmodule = make_all_side_by_side, compile_side_by_side
    cmodule.output_subprocess_Popen = run_or_take
