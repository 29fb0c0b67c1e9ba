//! nginx with one worker, connections to the upstream kept, buffering where it helps and off where it would hold events up.

use std::io;
use std::process::Command;

use super::{Here, MODEL, Program, Running, Setting, version_of};
use crate::cores;

pub(super) struct Nginx;

const BINARY: &str = "/usr/sbin/nginx";

impl Program for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn version(&self, _here: &Here) -> Result<String, String> {
        version_of(Command::new(BINARY).arg("-v"))
    }

    fn start(&self, _here: &Here, setting: &Setting<'_>) -> io::Result<Running> {
        let buffering = if setting.script.contains("/plain/") { "on" } else { "off" };
        let config = setting.write("nginx.conf", &config(setting, buffering))?;
        let mut command = cores::command_on(setting.core, BINARY);
        command.arg("-p").arg(setting.folder).arg("-c").arg(config);
        let child = Some(setting.spawn(&mut command)?);
        Ok(Running { child, at: setting.listen, path: setting.upstream_path(), model: MODEL.to_owned() })
    }
}

fn config(setting: &Setting<'_>, buffering: &str) -> String {
    let Setting { listen, upstream, .. } = setting;
    let folder = setting.folder.display();
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 256k;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream agent {{
    server {upstream};
    keepalive 8192;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {listen} backlog=4096;
    location / {{
      proxy_pass http://agent;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering {buffering};
      proxy_buffers 16 16k;
      proxy_buffer_size 16k;
    }}
  }}
}}
"
    )
}
