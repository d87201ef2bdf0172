//! Masking of what comes in pieces: the output of a command, as it is written.

use super::{MASK, Secrets};

/// Masks a stream of bytes. A secret that is torn between two pieces is found all the same: what may be the beginning of
/// one, or of an escape in one, is held back until it is known, and everything else goes through as it comes.
#[derive(Clone, Default)]
pub struct Masking {
    secrets: Secrets,
    /// What is not given out yet.
    held: Vec<u8>,
    /// How much of it belongs to a secret whose mask was given out.
    masked: usize,
}

impl Masking {
    /// Masks `secrets`.
    pub fn new(secrets: &Secrets) -> Self {
        Self {
            secrets: secrets.clone(),
            held: Vec::new(),
            masked: 0,
        }
    }

    /// Takes in a piece. Returns what can be shown by now.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        if self.secrets.is_empty() {
            return piece.to_vec();
        }
        self.held.extend_from_slice(piece);
        let spans = self.secrets.spans(&self.held);
        self.give_out(&spans.all, spans.settled)
    }

    /// Nothing more comes. Returns what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let spans = self.secrets.spans(&self.held);
        self.give_out(&spans.all, self.held.len())
    }

    fn give_out(&mut self, spans: &[(usize, usize)], until: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(until);
        let mut done = self.masked;
        for (begin, end) in spans.iter().filter(|(begin, _)| *begin < until) {
            if *end <= done {
                continue;
            }
            if *begin >= done {
                out.extend_from_slice(&self.held[done..*begin]);
                out.extend_from_slice(MASK.as_bytes());
            }
            done = *end;
        }
        if done < until {
            out.extend_from_slice(&self.held[done..until]);
            done = until;
        }
        self.held.drain(..until);
        self.masked = done.saturating_sub(until);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(all: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        all.iter().for_each(|secret| secrets.add(secret));
        secrets
    }

    fn through(secrets: &Secrets, pieces: &[&[u8]]) -> Vec<u8> {
        let mut masking = Masking::new(secrets);
        let mut out: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| masking.push(piece))
            .collect();
        out.extend(masking.finish());
        out
    }

    #[test]
    fn a_secret_between_two_pieces_is_masked() {
        let secrets = secrets(&["s3cret"]);
        let all = through(
            &secrets,
            &[b"the s3c", b"ret is", b" s3cre", b"", b"t\n", b"s3cr"],
        );
        assert_eq!(String::from_utf8_lossy(&all), "the *** is ***\ns3cr");
        // Its base64 as well.
        assert_eq!(through(&secrets, &[b"czNj", b"cmV0"]), b"***");
    }

    #[test]
    fn what_is_no_secret_is_not_held_up() {
        let mut masking = Masking::new(&secrets(&["s3cret"]));
        assert_eq!(masking.push(b"50 %... &c. \\q"), b"50 %... &c. \\q");
        assert_eq!(masking.push(b"done s3"), b"done ");
        assert_eq!(masking.push(b" no\n"), b"s3 no\n");
    }

    #[test]
    fn without_secrets_every_byte_goes_through() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(
            through(&Secrets::default(), &[&bytes, &bytes]),
            [bytes.clone(), bytes].concat()
        );
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn pieces_are_masked_as_the_whole_is(
            text in "[ab1 ]{0,40}", cuts in proptest::collection::vec(0usize..40, 0..6),
        ) {
            // Secrets that overlap themselves and each other.
            let secrets = secrets(&["abab", "baba1", "aaa"]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let bytes = text.as_bytes();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let all = String::from_utf8(through(&secrets, &pieces)).expect("ASCII");
            prop_assert_eq!(all, secrets.mask(&text));
        }

        #[test]
        fn escapes_in_pieces_are_masked_as_the_whole_is(
            text in "(a|b|&|&amp;|%26|\\\\u0026|\\\\|\\\\\\\\|%|%25|'|'\\\\''|;|u00|26| ){0,24}",
            cuts in proptest::collection::vec(0usize..90, 0..6),
        ) {
            let secrets = secrets(&["a&b&", "b'a%", "&26\\"]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let bytes = text.as_bytes();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let all = String::from_utf8(through(&secrets, &pieces)).expect("ASCII");
            prop_assert_eq!(all, secrets.mask(&text));
        }

        #[test]
        fn bytes_that_are_no_text_are_kept(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0usize..60) {
            let cut = cut.min(bytes.len());
            let (one, other) = bytes.split_at(cut);
            prop_assert_eq!(through(&secrets(&["never-in-there"]), &[one, other]), bytes);
        }
    }
}
