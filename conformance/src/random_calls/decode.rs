//! Bytes as choices. When they are used up every choice is the first one.

/// What is left of the input.
pub(super) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether anything is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `count`, which is not 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let wide = usize::from(self.byte()) << 8 | usize::from(self.byte());
        wide % count.max(1)
    }

    /// One time of `times`.
    pub(super) fn rarely(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    /// Three times of four.
    pub(super) fn mostly(&mut self) -> bool {
        !self.byte().is_multiple_of(4)
    }

    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
