# make         sets up .venv and trains the default net        make ARGS="W1nch=64 nepoch=10"
# make setup   sets up .venv alone                             make test    sets up and runs the tests
# make extras  adds IPython, matplotlib, Dask                  make doctor  prints what Theano runs on
# make torture runs the tests of kills, damage and bad surroundings in full; make fuzz fuzzes the reader of data files
# make test-pythons does all that on each Python from 3.8 to 3.14 that is here, and compares their logs
# make tables  puts tables, logs and pictures into the READMEs, from what is in experiments/results
# make peers   sets up PyTorch, TensorFlow and JAX, each in an environment of its own, for experiments/bench.py
# make kernels compares the C of fused/ with plain loops, in programs without Python, and prints its GFLOP/s

PYTHONS = python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8
FITS = import sys; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 14))
HEADER = import os, sysconfig; print(os.path.join(sysconfig.get_paths()["include"], "Python.h"))
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet install --no-compile
COMPILE = .venv/bin/python -m compileall -q -j 0 -x '/tests?/' .venv/lib >/dev/null 2>&1 || true     # on all cores

run: setup
	@.venv/bin/python mnist_convnet.py $(ARGS)

test: .venv/test
	@.venv/bin/python -m pytest -q -n auto --dist loadgroup tests $(ARGS)

torture: .venv/test
	@TORTURE=1 .venv/bin/python -m pytest -q tests/test_torture_*.py tests/test_idx.py tests/test_folders.py tests/test_download.py tests/test_archive.py tests/test_trials.py tests/test_peers.py $(ARGS)

test-pythons:
	@for name in $(PYTHONS); do $$name -c '$(FITS)' 2>/dev/null && break; done && \
	  $$name tests/pythons.py $(PYTHONS) -- $(ARGS)

fuzz: setup
	@$(PIP) 'atheris==2.3.0; python_version < "3.12"' 'atheris==3.0.0; python_version >= "3.12"'
	@.venv/bin/python tests/fuzz_idx.py -max_total_time=600 $(ARGS)

kernels:
	@$(MAKE) --no-print-directory -s -C fused/check -j`getconf _NPROCESSORS_ONLN` check
	@$(MAKE) --no-print-directory -s -C fused/check rates

tables: extras
	@.venv/bin/python experiments/tables.py

doctor: setup
	@.venv/bin/python -m theano_setup

setup: .venv/ready

extras: .venv/ready requirements-extra.txt
	@echo "adding to .venv what is not there of requirements-extra.txt"
	@$(PIP) -c requirements.txt -r requirements-extra.txt
	@$(COMPILE)

clean:
	rm -rf .venv

# A stamp is written last: what was interrupted is begun again.
.venv/ready: requirements.txt theano_setup/build/requirements.txt
	@command -v g++ >/dev/null || command -v clang++ >/dev/null || { \
	  echo "no C++ compiler: apt-get install g++, dnf install gcc-c++, or xcode-select --install"; exit 1; }
	@for name in $(PYTHONS); do \
	  $$name -c '$(FITS)' 2>/dev/null || continue; \
	  python=$${python:-$$name}; \
	  [ ! -e "`$$name -c '$(HEADER)'`" ] || { python=$$name; break; }; \
	done; \
	if .venv/bin/python -c '$(FITS)' 2>/dev/null; then \
	  echo "bringing .venv up to date"; \
	elif [ -n "$$python" ]; then \
	  header=`$$python -c '$(HEADER)'`; \
	  [ -e "$$header" ] || { echo "no $$header: apt-get install python3-dev, or dnf install python3-devel"; exit 1; }; \
	  echo "setting up .venv with $$python"; \
	  $$python -m venv --clear .venv >/dev/null || { \
	    echo "$$python cannot make a virtual environment: apt-get install python3-venv"; exit 1; }; \
	elif command -v uv >/dev/null; then \
	  echo "setting up .venv with uv"; \
	  rm -rf .venv; uv venv --quiet --seed --python 3.13 .venv; \
	else \
	  echo "no Python 3.8 to 3.14: apt-get install python3-dev python3-venv, or install uv"; \
	  exit 1; \
	fi
	@$(PIP) -r theano_setup/build/requirements.txt
	@PYTHONPATH="$(CURDIR)/theano_setup/build" $(PIP) --no-build-isolation -r requirements.txt
	@$(COMPILE)
	@touch $@

.venv/test: .venv/ready requirements-test.txt
	@$(PIP) -c requirements.txt -r requirements-test.txt
	@$(COMPILE)
	@touch $@

PEERS = torch tensorflow jax
PEER_PYTHONS = python3.11 python3.12 python3.13

peers: $(PEERS:%=.venv-%/ready)

.venv-%/ready: experiments/peers/requirements-%.txt
	@for python in $(PEER_PYTHONS); do $$python -c 'import ensurepip' 2>/dev/null && break; python=; done; \
	echo "setting up .venv-$* with $${python:-uv}"; \
	if [ -n "$$python" ]; then $$python -m venv --clear .venv-$*; \
	else rm -rf .venv-$* && uv venv --quiet --seed --python 3.11 .venv-$*; fi && \
	.venv-$*/bin/python -m pip --disable-pip-version-check --quiet install -r $< && touch $@ || { \
	  echo "$* cannot be installed here: experiments/bench.py leaves it out"; rm -rf .venv-$*; }

.PHONY: run test test-pythons torture fuzz kernels doctor setup extras clean peers tables
