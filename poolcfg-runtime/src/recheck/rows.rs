//! Rows of maps, and whether mappings of given sizes may lie in them.

/// Maps without a gap between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) bytes: u64,
    pub(crate) maps: u64,
}

/// After so many steps no further way is tried.
const MOST: u32 = 10_000;

/// Whether mappings of these sizes, the longest first, find room in rows all together.
pub(crate) fn hold_all(rows: &[Row], sizes: &[u64]) -> bool {
    fn go_on(rows: &mut [Row], sizes: &[u64], left: &mut u32) -> bool {
        let Some((bytes, rest)) = sizes.split_first() else {
            return true;
        };
        for at in 0..rows.len() {
            if rows[at].bytes < *bytes {
                continue;
            }
            let Some(less) = left.checked_sub(1) else {
                return false;
            };
            *left = less;
            rows[at].bytes -= bytes;
            let is_held = go_on(rows, rest, left);
            rows[at].bytes += bytes;
            if is_held {
                return true;
            }
        }
        false
    }
    let shortest = sizes.last().copied().unwrap_or(0);
    let long = rows.iter().filter(|row| row.bytes >= shortest);
    let mut long: Vec<Row> = long.copied().collect();
    let mut left = MOST;
    go_on(&mut long, sizes, &mut left)
}

/// Takes so many bytes from the shortest row that has them; whether there is one.
pub(crate) fn take_from(rows: &mut [Row], bytes: u64) -> bool {
    let rows = rows.iter_mut().filter(|row| row.bytes >= bytes);
    let Some(row) = rows.min_by_key(|row| row.bytes) else {
        return false;
    };
    row.bytes -= bytes;
    true
}
