//! What an object holds beside its fields, as it stands in the body.

/// Members that are no field, and `ext`, byte for byte. [`Decoder::decode_whole_request`](crate::Decoder::decode_whole_request)
/// and [`Decoder::decode_whole_response`](crate::Decoder::decode_whole_response) keep them; the others step over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest<'a> {
    /// Members whose key is no field of the object, in source order.
    pub unknown: &'a [RawMember<'a>],
    /// The value of `ext`, unless it is null.
    pub ext: Option<&'a str>,
}

/// A member that is no field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawMember<'a> {
    /// The key as written, with its escapes and without its quotes.
    pub key: &'a str,
    /// The value as written.
    pub value: &'a str,
}
