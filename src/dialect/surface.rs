//! The two families of client paths and how each is told about errors.

use serde::Serialize;

use crate::error::Error;

/// A family of client paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surface {
    /// `/v1/...`, `/responses`, `/chat/completions`: OpenAI's SDKs. Errors are `{"error": {...}}`.
    #[default]
    OpenAi,
    /// `.../invocations`: MLflow's deployments client and the Databricks SDK. Errors are `{"error_code", "message"}` and
    /// never carry a key `error` or `detail`: the SDK would read those as something else.
    Invocations,
}

/// OpenAI's error object.
#[derive(Serialize)]
pub(super) struct OpenAiError<'a> {
    /// What went wrong, for people.
    pub(super) message: &'a str,
    /// Its class.
    pub(super) r#type: &'static str,
    /// The field at fault.
    pub(super) param: Option<&'a str>,
    /// What went wrong, for programs; never null (one SDK refuses that).
    pub(super) code: &'static str,
}

impl<'a> OpenAiError<'a> {
    /// The object of an error.
    #[must_use]
    pub(super) fn of(error: &'a Error) -> Self {
        let facts = error.facts();
        Self { message: error.message(), r#type: facts.r#type, param: error.field(), code: facts.code }
    }
}

impl Surface {
    /// The JSON body of an HTTP error.
    #[must_use]
    pub fn write_error(self, error: &Error) -> Vec<u8> {
        #[derive(Serialize)]
        struct OpenAi<'a> {
            error: OpenAiError<'a>,
        }

        #[derive(Serialize)]
        struct Invocations<'a> {
            error_code: &'static str,
            message: &'a str,
        }

        let body = match self {
            Self::OpenAi => serde_json::to_vec(&OpenAi { error: OpenAiError::of(error) }),
            Self::Invocations => {
                serde_json::to_vec(&Invocations { error_code: error.facts().mlflow, message: error.message() })
            }
        };
        // Plain strings always serialise.
        body.unwrap_or_default()
    }
}
