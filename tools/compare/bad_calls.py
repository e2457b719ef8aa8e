"""What the walk sends that is refused, and lists that it asks for."""

from __future__ import annotations

FAR = "2099-01-01T02:00:00.000Z"

FSID = "11111111-2222-3333-4444-555555555555"

FORM = {
    "text": "ünïcode – “quoted” & <b>bold</b>",
    "flag": True,
    "count": 55,
    "ratio": 0.25,
    "colour": "green",
    "optional": 7,
    "names": ["a", "b"],
    "sizes": {"x": 1},
    "address": {"street": "High Street", "number": 4},
    "code": "xyz",
    "house": "h-1",
    "room": "h-1:5",
}

BAD_TASKS: list[object] = [
    {},
    [],
    5,
    "text",
    {"job": "nothing_of_the_kind"},
    {"job": "nothing_of_the_kind", "params": {}, "priority": 1000, "not_before": "tomorrow", "colour": "red"},
    {"job": "test_task"},
    {"job": "test_task", "params": {}},
    {"job": "test_task", "params": []},
    {"job": "test_task", "params": {"times": 0}},
    {"job": "test_task", "params": {"times": 1_000_001, "done": 3}},
    {"job": "test_task", "params": {"times": "5"}, "priority": 1.5},
    {"job": "test_task", "params": {"times": True}, "priority": -101},
    {"job": "test_task", "params": {"times": 2.0}},
    {"job": 5, "params": {"times": 2}},
    {"job": "test_task", "params": {"times": 2}, "not_before": "2099-01-01"},
    {"job": "test_task", "params": {"times": 2}, "not_before": "2099-01-01T00:00:00"},
    {"job": "test_task", "params": {"times": 2}, "not_before": "9999-12-31T23:59:59-23:00"},
    {"job": "test_task", "params": {"times": 2}, "not_before": 5},
    [{"job": "test_task", "params": {"times": 2}}, {"job": "test_task", "params": {"times": 0}}, 5, {"job": "gone"}],
    [{"job": "test_task", "params": {"times": 2}}] * 1001,
    {"job": "form", "params": {}},
    {
        "job": "form",
        "params": {
            "text": "",
            "flag": 1,
            "count": 7,
            "ratio": 1,
            "colour": "blue",
            "optional": "no",
            "names": ["a", 5],
            "sizes": {"x": "y"},
            "address": {"street": 5, "zip": 1},
            "code": "TOO LONG",
            "house": 5,
            "unknown": None,
        },
    },
    {"job": "form", "params": {"text": "x" * 41, "names": ["a"] * 4, "address": {}, "count": -5, "ratio": 0}},
    {"job": "form", "params": {"text": "\ud800"}},
    {"job": "walk", "params": {"name": "n" * 20_000}},
    {"job": "misbehave", "params": {"kind": "none of them"}},
    {"job": "chain", "params": {"steps": []}},
    {
        "job": "chain",
        "params": {"steps": [{"job": "test_task", "params": {"times": 0}}, {"job": "gone", "params": {}}]},
    },
    {"job": "chain", "params": {"steps": [{"job": "test_task"}, 5, {"params": {}}]}},
    {"job": "chain", "params": {"steps": [{"job": "test_task", "params": {"times": 1}}] * 101}},
    {"job": "pool_pgs", "params": {"fsid": FSID, "pool": "rbd", "pg_num": 64}},
    {"job": "pool_create", "params": {"fsid": "", "pool": "", "pg_num": 0, "application": 5}},
    {"job": "rbd_performance", "params": {"fsid": FSID, "images": ["no-slash"], "seconds": 0, "interval_seconds": "x"}},
    {"job": "rbd_performance", "params": {"fsid": FSID}},
]

BAD_TEST_TASKS: list[object] = [
    {},
    {"times": -1},
    {"times": "many", "more": 1},
    {"times": 5, "priority": 1},
    [],
    {"times": None},
]

BAD_BODIES: list[tuple[bytes, str | None]] = [
    (b"{", "application/json"),
    (b"\xff", "application/json"),
    (b"", "application/json"),
    (b"null", "application/json"),
    (b'{"job": "test_task", "params": {"times": NaN}}', "application/json"),
    (b'{"job": "test_task", "job": "form", "params": {}}', "application/json"),
    (b"[" * 500, "application/json"),
    (b"times=5", "application/x-www-form-urlencoded"),
    (b"{}", "text/plain"),
    (b"{}", None),
    (b"{}", "application/json; charset=latin-1"),
]

LISTS = (
    "",
    *(
        f"ordering={sign}{field}"
        for field in ("id", "description", "status", "percent", "created")
        for sign in ("", "-")
    ),
    "ordering=last_modified",
    "ordering=runtime&status=Aborted",
    "status=Finished&status=Aborted&ordering=id",
    "job=walk&ordering=id",
    "job=nothing_of_the_kind",
    "created_by=admin&pageSize=1&ordering=id",
    "created_by=nobody",
    "search=walking+one&ordering=id",
    "search=ROUNDS+tes&ordering=id",
    "search=%C3%BCn%C3%AFcode&ordering=id",
    "search=%21%21",
    "search=",
    "search=nothing+of+the+kind",
    "page=50",
    "page=0&pageSize=501&ordering=colour&status=Nice&colour=red",
    "page=x&pageSize=-1&after=zzz",
    "search=" + "+".join(f"w{number}" for number in range(21)),
    "status=",
    "job=",
    "page=1&page=2",
    "search=%FF",
    "ordering=estimated",
)
