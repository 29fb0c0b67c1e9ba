"""Has `mlflow.genai.evaluate` score the pairs that `cutover report --export` has written, and prints what it says."""

import json
import sys
from pathlib import Path

import mlflow
from mlflow.genai import scorer


@scorer
def same_text(outputs, expectations) -> bool:
    return outputs["response"] == expectations["expected_response"]


@scorer
def same_calls(outputs, expectations) -> bool:
    return outputs["tool_calls"] == expectations["expected_tool_calls"]


if __name__ == "__main__":
    pairs = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    result = mlflow.genai.evaluate(data=pairs, scorers=[same_text, same_calls])
    print()
    print(json.dumps({name: float(value) for name, value in result.metrics.items()} | {"rows": len(result.result_df)}))
