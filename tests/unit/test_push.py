# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import os
import platform
import socket
import ssl
import subprocess
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyroscope_native.deliver import connection
from pyroscope_native.deliver.push import Pusher, PushError
from pyroscope_native.deliver.request import bodies, series_labels
from pyroscope_native.model import Frame, Function, Profile, Sample
from tests.support.certificates import new_certificate, server_context
from tests.support.push_server import Answer, PushServer
from tests.support.python import python

SECRET = "pa55-w0rd"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[PushServer]:
    with PushServer() as server:
        yield server
        assert server.faults == []


_opened: list[Pusher] = []


@pytest.fixture(autouse=True)
def no_connection_stays_open() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


TIMEOUT_S = 30.0


def pusher(server_address: str, **settings: Any) -> Pusher:
    _opened.append(Pusher(server_address=server_address, version="1.2.3", **settings))
    return _opened[-1]


def push_to(
    pusher: Pusher,
    profile: Profile,
    labels: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    for body in bodies(labels or series_labels("shop", {}, "1.2.3"), profile):
        pusher.send(body, timeout_s=timeout_s)


def profile(stack: tuple[int, ...] = (0,), time_ns: int | None = None) -> Profile:
    return Profile(
        functions=[Function("main", "/srv/main.py", 1)],
        frames=[Frame(0, 2)],
        samples=[Sample(stack, 10_000_000, ())],
        period=10_000_000,
        time_ns=time.time_ns() if time_ns is None else time_ns,
        duration_ns=15_000_000_000,
    )


def refusal(
    server: PushServer, answer: Answer, *, timeout_s: float = TIMEOUT_S, **settings: Any
) -> PushError:
    server.answers.append(answer)
    with pytest.raises(PushError) as caught:
        push_to(pusher(server.address, **settings), profile(), timeout_s=timeout_s)
    assert server.pushes == []
    return caught.value


def refusal_of(pusher: Pusher, server: PushServer, answer: Answer) -> PushError:
    server.answers.append(answer)
    with pytest.raises(PushError) as caught:
        push_to(pusher, profile())
    return caught.value


# what is sent


def test_a_push_is_stored(server: PushServer) -> None:
    push_to(pusher(server.address), profile())
    (push,) = server.pushes
    assert push.labels == {
        "__name__": "process_cpu",
        "__delta__": "false",
        "service_name": "shop",
        "otel.scope.name": "pyroscope_native",
        "otel.scope.version": "1.2.3",
        "process.runtime.name": "cpython",
        "process.runtime.version": platform.python_version(),
    }
    assert push.profile.sample_types == [("cpu", "nanoseconds")]
    assert [sample.values for sample in push.profile.samples] == [(10_000_000,)]


def test_a_sample_s_label_wins_over_the_series_own(server: PushServer) -> None:
    """The server has it the other way round."""
    labelled = profile()
    labelled.samples[:] = [
        Sample((0,), 1_000, (("job", "tidy"), ("zone", "eu"))),
        Sample((0,), 2_000, (("job", "tidy"),)),
        Sample((0,), 4_000, ()),
    ]
    labels = series_labels("shop", {"zone": "us", "env": "prod"}, "1.2.3")
    push_to(pusher(server.address), labelled, labels)
    (push,) = server.pushes
    assert "zone" not in push.labels
    assert push.labels["env"] == "prod"
    assert {sample.values[0]: dict(sample.labels) for sample in push.profile.samples} == {
        1_000: {"job": "tidy", "zone": "eu"},
        2_000: {"job": "tidy", "zone": "us"},
        4_000: {"zone": "us"},
    }


def test_the_request_is_connect_unary(server: PushServer) -> None:
    push_to(pusher(server.address), profile())
    headers = server.pushes[0].headers
    assert headers["content-type"] == "application/proto"
    assert headers["content-encoding"] == "gzip"
    assert headers["user-agent"] == "pyroscope_native/1.2.3"
    assert "authorization" not in headers
    assert "x-scope-orgid" not in headers


def test_the_connection_is_kept(server: PushServer) -> None:
    ours = pusher(server.address)
    push_to(ours, profile())
    server.answers.append(Answer(status=503, body=b"not ready"))
    with pytest.raises(PushError):
        push_to(ours, profile())
    push_to(ours, profile())
    first, second = server.pushes
    assert first.client_port == second.client_port


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_an_address_may_have_a_prefix(slashes: str) -> None:
    with PushServer(prefix="/profiles/eu") as server:
        push_to(pusher(server.address + slashes), profile())
        assert len(server.pushes) == 1


def test_a_closed_pusher_opens_another_connection(server: PushServer) -> None:
    ours = pusher(server.address)
    push_to(ours, profile())
    ours.close()
    push_to(ours, profile())
    assert len(server.pushes) == 2


def test_a_deep_stack_is_cut_at_its_root(server: PushServer) -> None:
    push_to(pusher(server.address), profile(stack=(0,) * 1500))
    (sample,) = server.pushes[0].profile.samples
    assert len(sample.stack) == 1000
    assert sample.stack[0].name == "main"
    assert sample.stack[-1].name == "[truncated]"


def test_labels_are_valid_utf8(server: PushServer) -> None:
    push_to(pusher(server.address), profile(), series_labels("caf\udce9", {}, "1"))
    assert server.pushes[0].labels["service_name"] == "caf\ufffd"


# who is asking


def authorization(server: PushServer) -> str:
    scheme, _, token = server.pushes[-1].headers["authorization"].partition(" ")
    assert scheme == "Basic"
    return base64.b64decode(token).decode()


def test_basic_auth(server: PushServer) -> None:
    push_to(pusher(server.address, basic_auth=("1234", "glc_ü")), profile())
    assert authorization(server) == "1234:glc_ü"


def test_userinfo_in_the_address_is_basic_auth(server: PushServer) -> None:
    address = server.address.replace("//", "//me%40work:p%2Fw@")
    push_to(pusher(address), profile())
    assert authorization(server) == "me@work:p/w"
    push_to(pusher(address, basic_auth=("other", "one")), profile())
    assert authorization(server) == "other:one"


def test_a_tenant_is_named(server: PushServer) -> None:
    push_to(pusher(server.address, tenant_id="team-a"), profile())
    assert server.pushes[0].headers["x-scope-orgid"] == "team-a"


def test_headers_of_the_user_do_not_change_the_protocol(server: PushServer) -> None:
    headers = {
        "X-Custom": "yes",
        "authorization": "Bearer t",
        "content-type": "text/plain",
        "user-agent": "mine",
    }
    push_to(pusher(server.address, http_headers=headers), profile())
    sent = server.pushes[0].headers
    assert sent["x-custom"] == "yes"
    assert sent["authorization"] == "Bearer t"
    assert sent["content-type"] == "application/proto"
    assert sent["user-agent"] == "mine"


def test_secrets_are_not_shown(server: PushServer) -> None:
    address = server.address.replace("//", f"//me:{SECRET}@")
    headers = {"X-Token": "t0ken-value"}
    shown = repr(pusher(address, http_headers=headers))
    quoting = f"who sent {SECRET} and t0ken-value?".encode()
    server.answers.append(Answer(status=401, body=quoting))
    with pytest.raises(PushError) as caught:
        push_to(pusher(address, http_headers=headers), profile())
    shown += str(caught.value) + repr(caught.value)
    assert "who sent ***" in shown
    assert SECRET not in shown
    assert "t0ken" not in shown
    assert "me:" not in shown


def test_a_token(server: PushServer) -> None:
    """It wins over a user and password."""
    push_to(pusher(server.address, bearer_token="t0ken"), profile())
    push_to(pusher(server.address, bearer_token="t0ken", basic_auth=("me", SECRET)), profile())
    assert [push.headers["authorization"] for push in server.pushes] == ["Bearer t0ken"] * 2


def test_a_token_in_a_file_is_read_again_for_each_connection(
    server: PushServer, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    ours = pusher(server.address, bearer_token="given", bearer_token_file=str(path))
    with pytest.raises(PushError, match="no token in") as caught:
        push_to(ours, profile())
    assert caught.value.retryable
    path.write_text("first\n")
    push_to(ours, profile())
    ours.close()
    path.write_text("second\n")
    push_to(ours, profile())
    ours.close()
    path.write_text("")  # it is being written
    push_to(ours, profile())
    ours.close()
    path.unlink()
    push_to(ours, profile())
    tokens = [push.headers["authorization"].partition(" ")[2] for push in server.pushes]
    assert tokens == ["first", "second", "second", "second"]
    error = refusal_of(ours, server, Answer(status=403, body=b"second is not first"))
    assert "second" not in str(error)


def test_destinations_are_told_apart() -> None:
    def destination(address: str = "http://a", **settings: Any) -> str:
        return pusher(address, **settings).destination

    plain = destination()
    assert destination("http://a/") == plain
    assert destination(bearer_token="x") == destination(bearer_token="y") == plain
    others = {
        plain,
        destination("http://b"),
        destination("http://a/prefix"),
        destination(tenant_id="team"),
        destination(basic_auth=("1234", "x")),
    }
    assert len(others) == 5
    assert destination(basic_auth=("1234", "y")) in others
    assert destination("http://1234:z@a") in others
    assert destination(http_headers={"x-scope-orgid": "team"}) in others


def test_a_server_of_many_tenants_wants_one() -> None:
    with PushServer(multitenancy=True) as server:
        push_to(pusher(server.address, tenant_id="team-a"), profile())
        with pytest.raises(PushError, match="401, unauthenticated: no org id"):
            push_to(pusher(server.address), profile())
        with pytest.raises(PushError, match="the tenant id has"):
            push_to(pusher(server.address, tenant_id="team/a"), profile())
    assert len(server.pushes) == 1


# what is refused at once


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "does not begin with http"),
        ("localhost:4040", "does not begin with http"),
        ("ftp://localhost", "does not begin with http"),
        (f"me:{SECRET}@localhost", "does not begin with http"),
        ("http://", "names no host"),
        (f"http://me:{SECRET}@", "names no host"),
        (f"http://me:{SECRET}@:4040", "names no host"),
        ("http://localhost:port", "port"),
        (f"http://me:{SECRET}:", "port"),
        (f"http://me:{SECRET}@localhost:99999", "port"),
        (f"http://me:{SECRET}@[::1", "not a URL"),
        (f"http://me:{SECRET}@\u2100.example", "not a URL"),
        (f"http://localhost/?token={SECRET}", "query"),
        ("http://localhost/#there", "fragment"),
        ("http://local host/", "space"),
        ("http://localhost\n", "space"),
    ],
)
def test_a_malformed_address_is_refused(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        pusher(address)
    assert "http://localhost:4040" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"http_headers": {"X Y": SECRET}}, "'X Y' is no name"),
        ({"http_headers": {"X-Y": f"{SECRET}\r\nX-Z: 1"}}, "header X-Y"),
        ({"http_headers": {"X-Y": f"{SECRET}\u20ac"}}, "header X-Y"),
        ({"tenant_id": "a\nb"}, "header X-Scope-OrgID"),
    ],
)
def test_a_header_that_can_not_be_sent_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        pusher("http://localhost", **settings)
    assert SECRET not in str(caught.value)


# what the server says


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, True) for status in (408, 409, 429, 499, 500, 502, 503, 504)),
        *((status, False) for status in (204, 400, 401, 403, 404, 405, 413, 415, 422, 501)),
    ],
)
def test_the_status_says_whether_to_try_again(
    server: PushServer, status: int, retryable: bool
) -> None:
    error = refusal(server, Answer(status=status))
    assert (error.status, error.retryable) == (status, retryable)
    assert str(status) in str(error)
    assert server.requests == 1


def test_the_servers_own_words_are_told(server: PushServer) -> None:
    body = b'{"code":"resource_exhausted","message":"limit is 4 MB/s\\n per tenant"}'
    error = refusal(server, Answer(status=429, body=body))
    assert str(error) == (f"{server.address}: 429, resource_exhausted: limit is 4 MB/s per tenant")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"upstream gone\r\n", "503, upstream gone"),
        (b"\xff\x1b[31m" + b"x" * 9000, "503, \ufffd [31m" + "x" * 144 + "…" + "x" * 249),
        (b"[" * 9000, "503, " + "[" * 150 + "…" + "[" * 249),
        (b'{"message": 1}', '503, {"message": 1}'),
        (b"<html>Service unavailable</html>", "503"),
        (b"", "503"),
    ],
    ids=["text", "long and binary", "nested", "other JSON", "HTML", "nothing"],
)
def test_the_words_of_others_are_kept_short(server: PushServer, body: bytes, words: str) -> None:
    error = refusal(server, Answer(status=503, body=body))
    assert str(error) == f"{server.address}: {words}"


def test_the_reason_behind_many_labels_is_told(server: PushServer) -> None:
    quoted = ", ".join(f'label_{number}=\\"value\\"' for number in range(30))
    reason = (
        "is outside of ingestion window (profile timestamp: 2026-11-26 08:00:00 +0000 UTC, the "
        "ingestion window starts at 2026-11-26 09:00:00 +0000 UTC and ends at 2026-11-26 "
        "10:10:00 +0000 UTC)"
    )
    message = f"profile with labels '{{{quoted}}}' {reason}"
    body = f'{{"code":"invalid_argument","message":"{message}"}}'.encode()
    words = str(refusal(server, Answer(status=400, body=body)))
    assert "400, invalid_argument: profile with labels" in words
    assert words.endswith(reason)


NOW_NS = 1_700_000_000 * 10**9
LABELS = {"__name__": "process_cpu", "__delta__": "false", "service_name": "shop"}


@pytest.mark.parametrize(
    ("labels", "time_ns", "words"),
    [
        ({"service_name": "shop"}, NOW_NS, "no __name__"),
        ({**LABELS, "": "x"}, NOW_NS, "has a name"),
        ({**LABELS, "n" * 1025: "x"}, NOW_NS, "label name is too long"),
        ({**LABELS, "x": "v" * 2049}, NOW_NS, "label value is too long"),
        ({**LABELS, **{f"n{i}": "x" for i in range(28)}}, NOW_NS, "no more labels"),
        (LABELS, NOW_NS - 3_601 * 10**9, "older than an hour"),
        (LABELS, NOW_NS + 601 * 10**9, "more than ten minutes ahead"),
    ],
    ids=["name", "empty name", "long name", "long value", "many labels", "old", "new"],
)
def test_what_the_server_finds_wrong_is_told(
    labels: dict[str, str], time_ns: int, words: str
) -> None:
    with PushServer(now_ns=lambda: NOW_NS) as server:
        with pytest.raises(PushError, match="400, invalid_argument: ") as caught:
            push_to(pusher(server.address), profile(time_ns=time_ns), labels)
        assert server.pushes == []
    assert words in str(caught.value)
    assert (caught.value.status, caught.value.retryable) == (400, False)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://me:pw@login.example:8443/sso?token=abc#x", "login.example:8443/sso;"),
        ("/login?token=abc", "/login;"),
        ("http://[bad", "an unreadable address;"),
        ("", "nowhere;"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    server: PushServer, status: int, location: str, words: str
) -> None:
    error = refusal(server, Answer(status=status, headers={"Location": location}))
    assert f"{status}, a redirect to {words}" in str(error)
    assert "abc" not in str(error)
    assert "pw" not in str(error)
    assert (error.status, error.retryable) == (status, False)
    assert server.requests == 1


# no answer


def test_a_closed_connection_is_retryable(server: PushServer) -> None:
    error = refusal(server, Answer(close=True))
    assert (error.status, error.retryable) == (None, True)
    assert "closed connection" in str(error)
    assert server.requests == 1


def test_no_answer_in_time_is_retryable(server: PushServer) -> None:
    error = refusal(server, Answer(after=threading.Event()), timeout_s=0.05)
    assert (error.status, error.retryable) == (None, True)
    assert str(error) == f"{server.address}: timed out"


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_server_that_dribbles_does_not_hold_us(over_tls: bool, certificate: Path) -> None:
    """Each of its bytes comes in time."""
    with PushServer(tls=server_context(certificate) if over_tls else None) as server:
        error = refusal(server, Answer(dribbles=True), timeout_s=0.3, ca_file=str(certificate))
    assert (error.status, error.retryable) == (None, True)
    assert "timed out" in str(error)


def test_a_server_that_does_not_read_does_not_hold_us() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(PushError, match="timed out") as caught:
            pusher(address).send(os.urandom(50_000_000), timeout_s=0.3)
    assert caught.value.retryable


def test_a_server_that_does_not_speak_tls_does_not_hold_us() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"https://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(PushError, match="timed out") as caught:
            pusher(address).send(b"", timeout_s=0.3)
    assert caught.value.retryable


def test_each_request_has_time_of_its_own(
    server: PushServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_s = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + gone_s)
    monkeypatch.setattr(connection, "time", clock)
    ours = pusher(server.address)
    for _ in range(3):
        push_to(ours, profile(), timeout_s=3600)
        gone_s += 3600
    assert len({each.client_port for each in server.pushes}) == 1


def test_an_answer_that_is_cut_is_an_answer(server: PushServer) -> None:
    ours = pusher(server.address)
    server.answers.append(Answer(status=200, body=b"thank you", cut=5, stores=True))
    push_to(ours, profile())
    error = refusal_of(ours, server, Answer(status=400, body=b"what is this?", cut=5))
    assert (error.status, error.retryable) == (400, False)
    push_to(ours, profile())
    assert len(server.pushes) == 2


def test_an_endless_answer_is_not_read_to_its_end(server: PushServer) -> None:
    ours = pusher(server.address)
    error = refusal_of(ours, server, Answer(status=500, body=b"x" * 10_000_000))
    assert len(str(error)) < 500
    push_to(ours, profile())


def test_a_lost_answer_is_retryable(server: PushServer) -> None:
    server.answers.append(Answer(close=True, stores=True))
    with pytest.raises(PushError) as caught:
        push_to(pusher(server.address), profile())
    assert caught.value.retryable
    assert len(server.pushes) == 1


def test_nobody_listening_is_retryable() -> None:
    with PushServer() as server:
        address = server.address
    with pytest.raises(PushError) as caught:
        push_to(pusher(address), profile())
    assert (caught.value.status, caught.value.retryable) == (None, True)
    assert str(caught.value) == f"{address}: Connection refused"


def test_a_failed_push_leaves_nothing_to_the_garbage_collector() -> None:
    """It would collect in our thread, with the finalizers of the program's objects."""
    with PushServer() as server:
        address = server.address
    program = f"""
        import contextlib, gc
        from pyroscope_native.deliver.push import Pusher, PushError
        pusher = Pusher(server_address={address!r}, version="1")
        def push():
            with contextlib.suppress(PushError):
                pusher.send(b"", timeout_s={TIMEOUT_S})
                print("stored")
        push()
        gc.collect()
        gc.disable()
        push()
        print(gc.collect())
        """
    done = python("-c", textwrap.dedent(program))
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_pusher_goes_on_after_a_failure(server: PushServer) -> None:
    ours = pusher(server.address)
    server.answers.append(Answer(close=True))
    with pytest.raises(PushError):
        push_to(ours, profile())
    push_to(ours, profile())
    assert len(server.pushes) == 1


# proxies


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy is asked for the whole URL, which to this server is a prefix.
    with PushServer(prefix="http://pyroscope.invalid:4040") as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        ours = pusher("http://pyroscope.invalid:4040")
        push_to(ours, profile())
        headers = proxy.pushes[0].headers
        assert headers["proxy-authorization"].startswith("Basic ")
        assert SECRET not in repr(ours)


def test_no_proxy_is_obeyed(server: PushServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    push_to(pusher(server.address), profile())
    assert len(server.pushes) == 1


@pytest.mark.parametrize(
    "proxy",
    [f"socks5://me:{SECRET}@host", f"https://me:{SECRET}@host", f"http://me:{SECRET}@host:port"],
)
def test_a_proxy_that_can_not_be_used_is_told(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(PushError, match="http proxy") as caught:
        push_to(pusher("http://localhost"), profile())
    assert SECRET not in str(caught.value)
    assert caught.value.retryable


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return new_certificate(tmp_path / "certificate.pem", "IP:127.0.0.1")


@pytest.fixture
def https_server(certificate: Path) -> Iterator[PushServer]:
    with PushServer(tls=server_context(certificate)) as server:
        yield server


def test_an_unknown_certificate_is_refused(https_server: PushServer) -> None:
    with pytest.raises(PushError, match="certificate") as caught:
        push_to(pusher(https_server.address), profile())
    assert caught.value.status is None
    assert https_server.requests == 0


def test_a_known_certificate_is_accepted(
    https_server: PushServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    push_to(pusher(https_server.address), profile())
    assert len(https_server.pushes) == 1


def test_a_certificate_of_one_s_own_is_accepted(
    https_server: PushServer, certificate: Path
) -> None:
    ours = pusher(https_server.address, ca_file=str(certificate))
    push_to(ours, profile())
    push_to(ours, profile())
    first, second = https_server.pushes
    assert first.client_port == second.client_port


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_for_somebody_else_is_refused(host: str, tmp_path: Path) -> None:
    other = new_certificate(tmp_path / "other.pem", "IP:127.0.0.2")
    with PushServer(tls=server_context(other)) as server:
        address = server.address.replace("127.0.0.1", host)
        with pytest.raises(PushError, match=host) as caught:
            push_to(pusher(address, ca_file=str(other)), profile())
        assert "match" in str(caught.value) or "not valid for" in str(caught.value)
        assert server.requests == 0


def test_a_client_shows_its_certificate(certificate: Path, tmp_path: Path) -> None:
    tls = server_context(certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(certificate)
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    before, begin, rest = certificate.read_text().partition("-----BEGIN CERTIFICATE")
    key.write_text(before)
    public.write_text(begin + rest)
    with PushServer(tls=tls) as server:
        address, ca_file = server.address, str(certificate)
        with pytest.raises(PushError) as caught:
            push_to(pusher(address, ca_file=ca_file), profile())
        assert caught.value.retryable
        for files in (
            {"client_cert_file": str(certificate)},
            {"client_cert_file": str(public), "client_key_file": str(key)},
        ):
            push_to(pusher(address, ca_file=ca_file, **files), profile())
        assert len(server.pushes) == 2


def test_certificates_are_read_again_when_they_have_changed(
    https_server: PushServer, certificate: Path, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    ours = pusher(https_server.address, ca_file=str(ca_file))
    for words in (None, "garbage"):
        if words is not None:
            ca_file.write_text(words)
        with pytest.raises(PushError, match=f"nothing can be pushed: ca_file {ca_file}") as caught:
            push_to(ours, profile())
        assert caught.value.retryable
    ca_file.write_bytes(certificate.read_bytes())
    push_to(ours, profile())
    ours.close()
    push_to(ours, profile())
    assert len(https_server.pushes) == 2


def test_a_key_that_wants_a_password_asks_nobody(certificate: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked.pem"
    command = f"openssl ec -in {certificate} -aes256 -passout pass:{SECRET} -out {locked}"
    subprocess.run(command.split(), check=True, capture_output=True)
    ours = pusher(
        "https://127.0.0.1:1",
        ca_file=str(certificate),
        client_cert_file=str(certificate),
        client_key_file=str(locked),
    )
    with pytest.raises(PushError, match="nothing can be pushed: client_cert_file"):
        push_to(ours, profile())


# series_labels


def test_tags_stand_in_between_and_sorted() -> None:
    labels = series_labels("shop", {"zone": "eu", "env": "prod"}, "1.0")
    assert list(labels) == [
        "__name__",
        "__delta__",
        "service_name",
        "env",
        "zone",
        "otel.scope.name",
        "otel.scope.version",
        "process.runtime.name",
        "process.runtime.version",
    ]


def test_tags_win_over_what_we_say_of_ourselves_only() -> None:
    tags = {
        "__name__": "wall",
        "__delta__": "true",
        "service_name": "other",
        "otel.scope.name": "mine",
        "process.runtime.version": "secret",
        "empty": "",
    }
    labels = series_labels("shop", tags, "1.0")
    assert labels["__name__"] == "process_cpu"
    assert labels["__delta__"] == "false"
    assert labels["service_name"] == "shop"
    assert labels["otel.scope.name"] == "mine"
    assert labels["process.runtime.version"] == "secret"
    assert "empty" not in labels
