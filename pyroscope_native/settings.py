# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Who says what is set: arguments, else the environment, else a file, else defaults."""

# No postponed annotations here: see config.py.

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Optional

from pyroscope_native import config_file, environment, tags, values
from pyroscope_native.config import PROCESS_TAGS, Config
from pyroscope_native.errors import ConfigError, SourceError
from pyroscope_native.log import warn_once
from pyroscope_native.settings_table import (
    BY_NAME,
    FILE_VARIABLE,
    SETTINGS,
    VARIABLES,
    Setting,
)

_FIRST = ("agent_enabled", "log_level", "replace_label_periods")
"""What the rest depends on."""
_OUTDOES = {
    "basic_auth_password": ("bearer_token", "bearer_token_file"),
    "bearer_token": ("bearer_token_file",),
}
"""Credentials that who is weaker has said, and that would be used instead."""
_DEFAULT_FUSE = "/dev/shm"


class _Said(NamedTuple):
    """A setting as somebody says it."""

    setting: Setting
    value: Any
    source: str = ""
    """The variable, or the file and the key; empty for an argument."""
    directory: str = ""
    """That paths are seen from; empty for the working directory."""


def resolve(
    arguments: Mapping[str, object],
    *,
    defaults: Config,
    config_file: str = "",
    tolerant: bool,
) -> Config:
    """What all together say; by setting, the strongest says it. Of tags and HTTP headers,
    this holds for each by itself.

    arguments: values by names of settings. Those of a command line can be written as JSON,
        and resolved again in another process: see `absolute`.
    defaults: what is where nobody says anything.
    config_file: path of a file; see `file_to_read`. Empty: none.
    tolerant: in a program, which a fault in the environment or a file must not
        bring down: it is logged once, and the next weaker says what is to be.

    Raises ConfigError; SourceError, if it is for what the environment or a file says.
    Tolerant, that is only for what says where profiles go, or to whom.
    """
    name, variable, attributes = environment.opentelemetry()
    said = [
        _Said(BY_NAME["application_name"], name, variable),
        _Said(BY_NAME["tags"], attributes, "OTEL_RESOURCE_ATTRIBUTES"),
    ]
    for setting in SETTINGS:
        for variable in setting.variables:
            said.append(_Said(setting, environment.get(variable), variable))
    said += [_Said(BY_NAME[name], value) for name, value in arguments.items()]
    choice = _Choice(tolerant)
    choice.take(each for each in said if each.setting.name in _FIRST)
    if config_file and choice.is_enabled:
        said = [*_said_by_file(config_file, tolerant), *said]
        choice = _Choice(tolerant)
        choice.take(each for each in said if each.setting.name in _FIRST)
    if choice.is_enabled:
        choice.take(each for each in said if each.setting.name not in _FIRST)
    return choice.config(defaults)


def file_to_read(asked: Optional[str] = None) -> str:
    """The absolute path of the file that is asked for, or that the environment names; else
    empty."""
    return values.absolute(asked or environment.get(FILE_VARIABLE), environment.directory())


def absolute(arguments: Mapping[str, object]) -> dict[str, object]:
    """The arguments with the paths that are in them made absolute, as strings and lists of
    them. Raises ConfigError."""
    found = dict(arguments)
    for name, value in arguments.items():
        setting = BY_NAME[name]
        if setting.locate is not None:
            found[name] = setting.locate(
                setting.parse(setting.words, value), environment.directory()
            )
    return found


def warn_of_misspelt() -> None:
    """Say of each variable that is nearly one of ours, once."""
    environment.warn_of_misspelt(VARIABLES)


def _said_by_file(path: str, tolerant: bool) -> list[_Said]:
    """Raises SourceError."""
    try:
        content, unknown = config_file.read(path, BY_NAME)
    except ConfigError as error:
        raise SourceError(str(error)) from None
    for fault in unknown:
        if not tolerant:
            raise SourceError(fault)
        warn_once(fault, fault)
    shown, directory = config_file.shown_path(path), os.path.dirname(path)
    return [
        _Said(setting, content[name], f"{shown}: {config_file.key_of(name)}", directory)
        for name, setting in BY_NAME.items()
        if name in content
    ]


class _Choice:
    """What has been chosen, by who has spoken up to now, the weakest first."""

    def __init__(self, tolerant: bool) -> None:
        self._tolerant = tolerant
        self._fields: dict[str, Any] = {"fuse": _DEFAULT_FUSE}
        self._tags: dict[str, str] = {}

    @property
    def is_enabled(self) -> bool:
        return bool(self._fields.get("enabled", True))

    def take(self, said: Iterable[_Said]) -> None:
        """Raises ConfigError."""
        for each in said:
            if isinstance(each.value, str) and not each.value:
                continue  # who says nothing leaves it to others
            try:
                self._put(each)
            except ConfigError as error:
                self._fault(each, error)

    def config(self, defaults: Config) -> Config:
        fields = dict(self._fields)
        username, password = fields.pop("username", ""), fields.pop("password", "")
        if len(self._tags) > PROCESS_TAGS and not self._tolerant:
            raise ConfigError(f"{len(self._tags)} tags are too many: a server takes {PROCESS_TAGS}")
        return defaults._replace(
            **fields,
            tags=tags.first(self._tags),
            basic_auth=(username, password) if username and password else None,
        )

    def _put(self, said: _Said) -> None:
        setting = said.setting
        value = setting.parse(setting.words, said.value)
        if setting.locate is not None:
            value = setting.locate(value, said.directory or environment.directory())
        if setting.name == "tags":
            self._put_tags(value, said)
            return
        if setting.name == "http_headers":
            given = {name.lower() for name in value}
            former = self._fields.get("http_headers", {})
            value = {**{n: text for n, text in former.items() if n.lower() not in given}, **value}
        for outdone in _OUTDOES.get(setting.name, ()):
            self._fields.pop(outdone, None)
        self._fields[setting.field] = value

    def _put_tags(self, given: Mapping[object, object], said: _Said) -> None:
        replace_periods = self._fields.get("replace_label_periods", False)
        if not said.source and self._tolerant:
            found = tags.usable(given, replace_periods)
        else:
            found = {}
            for name, value in given.items():
                try:
                    found.update([tags.check(name, value, replace_periods)])
                except ConfigError as error:
                    self._fault(said, error)
        # Those of the strongest first: where there are too many, the others go.
        self._tags = {**found, **{n: v for n, v in self._tags.items() if n not in found}}

    def _fault(self, said: _Said, error: ConfigError) -> None:
        if not said.source:
            raise error
        fault = f"{said.source}: {error}"
        if said.setting.is_vital or not self._tolerant:
            raise SourceError(fault) from None
        warn_once(said.source, f"a setting is left out: {fault}")
