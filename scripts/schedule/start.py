"""Start Airflow on loopback with the daily run, until Ctrl-C: `make schedule`.

Run by the Python of .venv-airflow. AIRFLOW_HOME says where Airflow keeps what it knows (by default
target/airflow of the project), CASEBOOK_SCHEDULE_PORT where its pages are (8080). Any AIRFLOW__
variable that is set wins over what stands here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

PROJECT = Path(__file__).resolve().parents[2]
PARTS = ("api-server", "dag-processor", "scheduler")


def settings() -> dict[str, str]:
    """What Airflow is started with."""
    home = Path(os.environ.get("AIRFLOW_HOME") or PROJECT / "target" / "airflow").resolve()
    port = os.environ.get("CASEBOOK_SCHEDULE_PORT", "8080")
    defaults = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).resolve().parent / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        # On a busy machine tasks would be killed after five seconds.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__WORKERS": "1",
    }
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return defaults | dict(os.environ) | {"PATH": programs}


def wait_for(part: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the API server answers: without it, tasks would fail at once."""
    while part.poll() is None:
        try:
            urlopen(f"{address}/api/v2/monitor/health", timeout=10).close()
            return
        except OSError:
            time.sleep(0.5)


def main() -> int:
    """Run Airflow's parts until one of them ends, or this process is told to end."""
    environment = settings()
    home = Path(environment["AIRFLOW_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=environment, check=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = f"http://127.0.0.1:{environment['AIRFLOW__API__PORT']}"
    parts: list[subprocess.Popen[bytes]] = []
    try:
        for part in PARTS:
            command = [*airflow, part]
            parts.append(subprocess.Popen(command, env=environment, start_new_session=True))
            wait_for(parts[0], address)
        print(f"\nAirflow is at {address}; Ctrl-C ends it", flush=True)
        print(f"its password: {home}/simple_auth_manager_passwords.json.generated", flush=True)
        while all(part.poll() is None for part in parts):
            time.sleep(0.5)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for running in parts:
            running.terminate()
        for running in parts:
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
