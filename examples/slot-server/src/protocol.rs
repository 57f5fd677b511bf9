//! What goes over the wire: a request is four bytes of length and a body, an answer one byte of status
//! and eight of checksum; all numbers little-endian.

/// The longest body.
pub(crate) const MAX_BODY: u32 = 64 << 10;

/// Bytes of an answer.
pub(crate) const ANSWER: usize = 9;

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The checksum is that of the body.
    Ok,
    /// The body is longer than [`MAX_BODY`]; it was not read.
    TooLong,
    /// No slot was to be had; the body was not read.
    Busy,
}

impl Status {
    const ALL: [Self; 3] = [Self::Ok, Self::TooLong, Self::Busy];

    fn byte(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::TooLong => 1,
            Self::Busy => 2,
        }
    }
}

/// The answer in bytes.
pub(crate) fn encode(status: Status, checksum: u64) -> [u8; ANSWER] {
    let mut answer = [0; ANSWER];
    answer[0] = status.byte();
    answer[1..].copy_from_slice(&checksum.to_le_bytes());
    answer
}

/// The status and the checksum of an answer; nothing when there is no such status.
pub(crate) fn decode(answer: [u8; ANSWER]) -> Option<(Status, u64)> {
    let [status, checksum @ ..] = answer;
    let status = Status::ALL.into_iter().find(|one| one.byte() == status)?;
    Some((status, u64::from_le_bytes(checksum)))
}

/// FNV-1a, 64 bits.
pub(crate) fn checksum(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_as_they_were_sent() {
        for status in Status::ALL {
            assert_eq!(decode(encode(status, 7)), Some((status, 7)));
        }
        assert_eq!(decode([9; ANSWER]), None);
    }

    #[test]
    fn the_checksum_is_fnv_1a() {
        // The vectors of the algorithm's authors, for nothing and for "a".
        assert_eq!(checksum(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
