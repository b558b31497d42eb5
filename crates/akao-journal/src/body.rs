//! Bodies on disk: how opaque bytes become a codec number and stored bytes, and back.
//!
//! Codec 0 stores the bytes as they are. Codec 1 stores their length (four bytes, little-endian) and a zstd frame; it is
//! used above 1 KiB and only when it is smaller. Checksums are checked before a body is decoded, by the row's reader.

use std::borrow::Cow;

/// The longest body (256 MiB). Values above 64 KiB are blobs, so only a snapshot can come near.
pub const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

const CODEC_PLAIN: u8 = 0;
const CODEC_ZSTD: u8 = 1;
const COMPRESS_ABOVE_BYTES: usize = 1024;
const ZSTD_LEVEL: i32 = 1;
const LENGTH_BYTES: usize = 4;

/// Why stored bytes are not a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A codec that this version does not know.
    #[error("body codec {0} is unknown")]
    Codec(i64),
    /// The stored length is missing or beyond [`BODY_BYTES_MAX`].
    #[error("the stored length of a compressed body is missing or too large")]
    Length,
    /// The zstd frame is not valid or does not have the stored length.
    #[error("the compressed body cannot be read: {0}")]
    Compressed(String),
}

/// The codec and the stored form of `body`, which must not be longer than [`BODY_BYTES_MAX`].
pub fn encode_body(body: &[u8]) -> (u8, Cow<'_, [u8]>) {
    let plain = (CODEC_PLAIN, Cow::Borrowed(body));
    if body.len() <= COMPRESS_ABOVE_BYTES {
        return plain;
    }
    let (Ok(length), Ok(packed)) = (u32::try_from(body.len()), zstd::bulk::compress(body, ZSTD_LEVEL)) else {
        return plain;
    };
    if packed.len() + LENGTH_BYTES >= body.len() {
        return plain;
    }
    let mut stored = Vec::with_capacity(packed.len() + LENGTH_BYTES);
    stored.extend_from_slice(&length.to_le_bytes());
    stored.extend_from_slice(&packed);
    (CODEC_ZSTD, Cow::Owned(stored))
}

/// The body behind a codec and its stored bytes. Any input is safe: memory stays within [`BODY_BYTES_MAX`].
pub fn decode_body(codec: i64, stored: &[u8]) -> Result<Vec<u8>, BodyError> {
    match u8::try_from(codec) {
        Ok(CODEC_PLAIN) => Ok(stored.to_vec()),
        Ok(CODEC_ZSTD) => decode_compressed(stored),
        _ => Err(BodyError::Codec(codec)),
    }
}

fn decode_compressed(stored: &[u8]) -> Result<Vec<u8>, BodyError> {
    let (length, packed) = stored.split_first_chunk::<LENGTH_BYTES>().ok_or(BodyError::Length)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| BodyError::Length)?;
    if length > BODY_BYTES_MAX {
        return Err(BodyError::Length);
    }
    let body = zstd::bulk::decompress(packed, length).map_err(|error| BodyError::Compressed(error.to_string()))?;
    if body.len() == length { Ok(body) } else { Err(BodyError::Length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_and_only_long_repetitive_ones_are_compressed() {
        let noise: Vec<u8> =
            (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 ^ (n >> 3) as u8).collect();
        let cases: [(&str, Vec<u8>, Option<u8>); 5] = [
            ("empty", Vec::new(), Some(0)),
            ("at the threshold", vec![b'a'; COMPRESS_ABOVE_BYTES], Some(0)),
            ("above the threshold", vec![b'a'; COMPRESS_ABOVE_BYTES + 1], Some(1)),
            ("one MiB", b"{\"key\":\"value\"}".repeat(70_000), Some(1)),
            ("noise", noise, None),
        ];
        for (name, body, codec) in cases {
            let (found, stored) = encode_body(&body);
            assert!(codec.is_none_or(|codec| codec == found), "{name}: codec {found}");
            assert!(stored.len() <= body.len(), "{name}: grew to {}", stored.len());
            assert_eq!(decode_body(found.into(), &stored).as_deref(), Ok(&body[..]), "{name}");
        }
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let (_, stored) = encode_body(&[b'a'; 5000]);
        let mut longer = stored.to_vec();
        longer[0] ^= 1;
        let cases: [(i64, &[u8]); 7] =
            [(1, b""), (1, b"abc"), (1, &[0xff; 40]), (1, &[0, 0, 0, 0x10]), (2, b"x"), (-1, b""), (1, &longer)];
        for (codec, bytes) in cases {
            assert!(decode_body(codec, bytes).is_err(), "codec {codec}, {bytes:?}");
        }
        for cut in 0..stored.len() {
            assert!(decode_body(1, &stored[..cut]).is_err(), "cut at {cut}");
        }
    }
}
