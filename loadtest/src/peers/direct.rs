//! No peer at all: what client and upstream take by themselves, which is taken off everybody's latency.

use std::io;

use super::{Here, MODEL, Program, Running, Setting};

pub(super) struct Direct;

impl Program for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn version(&self, _here: &Here) -> Result<String, String> {
        Ok("no peer between client and upstream".to_owned())
    }

    fn start(&self, _here: &Here, setting: &Setting<'_>) -> io::Result<Running> {
        Ok(Running { child: None, at: setting.upstream, path: setting.upstream_path(), model: MODEL.to_owned() })
    }
}
