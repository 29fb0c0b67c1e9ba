//! `routes`: rules, splits, names and what can be reached.

use super::*;
use crate::dialect::Dialect;

#[test]
fn names_can_be_labels() {
    let bad = "a name is 1 to 64 letters, digits, `.`, `_` or `-`; it becomes a label of metrics";
    let long = "x".repeat(65);
    for name in ["a b", "ä", "a/b", &long] {
        let message = only_problem(&with_route(&format!("{{ name: '{name}', split: {{ app: 1 }} }}")));
        assert_eq!(message, format!("6: routes[0].name: {bad}"));
    }
    good(&with_route(&format!("{{ name: {}, split: {{ app: 1 }} }}", "x".repeat(64))));
    let backend =
        only_problem(&WHOLE.replace("routes:", "  'a b': { url: 'http://127.0.0.1/x', dialect: responses }\nroutes:"));
    assert_eq!(backend, format!("5: backends.a b: {bad}"));
}

#[test]
fn splits_are_checked() {
    for (split, says) in [
        ("{}", "routes[0].split: is empty; write parts by backend"),
        ("{ app: 0, legacy: 0 }", "routes[0].split: every part is zero; give at least one backend a part"),
        ("{ app: -1, legacy: 1 }", "routes[0].split.app: `-1` is not a part such as `95`, `5`, `0.5` or `0`"),
        ("{ app: many }", "routes[0].split.app: `many` is not a part"),
        ("{ nowhere: 1 }", "routes[0].split.nowhere: unknown backend; write one of legacy, app"),
        ("[ app ]", "routes[0].split: found a list, wanted parts by backend"),
    ] {
        let message = only_problem(&with_route(&format!("{{ name: r, split: {split} }}")));
        assert!(message.starts_with(&format!("6: {says}")), "{message}");
    }
    let config = good(&with_route("{ name: r, split: { app: 0.5, legacy: 99.5 } }"));
    assert_eq!(
        config.routes[0].split,
        [
            Share { backend: 1, basis_points: 50, part: 500_000 },
            Share { backend: 0, basis_points: 9_950, part: 99_500_000 }
        ]
    );
}

#[test]
fn a_backend_with_a_mistake_is_still_known_to_routes() {
    let message = only_problem(&WHOLE.replace("dialect: chat_agent", "dialect: nonsense"));
    assert!(message.starts_with("3: backends.legacy.dialect: unknown dialect `nonsense`"), "{message}");
}

#[test]
fn the_legacy_dialect_does_not_depend_on_weights() {
    let text = WHOLE.replace("routes:", "  model: { url: 'http://127.0.0.1/x', dialect: chat_model }\nroutes:");
    let legacy = |route: &str| {
        let text = text.replace("{ name: main, split: { legacy: 1, app: 1 } }", route);
        good(&text).routes[0].legacy_dialect.map(Dialect::name)
    };
    assert_eq!(legacy("{ name: r, split: { app: 1, model: 0, legacy: 9 } }"), Some("chat_model"));
    assert_eq!(legacy("{ name: r, split: { app: 1, legacy: 0, model: 9 } }"), Some("chat_agent"));
    assert_eq!(legacy("{ name: r, split: { app: 1 } }"), None);
    assert_eq!(legacy("{ name: r, split: { app: 1 }, legacy_dialect: chat_agent }"), Some("chat_agent"));
    assert_eq!(
        only_problem(&with_route("{ name: r, split: { app: 1 }, legacy_dialect: responses }")),
        "6: routes[0].legacy_dialect: unknown legacy chat dialect `responses`; write one of chat_agent, chat_model"
    );
}

#[test]
fn a_legacy_answer_needs_a_legacy_dialect() {
    assert_eq!(
        only_problem(&with_route("{ name: r, split: { app: 1 }, answer: legacy }")),
        "6: routes[0].answer: no backend of this route speaks chat_agent or chat_model, so there is no legacy shape; \
         write `openai`, or add `legacy_dialect`"
    );
    let config = good(&with_route("{ name: r, split: { app: 1, legacy: 0 }, answer: legacy }"));
    assert_eq!(config.routes[0].answer, AnswerShape::Legacy);
    let config = good(&with_route("{ name: r, split: { app: 1, legacy: 1 }, answer: openai }"));
    assert_eq!(config.routes[0].answer, AnswerShape::OpenAi);
}

#[test]
fn rules_are_exact_or_globs() {
    let rule = |rule: &str| {
        good(&with_route(&format!("{{ name: r, split: {{ app: 1, legacy: 1 }}, match: {rule} }}"))).routes[0]
            .rule
            .clone()
    };
    assert_eq!(rule("{ model: a }").model, Some(Pattern::Exact("a".into())));
    assert_eq!(rule("{ path: '/v1/*' }").path, Some(Pattern::Glob("/v1/*".into())));
    assert_eq!(rule("{}"), Rule::default());
    assert_eq!(rule(""), Rule::default());
    assert_eq!(
        only_problem(&with_route("{ name: r, split: { app: 1 }, match: { path: v1 } }")),
        "6: routes[0].match.path: a path begins with `/`; write `/v1/responses` or `/v1/*`, say"
    );
}

#[test]
fn sticky_places_are_body_fields_or_headers() {
    let sticky = |places: &str| with_route(&format!("{{ name: r, split: {{ app: 1, legacy: 1 }}, sticky: {places} }}"));
    assert_eq!(good(&sticky("[]")).routes[0].sticky, Some(Vec::new()));
    for wrong in ["'a b'", "a..b", "'header:'", "'header:a b'", "'$.a'"] {
        let message = only_problem(&sticky(&format!("[ user, {wrong} ]")));
        assert!(message.starts_with("6: routes[0].sticky[1]: ") && message.contains("is not a field"), "{message}");
    }
}

#[test]
fn routes_have_names_of_their_own_and_can_be_reached() {
    let routes = |routes: &[&str]| with_route(&routes.join("\n  - "));
    let route =
        |name: &str, rule: &str| format!("{{ name: {name}, split: {{ app: 1, legacy: 1 }}, match: {{ {rule} }} }}");
    assert_eq!(
        only_problem(&routes(&[&route("a", "model: x"), &route("a", "model: y")])),
        "7: routes[1]: the name `a` is taken by routes[0] on line 6; every route needs its own"
    );
    assert_eq!(
        only_problem(&routes(&[
            &route("a", "model: 'x*'"),
            &route("b", "model: y"),
            &route("c", "model: xy, path: /invocations")
        ])),
        "8: routes[2]: route `c` can never match: route `a`, routes[0] on line 6, comes first and matches everything that \
         it does; move one of them or narrow its `match`"
    );
    good(&routes(&[&route("a", "model: xy"), &route("b", "model: 'x*'"), &route("c", "model: '*'"), &route("d", "")]));
    assert!(
        only_problem(&WHOLE.replace("\n  - { name: main, split: { legacy: 1, app: 1 } }", " []")).contains("is empty")
    );
}
