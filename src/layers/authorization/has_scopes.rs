//! Says which scopes were granted: [`HasScopes`].

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
    hash::BuildHasher,
    sync::Arc,
};

use crate::request::Either;

/// A principal, or a claim of it, that says which scopes it was granted.
///
/// Texts are lists with a space between two scopes, as OAuth sends them (RFC 6749, section 3.3;
/// for tokens, RFC 9068, section 2.2.3); of a list of texts, each is one scope. So claims implement
/// it with one line, whatever their issuer writes.
///
/// # Example
///
/// ```
/// use serde::Deserialize;
/// use wythe::HasScopes;
///
/// #[derive(Clone, Deserialize)]
/// struct Claims {
///     /// `"orders:read orders:write"`; `Vec<String>` for an issuer that sends a list.
///     scope: String,
/// }
///
/// impl HasScopes for Claims {
///     fn has_scope(&self, scope: &str) -> bool {
///         self.scope.has_scope(scope)
///     }
/// }
///
/// let claims = Claims { scope: "orders:read orders:write".into() };
/// assert!(claims.has_scope("orders:read"));
/// assert!(!claims.has_scope("orders"));
/// assert!(!claims.has_scope("ORDERS:READ"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which scopes it has",
    label = "a layer asks `{Self}` for scopes",
    note = "write `impl HasScopes for {Self}`, or give the layer a closure that says it: \
            `with_scopes([..])?.by(|principal: &{Self}, scope| ..)`"
)]
pub trait HasScopes {
    /// Whether exactly this scope was granted.
    fn has_scope(&self, scope: &str) -> bool;
}

/// Scopes with a space between each two.
impl HasScopes for str {
    fn has_scope(&self, scope: &str) -> bool {
        // Bytes, for scopes are ASCII: to search for a `char` costs more than most lists are long.
        let mut granted = self.as_bytes().split(|byte| *byte == b' ');
        !scope.is_empty() && granted.any(|granted| granted == scope.as_bytes())
    }
}

impl HasScopes for String {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_str().has_scope(scope)
    }
}

impl HasScopes for Cow<'_, str> {
    fn has_scope(&self, scope: &str) -> bool {
        str::has_scope(self, scope)
    }
}

/// Each text is one scope; what has a space in it is none.
impl<T: AsRef<str>> HasScopes for [T] {
    fn has_scope(&self, scope: &str) -> bool {
        is_scope(scope) && self.iter().any(|granted| granted.as_ref() == scope)
    }
}

impl<T: AsRef<str>, const N: usize> HasScopes for [T; N] {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_slice().has_scope(scope)
    }
}

impl<T: AsRef<str>> HasScopes for Vec<T> {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_slice().has_scope(scope)
    }
}

impl HasScopes for BTreeSet<String> {
    fn has_scope(&self, scope: &str) -> bool {
        is_scope(scope) && self.contains(scope)
    }
}

impl<H: BuildHasher> HasScopes for HashSet<String, H> {
    fn has_scope(&self, scope: &str) -> bool {
        is_scope(scope) && self.contains(scope)
    }
}

/// Without a list, no scope was granted.
impl<T: HasScopes> HasScopes for Option<T> {
    fn has_scope(&self, scope: &str) -> bool {
        self.as_ref()
            .is_some_and(|granted| granted.has_scope(scope))
    }
}

impl<T: HasScopes + ?Sized> HasScopes for &T {
    fn has_scope(&self, scope: &str) -> bool {
        (**self).has_scope(scope)
    }
}

impl<T: HasScopes + ?Sized> HasScopes for Box<T> {
    fn has_scope(&self, scope: &str) -> bool {
        (**self).has_scope(scope)
    }
}

impl<T: HasScopes + ?Sized> HasScopes for Arc<T> {
    fn has_scope(&self, scope: &str) -> bool {
        (**self).has_scope(scope)
    }
}

/// The scopes of whichever it is.
impl<A: HasScopes, B: HasScopes> HasScopes for Either<A, B> {
    fn has_scope(&self, scope: &str) -> bool {
        match self {
            Self::First(first) => first.has_scope(scope),
            Self::Second(second) => second.has_scope(scope),
        }
    }
}

/// `scope-token` (RFC 6749, section 3.3).
pub(super) fn is_scope(text: &str) -> bool {
    let is_scope_byte = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    !text.is_empty() && text.bytes().all(is_scope_byte)
}

#[cfg(test)]
mod tests {
    use super::{HasScopes, is_scope};

    #[test]
    fn a_scope_is_what_rfc_6749_allows() {
        for byte in 0..=127_u8 {
            // %x21 / %x23-5B / %x5D-7E
            let allowed = (0x21..=0x7e).contains(&byte) && byte != 0x22 && byte != 0x5c;
            let text = char::from(byte).to_string();
            assert_eq!(is_scope(&text), allowed, "{byte:#x}");
        }
        for (text, allowed) in [
            ("", false),
            ("caf\u{e9}", false),
            ("a b", false),
            ("https://a.example/b.c:d", true),
        ] {
            assert_eq!(is_scope(text), allowed, "{text:?}");
        }
    }

    #[test]
    fn a_scope_is_granted_as_a_whole_or_not() {
        let cases = [
            ("read write", "read", true),
            ("read write", "write", true),
            ("write read", "read", true),
            ("read", "read", true),
            ("", "read", false),
            ("read write", "", false),
            ("read  write", "", false),
            ("read write", "read write", false),
            ("read:all", "read", false),
            ("read", "read:all", false),
            ("Read", "read", false),
            ("read,write", "read", false),
            ("read\twrite", "read", false),
            ("read\n", "read", false),
            ("read\u{a0}write", "read", false),
        ];
        for (granted, scope, expected) in cases {
            assert_eq!(granted.has_scope(scope), expected, "{granted:?} {scope:?}");
        }
    }

    #[test]
    fn of_a_list_each_text_is_one_scope() {
        let list = ["read", "write all", ""].map(str::to_owned);
        let cases = [
            ("read", true),
            ("write", false),
            ("all", false),
            ("write all", false),
            ("", false),
        ];
        for (scope, expected) in cases {
            assert_eq!(list.has_scope(scope), expected, "{scope:?}");
            assert_eq!(list.to_vec().has_scope(scope), expected, "{scope:?}");
            let set: std::collections::BTreeSet<_> = list.iter().cloned().collect();
            assert_eq!(set.has_scope(scope), expected, "{scope:?}");
            let set: std::collections::HashSet<_> = list.iter().cloned().collect();
            assert_eq!(set.has_scope(scope), expected, "{scope:?}");
        }
        assert!(!None::<String>.has_scope("read"));
        assert!(Some("read").has_scope("read"));
    }
}
