//! Edge cases of bridging agent dialects, each with a test that is named after what it protects.
//!
//! All of them run in memory: a backend's bytes in, a client's bytes out, and the client is as strict as the strictest SDK
//! (see `strict`). *R* is a Responses client or backend, *C* one of Chat Completions, *M* an agent with MLflow's loose
//! form of Responses.
//!
//! | edge case | where it is protected |
//! |---|---|
//! | **Stream identity and order** | |
//! | R→C: parallel calls all at index 0 | `identity::parallel_calls_get_indexes_of_their_own` |
//! | R→C: index is the item's place | `identity::the_index_of_a_call_counts_calls_and_nothing_else` |
//! | R→C: id, time or model change per chunk | `identity::a_chat_stream_has_one_id_one_time_and_one_model` |
//! | C→R: deltas with another id than announced | `identity::deltas_carry_the_id_of_the_announced_item` |
//! | C→R: stream and final output built twice | `identity::the_final_response_holds_the_items_of_the_stream` |
//! | C→R: deltas without their added events | `identity::deltas_have_their_item_and_their_part_before_them` |
//! | C→R: no `output_text.done` | `identity::a_text_is_closed_by_all_of_its_done_events` |
//! | C→R: late reasoning at index 0 again | `identity::late_reasoning_gets_the_next_index` |
//! | C→R: parts counted over all items | `identity::parts_are_counted_in_their_own_item` |
//! | C→R: an empty message before calls | `identity::an_answer_of_calls_alone_has_no_empty_message` |
//! | C→R: text around calls lost or left open | `identity::text_before_beside_and_after_a_call_is_kept` |
//! | index used twice when calls come first | `identity::calls_before_the_text_share_no_index_with_it` |
//! | C→R: interleaved pieces of two calls | `identity::interleaved_calls_of_a_chat_server_come_one_after_the_other` |
//! | R→C: interleaved pieces of two calls | `identity::interleaved_calls_of_a_responses_server_come_one_after_the_other` |
//! | sequence numbers with gaps or from 1 | `identity::events_are_numbered_from_zero_without_gaps` |
//! | `event:` line missing or constant | `identity::the_event_line_says_the_type` |
//! | index of an item unlike that of its deltas | `identity::an_item_and_its_deltas_have_the_same_index` |
//! | **Tool calls** | |
//! | C→R: only the first piece has an id | `calls::pieces_without_an_id_belong_to_the_call_of_their_index` |
//! | R, M: arguments only at the end | `calls::arguments_that_come_only_at_the_end_are_kept` |
//! | empty or null pieces of arguments | `calls::empty_and_null_pieces_of_arguments_say_nothing` |
//! | announced without id or name | `calls::a_call_is_announced_when_its_id_and_name_are_known` |
//! | the name turns empty, or repeats | `calls::a_name_that_turns_empty_stays_what_it_was`, `calls::ids_and_names_that_repeat_are_told_once` |
//! | item id is the call id | `calls::an_items_id_is_not_its_calls_id_and_never_goes_to_a_backend` |
//! | call ids replaced | `calls::a_call_keeps_the_id_that_the_agent_gave_it` |
//! | arguments empty, or an object | `calls::arguments_are_always_the_text_of_an_object` |
//! | finish `stop` with calls, or two finishes | `calls::there_is_one_finish_and_it_says_tool_calls_where_there_are_any` |
//! | no finish at all | `calls::an_end_without_a_finish_is_whole_only_with_its_terminator` |
//! | `tool_calls: []` beside text | `calls::empty_lists_of_calls_are_no_calls` |
//! | calls that the agent ran itself | `calls::calls_that_the_agent_ran_itself_are_hidden` |
//! | marked-up calls leak as text | `calls::marked_up_calls_in_a_text_stay_text` (cannot be repaired; nothing is opened or closed for it) |
//! | **History** | |
//! | parallel calls as messages of their own | `history::parallel_calls_are_one_assistant_message_with_all_outputs_behind_it` |
//! | items between a call and its output | `history::what_stands_between_a_call_and_its_output_moves_behind_it` |
//! | a call or an output without the other | `history::a_call_that_was_never_answered_gets_an_answer_in_words`, `history::an_output_without_its_call_is_refused_by_the_id_of_the_call` |
//! | text, calls and reasoning of one turn apart | `history::a_text_and_the_calls_after_it_are_one_turn`, `history::thoughts_go_back_in_the_turn_that_they_led_to` |
//! | a call written as a tool's answer | `history::a_call_is_the_assistants_and_its_output_the_tools` |
//! | parts silently left out | `history::every_part_arrives_or_is_refused_by_name` |
//! | `developer`, several system messages | `history::developers_are_the_system_which_speaks_once_and_first` |
//! | instructions dropped or behind | `history::instructions_come_first` |
//! | a tool's answer without content | `history::a_tools_answer_is_always_a_text` |
//! | an empty assistant message | `history::an_assistants_message_that_says_nothing_is_left_out` |
//! | reasoning lost, refused or shown as words | `history::thoughts_of_every_shape_are_accepted_and_never_become_words`, `history::encrypted_reasoning_goes_back_under_its_servers_own_id` |
//! | `item_reference` ignored | `history::a_reference_to_an_item_is_refused_with_what_to_do_instead` (items are not stored here) |
//! | Codex' tools, items and metadata | `history::codex_tools_become_functions_and_what_cannot_is_named`, `history::calls_of_codex_tools_come_back_as_codex_declared_them`, `history::the_history_of_codex_tools_is_carried` |
//! | `strict` means another thing when absent | `history::a_tool_is_as_strict_as_its_client_means_it` |
//! | unknown fields forwarded | `history::unknown_fields_reach_no_backend_of_another_dialect` |
//! | **Status, usage, errors** | |
//! | a cut answer told as complete or failed | `endings::an_answer_that_was_cut_off_says_so_and_why` |
//! | a cut call repaired or run | `endings::a_call_that_was_cut_off_stays_as_it_came_and_is_not_to_be_run` |
//! | usage not asked for, or lost | `endings::usage_is_asked_for_waited_for_and_told_last`, `endings::usage_on_every_chunk_is_told_once` |
//! | usage without details or total | `endings::usage_is_complete_whatever_the_backend_counts` |
//! | raw reasoning dropped | `endings::reasoning_arrives_under_every_name` |
//! | reasoning events without their part, nulls | `endings::reasoning_is_told_by_summary_events_and_nothing_of_it_is_null` |
//! | a backend dies in the middle | `endings::a_backend_that_dies_is_an_error_a_failed_response_and_an_end`, `endings::a_backend_that_dies_in_a_call_leaves_no_call_to_run` |
//! | errors in five shapes | `endings::errors_in_a_stream_are_understood_in_every_shape` |
//! | frames that nobody knows | `endings::frames_that_nobody_knows_are_swallowed` |
//! | the role-only first delta | `endings::the_first_chunk_says_the_role_even_if_the_backend_does_not` |
//! | empty pieces of text | `endings::empty_pieces_open_nothing_and_white_space_is_text` |
//! | refusals, filters without a word | `endings::a_refusal_stays_a_refusal`, `endings::a_filtered_answer_without_a_word_is_a_legal_stream` |
//! | R→C: several items, one choice | `endings::all_items_of_an_answer_are_one_choice` |
//! | several `response.completed` | `endings::the_steps_of_an_agent_are_one_response` |
//! | M: shared ids, no deltas, changing ids | `endings::an_agents_loose_stream_becomes_a_strict_one` |
//! | framing: chunks, CRLF, mark, no blank line | `transport::any_framing_of_the_backend_is_the_same_stream_for_the_client` |
//! | call ids that are long or odd | `calls::call_ids_that_are_too_long_are_shortened_alike_in_call_and_output` |
//! | tool names that are illegal or grouped | `calls::names_that_servers_refuse_are_changed_on_the_way_out_and_back`, `history::two_tools_of_one_name_are_refused` |
//! | the least `max_output_tokens` | `endings::a_small_limit_of_tokens_reaches_the_agent_as_it_is` (carried, never raised: the least is the agent's to know) |
//! | a long silence | `transport::the_stream_begins_before_the_backend_speaks`; the comments in between need a clock: `timeouts::a_silent_stream_gives_signs_of_life_that_its_client_survives` |
//! | an empty final output | `endings::the_final_output_is_built_from_the_stream` |
//!
//! None is left out because it did not apply. What bad input must not do (a lone CR, floods, eight megabytes, no end, an
//! index of 2^31, arguments that are no JSON, names given twice) stands in `transport` and at the end of `calls`.

#![allow(clippy::needless_pass_by_value, reason = "JSON is written where it is used")]

mod calls;
mod endings;
mod history;
mod identity;
mod strict;
mod transport;
mod wire;

/// A row whose test has another name is a row that protects nothing.
#[test]
fn every_row_of_the_table_names_a_test_that_exists() {
    let sources = [
        ("calls", include_str!("calls.rs")),
        ("endings", include_str!("endings.rs")),
        ("history", include_str!("history.rs")),
        ("identity", include_str!("identity.rs")),
        ("transport", include_str!("transport.rs")),
        ("timeouts", include_str!("../timeouts.rs")),
    ];
    let table: Vec<&str> = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | ")).collect();
    let rows = table.iter().filter(|line| !line.starts_with("//! | **") && !line.starts_with("//! | edge")).count();
    assert_eq!(rows, 66);
    for name in table.iter().flat_map(|line| line.split('`')).filter(|word| word.contains("::")) {
        let (file, test) = name.split_once("::").unwrap();
        let (_, source) = sources.iter().find(|(known, _)| *known == file).unwrap_or_else(|| panic!("no file {file}"));
        assert!(source.contains(&format!("fn {test}(")), "no test {name}");
    }
}
