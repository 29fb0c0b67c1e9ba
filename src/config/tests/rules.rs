//! `match`: what rules can ask for, which cannot be met, which are never reached, and which stand in each other's way.

use super::*;

fn methods() -> String {
    format!("[ {{ pat: {{ tokens: [ {{ name: ci, sha256: {DIGEST} }} ] }} }} ]")
}

/// A config with these rules, one route for each, whose callers are known.
fn with_rules(rules: &[&str]) -> String {
    let routes: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(place, rule)| format!("{{ name: r{place}, split: {{ app: 1, legacy: 1 }}, match: {rule} }}"))
        .collect();
    with_auth(&methods()).replace("{ name: main, split: { legacy: 1, app: 1 } }", &routes.join("\n  - "))
}

fn refused(rule: &str) -> String {
    only_problem(&with_rules(&[rule]))
}

fn warnings(rules: &[&str]) -> Vec<String> {
    good(&with_rules(rules)).warnings.iter().map(|warning| warning.in_file("")).collect()
}

#[test]
fn a_rule_asks_for_headers_callers_and_fields() {
    let config = good(&with_rules(&[
        "{ model: 'support-*', path: /v1/responses, header: { X-Tenant: acme, x-beta: '*', x-old: { present: false } }, \
          caller: { subject: 'ci-*', group: [ a, b ], scope: all-apis }, \
          body: { custom_inputs.tenant: [ acme, 'evil-*' ], stream: true, temperature: 0.5, tools: { present: true } } }",
    ]));
    assert_eq!(
        config.routes[0].rule.to_string(),
        "model support-* and path /v1/responses and header x-tenant acme and header x-beta present and header x-old absent \
         and subject ci-* and group a or b and scope all-apis and body custom_inputs.tenant acme or evil-* and body stream \
         true and body temperature 0.5 and body tools present"
    );
    assert!(config.plan().contains("takes       model support-* and path /v1/responses and header x-tenant acme"));
}

#[test]
fn what_cannot_be_met_says_what_to_write() {
    for (rule, says) in [
        (
            "{ header: x-tenant }",
            "match.header: found a text, wanted conditions by header such as `{ x-tenant: acme }`",
        ),
        (
            "{ header: { 'a b': c } }",
            "match.header.a b: `a b` is not the name of a header; write a name such as `x-tenant`",
        ),
        (
            "{ header: { Authorization: x } }",
            "match.header.Authorization: no rule can go by this header: who calls is asked for by `caller: { subject: ... }`",
        ),
        ("{ header: { Host: x } }", "match.header.Host: no rule can go by this header: HTTP/2 clients send none"),
        (
            "{ header: { x-forwarded-email: x } }",
            "match.header.x-forwarded-email: no rule can go by this header: we set it",
        ),
        (
            "{ header: { x-a: { presence: true } } }",
            "match.header.x-a.presence: unknown key `presence`; did you mean `present`?",
        ),
        ("{ header: { x-a: 1, X-A: 2 } }", "match.header: `x-a` is there twice"),
        ("{ caller: {} }", "match.caller: asks for nothing"),
        ("{ caller: ci }", "match.caller: found a text, wanted a mapping with `subject`, `group` and `scope`"),
        ("{ body: { model: x } }", "match.body.model: cannot be asked for here"),
        ("{ body: { stream.x: y } }", "match.body.stream.x: cannot exist: `stream` is a single value; write `stream`"),
        (
            "{ body: { custom_input.tenant: y } }",
            "match.body.custom_input.tenant: is a field that no client sends; did you mean `custom_inputs.tenant`?",
        ),
        (
            "{ body: { custom_inputs: { tenant: y } } }",
            "match.body.custom_inputs: has a field in it; write `custom_inputs.tenant: a text such as `acme`",
        ),
        ("{ body: { messages: hi } }", "match.body.messages: is a list and cannot be compared with a text"),
        (
            "{ path: /v1/completions }",
            "match.path: no client's request comes by this path; write one of /chat/completions",
        ),
        ("{ path: '/v2/*' }", "match.path: no client's request comes by this path"),
    ] {
        let message = refused(rule);
        assert!(message.starts_with(&format!("6: routes[0].{says}")), "{rule}\n{message}");
    }
    good(&with_rules(&["{ path: '/serving-endpoints/support/invocations' }", "{ path: '*/responses' }"]));
    assert!(
        only_problem(&with_route("{ name: r, split: { app: 1, legacy: 1 }, match: { caller: { group: a } } }"))
            .starts_with("6: routes[0].match.caller: can match nobody: with `auth: anonymous`")
    );
}

#[test]
fn a_rule_behind_one_that_takes_it_all_is_never_reached() {
    for (first, second) in [
        ("{ header: { x-a: '*' } }", "{ header: { x-a: b } }"),
        ("{ header: { x-a: [ b, c ] } }", "{ header: { x-a: b, x-d: e } }"),
        ("{ caller: { group: [ a, b ] } }", "{ caller: { group: a }, model: x }"),
        ("{ body: { user: 'a*' } }", "{ body: { user: ab }, path: /invocations }"),
        ("{ body: { user: { present: false } } }", "{ body: { user: { present: false } } }"),
        ("{}", "{ body: { user: a } }"),
    ] {
        let message = only_problem(&with_rules(&[first, second]));
        assert!(
            message
                .starts_with("7: routes[1]: route `r1` can never match: route `r0`, routes[0] on line 6, comes first"),
            "{first} before {second}: {message}"
        );
    }
    for (first, second) in [
        ("{ header: { x-a: b } }", "{ header: { x-a: '*' } }"),
        ("{ header: { x-a: b } }", "{ header: { x-b: b } }"),
        ("{ caller: { group: a, scope: s } }", "{ caller: { group: a } }"),
        ("{ body: { user: a } }", "{}"),
        ("{ body: { user: a } }", "{ body: { user: { present: false } } }"),
        ("{ body: { user: { present: true } } }", "{ body: { user: { present: false } } }"),
    ] {
        assert_eq!(warnings(&[first, second]), [""; 0], "{first} before {second}");
    }
}

#[test]
fn rules_that_stand_in_each_others_way_are_named() {
    assert_eq!(
        warnings(&["{ model: 'support-*' }", "{ model: '*-eu' }"]),
        [
            ":7: routes[1]: route `r1` and route `r0`, routes[0] on line 6, both take model `support-eu`, and neither takes all \
          that the other one does; `r0` comes first and gets it; narrow one of them if that is not meant"
        ]
    );
    for (first, second, both) in [
        (
            "{ body: { custom_inputs.tenant: [ a, b ] } }",
            "{ body: { custom_inputs.tenant: [ b, c ] } }",
            "body `custom_inputs.tenant: b`",
        ),
        ("{ header: { x-a: [ a, b ] }, model: m }", "{ header: { x-a: [ b, c ] } }", "header `x-a: b`"),
        ("{ path: '/v1/*' }", "{ path: '*/responses' }", "path `/v1/responses`"),
        ("{ caller: { subject: 'a*' } }", "{ caller: { subject: '*b' } }", "subject `ab`"),
    ] {
        let all = warnings(&[first, second]);
        assert!(all.len() == 1 && all[0].contains(&format!("both take {both}, and")), "{first} and {second}: {all:?}");
    }
    for (first, second) in [
        // An exception before a general rule.
        ("{ header: { x-canary: '*' } }", "{ model: m }"),
        ("{ model: 'support-*', caller: { group: beta } }", "{ model: support-agent }"),
        // No request is taken by both.
        ("{ model: 'a*', header: { x: '1' } }", "{ model: '*b', header: { x: '2' } }"),
        ("{ caller: { group: [ a, b ] } }", "{ caller: { group: [ b, c ] } }"),
    ] {
        assert_eq!(warnings(&[first, second]), [""; 0], "{first} and {second}");
    }
}

#[test]
fn parts_that_look_like_percentages_with_a_slip_are_named() {
    let warnings = |split: &str| good(&with_route(&format!("{{ name: r, split: {split} }}"))).warnings;
    let all = warnings("{ app: 10, legacy: 95.5 }");
    assert_eq!(
        all[0].message,
        "the parts sum to 105.5, not to 100, and are taken as parts of 105.5; is one of them a slip?"
    );
    for split in
        ["{ app: 5, legacy: 95 }", "{ app: 1, legacy: 9 }", "{ app: 900, legacy: 100 }", "{ app: 49, legacy: 49 }"]
    {
        assert_eq!(warnings(split), [], "{split}");
    }
    for (part, split) in [("120%", "{ app: 120%, legacy: 0 }"), ("-5", "{ app: -5, legacy: 105 }")] {
        let message = only_problem(&with_route(&format!("{{ name: r, split: {split} }}")));
        assert_eq!(message, format!("6: routes[0].split.app: `{part}` is not a part such as `95`, `5`, `0.5` or `0`"));
    }
}

#[test]
fn a_fingerprint_is_asked_for_by_its_name() {
    let config = good(&with_route("{ name: r, split: { app: 1, legacy: 1 }, sticky: [ conversation, fingerprint ] }"));
    assert_eq!(config.routes[0].sticky.as_deref(), Some(&["conversation".to_owned(), "fingerprint".to_owned()][..]));
}

#[test]
fn a_hold_is_a_time_for_conversations_that_have_keys() {
    let hold = |fields: &str| with_route(&format!("{{ name: r, split: {{ app: 1, legacy: 1 }}, {fields} }}"));
    assert_eq!(good(&hold("hold: 30m")).routes[0].hold, Some(Duration::from_secs(1800)));
    assert!(good(&hold("hold: 30m")).plan().contains("held        where it started, until it has been silent for 30m"));
    assert_eq!(only_problem(&hold("hold: 0s")), "6: routes[0].hold: must be over zero; write `10s`, say");
    assert!(only_problem(&hold("hold: 25h")).contains("at most `24h`"));
    assert!(
        only_problem(&hold("sticky: [], hold: 1h")).starts_with("6: routes[0].hold: holds nothing: with `sticky: []`")
    );
}
