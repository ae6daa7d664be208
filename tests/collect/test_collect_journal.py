"""The journal gives back what was put in, and nothing else."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from vat_bayes.collect.journal import Journal, Key
from vat_bayes.collect.judge import Reading

READING = Reading((0.1, 0.7, 0.2), 1 / 3)


def key(i: int) -> Key:
    return Key("m", "c", f"i{i}", "forward")


def read(folder: Path) -> tuple[dict[Key, Reading], list[str]]:
    notes: list[str] = []
    return Journal(folder, 3).read(notes.append), notes


def write(folder: Path, keys: list[Key]) -> Path:
    with Journal(folder, 3) as journal:
        for k in keys:
            journal.append(k, READING)
    return max(folder.glob("*.jsonl"))


def test_a_new_journal_is_empty_and_makes_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with Journal(folder, 3):
        pass
    assert not folder.exists()
    assert read(folder) == ({}, [])


shares = st.floats(0, 1).map(lambda x: float(math.ldexp(round(math.ldexp(x, 52)), -52)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.tuples(*[st.text(max_size=6)] * 4), st.tuples(shares, shares, shares), shares),
        max_size=8,
    )
)
def test_every_bit_comes_back(
    entries: list[tuple[tuple[str, str, str, str], tuple[float, float, float], float]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "journal")
        expected: dict[Key, Reading] = {}
        with Journal(folder, 3) as journal:
            for k, p, v in entries:
                journal.append(Key(*k), Reading(p, v))
                expected.setdefault(Key(*k), Reading(p, v))
        assert read(folder) == (expected, [])


def test_sessions_follow_each_other_in_files_of_their_own(tmp_path: Path) -> None:
    first = write(tmp_path, [key(1), key(2)])
    second = write(tmp_path, [key(3)])
    assert (first.name, second.name) == ("0001.jsonl", "0002.jsonl")
    made, _ = read(tmp_path)
    assert list(made) == [key(1), key(2), key(3)]


def test_wherever_the_last_line_is_cut_the_others_remain(tmp_path: Path) -> None:
    file = write(tmp_path, [key(1), key(2)])
    whole = file.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        file.write_bytes(whole[:cut])
        made, notes = read(tmp_path)
        # Only the line break is missing at the last cut.
        assert list(made) == ([key(1)] if cut < len(whole) - 1 else [key(1), key(2)])
        assert notes == []


def test_a_damaged_line_is_told_with_its_place(tmp_path: Path) -> None:
    file = write(tmp_path, [key(i) for i in range(5)])
    lines = file.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b"0.7", b"0.6")
    file.write_bytes(b"\n".join(lines))
    made, notes = read(tmp_path)
    assert list(made) == [key(0), key(1), key(3), key(4)]
    assert len(notes) == 1
    assert f"{tmp_path.name}/0001.jsonl, line 3 is damaged" in notes[0]


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_no_changed_byte_goes_unnoticed(at: int, byte: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write(folder, [key(i) for i in range(3)])
        content = bytearray(file.read_bytes())
        at %= len(content)
        same = content[at] == byte
        content[at] = byte
        file.write_bytes(bytes(content))
        made, _ = read(folder)
        assert set(made) <= {key(i) for i in range(3)}
        assert all(reading == READING for reading in made.values())
        if not same and chr(byte) not in " \t\r":
            assert len(made) >= 1


def test_lines_of_another_shape_are_damaged(tmp_path: Path) -> None:
    with Journal(tmp_path, 2) as journal:
        journal.append(key(1), Reading((0.5, 0.5), 1.0))
    for line in (b"[]", b"3", b'{"judgment": 3, "crc32": ""}', b"\xff", json.dumps({}).encode()):
        with (tmp_path / "0001.jsonl").open("ab") as file:
            file.write(line + b"\n")
    made, notes = read(tmp_path)
    assert made == {}
    assert len(notes) == 6
