//! Why a value was refused; gathers its path while the error travels outwards.

use std::borrow::Cow;

use crate::decode::{DecodeCode, DecodeError};

pub(crate) struct Fault(Box<FaultParts>);

struct FaultParts {
    code: DecodeCode,
    message: Cow<'static, str>,
    inner_to_outer: Vec<Step>,
}

enum Step {
    Member(&'static str),
    Element(usize),
}

impl Fault {
    #[cold]
    pub(crate) fn new(code: DecodeCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(FaultParts { code, message: message.into(), inner_to_outer: Vec::new() }))
    }

    #[cold]
    pub(crate) fn in_member(mut self, name: &'static str) -> Self {
        self.0.inner_to_outer.push(Step::Member(name));
        self
    }

    #[cold]
    pub(crate) fn in_element(mut self, index: usize) -> Self {
        self.0.inner_to_outer.push(Step::Element(index));
        self
    }

    #[cold]
    pub(crate) fn into_error(self) -> DecodeError {
        let mut path = String::new();
        for step in self.0.inner_to_outer.iter().rev() {
            match step {
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                Step::Element(index) => path.push_str(&format!("[{index}]")),
            }
        }
        DecodeError { code: self.0.code, message: self.0.message, path, offset: None }
    }
}
