//! Queues of calls, one for each DSP, so that one that is dead keeps nobody else waiting. No I/O.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::clock::UnixMillis;
use crate::event::{ChargeKey, NoticeKind};
use crate::ids::DspId;

/// Calls to one DSP at a time.
const MOST_FLYING: usize = 16;
/// Win and billing notices that wait for one DSP in memory; more are kept by the store.
const MOST_OWED: usize = 4_096;
/// Loss notices that wait for one DSP, and calls of click monitors; more are dropped.
const MOST_LIGHT: usize = 1_024;

/// One call that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Whom it is for; `None`: a click monitor.
    pub(super) to: Option<DspId>,
    /// What it tells; nothing for a click monitor.
    pub(super) kind: Option<NoticeKind>,
    /// What it is about.
    pub(super) key: ChargeKey,
    /// Where it goes, macros filled in.
    pub(super) url: String,
    /// How often it was tried before.
    pub(super) attempts: u32,
    /// Its id in the store, if it is kept there.
    pub(super) kept: Option<u64>,
    /// Whether its end settles a kept won bid.
    pub(super) settles: bool,
    /// When it was first due.
    pub(super) made_at: UnixMillis,
}

impl Call {
    /// Whether it may be lost without harm.
    pub(super) fn is_light(&self) -> bool {
        matches!(self.kind, None | Some(NoticeKind::Loss))
    }
}

#[derive(Debug, Default)]
struct Outlet {
    owed: VecDeque<Call>,
    light: VecDeque<Call>,
    flying: Vec<Rc<Call>>,
}

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Outlets(HashMap<Option<DspId>, Outlet>);

impl Outlets {
    /// Puts a call in its queue, or gives it back when that is full.
    pub(super) fn put(&mut self, call: Call) -> Result<(), Call> {
        let outlet = self.0.entry(call.to).or_default();
        let (queue, most) = match call.is_light() {
            true => (&mut outlet.light, MOST_LIGHT),
            false => (&mut outlet.owed, MOST_OWED),
        };
        if queue.len() >= most {
            return Err(call);
        }
        queue.push_back(call);
        Ok(())
    }

    /// The next call to a DSP, if one more may be made: what is owed before what is light.
    pub(super) fn take(&mut self, to: Option<DspId>) -> Option<Rc<Call>> {
        let outlet = self.0.get_mut(&to).filter(|outlet| outlet.flying.len() < MOST_FLYING)?;
        let call = Rc::new(outlet.owed.pop_front().or_else(|| outlet.light.pop_front())?);
        outlet.flying.push(call.clone());
        Some(call)
    }

    /// A call was made.
    pub(super) fn landed(&mut self, call: &Rc<Call>) {
        let Some(outlet) = self.0.get_mut(&call.to) else { return };
        outlet.flying.retain(|it| !Rc::ptr_eq(it, call));
        if outlet.flying.is_empty() && outlet.owed.is_empty() && outlet.light.is_empty() {
            self.0.remove(&call.to);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a call is under way.
    pub(super) fn is_flying(&self) -> bool {
        self.0.values().any(|outlet| !outlet.flying.is_empty())
    }

    /// Everything that was not made, those under way first.
    pub(super) fn abandon(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        for outlet in std::mem::take(&mut self.0).into_values() {
            calls.extend(outlet.flying.iter().map(|call| (**call).clone()));
            calls.extend(outlet.owed);
            calls.extend(outlet.light);
        }
        calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AuctionId, ImpIndex, Slot};

    fn call(to: u32, kind: NoticeKind, number: u32) -> Call {
        Call {
            to: Some(DspId(to)),
            kind: Some(kind),
            key: ChargeKey { auction: AuctionId(number.into()), imp: ImpIndex(0), slot: Slot(0) },
            url: String::new(),
            attempts: 0,
            kept: None,
            settles: false,
            made_at: UnixMillis(0),
        }
    }

    #[test]
    fn each_dsp_has_its_own_bounds_and_what_is_owed_goes_first() {
        let mut outlets = Outlets::default();
        for number in 0..MOST_LIGHT as u32 {
            outlets.put(call(1, NoticeKind::Loss, number)).unwrap();
        }
        assert!(outlets.put(call(1, NoticeKind::Loss, 0)).is_err());
        for number in 0..MOST_OWED as u32 {
            outlets.put(call(1, NoticeKind::Bill, number)).unwrap();
        }
        assert!(outlets.put(call(1, NoticeKind::Win, 0)).is_err());
        outlets.put(call(2, NoticeKind::Loss, 7)).unwrap();
        let flying: Vec<_> = std::iter::from_fn(|| outlets.take(Some(DspId(1)))).collect();
        assert_eq!(flying.len(), MOST_FLYING);
        assert!(flying.iter().all(|it| it.kind == Some(NoticeKind::Bill)), "before any loss");
        let other = outlets.take(Some(DspId(2))).expect("another DSP's call does not wait");
        outlets.landed(&other);
        outlets.landed(&flying[0]);
        assert!(outlets.take(Some(DspId(1))).is_some() && outlets.take(Some(DspId(1))).is_none());
        assert_eq!(outlets.abandon().len(), MOST_LIGHT + MOST_OWED - 1);
        assert!(outlets.is_empty());
    }
}
