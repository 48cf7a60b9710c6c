//! Which spans of letters lie within others.

/// Letters from the first to the last, both of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Spans, and for each how far it and those before it reach.
#[derive(Debug, Default)]
pub(super) struct Cover {
    starts: Vec<usize>,
    reach: Vec<usize>,
}

impl Cover {
    pub(super) fn of(mut spans: Vec<Span>) -> Self {
        spans.sort_by_key(|span| span.first);
        let mut cover = Self::default();
        for span in spans {
            let before = cover.reach.last().copied().unwrap_or_default();
            cover.starts.push(span.first);
            cover.reach.push(before.max(span.last));
        }
        cover
    }

    /// Whether one of the spans holds all of this one.
    pub(super) fn holds(&self, span: Span) -> bool {
        let begun = self.starts.partition_point(|start| *start <= span.first);
        let reach = begun.checked_sub(1).and_then(|last| self.reach.get(last));
        reach.is_some_and(|reach| *reach >= span.last)
    }

    /// Whether one of the spans holds all of this one and more.
    pub(super) fn holds_more_than(&self, span: Span) -> bool {
        let Span { first, last } = span;
        first.checked_sub(1).is_some_and(|first| self.holds(Span { first, last }))
            || self.holds(Span { first, last: last + 1 })
    }
}
