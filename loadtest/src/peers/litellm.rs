//! LiteLLM's proxy with one worker and a master key.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use super::{Here, KEY, MODEL, Program, Running, Setting, Task, version_of};
use crate::cores;

pub(super) struct LiteLlm;

fn binary(here: &Here, name: &str) -> PathBuf {
    here.package.join(".env/litellm/bin").join(name)
}

impl Program for LiteLlm {
    fn name(&self) -> &'static str {
        "LiteLLM"
    }

    fn version(&self, here: &Here) -> Result<String, String> {
        let print = "import importlib.metadata as m; print('litellm', m.version('litellm'))";
        version_of(Command::new(binary(here, "python")).args(["-c", print]))
    }

    fn does(&self, task: &Task) -> bool {
        *task == Task { name: task.name, verbatim: false, key: true, ..Task::PASS }
    }

    fn start(&self, here: &Here, setting: &Setting<'_>) -> io::Result<Running> {
        let Setting { listen, upstream, script, .. } = setting;
        let text = format!(
            "model_list:
  - model_name: {MODEL}
    litellm_params: {{ model: openai/{MODEL}, api_base: \"http://{upstream}{script}/v1\", api_key: none }}
litellm_settings: {{ telemetry: false, num_retries: 0 }}
general_settings: {{ master_key: {KEY} }}
"
        );
        let config = setting.write("litellm.yaml", &text)?;
        let mut command = cores::command_on(setting.core, binary(here, "litellm"));
        command.args(["--host", "127.0.0.1", "--port", &listen.address().port().to_string(), "--num_workers", "1"]);
        command.arg("--config").arg(config);
        command
            .env("LITELLM_LOG", "ERROR")
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_MODE", "PRODUCTION");
        let child = setting.spawn(&mut command)?;
        let path = setting.task.client.door().to_owned();
        Ok(Running { child: Some(child), at: *listen, path, model: MODEL.to_owned() })
    }
}
