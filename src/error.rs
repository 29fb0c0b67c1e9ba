//! One error type for everything that can go wrong with a request, and one table that says what each kind means.
//!
//! An [`Error`] carries two texts on purpose: `message` is for the client and never holds a token, a host or a
//! stack trace; `cause` is for our log. Who is at fault, which status and code the client sees and whether the
//! call may be repeated follow from the [`Kind`] alone, so no status code stands anywhere else.

use std::fmt;

use http::StatusCode;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No backend here made an answer with this id, or it is no longer kept.
    AnswerNotFound,
    /// The backend reports that the agent itself raised.
    AgentFailed,
    /// The backend has all that it is given at a time.
    BackendFull,
    /// The backend's answer is not what its dialect promises.
    BackendGarbage,
    /// The backend has nothing at the path we called.
    BackendPathNotFound,
    /// The backend refused our credential, or the caller's.
    BackendRefusedCredential,
    /// The backend refused the request as invalid, for a reason that is the client's.
    BackendRefusedRequest,
    /// The backend failed so often that it is left alone for a while.
    BackendResting,
    /// The backend answered with a status that says it is unwell.
    BackendUnavailable,
    /// The client's body did not arrive in time.
    BodyTimeout,
    /// The client's body is over the limit.
    BodyTooLarge,
    /// The caller has all that one caller is given at a time.
    CallerFull,
    /// No connection to the backend could be made.
    ConnectFailed,
    /// No connection to the backend could be made in time.
    ConnectTimeout,
    /// What is asked for contradicts what is there.
    Conflict,
    /// The backend ended its answer before it was complete.
    Cut,
    /// The backend accepted the request and sent nothing in time.
    FirstByteTimeout,
    /// The token for a backend cannot be had right now.
    CredentialUnavailable,
    /// The caller is known and may not do this.
    Forbidden,
    /// We have all that we take on at a time.
    GatewayFull,
    /// The backend fell silent in the middle of an answer.
    IdleTimeout,
    /// Whoever knows the callers cannot be asked right now.
    IdentityUnavailable,
    /// A fault of our own.
    Internal,
    /// A field has a value that cannot be.
    InvalidField,
    /// The body is not a JSON object we can read.
    MalformedBody,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The request was meant for another host.
    Misdirected,
    /// No route matches the model.
    ModelNotFound,
    /// Nothing has this name.
    NameNotFound,
    /// The backend's server does not offer what is asked of it about an answer that it made.
    NotOffered,
    /// The request did not reach the backend, or was turned away before it began.
    NotBegun,
    /// The path does not exist.
    PathNotFound,
    /// The backend asks to slow down.
    RateLimited,
    /// The gateway is going away.
    ShuttingDown,
    /// What must be kept cannot be kept right now.
    StoreUnavailable,
    /// The whole answer took longer than allowed.
    TotalTimeout,
    /// Nobody we know.
    Unauthenticated,
    /// The body is not of a type that is taken.
    UnsupportedMediaType,
    /// A field that the backend behind this route cannot honour.
    UnsupportedField,
}

/// Whose mistake an error is; alerts and health count only `Backend` and `Us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The client sent something wrong.
    Client,
    /// The backend failed.
    Backend,
    /// The gateway failed.
    Us,
}

/// What a [`Kind`] means: one row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// HTTP status that the client sees.
    pub status: u16,
    /// `error.code` on OpenAI paths, and the label in metrics and logs.
    pub code: &'static str,
    /// `error.type` on OpenAI paths.
    pub r#type: &'static str,
    /// `error_code` on invocation paths; MLflow's client rebuilds the status from this name.
    pub mlflow: &'static str,
    /// Who is at fault.
    pub fault: Fault,
    /// Whether the call may be made again: true only where the backend cannot have begun to act.
    pub retryable: bool,
}

impl Kind {
    /// The row of the table for this kind.
    #[must_use]
    pub fn facts(self) -> Facts {
        let row =
            |status, code, r#type, mlflow, fault, retryable| Facts { status, code, r#type, mlflow, fault, retryable };
        let client = |status, code, mlflow| row(status, code, "invalid_request_error", mlflow, Fault::Client, false);
        let backend = |status, code, mlflow| row(status, code, "server_error", mlflow, Fault::Backend, false);
        // Nothing has reached an agent yet, so trying again is safe.
        let unavailable = |code| row(503, code, "server_error", "TEMPORARILY_UNAVAILABLE", Fault::Us, true);
        match self {
            Self::AgentFailed => backend(502, "agent_failed", "INTERNAL_ERROR"),
            Self::AnswerNotFound => client(404, "response_not_found", "RESOURCE_DOES_NOT_EXIST"),
            Self::BackendFull => unavailable("backend_at_capacity"),
            Self::BackendGarbage => backend(502, "backend_malformed_answer", "INTERNAL_ERROR"),
            Self::BackendPathNotFound => backend(502, "backend_path_not_found", "INTERNAL_ERROR"),
            Self::BackendRefusedCredential => backend(502, "backend_refused_credential", "INTERNAL_ERROR"),
            Self::BackendRefusedRequest => client(400, "backend_refused_request", "INVALID_PARAMETER_VALUE"),
            Self::BackendResting => {
                row(503, "backend_circuit_open", "server_error", "TEMPORARILY_UNAVAILABLE", Fault::Backend, true)
            }
            Self::BackendUnavailable => backend(502, "backend_unavailable", "TEMPORARILY_UNAVAILABLE"),
            Self::BodyTimeout => client(408, "body_timeout", "BAD_REQUEST"),
            Self::BodyTooLarge => client(413, "body_too_large", "BAD_REQUEST"),
            Self::CallerFull => {
                row(429, "caller_at_capacity", "rate_limit_error", "REQUEST_LIMIT_EXCEEDED", Fault::Client, true)
            }
            Self::ConnectFailed => {
                row(502, "backend_unreachable", "server_error", "TEMPORARILY_UNAVAILABLE", Fault::Backend, true)
            }
            Self::ConnectTimeout => {
                row(504, "backend_connect_timeout", "server_error", "DEADLINE_EXCEEDED", Fault::Backend, true)
            }
            Self::Conflict => client(409, "conflict", "RESOURCE_CONFLICT"),
            Self::CredentialUnavailable => unavailable("credential_unavailable"),
            Self::Cut => backend(502, "backend_cut_short", "INTERNAL_ERROR"),
            Self::FirstByteTimeout => backend(504, "backend_first_byte_timeout", "DEADLINE_EXCEEDED"),
            Self::Forbidden => row(403, "forbidden", "permission_error", "PERMISSION_DENIED", Fault::Client, false),
            Self::GatewayFull => unavailable("gateway_at_capacity"),
            Self::IdleTimeout => backend(504, "backend_idle_timeout", "DEADLINE_EXCEEDED"),
            Self::IdentityUnavailable => unavailable("identity_unavailable"),
            Self::Internal => row(500, "internal_error", "server_error", "INTERNAL_ERROR", Fault::Us, false),
            Self::InvalidField => client(400, "invalid_value", "INVALID_PARAMETER_VALUE"),
            Self::MalformedBody => client(400, "invalid_json", "BAD_REQUEST"),
            Self::MethodNotAllowed => client(405, "method_not_allowed", "BAD_REQUEST"),
            Self::Misdirected => client(421, "misdirected", "BAD_REQUEST"),
            Self::ModelNotFound => client(404, "model_not_found", "RESOURCE_DOES_NOT_EXIST"),
            Self::NameNotFound => client(404, "not_found", "RESOURCE_DOES_NOT_EXIST"),
            Self::NotBegun => {
                row(502, "backend_turned_away", "server_error", "TEMPORARILY_UNAVAILABLE", Fault::Backend, true)
            }
            Self::NotOffered => client(501, "backend_not_implemented", "NOT_IMPLEMENTED"),
            Self::PathNotFound => client(404, "path_not_found", "ENDPOINT_NOT_FOUND"),
            Self::RateLimited => {
                row(429, "rate_limit_exceeded", "rate_limit_error", "REQUEST_LIMIT_EXCEEDED", Fault::Backend, false)
            }
            Self::ShuttingDown => unavailable("shutting_down"),
            Self::StoreUnavailable => unavailable("store_unavailable"),
            Self::TotalTimeout => backend(504, "backend_total_timeout", "DEADLINE_EXCEEDED"),
            Self::Unauthenticated => {
                row(401, "invalid_api_key", "authentication_error", "UNAUTHENTICATED", Fault::Client, false)
            }
            Self::UnsupportedMediaType => client(415, "unsupported_media_type", "BAD_REQUEST"),
            Self::UnsupportedField => client(400, "unsupported_parameter", "INVALID_PARAMETER_VALUE"),
        }
    }
}

/// An error of a request, with what the client is told and what the log is told.
pub struct Error {
    kind: Kind,
    message: String,
    param: Option<String>,
    retry_after: Option<u32>,
    told: Option<u16>,
    challenge: Option<String>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with the text that the client may read.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, retry_after: None, told: None, challenge: None, cause: None }
    }

    /// Names the request field that is wrong, as the client wrote it (`messages[2].content`).
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Seconds the client should wait; clients give up on anything over 120, so it is capped there.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds.min(120));
        self
    }

    /// Notes the status with which the backend told of it.
    #[must_use]
    pub fn told(mut self, status: StatusCode) -> Self {
        self.told = Some(status.as_u16());
        self
    }

    /// What `WWW-Authenticate` says (RFC 6750, 3).
    #[must_use]
    pub fn challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// The cause for our log; clients never see it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The row of the table for this error.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.kind.facts()
    }

    /// HTTP status that the client sees.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.facts().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The text for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The field at fault, if one is.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The status with which the backend told of it, if it did, and when it said to come again, in seconds.
    #[must_use]
    pub fn backend_said(&self) -> (Option<u16>, Option<u32>) {
        (self.told, self.retry_after)
    }

    /// Seconds to wait before trying again, if known; 429 and 503 always have one (WIRE: SDKs loop without it).
    #[must_use]
    pub fn wait(&self) -> Option<u32> {
        self.retry_after.or(match self.facts().status {
            429 | 503 => Some(1),
            _ => None,
        })
    }

    /// What `WWW-Authenticate` says: every 401 has one (RFC 9110, 11.6.1).
    #[must_use]
    pub fn authenticate(&self) -> Option<&str> {
        self.challenge.as_deref().or_else(|| (self.facts().status == 401).then_some("Bearer"))
    }

    /// The chain of causes in one line for the log; empty when there is none.
    #[must_use]
    pub fn causes(&self) -> String {
        let mut line = String::new();
        let mut next: Option<&dyn std::error::Error> = self.cause.as_deref().map(|cause| cause as _);
        while let Some(cause) = next {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&cause.to_string());
            next = cause.source();
        }
        line
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} [{}]", self.kind, self.message, self.causes())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
