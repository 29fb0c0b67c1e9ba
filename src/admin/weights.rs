//! `/api/v1/routes/{route}/weights`: the weights of a route, set for now, and who set which.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Draft, Endpoint};
use crate::config;
use crate::error::{Error, Kind};
use crate::live::{Refusal, Wish};
use crate::store::Unkept;

const PATH: &str = "/api/v1/routes/{route}/weights";

/// Entries of the history that are shown unless more are asked for, and at most.
const SHOWN: u32 = 50;
const MOST: u32 = 1_000;

/// Percent by backend.
type Weights = BTreeMap<String, f64>;

/// Weights that are to be in force until they are cleared.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = Self { weights: [("only".into(), 100.0)].into(), why: Some("ramp".into()), unkept: false })]
struct Wanted {
    /// Percent by backend; they sum to 100, and a backend that is not named gets nothing.
    weights: Weights,
    /// Why, for the audit trail.
    #[serde(default)]
    why: Option<String>,
    /// Do it even if the store cannot keep it; it is gone at the next start then.
    #[serde(default)]
    unkept: bool,
}

/// What has been done.
#[derive(Serialize, JsonSchema)]
struct Changed {
    route: String,
    /// The weights before, in percent.
    before: Weights,
    /// The weights in force now.
    after: Weights,
    /// The weights of the file; none if the route is not in it any more.
    file: Weights,
    /// Whether there was anything to do.
    effective: bool,
    /// Whether this outlives the process.
    kept: bool,
    /// Why not, if it does not.
    warning: Option<String>,
}

/// Who changed which weights, latest first.
#[derive(Serialize, JsonSchema)]
struct History {
    entries: Vec<Entry>,
    /// Why there can be none.
    warning: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Entry {
    /// Milliseconds since 1970.
    at: i64,
    who: String,
    /// `weights.set` or `weights.clear`.
    action: String,
    route: String,
    /// The weights before, as in `legacy=95 app=5`.
    before: String,
    after: String,
    why: String,
}

pub(super) fn set() -> Endpoint {
    Draft::put(PATH, "Sets the weights of a route for now, over those of the file")
        .about("route", "the name of a route")
        .takes::<Wanted>()
        .gives_later(async |ask: Ask<Wanted>| {
            let Wanted { weights, why, unkept } = &ask.body;
            let weights = Some(weights.iter().map(|(name, percent)| (name.clone(), *percent)).collect());
            change(&ask, weights, why.as_deref(), *unkept).await
        })
}

pub(super) fn clear() -> Endpoint {
    Draft::delete(PATH, "Clears the weights that were set; those of the file are in force again")
        .about("route", "the name of a route; one that is not in the config any more, too")
        .query("why", "why, for the audit trail")
        .query(
            "unkept",
            "`true`: do it even if the store cannot keep it; what was set comes back at the next start then",
        )
        .gives_later(async |ask: Ask| {
            let unkept = ask.query("unkept").is_some_and(|value| value == "true");
            change(&ask, None, ask.query("why"), unkept).await
        })
}

pub(super) fn history() -> Endpoint {
    Draft::get("/api/v1/weights/history", "Who changed which weights, when, from what to what and why; latest first")
        .query("route", "the name of a route; all of them without")
        .query("most", "how many entries at most; 50 without")
        .gives_later(async |ask: Ask| {
            let most = ask.query("most").map_or(Ok(SHOWN), |most| {
                let most = most.parse().ok().filter(|most| (1..=MOST).contains(most));
                most.ok_or_else(|| {
                    Error::new(Kind::InvalidField, format!("write a number from 1 to {MOST}")).param("most")
                })
            })?;
            let route = ask.query("route").map(str::to_owned);
            match ask.running.live.history(route, most).await {
                Ok(entries) => Ok(History { entries: entries.into_iter().map(entry).collect(), warning: None }),
                Err(unkept @ Unkept::NoStore) => Ok(History { entries: Vec::new(), warning: Some(unkept.to_string()) }),
                Err(unkept) => Err(Error::new(Kind::StoreUnavailable, unkept.to_string())),
            }
        })
}

async fn change<B>(
    ask: &Ask<B>,
    weights: Option<Vec<(String, f64)>>,
    why: Option<&str>,
    unkept: bool,
) -> Result<Changed, Error> {
    let route = ask.param("route").to_owned();
    let (who, why) = (ask.who.to_string(), why.unwrap_or_default().to_owned());
    let wish = Wish { route: route.clone(), weights, who, why, unkept };
    let changed = ask.running.live.change(wish).await.map_err(|refusal| refused(&refusal))?;
    Ok(Changed {
        route,
        before: percents(&changed.before),
        after: percents(&changed.after),
        file: percents(&changed.file),
        effective: changed.effective,
        kept: changed.unkept.is_none(),
        warning: changed.unkept.map(|unkept| format!("in force until the next start only: {unkept}")),
    })
}

fn percents(weights: &config::Weights) -> Weights {
    weights.iter().map(|(name, points)| (name.to_owned(), f64::from(points) / 100.0)).collect()
}

fn refused(refusal: &Refusal) -> Error {
    let (kind, param) = match refusal {
        Refusal::NoRoute(_) => (Kind::NameNotFound, Some("route")),
        Refusal::Weights(_) => (Kind::InvalidField, Some("weights")),
        Refusal::Why(_) => (Kind::InvalidField, Some("why")),
        Refusal::Unkept(_) => (Kind::StoreUnavailable, None),
        Refusal::Failed(_) => (Kind::Internal, None),
    };
    let error = Error::new(kind, refusal.to_string());
    match param {
        Some(param) => error.param(param),
        None => error,
    }
}

fn entry(entry: crate::store::Entry) -> Entry {
    let crate::store::Entry { at, who, action, subject, before, after, why, .. } = entry;
    Entry { at, who, action, route: subject, before, after, why }
}
