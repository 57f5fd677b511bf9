//! The nearest known name of one that is not known.

use crate::target::profile::VaProfile;

/// The known name that was probably meant: one that differs in few letters; `None` if there is none.
///
/// ```
/// use poolcfg_core::file::nearest;
/// assert_eq!(nearest("max_instnaces", ["keep", "max_instances"].into_iter()), Some("max_instances"));
/// assert_eq!(nearest("colour", ["keep", "pools"].into_iter()), None);
/// ```
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A name that no one could have meant is not compared: the cost is the product of the lengths.
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let letters = word.chars().count();
    // No fewer letters differ than one of them has more.
    let is_about_as_long = |name: &&str| {
        let count = name.chars().count();
        letters.abs_diff(count) <= count.max(3) / 3
    };
    known
        .filter(|name| name.len() <= LONGEST)
        .filter(is_about_as_long)
        .map(|name| (distance(&word, &name.to_ascii_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The nearest name of a profile, own ones included, or where to find them all.
pub(super) fn nearest_profile<'a>(name: &str, own: impl Iterator<Item = &'a str>) -> String {
    let built_in = VaProfile::ALL.iter().flat_map(|table| table.iter());
    let known = built_in.map(|profile| profile.name).chain(own);
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`cargo poolcfg profiles` lists every profile".to_owned(),
    }
}

const LONGEST: usize = 128;

/// How many letters are to be put in, left out, replaced or swapped with their neighbour (optimal
/// string alignment).
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}
