//! HAProxy with one thread.

use std::io;
use std::process::Command;

use super::{Here, MODEL, Program, Running, Setting, version_of};
use crate::cores;

pub(super) struct HaProxy;

const BINARY: &str = "/usr/sbin/haproxy";

impl Program for HaProxy {
    fn name(&self) -> &'static str {
        "HAProxy"
    }

    fn version(&self, _here: &Here) -> Result<String, String> {
        version_of(Command::new(BINARY).arg("-v"))
    }

    fn start(&self, _here: &Here, setting: &Setting<'_>) -> io::Result<Running> {
        let Setting { listen, upstream, .. } = setting;
        let text = format!(
            "global
  nbthread 1
  maxconn 9000
defaults
  mode http
  maxconn 9000
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  option http-no-delay
  http-reuse always
frontend clients
  bind {listen} backlog 4096
  default_backend agent
backend agent
  server agent {upstream} pool-max-conn 8192
"
        );
        let config = setting.write("haproxy.cfg", &text)?;
        let child = setting.spawn(cores::command_on(setting.core, BINARY).arg("-db").arg("-f").arg(config))?;
        Ok(Running { child: Some(child), at: *listen, path: setting.upstream_path(), model: MODEL.to_owned() })
    }
}
