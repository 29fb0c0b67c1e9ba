//! `listen`, `limits`, `timeouts` and `auth`.

use super::*;

#[test]
fn anonymous_is_for_loopback_only() {
    for local in ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "'[::1]:1'"] {
        good(&format!("{WHOLE}listen: {{ clients: {local} }}\n"));
    }
    for open in ["0.0.0.0:1", "10.0.0.1:1", "'[::]:1'"] {
        let message = only_problem(&format!("{WHOLE}listen: {{ clients: {open} }}\n"));
        assert!(message.starts_with("1: auth: `anonymous` would let in anyone who can reach"), "{message}");
    }
    assert!(only_problem(&with_auth("anyone")).starts_with("1: auth: found a text, wanted a list of methods"));
    assert!(only_problem(&with_auth("[]")).starts_with("1: auth: is empty, so nobody could call; write a list"));
}

#[test]
fn addresses_are_checked() {
    for wrong in ["example.com:80", "127.0.0.1", "':80'", "127.0.0.1:99999", "localhost:x"] {
        let message = only_problem(&format!("{WHOLE}listen: {{ clients: {wrong} }}\n"));
        assert!(message.contains("is not an address with a port"), "{message}");
    }
    let open = "{ clients: 127.0.0.1:1, admin: { address: 0.0.0.0:1, auth: { operator: { groups: [ a ] } } } }";
    for both in ["{ clients: 127.0.0.1:1, admin: 127.0.0.1:1 }", open] {
        let message = only_problem(&format!("{WHOLE}listen: {both}\n"));
        assert_eq!(message, "7: listen: `clients` and `admin` are the same address");
    }
    good(&format!("{WHOLE}listen: {{ clients: 127.0.0.1:0, admin: 127.0.0.1:0 }}\n"));
}

#[test]
fn operators_are_known_wherever_others_can_reach_them() {
    for open in ["0.0.0.0:1", "10.0.0.1:1", "'[::]:1'"] {
        let message = only_problem(&format!("{WHOLE}listen: {{ admin: {open} }}\n"));
        assert!(message.starts_with("7: listen.admin: would let anyone who can reach"), "{message}");
        assert!(message.contains("auth: { operator: { groups: [ ... ] } }"), "{message}");
    }
    let roles = |auth: &str, roles: &str| {
        format!("{}listen: {{ admin: {{ address: '0.0.0.0:1', auth: {roles} }} }}\n", with_auth(auth))
    };
    let pat = format!("[ {{ pat: {{ tokens: [ {{ name: ci, sha256: '{DIGEST}' }} ] }} }} ]");
    let config = good(&roles(&pat, "{ viewer: { groups: [ a ] }, operator: { scopes: b } }"));
    let Some(Roles { viewer: Some(viewer), operator: Some(operator) }) = config.listen.admin.roles else {
        panic!("no roles")
    };
    assert_eq!((viewer.groups, operator.scopes), (vec!["a".to_owned()], vec!["b".to_owned()]));
    for (auth, given, says) in [
        ("anonymous", "{ operator: { groups: [ a ] } }", "1: auth: `anonymous` knows nobody"),
        (&pat, "{}", "7: listen.admin.auth: gives nobody a role; write `{ operator: "),
        (&pat, "{ operator: {} }", "7: listen.admin.auth.operator: asks for nothing"),
        (&pat, "{ admin: { groups: [ a ] } }", "7: listen.admin.auth.admin: unknown key `admin`; the keys here are"),
    ] {
        let message = problems(&roles(auth, given)).join("\n");
        assert!(message.starts_with(says), "{message}");
    }
}

#[test]
fn limits_and_timeouts_are_checked() {
    for (field, says) in [
        ("limits: { head: 1KiB }", "limits.head: is too small for real requests; write at least `8KiB`"),
        ("limits: { body: 16MB }", "limits.body: `16MB` is not a size such as `64KiB` or `16MiB`"),
        ("limits: { answer: 0 }", "limits.answer: `0` is not a size"),
        ("limits: { connections: 0 }", "limits.connections: `0` is not a number of connections from 1 to 1000000"),
        ("timeouts: { head: 10 }", "timeouts.head: `10` is not a duration such as `500ms`, `10s`, `2m` or `1h`"),
        ("timeouts: { idle: 0s }", "timeouts.idle: must be over zero"),
    ] {
        let message = only_problem(&format!("{WHOLE}{field}\n"));
        assert!(message.starts_with(&format!("7: {says}")), "{message}");
    }
}

#[test]
fn tokens_are_digests_each_with_its_own_name() {
    let token = |name: &str, digest: &str| format!("{{ name: {name}, sha256: '{digest}' }}");
    let text = |tokens: &[String]| with_auth(&format!("[ {{ pat: {{ tokens: [ {} ] }} }} ]", tokens.join(", ")));
    let other = DIGEST.replace('9', "8");
    good(&text(&[token("a", DIGEST), token("b", &other.to_uppercase())]));
    assert_eq!(
        only_problem(&text(&[token("a", DIGEST), token("a", &other)])),
        "1: auth[0].pat.tokens[1].name: the name `a` is taken by auth[0].pat.tokens[0].name on line 1; every token needs \
         its own"
    );
    assert_eq!(
        only_problem(&text(&[token("a", DIGEST), token("b", DIGEST)])),
        "1: auth[0].pat.tokens[1].sha256: is the same token as auth[0].pat.tokens[0].sha256 on line 1; remove one of them"
    );
    for wrong in ["dapi0123456789", DIGEST.split_at(1).1, &format!("{DIGEST}00"), &DIGEST.replace('9', "g")] {
        let message = only_problem(&text(&[token("a", wrong)]));
        assert!(message.contains("sha256: is not a digest; write the 64 hex digits"), "{message}");
        assert!(!message.contains(wrong), "a message must not repeat what may be a token: {message}");
    }
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(only_problem(&text(&[token("a", empty)])).contains("is the digest of an empty token"));
    assert!(only_problem(&text(&[])).contains("tokens: is empty; write a list of tokens"));
}

#[test]
fn digits_alone_are_a_digest_too() {
    let digits = "1".repeat(64);
    good(&with_auth(&format!("[ {{ pat: {{ tokens: [ {{ name: 7, sha256: {digits} }} ] }} }} ]")));
}

#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    for auth in ["dapi0123", "[ dapi0123 ]", "[ { pat: dapi0123 } ]", "[ { pat: { tokens: [ dapi0123 ] } } ]"] {
        let message = only_problem(&with_auth(auth));
        assert!(message.contains("found a text, wanted") && !message.contains("dapi"), "{message}");
    }
}
