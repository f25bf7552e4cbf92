//! Names the methods of an endpoint in its type, so that none is registered twice.

macro_rules! registered {
    ($($name:ident $method:literal,)*) => {
        $(
            #[doc = concat!("The endpoint has a handler for `", $method, "`.")]
            #[derive(Clone, Copy, Debug)]
            #[non_exhaustive]
            pub struct $name;
        )*
        registered!(@pairs $($name)*);
    };
    (@pairs) => {};
    (@pairs $first:ident $($rest:ident)*) => {
        $(
            impl Other<$rest> for $first {}
            impl Other<$first> for $rest {}
        )*
        registered!(@pairs $($rest)*);
    };
}

registered! {
    Get "GET",
    Head "HEAD",
    Post "POST",
    Put "PUT",
    Patch "PATCH",
    Delete "DELETE",
    Options "OPTIONS",
    Query "QUERY",
}

/// A list of methods without `X`.
#[diagnostic::on_unimplemented(
    message = "this endpoint has a handler for `{X}` already",
    label = "a second handler for the same method",
    note = "one of the two would never be called: keep one"
)]
pub trait Lacks<X> {}

impl<X> Lacks<X> for () {}

#[diagnostic::do_not_recommend]
impl<X, H: Other<X>, T: Lacks<X>> Lacks<X> for (H, T) {}

/// Another method than `X`.
pub trait Other<X> {}
