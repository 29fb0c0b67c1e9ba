"""What clients meet besides answers: the list of models, a refused token, a model that nobody serves."""

import pytest

import gateway
import matrix
from conftest import run_clients

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
ENVIRONMENTS = ["py3", "py2", "node"]
PYTHON = ["py3 openai.chat", "py2 openai.chat", "py2 databricks.chat", "py3 mlflow", "py3 curl"]
WHO = [*PYTHON, "node openai.chat"]
REFUSED = {"token": ("wrong", "app", 401), "model": (gateway.TOKEN, "nobody", 404)}


@pytest.fixture(scope="module")
def met(cutover):
    """The answers to all questions of this file, by `<environment> <client> <question>`."""
    base = {"token": gateway.TOKEN, "model": "app", "dialect": "chat_completions", "stream": False, "body": HELLO}
    cases: dict[str, list[dict]] = {"py3": [], "py2": [], "node": []}

    def ask(environment: str, question: str, client: str, path: str, **fields) -> None:
        case = {"id": f"{environment} {client} {question}", "client": client, "url": cutover + path, **base, **fields}
        cases[environment].append(case)

    for environment in cases:
        ask(environment, "models", "openai.models", "/v1")
    for question, (token, model, _) in REFUSED.items():
        wrong = {"token": token, "model": model}
        ask("py3", question, "openai.chat", "/v1", **wrong)
        ask("py2", question, "openai.chat", "/serving-endpoints", **wrong)
        ask("py2", question, "databricks.chat", "", **wrong)
        ask("node", question, "openai.chat", "/v1", **wrong)
        ask("py3", question, "mlflow", "", dialect="chat_agent", **wrong)
        ask("py3", question, "curl", "/v1/chat/completions", names_model=True, **wrong)
    return run_clients(cases)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_models_are_listed(environment, met):
    listed = met[f"{environment} openai.models models"]["custom"]
    assert {backend.name for backend in matrix.BACKENDS} <= set(listed or [])


@pytest.mark.parametrize("question", REFUSED)
@pytest.mark.parametrize("who", WHO)
def test_refusals_have_their_status(who, question, met):
    """MLflow's client makes its status from our `error_code`, so this holds that name too."""
    error = met[f"{who} {question}"]["error"]
    assert error and error["expected"]
    assert error["status"] == REFUSED[question][2]


def test_an_unknown_model_is_told_which_there_are(met):
    assert "serving-chat-agent" in met["py3 openai.chat model"]["error"]["message"]
