//! SSH's wire format (RFC 4251, section 5): reading it to the last byte, and writing it.

/// What is left to read. Everything answers `None` where the bytes are not what they should be.
pub(super) struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }

    /// A positive integer, big-endian, without leading zeros: an `mpint` in its only proper form.
    pub fn positive(&mut self) -> Option<&'a [u8]> {
        match self.string()? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Some(rest),
            [first, ..] if *first == 0 || *first >= 0x80 => None,
            [] => None,
            plain => Some(plain),
        }
    }

    /// A positive integer, big-endian, of which OpenSSH allows zeros before it: without them.
    pub fn padded(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
        let number = bytes.get(zeros..).filter(|number| !number.is_empty())?;
        (!is_negative).then_some(number)
    }

    /// The magic bytes that a structure begins with.
    pub fn magic(&mut self, magic: &[u8]) -> Option<()> {
        (self.take(magic.len())? == magic).then_some(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may follow.
    pub fn end(self) -> Option<()> {
        self.is_empty().then_some(())
    }
}

/// Writes `bytes` as a string.
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is written is far shorter: a longer one is cut nowhere, and verifies nowhere.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_and_nothing_more() {
        let mut bytes = Vec::new();
        put(&mut bytes, b"relgate");
        let mut wire = Wire::new(&bytes);
        assert_eq!(wire.text(), Some("relgate"));
        assert_eq!(wire.end(), Some(()));
        for shorter in 0..bytes.len() {
            assert_eq!(Wire::new(&bytes[..shorter]).string(), None);
        }
        bytes.push(0);
        let mut wire = Wire::new(&bytes);
        wire.string();
        assert_eq!(wire.end(), None);
    }

    #[test]
    fn an_integer_has_one_form() {
        let read = |bytes: &[u8]| {
            let mut out = Vec::new();
            put(&mut out, bytes);
            Wire::new(&out).positive().map(<[u8]>::to_vec)
        };
        assert_eq!(read(&[1, 0]), Some(vec![1, 0]));
        assert_eq!(read(&[0, 0x80]), Some(vec![0x80]));
        for bad in [&[][..], &[0], &[0, 1], &[0, 0, 0x80], &[0x80]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        let padded = |bytes: &[u8]| {
            let mut out = Vec::new();
            put(&mut out, bytes);
            Wire::new(&out).padded().map(<[u8]>::to_vec)
        };
        assert_eq!(padded(&[0, 0, 0x80]), Some(vec![0x80]));
        assert_eq!(padded(&[0, 1]), Some(vec![1]));
        for bad in [&[][..], &[0], &[0, 0], &[0x80]] {
            assert_eq!(padded(bad), None, "{bad:?}");
        }
    }
}
