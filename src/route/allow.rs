//! Which callers may use a route.

use crate::auth::{Caller, Kind};
use crate::config::Allow;
use crate::error::{self, Error};

/// Refuses a caller that a route is not for.
///
/// # Errors
/// `Unauthenticated` or `Forbidden`; says what is missing, and of groups and subjects not which there are.
pub(super) fn check(allow: &Allow, caller: &Caller) -> Result<(), Error> {
    if is_for(allow, caller) {
        return Ok(());
    }
    if caller.kind == Kind::Anonymous {
        return Err(Error::new(error::Kind::Unauthenticated, "this model is for known callers only"));
    }
    let missing = caller.lacks(&allow.scopes).join(" ");
    if missing.is_empty() {
        let message = "this caller is not among those, and in none of the groups, that may use this model";
        return Err(Error::new(error::Kind::Forbidden, message).challenge("Bearer error=\"insufficient_scope\""));
    }
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{missing}\"");
    Err(Error::new(error::Kind::Forbidden, format!("the token lacks the scope `{missing}`")).challenge(challenge))
}

/// Whether a route is for a caller.
pub(super) fn is_for(allow: &Allow, caller: &Caller) -> bool {
    caller.is_among(allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_and_one_of_the_groups_or_subjects() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let caller = |name: &str, groups: &[&str], scopes: &[&str]| Caller {
            groups: names(groups),
            scopes: names(scopes),
            ..Caller::named(name, Kind::Oauth)
        };
        let allow = Allow { scopes: names(&["a", "b"]), groups: names(&["g"]), subjects: names(&["root"]) };
        assert!(check(&allow, &caller("x", &["f", "g"], &["b", "c", "a"])).is_ok());
        assert!(check(&allow, &caller("root", &[], &["a", "b"])).is_ok());
        let refused = |caller: &Caller| check(&allow, caller).unwrap_err().message().to_owned();
        assert_eq!(refused(&caller("root", &["g"], &["a"])), "the token lacks the scope `b`");
        let stranger = refused(&caller("x", &["h"], &["a", "b"]));
        assert!(stranger.contains("none of the groups") && !stranger.contains("root"), "{stranger}");
        assert_eq!(check(&allow, &Caller::named("root", Kind::Anonymous)).unwrap_err().status(), 401);
        assert!(check(&Allow::default(), &Caller::named("anonymous", Kind::Anonymous)).is_ok());
    }
}
