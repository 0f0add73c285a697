"""What Python and NumPy had when Theano 1.0.5 was written, and have no more: put back at run time, where missing."""
import sys


class Before:
    """With it on sys.meta_path, action() is called as the named module is about to be imported."""

    def __init__(self, module, action):
        self.module, self.action = module, action

    def find_spec(self, name, path=None, target=None):
        if name == self.module:
            sys.meta_path.remove(self)
            self.action()
