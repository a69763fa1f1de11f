# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Examples and pages say what is so: options, settings and links exist, files fit together."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyroscope_native import cli
from tests.support.python import ROOT

yaml = pytest.importorskip("yaml")

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
EXAMPLES = sorted(path for path in ROOT.glob("examples/**/*") if path.is_file())
if not EXAMPLES:
    pytest.skip("neither examples nor pages are beside these tests", allow_module_level=True)

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:python -m pyroscope_native|pyroscope-native)( (?!pyroscope)[a-z]+\b.*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SETTING = re.compile(r"\bPYROSCOPE_(?!TEST_|NATIVE_)[A-Z_]+\b")
GO_ONLY = ("memory", "goroutine", "block", "mutex")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def by_path(paths: list[Path]) -> list[Any]:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in paths]


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(text_of(page)) if name == language]


def command_lines() -> Iterator[Any]:
    """What pages and examples have us called with."""
    for path in [*PAGES, *(path for path in EXAMPLES if path.suffix == ".py")]:
        texts = blocks(path, "sh") if path.suffix == ".md" else [text_of(path)]
        for line in "".join(texts).replace("\\\n", " ").splitlines():
            found = COMMAND.search(line)
            if found:
                words = shlex.split(found[1], comments=True)
                yield pytest.param(words, id=f"{path.name}: {shlex.join(words)}")


def parse(words: list[str]) -> None:
    """Fails for options that there are not."""
    if words[0] == "run":
        own, program = cli._split(words[1:])
        assert program, "there is a program to run"
        words = ["run", *own]
    cli._parser().parse_args(["1" if word == "PID" else word for word in words])


@pytest.mark.parametrize("words", list(command_lines()))
def test_options_exist(words: list[str]) -> None:
    parse(words)


@pytest.mark.parametrize("path", by_path([*PAGES, *EXAMPLES]))
def test_settings_exist(path: Path) -> None:
    known = {
        name
        for source in [*ROOT.glob("pyroscope_native/**/*.py"), *ROOT.glob("docs/configuration.md")]
        for name in SETTING.findall(text_of(source))
    }
    assert set(SETTING.findall(text_of(path))) <= known


def slug(heading: str) -> str:
    """What GitHub calls it in a link."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", by_path(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        path = (page.parent / target) if target else page
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
            assert anchor in map(slug, headings), link


@pytest.mark.parametrize("path", by_path([path for path in EXAMPLES if path.suffix == ".yaml"]))
def test_yaml_parses(path: Path) -> None:
    assert all(isinstance(each, dict) for each in yaml.safe_load_all(text_of(path)))


@pytest.mark.parametrize("page", by_path(PAGES))
def test_yaml_in_pages_parses(page: Path) -> None:
    for text in blocks(page, "yaml"):
        assert isinstance(yaml.safe_load(text), dict)


def alloy_texts() -> list[str]:
    texts = [text_of(path) for path in EXAMPLES if path.suffix == ".alloy"]
    return texts + [text for page in PAGES for text in blocks(page, "alloy")]


def test_alloy_asks_for_nothing_that_only_go_has() -> None:
    scraping = [text for text in alloy_texts() if "pyroscope.scrape " in text]
    assert len(scraping) >= 3
    for text in scraping:
        for kind in GO_ONLY:
            assert re.search(rf"profile\.{kind} \{{\s*enabled = false\s*\}}", text), kind


def test_alloy_writes_to_what_is_there() -> None:
    for text in alloy_texts():
        for component, label in re.findall(r"\b(pyroscope\.write)\.(\w+)\.receiver", text):
            assert f'{component} "{label}" {{' in text


@pytest.fixture
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text_of(ROOT / "examples/compose.yaml"))
    return found["services"]


def test_composed_ports_are_on_loopback(compose: dict[str, Any]) -> None:
    ports = [port for service in compose.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_composed_images_are_pinned(compose: dict[str, Any]) -> None:
    foreign = [service["image"] for service in compose.values() if "build" not in service]
    assert len(foreign) == 3
    for image in foreign:
        assert re.fullmatch(r"grafana/\w+:v?\d+\.\d+\.\d+", image)


def test_composed_services_find_each_other(compose: dict[str, Any]) -> None:
    alloy = text_of(ROOT / "examples/compose/config.alloy")
    listens = re.search(r"listen_port\s*= (\d+)", alloy)
    assert listens
    pushing = compose["pushing-shop"]["environment"]
    assert pushing["PYROSCOPE_SERVER_ADDRESS"] == f"http://alloy:{listens[1]}"
    port = compose["scraped-shop"]["environment"]["PYROSCOPE_SERVE_ADDRESS"].rpartition(":")[2]
    assert f'"scraped-shop:{port}"' in alloy
    grafana = yaml.safe_load(text_of(ROOT / "examples/compose/grafana/pyroscope.yaml"))
    for url in (grafana["datasources"][0]["url"], *re.findall(r'url = "(.*)"', alloy)):
        assert url == "http://pyroscope:4040"


def test_composed_files_are_there(compose: dict[str, Any]) -> None:
    for service in compose.values():
        for volume in service.get("volumes", []):
            assert (ROOT / "examples" / volume.split(":")[0]).exists()
    dockerfile = text_of(ROOT / compose["customers"]["build"]["dockerfile"])
    for source in re.findall(r"^COPY ((?:examples/\S+ )+)", dockerfile, re.MULTILINE):
        assert all((ROOT / path).is_file() for path in source.split())
    (entrypoint,) = re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile, re.MULTILINE)
    parse([*yaml.safe_load(entrypoint)[3:], *compose["pushing-shop"]["command"]])


@pytest.fixture
def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text_of(ROOT / "examples/kubernetes.yaml")))


@pytest.fixture
def pods(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [each["spec"]["template"] for each in manifests if each["kind"] == "Deployment"]
    assert len(found) == 2
    return found


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    """Of its only container, in order: a value, or where it comes from."""
    (container,) = pod["spec"]["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_deployments_choose_their_pods(manifests: list[dict[str, Any]]) -> None:
    for each in manifests:
        if each["kind"] == "Deployment":
            labels = each["spec"]["template"]["metadata"]["labels"]
            assert each["spec"]["selector"]["matchLabels"] == labels


def test_pods_run_under_the_profiler(pods: list[dict[str, Any]]) -> None:
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert container["command"][:3] == ["python", "-m", "pyroscope_native"]
        parse(container["command"][3:])


def test_labels_of_pods_are_known_where_they_stand(pods: list[dict[str, Any]]) -> None:
    settings = environment(pods[0])
    names = list(settings)
    used = re.findall(r"\$\((\w+)\)", settings["PYROSCOPE_LABELS"])
    assert len(used) == 3
    for name in used:
        assert names.index(name) < names.index("PYROSCOPE_LABELS")
        assert "fieldRef" in settings[name]


def test_pods_mount_what_settings_name(
    manifests: list[dict[str, Any]], pods: list[dict[str, Any]]
) -> None:
    settings = environment(pods[0])
    (container,) = pods[0]["spec"]["containers"]
    volumes = {volume["name"]: volume for volume in pods[0]["spec"]["volumes"]}
    mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert len(mounted) == len(volumes)
    token = Path(settings["PYROSCOPE_BEARER_TOKEN_FILE"])
    secret = mounted[str(token.parent)]["secret"]
    assert [item["path"] for item in secret["items"]] == [token.name]
    kept = next(each for each in manifests if each["kind"] == "Secret")
    assert kept["metadata"]["name"] == secret["secretName"]
    assert {item["key"] for item in secret["items"]} <= set(kept["stringData"])
    assert "emptyDir" in mounted[settings["PYROSCOPE_SPOOL_DIR"]]
    assert mounted[settings["PYROSCOPE_FUSE"]]["emptyDir"]["medium"] == "Memory"


def test_pods_have_time_for_the_last_upload(pods: list[dict[str, Any]]) -> None:
    timeout = environment(pods[0])["PYROSCOPE_SHUTDOWN_TIMEOUT"]
    assert pods[0]["spec"]["terminationGracePeriodSeconds"] > int(timeout.rstrip("s"))


def test_annotations_name_the_port_that_is_served(pods: list[dict[str, Any]]) -> None:
    annotations = pods[1]["metadata"]["annotations"]
    (container,) = pods[1]["spec"]["containers"]
    port = environment(pods[1])["PYROSCOPE_SERVE_ADDRESS"].rpartition(":")[2]
    assert annotations["profiles.grafana.com/cpu.scrape"] == "true"
    assert annotations["profiles.grafana.com/cpu.port"] == port
    assert int(port) in [each["containerPort"] for each in container["ports"]]
    looked_for = text_of(ROOT / "examples/kubernetes.alloy")
    for name in annotations:
        assert re.sub(r"\W", "_", name) in looked_for
