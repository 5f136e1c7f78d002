use std::sync::Arc;

use super::{all, subject};
use crate::{
    catalogue::{Entry, Kind},
    floor::page::Page,
};

pub const FLOOR: Entry = Entry {
    name: "floor",
    kind: Kind::Floor,
    packages: &["itoa"],
    about: "by hand: the text of each series is ready but for its value, the page's size is known",
    prepare: || {
        let series = all().map(|sold| {
            let (shop, article, outcome) = (sold.shop, sold.article, sold.outcome);
            let labels = format!(r#"shop="{shop}",article="{article}",outcome="{outcome}""#);
            (format!("sold_total{{{labels}}} "), sold.count)
        });
        let page = Arc::new(Page::new(series.collect()));
        Ok(subject(move || page.render()))
    },
};
