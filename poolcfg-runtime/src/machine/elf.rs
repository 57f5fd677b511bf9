//! The header of a program's file, read by a pure function: total on any bytes.

use poolcfg_core::RelocationModel;

/// How many bytes of a file [`relocation_model`] looks at.
pub(crate) const HEADER: usize = 18;

/// By the type in the header: `ET_EXEC` is 2, `ET_DYN` 3; see elf(5).
pub(crate) fn relocation_model(header: &[u8]) -> Option<RelocationModel> {
    let kind = header.get(16..HEADER)?;
    let order = header.get(5)?;
    let kind = [*kind.first()?, *kind.get(1)?];
    let kind = match (header.get(..4)?, order) {
        (b"\x7fELF", 1) => u16::from_le_bytes(kind),
        (b"\x7fELF", 2) => u16::from_be_bytes(kind),
        _ => return None,
    };
    match kind {
        2 => Some(RelocationModel::Static),
        3 => Some(RelocationModel::Pie),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(header: Vec<u8>) {
            let _ = relocation_model(&header);
        }

        #[test]
        fn only_elf_headers_tell_a_relocation_model(order in 1u8..3, kind in 0u16..6) {
            let mut header = b"\x7fELF\x02".to_vec();
            header.push(order);
            header.resize(16, 0);
            header.extend(if order == 1 { kind.to_le_bytes() } else { kind.to_be_bytes() });
            let expected = match kind {
                2 => Some(RelocationModel::Static),
                3 => Some(RelocationModel::Pie),
                _ => None,
            };
            prop_assert_eq!(relocation_model(&header), expected);
        }
    }
}
