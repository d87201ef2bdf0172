//! Takes Rust source apart, as far as the rules need it: words, texts and signs without comments, and the paths of what
//! is imported. It is no parser: what the compiler refuses is not its matter.

/// A source file, taken apart.
pub struct Code {
    pub tokens: Vec<Token>,
    pub imports: Vec<Import>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    /// What stands between quotes.
    Text,
    /// Anything else: one sign, or `::`.
    Sign,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
    /// Whether it stands in a module that is compiled for tests alone.
    pub test: bool,
}

impl Token {
    /// Whether it is this word or sign.
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

/// A path to something of this crate, from the crate's root on.
#[derive(Debug)]
pub struct Import {
    pub path: Vec<String>,
    pub line: usize,
    pub test: bool,
}

impl Code {
    /// Takes the `text` of `module` apart.
    pub fn new(module: &[String], text: &str) -> Self {
        let mut tokens = tokens(text);
        let imports = imports(module, &mut tokens);
        Self { tokens, imports }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let from = at;
        let next = chars.get(at + 1).copied();
        let token = match chars[at] {
            '/' if next == Some('/') => {
                at = end(&chars, at, |rest| rest[0] == '\n');
                None
            }
            '/' if next == Some('*') => {
                at = comment_end(&chars, at);
                None
            }
            '"' => {
                at = text_end(&chars, at);
                Some((Kind::Text, from + 1, at - 1))
            }
            'r' | 'b' | 'c' if raw(&chars, at).is_some() => {
                let (quote, hashes) = raw(&chars, at).unwrap_or_default();
                at = raw_end(&chars, quote + 1, hashes);
                Some((Kind::Text, quote + 1, at - 1 - hashes))
            }
            '\'' => {
                at = quote_end(&chars, at);
                None
            }
            it if it.is_alphanumeric() || it == '_' => {
                at = end(&chars, at, |rest| {
                    !(rest[0].is_alphanumeric() || rest[0] == '_')
                });
                Some((Kind::Word, from, at))
            }
            ':' if next == Some(':') => {
                at += 2;
                Some((Kind::Sign, from, at))
            }
            it => {
                at += 1;
                (!it.is_whitespace()).then_some((Kind::Sign, from, at))
            }
        };
        if let Some((kind, first, last)) = token {
            tokens.push(Token {
                kind,
                text: chars[first..last.max(first)].iter().collect(),
                line,
                test: false,
            });
        }
        line += chars[from..at].iter().filter(|it| **it == '\n').count();
    }
    tokens
}

/// The first place from `at` on where `done` says so of the rest.
fn end(chars: &[char], at: usize, done: impl Fn(&[char]) -> bool) -> usize {
    (at..chars.len())
        .find(|at| done(&chars[*at..]))
        .unwrap_or(chars.len())
}

fn comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Behind the text that begins with the quote at `at`.
fn text_end(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Where a raw text that begins at `at` has its quote, and how many hashes; `None` if it is none.
fn raw(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let letters = chars[at..].iter().take_while(|it| "rbc".contains(**it));
    let hash = at + letters.count();
    let hashes = chars[hash..].iter().take_while(|it| **it == '#').count();
    let before = at.checked_sub(1).map(|before| chars[before]);
    let is_start = !before.is_some_and(|it| it.is_alphanumeric() || it == '_');
    let is_raw = chars[at..hash].contains(&'r');
    (is_start && is_raw && chars.get(hash + hashes) == Some(&'"'))
        .then_some((hash + hashes, hashes))
}

fn raw_end(chars: &[char], at: usize, hashes: usize) -> usize {
    let closes = |rest: &[char]| {
        rest[0] == '"'
            && rest[1..]
                .iter()
                .take(hashes)
                .filter(|it| **it == '#')
                .count()
                == hashes
    };
    (end(chars, at, closes) + 1 + hashes).min(chars.len())
}

/// Behind the character, or the quote of a lifetime, at `at`.
fn quote_end(chars: &[char], at: usize) -> usize {
    match chars[at..] {
        [_, '\\', _, ..] => end(chars, at + 3, |rest| rest[0] == '\'') + 1,
        [_, _, '\'', ..] => at + 3,
        _ => at + 1,
    }
}

/// The paths into this crate, and which tokens belong to tests.
fn imports(module: &[String], tokens: &mut [Token]) -> Vec<Import> {
    let mut imports = Vec::new();
    // The modules that are open: their name, the depth of their braces, and whether they are tests.
    let mut open: Vec<(String, usize, bool)> = Vec::new();
    let (mut depth, mut at) = (0_usize, 0);
    while at < tokens.len() {
        let test = open.last().is_some_and(|(_, _, test)| *test);
        tokens[at].test = test;
        let token = &tokens[at];
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth = depth.saturating_sub(1);
            open.retain(|(_, from, _)| *from < depth);
        } else if token.is("mod") && tokens.get(at + 2).is_some_and(|it| it.is("{")) {
            let name = tokens[at + 1].text.clone();
            open.push((name, depth, test || behind_cfg_test(&tokens[..at])));
            depth += 1;
            at += 2;
        } else if is_root(tokens, at) {
            let mut base = module.to_vec();
            base.extend(open.iter().map(|(name, _, _)| name.clone()));
            imports.extend(
                paths(&tokens[at..], &base)
                    .into_iter()
                    .map(|(path, line)| Import { path, line, test }),
            );
        }
        at += 1;
    }
    imports
}

/// Whether a path into this crate begins here.
fn is_root(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    let follows = tokens.get(at + 1).is_some_and(|it| it.is("::"));
    let inside = at > 0 && tokens[at - 1].is("::");
    follows
        && !inside
        && ["crate", "super", "self", "relgate"]
            .iter()
            .any(|it| token.is(it))
}

/// Whether the module that comes next has `#[cfg(test)]` before it.
fn behind_cfg_test(before: &[Token]) -> bool {
    let mut before = before;
    while let [rest @ .., last] = before
        && (last.is("pub") || last.is(")") || last.is("crate") || last.is("super") || last.is("("))
    {
        before = rest;
    }
    let attribute: String = before
        .iter()
        .rev()
        .take(7)
        .rev()
        .map(|it| it.text.as_str())
        .collect();
    attribute == "#[cfg(test)]"
}

/// The paths that begin with the first token, braces spread out; `base` is the module that they stand in.
fn paths(tokens: &[Token], base: &[String]) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut path: Vec<String> = match tokens[0].text.as_str() {
        "crate" | "relgate" => Vec::new(),
        "super" => base[..base.len().saturating_sub(1)].to_vec(),
        _ => base.to_vec(),
    };
    // The paths before the braces that are open.
    let mut braces: Vec<Vec<String>> = Vec::new();
    let mut last = tokens[0].line;
    let mut complete = false;
    for (at, token) in tokens.iter().enumerate().skip(1) {
        let goes_on = tokens[at - 1].is("::") || !braces.is_empty();
        if token.is("::") {
            complete = false;
        } else if token.is("super") && tokens[at - 1].is("::") {
            path.pop();
        } else if goes_on && (token.is("self") || token.is("*")) {
            (last, complete) = (token.line, true);
        } else if token.is("as") && !braces.is_empty() {
            found.push((path.clone(), last));
            complete = false;
            // The name that follows is taken back at the comma.
        } else if token.kind == Kind::Word && goes_on && !tokens[at - 1].is("as") {
            path.push(token.text.clone());
            (last, complete) = (token.line, true);
        } else if token.is("{") && tokens[at - 1].is("::") {
            braces.push(path.clone());
            complete = false;
        } else if token.is(",") && !braces.is_empty() {
            if std::mem::take(&mut complete) {
                found.push((path, last));
            }
            path = braces.last().cloned().unwrap_or_default();
        } else if token.is("}") && !braces.is_empty() {
            if std::mem::take(&mut complete) {
                found.push((path, last));
            }
            path = braces.pop().unwrap_or_default();
            if braces.is_empty() {
                return found;
            }
        } else if !(token.kind == Kind::Word && tokens[at - 1].is("as")) {
            break;
        }
    }
    if complete {
        found.push((path, last));
    }
    found
}
