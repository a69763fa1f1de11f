# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The table of settings is whole: in the documents, in `configure()`, in Config."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from pyroscope_native import configure
from pyroscope_native.cli import _GROUPS
from pyroscope_native.config import Config
from pyroscope_native.settings_table import FILE_VARIABLE, SETTINGS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def documented() -> dict[str, tuple[set[str], set[str]]]:
    """Options and variables by the setting's key in a file, from the document's table."""
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and cells[0].startswith("`"):
            key, options, variables, _, _ = cells
            rows[key.strip("`")] = (
                set(re.findall(r"`(-[-a-z]+)", options)),
                set(re.findall(r"`([A-Z_]+)`", variables)),
            )
    return rows


def test_every_setting_is_in_the_document_and_no_other() -> None:
    expected = {
        setting.name.replace("_", "-"): (set(setting.options), set(setting.variables))
        for setting in SETTINGS
    }
    assert documented() == expected
    assert FILE_VARIABLE in DOCUMENT.read_text()


def test_names_are_once() -> None:
    variables = [variable for setting in SETTINGS for variable in setting.variables]
    options = [option for setting in SETTINGS for option in setting.options]
    for names in (variables, options, [setting.name for setting in SETTINGS]):
        assert len(set(names)) == len(names)


def test_settings_are_parameters_of_configure_by_the_same_name() -> None:
    """But for what is of `run` only, or of the environment."""
    others = {"agent_enabled", "log_level", "profiling_interval", "fuse", "output", "group_by"}
    names = {setting.name for setting in SETTINGS} - others - {"quiet"}
    assert names <= inspect.signature(configure).parameters.keys()


def test_fields_and_groups_exist() -> None:
    fields = {setting.field for setting in SETTINGS}
    assert fields - {*Config._fields} == {"username", "password"}
    assert {*Config._fields} - fields == {"basic_auth", "default_outputs", "spare_output"}
    assert {setting.group for setting in SETTINGS} == {*_GROUPS}


def test_what_says_where_profiles_go_is_vital() -> None:
    vital = {setting.name for setting in SETTINGS if setting.is_vital}
    assert vital == {
        "agent_enabled", "server_address", "basic_auth_username", "basic_auth_password",
        "bearer_token", "bearer_token_file", "tenant_id", "http_headers", "ca_file",
        "client_cert_file", "client_key_file", "serve_address", "serve_token",
    }  # fmt: skip


def test_options_say_what_they_do() -> None:
    assert [s.name for s in SETTINGS if bool(s.options) != bool(s.meaning)] == []
