"""Coverage-guided fuzzing of the reader of IDX files: `make fuzz`, which installs atheris (2.3.0), for 10 minutes.

    .venv/bin/python tests/fuzz_idx.py -max_total_time=600      other options: libFuzzer's

An input is a file; its first byte tells whether it is named .gz, and whether it is packed here, so that what is
behind the checksum is reached, too. A crash is anything but DataError for what is wrong, or the array that damage.py,
which has a parser of its own, finds in the same bytes.
"""
import gzip
import os
import sys
import tempfile

import atheris
import numpy as np

with atheris.instrument_imports(include=['datasets.idx']):
    from damage import bytes_of, idx, idx_bytes, parse, unpack

folder = tempfile.mkdtemp(dir='/dev/shm' if os.path.isdir('/dev/shm') else None)


def test_one_input(data):
    how, content = data[:1], data[1:]
    packed = how > b'\x55'
    if how > b'\xaa':
        content = gzip.compress(content, 1, mtime=0)
    held = unpack(content) if packed else content
    right = None if held is None else parse(held)
    path = os.path.join(folder, 'file.gz' if packed else 'file')
    with open(path, 'wb') as file:
        file.write(content)
    try:
        array = idx.read_idx(path)
    except idx.DataError as error:
        if right is not None:
            raise AssertionError('refused, but right: %s' % error)
        if '\n' in str(error) or not str(error).startswith(path + ': '):
            raise AssertionError('not a line that names the file: %r' % str(error))
        return
    if right is None or (array.shape, bytes_of(array)) != right:
        raise AssertionError('accepted: %s of shape %s' % (content[:80], array.shape))


def seeds():
    """A folder of right files, to start from."""
    path = tempfile.mkdtemp()
    for n, shape in enumerate([(7,), (2, 3), (2, 3, 4), (1, 2, 3, 4)]):
        content = idx_bytes(np.arange(np.prod(shape)).reshape(shape).astype('int32' if n == 1 else 'uint8'))
        for how, held in ((b'\0', content), (b'\x80', gzip.compress(content)), (b'\xff', content)):
            with open(os.path.join(path, '%d%s' % (n, how.hex())), 'wb') as file:
                file.write(how + held)
    return path


if __name__ == '__main__':
    atheris.Setup(sys.argv + [seeds()], test_one_input)
    atheris.Fuzz()
