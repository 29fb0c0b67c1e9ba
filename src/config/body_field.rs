//! The fields of a request's body that a rule may ask about, and what to write instead of those that cannot be there.

use super::nearest::nearest;

/// What can stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// An object, so that a rule can look into it.
    Object,
    /// One value: a text, a number, a boolean.
    Scalar,
    /// A list, or a long text: there is nothing below it, and no rule compares it.
    List,
    /// A scalar from some clients, an object from others.
    Either,
    /// Something that has a key of its own beside `body`.
    Elsewhere,
}

/// Fields that clients of the known dialects send. Others may be there too: agents take what they like.
const KNOWN: &[(&str, Holds)] = &[
    ("audio", Holds::Object),
    ("background", Holds::Scalar),
    ("client_request_id", Holds::Scalar),
    ("context", Holds::Object),
    ("conversation", Holds::Either),
    ("custom_inputs", Holds::Object),
    ("databricks_options", Holds::Object),
    ("dataframe_records", Holds::List),
    ("dataframe_split", Holds::Object),
    ("frequency_penalty", Holds::Scalar),
    ("history", Holds::List),
    ("include", Holds::List),
    ("input", Holds::List),
    ("inputs", Holds::Either),
    ("instructions", Holds::Scalar),
    ("logit_bias", Holds::Object),
    ("logprobs", Holds::Scalar),
    ("max_completion_tokens", Holds::Scalar),
    ("max_output_tokens", Holds::Scalar),
    ("max_tokens", Holds::Scalar),
    ("max_tool_calls", Holds::Scalar),
    ("messages", Holds::List),
    ("metadata", Holds::Object),
    ("modalities", Holds::List),
    ("model", Holds::Elsewhere),
    ("n", Holds::Scalar),
    ("parallel_tool_calls", Holds::Scalar),
    ("params", Holds::Object),
    ("prediction", Holds::Object),
    ("presence_penalty", Holds::Scalar),
    ("previous_response_id", Holds::Scalar),
    ("prompt", Holds::Either),
    ("prompt_cache_key", Holds::Scalar),
    ("query", Holds::Scalar),
    ("reasoning", Holds::Object),
    ("reasoning_effort", Holds::Scalar),
    ("response_format", Holds::Object),
    ("safety_identifier", Holds::Scalar),
    ("seed", Holds::Scalar),
    ("service_tier", Holds::Scalar),
    ("stop", Holds::Either),
    ("store", Holds::Scalar),
    ("stream", Holds::Scalar),
    ("stream_options", Holds::Object),
    ("temperature", Holds::Scalar),
    ("text", Holds::Object),
    ("tool_choice", Holds::Either),
    ("tools", Holds::List),
    ("top_k", Holds::Scalar),
    ("top_logprobs", Holds::Scalar),
    ("top_p", Holds::Scalar),
    ("truncation", Holds::Scalar),
    ("user", Holds::Scalar),
    ("verbosity", Holds::Scalar),
    ("web_search_options", Holds::Object),
];

/// Shortest word in which a slip is told from another word: `top_k` is no slip of `top_p`, `custom_input` is one.
const SHORTEST_SLIP: usize = 6;

/// What to write instead of a path that no request can have; `None` for one that is fine.
pub(super) fn refusal(path: &str, compares: bool) -> Option<String> {
    if !path.split('.').all(is_step) {
        return Some(
            "is not a field; write its name, or names with dots between them such as `custom_inputs.tenant`".into(),
        );
    }
    let (first, below) = path.split_once('.').map_or((path, None), |(first, below)| (first, Some(below)));
    if below.is_some_and(|below| below.split('.').any(|step| step.bytes().all(|byte| byte.is_ascii_digit()))) {
        return Some("has a number in it, and rules do not look into lists; write a field of an object".into());
    }
    match (KNOWN.iter().find(|(name, _)| *name == first), below) {
        (Some((_, Holds::Elsewhere)), _) => Some(format!(
            "cannot be asked for here: the path may name it too; write `{first}: ...` beside `body`, not in it"
        )),
        (Some((_, Holds::Scalar)), Some(_)) => {
            Some(format!("cannot exist: `{first}` is a single value; write `{first}`"))
        }
        (Some((_, Holds::List)), Some(_)) => Some(format!(
            "cannot exist: `{first}` is no object; a rule can ask for `{first}: {{ present: true }}` and no more"
        )),
        (Some((_, Holds::List)), None) if compares => Some(
            "is a list and cannot be compared with a text; write `{ present: true }` or `{ present: false }`".into(),
        ),
        (Some((_, Holds::Object)), None) if compares => Some(format!(
            "is an object and cannot be compared with a text; write one of its fields, such as `{first}.name: ...`"
        )),
        (Some(_), _) => None,
        (None, _) => {
            let twin = KNOWN.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(first));
            let slip = || nearest(first, KNOWN.iter().map(|(name, _)| *name)).filter(|_| first.len() >= SHORTEST_SLIP);
            let meant = twin.or_else(slip)?;
            let rest = below.map(|below| format!(".{below}")).unwrap_or_default();
            Some(format!("is a field that no client sends; did you mean `{meant}{rest}`?"))
        }
    }
}

fn is_step(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::BACKENDS;

    #[test]
    fn every_field_that_a_dialect_carries_by_its_name_is_known() {
        for (_, carry) in BACKENDS.iter().flat_map(|dialect| dialect.fields()) {
            // The dialects' tables are data; their text is the key.
            let text = format!("{carry:?}");
            if let Some(key) = text.strip_prefix("Key(\"").and_then(|rest| rest.strip_suffix("\")")) {
                assert!(KNOWN.iter().any(|(name, _)| *name == key), "{key}");
            }
        }
        assert!(KNOWN.is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn fields_that_may_be_there_are_left_alone() {
        for path in [
            "custom_inputs.tenant",
            "user",
            "stream",
            "metadata.team",
            "top_k",
            "top_z",
            "chat_template_kwargs.x",
            "conversation",
            "conversation.id",
            "context.user_id",
            "lang",
        ] {
            assert_eq!(refusal(path, true), None, "{path}");
        }
        assert_eq!(refusal("tools", false), None);
    }

    #[test]
    fn fields_that_cannot_be_there_say_what_to_write() {
        for (path, says) in [
            ("Model", "did you mean `model`?"),
            ("model", "write `model: ...` beside `body`"),
            ("stream.x", "write `stream`"),
            ("messages.role", "`messages: { present: true }`"),
            ("custom_inputs.ids.0", "do not look into lists"),
            ("custom_input.tenant", "did you mean `custom_inputs.tenant`?"),
            ("Custom_Inputs.tenant", "did you mean `custom_inputs.tenant`?"),
            ("tools", "write `{ present: true }`"),
            ("custom_inputs", "such as `custom_inputs.name: ...`"),
            ("$.user", "is not a field"),
            ("a..b", "is not a field"),
            ("", "is not a field"),
        ] {
            let refused = refusal(path, true).unwrap_or_default();
            assert!(refused.contains(says), "{path}: {refused}");
        }
    }
}
