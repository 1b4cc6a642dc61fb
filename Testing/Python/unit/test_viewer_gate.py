"""Who may talk to the viewer."""

from __future__ import annotations

import pytest

from DeepVolumetryLib.app.viewer.gate import Answer, Gate

HOST = {"Host": "127.0.0.1:4711"}


@pytest.fixture
def a_gate() -> Gate:
    return Gate(port=4711)


def ask(gate: Gate, path="/", query=None, headers=None, cookies=None) -> Answer:
    return gate.answer(path, query or {}, HOST if headers is None else headers, cookies or {})


def test_the_address_is_on_this_computer_and_has_a_token_nobody_guesses(a_gate):
    assert a_gate.url == f"http://127.0.0.1:4711/?token={a_gate.token}"
    assert len(a_gate.token) >= 43 and a_gate.token != Gate().token


@pytest.mark.parametrize("path", ["/", "/index.html", "/ws", "/assets/index.js", "/__trame_rca/x"])
def test_without_a_token_nothing_is_answered(a_gate, path):
    assert ask(a_gate, path) is Answer.REFUSE
    assert ask(a_gate, path, {"token": ""}) is Answer.REFUSE
    assert ask(a_gate, path, {"token": a_gate.token[:-1]}) is Answer.REFUSE


def test_the_token_opens_the_page_and_nothing_else(a_gate):
    assert ask(a_gate, "/ws", {"token": a_gate.token}) is Answer.REFUSE
    assert ask(a_gate, "/assets/index.js", {"token": a_gate.token}) is Answer.REFUSE
    assert ask(a_gate, "/", {"token": a_gate.token}) is Answer.GIVE_KEY


def test_the_token_is_worth_one_visit(a_gate):
    ask(a_gate, "/", {"token": a_gate.token})
    assert ask(a_gate, "/", {"token": a_gate.token}) is Answer.REFUSE


def test_who_has_the_key_is_let_in_everywhere(a_gate):
    key = {a_gate.cookie: a_gate.key}
    assert ask(a_gate, "/ws", cookies=key) is Answer.LET_IN
    assert ask(a_gate, "/", {"token": a_gate.token}, cookies=key) is Answer.LET_IN
    assert ask(a_gate, "/ws", cookies={a_gate.cookie: a_gate.token}) is Answer.REFUSE


@pytest.mark.parametrize("host", ["evil.example:4711", "127.0.0.1:4712", "127.0.0.1", "", "[::1", "127.0.0.1.evil.example:4711"])
def test_another_host_name_is_refused_even_with_the_key(a_gate, host):
    """A page elsewhere may let its own name lead to this computer (DNS rebinding)."""
    assert ask(a_gate, headers={"Host": host}, cookies={a_gate.cookie: a_gate.key}) is Answer.REFUSE


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:8080", "null", "file://"])
def test_a_page_of_somebody_else_is_refused_even_with_the_key(a_gate, origin):
    headers = {**HOST, "Origin": origin}
    assert ask(a_gate, "/ws", headers=headers, cookies={a_gate.cookie: a_gate.key}) is Answer.REFUSE
    own = {**HOST, "Origin": "http://127.0.0.1:4711"}
    assert ask(a_gate, "/ws", headers=own, cookies={a_gate.cookie: a_gate.key}) is Answer.LET_IN
