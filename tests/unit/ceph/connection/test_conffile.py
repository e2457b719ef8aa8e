"""What is wrong with a conf file or a keyring, found without librados; and JSON as Ceph writes it."""

from __future__ import annotations

import os

import pytest

from ceph.connection.answers import checked_answers, decode_answer
from ceph.connection.conffile import (
    LARGEST_BYTES,
    broken_line,
    check_conf,
    check_keyring,
    explained,
    foreign_character,
    keyrings,
    named_fsid,
)
from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.settings import ClusterSettings

FSID = "b150f8b9-6936-48af-b82b-e2cf81a7beed"
OTHER = "11111111-6936-48af-b82b-e2cf81a7beed"
GOOD = f"[global]\nfsid = {FSID}\nmon host = [v2:127.0.0.1:3300] # here\n\n; more\n[client]\nlog file =\n"


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "ceph.conf"

    def write(text):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_a_good_file_is_returned_as_its_text(conf):
    assert check_conf(conf(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), "it begins with a byte order mark: save it as UTF-8 without one"),
        (GOOD.encode("utf-16"), "it is UTF-16: save it as UTF-8"),
        (GOOD.encode("utf-16-be"), "it is UTF-16: save it as UTF-8"),
        (b"[global]\n# caf\xe9\n", "line 2 is not UTF-8: save it as UTF-8"),
        (b"[global]\nfsid = a\0b\n", "line 2 has a NUL byte: is it a text?"),
        (b"x" * (LARGEST_BYTES + 1), "it is larger than 1,048,576 bytes"),
    ],
)
def test_what_must_not_reach_librados_is_said_with_file_and_line(conf, data, words):
    path = conf(data)

    with pytest.raises(ClusterUnavailable) as unusable:
        check_conf(path)

    assert unusable.value.text == f"{path} cannot be used: {words}"
    assert not unusable.value.is_silence


def test_what_is_no_file_is_said_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    for path, words in {
        tmp_path: "it is a directory",
        tmp_path / "pipe": "it is a pipe, a socket or a device",
        "/dev/zero": "it is a pipe, a socket or a device",
        tmp_path / "loop": "symbolic links",
        tmp_path / "missing": "No such file",
        f"{tmp_path}/{'x' * 300}": "File name too long",
        f"{tmp_path}/\udcff": "its name is not UTF-8",
    }.items():
        with pytest.raises(ClusterUnavailable, match=words):
            check_conf(str(path))


def test_a_keyring_may_hold_anything_but_a_byte_order_mark(conf, tmp_path):
    check_keyring(conf(b"\x01\xff\0garbage"))
    with pytest.raises(ClusterUnavailable, match="byte order mark"):
        check_keyring(conf(b"\xef\xbb\xbf[client.admin]\n"))
    with pytest.raises(ClusterUnavailable, match="directory"):
        check_keyring(str(tmp_path))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("# é", None),
        ("foo = a # é", None),
        ('foo = "é"', None),
        ("foo = 'é'  ; é", None),
        ("foo = é", "line 2 has 'é' (U+00E9) outside of a comment or quotes"),
        ('foo = a "é"', "line 2 has 'é' (U+00E9) outside of a comment or quotes"),
        ("fsid\u00a0= 1", "line 2 has '\\xa0' (U+00A0) outside of a comment or quotes"),
        ("[client.é]", "line 2 has 'é' (U+00E9) outside of a comment or quotes"),
    ],
)
def test_a_character_that_librados_dies_of_is_found(line, found):
    assert foreign_character(f"[global]\n{line}\n") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (GOOD, None),
        (GOOD.replace("\n", "\r\n"), None),
        ("[client.a] # x\nfoo = a \\\n b\nbar=\n baz = 'a' # x\n", None),
        ("fsid = 1\n[global]\n", "line 1 stands before the first [section], got 'fsid = 1'"),
        ("[global]\n\ngarbage\n", "line 3 is neither [section] nor name = value, got 'garbage'"),
        ("[global]\n = 1\n", "line 2 is neither [section] nor name = value, got '= 1'"),
        ("[global\nfsid = 1\n", "line 1 is not [section], got '[global'"),
        ("[[[\n", "line 1 is not [section], got '[[['"),
        ("[a]\nfoo = 'a\n", 'line 2 has a quote without its end, got "foo = \'a"'),
        ('[a]\nfoo = "a" b\n', "line 2 has a quote without its end, got 'foo = \"a\" b'"),
        ("[a]\n\x1b[31m\n", "line 2 has a control character, got '\\x1b[31m'"),
        ("<html>" + "x" * 100, f"line 1 is neither [section] nor name = value, got '<html>{'x' * 54}…'"),
    ],
)
def test_the_line_that_cannot_be_parsed_is_found(text, found):
    assert broken_line(text) == found


def test_an_explanation_is_empty_for_what_is_in_order(conf, tmp_path):
    assert explained(conf(GOOD)) == ""
    assert explained(str(tmp_path / "missing")) == ""
    assert explained(conf("[a]\nb\n")) == ": line 2 is neither [section] nor name = value, got 'b'"


@pytest.mark.parametrize(
    ("text", "fsid"),
    [
        (GOOD, FSID),
        (GOOD.upper().replace("GLOBAL", "global").replace("FSID", "fsid"), FSID),
        (GOOD.replace("fsid =", "fsid="), FSID),
        (GOOD.replace(FSID, f'"{FSID}" # {OTHER}'), FSID),
        (GOOD.replace("[client]", f"[client]\nfsid = {OTHER}"), OTHER),
        (GOOD + f"[client.hourglass]\nfsid = {OTHER}\n", OTHER),
        (GOOD + f"[client.another]\nfsid = {OTHER}\n[mon]\nfsid = {OTHER}\n", FSID),
        (GOOD + f"[global]\nfsid = {OTHER}\n", OTHER),
        (GOOD.replace("fsid", "# fsid"), None),
        (GOOD.replace(FSID, "0815"), None),
        (GOOD.replace(FSID, "00000000-0000-0000-0000-000000000000"), None),
        (b"\xef\xbb\xbf" + GOOD.encode(), FSID),
        (GOOD.encode("utf-16"), FSID),
        (GOOD.encode() + b"\xff\0", FSID),
        ("", None),
    ],
)
def test_the_fsid_of_a_conf_is_the_one_that_counts_for_the_client(conf, text, fsid):
    assert named_fsid(ClusterSettings(conf=conf(text), client="hourglass")) == fsid


def test_the_fsid_of_a_file_that_is_not_there_is_none(tmp_path):
    assert named_fsid(ClusterSettings(conf=str(tmp_path / "missing"))) is None


def test_the_keyrings_are_those_that_count_for_the_client(conf):
    named = conf(
        GOOD + "[client]\nkeyring = /a/$name.keyring,/b/$cluster.$id\nkeyfile = /c\n[client.x]\nkeyring = /d\n"
    )

    assert keyrings(ClusterSettings(conf=named)) == ["/a/client.admin.keyring", "/b/ceph.admin", "/c"]
    assert keyrings(ClusterSettings(conf=named, client="x")) == ["/d", "/c"]
    assert keyrings(ClusterSettings(conf=named, keyring="/e")) == ["/e", "/c"]
    assert keyrings(ClusterSettings(conf=conf(GOOD)))[0] == "/etc/ceph/ceph.client.admin.keyring"


# JSON


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1.5, "b": [1e3, -2]}', {"a": 1.5, "b": [1000.0, -2]}),
        ('{"score_acting": inf, "b": 1}', {"score_acting": None, "b": 1}),
        ("[inf,-inf, nan,-nan,+inf,Inf,INF,infinity,Infinity,-Infinity,NaN]", [None] * 11),
        ("[nan(0x1), 1e999, -1e999, 1.0]", [None, None, None, 1.0]),
        ("inf", None),
        (r'{"inf": "inf, -inf", "a\"nan": "x\\", "b": inf}', {"inf": "inf, -inf", 'a"nan': "x\\", "b": None}),
        ('{"a": "NaN", "b": NaN}', {"a": "NaN", "b": None}),
    ],
)
def test_numbers_that_are_infinite_or_none_are_read_as_unknown_outside_of_strings_alone(text, found):
    assert decode_answer("status", text.encode()) == found


def test_what_is_not_utf_8_in_a_name_does_not_hide_the_rest():
    assert decode_answer("df", b'[{"name": "\xff"}, {"name": "rbd"}]') == [{"name": "\ufffd"}, {"name": "rbd"}]


@pytest.mark.parametrize(
    "output",
    [b"", b"garbage", b'{"a": ', b"[info]", b"[1,]", b"{'a': 1}", b'["a', b"[" * 100_000, b"1" * 10_000, b"\xff\xfe"],
)
def test_what_is_no_json_is_refused_with_the_name_of_the_command(output):
    with pytest.raises(ClusterRefused, match="df: expected JSON from the cluster, got b"):
        decode_answer("df", output)


def test_an_answer_that_lacks_something_is_refused_with_the_name_of_the_command():
    for take in (
        lambda answer: answer["b"],
        lambda answer: answer["a"]["b"],
        lambda answer: answer.b,
        lambda _: int("x"),
    ):
        with pytest.raises(ClusterRefused, match="osd dump: the cluster answered in a form"), checked_answers():
            take(decode_answer("osd dump", b'{"a": []}'))


def test_what_goes_wrong_without_a_question_is_nobody_elses_fault():
    with pytest.raises(KeyError), checked_answers():
        {}["a"]
