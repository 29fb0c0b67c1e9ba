"""Saves the clerk as an MLflow model, in the folder named on the command line."""

import sys
from pathlib import Path

import mlflow

HERE = Path(__file__).parent

if __name__ == "__main__":
    mlflow.pyfunc.save_model(
        path=sys.argv[1],
        python_model=str(HERE / "legacy.py"),
        code_paths=[str(HERE / "clerk.py")],
        pip_requirements=["mlflow-skinny"],
    )
