"""config.ini and the command line, read once into frozen dataclasses. What is wrong stops the start in one sentence."""

from __future__ import annotations

import argparse
import configparser
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_type_hints

from accounts.settings import AuthSettings
from ceph.settings import ClusterSettings
from handlers.settings import LimitSettings, MonitoringSettings, ServerSettings
from jobs.definition.expected import shown
from jobs.definition.params import Origins, parameters_of, read_section, unknown
from jobs.definition.registry import Registry, RunLimits
from jobs.definition.settings import JobsSettings
from jobs.engines.local.settings import PoolSettings
from jobs.errors import ConfigError
from jobs.queue.retention import RetentionSettings
from logs import LogSettings
from storage.settings import StorageSettings

DEFAULT_FILE = Path(__file__).with_name("config.ini")

CLUSTER_SECTION = re.compile(r'ceph "([\w-]+)"')
"""The section of a Ceph cluster: `[ceph "main"]`. There may be several."""

Texts = dict[str, dict[str, str]]
"""Sections of keys with their values as they are written."""


@dataclass(frozen=True)
class Config:
    """All settings: a field for each section of config.ini, and the sections whose names are not known beforehand.

    Those of jobs are still texts, since only the registry knows their types.
    """

    server: ServerSettings
    storage: StorageSettings
    workers: PoolSettings
    jobs: JobsSettings
    auth: AuthSettings
    retention: RetentionSettings
    monitoring: MonitoringSettings
    limits: LimitSettings
    log: LogSettings
    clusters: Mapping[str, ClusterSettings]
    job_sections: Mapping[str, Mapping[str, str]]
    origins: Origins

    def configure(self, registry: Registry) -> Registry:
        """Returns the jobs with their settings. Raises ConfigError for a section that belongs to nothing."""
        names = [job.name for job in registry.jobs]
        for name in names:
            if name in CORE_SECTIONS:
                raise ConfigError(f"The job {name} needs another name: [{name}] in config.ini is not a job's section.")
        for section, texts in self.job_sections.items():
            if section not in names:
                raise ConfigError(self._unknown_section(section, texts, names))
        limits = RunLimits(self.workers.round_timeout_seconds, self.workers.memory_limit_mb)
        return registry.configure(self.job_sections, self.origins).limited(limits)

    def _unknown_section(self, section: str, texts: Mapping[str, str], jobs: Sequence[str]) -> str:
        given = [self.origins.command_line.get(f"{section}.{key}") for key in texts]
        where = next(filter(None, given), f"{self.origins.file} [{section}]")
        if section.split()[:1] == ["ceph"]:
            return f'{where}: expected a name in quotes, of letters, digits, _ and -, as in [ceph "main"]'
        return f"{where}: {unknown('section', section, [*CORE_SECTIONS, *jobs])}"


CORE_SECTIONS: Mapping[str, type] = {
    name: type_ for name, type_ in get_type_hints(Config).items() if isinstance(type_, type) and is_dataclass(type_)
}
"""The sections that are always there, with the dataclasses of their settings."""


# The command line


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes are ConfigErrors, worded like those of config.ini."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see --help")

    def print_help(self, file: object = None) -> None:
        """Prints it to standard output, as far as that can be written."""
        try:
            print(self.format_help(), end="", flush=True)
        except OSError:  # the interpreter would try again when it ends, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def load_config(argv: Sequence[str]) -> Config:
    """Returns the configuration by the options in `argv` (without the program's name). Raises ConfigError."""
    parser = Parser("server.py", description="Background tasks you can watch.", allow_abbrev=False)
    add_config_options(parser)
    return config_from(parser.parse_args(argv))


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `config_from` reads."""
    options = parser.add_argument_group("configuration")
    options.add_argument("--config", metavar="FILE", help="the configuration (default: config.ini beside server.py)")
    options.add_argument("--port", metavar="N", help="the port on which the server listens; 0 takes a free one")
    options.add_argument("--data-dir", metavar="DIR", help="the directory of the database")
    options.add_argument(
        "--set",
        dest="settings",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        help="any other setting; may be repeated",
    )


def config_from(options: argparse.Namespace) -> Config:
    """Returns the configuration by the options of `add_config_options`. Raises ConfigError."""
    file = Path(options.config) if options.config is not None else DEFAULT_FILE
    file_name = options.config if options.config is not None else file.name
    texts = _read_file(file, file_name)
    command_line = _apply_options(texts, options)
    config = _config(texts, Origins(file_name, command_line))

    def absolute(section: str, key: str, path: str | Path) -> Path:
        base = Path.cwd() if f"{section}.{key}" in command_line else file.absolute().parent
        return base / os.path.expanduser(path)

    data_dir = absolute("storage", "data_dir", config.storage.data_dir)
    clusters = {name: _with_absolute_paths(name, one, absolute) for name, one in config.clusters.items()}
    return replace(config, storage=StorageSettings(data_dir), clusters=clusters)


def _with_absolute_paths(
    name: str, cluster: ClusterSettings, absolute: Callable[[str, str, str], Path]
) -> ClusterSettings:
    section = f'ceph "{name}"'
    conf = absolute(section, "conf", cluster.conf)
    keyring = absolute(section, "keyring", cluster.keyring) if cluster.keyring else ""
    return replace(cluster, conf=str(conf), keyring=str(keyring))


def _apply_options(texts: Texts, options: argparse.Namespace) -> dict[str, str]:
    """Writes what the command line says over `texts`; returns where each of these settings was given."""
    given = {}
    for setting in options.settings:
        section, key, text = _split_setting(setting)
        texts.setdefault(section, {})[key] = text
        given[f"{section}.{key}"] = f"--set {section}.{key}"
    for option, section, key in (("port", "server", "port"), ("data_dir", "storage", "data_dir")):
        text = getattr(options, option)
        if text is not None:
            texts.setdefault(section, {})[key] = text
            given[f"{section}.{key}"] = f"--{option.replace('_', '-')}"
    return given


def _split_setting(setting: str) -> tuple[str, str, str]:
    name, equals, text = setting.partition("=")
    section, dot, key = (part.strip() for part in name.partition("."))
    if not (section and dot and key and equals):
        raise ConfigError(f"--set: expected section.key=value, got {shown(setting)}")
    return section, key, text.strip()


def _config(texts: Texts, origins: Origins) -> Config:
    sections: dict[str, Any] = {name: _section(type_, name, texts, origins) for name, type_ in CORE_SECTIONS.items()}
    clusters = {name: found[1] for name in texts if (found := CLUSTER_SECTION.fullmatch(name))}
    return Config(
        **sections,
        clusters={cluster: _section(ClusterSettings, name, texts, origins) for name, cluster in clusters.items()},
        job_sections={name: one for name, one in texts.items() if name not in CORE_SECTIONS and name not in clusters},
        origins=origins,
    )


SectionType = TypeVar("SectionType")


def _section(type_: type[SectionType], name: str, texts: Texts, origins: Origins) -> SectionType:
    return type_(**read_section(parameters_of(type_), name, texts.get(name, {}), origins))


# The file


class _IniParser(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def _read_file(file: Path, name: str) -> Texts:
    # A default section would hand its keys to all others; the name "" cannot be written.
    parser = _IniParser(interpolation=None, default_section="", delimiters=("=",), empty_lines_in_values=False)
    text = _text_of(file, name)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ConfigError(f"{name} {_mistake(error, text)}") from error
    return {section: dict(parser[section]) for section in parser.sections()}


def _text_of(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        place = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        raise ConfigError(f"{name}: expected text in UTF-8, got {place}") from error


def _mistake(error: configparser.Error, text: str) -> str:
    """Says what is wrong where. Only the number of the line is taken from the parser: how it words a line is its own
    affair, and another one in each version of Python."""
    match error:
        case configparser.DuplicateSectionError():
            return f"[{error.section}]: expected one such section, got another in line {error.lineno}"
        case configparser.DuplicateOptionError():
            return f"[{error.section}] {error.option}: expected one such key, got another in line {error.lineno}"
        case configparser.MissingSectionHeaderError(lineno=int(number)):
            return f"line {number}: expected a [section] first, got {_line(text, number)}"
        case configparser.ParsingError(errors=[(int(number), _), *_]):
            return f"line {number}: expected key = value, got {_line(text, number)}"
        case _:
            return f"cannot be understood: {' '.join(str(error).split())}"


def _line(text: str, number: int) -> str:
    """Returns the line of that number, from 1, as it is shown."""
    lines = text.split("\n")
    return shown(lines[number - 1].strip()) if 0 < number <= len(lines) else "nothing"
