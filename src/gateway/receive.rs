//! Step 1: which door a request came through, and its body under a limit.

use bytes::{Bytes, BytesMut};
use http::Method;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};

use super::lookup::Lookup;
use super::made::Made;
use crate::config::{ClientLimits, ClientTimeouts};
use crate::dialect::Surface;
use crate::error::{Error, Kind};
use crate::ir::{self, Str};

/// The door a request came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    /// `responses`
    Responses,
    /// `chat/completions`
    ChatCompletions,
    /// `invocations`, with the endpoint's name if the path has one
    Invocations(Option<String>),
    /// `GET responses/{id}`, or its `cancel`: an answer that was made before
    Made(Made),
    /// `GET models`
    Models,
    /// What a Databricks SDK looks up before it calls
    Lookup(Lookup),
    /// What the workspace answers: discovery and tokens, for which nobody is known yet
    SignIn,
    /// Another path of the workspace's API
    Workspace,
}

/// Paths that are the same for every endpoint. (`/serving-endpoints/completions` is where Databricks' TypeScript client
/// posts chats to an agent.)
const PATHS: &[(&str, Entrance)] = &[
    ("/v1/responses", Entrance::Responses),
    ("/responses", Entrance::Responses),
    ("/serving-endpoints/responses", Entrance::Responses),
    ("/v1/chat/completions", Entrance::ChatCompletions),
    ("/chat/completions", Entrance::ChatCompletions),
    ("/serving-endpoints/chat/completions", Entrance::ChatCompletions),
    ("/serving-endpoints/completions", Entrance::ChatCompletions),
    ("/invocations", Entrance::Invocations(None)),
    ("/v1/models", Entrance::Models),
    ("/models", Entrance::Models),
];

impl Entrance {
    /// The entrance of a method and path; one exact table, no normalising, so that nothing is read two ways.
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, Error> {
        let entrance = match PATHS.iter().find(|(known, _)| *known == path) {
            Some((_, entrance)) => entrance.clone(),
            None => Self::below(path).ok_or_else(|| {
                Error::new(Kind::PathNotFound, "no such path; try /v1/responses, /v1/chat/completions or /v1/models")
            })?,
        };
        let (get, post) = match entrance {
            Self::Models | Self::Lookup(_) | Self::Made(Made { cancel: false, .. }) => (true, false),
            Self::SignIn | Self::Workspace => (true, true),
            _ => (false, true),
        };
        if (get && *method == Method::GET) || (post && *method == Method::POST) {
            return Ok(entrance);
        }
        let wanted = if get { Method::GET } else { Method::POST };
        Err(Error::new(Kind::MethodNotAllowed, format!("this path takes {wanted} only")))
    }

    /// The entrance of a path that names something.
    fn below(path: &str) -> Option<Self> {
        if let Some(name) = endpoint(path) {
            return Some(Self::Invocations(Some(name.to_owned())));
        }
        if let Some(made) = Made::of(path) {
            return Some(Self::Made(made));
        }
        if let Some(lookup) = Lookup::of(path) {
            return Some(Self::Lookup(lookup));
        }
        match path {
            "/.well-known/databricks-config" => Some(Self::SignIn),
            _ if path.starts_with("/oidc/") => Some(Self::SignIn),
            _ if path.starts_with("/api/") => Some(Self::Workspace),
            _ => None,
        }
    }

    /// How clients that call this path are told about errors; for paths that do not exist too.
    pub(super) fn surface(path: &str) -> Surface {
        let databricks = ["/api/", "/oidc/", "/.well-known/"].iter().any(|family| path.starts_with(family));
        if databricks || path.ends_with("/invocations") { Surface::Invocations } else { Surface::OpenAi }
    }

    /// The model to route by: the path's endpoint if it names one, else the body's `model`.
    pub(super) fn model<'a>(&'a self, body: &ir::Body<'a>) -> Result<Option<Str<'a>>, Error> {
        match self {
            Self::Invocations(Some(name)) => Ok(Some(Str::from(name.as_str()))),
            _ => body.read("model", "a string"),
        }
    }
}

/// The name in `/serving-endpoints/{name}/invocations`.
fn endpoint(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/serving-endpoints/")?.strip_suffix("/invocations")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// Reads the body once, under the limit and the deadline.
pub(crate) async fn body(incoming: Incoming, limits: &ClientLimits, timeouts: &ClientTimeouts) -> Result<Bytes, Error> {
    let too_large = || Error::new(Kind::BodyTooLarge, format!("the body is larger than {} bytes", limits.body));
    if incoming.size_hint().lower() > limits.body as u64 {
        return Err(too_large());
    }
    let mut limited = Limited::new(incoming, limits.body);
    let reading = async {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = limited.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first.is_empty() && all.is_empty() {
                first = data;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&data);
            }
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    };
    match tokio::time::timeout(timeouts.body, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err::<_, Box<dyn std::error::Error + Send + Sync>>(error)) if error.is::<LengthLimitError>() => {
            Err(too_large())
        }
        Ok(Err(error)) => Err(Error::new(Kind::MalformedBody, "the body did not arrive whole").because(error)),
        Err(_) => {
            let waited = timeouts.body.as_secs_f32();
            Err(Error::new(Kind::BodyTimeout, format!("the body did not arrive within {waited} s")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_contract_has_its_entrance() {
        let post = |path: &str| Entrance::of(&Method::POST, path).unwrap();
        for path in ["/responses", "/v1/responses", "/serving-endpoints/responses"] {
            assert_eq!(post(path), Entrance::Responses);
        }
        for path in ["/chat/completions", "/v1/chat/completions", "/serving-endpoints/chat/completions"] {
            assert_eq!(post(path), Entrance::ChatCompletions);
        }
        assert_eq!(post("/invocations"), Entrance::Invocations(None));
        assert_eq!(post("/serving-endpoints/my-agent/invocations"), Entrance::Invocations(Some("my-agent".into())));
        assert_eq!(Entrance::of(&Method::GET, "/v1/models").unwrap(), Entrance::Models);
    }

    #[test]
    fn nothing_else_is_let_in() {
        for path in [
            "/",
            "/V1/responses",
            "/v1/responses/",
            "//v1/responses",
            "/serving-endpoints//invocations",
            "/serving-endpoints/a/b/invocations",
            "/v1/../v1/responses",
            "/v1/completions",
        ] {
            assert_eq!(Entrance::of(&Method::POST, path).unwrap_err().kind(), Kind::PathNotFound, "{path}");
        }
        let error = Entrance::of(&Method::GET, "/v1/responses").unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::MethodNotAllowed, "this path takes POST only"));
    }
}
