//! Changes while it runs: weights that are set for now, the config file, and the end.

mod drain;
mod load;
mod reload;
mod status;
mod weights;

use std::process::Command;

use crate::support::{Fake, Process};

/// Two backends that speak Responses behind one route, `support`, and more lines of the config.
fn config(legacy: &Fake, app: &Fake, split: &str, more: &str) -> String {
    format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes:
  - {{ name: support, match: {{ model: agent }}, split: {split} }}
{more}",
        legacy.address, app.address
    )
}

const ASK: &str = r#"{"model":"agent","input":"hi"}"#;

/// The backend that answers now.
async fn backend(process: &Process) -> String {
    let answer = process.client().post("/v1/responses", ASK).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-cutover-backend").unwrap().to_owned()
}

/// Runs the command line against a process: exit code, output, errors.
async fn cutover(process: &Process, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(arguments).args(["--admin", &format!("http://{}", process.admin)]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
