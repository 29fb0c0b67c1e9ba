//! The shapes of answers as they come; every field may be missing, null or of another type.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ir::{Str, Usage};

/// A frame, or a whole answer.
#[derive(Deserialize)]
pub(super) struct Payload<'a> {
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow)]
    pub(super) choices: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) messages: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) predictions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Loose<'a>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) custom_outputs: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) databricks_output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) trace_id: Loose<'a>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

impl Payload<'_> {
    /// Whether it holds an answer, or a part of one.
    pub(super) fn has_content(&self) -> bool {
        [self.choices, self.delta, self.messages, self.content].iter().any(Option::is_some)
    }

    /// Whether it tells of a failure and of nothing else. Model Serving's clients look for its error code beside
    /// `databricks_output`, which is read on its own.
    pub(super) fn is_failure(&self) -> bool {
        let error = self.error.is_some_and(|error| !matches!(error.get(), "false" | "\"\"" | "{}"));
        let silent = !self.has_content() && self.predictions.is_none() && self.databricks_output.is_none();
        error || (silent && (self.error_code.is_some() || self.detail.is_some()))
    }
}

/// One of `choices`.
#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    pub(super) index: Option<i64>,
    #[serde(borrow)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Loose<'a>,
}

/// A message, or a piece of one.
#[derive(Default, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    pub(super) role: Loose<'a>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) refusal: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) tool_call_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
}

impl<'a> Said<'a> {
    /// The message that stands in `raw`; one without anything where it is none.
    pub(super) fn of(raw: &'a RawValue) -> Self {
        let mut said: Self = serde_json::from_str(raw.get()).unwrap_or_default();
        said.tool_calls = said.tool_calls.filter(|calls| calls.get() != "[]");
        said
    }
}

/// A tool call, or a piece of one.
#[derive(Deserialize)]
pub(super) struct ToolCall<'a> {
    pub(super) index: Option<i64>,
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) function: Function<'a>,
}

#[derive(Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

impl<'a> Function<'a> {
    /// The arguments, or the piece of them; some servers send the object itself.
    pub(super) fn arguments(&self) -> Str<'a> {
        let Some(raw) = self.arguments else { return Str::default() };
        serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())
    }
}

/// `databricks_output`, as far as it is understood.
#[derive(Default, Deserialize)]
pub(super) struct Databricks<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    trace: Option<&'a RawValue>,
}

impl<'a> Databricks<'a> {
    pub(super) fn of(raw: &'a RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    /// What went wrong, if something did.
    pub(super) fn failure(&self) -> Option<Str<'a>> {
        #[derive(Deserialize)]
        struct Failure<'a> {
            #[serde(borrow, default)]
            message: Loose<'a>,
        }

        let raw = self.error?.get();
        let text = serde_json::from_str::<Str<'_>>(raw).ok();
        let message = || serde_json::from_str::<Failure<'_>>(raw).ok().and_then(|failure| failure.message.0);
        Some(text.or_else(message).unwrap_or_default())
    }

    /// The id of the trace, if there is one.
    pub(super) fn trace_id(&self) -> Option<Str<'a>> {
        #[derive(Deserialize)]
        struct Trace<'a> {
            #[serde(borrow)]
            info: Info<'a>,
        }

        #[derive(Deserialize)]
        struct Info<'a> {
            #[serde(borrow, default)]
            trace_id: Loose<'a>,
        }

        serde_json::from_str::<Trace<'_>>(self.trace?.get()).ok()?.info.trace_id.0
    }
}

/// Reads token counts; `None` if there are none.
pub(super) fn usage(raw: &RawValue) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Counts {
        #[serde(rename = "prompt_tokens", alias = "input_tokens")]
        input: Option<u64>,
        #[serde(rename = "completion_tokens", alias = "output_tokens")]
        output: Option<u64>,
        #[serde(rename = "total_tokens")]
        total: Option<u64>,
        #[serde(rename = "prompt_tokens_details")]
        of_input: Option<Details>,
        #[serde(rename = "completion_tokens_details")]
        of_output: Option<Details>,
    }

    #[derive(Default, Deserialize)]
    struct Details {
        #[serde(rename = "cached_tokens")]
        cached: Option<u64>,
        #[serde(rename = "reasoning_tokens")]
        reasoning: Option<u64>,
    }

    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    counts.input.or(counts.output).or(counts.total)?;
    Some(Usage {
        cached: counts.of_input.unwrap_or_default().cached.unwrap_or(0),
        reasoning: counts.of_output.unwrap_or_default().reasoning.unwrap_or(0),
        ..Usage::new(counts.input, counts.output, counts.total)
    })
}

/// Hands out the elements of a list one by one; nothing if it is none.
pub(super) fn each<'a>(list: &'a RawValue, take: impl FnMut(&'a RawValue)) {
    struct Elements<F>(F);

    impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Elements<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            while let Some(element) = list.next_element()? {
                (self.0)(element);
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_str(list.get());
    // What is no list has no elements.
    let _ = json.deserialize_seq(Elements(take));
}

/// A string, where servers send `null`, a number or worse as well; those count as nothing, but numbers as their text.
#[derive(Default)]
pub(super) struct Loose<'a>(pub(super) Option<Str<'a>>);

impl<'a> Loose<'a> {
    /// The string, unless it is empty.
    pub(super) fn given(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    /// The string, as borrowed as it came.
    pub(super) fn cloned(&self) -> Option<Str<'a>> {
        self.0.clone().filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Loose<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose(Some(Str::from(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose(Some(Str::from(text.to_owned()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Loose(Some(Str::from(number.to_string()))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Loose(Some(Str::from(number.to_string()))))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Loose(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Loose(None))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
