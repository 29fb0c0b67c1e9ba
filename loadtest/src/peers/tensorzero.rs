//! TensorZero's gateway, as its Python wheel carries it, without a database.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Here, MODEL, Program, Running, Setting, Task, version_of};
use crate::cores;

pub(super) struct TensorZero;

/// How long it may take to start.
const START: Duration = Duration::from_secs(60);

/// Starts the gateway inside a Python process that does nothing else, and writes down where it listens.
const START_SCRIPT: &str = "\
import sys, threading, tensorzero
gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
with open(sys.argv[2] + '.new', 'w') as file:
    file.write(gateway.base_url)
import os
os.rename(sys.argv[2] + '.new', sys.argv[2])
threading.Event().wait()
";

fn python(here: &Here) -> PathBuf {
    here.package.join(".env/tensorzero/bin/python")
}

impl Program for TensorZero {
    fn name(&self) -> &'static str {
        "TensorZero"
    }

    fn version(&self, here: &Here) -> Result<String, String> {
        let print = "import importlib.metadata as m; print('tensorzero', m.version('tensorzero'))";
        version_of(Command::new(python(here)).args(["-c", print]))
    }

    fn does(&self, task: &Task) -> bool {
        *task == Task { name: task.name, verbatim: false, ..Task::PASS }
    }

    fn start(&self, here: &Here, setting: &Setting<'_>) -> io::Result<Running> {
        let Setting { upstream, script, .. } = setting;
        let text = format!(
            "[gateway]
observability.enabled = false
[models.{MODEL}]
routing = [\"local\"]
[models.{MODEL}.providers.local]
type = \"openai\"
model_name = \"{MODEL}\"
api_base = \"http://{upstream}{script}/v1/\"
api_key_location = \"none\"
"
        );
        let config = setting.write("tensorzero.toml", &text)?;
        let address = setting.folder.join("address.txt");
        let mut command = cores::command_on(setting.core, python(here));
        command.arg("-c").arg(START_SCRIPT).arg(config).arg(&address);
        // A run after this one starts where this one did, without asking anybody outside.
        command.env("TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS", "1");
        let mut running = Running {
            child: Some(setting.spawn(&mut command)?),
            at: setting.listen,
            path: "/openai/v1/chat/completions".to_owned(),
            model: format!("tensorzero::model_name::{MODEL}"),
        };
        let began = Instant::now();
        while began.elapsed() < START {
            if let Ok(text) = std::fs::read_to_string(&address) {
                let url = text.trim_start_matches("http://");
                let port = url.split('/').next().and_then(|host| host.rsplit(':').next()?.parse().ok());
                running.at = crate::loopback::Loopback::port(port.ok_or_else(|| io::Error::other(text.clone()))?);
                return Ok(running);
            }
            if running.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_)))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(io::Error::other("it did not start"))
    }
}
