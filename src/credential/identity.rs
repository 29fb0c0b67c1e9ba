//! What we tell a backend of the caller, in the headers that Databricks Apps know.
//!
//! Only what is set here reaches a backend: headers of these names from outside are never passed on, so a backend may
//! believe them.

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

use super::Client;
use crate::auth::{Kind, Token};
use crate::config::Identity;

const USER: HeaderName = HeaderName::from_static("x-forwarded-user");
const EMAIL: HeaderName = HeaderName::from_static("x-forwarded-email");
const PREFERRED_USERNAME: HeaderName = HeaderName::from_static("x-forwarded-preferred-username");
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-forwarded-access-token");

/// Adds what a backend is told. What cannot stand in a header is left out.
pub fn tell(identity: Identity, client: &Client, headers: &mut HeaderMap) {
    let caller = &client.caller;
    if identity == Identity::Withheld || caller.kind == Kind::Anonymous {
        return;
    }
    let fields =
        [(USER, Some(&caller.name)), (EMAIL, caller.email.as_ref()), (PREFERRED_USERNAME, caller.username.as_ref())];
    for (name, value) in fields {
        // Bytes, because names have letters beyond ASCII; control characters are refused either way.
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            headers.insert(name, value);
        }
    }
    let token = client.authorization.as_ref().filter(|_| identity == Identity::ForwardedWithToken);
    if let Some(mut value) =
        token.and_then(Token::of_header).and_then(|token| HeaderValue::from_str(token.expose()).ok())
    {
        value.set_sensitive(true);
        headers.insert(ACCESS_TOKEN, value);
    }
}
