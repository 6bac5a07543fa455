//! GRUB's script language as a tree of commands.

use std::iter::Peekable;
use std::rc::Rc;

use super::token::{Token, Tokens, Word};

/// How deep blocks may nest. What `grub-mkconfig` writes nests five deep; recursion over the tree
/// stays far from the end of a stack.
const MAX_DEPTH: u32 = 32;
/// Commands that are taken of one script; a real one has some hundreds.
const MAX_COMMANDS: u32 = 50_000;
/// Problems that are noted of one script.
pub(crate) const MAX_PROBLEMS: usize = 16;

/// Something that is no script where it stands; GRUB skips it with a message, and so do we.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong: a clause.
    pub what: &'static str,
}

/// Commands, one after the other.
pub(crate) type Block = Rc<[Command]>;

/// A command.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Words, the first being the command's name; `menuentry` and `submenu` carry a block.
    Simple {
        words: Vec<Word>,
        block: Option<Block>,
        line: u32,
    },
    If {
        arms: Vec<(Block, Block)>,
        otherwise: Block,
    },
    /// `while`, or `until` with the condition turned around.
    While {
        condition: Block,
        body: Block,
        until: bool,
    },
    For {
        name: String,
        words: Vec<Word>,
        body: Block,
    },
    Function {
        name: String,
        body: Block,
    },
}

/// A script's commands, and what could not be understood.
pub(crate) fn parse(text: &str) -> (Block, Vec<Problem>) {
    let mut parser = Parser {
        tokens: Tokens::new(text).peekable(),
        line: 1,
        depth: 0,
        left: MAX_COMMANDS,
        problems: Vec::new(),
    };
    let mut all = Vec::new();
    loop {
        match parser.block(&[], false) {
            Ok(commands) => all.extend(commands),
            Err(Stop) => parser.skip_line(),
        }
        // Only a sign without its partner, or a problem, ends a block at the outermost level.
        if parser.left == 0 || parser.peek().is_none() {
            break;
        }
        if parser.peek() == Some(&Token::Close) || parser.at_keyword(CLOSERS) {
            parser.problem("it closes what was not opened");
            parser.next();
        }
    }
    (all.into(), parser.problems)
}

const CLOSERS: &[&str] = &["then", "elif", "else", "fi", "do", "done"];

/// The command cannot be understood; the problem is noted.
struct Stop;

struct Parser<'a> {
    tokens: Peekable<Tokens<'a>>,
    line: u32,
    depth: u32,
    left: u32,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<&Token> {
        self.tokens.peek().map(|(_, token)| token)
    }

    fn next(&mut self) -> Option<Token> {
        let (line, token) = self.tokens.next()?;
        self.line = line;
        Some(token)
    }

    fn problem(&mut self, what: &'static str) {
        if self.problems.len() < MAX_PROBLEMS {
            let line = self.tokens.peek().map_or(self.line, |(line, _)| *line);
            self.problems.push(Problem { line, what });
        }
    }

    fn stop<T>(&mut self, what: &'static str) -> Result<T, Stop> {
        self.problem(what);
        Err(Stop)
    }

    fn at_keyword(&mut self, words: &[&str]) -> bool {
        matches!(self.peek(), Some(Token::Word(word))
            if word.bare().is_some_and(|text| words.contains(&text)))
    }

    fn skip_ends(&mut self) {
        while matches!(self.peek(), Some(Token::End)) {
            self.next();
        }
    }

    /// Goes on after the line of a problem.
    fn skip_line(&mut self) {
        while let Some(token) = self.next() {
            if token == Token::End {
                return;
            }
        }
    }

    /// Commands up to one of `closers` (not taken), to `}` when `braced`, or to the end.
    fn block(&mut self, closers: &[&str], braced: bool) -> Result<Vec<Command>, Stop> {
        self.depth = self.depth.saturating_add(1);
        let result = if self.depth > MAX_DEPTH {
            self.stop("blocks nest too deep")
        } else {
            self.commands(closers, braced)
        };
        self.depth = self.depth.saturating_sub(1);
        result
    }

    fn commands(&mut self, closers: &[&str], braced: bool) -> Result<Vec<Command>, Stop> {
        let mut commands = Vec::new();
        loop {
            self.skip_ends();
            match self.peek() {
                None if closers.is_empty() && !braced => return Ok(commands),
                None => return self.stop("it is not closed before the end of the script"),
                Some(Token::Close) => return Ok(commands),
                Some(_) => {}
            }
            if self.at_keyword(CLOSERS) {
                if closers.is_empty() || self.at_keyword(closers) {
                    return Ok(commands);
                }
                return self.stop("a keyword stands where another is due");
            }
            if self.left == 0 {
                return self.stop("the script has too many commands");
            }
            self.left = self.left.saturating_sub(1);
            let depth = self.depth;
            match self.command() {
                Ok(command) => commands.push(command),
                // At the outermost level a bad command costs its line alone.
                Err(Stop) if depth == 1 && self.left > 0 => self.skip_line(),
                Err(Stop) => return Err(Stop),
            }
        }
    }

    fn command(&mut self) -> Result<Command, Stop> {
        let keyword = match self.peek() {
            Some(Token::Word(word)) => word.bare().unwrap_or_default().to_owned(),
            _ => return self.stop("a block stands where a command is due"),
        };
        match keyword.as_str() {
            "if" => self.if_command(),
            "while" | "until" => self.while_command(keyword == "until"),
            "for" => self.for_command(),
            "function" => self.function(),
            _ => self.simple(matches!(keyword.as_str(), "menuentry" | "submenu")),
        }
    }

    fn simple(&mut self, with_block: bool) -> Result<Command, Stop> {
        let line = self.tokens.peek().map_or(self.line, |(line, _)| *line);
        let mut words = Vec::new();
        let mut block = None;
        loop {
            match self.peek() {
                Some(Token::Word(_)) => {
                    if let Some(Token::Word(word)) = self.next() {
                        words.push(word);
                    }
                }
                Some(Token::Open) if with_block => {
                    block = Some(self.braces()?);
                    break;
                }
                Some(Token::Open) => return self.stop("a block stands where a word is due"),
                None | Some(Token::End | Token::Close) => break,
            }
        }
        Ok(Command::Simple { words, block, line })
    }

    fn braces(&mut self) -> Result<Block, Stop> {
        self.skip_ends();
        if !matches!(self.peek(), Some(Token::Open)) {
            return self.stop("a block is due");
        }
        self.next();
        let commands = self.block(&[], true)?;
        if !matches!(self.peek(), Some(Token::Close)) {
            return self.stop("the block is not closed");
        }
        self.next();
        Ok(commands.into())
    }

    fn keyword(&mut self, word: &str) -> Result<(), Stop> {
        if !self.at_keyword(&[word]) {
            return self.stop("a keyword is missing");
        }
        self.next();
        Ok(())
    }

    fn if_command(&mut self) -> Result<Command, Stop> {
        self.next();
        let mut arms = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let condition = self.block(&["then"], false)?;
            self.keyword("then")?;
            let body = self.block(&["elif", "else", "fi"], false)?;
            arms.push((condition.into(), body.into()));
            if self.at_keyword(&["elif"]) {
                self.next();
                continue;
            }
            if self.at_keyword(&["else"]) {
                self.next();
                otherwise = self.block(&["fi"], false)?;
            }
            self.keyword("fi")?;
            return Ok(Command::If {
                arms,
                otherwise: otherwise.into(),
            });
        }
    }

    fn while_command(&mut self, until: bool) -> Result<Command, Stop> {
        self.next();
        let condition = self.block(&["do"], false)?;
        self.keyword("do")?;
        let body = self.block(&["done"], false)?;
        self.keyword("done")?;
        Ok(Command::While {
            condition: condition.into(),
            body: body.into(),
            until,
        })
    }

    fn name(&mut self) -> Result<String, Stop> {
        if let Some(Token::Word(word)) = self.peek()
            && let Some(name) = word.bare().map(str::to_owned)
        {
            self.next();
            return Ok(name);
        }
        self.stop("a name is missing")
    }

    fn for_command(&mut self) -> Result<Command, Stop> {
        self.next();
        let name = self.name()?;
        self.keyword("in")?;
        let mut words = Vec::new();
        while let Some(Token::Word(_)) = self.peek() {
            if let Some(Token::Word(word)) = self.next() {
                words.push(word);
            }
        }
        self.skip_ends();
        self.keyword("do")?;
        let body = self.block(&["done"], false)?;
        self.keyword("done")?;
        Ok(Command::For {
            name,
            words,
            body: body.into(),
        })
    }

    fn function(&mut self) -> Result<Command, Stop> {
        self.next();
        let name = self.name()?;
        let body = self.braces()?;
        Ok(Command::Function { name, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(commands: &[Command]) -> String {
        let parts: Vec<String> = commands
            .iter()
            .map(|command| match command {
                Command::Simple { words, block, .. } => {
                    let name = words.first().and_then(Word::bare).unwrap_or("?");
                    match block {
                        Some(block) => format!("{name}{{{}}}", outline(block)),
                        None => name.to_owned(),
                    }
                }
                Command::If { arms, otherwise } => {
                    let arms: Vec<_> = arms
                        .iter()
                        .map(|(c, b)| format!("{}?{}", outline(c), outline(b)))
                        .collect();
                    format!("if({}:{})", arms.join("|"), outline(otherwise))
                }
                Command::While {
                    condition,
                    body,
                    until,
                } => format!("while{until}({}?{})", outline(condition), outline(body)),
                Command::For { name, words, body } => {
                    format!("for({name}/{}:{})", words.len(), outline(body))
                }
                Command::Function { name, body } => format!("fn {name}({})", outline(body)),
            })
            .collect();
        parts.join(";")
    }

    #[test]
    fn the_tree_follows_the_keywords() {
        let (commands, problems) = parse(
            "if a; then b; elif c\nthen\n d\nelse e; fi\nfunction f {\n g\n}\n\
             menuentry 'x' --id y {\n linux z\n if p ; then q; fi\n}\nfor i in 1 2; do h; done\nuntil k; do l; done; m",
        );
        assert_eq!(problems, []);
        assert_eq!(
            outline(&commands),
            "if(a?b|c?d:e);fn f(g);menuentry{linux;if(p?q:)};for(i/2:h);whiletrue(k?l);m"
        );
    }

    #[test]
    fn a_bad_command_costs_itself() {
        let (commands, problems) = parse("a\nfoo {\nb\n}\nfi\nc\n");
        assert_eq!(outline(&commands), "a;b;c");
        let what: Vec<_> = problems.iter().map(|p| (p.line, p.what)).collect();
        assert_eq!(
            what,
            [
                (2, "a block stands where a word is due"),
                (4, "it closes what was not opened"),
                (5, "it closes what was not opened"),
            ]
        );
        let (commands, problems) = parse("a\nif b; then c\n");
        assert_eq!(outline(&commands), "a");
        assert_eq!(
            problems[0].what,
            "it is not closed before the end of the script"
        );
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "if a; then ".repeat(100_000);
        let (commands, problems) = parse(&deep);
        assert!(outline(&commands).len() < 100);
        assert!(problems.iter().any(|p| p.what == "blocks nest too deep"));
    }
}
