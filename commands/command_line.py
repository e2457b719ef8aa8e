"""What the commands of `server.py` share: the options of the configuration, exit codes, and how they answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import streams
from config import Config, Parser, add_config_options, config_from
from jobs.errors import ConfigError, HourglassError, StartError
from logs import on_one_line

DONE, REFUSED, NOT_UNDERSTOOD, INTERRUPTED = 0, 1, 2, 130


def answer(command: Callable[[], str]) -> int:
    """Carries a command out, writes what it returns, and returns the exit code: 0 done, 1 refused in one sentence, 2
    for wrong words or a wrong configuration."""
    try:
        if not streams.say(command(), streams.STANDARD_OUTPUT, seconds=None):
            streams.say("Standard output cannot be written; the command has been carried out.")
            return REFUSED
    except (ConfigError, StartError) as error:
        streams.say(on_one_line(str(error)))
        return NOT_UNDERSTOOD
    except HourglassError as error:
        streams.say(on_one_line(str(error)))
        return REFUSED
    except KeyboardInterrupt:
        streams.say("Interrupted.")
        return INTERRUPTED
    return DONE


def read_words(parser: argparse.ArgumentParser, argv: Sequence[str]) -> tuple[argparse.Namespace, Config]:
    """Returns what `parser` makes of the words, and the configuration by the options, which may stand anywhere among
    them. Raises ConfigError."""
    of_config = Parser(parser.prog, add_help=False, allow_abbrev=False)
    add_config_options(of_config)
    settings, words = of_config.parse_known_args(argv)
    return parser.parse_args(words), config_from(settings)
