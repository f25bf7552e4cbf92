//! The host of an origin: a name or an address.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::origin::Fault;

/// Checks that it is a host as browsers write it.
pub(super) fn check(host: &str) -> Result<(), Fault> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or(address);
        return match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err("the host in brackets is not an IPv6 address"),
        };
    }
    if !host.is_ascii() {
        return Err("browsers send a host in ASCII: write its `xn--` form");
    }
    let is_number = check_labels(host).ok_or("the host of an origin is a name or an IP address")?;
    // The URL standard reads a host whose last label is a number as an IPv4 address.
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err("the host of an origin is a name or an IP address");
    }
    Ok(())
}

/// Whether the last label is a number, if all labels are labels (RFC 1123, section 2.1; the
/// underscore is in use).
fn check_labels(host: &str) -> Option<bool> {
    let mut length = 0_u8;
    let mut is_number = true;
    for byte in host.bytes() {
        if byte == b'.' && length > 0 {
            length = 0;
            is_number = true;
        } else if (byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') && length < 63 {
            length += 1;
            is_number &= byte.is_ascii_digit();
        } else {
            return None;
        }
    }
    (length > 0 && host.len() <= 253).then_some(is_number)
}

/// Hosts that never leave the machine (RFC 6761, section 6.3; Secure Contexts, section 3.1).
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.rsplit('.').next().unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || host == "[::1]"
        || host
            .parse()
            .is_ok_and(|address: Ipv4Addr| address.is_loopback())
}
