//! How requests to the partner API end.

/// How a request to the partner API ended. The last five were not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PartnerAnswer {
    /// It was answered.
    Ok = 0,
    /// It was refused for what it asked.
    Refused = 1,
    /// It could not be answered.
    Failed = 2,
    /// It carried no token.
    NoToken = 3,
    /// Its token is nobody's.
    BadToken = 4,
    /// Its key id had too many wrong secrets from its address.
    LockedOut = 5,
    /// Its partner is over its rate.
    TooFast = 6,
    /// Its partner has too many requests in flight.
    TooMany = 7,
}

impl PartnerAnswer {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Ok, "ok"),
        (Self::Refused, "refused"),
        (Self::Failed, "failed"),
        (Self::NoToken, "no_token"),
        (Self::BadToken, "bad_token"),
        (Self::LockedOut, "locked_out"),
        (Self::TooFast, "too_fast"),
        (Self::TooMany, "too_many_in_flight"),
    ];
}
