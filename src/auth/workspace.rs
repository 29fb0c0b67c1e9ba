//! Personal access tokens that the workspace knows: it is asked once, and believed for a while.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use moka::sync::Cache;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{Caller, Check, Kind, Known, Method, Token, Verdict};
use crate::config::Workspace;
use crate::net::{Fetched, Fetcher, Flight};

/// Where the workspace says whose token one is (SCIM 2.0).
const ME: PathAndQuery = PathAndQuery::from_static("/api/2.0/preview/scim/v2/Me");

/// How long a token that the workspace does not know is not asked about again.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// How long a failure to ask is remembered, so that an outage is not made worse.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// Questions at a time: strangers with made-up tokens must not make us flood the workspace.
const QUESTIONS: usize = 64;

/// Most tokens that are remembered.
const MOST: u64 = 10_000;

/// How long a request waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Callers that the workspace knows.
pub(super) struct AtWorkspace {
    asker: Arc<Asker>,
    /// By the SHA-256 of the token.
    known: Cache<[u8; 32], Arc<Slot>>,
}

struct Asker {
    fetcher: Fetcher,
    url: Uri,
    believed: Duration,
    questions: Semaphore,
}

/// What is known of one token.
#[derive(Default)]
struct Slot {
    answer: ArcSwapOption<(Answer, Instant)>,
    flight: Flight<Answer>,
}

#[derive(Clone)]
enum Answer {
    Known(Arc<Caller>),
    Unknown,
    Failed,
}

impl AtWorkspace {
    /// Callers of a workspace.
    ///
    /// # Errors
    /// When it is behind TLS and the certificate authorities cannot be had.
    pub(super) fn new(workspace: &Workspace, believed: Duration) -> io::Result<Self> {
        let fetcher = Fetcher::new(&workspace.url, workspace.ca.as_ref())?;
        let mut parts = workspace.url.clone().into_parts();
        parts.path_and_query = Some(ME);
        let url = Uri::from_parts(parts).map_err(io::Error::other)?;
        let asker = Asker { fetcher, url, believed, questions: Semaphore::new(QUESTIONS) };
        let known = Cache::builder().max_capacity(MOST).time_to_idle(believed.max(UNKNOWN_FOR)).build();
        Ok(Self { asker: Arc::new(asker), known })
    }
}

impl Method for AtWorkspace {
    fn check<'a>(&'a self, token: &'a Token) -> Check<'a> {
        // A JWT is no PAT, and the workspace has no business with the tokens of others.
        if token.expose().contains('.') {
            return Check::Done(Verdict::Unknown);
        }
        let slot = self.known.get_with(*token.digest(), Arc::default);
        if let Some(answer) = slot.fresh() {
            return Check::Done(answer.verdict());
        }
        Check::Waits(Box::pin(async move {
            let Ok(authorization) = HeaderValue::try_from(format!("Bearer {}", token.expose())) else {
                return Verdict::Unknown;
            };
            let (workspace, asking) = (Arc::clone(&self.asker), Arc::clone(&slot));
            let landing = slot.flight.join(|| async move { asking.ask(&workspace, authorization).await });
            landing.within(PATIENCE).await.unwrap_or(Answer::Failed).verdict()
        }))
    }
}

impl Slot {
    fn fresh(&self) -> Option<Answer> {
        let answer = self.answer.load();
        let (answer, until) = &**answer.as_ref()?;
        (*until > Instant::now()).then(|| answer.clone())
    }

    async fn ask(&self, workspace: &Asker, authorization: HeaderValue) -> Answer {
        if let Some(answer) = self.fresh() {
            return answer;
        }
        let answer = workspace.ask(authorization).await;
        let believed = match &answer {
            Answer::Known(_) => workspace.believed,
            Answer::Unknown => UNKNOWN_FOR,
            Answer::Failed => FAILED_FOR,
        };
        self.answer.store(Some(Arc::new((answer.clone(), Instant::now() + believed))));
        answer
    }
}

impl Asker {
    async fn ask(&self, mut authorization: HeaderValue) -> Answer {
        let Ok(_question) = self.questions.try_acquire() else { return Answer::Failed };
        authorization.set_sensitive(true);
        let why = match self.fetcher.get(&self.url, Some(authorization)).await {
            Ok(fetched) => match fetched.status.as_u16() {
                200 => match me(&fetched) {
                    Some(caller) => return Answer::Known(Arc::new(caller)),
                    None => "it did not say whose token it is".to_owned(),
                },
                401 | 403 => return Answer::Unknown,
                other => format!("it answered {other}"),
            },
            Err(failed) => failed.to_string(),
        };
        tracing::warn!(why, "the workspace could not be asked about a token");
        Answer::Failed
    }
}

impl Answer {
    fn verdict(self) -> Verdict {
        match self {
            // The slot remembers it; the token may be taken back at any time.
            Self::Known(caller) => Verdict::Known(Known { caller, expires: None }),
            Self::Unknown => Verdict::Unknown,
            Self::Failed => Verdict::Unavailable,
        }
    }
}

/// The caller in the workspace's answer.
fn me(fetched: &Fetched) -> Option<Caller> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Me {
        user_name: String,
        display_name: Option<String>,
        #[serde(default)]
        emails: Vec<Email>,
        #[serde(default)]
        groups: Vec<Group>,
    }

    #[derive(Deserialize)]
    struct Email {
        value: String,
        #[serde(default)]
        primary: bool,
    }

    #[derive(Deserialize)]
    struct Group {
        display: Option<String>,
    }

    let me: Me = fetched.json().ok()?;
    let primary = me.emails.iter().find(|email| email.primary).or(me.emails.first());
    let email = primary.map(|email| email.value.clone());
    let groups = me.groups.into_iter().filter_map(|group| group.display).collect();
    let name = Some(me.user_name).filter(|name| !name.is_empty())?;
    Some(Caller { email, groups, username: me.display_name, ..Caller::named(name, Kind::Pat) })
}
