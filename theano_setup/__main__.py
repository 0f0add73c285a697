import sys

from theano_setup import doctor

sys.exit(min(doctor.examine(), 1))
