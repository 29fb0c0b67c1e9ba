//! What the fuzz targets check, held against their corpus and against random bytes, so that it is checked everywhere.

#[path = "../fuzz/checks/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

/// Holds a check against its part of the corpus.
fn holds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut inputs = 0;
    for file in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        println!("{}", file.path().display());
        check(&fs::read(file.path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 3, "{target}: {inputs} inputs");
}

/// Bytes of a corpus file with some of them changed, lost and doubled.
fn bent(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let bends = proptest::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 0..4);
    (prop::sample::select(files), bends).prop_map(|(file, bends)| {
        let mut bytes = fs::read(file).unwrap();
        for (place, bend, byte) in bends {
            let place = place.index(bytes.len());
            match bend {
                0 => bytes[place] = byte,
                1 => bytes.truncate(place.max(8)),
                2 => bytes.insert(place, byte),
                _ => bytes.extend_from_within(place..),
            }
        }
        bytes
    })
}

#[test]
fn the_corpus_holds() {
    holds("answers", checks::answers::check);
    holds("requests", checks::requests::check);
    holds("round_trips", checks::round_trips::check);
    holds("sse", checks::sse::check);
    holds("streams", checks::streams::check);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_comes_through_every_dialect(choices in proptest::collection::vec(any::<u8>(), 0..160)) {
        checks::round_trips::check(&choices);
    }

    #[test]
    fn splitting_the_bytes_anywhere_changes_nothing(stream in bent("streams"), frames in bent("sse")) {
        checks::streams::check(&stream);
        checks::sse::check(&frames);
    }

    #[test]
    fn whatever_a_backend_answers_is_read_or_refused(answer in bent("answers")) {
        checks::answers::check(&answer);
    }

    #[test]
    fn whatever_a_client_sends_is_read_or_refused(request in bent("requests")) {
        checks::requests::check(&request);
    }
}
