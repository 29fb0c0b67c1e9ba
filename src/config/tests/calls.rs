//! Deadlines, retries, fallbacks, breakers, limits and checks: what is accepted, and what is said to mistakes.

use super::*;
use crate::config::{Breaker, Capacity, Conversations, Fallback, On, Retries, Retry};

fn route(more: &str) -> String {
    with_route(&format!("{{ name: r, split: {{ app: 95, legacy: 5 }}, {more} }}"))
}

fn route_problem(more: &str) -> String {
    only_problem(&route(more))
}

fn of_backend(more: &str) -> String {
    backend_problem(&format!("{{ url: 'http://127.0.0.1/x', dialect: responses, {more} }}"))
}

#[test]
fn what_is_not_said_is_safe() {
    let config = good(&with_route("{ name: r, split: { app: 1 }, fallback: { to: legacy } }"));
    let route = &config.routes[0];
    let second = Duration::from_secs(1);
    assert_eq!(route.retry, Retry { attempts: 3, on_429: false, on_503: false, wait: 5 * second });
    let on = On { connect: true, server_error: false, too_many: false, first_byte: false };
    let fallback = Fallback { to: 0, on, hold: None, conversations: Conversations::Move };
    assert_eq!(route.fallback, Some(fallback), "without `on`, only what cannot have begun");
    assert_eq!(config.retries, Retries { share: 20, least: 3 });
    let breaker = config.backends[0].breaker;
    assert_eq!((breaker.failures, breaker.success, breaker.least, breaker.probes), (5, 80, 20, 3));
    assert_eq!((breaker.window, breaker.open, breaker.most), (30 * second, 5 * second, 60 * second));
    assert_eq!(config.backends[0].limits, None);
    assert_eq!(config.backends[0].timeouts.stream_total, None, "a healthy stream is never cut unless asked");
    // Named by a fallback is named.
    assert_eq!(config.warnings, []);
}

#[test]
fn everything_about_calls_can_be_said() {
    let text = format!(
        "retries: {{ share: 10%, least: 0 }}\n{}",
        route(
            "timeouts: { first_byte: 7s, stream_total: 1h }, retry: { attempts: 2, on: [ 429, 503 ], wait: 1s }, \
             fallback: { to: legacy, on: [ connect, 5xx, 429, first_byte ], hold: first_event, hold_for: 3s, \
             conversations: stay }"
        )
    )
    .replace(
        "dialect: responses",
        "dialect: responses, limits: { in_flight: 512 }, health: { path: /health, every: 3s, timeout: 1s, fall: 2, \
         rise: 2 }, breaker: { failures: 3, success: 90%, window: 10s, least: 5, open: 1s, most: 9s, probes: 1 }",
    );
    let config = good(&text);
    let (route, app) = (&config.routes[0], &config.backends[1]);
    let second = Duration::from_secs(1);
    let timeouts = route.timeouts.over(app.timeouts);
    assert_eq!((timeouts.first_byte, timeouts.idle), (7 * second, app.timeouts.idle));
    assert_eq!(timeouts.stream_total, Some(3_600 * second));
    assert_eq!(route.retry, Retry { attempts: 2, on_429: true, on_503: true, wait: second });
    let on = On { connect: true, server_error: true, too_many: true, first_byte: true };
    let hold = Some(3 * second);
    assert_eq!(route.fallback, Some(Fallback { to: 0, on, hold, conversations: Conversations::Stay }));
    assert_eq!(config.retries, Retries { share: 10, least: 0 });
    let wait = Duration::from_millis(100);
    assert_eq!(app.limits, Some(Capacity { in_flight: 512, pending: 52, wait }), "a tenth may wait");
    let health = app.health.as_ref().unwrap();
    assert_eq!((health.path.as_str(), health.every, health.fall, health.rise), ("/health", 3 * second, 2, 2));
    let breaker = Breaker {
        enabled: true,
        failures: 3,
        success: 90,
        window: 10 * second,
        least: 5,
        open: second,
        most: 9 * second,
        probes: 1,
    };
    assert_eq!(app.breaker, breaker);
    let plan = config.plan();
    for line in [
        "retries     10 % of the requests, all routes together; 0 a second are free",
        "is given    512 exchanges at a time; 52 more wait for up to 100ms",
        "breaker     opens after 3 failures in a row, or below 90 % of 5 in 10s; for 1s to 9s",
        "is checked  at /health every 3s, within 1s",
        "deadlines   first byte 7s, stream total 1h here, whatever a backend says",
        "retries     up to 1 of what cannot have begun, also after 429 and 503 where it says when, up to 1s",
        "fallback    to legacy, on connect, 5xx, 429, first_byte",
        "a stream is held until its first event, for up to 3s",
        "but not for requests that name a conversation",
    ] {
        assert!(plan.contains(line), "{line} is missing in:\n{plan}");
    }
    assert!(good(&text.replace("breaker: {", "breaker: off, model: x } #")).plan().contains("breaker     off"));
}

#[test]
fn a_fallback_must_be_another_backend_that_is_there() {
    assert_eq!(
        only_problem(&with_route("{ name: r, split: { app: 1 }, fallback: { to: app } }")),
        "6: routes[0].fallback.to: is the only backend of this route's split, and so its own fallback; name another \
         one, such as `{ to: legacy, on: [ connect, 5xx, 429, first_byte ] }`"
    );
    assert_eq!(
        route_problem("fallback: { to: legcy }"),
        "6: routes[0].fallback.to: unknown backend; write one of legacy, app (did you mean `legacy`?)"
    );
    assert!(route_problem("fallback: {}").starts_with("6: routes[0].fallback.to: is missing; write the name of a"));
}

#[test]
fn mistakes_say_what_to_write() {
    for (more, says) in [
        ("fallback: { to: legacy, on: [] }", "fallback.on: is empty, so nothing would ever go there; write"),
        (
            "fallback: { to: legacy, on: [ 5x ] }",
            "fallback.on[0]: unknown failure `5x`; write one of connect, 5xx, 429",
        ),
        (
            "fallback: { to: legacy, hold_for: 1s }",
            "fallback.hold_for: says how long a stream is held, and none is; write `hold",
        ),
        ("fallback: { to: legacy, hold: yes }", "fallback.hold: unknown event `yes`; write one of first_event"),
        (
            "fallback: { to: legacy, conversations: go }",
            "fallback.conversations: unknown choice `go`; write one of move",
        ),
        ("retry: { attempts: 0 }", "retry.attempts: `0` is not a number of attempts from 1, which is no retry, to 10"),
        ("retry: { attempts: 11 }", "retry.attempts: `11` is not a number of attempts"),
        ("retry: { on: [ 500 ] }", "retry.on[0]: unknown reason `500`; write one of 429, 503"),
        ("retry: { attempts: 1, on: [ 429 ] }", "retry: `on` says what is sent again and `attempts: 1` that nothing"),
        ("timeouts: { first_byte: 0s }", "timeouts.first_byte: must be over zero; write `10s`, say"),
        ("timeouts: { total: soon }", "timeouts.total: `soon` is not a duration"),
    ] {
        let message = route_problem(more);
        assert!(message.starts_with(&format!("6: routes[0].{says}")), "{more}: {message}");
    }
    for (more, says) in [
        ("limits: { in_flight: 0 }", "limits.in_flight: `0` is not a number of exchanges from 1 to 1000000"),
        ("limits: {}", "limits.in_flight: is missing; write the most exchanges at a time, such as `in_flight: 512`"),
        ("limits: { in_flight: 1, pending: -1 }", "limits.pending: `-1` is not a number of requests from 0"),
        ("limits: { in_flight: 1, wait: 0s }", "limits.wait: must be over zero"),
        ("breaker: on", "breaker: unknown breaker `on`; write one of off"),
        ("breaker: { failures: 0 }", "breaker.failures: `0` is not a number of failures in a row from 1"),
        ("breaker: { success: 120% }", "breaker.success: `120%` is not a share of the requests such as `80%`"),
        ("breaker: { open: 2m, most: 1m }", "breaker: `most` is the longest pause and `open` the first"),
        ("breaker: { probes: 0 }", "breaker.probes: `0` is not a number of requests from 1 to 100"),
        ("health: {}", "health.path: is missing; write a path such as `/health`"),
        ("health: { path: health }", "health.path: `health` is not a path such as `/health`"),
        ("health: { path: /h, every: 0s }", "health.every: must be over zero"),
        ("timeouts: { stream_total: 0s }", "timeouts.stream_total: must be over zero"),
    ] {
        let message = of_backend(more);
        assert!(message.starts_with(&format!("5: backends.more.{says}")), "{more}: {message}");
    }
    for (text, says) in [
        ("retries: { share: 20 }", "7: retries.share: `20` is not a share of the requests such as `20%`"),
        ("retries: { least: -1 }", "7: retries.least: `-1` is not a number of retries a second"),
        ("limits: { in_flight: 0 }", "7: limits.in_flight: `0` is not a number of requests from 1"),
        ("limits: { per_caller: 0 }", "7: limits.per_caller: `0` is not a number of requests from 1"),
    ] {
        let message = only_problem(&format!("{WHOLE}{text}\n"));
        assert!(message.starts_with(says), "{text}: {message}");
    }
}
