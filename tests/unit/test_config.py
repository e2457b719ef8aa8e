"""What is wrong with config.ini or the command line stops the start in one sentence that says what was meant."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.settings import AuthSettings
from ceph.settings import ClusterSettings
from config import (
    CORE_SECTIONS,
    DEFAULT_FILE,
    Config,
    Parser,
    add_config_options,
    config_from,
    load_config,
)
from handlers.settings import ServerSettings
from jobs.definition.declaration import job
from jobs.definition.loading import load_registry
from jobs.definition.params import Parameter, check_text, parameters_of
from jobs.definition.registry import Registry
from jobs.definition.rounds import Round
from jobs.engines.local.settings import PoolSettings
from jobs.errors import ConfigError
from jobs.queue.retention import RetentionSettings
from logs import LogSettings

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a config.ini of this content, which lies in the current directory."""
    monkeypatch.chdir(tmp_path)

    def load_text(content: str | bytes = "", *argv: str) -> Config:
        Path("config.ini").write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_config(["--config=config.ini", *argv])

    return load_text


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as refused:
        call()
    text = str(refused.value)
    assert "\n" not in text
    return text


# The file that ships


def test_the_config_ini_that_ships_says_every_setting_with_its_default() -> None:
    for section, parameters in _all_parameters().items():
        texts = _shipped()[section]
        assert list(texts) == [parameter.name for parameter in parameters]
        for parameter in parameters:
            assert check_text(texts[parameter.name], parameter.type) == parameter.default, parameter.name


def test_the_config_ini_that_ships_has_no_other_sections() -> None:
    assert sorted(_shipped()) == sorted(_all_parameters())


def test_the_config_ini_that_ships_has_exactly_one_line_of_comment_above_each_setting() -> None:
    lines = _shipped_lines()
    for above, comment, setting in zip(lines, lines[1:], lines[2:], strict=False):
        if "=" in setting and not setting.startswith("#"):
            assert comment.startswith("# "), setting
            assert not above.startswith("#"), setting
    assert sum(line.startswith("#") for line in lines) == sum(len(texts) for texts in _shipped().values())


def _shipped_lines() -> list[str]:
    """Without the section of a cluster, which is shown in comments alone."""
    return re.sub(r"# A Ceph cluster;.*?\n\n", "", DEFAULT_FILE.read_text(), flags=re.DOTALL).splitlines()


def _shipped() -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    for line in _shipped_lines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            texts = sections.setdefault(header[1], {})
        elif setting := re.fullmatch(r"(\w+) = ?(.*)", line):
            texts[setting[1]] = setting[2]
    return sections


def _all_parameters() -> Mapping[str, tuple[Parameter, ...]]:
    core = {name: parameters_of(type_) for name, type_ in CORE_SECTIONS.items()}
    return core | {job.name: job.settings_parameters for job in load_registry().jobs}


# What is read


def test_an_empty_file_gives_the_defaults(load: Load, tmp_path: Path) -> None:
    config = load()
    assert (config.server, config.workers, config.auth) == (ServerSettings(), PoolSettings(), AuthSettings())
    assert (config.retention, config.log, config.jobs.modules) == (RetentionSettings(), LogSettings(), ())
    assert config.storage.data_dir == tmp_path / "data"
    assert config.job_sections == {}


def test_the_file_beside_the_server_is_read_where_none_is_named() -> None:
    config = load_config([])
    assert config.storage.data_dir == DEFAULT_FILE.parent / "data"
    assert config.job_sections["test_task"] == {"enabled": "yes", "round_seconds": "1.0"}


def test_values_are_read_by_their_types(load: Load) -> None:
    config = load(
        "[server]\nport = 0\ngrace_seconds = 2.5\nbehind_proxy = yes\n"
        "trusted_origins = https://a.example, http://b.example:8080\n"
        "[jobs]\nmodules = shop.jobs,\n  other\n[log]\nlevel = debug\n"
    )
    origins = ("https://a.example", "http://b.example:8080")
    assert config.server == ServerSettings(port=0, grace_seconds=2.5, trusted_origins=origins, behind_proxy=True)
    assert config.jobs.modules == ("shop.jobs", "other")
    assert config.log == LogSettings("debug")


def test_a_byte_order_mark_is_no_mistake(load: Load) -> None:
    assert load("\ufeff[workers]\ncount = 7\n").workers.count == 7


def test_a_percent_sign_is_only_a_percent_sign(load: Load) -> None:
    assert load("[x]\ntext = 100%% of %(this)s\n").job_sections == {"x": {"text": "100%% of %(this)s"}}


def test_a_section_named_default_gives_nothing_to_the_others(load: Load) -> None:
    config = load("[DEFAULT]\nport = 1\n[server]\nhost = ::1\n")
    assert config.server == ServerSettings(host="::1")
    assert "DEFAULT" in config.job_sections


# The command line


def test_the_command_line_overrules_the_file(load: Load) -> None:
    config = load("[server]\nport = 1\n[workers]\ncount = 3\n", "--port=2", "--set", "workers.count = 4")
    assert (config.server.port, config.workers.count) == (2, 4)


def test_of_two_options_for_one_setting_the_last_counts(load: Load) -> None:
    assert load("", "--set=workers.count=3", "--set=workers.count=4").workers.count == 4


def test_a_value_may_hold_what_separates_it(load: Load) -> None:
    assert load("", "--set=x.url=a.b=c").job_sections == {"x": {"url": "a.b=c"}}


def test_a_wrong_value_in_the_file_does_not_matter_where_the_command_line_gives_another(load: Load) -> None:
    assert load("[server]\nport = x\n", "--port=1").server.port == 1


@pytest.mark.parametrize(
    ("content", "argv", "directory"),
    [
        ("[storage]\ndata_dir = kept\n", [], "conf/kept"),
        ("[storage]\ndata_dir = kept\n", ["--data-dir=here"], "here"),
        ("", ["--set=storage.data_dir=here"], "here"),
        ("[storage]\ndata_dir = /srv/kept\n", [], "/srv/kept"),
    ],
)
def test_a_relative_data_dir_belongs_to_whoever_wrote_it(
    content: str, argv: list[str], directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    Path("conf/h.ini").write_text(content)
    assert load_config(["--config=conf/h.ini", *argv]).storage.data_dir == tmp_path / directory


def test_a_home_directory_is_understood(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert load("[storage]\ndata_dir = ~/kept\n").storage.data_dir == Path("/home/ada/kept")


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_config(["--help"])
    assert not ended.value.code
    assert "--data-dir" in capsys.readouterr().out


def test_another_parser_can_share_the_options() -> None:
    parser = Parser(allow_abbrev=False)
    add_config_options(parser)
    commands = parser.add_subparsers()
    commands.add_parser("user").add_argument("name")
    options = parser.parse_args(["--port=1", "user", "ada"])
    assert (config_from(options).server.port, options.name) == (1, "ada")
    assert sentence(lambda: parser.parse_args(["user"])) == "the following arguments are required: name; see --help"


# Mistakes


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[workers]\ncount = two\n", 'config.ini [workers] count: expected a whole number from 1 to 256, got "two"'),
        ("[workers]\ncount = 0\n", 'config.ini [workers] count: expected a whole number from 1 to 256, got "0"'),
        ("[workers]\ncount =\n", 'config.ini [workers] count: expected a whole number from 1 to 256, got ""'),
        ("[server]\nport = 65536\n", 'config.ini [server] port: expected a whole number from 0 to 65535, got "65536"'),
        (
            "[server]\nport = 1\n  host = x\n",
            'config.ini [server] port: expected a whole number from 0 to 65535, got "1\\nhost = x"',
        ),
        ("[server]\nhost =\n", 'config.ini [server] host: expected text of at least 1 character, got ""'),
        (
            "[server]\ngrace_seconds = nan\n",
            'config.ini [server] grace_seconds: expected a number from 0 to 3600, got "nan"',
        ),
        *(
            (
                f"[server]\ntrusted_proxies = ::1, {wrong}\n",
                "config.ini [server] trusted_proxies: expected an address or a network like 192.0.2.0/24, got "
                f'"{wrong}"',
            )
            for wrong in ("localhost", "10.0.0.1/8", "10.0.0.0/33", "300.0.0.1", "unix:", "10.0.0.0-10.0.0.9")
        ),
        ("[server]\nbehind_proxy = perhaps\n", 'config.ini [server] behind_proxy: expected yes or no, got "perhaps"'),
        (
            "[server]\ntrusted_origins = https://a.example, b.example\n",
            "config.ini [server] trusted_origins: "
            'expected an origin like https://hourglass.example.org, got "b.example"',
        ),
        (
            "[jobs]\nmodules = shop-jobs\n",
            'config.ini [jobs] modules: expected a Python module\'s name, got "shop-jobs"',
        ),
        ("[storage]\ndata_dir =\n", 'config.ini [storage] data_dir: expected a directory, got ""'),
        ("[log]\nlevel = loud\n", 'config.ini [log] level: expected one of debug, error, info, warning, got "loud"'),
        (
            "[log]\nlevle = info\n",
            "config.ini [log] levle: there is no such key, expected one of level, format; did you mean level?",
        ),
        (
            "[log]\nLevel = info\n",
            "config.ini [log] Level: there is no such key, expected one of level, format; did you mean level?",
        ),
        ("[server]\nport: 1\n", 'config.ini line 2: expected key = value, got "port: 1"'),
        ("[log]\n[server\n", 'config.ini line 2: expected key = value, got "[server"'),
        ("[server\nport = 1\n", 'config.ini line 1: expected a [section] first, got "[server"'),
        ("[log]\n\x0b\u2028x\n[server", 'config.ini line 2: expected key = value, got "x"'),
        ("[log]\nkey\n  continued\n", 'config.ini line 2: expected key = value, got "key"'),
        ("port = 1\n", 'config.ini line 1: expected a [section] first, got "port = 1"'),
        ("[server]\nport\n", 'config.ini line 2: expected key = value, got "port"'),
        ("[server]\nport = 1\nport = 2\n", "config.ini [server] port: expected one such key, got another in line 3"),
        ("[log]\n[server]\n[log]\n", "config.ini [log]: expected one such section, got another in line 3"),
        (b"[log]\n\xff\n", "config.ini: expected text in UTF-8, got byte 0xff at position 6"),
    ],
)
def test_a_mistake_in_the_file_is_told_in_one_sentence(load: Load, content: str | bytes, expected: str) -> None:
    assert sentence(lambda: load(content)) == expected


@settings(deadline=None)  # it reads a file each time
@given(st.lists(st.sampled_from(["[", "]", "server", "port", "=", ":", " ", "\n", "\t", "#", "1", "\x0b", "é"])))
def test_whatever_stands_in_the_file_is_taken_or_refused_in_one_sentence(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "config.ini"
        file.write_text("".join(pieces))
        refusal = ""
        try:
            load_config([f"--config={file}"])
        except ConfigError as error:
            refusal = str(error)

        assert "\n" not in refusal


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--port=x", '--port: expected a whole number from 0 to 65535, got "x"'),
        ("--data-dir=", '--data-dir: expected a directory, got ""'),
        (
            "--set=workers.count=0",
            '--set workers.count: expected a whole number from 1 to 256, got "0"',
        ),
        ("--set=workers", '--set: expected section.key=value, got "workers"'),
        ("--set=workers=3", '--set: expected section.key=value, got "workers=3"'),
        ("--set=.count=3", '--set: expected section.key=value, got ".count=3"'),
        ("--set=workers.count", '--set: expected section.key=value, got "workers.count"'),
        ("--prot=1", "unrecognized arguments: --prot=1; see --help"),
        ("--por=1", "unrecognized arguments: --por=1; see --help"),
        ("--port", "argument --port: expected one argument; see --help"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_in_one_sentence(load: Load, option: str, expected: str) -> None:
    assert sentence(lambda: load("", option)) == expected


@given(st.sampled_from(["workers.count", "server.port", "server.grace_seconds", "log.level"]), st.text(max_size=80))
def test_whatever_is_given_is_read_or_refused_in_one_sentence(setting: str, text: str) -> None:
    mistake = ""
    try:
        load_config([f"--set={setting}={text}"])
    except ConfigError as refused:
        mistake = str(refused)
    assert not mistake or mistake.startswith(f"--set {setting}: expected ")
    assert "\n" not in mistake


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "h.ini"
    expected = f"{missing}: cannot be read: No such file or directory"
    assert sentence(lambda: load_config([f"--config={missing}"])) == expected


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    assert sentence(lambda: load_config([f"--config={tmp_path}"])) == f"{tmp_path}: cannot be read: Is a directory"


# Clusters


def test_without_a_section_there_is_no_cluster(load: Load) -> None:
    assert load().clusters == {}


def test_clusters_are_named_and_their_paths_lie_beside_the_file(load: Load, tmp_path: Path) -> None:
    config = load(
        '[ceph "main"]\n'
        '[ceph "lab-2"]\nconf = lab.conf\nkeyring = keys/lab\nclient = client.lab\nmon_timeout_seconds = 2\n'
    )
    lab = ClusterSettings(
        conf=str(tmp_path / "lab.conf"),
        keyring=str(tmp_path / "keys/lab"),
        client="client.lab",
        mon_timeout_seconds=2,
    )
    assert config.clusters == {"main": ClusterSettings(), "lab-2": lab}
    assert config.clusters["main"].conf == "/etc/ceph/ceph.conf"
    assert config.clusters["lab-2"].client_name == "client.lab"
    assert config.clusters["main"].client_name == "client.admin"
    assert config.job_sections == {}


def test_the_conf_of_a_cluster_on_the_command_line_lies_in_the_present_directory(load: Load) -> None:
    config = load("", '--set=ceph "demo".conf=build/ceph.conf')
    assert config.clusters["demo"].conf == str(Path.cwd() / "build/ceph.conf")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[ceph "main"]\nmon_timeout_seconds = 0\n', "mon_timeout_seconds: expected a whole number from 1 to 3600"),
        ('[ceph "main"]\nclient = a b\n', "client: expected the name of a client, like admin"),
        ('[ceph "main"]\nconf =\n', "conf: expected text"),
        ('[ceph "main"]\nnamespaces = rbd\n', "namespaces: expected a pool and a namespace, like rbd/team"),
        ('[ceph "main"]\nkeyrings = x\n', "keyrings: there is no such key"),
    ],
)
def test_a_wrong_setting_of_a_cluster_is_told(load: Load, content: str, words: str) -> None:
    assert words in sentence(lambda: load(content))


@pytest.mark.parametrize("section", ["ceph", "ceph main", 'ceph "a b"', 'ceph ""'])
def test_a_cluster_without_a_proper_name_is_told_how_to_write_it(load: Load, registry: Registry, section: str) -> None:
    text = sentence(lambda: load(f"[{section}]\nconf = x\n").configure(registry))
    assert text == (
        f'config.ini [{section}]: expected a name in quotes, of letters, digits, _ and -, as in [ceph "main"]'
    )


# Sections of jobs


@pytest.fixture
def registry() -> Registry:
    return load_registry()


def test_jobs_get_what_file_and_command_line_say(load: Load, registry: Registry) -> None:
    config = load("[test_task]\nround_seconds = 3\nenabled = yes\n", "--set=test_task.enabled=no")
    configured = config.configure(registry)
    assert configured.settings("test_task").round_seconds == 3  # type: ignore[attr-defined]
    assert configured.unavailable_because("test_task") == "switched off by [test_task] enabled"


SECTIONS = "server, storage, workers, jobs, auth, retention, monitoring, limits, log"


@pytest.mark.parametrize("content", ["[wrokers]\ncount = 1\n", "[wrokers]\n"])
def test_a_section_that_belongs_to_nothing_is_told_once_the_jobs_are_known(
    load: Load, registry: Registry, content: str
) -> None:
    text = sentence(lambda: load(content).configure(registry))
    assert text.startswith(f"config.ini [wrokers]: there is no such section, expected one of {SECTIONS}, ")
    assert "test_task" in text
    assert text.endswith("; did you mean workers?")


def test_an_unknown_section_on_the_command_line_names_the_option(load: Load, registry: Registry) -> None:
    text = sentence(lambda: load("", "--set=wrokers.count=1").configure(registry))
    assert text.startswith("--set wrokers.count: there is no such section")


def test_a_wrong_setting_of_a_job_names_where_it_was_written(load: Load, registry: Registry) -> None:
    expected = 'expected a number from 0 to 3600, got "-1"'
    in_file = load("[test_task]\nround_seconds = -1\n")
    assert sentence(lambda: in_file.configure(registry)) == f"config.ini [test_task] round_seconds: {expected}"
    on_line = load("", "--set=test_task.round_seconds=-1")
    assert sentence(lambda: on_line.configure(registry)) == f"--set test_task.round_seconds: {expected}"


def _rounds() -> Iterator[Round]:
    yield Round()


def test_a_job_cannot_be_named_like_a_section_of_ours(load: Load) -> None:
    registry = Registry({"log": job(description="Logs", name="log")(_rounds)})
    assert sentence(lambda: load().configure(registry)).startswith("The job log needs another name")
