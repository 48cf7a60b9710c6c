//! `/partner/v1/balance`: a buyer's own money, as operators see it (R-BALANCE).

use super::caller::AsBuyer;
use super::{Answered, read};
use crate::control::admin::{Shared, balance};

pub(super) async fn balance(state: Shared, buyer: AsBuyer) -> Answered {
    read(state.0, buyer.caller, move |state, _| Ok(balance::tell(state, buyer.id)?)).await
}
