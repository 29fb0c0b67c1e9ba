"""Saves the four legacy agents as MLflow models, under the folder named on the command line."""

import sys
from pathlib import Path

import mlflow
from mlflow.models import infer_signature
from mlflow.models.rag_signatures import SplitChatMessagesRequest, StringResponse

HERE = Path(__file__).parent
SHARED = [str(HERE / "behaviour.py"), str(HERE / "responses_shape.py")]
SPLIT = {"signature": infer_signature(SplitChatMessagesRequest("hello", []), StringResponse("hello"))}


def save(name: str, folder: Path, **extra) -> None:
    """Saves agents/<name>.py as a model from code, with the modules that it shares with the others."""
    mlflow.pyfunc.save_model(
        path=str(folder / name),
        python_model=str(HERE / f"{name}.py"),
        code_paths=SHARED,
        pip_requirements=["mlflow-skinny"],
        **extra,
    )


if __name__ == "__main__":
    for agent in ("chat_agent", "chat_model", "responses_agent"):
        save(agent, Path(sys.argv[1]))
    save("split_agent", Path(sys.argv[1]), **SPLIT)
