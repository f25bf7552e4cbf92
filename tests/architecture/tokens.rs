//! The paths in the arguments or the definition of a macro: tokens that may turn out to be types,
//! expressions or neither.

use syn::{
    Ident, Token, UseTree, braced, bracketed,
    ext::IdentExt,
    parenthesized,
    parse::{ParseStream, Result},
    punctuated::Punctuated,
    token::{Brace, Bracket, Paren},
};

use crate::tree::{Segments, imports, name};

/// Every name counts as a path: most mean nothing to the module, and are dropped there.
pub(crate) fn paths(input: ParseStream<'_>) -> Result<Vec<Segments>> {
    let mut found = Vec::new();
    read(input, &mut found)?;
    Ok(found)
}

fn read(input: ParseStream<'_>, found: &mut Vec<Segments>) -> Result<()> {
    while !input.is_empty() {
        if input.peek(Paren) {
            let inside;
            parenthesized!(inside in input);
            read(&inside, found)?;
        } else if input.peek(Bracket) {
            let inside;
            bracketed!(inside in input);
            read(&inside, found)?;
        } else if input.peek(Brace) {
            let inside;
            braced!(inside in input);
            read(&inside, found)?;
        } else if input.peek(Token![$]) && !input.peek2(Token![crate]) {
            // A parameter, whose value is read where it is passed.
            skip(input)?;
            if input.peek(Ident::peek_any) {
                skip(input)?;
            }
        } else if input.peek(Token![::]) {
            // From another crate, or what follows a parameter.
            input.parse::<Token![::]>()?;
            if input.peek(Ident::peek_any) {
                path(input, &mut Vec::new())?;
            }
        } else if input.peek(Ident::peek_any) {
            path(input, found)?;
        } else {
            skip(input)?;
        }
    }
    Ok(())
}

fn skip(input: ParseStream<'_>) -> Result<()> {
    input.step(|cursor| match cursor.token_tree() {
        Some((_, rest)) => Ok(((), rest)),
        None => Err(cursor.error("a token")),
    })
}

fn path(input: ParseStream<'_>, found: &mut Vec<Segments>) -> Result<()> {
    let mut path = vec![name(&input.call(Ident::parse_any)?)];
    while input.peek(Token![::]) {
        input.parse::<Token![::]>()?;
        if input.peek(Ident::peek_any) {
            path.push(name(&input.call(Ident::parse_any)?));
        } else if input.peek(Brace) {
            return group(&path, input, found);
        } else {
            // `::<T>`, `::*`, or a parameter.
            break;
        }
    }
    found.push(path);
    Ok(())
}

/// `{a, b::C}` in a `use`, below `above`.
fn group(above: &[String], input: ParseStream<'_>, found: &mut Vec<Segments>) -> Result<()> {
    let inside;
    braced!(inside in input);
    let trees = Punctuated::<UseTree, Token![,]>::parse_terminated;
    if trees(&inside.fork()).is_err() {
        // It has parameters: at least the module is known.
        found.push(above.to_vec());
        return read(&inside, found);
    }
    for leaf in trees(&inside)?.iter().flat_map(imports) {
        let mut below = leaf.path;
        if below == ["self"] {
            below.clear();
        }
        found.push([above, &below].concat());
    }
    Ok(())
}
