//! Where the answers of one auction arrive, on one thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Debug)]
struct Shared<T> {
    arrived: VecDeque<T>,
    waker: Option<Waker>,
}

/// Receives the answers of one auction; when it is dropped, later ones go nowhere.
#[derive(Debug)]
pub struct Inbox<T> {
    shared: Rc<RefCell<Shared<T>>>,
    outstanding: usize,
}

/// Hands in one answer.
#[derive(Debug)]
pub(super) struct Slip<T>(Rc<RefCell<Shared<T>>>);

impl<T> Inbox<T> {
    /// Nothing is awaited yet.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Rc::new(RefCell::new(Shared { arrived: VecDeque::new(), waker: None })), outstanding: 0 }
    }

    /// Room for one more answer.
    pub(super) fn slip(&mut self) -> Slip<T> {
        self.outstanding += 1;
        Slip(self.shared.clone())
    }

    /// The next answer; `None` when none is outstanding.
    pub async fn next(&mut self) -> Option<T> {
        if self.outstanding == 0 {
            return None;
        }
        let shared = &self.shared;
        let answer = poll_fn(|context| {
            let mut shared = shared.borrow_mut();
            match shared.arrived.pop_front() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    shared.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        self.outstanding -= 1;
        Some(answer)
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slip<T> {
    pub(super) fn hand_in(self, answer: T) {
        let waker = {
            let mut shared = self.0.borrow_mut();
            shared.arrived.push_back(answer);
            shared.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
