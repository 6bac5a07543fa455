//! GRUB's script language as words and signs.
//!
//! The rules are those of the [GRUB manual, "Writing full configuration files
//! directly"](https://www.gnu.org/software/grub/manual/grub/grub.html#Shell_002dlike-scripting):
//! single quotes keep everything, double quotes let `$` through, a backslash takes the next
//! character's meaning away, `#` starts a comment where a word could start.

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it stands; `quoted` text makes a word even when it is empty.
    Text { text: String, quoted: bool },
    /// A variable's value; unquoted ones are split at blanks.
    Variable { name: String, quoted: bool },
}

/// A word: pieces written without a blank between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) pieces: Vec<Piece>,
}

impl Word {
    /// The text, when the word is nothing but unquoted text: only such words are keywords.
    pub(crate) fn bare(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [
                Piece::Text {
                    text,
                    quoted: false,
                },
            ] => Some(text),
            _ => None,
        }
    }

    fn push_char(&mut self, c: char) {
        if let Some(Piece::Text {
            text,
            quoted: false,
        }) = self.pieces.last_mut()
        {
            text.push(c);
            return;
        }
        self.pieces.push(Piece::Text {
            text: c.into(),
            quoted: false,
        });
    }
}

/// What a script is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(Word),
    /// The end of a line, or `;`.
    End,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// The tokens of a script, each with its line from 1.
pub(crate) struct Tokens<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    line: u32,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            chars: text.chars().peekable(),
            line: 1,
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(c)
    }

    fn skip_blanks(&mut self) {
        while let Some(&c) = self.chars.peek() {
            match c {
                ' ' | '\t' | '\r' => {
                    self.bump();
                }
                '#' => {
                    while self.chars.peek().is_some_and(|c| *c != '\n') {
                        self.bump();
                    }
                }
                _ => return,
            }
        }
    }

    fn word(&mut self) -> Word {
        let mut word = Word::default();
        while let Some(&c) = self.chars.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | '{' | '}' => break,
                '\\' => {
                    self.bump();
                    match self.bump() {
                        Some('\n') | None => {}
                        Some(escaped) => word.pieces.push(Piece::Text {
                            text: escaped.into(),
                            quoted: true,
                        }),
                    }
                }
                '\'' => {
                    self.bump();
                    self.single_quoted(&mut word);
                }
                '"' => {
                    self.bump();
                    self.double_quoted(&mut word);
                }
                '$' => {
                    self.bump();
                    self.variable(&mut word, false);
                }
                c => {
                    self.bump();
                    word.push_char(c);
                }
            }
        }
        word
    }

    fn single_quoted(&mut self, word: &mut Word) {
        let mut text = String::new();
        while let Some(c) = self.bump() {
            if c == '\'' {
                break;
            }
            text.push(c);
        }
        word.pieces.push(Piece::Text { text, quoted: true });
    }

    fn double_quoted(&mut self, word: &mut Word) {
        let mut text = String::new();
        loop {
            match self.bump() {
                None | Some('"') => break,
                Some('\\') => match self.chars.peek() {
                    Some(&c @ ('$' | '"' | '\\')) => {
                        self.bump();
                        text.push(c);
                    }
                    Some('\n') => {
                        self.bump();
                    }
                    _ => text.push('\\'),
                },
                Some('$') => {
                    if !text.is_empty() {
                        word.pieces.push(Piece::Text {
                            text: std::mem::take(&mut text),
                            quoted: true,
                        });
                    }
                    self.variable(word, true);
                }
                Some(c) => text.push(c),
            }
        }
        // Also when it is empty: `""` is a word.
        word.pieces.push(Piece::Text { text, quoted: true });
    }

    /// What follows a `$`.
    fn variable(&mut self, word: &mut Word, quoted: bool) {
        let mut name = String::new();
        match self.chars.peek() {
            Some('{') => {
                self.bump();
                while let Some(&c) = self.chars.peek() {
                    if c == '\n' {
                        break;
                    }
                    self.bump();
                    if c == '}' {
                        break;
                    }
                    name.push(c);
                }
            }
            Some(&c @ ('?' | '*' | '@' | '#')) => {
                self.bump();
                name.push(c);
            }
            Some(c) if c.is_ascii_digit() => {
                while let Some(&c) = self.chars.peek().filter(|c| c.is_ascii_digit()) {
                    self.bump();
                    name.push(c);
                }
            }
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                while let Some(&c) = self
                    .chars
                    .peek()
                    .filter(|c| c.is_ascii_alphanumeric() || **c == '_')
                {
                    self.bump();
                    name.push(c);
                }
            }
            // A text to be translated: `$"…"`.
            Some('"') if !quoted => return,
            _ => {
                word.pieces.push(Piece::Text {
                    text: "$".to_owned(),
                    quoted,
                });
                return;
            }
        }
        word.pieces.push(Piece::Variable { name, quoted });
    }
}

impl Iterator for Tokens<'_> {
    type Item = (u32, Token);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.skip_blanks();
            let line = self.line;
            match self.chars.peek()? {
                '\n' | ';' | '|' | '&' => {
                    self.bump();
                    return Some((line, Token::End));
                }
                '{' => {
                    self.bump();
                    return Some((line, Token::Open));
                }
                '}' => {
                    self.bump();
                    return Some((line, Token::Close));
                }
                _ => {
                    let word = self.word();
                    // A backslash before the end of a line leaves nothing.
                    if !word.pieces.is_empty() {
                        return Some((line, Token::Word(word)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Tokens::new(text)
            .map(|(line, token)| match token {
                Token::End => format!("{line}:;"),
                Token::Open => format!("{line}:{{"),
                Token::Close => format!("{line}:}}"),
                Token::Word(word) => {
                    let pieces: Vec<_> = word
                        .pieces
                        .iter()
                        .map(|piece| match piece {
                            Piece::Text { text, quoted: true } => format!("'{text}'"),
                            Piece::Text { text, .. } => text.clone(),
                            Piece::Variable { name, quoted } => {
                                format!("${name}{}", if *quoted { "!" } else { "" })
                            }
                        })
                        .collect();
                    format!("{line}:{}", pieces.join("+"))
                }
            })
            .collect()
    }

    #[test]
    fn words_and_signs_are_told_apart() {
        assert_eq!(
            words("set a=\"x $b\\$ y\" # c {\nif [ -s $p/e ];then\\\n \\; 'q{\n}'$\"t\" }"),
            [
                "1:set",
                "1:a=+'x '+$b!+'$ y'",
                "1:;",
                "2:if",
                "2:[",
                "2:-s",
                "2:$p+/e",
                "2:]",
                "2:;",
                "2:then",
                "3:';'",
                "3:'q{\n}'+'t'",
                "4:}",
            ]
        );
        assert_eq!(
            words("a#b ${x y}$1z \"\""),
            ["1:a#b", "1:$x y+$1+z", "1:''"]
        );
    }
}
