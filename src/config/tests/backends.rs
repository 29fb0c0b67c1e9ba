//! `backends`, their credentials and what is warned of.

use super::*;

#[test]
fn urls_are_checked() {
    for (url, says) in [
        ("example.com/x", "is not a URL"),
        ("example.com", "does not begin with `http://` or `https://`"),
        ("/responses", "does not begin with"),
        ("ws://example.com/x", "does not begin with"),
        ("http://", "is not a URL"),
        ("http://:80/x", "has no host"),
        ("https://user:s3cret@example.com/x", "has a user in it"),
        ("https://s3cret@example.com/x", "has a user in it"),
        ("https://example.com/x#y", "has a fragment"),
        ("https://example.com:99999/x", "has a port that is not"),
        ("https://example.com:/x", "has a port that is not"),
        ("https://exa mple.com/x", "is not a URL"),
    ] {
        let message = backend_problem(&format!("{{ url: '{url}', dialect: responses, credential: none }}"));
        assert!(message.starts_with(&format!("5: backends.more.url: {says}")), "{url}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

fn warnings(backend: &str, auth: &str) -> Vec<String> {
    let text = with_auth(auth).replace("routes:", &format!("  more: {backend}\nroutes:"));
    let config = good(&text.replace("app: 1 } }", "app: 1, more: 1 } }"));
    config.warnings.iter().map(|warning| warning.in_file("f")).collect()
}

#[test]
fn warnings_are_few_and_true() {
    let pat = format!("[ {{ pat: {{ tokens: [ {{ name: ci, sha256: {DIGEST} }} ] }} }} ]");
    let says = |backend: &str, auth: &str, says: &str| {
        let all = warnings(backend, auth);
        assert!(all.len() == 1 && all[0].contains(says), "{all:#?}");
    };
    let app = "url: 'https://support-1.7.azure.databricksapps.com/responses', dialect: responses";
    says(&format!("{{ {app} }}"), &pat, "Databricks Apps take OAuth tokens only");
    says(&format!("{{ {app}, credential: {{ token: abc }} }}"), &pat, "the token stands in the file");
    says("{ url: 'http://example.com/x', dialect: responses }", "anonymous", "in clear text");
    says("{ url: 'https://example.com', dialect: responses }", "anonymous", "has no path");
    for quiet in [
        "{ url: 'http://example.com/x', dialect: responses, credential: none }".to_owned(),
        "{ url: 'http://[::1]:80/x', dialect: responses }".to_owned(),
        format!("{{ {app}, credential: {{ token: '${{env:TOKEN}}' }} }}"),
    ] {
        assert_eq!(warnings(&quiet, &pat), [""; 0]);
    }
    let unused = good(&with_route("{ name: r, split: { app: 1 } }"));
    assert_eq!(unused.warnings[0].in_file("f"), "f:3: backends.legacy: no route uses this backend");
    assert_eq!(good(&with_route("{ name: r, split: { app: 1, legacy: 0 } }")).warnings, []);
}

#[test]
fn secrets_are_whole_and_stay_secret() {
    let token = |token: &str| {
        let text = format!("{{ url: 'http://127.0.0.1/x', dialect: responses, credential: {{ token: {token} }} }}");
        backend_problem(&text)
    };
    let at = "5: backends.more.credential.token:";
    assert!(token("'${env:EMPTY}'").starts_with(&format!("{at} is empty; write a token")));
    assert!(token("''").starts_with(&format!("{at} is empty")));
    assert_eq!(token("'${env:ABSENT}'"), format!("{at} the environment variable ABSENT is not set"));
    assert!(token("'${file:absent}'").starts_with(&format!("{at} the file absent cannot be read: ")));
    let spaced = token("'${env:SPACED}'");
    assert!(spaced.starts_with(&format!("{at} has a space")) && !spaced.contains("s3cret"), "{spaced}");
    let scalar = backend_problem("{ url: 'http://127.0.0.1/x', dialect: responses, credential: dapi-s3cret }");
    assert!(scalar.contains("is not a kind of credential; write `none`, `caller`") && !scalar.contains("s3cret"));
    let config = backend("credential: { token: '${env:TOKEN}' }");
    assert!(!config.plan().contains("s3cret"));
}

#[test]
fn values_of_variables_are_never_repeated() {
    for text in [
        WHOLE.replace("dialect: responses", "dialect: '${env:TOKEN}'"),
        format!("{WHOLE}timeouts: {{ head: '${{env:TOKEN}}' }}\n"),
        format!("{WHOLE}listen: {{ clients: '${{env:TOKEN}}' }}\n"),
    ] {
        let message = only_problem(&text);
        assert!(message.contains("`${env:TOKEN}`") && !message.contains("s3cret"), "{message}");
    }
}

#[test]
fn only_whole_streams_can_be_verbatim() {
    assert!(backend("verbatim: true").backends[2].verbatim);
    assert_eq!(
        backend_problem("{ url: 'http://127.0.0.1/x', dialect: chat_agent, verbatim: true }"),
        "5: backends.more.verbatim: only a backend that speaks responses or chat_completions can be verbatim; this one \
         speaks chat_agent, so remove it"
    );
    good(&WHOLE.replace("dialect: chat_agent", "dialect: chat_agent, verbatim: false"));
}

#[test]
fn deadlines_are_over_zero() {
    for field in ["connect", "first_byte", "idle", "total"] {
        let message = backend_problem(&format!(
            "{{ url: 'http://127.0.0.1/x', dialect: responses, timeouts: {{ {field}: 0s }} }}"
        ));
        assert_eq!(message, format!("5: backends.more.timeouts.{field}: must be over zero; write `10s`, say"));
    }
}
