"""Identity with real parts: an OpenID provider, Databricks' clients signing in, an App that takes no PATs."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import servers

sys.path.insert(0, str(Path(__file__).parent / "identity"))
import parts as identity

TEXT = "hello there"
SAID = f"echo: {TEXT}"
# MLflow's client would try a failing endpoint again for ten minutes.
NO_RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_ENABLE_DB_SDK": "true"}


def cases(client: str, model: str, *streams: bool, **more: str) -> list[dict]:
    ids = {stream: f"{client} {model}{' stream' if stream else ''}" for stream in streams}
    same = {"client": client, "model": model, "text": TEXT, **more}
    return [{"id": ids[stream], "stream": stream, **same} for stream in streams]


# By Python environment. The scoring server never streams, so streams of a legacy endpoint come from the emulated one.
CASES = {
    "py2": [
        *cases("sdk.look_up", "app", False),
        *cases("sdk.query", "app", False),
        *(
            case
            for client in ("databricks_openai", "get_open_ai_client")
            for kind in ("chat", "responses")
            for case in [
                *cases(f"{client}.{kind}", "legacy", False),
                *cases(f"{client}.{kind}", "streams", True),
                *cases(f"{client}.{kind}", "app", False, True),
            ]
        ),
        *cases("databricks_openai.responses", "apps/app", False, True),
    ],
    "py3": [
        *cases("mlflow.look_up", "app", False),
        *cases("mlflow", "legacy", False, field="messages"),
        *cases("mlflow", "streams", True, field="messages"),
        *cases("mlflow", "app", False, True, field="input"),
    ],
}


@pytest.fixture(scope="module")
def parts(running, folder):
    with identity.running(folder, running) as started:
        yield started


def statuses(parts, url, **tokens) -> dict[str, int]:
    return {name: parts.call(url, token).status for name, token in tokens.items()}


def test_tokens_of_the_provider_get_in_and_others_do_not(parts, folder):
    provider, elsewhere = parts.provider, identity.Provider(folder, "elsewhere")
    try:
        with parts.gateway("jwt", [parts.oauth()]) as url:
            es256, rs256 = provider.token(), provider.token("urn:workspace:rs256")
            # Its life is short, so it is used at once; below it has ended.
            short = provider.token("urn:workspace:short")
            got = {"short": parts.call(url, short).status}
            got |= statuses(parts, url, es256=es256, rs256=rs256, through=provider.token(through=url))
            assert got == {"es256": 200, "rs256": 200, "short": 200, "through": 200}
            identity.until(lambda: parts.call(url, short).status == 401, 10)
            head, claims, signature = es256.split(".")
            forged = ".".join([head, claims, rs256.rsplit(".", 1)[1]])
            wrong = {"audience": provider.token("urn:elsewhere"), "issuer": elsewhere.token(), "expired": short}
            answers = {why: parts.call(url, token) for why, token in (wrong | {"forged": forged}).items()}
            assert {why: answer.status for why, answer in answers.items()} == dict.fromkeys(answers, 401)
            said = {why: json.loads(answer.body)["error"]["message"] for why, answer in answers.items()}
            assert "expired" in said["expired"] and "signature" in said["forged"], said
            assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers.values())
        scoped = {"oauth": {**parts.oauth()["oauth"], "scopes": ["all-apis"]}}
        with parts.gateway("scoped", [scoped]) as url:
            assert statuses(parts, url, with_it=provider.token(), without=provider.token(scope="")) == {
                "with_it": 200,
                "without": 403,
            }
    finally:
        parts.provider.secrets |= elsewhere.hidden()
        elsewhere.stop()


def test_keys_rotate_while_requests_run(parts):
    """New keys sign, old ones are published a while longer and then are gone: tokens of both serve all the time."""
    provider, ending, kept, bad = parts.provider, threading.Event(), set(), []
    old = provider.token()

    def caller(url: str) -> int:
        done = 0
        while not ending.is_set():
            tokens = [provider.token(), old]
            kept.update(token.split(".")[0] for token in tokens)
            for token in tokens:
                answer = parts.call(url, token, "app" if done % 4 == 0 else "streams")
                done += 1
                if answer.status != 200:
                    bad.append(answer)
        return done

    with parts.gateway("rotating", [parts.oauth()]) as url, ThreadPoolExecutor() as pool:
        callers = [pool.submit(caller, url) for _ in range(4)]
        try:
            time.sleep(1)
            provider.change("rotate")
            time.sleep(1)
            provider.change("retire")
            time.sleep(1)
        finally:
            ending.set()
        count = sum(running.result() for running in callers)
    assert (bad[:1], len(kept)) == ([], 2) and count > 40, (len(bad), count, kept)


def listed(provider) -> dict:
    """The provider's PATs as the config can know them, without asking anybody."""
    return {"pat": {"tokens": [{"name": "bob", "sha256": hashlib.sha256(provider.pat.encode()).hexdigest()}]}}


def test_an_outage_of_the_provider(parts):
    """What is known goes on; what would have to be asked is told to try again; and all is well when it is back."""
    provider = parts.provider
    with parts.gateway("outage", [parts.oauth(), {"pat": {"verify": "workspace"}}]) as url:
        first, other = provider.token(), provider.token()
        assert statuses(parts, url, jwt=first, pat=provider.pat) == {"jwt": 200, "pat": 200}
        assert parts.call(url, provider.pat, "app").status == 200
        provider.stop()
        assert statuses(parts, url, known=first, same_key=other, pat=provider.pat) == dict.fromkeys(
            ["known", "same_key", "pat"], 200
        )
        assert parts.call(url, provider.pat, "app").status == 200, "our own token is good for a while yet"
        stranger = parts.call(url, "dapi-never-seen")
        assert (stranger.status, stranger.headers.get("retry-after")) == (503, "1"), stranger
        provider.start()
        assert parts.call(url, provider.token()).status == 200, "its keys are new ones now"


def test_a_start_before_the_provider(parts):
    provider = parts.provider
    token = provider.token()
    provider.stop()
    try:
        with parts.gateway("cold", [parts.oauth(), listed(provider)]) as url:
            answer = parts.call(url, token)
            assert answer.status == 503 and "try again" in answer.body, answer
            assert parts.call(url, provider.pat).status == 200, "nobody has to be asked"
            app = parts.call(url, provider.pat, "app")
            assert (app.status, json.loads(app.body)["error"]["code"]) == (503, "credential_unavailable"), app
            assert parts.call(url, "dapi-never-seen").status == 401
            provider.start()
            identity.until(lambda: parts.call(url, provider.token()).status == 200, 5)
            identity.until(lambda: parts.call(url, provider.pat, "app").status == 200, 5)
    finally:
        provider.stop()
        provider.start()


def run(environment: str, url: str, signed_in: dict[str, str], cases: list[dict]) -> list[dict]:
    """The cases in one process of a Python environment, which knows the gateway and how to sign in, and no more."""
    command = [str(servers.ENV / environment / "bin" / "python"), str(identity.HERE / "calls.py")]
    env = servers.quiet_env() | NO_RETRIES | {"DATABRICKS_HOST": url} | signed_in
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, env=env, timeout=120)
    answers = {answer["id"]: answer for answer in map(json.loads, ran.stdout.splitlines())}
    lost = {"said": None, "problem": ran.stderr[-2000:]}
    return [case | answers.get(case["id"], lost) for case in cases]


@pytest.fixture(scope="module")
def called(parts):
    """What every client got, by M2M and by PAT, at the same time at one gateway; and who went through the doors."""
    provider = parts.provider
    sign_ins = {
        "m2m": {"DATABRICKS_CLIENT_ID": "alice-job", "DATABRICKS_CLIENT_SECRET": provider.clients["alice-job"]},
        "pat": {"DATABRICKS_TOKEN": provider.pat},
    }
    before = len(parts.entered())
    auth = [parts.oauth(), {"pat": {"verify": "workspace"}}]
    with parts.gateway("sdk", auth) as url, ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(run, environment, url, signed_in, [{**case, "by": by} for case in CASES[environment]])
            for by, signed_in in sign_ins.items()
            for environment in CASES
        ]
        answers = [answer for running in runs for answer in running.result()]
    for answer in answers:
        if answer["problem"]:
            parts.seen[f"{answer['by']} {answer['id']}"] = answer["problem"]
    return {(answer["by"], answer["id"]): answer for answer in answers}, parts.entered()[before:], url


def test_databricks_clients_reach_both_by_either_sign_in(called):
    answers, _, url = called
    endpoints = ["app", "legacy", "streams"]
    app = [["app", "agent/v1/responses", "READY"], ["app", url]]
    names = {"m2m": "alice-job", "pat": "bob@example.com"}
    expected = {
        (by, id): {
            "sdk.look_up app": [name, endpoints, *app],
            "mlflow.look_up app": ["app", endpoints],
        }.get(id, SAID)
        for by, name in names.items()
        for id in (case["id"] for cases in CASES.values() for case in cases)
    }
    # Of a PAT, the client itself says so before it asks anybody.
    refused = [("pat", f"databricks_openai.responses apps/app{mode}") for mode in ("", " stream")]
    for call in refused:
        assert "requires OAuth" in answers[call]["problem"]
        del expected[call]
    wrong = {call: answers[call] for call, said in expected.items() if answers[call]["said"] != said}
    assert not wrong, next(iter(wrong.values()))


def test_each_goes_in_as_the_door_wants_it(parts, called):
    """OAuth callers as themselves; PAT callers too where PATs are taken, elsewhere as our service principal."""
    _, entered, _ = called
    ways = {(one["door"], one.get("user"), one.get("by"), one["told"]) for one in entered}
    assert ways == {
        ("legacy", "alice-job", "oauth", None),
        ("legacy", "bob@example.com", "pat", None),
        ("streams", "alice-job", "oauth", None),
        ("streams", "bob@example.com", "pat", None),
        ("app", "alice-job", "oauth", "alice-job"),
        ("app", "gateway-sp", "oauth", "bob@example.com"),
    }
    pat = {"Authorization": f"Bearer {parts.provider.pat}"}
    assert identity.ask(parts.backends["app"], {"input": TEXT}, **pat).status == 401, "the App takes no PATs"


def test_a_wrong_secret_is_named_and_not_shown(parts):
    provider = parts.provider
    wrong = {"id": "gateway-sp", "secret": "${file:wrong}"}
    provider.secrets.add(value := f"wrong-{provider.pat}")
    (parts.folder / "wrong").write_text(value)
    with parts.gateway("wrong", [listed(provider)], credential=wrong) as url:
        answer = parts.call(url, provider.pat, "app")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (503, "credential_unavailable"), answer
    assert "invalid_client" in parts.seen["log of wrong"], "operators are told what the provider says"


def test_no_token_or_secret_is_seen_anywhere(parts, called):
    """Logs at trace level, metrics, and what was said of every failure, against every token that was given out."""
    hidden = parts.provider.hidden()
    assert len(hidden) > 20 and {"log of sdk", "metrics of sdk", "config of sdk"} <= set(parts.seen)
    assert "gateway-sp" in parts.seen["config of sdk"], "operators see whose token is asked for, and no more"
    assert "cutover_requests_total" in parts.seen["metrics of sdk"] and "alice-job" in parts.seen["log of sdk"]
    assert '"level":"TRACE"' in parts.seen["log of sdk"], "the logs are at their most talkative"
    leaks = [place for place, text in parts.seen.items() if any(secret in text for secret in hidden)]
    assert not leaks
