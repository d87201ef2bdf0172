//! Unpacks bodies: gzip (RFC 1952), deflate (RFC 1950, and RFC 1951 as some servers send it), brotli (RFC 7932) and
//! zstd (RFC 8878), one in the other too.
//!
//! A little may become a lot: what comes out of each is cut at the cap, and no window is larger than 8 MiB (RFC 9659).

use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// What a request says that it takes, where it has a body unpacked.
pub(super) const ACCEPTED: &str = "gzip, br, zstd, deflate";

/// More codings, one in the other, are an attack or a mistake.
const MOST: usize = 3;

/// The largest window of a zstd frame over HTTP: RFC 9659.
const WINDOW: u64 = 8 * 1024 * 1024;

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    /// Whether it is only the beginning.
    pub(super) cut: bool,
}

/// Unpacks `packed`, which went through `codings` in this order; at most `cap` bytes come out of each. `cut` says that
/// `packed` is only a beginning.
///
/// # Errors
/// What is wrong with it.
pub(super) fn unpack(
    packed: Vec<u8>,
    codings: &[String],
    cut: bool,
    cap: usize,
) -> Result<Unpacked, String> {
    if codings.len() > MOST {
        return Err(format!(
            "packed {} times, and at most {MOST} are unpacked",
            codings.len()
        ));
    }
    let mut current = Unpacked { bytes: packed, cut };
    for coding in codings.iter().rev() {
        // The answer to HEAD, and one without a body, has nothing to unpack.
        if !current.bytes.is_empty() {
            current = one(&current, &coding.to_ascii_lowercase(), cap)?;
        }
    }
    Ok(current)
}

fn one(packed: &Unpacked, coding: &str, cap: usize) -> Result<Unpacked, String> {
    let bytes = packed.bytes.as_slice();
    let reader: Box<dyn Read + '_> = match coding {
        "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(bytes)),
        "deflate" if is_zlib(bytes) => Box::new(ZlibDecoder::new(bytes)),
        "deflate" => Box::new(DeflateDecoder::new(bytes)),
        "br" => Box::new(Decompressor::new(bytes, 4 * 1024)),
        "zstd" => Box::new(Zstd::new(bytes)),
        other => return Err(format!("{other:?} is not unpacked; {ACCEPTED} are")),
    };
    let mut out = Vec::new();
    let most = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let read = reader.take(most).read_to_end(&mut out);
    let long = out.len() > cap;
    out.truncate(cap);
    match read {
        // What is cut ends in the middle: what came out before counts as a beginning.
        Err(_) if packed.cut => Ok(Unpacked {
            bytes: out,
            cut: true,
        }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(format!("it is broken as {coding}: it ends in the middle"))
        }
        Err(error) => Err(format!("it is broken as {coding}: {error}")),
        Ok(_) => Ok(Unpacked {
            bytes: out,
            cut: packed.cut || long,
        }),
    }
}

/// Whether the first two bytes are those of zlib: RFC 1950, section 2.2.
fn is_zlib(bytes: &[u8]) -> bool {
    match bytes {
        [first, second, ..] => {
            first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0
        }
        _ => false,
    }
}

/// Reads every frame, and holds each against its checksum.
struct Zstd<'a> {
    rest: &'a [u8],
    frame: Option<StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>,
}

impl<'a> Zstd<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            frame: None,
        }
    }

    /// Begins the next frame; `false` where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.rest.is_empty() {
            match StreamingDecoder::new_with_max_window_size(self.rest, WINDOW) {
                Ok(frame) => {
                    self.frame = Some(frame);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    // Its magic number and its length stand before it.
                    let whole = usize::try_from(length)
                        .unwrap_or(usize::MAX)
                        .saturating_add(8);
                    self.rest = self.rest.get(whole..).ok_or(io::ErrorKind::UnexpectedEof)?;
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
        Ok(false)
    }
}

impl Read for Zstd<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.is_none() && !self.begin()? {
                return Ok(0);
            }
            let Some(frame) = &mut self.frame else {
                return Ok(0);
            };
            let count = frame.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let decoder = &frame.decoder;
            if let Some(stated) = decoder.get_checksum_from_data()
                && Some(stated) != decoder.get_calculated_checksum()
            {
                return Err(io::Error::other("its checksum is another"));
            }
            self.rest = frame.get_ref();
            self.frame = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    /// `hello hello hello`, and 4 MiB of zeros, by the brotli of Node.js.
    const BROTLI: &[u8] = &[
        0x1b, 0x10, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0x96, 0x6c, 0x20, 0x6f,
        0x01, 0x4f, 0x1c, 0x60, 0x1c,
    ];
    const BROTLI_BOMB: &[u8] = &[
        0x9b, 0xff, 0xff, 0x3f, 0xf8, 0x27, 0x00, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x07,
    ];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("packed")
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("packed")
    }

    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("packed")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn out(
        packed: &[u8],
        codings: &[&str],
        cut: bool,
        cap: usize,
    ) -> Result<(Vec<u8>, bool), String> {
        let codings: Vec<String> = codings.iter().map(|it| (*it).to_owned()).collect();
        unpack(packed.to_vec(), &codings, cut, cap).map(|it| (it.bytes, it.cut))
    }

    #[test]
    fn every_coding_is_unpacked_one_in_the_other_too() {
        let text = b"hello hello hello";
        let whole = Ok((text.to_vec(), false));
        let two = [gzip(b"hello hello"), gzip(b" hello")].concat();
        let skipped = [b"\x50\x2a\x4d\x18\x02\0\0\0ab".as_slice(), &zstd(text)].concat();
        for (packed, codings) in [
            (gzip(text), &["gzip"][..]),
            (gzip(text), &["X-GZIP"]),
            (two, &["gzip"]),
            (zlib(text), &["deflate"]),
            (raw(text), &["deflate"]),
            (zstd(text), &["zstd"]),
            (skipped, &["zstd"]),
            (gzip(&zstd(text)), &["zstd", "gzip"]),
            (zlib(&gzip(&raw(text))), &["deflate", "gzip", "deflate"]),
            (BROTLI.to_vec(), &["br"]),
            (text.to_vec(), &[]),
        ] {
            assert_eq!(out(&packed, codings, false, 100), whole, "{codings:?}");
        }
        assert_eq!(out(b"", &["gzip"], false, 9), Ok((Vec::new(), false)));
        assert_eq!(out(b"", &["unknown"], false, 9), Ok((Vec::new(), false)));
    }

    #[test]
    fn the_cap_holds_for_what_comes_out() {
        let bomb = vec![0; 4 << 20];
        for (packed, coding) in [
            (gzip(&bomb), "gzip"),
            (zlib(&bomb), "deflate"),
            (raw(&bomb), "deflate"),
            (zstd(&bomb), "zstd"),
            (BROTLI_BOMB.to_vec(), "br"),
        ] {
            let (bytes, cut) = out(&packed, &[coding], false, 1000).expect("unpacked");
            assert_eq!((bytes.len(), cut), (1000, true), "{coding}");
        }
        // The one inside is cut by what came out of the one around it.
        let (bytes, cut) =
            out(&gzip(&gzip(&bomb)), &["gzip", "gzip"], false, 1000).expect("a beginning");
        assert!(cut && bytes.len() <= 1000);
        let exact = out(&gzip(&[7; 1000]), &["gzip"], false, 1000).expect("unpacked");
        assert_eq!((exact.0.len(), exact.1), (1000, false));
    }

    #[test]
    fn what_is_broken_says_how_and_what_is_cut_is_a_beginning() {
        let text: Vec<u8> = (0..2000_u32).flat_map(u32::to_le_bytes).collect();
        for (packed, coding) in [
            (gzip(&text), "gzip"),
            (zlib(&text), "deflate"),
            (zstd(&text), "zstd"),
        ] {
            let half = &packed[..packed.len() / 2];
            let why = out(half, &[coding], false, 1 << 20).expect_err(coding);
            assert!(
                why.starts_with(&format!("it is broken as {coding}")),
                "{why}"
            );
            let (bytes, cut) = out(half, &[coding], true, 1 << 20).expect("a beginning");
            assert!(cut && text.starts_with(&bytes), "{coding}");
            let mut other = packed.clone();
            let last = other.len() - 1;
            other[last] ^= 1;
            out(&other, &[coding], false, 1 << 20).expect_err("another checksum");
            let after = [&packed[..], b"garbage"].concat();
            if coding != "deflate" {
                out(&after, &[coding], false, 1 << 20).expect_err("garbage follows");
            }
        }
        assert!(out(b"plain text", &["gzip"], false, 9).is_err());
        assert!(out(b"plain text", &["br"], false, 9).is_err());
        let unknown = out(b"x", &["compress"], false, 9).expect_err("unknown");
        assert!(
            unknown.contains("\"compress\" is not unpacked"),
            "{unknown}"
        );
        let often = out(b"x", &["gzip"; 4], false, 9).expect_err("too often");
        assert!(often.contains("packed 4 times"), "{often}");
    }
}
