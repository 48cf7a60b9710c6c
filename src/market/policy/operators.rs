//! Who may ask the control plane, and for what.

/// Operators of the exchange; nobody: whoever reaches the listener may do everything, as `loopback`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operators(Vec<Operator>);

impl Operators {
    /// Operators at most.
    pub const MOST: usize = 1_000;

    /// Operators, in any order.
    #[must_use]
    pub fn new(operators: Vec<Operator>) -> Self {
        Self(operators)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key with that id, and whose it is.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<(&Operator, &OperatorKey)> {
        self.0.iter().find_map(|operator| Some((operator, operator.keys.iter().find(|key| key.key_id == key_id)?)))
    }
}

/// A person, or a program, that works for the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Its id: what the audit log and each step of the docket name.
    pub id: String,
    /// What it may do beside reading.
    pub roles: Vec<Role>,
    /// Its keys: several, so that one can be changed while another is used.
    pub keys: Vec<OperatorKey>,
}

impl Operator {
    /// Whether it may do what a role may. Everybody may read.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        role == Role::Viewer || self.roles.contains(&role)
    }
}

/// An operator's key: `Authorization: Bearer KEYID.SECRET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorKey {
    /// The public part; no other key, of whomever, has it.
    pub key_id: String,
    /// SHA-256 of the secret part.
    pub sha256: [u8; 32],
}

/// What an operator may do. Nobody has a role because of another one: deciding on creatives, entering money and steering the exchange are
/// different people's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read everything.
    Viewer,
    /// Decide on creatives, advertisers and landing pages.
    Reviewer,
    /// Enter payments, orders and all other records of money.
    Finance,
    /// Reload, roll back, throw kill switches, send notices again.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Reviewer, Self::Finance, Self::Operator];

    /// Its name in the config and in answers.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reviewer => "reviewer",
            Self::Finance => "finance",
            Self::Operator => "operator",
        }
    }
}
