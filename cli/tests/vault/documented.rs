//! docs/cli.md says what the program says: every command in it is run, and every line that it prints is there.

use crate::sandbox::Sandbox;

const DOCUMENT: &str = include_str!("../../../docs/cli.md");
/// Set: the document's examples are printed as they should be.
const PRINT: &str = "MAINSTAY_PRINT_EXAMPLES";

/// A command, what the document says that it prints, and the exit status that it ends with.
struct Example {
    command: String,
    said: String,
    status: i32,
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let blocks = DOCUMENT.split("```console\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    for line in blocks.flat_map(str::lines) {
        if let Some(command) = line.strip_prefix("$ ") {
            let (command, status) = command.split_once("  # exit status ").unwrap_or((command, "0"));
            let status = status.parse().unwrap();
            examples.push(Example { command: command.to_owned(), said: String::new(), status });
        } else {
            let said = &mut examples.last_mut().unwrap().said;
            said.push_str(line);
            said.push('\n');
        }
    }
    examples
}

/// The folder in which the document's commands are given.
async fn scene() -> Sandbox {
    let sandbox = Sandbox::with_till().await;
    sandbox.sign_in("damaged", "ada").await;
    sandbox.damage("damaged", ".session");
    sandbox.sign_in("repaired", "ada").await;
    sandbox.set_aside("repaired").await;
    sandbox
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_document_prints_what_stands_below_it() {
    let sandbox = scene().await;
    let examples = examples();
    assert!(examples.len() >= 8, "{} examples", examples.len());
    for example in examples {
        let words: Vec<&str> = example.command.split(' ').collect();
        assert_eq!(words[0], "mainstay");
        let said = sandbox.mainstay(&words[1..]);
        let printed = format!("{}{}", said.out, said.err);
        if std::env::var_os(PRINT).is_some() {
            println!("$ {}\n{printed}[{}]", example.command, said.status);
            continue;
        }
        assert_eq!(said.status, example.status, "{}: {printed}", example.command);
        // An example may leave lines out: `…` stands for them.
        let mut rest = printed.as_str();
        for part in example.said.split("…\n") {
            let at =
                rest.find(part).unwrap_or_else(|| panic!("{} prints\n{printed}\nand not\n{part}", example.command));
            assert!(at == 0 || example.said.contains("…\n"), "{} prints more: {printed}", example.command);
            rest = &rest[at + part.len()..];
        }
        assert!(rest.is_empty() || example.said.ends_with("…\n"), "{} also prints {rest}", example.command);
    }
}

/// The negative control: an example with one letter changed is not what the program prints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_not_true_is_noticed() {
    let sandbox = scene().await;
    for example in examples().iter().filter(|it| it.said.lines().any(|line| line != "…")) {
        let words: Vec<&str> = example.command.split(' ').collect();
        let said = sandbox.mainstay(&words[1..]);
        let wrong = example.said.replacen(|letter: char| letter.is_ascii_lowercase(), "Q", 1);
        assert!(
            !format!("{}{}", said.out, said.err).contains(wrong.split("…\n").next().unwrap()) || wrong.starts_with("…")
        );
    }
}

#[test]
fn each_command_is_in_the_document_and_has_help_and_completions() {
    let sandbox = Sandbox::new();
    for command in ["login", "token", "curl-config", "status", "logout"] {
        assert!(DOCUMENT.contains(&format!("\nmainstay {command}")), "{command} is not in docs/cli.md");
        let help = sandbox.mainstay(&[command, "--help"]);
        assert!(help.status == 0 && help.out.contains("--key-folder") && help.out.contains("--as"), "{}", help.out);
    }
    for command in ["status", "verify", "export", "restore"] {
        assert!(DOCUMENT.contains(&format!("$ mainstay vault {command}")), "{command} is not in docs/cli.md");
        let help = sandbox.mainstay(&["vault", command, "--help"]);
        assert!(help.status == 0 && help.out.contains("--json") && help.out.contains("<FOLDER>"), "{}", help.out);
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = sandbox.mainstay(&["completions", shell]);
        assert!(said.status == 0 && said.out.contains("key-folder"), "{shell}: {}", said.err);
    }
    assert_eq!(sandbox.mainstay(&["--version"]).out, format!("mainstay {}\n", env!("CARGO_PKG_VERSION")));
    for nonsense in [&["vault"][..], &["vault", "status"], &["vault", "status", "a", "b"], &["vault", "burn", "a"], &[]]
    {
        assert_eq!(sandbox.mainstay(nonsense).status, 2, "{nonsense:?}");
    }
}
