//! The name of a type as it is written: in descriptions of layers, and in causes for the log.
// A file of its own, because both problems and descriptions show it.

/// The name of a type, without the paths of its modules.
pub(crate) fn type_name<T: ?Sized>() -> String {
    without_paths(std::any::type_name::<T>())
}

/// `a::b::Jwt<c::Claims>` becomes `Jwt<Claims>`.
pub(crate) fn without_paths(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for piece in name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        out.push_str(piece.rsplit("::").next().unwrap_or(piece));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_paths;

    #[test]
    fn drops_the_paths_of_a_type_and_of_its_parameters() {
        let cases = [
            ("Jwt", "Jwt"),
            ("wythe::auth::Jwt<app::Claims>", "Jwt<Claims>"),
            ("a::B<(c::D, e::F<&g::H>)>", "B<(D, F<&H>)>"),
        ];
        for (name, short) in cases {
            assert_eq!(without_paths(name), short);
        }
    }
}
