//! What is said of texts that are not the YAML that was wanted, and that none of them can harm.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

#[test]
fn keys_far_from_any_are_answered_with_all() {
    assert_eq!(
        only_problem(&format!("{WHOLE}listen: {{ xyzzy: 1 }}\n")),
        "7: listen.xyzzy: unknown key `xyzzy`; the keys here are `clients` and `admin`"
    );
}

#[test]
fn duplicate_keys_are_refused_wherever_they_are() {
    assert_eq!(
        problems(&format!("{WHOLE}auth: anonymous\n").replace("  app:", "  legacy: {}\n  app:")),
        [
            "4: backends.legacy: is a duplicate of line 3; remove one of them",
            "8: auth: is a duplicate of line 1; remove one of them",
        ]
    );
}

#[test]
fn wrong_types_say_what_was_found_and_wanted() {
    assert_eq!(only_problem(&with_auth("{ pat: x }")), format!("1: auth: found a mapping, wanted {}", auth::CHOICES));
    assert_eq!(
        only_problem(&format!("{WHOLE}limits: [ 1 ]\n")),
        "7: limits: found a list, wanted a mapping with `head`, `body`, `connections`, `answer`, `in_flight` and `per_caller`"
    );
    assert_eq!(
        only_problem(&format!("{WHOLE}timeouts:\n")),
        "7: timeouts: found nothing, wanted a mapping with `head`, `body`, `idle`, `send`, `drain` and `keep_alive`"
    );
    assert_eq!(
        only_problem("just text\n"),
        "found a text, wanted a mapping with `listen`, `limits`, `timeouts`, `retries`, `workspace`, `auth`, `backends`, `routes` and `store`"
    );
    assert_eq!(
        only_problem(&with_route("{ name: r, split: { app: 1 }, sticky: user }")),
        "6: routes[0].sticky: found a text, wanted a list of places such as `[ custom_inputs.thread_id, \
         header:x-session-id ]`"
    );
    assert_eq!(
        only_problem(&with_route("{ name: r, split: { app: 1 }, show_server_tools: yes }")),
        "6: routes[0].show_server_tools: `yes` is not `true` or `false`"
    );
}

#[test]
fn what_is_not_yaml_is_said_with_its_line() {
    for (text, line, hint) in [
        ("a: b\nc: [ d\n", 3, ""),
        ("a:\n\t- b\n", 2, "indent with spaces, not with tabs"),
        ("a: b\nc: { token: ${env:X} }\n", 2, "must be in quotes"),
        ("", 1, "the file is empty"),
        ("# nothing\n", 1, "the file is empty"),
        ("a: b\n---\nc: d\n", 2, "a second document begins here"),
        ("a: !!str b\n", 1, "the tag"),
        ("a: *nowhere\n", 1, "a text that begins with `*` must be in quotes"),
        ("a: *\n", 1, "a text that begins with `*` must be in quotes"),
        ("a: b: c\n", 1, "put a text with `: ` in it in quotes"),
        ("a: &a [ *a ]\n", 1, ""),
        ("[ a ]: b\n", 1, "a key must be a plain word"),
    ] {
        let message = only_problem(text);
        assert!(message.starts_with(&format!("{line}: ")) && message.contains(hint), "{text:?} says {message}");
    }
}

#[test]
fn anchors_repeat_what_they_name() {
    let config = good(
        "
auth: anonymous
backends:
  a: { url: http://127.0.0.1/a, dialect: responses, timeouts: &slow { total: 20m } }
  b: { url: http://127.0.0.1/b, dialect: responses, timeouts: *slow }
routes: [ { name: r, split: { a: 1, b: 1 } } ]
",
    );
    assert_eq!(config.backends[1].timeouts.total, Duration::from_secs(1200));
}

#[test]
fn anchors_cannot_blow_up() {
    let mut text = String::from("a0: &a0 [ x, x, x, x, x, x, x, x, x, x ]\n");
    for level in 1..30 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        let _ = writeln!(text, "a{level}: &a{level} [ {below} ]");
    }
    assert!(only_problem(&text).contains("anchors repeat more than a config can need"));
}

#[test]
fn depth_is_bounded() {
    for text in ["[".repeat(10_000), "- ".repeat(100_000), "? ".repeat(100_000), "{a: ".repeat(5_000)] {
        let message = only_problem(&text);
        assert!(message.contains("nested deeper") || message.contains("not YAML"), "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn yaml_like_text_never_panics(text in r"([\[\]{}:,?&*!|>%@`#'\x22 \t\n-]|a|b: |- |\$\{|env:|\x00|\x85|\u{feff}){0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_config_with_a_hole_never_panics(at in 0..WHOLE.len(), length in 0usize..40, filler in r"[\[\]{}:, \n*&a-]{0,4}") {
        let end = (at + length).min(WHOLE.len());
        let text = format!("{}{filler}{}", WHOLE.split_at(at).0, WHOLE.split_at(end).1);
        if let Err(problems) = parse(&text) {
            prop_assert!(problems.iter().count() > 0, "refused without a reason:\n{}", text);
        }
    }
}
