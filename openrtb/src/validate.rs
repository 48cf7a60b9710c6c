//! What a request must contain: the rules of the specification, required, conditional and exclusive fields, and numbers
//! that mean nothing (OpenRTB 2.6 §3.2, Native 1.2 §4). No policy of an exchange.
//!
//! Unknown list values, unlikely numbers and whatever the specification only recommends pass. Nothing is allocated unless
//! a rule is broken.

use std::borrow::Cow;
use std::fmt;

use crate::request::BidRequest;

mod context;
mod media;
mod native;

/// The rule broken and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The value at fault, such as `imp[3].video.mimes`; inside a native request, from its root:
    /// `imp[0].native.request.assets[1].id`.
    pub path: String,
    /// The rule, for a person.
    pub message: Cow<'static, str>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for Invalid {}

/// Checks the structural rules; the first one broken is the answer.
///
/// # Errors
/// [`Invalid`] with the path of the value and the rule.
pub fn validate_request(request: &BidRequest<'_>) -> Result<(), Invalid> {
    required("id", request.id.is_empty())?;
    context::check(request)?;
    if request.imp.is_empty() {
        return refuse("imp", "at least one impression is required");
    }
    for (index, imp) in request.imp.iter().enumerate() {
        media::check(imp).in_element("imp", index)?;
        if let Some(first) = request.imp.iter().take(index).position(|other| other.id == imp.id) {
            return refuse(format!("imp[{index}].id"), format!("the same as that of imp[{first}]"));
        }
    }
    Ok(())
}

type Check = Result<(), Invalid>;

#[cold]
fn refuse(path: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Check {
    Err(Invalid { path: path.into(), message: message.into() })
}

/// Where a check was made, told on the way out.
trait Within {
    fn within(self, object: &str) -> Check;
    fn in_element(self, list: &str, index: usize) -> Check;
}

impl Within for Check {
    fn within(self, object: &str) -> Check {
        self.map_err(|invalid| outer(object, &invalid))
    }

    fn in_element(self, list: &str, index: usize) -> Check {
        self.map_err(|invalid| outer(&format!("{list}[{index}]"), &invalid))
    }
}

#[cold]
fn outer(object: &str, inner: &Invalid) -> Invalid {
    let dot = if inner.path.is_empty() { "" } else { "." };
    Invalid { path: format!("{object}{dot}{}", inner.path), message: inner.message.clone() }
}

fn required(field: &'static str, is_missing: bool) -> Check {
    if is_missing { refuse(field, "required") } else { Ok(()) }
}

/// Two fields that must not stand together; the second is named.
fn exclusive(first: (&'static str, bool), second: (&'static str, bool)) -> Check {
    if first.1 && second.1 {
        return refuse(second.0, format!("not together with {}", first.0));
    }
    Ok(())
}

fn not_negative(values: &[(&'static str, Option<i32>)]) -> Check {
    match values.iter().find(|(_, value)| value.is_some_and(|value| value < 0)) {
        Some((field, _)) => refuse(*field, "must not be negative"),
        None => Ok(()),
    }
}

fn flags(values: &[(&'static str, Option<i32>)]) -> Check {
    match values.iter().find(|(_, value)| value.is_some_and(|value| value != 0 && value != 1)) {
        Some((field, _)) => refuse(*field, "must be 0 or 1"),
        None => Ok(()),
    }
}

/// Checks each element of a list.
fn each<T>(list: &'static str, elements: &[T], check: impl Fn(&T) -> Check) -> Check {
    elements.iter().enumerate().try_for_each(|(index, element)| check(element).in_element(list, index))
}

/// Checks an object if it is there.
fn inside<T>(name: &'static str, object: Option<&T>, check: impl Fn(&T) -> Check) -> Check {
    object.map_or(Ok(()), |object| check(object).within(name))
}
