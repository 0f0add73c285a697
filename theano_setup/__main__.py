import sys

from theano_setup import doctor

sys.exit(min(doctor(), 1))
