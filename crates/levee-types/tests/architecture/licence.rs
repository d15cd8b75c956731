//! Evaluates SPDX licence expressions: terms, `WITH`, `AND`, `OR` and parentheses, and the old `/`.
//! The grammar is that of annex D of the SPDX specification, without `+`.

/// Whether the licence lets us choose only terms out of `allowed`.
pub(crate) fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut tokens = Tokens { words: spaced.split_whitespace().collect(), next: 0 };
    let verdict = any(&mut tokens, allowed);
    verdict && tokens.peek().is_none()
}

struct Tokens<'a> {
    words: Vec<&'a str>,
    next: usize,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    fn take(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.next += 1;
        word
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        self.next += usize::from(is_next);
        is_next
    }
}

fn any(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut verdict = all(tokens, allowed);
    while tokens.take_if("OR") {
        verdict |= all(tokens, allowed);
    }
    verdict
}

fn all(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut verdict = term(tokens, allowed);
    while tokens.take_if("AND") {
        verdict &= term(tokens, allowed);
    }
    verdict
}

fn term(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    if tokens.take_if("(") {
        let verdict = any(tokens, allowed);
        return tokens.take_if(")") && verdict;
    }
    let Some(licence) = tokens.take() else { return false };
    let term = match (tokens.take_if("WITH"), tokens.peek()) {
        (true, Some(exception)) => {
            tokens.next += 1;
            format!("{licence} WITH {exception}")
        }
        (true, None) => return false,
        (false, _) => licence.to_owned(),
    };
    allowed.contains(&term)
}

#[test]
fn expressions_are_evaluated() {
    let allowed: Vec<String> =
        ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"].map(str::to_owned).to_vec();
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
        "GPL-3.0 AND GPL-2.0 OR MIT",
    ] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "GPL-3.0 WITH LLVM-exception",
        "MIT WITH",
        "(MIT",
        "MIT)",
        "MIT AND (GPL-3.0 OR GPL-2.0)",
        "MIT MIT",
    ] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}
