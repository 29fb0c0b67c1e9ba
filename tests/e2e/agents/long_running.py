"""The migrated agent on Databricks' LongRunningAgentServer, on port AGENT_PORT, over the PostgreSQL on DATABASE_PORT.

The server keeps its answers in Lakebase, which it looks up in a workspace. Here a stand-in answers the look-ups, and port
and TLS are those of the PostgreSQL at hand; all else is the real server.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import uvicorn
from databricks_ai_bridge import lakebase
from databricks_ai_bridge.long_running import LongRunningAgentServer

import app  # its answers are registered with MLflow

LAKEBASE = "kept"
WORKSPACE = {
    "/api/2.0/preview/scim/v2/Me": {"userName": "cutover"},
    f"/api/2.0/database/instances/{LAKEBASE}": {"name": LAKEBASE, "read_write_dns": "127.0.0.1"},
    "/api/2.0/database/credentials": {"token": "a token that PostgreSQL does not ask for"},
}


class Workspace(BaseHTTPRequestHandler):
    """Answers what the server asks a workspace for on its way to its database."""

    def do_GET(self) -> None:
        found = WORKSPACE.get(self.path.split("?")[0])
        body = json.dumps(found or {"error_code": "NOT_FOUND", "message": self.path}).encode()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    workspace = ThreadingHTTPServer(("127.0.0.1", 0), Workspace)
    threading.Thread(target=workspace.serve_forever, daemon=True).start()
    os.environ |= {
        "DATABRICKS_HOST": f"http://127.0.0.1:{workspace.server_port}",
        "DATABRICKS_TOKEN": "not-a-secret",
        "LAKEBASE_INSTANCE_NAME": LAKEBASE,
        "LONG_RUNNING_ENABLE_DEBUG_KILL": "1",
    }
    lakebase.DEFAULT_PORT = int(os.environ["DATABASE_PORT"])
    lakebase.DEFAULT_SSLMODE = "disable"
    # A run whose server has died is taken over after two seconds instead of ten.
    timing = {"heartbeat_interval_seconds": 0.5, "heartbeat_stale_threshold_seconds": 2.0}
    server = LongRunningAgentServer("ResponsesAgent", db_instance_name=LAKEBASE, **timing)
    uvicorn.run(server.app, host="127.0.0.1", port=int(os.environ["AGENT_PORT"]), log_level="warning")
