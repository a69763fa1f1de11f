# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import subprocess
import sys
from typing import Any

import pytest

from pyroscope_native import pprof
from pyroscope_native.model import Frame, Function, Profile, Sample
from tests.support.pprof_reader import ReadFrame, ReadProfile, ReadSample, check

MAIN = Function("main", "/srv/app/main.py", 10)
WORK = Function("Worker.run", "/srv/app/worker.py", 20)
MARKER = Function("[truncated]", "", 0)


def profile_of(*samples: Sample, **fields: Any) -> Profile:
    """Frames: 0 main:12, 1 run:21, 2 run:25, 3 the marker."""
    return Profile(
        functions=[MAIN, WORK, MARKER],
        frames=[Frame(0, 12), Frame(1, 21), Frame(1, 25), Frame(2, 0)],
        samples=list(samples),
        **fields,
    )


def written(profile: Profile) -> ReadProfile:
    return check(pprof.encode(profile))


# encode


def test_a_profile_reads_back_as_it_was() -> None:
    read = written(
        profile_of(
            Sample((2, 0, 3), 30, (("endpoint", "/a"), ("tenant", "x"))),
            Sample((1, 0), 10, ()),
            sample_type=("wall", "nanoseconds"),
            period_type=("space", "bytes"),
            period=10_000_000,
            time_ns=1_700_000_000_000_000_000,
            duration_ns=15_000_000_000,
            comments=["first", "second"],
        )
    )
    assert read.samples == [
        ReadSample(
            stack=(ReadFrame(*WORK, 25), ReadFrame(*MAIN, 12), ReadFrame(*MARKER, 0)),
            values=(30,),
            labels=(("endpoint", "/a"), ("tenant", "x")),
        ),
        ReadSample(stack=(ReadFrame(*WORK, 21), ReadFrame(*MAIN, 12)), values=(10,), labels=()),
    ]
    assert read.sample_types == [("wall", "nanoseconds")]
    assert read.period_type == ("space", "bytes")
    assert read.period == 10_000_000
    assert read.time_ns == 1_700_000_000_000_000_000
    assert read.duration_ns == 15_000_000_000
    assert read.comments == ["first", "second"]


def test_a_profile_without_samples_is_still_complete() -> None:
    read = written(profile_of())
    assert read.samples == []
    assert (read.period, read.time_ns, read.duration_ns) == (0, 0, 0)


def test_the_first_string_is_the_first_python_file() -> None:
    profile = profile_of(Sample((0,), 1, ()))
    profile.functions.insert(0, Function("start", "<frozen runpy>", 1))
    assert pprof_strings(profile)[:2] == ["", "/srv/app/main.py"]


def test_the_first_string_tells_python_even_without_a_python_file() -> None:
    profile = Profile([Function("f", "<string>", 1)], [Frame(0, 1)], [Sample((0,), 1, ())])
    assert pprof_strings(profile)[1] == "python.py"


def pprof_strings(profile: Profile) -> list[str]:
    return written(profile).string_table


def test_equal_samples_become_one() -> None:
    read = written(
        profile_of(Sample((0,), 1, ()), Sample((0,), 2, (("a", "b"),)), Sample((0,), 4, ()))
    )
    assert [(sample.values, sample.labels) for sample in read.samples] == [
        ((5,), ()),
        ((2,), (("a", "b"),)),
    ]


def test_samples_are_equal_by_what_they_say() -> None:
    profile = Profile(
        functions=[MAIN, MAIN],
        frames=[Frame(0, 1), Frame(1, 1)],
        samples=[
            Sample((0,), 1, ()),
            Sample((1,), 2, ()),
        ],
    )
    assert [sample.values for sample in written(profile).samples] == [(3,)]


@pytest.mark.parametrize("value", [0, -5])
def test_a_sample_without_positive_weight_is_left_out(value: int) -> None:
    read = written(profile_of(Sample((1,), value, ()), Sample((0,), 1, ())))
    assert [sample.stack for sample in read.samples] == [(ReadFrame(*MAIN, 12),)]


def test_what_no_sample_refers_to_is_left_out() -> None:
    assert "Worker.run" not in pprof_strings(profile_of(Sample((0,), 1, ())))


def test_lone_surrogates_become_replacement_characters() -> None:
    odd = Function("caf\udce9", "/srv/\udcff.py", 1)
    profile = Profile([odd], [Frame(0, 1)], [Sample((0,), 1, (("k", "\ud800"),))])
    (sample,) = written(profile).samples
    assert sample.stack[0][:2] == ("caf\ufffd", "/srv/\ufffd.py")
    assert sample.labels == (("k", "\ufffd"),)


def test_names_that_differ_in_surrogates_only_become_one_function() -> None:
    functions = [Function("\udc80", "", 0), Function("\udc81", "", 0)]
    samples = [Sample((0,), 1, ()), Sample((1,), 1, ())]
    assert len(written(Profile(functions, [Frame(0, 0), Frame(1, 0)], samples)).samples) == 1


def test_a_sample_type_has_no_dash() -> None:
    profile = profile_of(sample_type=("off-cpu", "nano-seconds"))
    assert written(profile).sample_types == [("off_cpu", "nano-seconds")]


def test_a_label_without_name_or_value_is_left_out() -> None:
    labels = (("", "x"), ("a", ""), ("b", "c"))
    assert written(profile_of(Sample((0,), 1, labels))).samples[0].labels == (("b", "c"),)


def test_encoding_is_deterministic() -> None:
    profile = profile_of(*(Sample((i % 3,), 1, (("n", str(i)),)) for i in range(50)))
    script = (
        "import sys; sys.path[:0] = eval(sys.argv[1])\n"
        "from pyroscope_native import pprof\n"
        "from pyroscope_native.model import *\n"
        "sys.stdout.buffer.write(pprof.encode(eval(sys.argv[2])))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, repr(sys.path), repr(profile)],
            env={"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {pprof.encode(profile)}


def test_a_number_beyond_64_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        pprof.encode(profile_of(Sample((0,), 1 << 63, ())))


# limit_depth


def test_a_deep_stack_keeps_its_leaf_side() -> None:
    profile = profile_of(Sample((1, 2, 0, 0, 0), 7, (("a", "b"),)), Sample((1, 0), 1, ()))
    read = written(pprof.limit_depth(profile, 3))
    assert [frame.name for frame in read.samples[0].stack] == [WORK.name, WORK.name, "[truncated]"]
    assert read.samples[0].labels == (("a", "b"),)
    assert len(read.samples[1].stack) == 2


def test_a_deep_stack_does_not_get_a_second_truncated_root() -> None:
    profile = pprof.limit_depth(profile_of(Sample((1, 1, 1, 0, 3), 1, ())), 4)
    (sample,) = written(profile).samples
    assert [frame.name for frame in sample.stack].count("[truncated]") == 1
    assert len(sample.stack) == 4


def test_shallow_stacks_are_left_alone() -> None:
    profile = profile_of(Sample((1, 0, 3), 1, ()))
    assert pprof.limit_depth(profile, 3) is profile


def test_limiting_depth_keeps_the_weight_and_the_original() -> None:
    profile = profile_of(Sample((1,) * 2000, 5, ()), Sample((1,) * 3000, 6, ()))
    limited = pprof.limit_depth(profile, 1000)
    assert limited.total == profile.total == 11
    assert [len(sample.stack) for sample in profile.samples] == [2000, 3000]
    assert [sample.values for sample in written(limited).samples] == [(11,)]


# what the independent reader is worth: it must see each rule broken


def spoiled(**changes: Any) -> Any:
    """What we write, with fields replaced; a function spoils it further."""
    spoil = changes.pop("spoil", None)
    made = pprof._new_message()
    made.ParseFromString(
        pprof.encode(profile_of(Sample((1, 0), 1, (("a", "b"),)), time_ns=1, duration_ns=1))
    )
    for name, value in changes.items():
        made.ClearField(name)
        if value is not None:
            made.MergeFrom(pprof._new_message(**{name: value}))
    if spoil:
        spoil(made)
    return made


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"sample_type": None}, "there is a sample type"),
        ({"string_table": [b"x"]}, "the first string is empty"),
        ({"period_type": None}, "the period type is there"),
        ({"period": None}, "the period is there"),
        ({"time_nanos": None}, "the time is there"),
        ({"duration_nanos": None}, "the duration is there"),
        ({"mapping": None}, "there is one mapping"),
        ({"mapping": [{"id": 1, "has_functions": True}]}, "all four has_"),
        ({"comment": [999]}, "no string index is out of range"),
        ({"location": None}, "no location id is out of range"),
        ({"function": None}, "no function id is out of range"),
        ({"spoil": lambda m: m.mapping.add(id=2)}, "only one mapping"),
        ({"spoil": lambda m: setattr(m.mapping[0], "filename", 1)}, "no file name"),
        ({"spoil": lambda m: m.location.add(id=0)}, "no location id is zero"),
        ({"spoil": lambda m: m.location.add(id=9)}, "location ids are distinct"),
        ({"spoil": lambda m: m.function.add(id=0)}, "no function id is zero"),
        ({"spoil": lambda m: m.location[0].ClearField("mapping_id")}, "refers to the mapping"),
        ({"spoil": lambda m: m.location[0].ClearField("line")}, "one line"),
        ({"spoil": lambda m: m.string_table.append(b"\xff")}, "valid UTF-8"),
        ({"spoil": lambda m: m.string_table.append(m.string_table[1])}, "no string is there twice"),
        ({"spoil": lambda m: m.string_table.append(b"x" * 65_536)}, "no string is cut"),
        ({"spoil": lambda m: m.string_table.__setitem__(1, b"a.go")}, "tells Python"),
        ({"spoil": lambda m: m.string_table.__setitem__(2, b"off-cpu")}, "no dash"),
        ({"spoil": lambda m: m.sample[0].value.append(1)}, "a value per sample type"),
        ({"spoil": lambda m: m.sample[0].value.__setitem__(0, -1)}, "zero or negative"),
        ({"spoil": lambda m: m.sample.add().CopyFrom(m.sample[0])}, "is there twice"),
        ({"spoil": lambda m: m.sample.extend([m.sample[0]] * 16_000)}, "more samples than"),
        ({"spoil": lambda m: m.sample[0].ClearField("location_id")}, "has a stack"),
        ({"spoil": lambda m: m.sample[0].location_id.extend([1] * 999)}, "no stack is cut"),
        ({"spoil": lambda m: m.sample[0].label.extend([m.sample[0].label[0]])}, "no label name"),
        ({"spoil": lambda m: m.sample[0].label.add(key=1, num=5)}, "no label is a number"),
        ({"spoil": lambda m: m.string_table.append(b"x" * 2_000_000)}, "cut by the server"),
    ],
)
def test_the_independent_reader_is_no_rubber_stamp(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check(spoiled(**changes).SerializeToString())


def test_the_independent_reader_takes_what_is_not_spoiled() -> None:
    check(spoiled().SerializeToString())


# decode


def message(**fields: Any) -> Any:
    """A pprof in the making, as somebody else would write it."""
    made = pprof._new_message(**fields)
    if not made.string_table:
        made.string_table.extend([b"", b"samples", b"count", b"cpu", b"nanoseconds"])
    if not made.sample_type:
        made.sample_type.add(type=1, unit=2)
        made.sample_type.add(type=3, unit=4)
    return made


def decoded(made: Any) -> Profile:
    return pprof.decode(made.SerializeToString())


def string(made: Any, text: str) -> int:
    made.string_table.append(text.encode())
    return len(made.string_table) - 1


def stack_names(profile: Profile, sample: Sample) -> list[str]:
    return [profile.functions[profile.frames[index].function].name for index in sample.stack]


def test_decode_reads_what_encode_wrote() -> None:
    profile = profile_of(
        Sample((2, 0), 30, (("endpoint", "/a"),)),
        Sample((1, 0), 10, ()),
        period=10,
        time_ns=123,
        duration_ns=456,
        comments=["made by hand"],
    )
    read = pprof.decode(pprof.encode(profile))
    assert stack_names(read, read.samples[0]) == ["Worker.run", "main"]
    assert read.total == 40
    assert read.samples[0].labels == (("endpoint", "/a"),)
    assert (read.period, read.time_ns, read.duration_ns) == (10, 123, 456)
    assert read.comments == ["made by hand"]
    assert pprof.decode(gzip.compress(pprof.encode(profile))) == read


def test_decode_takes_the_last_sample_type() -> None:
    made = message()
    made.location.add(id=1, address=0x10)
    made.sample.add(location_id=[1], value=[3, 30])
    assert decoded(made).sample_type == ("cpu", "nanoseconds")
    assert decoded(made).total == 30


def test_decode_takes_the_default_sample_type() -> None:
    made = message(default_sample_type=1)
    made.location.add(id=1, address=0x10)
    made.sample.add(location_id=[1], value=[3, 30])
    assert decoded(made).sample_type == ("samples", "count")
    assert decoded(made).total == 3


def test_decode_expands_inlined_lines() -> None:
    made = message()
    for name in ("inner", "outer"):
        made.function.add(id=len(made.function) + 1, name=string(made, name))
    made.location.add(id=7, line=[{"function_id": 1, "line": 5}, {"function_id": 2, "line": 9}])
    made.sample.add(location_id=[7], value=[1, 1])
    profile = decoded(made)
    (sample,) = profile.samples
    assert stack_names(profile, sample) == ["inner", "outer"]
    assert [profile.frames[index].line for index in sample.stack] == [5, 9]


def test_decode_names_an_address_without_function() -> None:
    made = message()
    made.mapping.add(id=1, filename=string(made, "/usr/lib/libc.so.6"))
    made.location.add(id=1, mapping_id=1, address=0xABC)
    made.location.add(id=2, address=0xDEF)
    made.sample.add(location_id=[1, 2], value=[1, 1])
    profile = decoded(made)
    assert stack_names(profile, profile.samples[0]) == ["0xabc (libc.so.6)", "0xdef"]


def test_decode_turns_numeric_labels_into_text() -> None:
    made = message()
    made.location.add(id=1, address=1)
    keys = {name: string(made, name) for name in ("bytes", "plain", "text", "none")}
    unit, text = string(made, "kilobytes"), string(made, "yes")
    made.sample.add(
        location_id=[1],
        value=[1, 1],
        label=[
            {"key": keys["text"], "str": text},
            {"key": keys["bytes"], "num": 4, "num_unit": unit},
            {"key": keys["plain"], "num": -7},
            {"key": keys["none"]},
        ],
    )
    assert decoded(made).samples[0].labels == (
        ("bytes", "4 kilobytes"),
        ("plain", "-7"),
        ("text", "yes"),
    )


def test_decode_keeps_the_weight_of_a_sample_without_stack() -> None:
    made = message()
    made.sample.add(value=[1, 5])
    profile = decoded(made)
    assert stack_names(profile, profile.samples[0]) == ["[no stack]"]
    assert profile.total == 5


def test_decode_replaces_what_is_not_utf8() -> None:
    made = message()
    made.string_table.append(b"caf\xe9")
    made.function.add(id=1, name=len(made.string_table) - 1)
    made.location.add(id=1, line=[{"function_id": 1}])
    made.sample.add(location_id=[1], value=[1, 1])
    assert decoded(made).functions == [Function("caf\ufffd", "", 0)]


def broken(**changes: Any) -> bytes:
    made = message()
    made.MergeFrom(pprof._new_message(**changes))
    serialized: bytes = made.SerializeToString()
    return serialized


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no sample type"),
        (b"hello world", "not a pprof"),
        (b'{"profiles": []}', "not a pprof"),
        (b"\x1f\x8b", "gzip"),
        (gzip.compress(broken())[:-9], "truncated gzip"),
        (gzip.compress(broken())[:12] + b"\xff" * 30, "gzip"),
        (broken(comment=[99]), "string 99 is out of range"),
        (broken(comment=[-1]), "string -1 is out of range"),
        (broken(sample=[{"location_id": [5], "value": [1, 1]}]), "location 5"),
        (broken(location=[{"id": 1, "line": [{"function_id": 6}]}]), "function 6"),
        (broken(location=[{"id": 1, "mapping_id": 7}]), "mapping 7"),
        (broken(sample=[{"value": [1]}]), "values"),
        (message(string_table=[b"x"]).SerializeToString(), "string table"),
        (pprof._new_message(sample_type=[{}]).SerializeToString(), "string 0"),
    ],
)
def test_decode_says_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pprof.decode(data)


# descriptors


def test_our_messages_are_in_a_pool_of_our_own() -> None:
    from google.protobuf import descriptor_pool

    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("pyroscope_native.pprof.Profile")
