//! Checks email addresses by the rule of browsers, without a regular expression.

use garde::Error;

/// A garde rule: the value is an email address that `<input type="email">` accepts.
///
/// It decides as garde's own `email` rule does, except for address literals (`ada@[127.0.0.1]`),
/// which the [rule of HTML] does not accept. It is not a regular expression and allocates nothing;
/// neither garde's `email` feature nor `regex` is needed.
///
/// # Example
///
/// ```
/// use garde::Validate;
///
/// #[derive(Validate)]
/// struct Contact {
///     #[garde(custom(wythe::validation::email))]
///     email: String,
///     #[garde(inner(custom(wythe::validation::email)))]
///     copy_to: Vec<String>,
/// }
///
/// let mut contact = Contact { email: "ada@example.com".into(), copy_to: Vec::new() };
/// assert!(contact.validate().is_ok());
/// contact.copy_to.push("nobody".into());
/// assert!(contact.validate().is_err());
/// ```
///
/// # Errors
///
/// The error names the part that is invalid.
///
/// [rule of HTML]: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
pub fn email<C: ?Sized>(address: &str, _: &C) -> garde::Result {
    let bytes = address.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'@');
    let Some((user, [_, domain @ ..])) = at.and_then(|at| bytes.split_at_checked(at)) else {
        return Err(Error::new("not a valid email address: the `@` is missing"));
    };
    // RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.2
    if user.is_empty() || user.len() > 64 || !user.iter().all(|byte| is_user_byte(*byte)) {
        return Err(Error::new(
            "not a valid email address: the part before the `@` is invalid",
        ));
    }
    if domain.len() > 255 || !domain.split(|byte| *byte == b'.').all(is_label) {
        return Err(Error::new(
            "not a valid email address: the part after the `@` is invalid",
        ));
    }
    Ok(())
}

/// `atext` of RFC 5322, section 3.2.3, or a dot.
const fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'!'
                | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'_'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
                | b'-'
        )
}

/// A label of a host name (RFC 1034, section 3.5, and RFC 1123, section 2.1).
fn is_label(label: &[u8]) -> bool {
    label.len() <= 63
        && !label.is_empty()
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
        && label
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use garde::rules::email::parse_email;
    use proptest::prelude::*;

    use super::email;

    #[test]
    fn accepts_what_browsers_accept() {
        let long_user = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long_domain = format!("a@{}com", "b.".repeat(127));
        let cases = [
            ("ada@example.com", true),
            ("!def!xyz%abc@example.com", true),
            ("a.b..c@localhost", true),
            ("a@127.0.0.1", true),
            ("a@b-c.d", true),
            ("", false),
            ("ada", false),
            ("@example.com", false),
            ("ada@", false),
            ("ada@@example.com", false),
            ("ada@example.com ", false),
            ("ada@example.com\n", false),
            ("ada lovelace@example.com", false),
            ("ada@example..com", false),
            ("ada@example.com.", false),
            ("ada@-example.com", false),
            ("ada@example-.com", false),
            ("ada@exam_ple.com", false),
            ("ada@[127.0.0.1]", false),
            ("\"ada\"@example.com", false),
            ("\u{e4}da@example.com", false),
            ("ada@ex\u{e4}mple.com", false),
            (&long_user, false),
            (&long_label, false),
            (&long_domain, false),
        ];
        for (address, valid) in cases {
            assert_eq!(email(address, &()).is_ok(), valid, "{address:?}");
        }
    }

    proptest! {
        #[test]
        fn decides_as_the_regular_expression_does(
            address in "[a-z.!_\"\u{e9} -]{0,5}@?[a-zA-Z0-9_.-]{0,70}\\.?[a-z-]{0,4}\n?"
        ) {
            prop_assert_eq!(email(&address, &()).is_ok(), parse_email(&address).is_ok());
        }
    }
}
