//! The bisection: the largest number that fits, between one that does and one that does not.

/// A search between a number that fits and one that does not, whatever is between them: in the end the next number after
/// `fits` does not.
///
/// ```
/// use poolcfg_core::Bisection;
/// let mut search = Bisection { fits: 0, misfit: 100 };
/// while let Some(number) = search.next() {
///     search = search.told(number, number * number <= 50);
/// }
/// assert_eq!(search.fits, 7);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bisection {
    /// What fits.
    pub fits: u64,
    /// What does not.
    pub misfit: u64,
}

impl Bisection {
    /// The number that has to be tried next; `None` if there is none between the two.
    #[must_use]
    pub const fn next(&self) -> Option<u64> {
        if self.misfit.saturating_sub(self.fits) > 1 {
            Some(self.fits + (self.misfit - self.fits) / 2)
        } else {
            None
        }
    }

    /// The search when that number has been tried.
    #[must_use]
    pub const fn told(mut self, number: u64, fits: bool) -> Self {
        if fits {
            self.fits = number;
        } else {
            self.misfit = number;
        }
        self
    }
}
