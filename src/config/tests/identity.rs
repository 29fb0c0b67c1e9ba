//! `auth: oauth`, `pat` in files and at the workspace, and what they trust.

use super::*;

fn oauth_problem(fields: &str) -> String {
    only_problem(&with_auth(&format!("[ {{ oauth: {{ {fields} }} }} ]")))
}

#[test]
fn an_issuer_and_its_audience_are_enough() {
    let config = good(&with_auth("[ { oauth: { issuer: 'https://example.com/oidc', audience: abc } } ]"));
    let Auth::Methods(methods) = &config.auth else { panic!("no methods") };
    let [Method::Oauth(oauth)] = methods.as_slice() else { panic!("{methods:?}") };
    assert_eq!(
        (oauth.issuer.as_str(), oauth.audience.as_slice()),
        ("https://example.com/oidc", &["abc".to_owned()][..])
    );
    assert_eq!(oauth.algorithms, [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]);
    assert_eq!((oauth.leeway, oauth.scopes.len()), (Duration::from_secs(30), 0));
    good(&with_auth("[ { oauth: { issuer: 'http://127.0.0.1:9/oidc', audience: [ a, b ], scopes: [ all-apis ] } } ]"));
}

#[test]
fn what_would_make_tokens_worthless_is_refused() {
    let right = "issuer: 'https://example.com', audience: a";
    for (fields, says) in [
        ("issuer: 'https://example.com'".to_owned(), "oauth.audience: is missing; write who the tokens must be for"),
        ("audience: a".to_owned(), "oauth.issuer: is missing; write the issuer as it stands in tokens"),
        ("issuer: 'https://example.com', audience: []".to_owned(), "oauth.audience: is empty"),
        ("issuer: 'https://example.com', audience: ['']".to_owned(), "oauth.audience[0]: is empty"),
        ("issuer: 'http://example.com', audience: a".to_owned(), "oauth.issuer: goes over the network in clear text"),
        ("issuer: 'https://example.com/?x', audience: a".to_owned(), "oauth.issuer: has a query"),
        (
            format!("{right}, jwks_uri: 'http://example.com/keys'"),
            "oauth.jwks_uri: goes over the network in clear text",
        ),
        (
            format!("{right}, algorithms: [ HS256 ]"),
            "oauth.algorithms[0]: unknown algorithm `HS256`; write one of RS256",
        ),
        (format!("{right}, algorithms: [ none ]"), "oauth.algorithms[0]: unknown algorithm `none`"),
        (format!("{right}, algorithms: []"), "oauth.algorithms: is empty, so no token could be taken"),
        (format!("{right}, leeway: 1h"), "oauth.leeway: is more than clocks differ"),
        (format!("{right}, scopes: 'a b'"), "oauth.scopes: a scope is one word"),
        (format!("{right}, ca: absent.pem"), "oauth.ca: cannot be read: "),
        (format!("{right}, keys: x"), "oauth.keys: unknown key `keys`"),
    ] {
        let message = oauth_problem(&fields);
        assert!(message.starts_with(&format!("1: auth[0].{says}")), "{fields}: {message}");
    }
    assert!(
        only_problem(&with_auth("[ { oauth: {}, pat: {} } ]"))
            .contains("a method is one of `pat`, `oauth` and `certificate`")
    );
}

#[test]
fn pats_come_from_one_place_each() {
    let folder = std::env::temp_dir().join(format!("cutover-pats-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("tokens.yaml");
    std::fs::write(&file, format!("- {{ name: ci, sha256: {DIGEST}, expires: 2030-01-31, groups: [ a, b ] }}\n"))
        .unwrap();
    let tokens = read_tokens(&file).unwrap();
    assert_eq!((tokens[0].expires, tokens[0].groups.len()), (Some(1_896_134_400), 2));
    let method = |pat: &str| with_auth(&format!("[ {{ pat: {{ {pat} }} }} ]"));
    good(&method(&format!("file: '{}'", file.display())));
    good(&format!("{}workspace: https://example.com\n", method("verify: workspace, cache: 5m")));
    std::fs::write(&file, "- { name: ci, sha256: dapi0123456789 }\n").unwrap();
    let message = only_problem(&method(&format!("file: '{}'", file.display())));
    assert!(message.contains("tokens.yaml:1: [0].sha256: is not a digest") && !message.contains("dapi"), "{message}");
    assert!(only_problem(&method("file: absent.yaml")).contains("auth[0].pat.file: the file cannot be used: "));
    assert!(only_problem(&method("verify: workspace")).contains("write `workspace: https://...` at the top"));
    assert!(only_problem(&method("verify: workplace")).contains("did you mean `workspace`?"));
    assert!(only_problem(&method("file: a, verify: workspace")).contains("write one of `tokens`, `file` and `verify`"));
    let dated = format!("tokens: [ {{ name: ci, sha256: {DIGEST}, expires: tomorrow }} ]");
    assert!(only_problem(&method(&dated)).contains("expires: `tomorrow` is not the last day such as `2027-01-31`"));
}

#[test]
fn a_workspace_is_an_origin_and_a_list_of_paths() {
    let workspace = |text: &str| format!("{WHOLE}workspace: {text}\n");
    let config = good(&workspace("{ url: 'https://example.com/', allow: [ '/api/2.0/serving-endpoints/*' ] }"));
    assert_eq!(config.workspace.unwrap().allow, [Pattern::new("/api/2.0/serving-endpoints/*")]);
    assert!(only_problem(&workspace("https://example.com/x")).contains("workspace: has a path; write the origin"));
    assert!(only_problem(&workspace("http://example.com")).contains("in clear text"));
    assert!(only_problem(&workspace("{ url: 'https://example.com', allow: '*' }")).contains("begins with `/api/`"));
}

#[test]
fn a_route_that_asks_for_nothing_is_a_mistake() {
    let route = |allow: &str| with_route(&format!("{{ name: r, split: {{ app: 1, legacy: 1 }}, allow: {allow} }}"));
    assert_eq!(good(&route("{ groups: a, scopes: [ b, c ] }")).routes[0].allow.scopes, ["b", "c"]);
    assert!(only_problem(&route("{}")).contains("routes[0].allow: asks for nothing, so it would let in everyone"));
    assert!(only_problem(&route("{ groups: [] }")).contains("routes[0].allow.groups: is empty"));
}

#[test]
fn a_credential_is_one_thing_with_all_it_needs() {
    let credential =
        |text: &str| format!("{{ url: 'https://a.databricksapps.com/x', dialect: responses, credential: {text} }}");
    let own = "client_credentials: { id: sp, secret: '${env:TOKEN}'";
    for (text, says) in [
        ("{}".to_owned(), "credential.token: is missing"),
        (
            format!("{{ {own} }} }}"),
            "credential.client_credentials: no one is known who would give a token; write `workspace",
        ),
        (
            "{ client_credentials: { id: sp, token_url: 'https://b/x' } }".into(),
            "credential.client_credentials.secret: is missing",
        ),
        (
            "{ client_credentials: { id: sp, secret: '${env:EMPTY}', token_url: 'https://b/x' } }".into(),
            "secret: is empty",
        ),
        (
            format!("{{ {own}, token_url: 'http://example.com/x' }} }}"),
            "token_url: goes over the network in clear text",
        ),
        (format!("{{ {own}, token_url: 'https://b/x' }}, token: x }}"), "credential: a backend has one credential"),
        ("{ caller_or: caller }".into(), "credential.caller_or: is for callers without an OAuth token"),
        ("{ exchange: { id: x, token_url: 'https://b/x' } }".into(), "credential.exchange.secret: is missing"),
    ] {
        let message = backend_problem(&credential(&text));
        assert!(message.contains(says) && message.starts_with("5: backends.more."), "{text}: {message}");
    }
    let text = format!("{WHOLE}workspace: https://example.com\n")
        .replace("routes:", &format!("  more: {}\nroutes:", credential(&format!("{{ caller_or: {{ {own} }} }} }}"))));
    let Credential::CallerOr(or) = &good(&text).backends[2].credential else { panic!("not a choice") };
    let Credential::ClientCredentials(own) = &**or else { panic!("not a service principal") };
    assert_eq!((own.client.id.as_str(), own.client.secret.expose(), own.scope.as_str()), ("sp", "s3cret", "all-apis"));
    assert_eq!(own.endpoint.place, Place::Discovered("https://example.com".parse().unwrap()));
    // Without a workspace, a backend inside one has its origin.
    let text =
        format!("credential: {{ {own_text}, scope: x }} }}", own_text = "client_credentials: { id: sp, secret: s");
    let Credential::ClientCredentials(own) = &backend(&text).backends[2].credential else { panic!("{text}") };
    assert_eq!(own.endpoint.place, Place::Discovered("http://127.0.0.1/".parse().unwrap()));
}

#[test]
fn tls_needs_files_that_hold_what_they_should() {
    let folder = std::env::temp_dir().join(format!("cutover-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name).display().to_string()
    };
    let cert = file("cert.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    let key = file("key.pem", "-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----\n");
    let listen = |tls: &str| format!("{WHOLE}listen: {{ clients: {{ address: '127.0.0.1:1', tls: {{ {tls} }} }} }}\n");
    assert!(good(&listen(&format!("cert: '{cert}', key: '{key}'"))).listen.tls.is_some());
    assert!(only_problem(&listen(&format!("cert: '{cert}'"))).contains("tls.key: is missing; write a PEM file"));
    assert!(
        only_problem(&listen(&format!("cert: '{key}', key: '{key}'")))
            .contains("tls.cert: holds no CERTIFICATE in PEM")
    );
    assert!(only_problem(&listen(&format!("cert: absent.pem, key: '{key}'"))).contains("tls.cert: cannot be read"));
    assert!(
        only_problem(&with_auth("[ { certificate: { names: '*' } } ]"))
            .contains("no client is asked for a certificate")
    );
}
