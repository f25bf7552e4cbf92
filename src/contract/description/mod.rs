//! What a layer does, as data: the parts of a [`Description`](crate::Description).
//!
//! A printed stack is made from them, and so is everything else that has to know what the layers of a
//! route do. A part is there if the layer does that: a layer with [`Security`] authenticates, and one
//! with [`CsrfProtection`] protects from forged requests.

mod answer;
mod body_bound;
pub(crate) mod layer;
mod limit;
mod policy;
mod security;
mod version;

pub(crate) use self::version::NoVersion;
pub use self::{
    answer::Answer,
    body_bound::BodyBound,
    layer::Bypass,
    limit::Limit,
    policy::{
        CachePolicy, CacheScope, CrossOriginAccess, CsrfProtection, InputSource, RequestInput,
    },
    security::{Carrier, NameList, Requirement, SchemeKind, Security, SecurityScheme},
    version::{DeprecationNotice, VersionCarrier, VersionPolicy},
};
