//! `cutover translate`: what becomes of a body or a stream between two dialects, by the code that serves clients.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::{USAGE, complain};
use crate::dialect::{self, Ask, Dialect, OwnPlaces, Responses, Surface, Target, Transcoder};
use crate::ir::{Answer, Assembler, Body, Calls, Event, Fragment, Request};

const EXAMPLES: &str = "\
Examples:
  cutover translate --from chat_completions --to chat_agent < request.json
      what a ChatAgent endpoint gets of an OpenAI client's request; what is left out is named on standard error
  cutover translate --from chat_agent --to responses --answer < answer.json
      what a client of the Responses API gets of a ChatAgent's answer
  curl -sN https://host/responses -d @body.json | cutover translate --from responses --to chat_completions --stream
      what a Chat Completions client gets of an App's event stream

Dialects: responses, chat_completions, chat_agent, chat_model, split_chat_messages; and durable, as a backend.
Exit codes: 0 translated; 1 refused, or an answer that failed; 2 wrong usage.";

/// Options of the translation.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The dialect of what is read: a client's request, or with --answer or --stream a backend's answer
    #[arg(long, value_name = "DIALECT")]
    from: String,
    /// The dialect of what is written
    #[arg(long, value_name = "DIALECT")]
    to: String,
    /// Read a plain answer instead of a request
    #[arg(long, conflicts_with = "stream")]
    answer: bool,
    /// Read an event stream instead of a request
    #[arg(long)]
    stream: bool,
    /// Write for a client on an `invocations` path
    #[arg(long)]
    invocations: bool,
    /// Leave out the parts of messages that the backend has no place for, instead of refusing the request
    #[arg(long, conflicts_with_all = ["answer", "stream"])]
    drop_content: bool,
    /// Show the tool calls that the agent ran itself, and their outputs
    #[arg(long)]
    show_server_tools: bool,
}

/// Most that is read and written.
const MOST: usize = 64 << 20;

/// Translates standard input to standard output.
pub(super) fn run(options: &Options) -> ExitCode {
    let answers = options.answer || options.stream;
    let (from, to) = (find(&options.from, answers), find(&options.to, !answers));
    let (Some(from), Some(to)) = (from, to) else { return ExitCode::from(USAGE) };
    let mut input = Vec::new();
    if let Err(error) = std::io::stdin().lock().take(MOST as u64).read_to_end(&mut input) {
        complain(format_args!("cutover: cannot read standard input: {error}"));
        return ExitCode::from(USAGE);
    }
    let (written, well) = match (options.stream, options.answer) {
        (true, _) => stream(from, to, &input, options),
        (false, true) => answer(from, to, &input, options),
        (false, false) => request(from, to, &input, options),
    };
    // A reader that has gone away is no error of ours.
    let _ = std::io::stdout().lock().write_all(&written);
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A dialect by its name; one that only backends speak where a backend is meant.
fn find(name: &str, backend: bool) -> Option<&'static dyn Dialect> {
    let known = if backend { dialect::BACKENDS } else { dialect::ALL };
    let found = known.iter().copied().find(|dialect| dialect.name() == name);
    if found.is_none() {
        let names: Vec<_> = known.iter().map(|dialect| dialect.name()).collect();
        complain(format_args!("cutover: no dialect `{name}` here; write one of {}", names.join(", ")));
    }
    found
}

/// A client's request for a backend.
fn request(client: &dyn Dialect, backend: &dyn Dialect, input: &[u8], options: &Options) -> (Vec<u8>, bool) {
    let translated = Body::parse(input).and_then(|body| {
        let request = client.read_request(&body)?;
        let alike = client.name() == backend.name();
        let stream = request.stream || backend.always_streams();
        let target = Target { stream, alike, drops_content: options.drop_content, ..Target::default() };
        dialect::write(&request, backend, &target)
    });
    match translated {
        Ok((mut written, dropped)) => {
            for (name, why) in dropped.iter() {
                complain(format_args!("dropped: {name}: {why}"));
            }
            written.push(b'\n');
            (written, true)
        }
        Err(error) => {
            complain(format_args!("refused with status {}: {error}", error.status()));
            ([&ask(client, options).surface.write_error(&error)[..], b"\n"].concat(), false)
        }
    }
}

/// A backend's plain answer for a client.
fn answer(backend: &dyn Dialect, client: &dyn Dialect, input: &[u8], options: &Options) -> (Vec<u8>, bool) {
    let ask = ask(client, options);
    let mut assembler = assembler(&ask);
    let mut unheard = |_: &Event<'_>, _: &Answer| {};
    backend.read_answer(input, &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut unheard));
    let answer = assembler.into_answer();
    if let Some(error) = &answer.failure {
        complain(format_args!("failed with status {}: {error} [{}]", error.status(), error.causes()));
        return ([&ask.surface.write_error(error)[..], b"\n"].concat(), false);
    }
    name_lost(client, &ask, &answer);
    let mut written = Vec::new();
    client.write_answer(&answer, &ask, &mut written);
    written.push(b'\n');
    (written, true)
}

/// A backend's stream for a client.
fn stream(backend: &dyn Dialect, client: &dyn Dialect, input: &[u8], options: &Options) -> (Vec<u8>, bool) {
    let ask = ask(client, options);
    let mut transcoder = Transcoder::new(backend.reader(), assembler(&ask), Some(client.writer(&ask)), MOST);
    transcoder.start();
    transcoder.push(input);
    transcoder.end();
    let failure = transcoder.answer().failure.as_ref();
    if let Some(error) = failure {
        complain(format_args!("failed: {error} [{}]", error.causes()));
    }
    let well = failure.is_none();
    name_lost(client, &ask, transcoder.answer());
    (transcoder.out().to_vec(), well)
}

fn name_lost(client: &dyn Dialect, ask: &Ask, answer: &Answer) {
    for name in OwnPlaces::of(client, ask).lost(answer) {
        complain(format_args!("dropped: {name}: messages have no such field there"));
    }
}

fn assembler(ask: &Ask) -> Assembler {
    // Ids and times that are the same for the same input, so that two translations can be compared.
    Assembler::new("translated".to_owned(), 0, Calls { hold: !ask.show_agents_calls, declared: Vec::new() }, MOST)
}

fn ask(client: &dyn Dialect, options: &Options) -> Ask {
    let legacy = !matches!(client.name(), "responses" | "chat_completions");
    let surface = if options.invocations || legacy { Surface::Invocations } else { Surface::OpenAi };
    let tells_apart = client.name() == "chat_agent" || (client.name() == "responses" && options.invocations);
    Ask {
        surface,
        model: "model".to_owned(),
        include_usage: true,
        show_agents_calls: options.show_server_tools || tells_apart,
        echo: if client.name() == "responses" { Responses::echo(&Request::default()) } else { String::new() },
        ..Ask::default()
    }
}
