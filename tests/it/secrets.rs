//! Types that hold secrets cannot be printed: they have no `Debug`, and neither has what holds one of them.

/// Compiles only if none of these types has `Debug`: with it, there would be two `Probe`s to choose from.
macro_rules! have_no_debug {
    ($($held:ty),+ $(,)?) => {
        $({
            trait Probe<Of> {
                fn found() {}
            }
            struct Any;
            impl<T> Probe<()> for T {}
            impl<T: std::fmt::Debug> Probe<Any> for T {}
            <$held as Probe<_>>::found();
        })+
    };
}

#[test]
fn what_holds_a_secret_has_no_debug() {
    have_no_debug!(
        cutover::config::Secret,
        cutover::config::Client,
        cutover::config::ClientCredentials,
        cutover::config::Exchange,
        cutover::config::Credential,
        cutover::config::Backend,
        cutover::config::Config,
        cutover::auth::Token,
        cutover::auth::Authenticator,
        cutover::credential::Client,
        cutover::upstream::Call,
        cutover::net::Form,
        cutover::net::Fetched,
        cutover::gateway::Snapshot,
    );
}

#[test]
fn an_address_of_a_secret_is_not_its_value() {
    let secret = cutover::config::Secret::new("dapi-1234".to_owned());
    assert_eq!(secret.expose(), "dapi-1234");
    assert!(secret.clone() == secret && secret != cutover::config::Secret::new("dapi-1235".to_owned()));
}
