//! Prints what a registry hive holds: `cargo run -p vmie-guest --example hive -- HIVE [LOG…]`.
#![allow(clippy::print_stdout, reason = "an example")]

use vmie_guest::registry::{Hive, Key};
use vmie_io::{Budget, FileSource, ReadAt};

fn walk(key: &Key<'_>, path: &str, depth: u32) {
    println!("{path}");
    match key.values() {
        Ok(values) => {
            for value in values {
                match value {
                    Ok(value) => println!(
                        "{path} : {} {:?} {}",
                        value.name(),
                        value.kind(),
                        value.data().len()
                    ),
                    Err(error) => println!("{path} ! {error}"),
                }
            }
        }
        Err(error) => println!("{path} ! {error}"),
    }
    match key.subkeys() {
        Ok(keys) if depth < 512 => {
            for key in keys {
                match key {
                    Ok(key) => {
                        let below = format!("{path}\\{}", key.name());
                        walk(&key, &below, depth.saturating_add(1));
                    }
                    Err(error) => println!("{path} ! {error}"),
                }
            }
        }
        Ok(_) => println!("{path} ! nested too deep"),
        Err(error) => println!("{path} ! {error}"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut names = std::env::args_os().skip(1);
    let hive = FileSource::open(names.next().ok_or("name a hive")?)?;
    let mut logs: Vec<Box<dyn ReadAt>> = Vec::new();
    for name in names {
        logs.push(Box::new(FileSource::open(name)?));
    }
    let hive = Hive::open(hive, logs, &Budget::default())?;
    println!("{:?}", hive.replayed());
    walk(&hive.root()?, "", 0);
    Ok(())
}
