//! What the comparison finds, and after how many exchanges: agents that never say the same twice, with one thing wrong.

use cutover::compare::{Failure, Fault, Observed, Said, Settings, Tokens, compare, fault};
use cutover::judge::{Moment, Tally, Verdict, judge};
use cutover::report::{Example, Report};
use fastrand::Rng;
use serde_json::json;

/// Most exchanges of a cutover here.
const EXCHANGES: u64 = 2_000;

/// How the candidate is unlike the primary.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Regression {
    None,
    Argument(f64),
    Number(f64),
    NoCitations(f64),
    Refusal(f64),
    NoEnd(f64),
    Slower(f64),
}

/// What a request is about; both agents know it.
struct Asked {
    order: u64,
    days: u64,
    city: &'static str,
    source: u64,
}

impl Asked {
    fn new(random: &mut Rng) -> Self {
        Self {
            order: random.u64(10_000..99_999),
            days: random.u64(2..30),
            city: random.choice(["Lyon", "Porto", "Graz", "Malmö", "Ghent"]).unwrap(),
            source: random.u64(1..40),
        }
    }

    fn text(&self) -> String {
        format!("Where is order {}? I live in {}.", self.order, self.city)
    }

    /// An agent's answer: the same facts every time, never in the same words.
    fn answered(&self, random: &mut Rng, regression: Regression, whims: f64) -> Observed {
        let strikes = |random: &mut Rng, share: f64| random.f64() < share;
        let mut slower = 1.0;
        let (mut limit, mut days, mut cites) = (5, self.days, true);
        match regression {
            Regression::Argument(share) if strikes(random, share) => limit = 50,
            Regression::Number(share) if strikes(random, share) => days += 1,
            Regression::NoCitations(share) if strikes(random, share) => cites = false,
            Regression::Slower(times) => slower = times,
            Regression::Refusal(share) if strikes(random, share) => {
                let text = "I'm sorry, but I can't help with orders of other people.".to_owned();
                return Observed {
                    items: vec![Said::Message { text, citations: vec![] }],
                    finish: Some("stop".into()),
                    ..Observed::default()
                };
            }
            _ => {}
        }
        // Now and then an agent looks further than it needs to.
        if strikes(random, whims) {
            limit = 10;
        }
        let open = random
            .choice(["Good news:", "I checked:", "Thanks for waiting!", "Let me help.", "Here is what I found:"])
            .unwrap();
        let body = random
            .choice(["your order", "the parcel with order number", "order no.", "the delivery of order"])
            .unwrap();
        let verb = random.choice(["arrives", "should be there", "will reach you", "is due"]).unwrap();
        let close = random
            .choice([
                "Anything else?",
                "Have a nice day.",
                "Let me know if it does not.",
                "You can follow it at https://track.example/now.",
            ])
            .unwrap();
        let link = if close.contains("https") { "" } else { " See https://track.example/now." };
        let city = self.city;
        let text = format!("{open} {body} {} {verb} in {days} days in {city}.{link} {close}", self.order);
        let citations = if cites {
            vec![json!({"type": "url_citation", "url": format!("https://docs.example/{}", self.source)})]
        } else {
            vec![]
        };
        let arguments = json!({"order": self.order, "limit": limit, "city": city}).to_string();
        let spread = |random: &mut Rng| (random.f64() + random.f64() + random.f64() - 1.5).exp();
        let observed = Observed {
            status: 200,
            items: vec![
                Said::Call { name: "find_order".into(), arguments, by_agent: true },
                Said::Output { name: "find_order".into(), text: format!("{days} days") },
                Said::Message { text, citations },
            ],
            finish: Some("stop".into()),
            tokens: Some(Tokens { input: 60, output: random.u64(30..60) }),
            first_event_ms: Some(400.0 * slower * spread(random)),
            total_ms: Some(2_000.0 * slower * spread(random)),
            ..Observed::default()
        };
        match regression {
            Regression::NoEnd(share) if strikes(random, share) => Observed {
                failure: Some(Failure {
                    code: "backend_cut_short".into(),
                    message: "the agent's stream ended early".into(),
                }),
                faults: vec![Fault {
                    name: fault::NO_END.into(),
                    detail: "the stream ended before the answer did".into(),
                }],
                finish: None,
                ..observed
            },
            _ => observed,
        }
    }
}

/// A cutover in which the primary is asked twice in a share of the exchanges.
struct Cutover {
    random: Rng,
    regression: Regression,
    twins: f64,
    /// How often either agent calls its tool in another way than it mostly does.
    whims: f64,
    settings: Settings,
    tally: Tally,
    examples: Vec<Example>,
}

impl Cutover {
    fn new(seed: u64, regression: Regression) -> Self {
        let (random, settings) = (Rng::with_seed(seed), Settings::default());
        Self { random, regression, twins: 0.5, whims: 0.01, settings, tally: Tally::default(), examples: Vec::new() }
    }

    fn exchange(&mut self) {
        let asked = Asked::new(&mut self.random);
        let primary = asked.answered(&mut self.random, Regression::None, self.whims);
        let candidate = asked.answered(&mut self.random, self.regression, self.whims);
        let found = compare(&primary, &candidate, &self.settings);
        let twin =
            (self.random.f64() < self.twins).then(|| asked.answered(&mut self.random, Regression::None, self.whims));
        let noise = twin.map(|twin| compare(&primary, &twin, &self.settings));
        self.tally.record(&found, noise.as_ref());
        self.tally.spend(primary.tokens, candidate.tokens);
        self.examples.push(Example {
            id: format!("req_{:08x}", asked.order),
            at: 1_795_000_000 + i64::try_from(self.tally.exchanges).unwrap() * 40,
            asked: asked.text(),
            primary: Some(primary),
            candidate: Some(candidate),
            comparison: found,
        });
    }

    /// Goes on until the verdict is `fail`; the measures that fail and the number of exchanges it took.
    fn until_it_fails(&mut self) -> Option<(Vec<String>, u64)> {
        while self.tally.exchanges < EXCHANGES {
            self.exchange();
            if self.tally.exchanges.is_multiple_of(20) {
                let judgement = judge(&self.tally, &self.settings);
                if judgement.verdict == Verdict::Fail {
                    let failed =
                        judgement.measures.into_iter().filter(|judged| judged.gates && judged.verdict == Verdict::Fail);
                    return Some((failed.map(|judged| judged.measure).collect(), self.tally.exchanges));
                }
            }
        }
        None
    }
}

/// A regression is found after at most so many exchanges, by this measure and by no other.
fn found(regression: Regression, measure: &str, within: u64) {
    found_by(regression, &[measure], within);
}

/// The same by one of these measures.
fn found_by(regression: Regression, measures: &[&str], within: u64) {
    for seed in 0..2 {
        let (failed, exchanges) = Cutover::new(seed, regression).until_it_fails().expect("never found");
        println!("{regression:?} was found after {exchanges} exchanges");
        assert!(failed.iter().all(|failed| measures.contains(&failed.as_str())), "{regression:?}: {failed:?}");
        assert!(exchanges <= within, "{regression:?} was found after {exchanges} exchanges");
    }
}

#[test]
fn an_argument_that_changes_in_3_percent_is_found() {
    found(Regression::Argument(0.03), "tool_arguments", 1_500);
}

#[test]
fn a_number_that_changes_in_2_percent_is_found() {
    found(Regression::Number(0.02), "text_numbers", 1_500);
}

#[test]
fn citations_that_are_dropped_are_found() {
    found(Regression::NoCitations(1.0), "citations", 60);
    found(Regression::NoCitations(0.1), "citations", 400);
}

#[test]
fn refusals_in_1_percent_are_found() {
    found(Regression::Refusal(0.01), "refusal", 1_800);
}

#[test]
fn answers_twice_as_slow_are_found() {
    found_by(Regression::Slower(2.0), &["first_token", "total_time"], 200);
}

#[test]
fn streams_without_an_end_are_found() {
    found(Regression::NoEnd(0.03), "protocol", 700);
}

#[test]
fn agents_that_behave_alike_pass_though_they_never_say_the_same() {
    let mut cutover = Cutover::new(7, Regression::None);
    cutover.whims = 0.0;
    let mut last = Verdict::Insufficient;
    while cutover.tally.exchanges < EXCHANGES {
        cutover.exchange();
        if cutover.tally.exchanges.is_multiple_of(50) {
            last = judge(&cutover.tally, &cutover.settings).verdict;
            assert_ne!(last, Verdict::Fail, "after {}", cutover.tally.exchanges);
        }
    }
    let judgement = judge(&cutover.tally, &cutover.settings);
    assert_eq!(last, Verdict::Pass, "{}", judgement.rule);
    let exact = judgement.measures.iter().find(|judged| judged.measure == "text_exact").unwrap();
    assert!(exact.raw > 0.9 && exact.noise.is_some_and(|noise| noise > 0.9), "{exact:?}");
}

#[test]
fn agents_with_the_same_whims_are_not_said_to_fail_and_it_is_said_how_long_certainty_takes() {
    let mut cutover = Cutover::new(8, Regression::None);
    cutover.whims = 0.05;
    for _ in 0..600 {
        cutover.exchange();
    }
    let judgement = judge(&cutover.tally, &cutover.settings);
    let arguments = judgement.measures.iter().find(|judged| judged.measure == "tool_arguments").unwrap();
    assert_eq!(arguments.verdict, Verdict::Insufficient, "{arguments:?}");
    assert!(arguments.raw > 0.05 && arguments.more.is_some_and(|more| more > 1_000), "{arguments:?}");
}

#[test]
fn reports_are_whole_in_every_form_and_never_take_an_answer_for_markup() {
    let mut cutover = Cutover::new(1, Regression::Argument(0.05));
    let mut moments = Vec::new();
    for exchange in 1..=EXCHANGES / 2 {
        cutover.exchange();
        if exchange.is_multiple_of(50) {
            // Three days of work.
            let at = 1_795_000_000 + i64::try_from(exchange).unwrap() * 200;
            moments.push(Moment { at, tally: cutover.tally.bare() });
        }
    }
    let hostile = "<script>alert(1)</script> | `x` \u{1b}[31m";
    cutover.examples[0].asked = hostile.into();
    let mut report = Report::new("support", "legacy", "app", cutover.tally, &cutover.settings)
        .over(1_795_000_000, 1_795_200_000)
        .since(moments, &cutover.settings);
    report.funnel.requests = 24_000;
    report.funnel.left_out = vec![
        ("not sampled".into(), 22_000),
        ("the budget of the day was spent".into(), 900),
        ("the queue was full".into(), 100),
    ];
    let first = cutover.examples[0].clone();
    report = report.with_examples(cutover.examples);
    report.worst.push(first);
    let (html, markdown, terminal) = (report.html(), report.markdown(), report.terminal(false));
    let json = serde_json::to_string(&report).unwrap();
    for (form, text) in [("html", &html), ("md", &markdown), ("txt", &terminal)] {
        std::fs::write(format!("{}/report.{form}", env!("CARGO_TARGET_TMPDIR")), text).unwrap();
    }
    for text in [&html, &markdown, &terminal, &json] {
        assert!(text.contains("tool_arguments") && text.contains("find_order.limit"), "{text}");
    }
    // What the page tells is told in every form.
    let days = ["2026-11-18", "2026-11-19", "2026-11-20"];
    for text in [&html, &markdown, &terminal] {
        assert!(days.iter().all(|day| text.contains(day)), "{text}");
        assert!(text.contains("times as many") && text.contains("60,000") && text.contains("since"), "{text}");
    }
    assert_eq!((report.days.len(), report.tally.cost.counted), (3, 1_000));
    assert_eq!(report.days.iter().map(|day| day.exchanges).sum::<u64>(), 1_000);
    let read: Report = serde_json::from_str(&json).unwrap();
    assert_eq!((read.judgement.rule, read.tally), (report.judgement.rule, report.tally));
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    assert!(!html.contains("src=") && !html.contains("href="), "a page that needs nothing else");
    assert!(terminal.starts_with("FAIL") && markdown.starts_with("# FAIL: support"));
    assert!(!markdown.contains("<script"), "Markdown is HTML as well");
    assert!(!terminal.contains('\u{1b}'), "no answer may write to the terminal");
}
