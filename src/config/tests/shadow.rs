//! `shadow`: what must be said, what may be said, and what makes no sense.

use super::*;

fn route(shadow: &str) -> String {
    with_route(&format!("{{ name: r, split: {{ legacy: 1, app: 0 }}, shadow: {shadow} }}"))
}

fn shadow(shadow: &str) -> Shadow {
    good(&route(shadow)).routes.remove(0).shadow.expect("a shadow")
}

/// The only problem of a shadow with this more in it.
fn problem(more: &str) -> String {
    only_problem(&route(&format!("{{ to: app, sample: 10%, {more} }}"))).replace("6: routes[0].shadow", "")
}

#[test]
fn a_shadow_must_say_what_acting_twice_does() {
    let message = only_problem(&route("{ to: app, sample: 10% }"));
    assert!(message.starts_with("6: routes[0].shadow.side_effects: is missing; write what a second run"), "{message}");
    for choice in ["`none`", "`marked`", "`accepted`"] {
        assert!(message.contains(choice), "{message}");
    }
    assert!(problem("side_effects: some").contains("unknown choice `some`; write one of none, marked, accepted"));
}

#[test]
fn marks_stand_with_marked_and_with_nothing_else() {
    let marked = "side_effects: marked";
    assert!(problem(marked).contains(".side_effects: `marked` needs `safe:` beside it: what marks a request"));
    assert!(
        problem("side_effects: none, safe: { caller: ci }")
            .contains(".safe: has a meaning with `side_effects: marked`")
    );
    assert!(problem(&format!("{marked}, safe: {{}}")).contains(".safe: asks for nothing"));
    assert!(problem(&format!("{marked}, safe: {{ body: {{ a..b: x }} }}")).contains("`a..b` cannot be one of fields"));
    let safe = shadow(&format!(
        "{{ to: app, sample: 1%, {marked}, safe: {{ header: {{ X-Safe: 'yes' }}, caller: [ ci, 'test-*' ], body: {{ \
         custom_inputs.mode: read }} }} }}"
    ));
    let SideEffects::Marked(safe) = safe.side_effects else { panic!("{safe:?}") };
    assert_eq!(safe.headers[0], ("x-safe".parse().unwrap(), Pattern::new("yes")));
    assert_eq!(safe.callers, [Pattern::new("ci"), Pattern::new("test-*")]);
    assert_eq!(safe.body, [("custom_inputs.mode".to_owned(), Pattern::new("read"))]);
}

#[test]
fn shares_are_percentages() {
    for (text, wanted) in [("10%", 1_000), ("0.01%", 1), ("100%", 10_000), ("0%", 0), ("0.5 %", 50)] {
        assert_eq!(shadow(&format!("{{ to: app, sample: '{text}', side_effects: none }}")).sample, wanted, "{text}");
    }
    for wrong in ["10", "0.1", "101%", "-1%", "1.005%", "%", ".5%", "1.%", "100.01%"] {
        let message = only_problem(&route(&format!("{{ to: app, sample: '{wrong}', side_effects: none }}")));
        assert!(message.contains(&format!("sample: `{wrong}` is not a share in percent such as `10%`")), "{message}");
    }
}

#[test]
fn everything_else_has_a_default() {
    let plain = shadow("{ to: app, sample: 10%, side_effects: none }");
    assert_eq!((plain.to, plain.noise, plain.pass_caller_token), (1, 0, false));
    assert_eq!((plain.limits, plain.budget), (ShadowLimits::default(), Budget::default()));
    let all = shadow(
        "{ to: app, sample: 10%, noise: 1%, side_effects: accepted, pass_caller_token: true, rewrite: [ \
         custom_inputs.user_id ], deadline: 5s, limits: { queue: 1, queue_bytes: 1MiB, concurrency: 2, per_second: 3, body: \
         1KiB, answer: 2KiB }, budget: { requests: 4, tokens: 5 } }",
    );
    let limits =
        ShadowLimits { queue: 1, queue_bytes: 1 << 20, concurrency: 2, per_second: 3, body: 1024, answer: 2048 };
    assert_eq!((all.limits, all.budget), (limits, Budget { requests: 4, tokens: 5 }));
    assert_eq!((all.noise, all.deadline), (100, Duration::from_secs(5)));
    assert_eq!(all.rewrite, ["custom_inputs.user_id"]);
    assert!(problem("side_effects: none, limits: { queue: 0 }").contains("`0` is not a whole number from 1 to 100000"));
}

#[test]
fn a_candidate_may_be_in_the_split_but_not_be_all_of_it() {
    let with = |split: &str| {
        with_route(&format!("{{ name: r, split: {split}, shadow: {{ to: app, sample: 1%, side_effects: none }} }}"))
    };
    let about_the_split =
        |text: &str| good(text).warnings.iter().any(|warning| warning.message.contains("as the split stands"));
    assert!(!about_the_split(&with("{ legacy: 1 }")));
    assert!(!about_the_split(&with("{ legacy: 1, app: 1 }")));
    assert!(about_the_split(&with("{ legacy: 0, app: 1 }")));
    let message = problems(&with("{ app: 1 }")).join("\n");
    assert!(message.contains("shadow.to: is the only backend of the split"), "{message}");
    assert!(only_problem(&route("{ to: ap, sample: 1%, side_effects: none }")).contains("(did you mean `app`?)"));
}

#[test]
fn a_candidate_that_wants_the_callers_token_is_warned_of() {
    let warned = |more: &str| {
        let config = good(&route(&format!("{{ to: app, sample: 1%, side_effects: none, {more} }}")));
        config.warnings.iter().any(|warning| warning.message.contains("so nothing is mirrored"))
    };
    assert!(warned("noise: 0%"));
    assert!(!warned("pass_caller_token: true"));
}

#[test]
fn the_plan_tells_of_the_mirror() {
    let plan = good(&route("{ to: app, sample: 10%, noise: 0.5%, side_effects: none }")).plan();
    let told = "
     mirrors     10 % of the conversations to app; 0.5 % of those to the primary again
                 whatever is sampled: the agent only reads
                 with 16 at a time, 10 a second, each within 2m
                 256 may wait, 64MiB in all; request 1MiB, answer 1MiB
                 at most 10000 requests and 10000000 tokens a day
     keeps       requests and answers without addresses, numbers and names
                 for 30 days, 1GiB at most
";
    assert!(plan.contains(told), "{plan}");
}

#[test]
fn what_is_kept_has_a_mode_an_age_and_a_size() {
    let record =
        |record: &str| shadow(&format!("{{ to: app, sample: 1%, side_effects: none, record: {record} }}")).record;
    assert_eq!(record("{}"), Record::default());
    let all = record("{ mode: redacted, keep: 7d, size: 10MiB, redact: [ 'ORD-[0-9]+' ] }");
    assert_eq!((all.keep, all.size), (Duration::from_secs(7 * 86_400), 10 << 20));
    assert_eq!(all.redact, ["ORD-[0-9]+"]);
    let wrong = |wrong: &str| problem(&format!("side_effects: none, record: {{ {wrong} }}"));
    assert!(wrong("keep: 12h").contains("`12h` is not days such as `30d`"));
    assert!(wrong("redact: [ 'a(' ]").contains("`a(` is not a regular expression: unclosed group"));
    assert!(wrong("mode: full, redact: [ a ]").contains(".record.redact: has a meaning with `mode: redacted` alone"));
    assert!(wrong("mode: none").contains("write one of full, redacted, scores"));
}

/// A config with a model to ask, and this route's `opinions`.
fn asking(judge: &str, opinions: &str) -> String {
    route(&format!("{{ to: app, sample: 10%, side_effects: none, {opinions} }}")).replace(
        "backends:\n",
        &format!("backends:\n  judge: {{ url: 'https://judge.example/v1/chat/completions', {judge} }}\n"),
    )
}

#[test]
fn models_may_be_asked_under_a_budget_of_their_own() {
    let judge = "dialect: chat_completions, credential: none, model: judge-1";
    let yaml = asking(judge, "opinions: { llm_judge: { backend: judge, sample: 5%, budget: { requests: 7 } } }");
    let config = good(&yaml);
    let shadow = config.routes[0].shadow.as_ref().unwrap();
    let place = config.backends.iter().position(|backend| backend.name == "judge").unwrap();
    let budget = Budget { requests: 7, tokens: 1_000_000 };
    assert_eq!(shadow.opinions, [Asking { measure: "llm_judge", backend: place, sample: 500, budget }]);
    assert!(!config.warnings.iter().any(|warning| warning.message.contains("no route uses this backend")));
    let told = "asks        judge about 5% of the pairs, for llm_judge: at most 7 requests and 1000000 tokens a day";
    assert!(config.plan().contains(told), "{}", config.plan());
    for (judge, opinions, says) in [
        (
            judge,
            "opinions: { llm: { backend: judge } }",
            "no model is asked for this; write one of embedding, llm_judge",
        ),
        (judge, "opinions: { llm_judge: { backend: juge } }", "(did you mean `judge`?)"),
        (
            judge,
            "opinions: { llm_judge: {} }",
            "opinions.llm_judge.backend: is missing; write the name of the backend that",
        ),
        (judge, "opinions: {}", "is empty; write measures with who is asked"),
        (
            "dialect: responses, credential: none",
            "opinions: { embedding: { backend: judge } }",
            "speaks responses; who is asked here is OpenAI-compatible: write `dialect: chat_completions` there",
        ),
        (
            "dialect: chat_completions",
            "opinions: { embedding: { backend: judge } }",
            "is called with its caller's token, and nobody calls here; give it a credential of its own",
        ),
        (
            judge,
            "opinions: { embedding: { backend: judge } }, gates: { llm_judge: 5% }",
            "llm_judge is to decide, and no model is asked for it; write `opinions: { llm_judge: { backend: ... } }`",
        ),
    ] {
        let all = problems(&asking(judge, opinions)).join("\n");
        assert!(all.contains(says), "{opinions}: {all}");
    }
}
