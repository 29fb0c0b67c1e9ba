//! The bare hyper relay of this package.

use std::io;

use super::{Here, MODEL, Program, Running, Setting};
use crate::cores;

pub(super) struct Floor;

impl Program for Floor {
    fn name(&self) -> &'static str {
        "hyper floor"
    }

    fn version(&self, _here: &Here) -> Result<String, String> {
        Ok(concat!("bare hyper relay, one thread, in loadtest ", env!("CARGO_PKG_VERSION")).to_owned())
    }

    fn start(&self, _here: &Here, setting: &Setting<'_>) -> io::Result<Running> {
        let mut command = cores::command_on(setting.core, std::env::current_exe()?);
        command.args(["relay", "--listen", &setting.listen.to_string(), "--upstream", &setting.upstream.to_string()]);
        let child = Some(setting.spawn(&mut command)?);
        Ok(Running { child, at: setting.listen, path: setting.upstream_path(), model: MODEL.to_owned() })
    }
}
