//! Setting weights for now, and clearing them: checked, kept with an entry of the audit trail, then in force.

use std::fmt;
use std::sync::Arc;

use super::overrides::{Set, names};
use super::{Live, State, now};
use crate::config::{Weights, nearest};
use crate::store::{Change, Entry, Unkept};

/// Longest reason that is kept, in bytes.
const LONGEST_WHY: usize = 500;

/// What somebody wants of a route's weights.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The route.
    pub route: String,
    /// Percent by backend; none clears what was set.
    pub weights: Option<Vec<(String, f64)>>,
    /// Who wants it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Do it even if the store cannot keep it.
    pub unkept: bool,
}

/// What has been done.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The weights before.
    pub before: Weights,
    /// The weights since.
    pub after: Weights,
    /// The weights of the file.
    pub file: Weights,
    /// Whether there was anything to do: clearing what was not set changes nothing.
    pub effective: bool,
    /// Why it is gone at the next start, if it is.
    pub unkept: Option<Unkept>,
}

/// Why it was not done.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// No route has this name.
    NoRoute(String),
    /// The weights cannot be, each with what to write instead.
    Weights(Vec<String>),
    /// The reason is too long.
    Why(String),
    /// It would be gone at the next start.
    Unkept(Unkept),
    /// It cannot be served by.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoute(text) | Self::Why(text) => f.write_str(text),
            Self::Weights(problems) => f.write_str(&problems.join("; ")),
            Self::Unkept(unkept) => write!(
                f,
                "nothing was changed, as it could not be kept: {unkept}; it can be done all the same, until the next start, \
                 if you say that it need not be kept"
            ),
            Self::Failed(text) => write!(f, "it could not be put in force: {text}"),
        }
    }
}

/// A wish that can be.
struct Checked {
    weights: Option<Weights>,
    before: Weights,
    file: Weights,
    changes: bool,
}

impl Live {
    /// Does what somebody wants. New requests follow it when this returns.
    ///
    /// # Errors
    /// When it cannot be, or not be kept; then nothing has changed.
    pub async fn change(self: &Arc<Self>, wish: Wish) -> Result<Changed, Refusal> {
        // In a task of its own: whoever asks may go away, and it must not stop half way.
        let live = Arc::clone(self);
        let made = tokio::spawn(async move { live.make(wish).await });
        made.await.unwrap_or_else(|error| Err(Refusal::Failed(error.to_string())))
    }

    async fn make(&self, wish: Wish) -> Result<Changed, Refusal> {
        let _turn = self.turn.acquire().await.map_err(|error| Refusal::Failed(error.to_string()))?;
        let Checked { weights, before, file, changes } = check(&self.state(), &wish)?;
        if !changes {
            return Ok(Changed { after: before.clone(), before, file, effective: false, unkept: None });
        }
        let at = now();
        let Wish { route, who, why, unkept: may_be_unkept, .. } = wish;
        let after = weights.clone().unwrap_or_else(|| file.clone());
        let change = Change {
            route: route.clone(),
            weights: weights.as_ref().map(ToString::to_string),
            file: file.to_string(),
            who: who.clone(),
            why: why.clone(),
            at,
        };
        let unkept = match self.store.ask(move |kept| kept.change_weights(&change)).await {
            Ok(_) => None,
            Err(error) if may_be_unkept || error == Unkept::NoStore => Some(error),
            Err(error) => return Err(Refusal::Unkept(error)),
        };
        let kept = unkept.is_none();
        let state = &mut *self.state();
        let mut overrides = state.overrides.clone();
        let set = weights.map(|weights| Set { weights, who: who.clone(), why: why.clone(), at, kept });
        let sets = set.is_some();
        match set {
            Some(set) => drop(overrides.insert(route.clone(), set)),
            None => drop(overrides.remove(&route)),
        }
        self.publish(state, state.file.clone(), overrides).map_err(|error| Refusal::Failed(error.to_string()))?;
        if sets {
            let text = "weights were set for now; they override the file until they are cleared";
            tracing::warn!(route, from = %before, to = %after, who, why, kept, "{text}");
        } else {
            tracing::warn!(route, from = %before, to = %after, who, why, kept, "weights were cleared; the file's are in force");
        }
        Ok(Changed { before, after, file, effective: true, unkept })
    }

    /// The latest changes of weights, latest first: of one route, or of all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn history(&self, route: Option<String>, most: u32) -> Result<Vec<Entry>, Unkept> {
        self.store.ask(move |kept| kept.entries(route.as_deref(), most)).await
    }
}

fn check(state: &State, wish: &Wish) -> Result<Checked, Refusal> {
    if wish.why.len() > LONGEST_WHY {
        return Err(Refusal::Why(format!("the reason has {} bytes; {LONGEST_WHY} is the most", wish.why.len())));
    }
    let file = &state.file;
    let route = file.routes.iter().find(|route| route.name == wish.route);
    let of_file = route.map(|route| Weights::of(&route.split, &file.backends)).unwrap_or_default();
    let set = state.overrides.get(&wish.route);
    let in_force = set.filter(|_| !state.aside.contains_key(&wish.route)).map(|set| set.weights.clone());
    let weights = match (&wish.weights, route) {
        // What was set for a route that is gone can still be cleared.
        (None, None) if set.is_some() => None,
        (_, None) => {
            let names: Vec<_> = file.routes.iter().map(|route| route.name.as_str()).collect();
            let meant = nearest(&wish.route, names.iter().copied());
            let hint = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
            return Err(Refusal::NoRoute(format!("no route `{}`; there are {}{hint}", wish.route, names.join(", "))));
        }
        (None, Some(_)) => None,
        (Some(percents), Some(route)) => {
            let known: Vec<_> = names(route, &file.backends).collect();
            let percents = percents.iter().map(|(name, percent)| (name.as_str(), *percent));
            let weights = Weights::new(percents, &known).map_err(Refusal::Weights)?;
            // All backends, in the order of the file.
            Some(Weights::of(&weights.over(&route.split, &file.backends), &file.backends))
        }
    };
    let changes = weights.is_some() || set.is_some();
    Ok(Checked { weights, before: in_force.unwrap_or_else(|| of_file.clone()), file: of_file, changes })
}
