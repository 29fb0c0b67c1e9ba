//! Both programs in front of one upstream, each with its own mirror to the target: everything is copied, and a copy may
//! take a second.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cores;
use crate::loopback::Loopback;
use crate::peers::{Here, MODEL, Running};

/// Where clients ask for plain answers, and for streams; nginx passes the path on to the upstream as it is, and Cutover
/// calls the same.
pub(super) const PLAIN: &str = "/v1/chat/completions";
pub(super) const STREAMS: &str = "/chat/completions";

/// The upstream's scripts behind those paths: a kilobyte at once, and ten events in 50 ms.
const PLAIN_SCRIPT: &str = "/chat_completions/plain/1024";
const STREAM_SCRIPT: &str = "/chat_completions/stream/10/200";

/// A program with a mirror.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) start: fn(&Here, &Fronts<'_>) -> io::Result<Running>,
}

pub(super) static PROGRAMS: [Program; 2] =
    [Program { name: "Cutover", start: cutover }, Program { name: "nginx", start: nginx }];

const NGINX: &str = "/usr/sbin/nginx";

impl Program {
    /// Whether it can be run here.
    pub(super) fn is_there(&self, here: &Here) -> bool {
        Path::new(if self.name == "nginx" { Path::new(NGINX) } else { &here.cutover }).exists()
    }
}

/// Where a program listens, and what is behind it.
pub(super) struct Fronts<'f> {
    pub(super) folder: &'f Path,
    pub(super) core: usize,
    pub(super) listen: Loopback,
    pub(super) upstream: Loopback,
    /// The mirror's target, if there is a mirror.
    pub(super) to: Option<Loopback>,
}

impl Fronts<'_> {
    fn spawn(&self, command: &mut Command) -> io::Result<Running> {
        let said = File::create(self.folder.join("said.txt"))?;
        let child = command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).spawn()?;
        Ok(Running { child: Some(child), at: self.listen, path: PLAIN.to_owned(), model: MODEL.to_owned() })
    }
}

fn cutover(here: &Here, fronts: &Fronts<'_>) -> io::Result<Running> {
    let Fronts { folder, core, listen, upstream, to } = fronts;
    let route = |name: &str, path: &str| {
        let shadow = "{ to: target, sample: 100%, side_effects: none, deadline: 1s, \
                      limits: { per_second: 100000 }, budget: { requests: 1000000000, tokens: 1000000000 } }";
        let shadow = to.map_or_else(String::new, |_| format!("    shadow: {shadow}\n"));
        format!(
            "  - name: {name}\n    match: {{ path: {path} }}\n    split: {{ {name}: 1 }}\n    answer: openai\n{shadow}"
        )
    };
    let backend = |name: &str, at: &Loopback, script: &str| {
        format!(
            "  {name}: {{ url: 'http://{at}{script}', dialect: chat_completions, credential: none, verbatim: true }}\n"
        )
    };
    let target = to.map_or_else(String::new, |to| backend("target", &to, PLAIN));
    let config = format!(
        "listen: {{ clients: \"{listen}\", admin: \"127.0.0.1:0\" }}
limits: {{ connections: 10000 }}
auth: anonymous
backends:
{}{}{target}routes:
{}{}",
        backend("plain", upstream, PLAIN_SCRIPT),
        backend("streams", upstream, STREAM_SCRIPT),
        route("plain", PLAIN),
        route("streams", STREAMS),
    );
    std::fs::write(folder.join("cutover.yaml"), config)?;
    let mut command = cores::command_on(*core, &here.cutover);
    command.arg("serve").arg("--config").arg(folder.join("cutover.yaml")).env("CUTOVER_LOG", "error");
    fronts.spawn(&mut command)
}

fn nginx(_here: &Here, fronts: &Fronts<'_>) -> io::Result<Running> {
    let Fronts { folder, core, listen, upstream, to } = fronts;
    let mirror = if to.is_some() { "mirror /mirror; " } else { "" };
    let location = |path: &str, script: &str, buffering: &str| {
        format!(
            "    location = {path} {{ {mirror}proxy_pass http://agent{script}; proxy_http_version 1.1; \
             proxy_set_header Connection \"\"; proxy_buffering {buffering}; }}\n"
        )
    };
    let target = to.map_or_else(String::new, |to| {
        format!(
            "    location = /mirror {{ internal; proxy_pass http://{to}{PLAIN}; proxy_http_version 1.1; proxy_set_header \
             Connection \"\"; proxy_connect_timeout 1s; proxy_read_timeout 1s; proxy_send_timeout 1s; }}\n"
        )
    });
    let config = format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {at}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 256k;
  client_body_temp_path {at}/body;
  proxy_temp_path {at}/proxy;
  fastcgi_temp_path {at}/fastcgi;
  uwsgi_temp_path {at}/uwsgi;
  scgi_temp_path {at}/scgi;
  upstream agent {{ server {upstream}; keepalive 8192; keepalive_requests 1000000000; }}
  server {{
    listen {listen} backlog=4096;
{}{}{target}  }}
}}
",
        location(PLAIN, PLAIN_SCRIPT, "on"),
        location(STREAMS, STREAM_SCRIPT, "off"),
        at = folder.display(),
    );
    std::fs::write(folder.join("nginx.conf"), config)?;
    let mut command = cores::command_on(*core, NGINX);
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    fronts.spawn(&mut command)
}
