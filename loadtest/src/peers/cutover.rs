//! Cutover, by a config that is written for the task.

use std::io;
use std::process::Command;

use super::{Here, MODEL, Program, Running, Setting, Task, version_of};
use crate::cores;
use crate::upstream::COPY;

pub(super) struct Cutover;

/// SHA-256 of the key that clients show.
const KEY_SHA256: &str = "7f6a64e4311c440dc15928e6ebc4ccd07aeffbaa8942e87d43996ac4d81a0aab";

impl Program for Cutover {
    fn name(&self) -> &'static str {
        "Cutover"
    }

    fn version(&self, here: &Here) -> Result<String, String> {
        version_of(Command::new(&here.cutover).arg("--version"))
    }

    fn does(&self, _task: &Task) -> bool {
        true
    }

    fn start(&self, here: &Here, setting: &Setting<'_>) -> io::Result<Running> {
        let config = setting.write("cutover.yaml", &config(setting))?;
        let mut command = cores::command_on(setting.core, &here.cutover);
        command.arg("serve").arg("--config").arg(config);
        command.env("CUTOVER_LOG", if setting.task.log { "info" } else { "warn" });
        let child = setting.spawn(&mut command)?;
        let path = setting.task.client.door().to_owned();
        Ok(Running { child: Some(child), at: setting.listen, path, model: MODEL.to_owned() })
    }
}

fn config(setting: &Setting<'_>) -> String {
    let Setting { listen, upstream, script, task, .. } = setting;
    let auth = match task.key {
        true => format!("\n  - pat: {{ tokens: [ {{ name: loadtest, sha256: \"{KEY_SHA256}\" }} ] }}"),
        false => " anonymous".to_owned(),
    };
    let backend = |name: &str, path: &str| {
        format!(
            "  {name}:\n    url: http://{upstream}{script}{path}\n    dialect: {}\n    credential: none\n    verbatim: {}\n",
            task.agent.dialect(),
            task.verbatim
        )
    };
    let (mirror, copy) = match task.mirror {
        0 => (String::new(), String::new()),
        share => (
            // Everything that is sampled is sent: the usual bounds are far below this load.
            format!(
                "    shadow: {{ to: copy, sample: {share}%, side_effects: none, limits: {{ per_second: 100000, \
                 concurrency: 256, queue: 10000 }}, budget: {{ requests: 1000000000, tokens: 1000000000000 }} }}\n"
            ),
            backend("copy", COPY),
        ),
    };
    format!(
        "listen: {{ clients: \"{listen}\", admin: \"127.0.0.1:0\" }}
limits: {{ connections: 10000 }}
auth:{auth}
backends:
{}{copy}routes:
  - name: agent
    match: {{ model: {MODEL} }}
    split: {{ agent: 1 }}
    answer: openai
{mirror}",
        backend("agent", "/agent")
    )
}
