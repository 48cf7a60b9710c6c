//! Advertisers of the docket, laid over those of the config (R-QUALIFY, R-OWN; `docs/decisions/0037-advertisers-in-the-market.md`).

use crate::ids::{AdvertiserId, BuyerId};
use crate::market::demand::Advertiser;
use crate::market::{Catalog, Market, Table, named};

impl Market {
    /// The advertiser with that id, as it stands now.
    #[must_use]
    pub fn advertiser(&self, id: AdvertiserId) -> Option<&Advertiser> {
        let reviewed = self.content.advertisers.get(id).map(|it| &**it);
        reviewed.or_else(|| self.configured().advertisers.get(id))
    }

    /// The advertiser that a buyer calls so, as it stands now. Goes through those of the docket: not for requests.
    #[must_use]
    pub fn advertiser_named(&self, buyer: BuyerId, wire: &str) -> Option<&Advertiser> {
        match self.configured_advertiser(buyer, wire) {
            Some(configured) => self.advertiser(configured.id),
            None => self.reviewed_advertisers().find(|it| it.buyer == buyer && it.wire == wire),
        }
    }

    /// All advertisers, each as it stands now, in no order. Not for requests.
    pub fn all_advertisers(&self) -> impl Iterator<Item = &Advertiser> {
        let only_configured = |it: &&Advertiser| self.content.advertisers.get(it.id).is_none();
        self.reviewed_advertisers().chain(self.configured_advertisers().iter().filter(only_configured))
    }

    fn reviewed_advertisers(&self) -> impl Iterator<Item = &Advertiser> {
        self.content.advertisers.iter().map(|it| &**it)
    }
}

impl Catalog {
    /// The config's advertisers, whatever the docket says of them.
    #[must_use]
    pub const fn configured_advertisers(&self) -> &Table<AdvertiserId, Advertiser> {
        &self.advertisers
    }

    /// The config's advertiser that a buyer calls so, whatever the docket says of it.
    #[must_use]
    pub fn configured_advertiser(&self, buyer: BuyerId, wire: &str) -> Option<&Advertiser> {
        let is = |row| self.advertisers.at(row).is_some_and(|it| it.buyer == buyer && it.wire == wire);
        self.advertisers.at(self.advertiser_names.find(named(buyer.0, wire), is)?)
    }
}
