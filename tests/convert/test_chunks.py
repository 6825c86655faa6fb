"""Arrays and files in bounded chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertferry.convert import chunks
from bertferry.convert.chunks import blocks, bytes_of, check_range, read_bytes, read_chunks


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 20), max_size=4),
    st.randoms(use_true_random=False),
    st.sampled_from(["int8", "float32", "complex128"]),
)
def test_blocks_are_the_array_in_the_order_of_files(shape, random, dtype):
    order = random.sample(range(len(shape)), len(shape))
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape).transpose(order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "BLOCK_BYTES", random.choice([1, 100, 4000]))
        assert b"".join(bytes(bytes_of(block)) for block in blocks(array)) == array.tobytes()


def test_blocks_are_bounded():
    array = np.zeros((300, 100, 100), np.float32)
    for view in (array, array.T):
        assert max(block.nbytes for block in blocks(view)) <= chunks.BLOCK_BYTES


def test_a_range_of_a_file(tmp_path):
    content = np.random.default_rng(0).bytes(3 * chunks.CHUNK_BYTES)
    path = tmp_path / "file"
    path.write_bytes(content)
    for offset, size in ((0, len(content)), (7, chunks.CHUNK_BYTES), (5, 2 * chunks.CHUNK_BYTES + 1), (9, 0)):
        expected = content[offset : offset + size]
        pieces = [bytes(chunk) for chunk in read_chunks(path, offset, size)]
        assert b"".join(pieces) == expected == read_bytes(path, offset, size).tobytes()
        assert max(map(len, pieces), default=0) <= chunks.CHUNK_BYTES


@pytest.mark.parametrize("read", [read_bytes, lambda *range: next(read_chunks(*range)), check_range])
def test_a_range_beyond_the_end_is_refused_before_memory_is_taken(tmp_path, read):
    (tmp_path / "file").write_bytes(b"four")
    with pytest.raises(ValueError, match="file is truncated"):
        read(tmp_path / "file", 3, 2**60)
