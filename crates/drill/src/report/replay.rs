//! The command line that repeats a run.

/// Words after which a PIN comes on the command lines of well-known programs.
const PIN_OPTIONS: [&str; 6] = ["--pin", "--so-pin", "--new-pin", "--puk", "--passin", "-p"];

/// The one line that repeats a run, quoted for a POSIX shell. `options`: what comes after `hsmsim`;
/// `application`: the program and its arguments, none for the drill's own. Of the application's
/// arguments those that follow an option for a PIN are left out: no PIN is ever written.
pub fn command(options: &[&str], application: &[String]) -> String {
    let mut words = vec!["hsmsim".to_owned()];
    words.extend(options.iter().map(|word| quoted(word)));
    if !application.is_empty() {
        words.push("--".to_owned());
        words.extend(masked(application).iter().map(|word| quoted(word)));
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    // Only a zero byte cannot be quoted, and no command line can hold one.
    shlex::try_quote(word).map_or_else(|_| word.replace('\0', ""), |quoted| quoted.into_owned())
}

fn masked(arguments: &[String]) -> Vec<String> {
    let mut follows = false;
    let mut masked = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let option = argument.split_once('=').map_or(argument.as_str(), |(option, _)| option);
        let is_option = PIN_OPTIONS.contains(&option);
        masked.push(match argument.find("pin-value=") {
            _ if follows => "PIN".to_owned(),
            _ if is_option && option.len() < argument.len() => format!("{option}=PIN"),
            // A PKCS#11 URI (RFC 7512): up to the next attribute.
            Some(at) => {
                let (before, value) = argument.split_at(at + "pin-value=".len());
                let after = value.find(['&', ';', '?']).map_or("", |end| &value[end..]);
                format!("{before}PIN{after}")
            }
            None => argument.clone(),
        });
        follows = is_option && option.len() == argument.len();
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_a_shell_would_split_is_quoted_and_comes_back_whole() {
        let options = ["drill", "run", "my drill's.toml", "--seed", "7"];
        let line = command(&options, &application(&["sh", "-c", "echo $HOME; ls | wc"]));
        let words = shlex::split(&line).unwrap();
        assert_eq!(words[1..6], options);
        assert_eq!(words[6..], ["--", "sh", "-c", "echo $HOME; ls | wc"]);
    }

    #[test]
    fn a_pin_is_never_written() {
        for arguments in [
            &["app", "--pin", "12345678", "--sign"][..],
            &["app", "--pin=12345678", "--sign"],
            &["app", "pkcs11:token=a?pin-value=12345678&x=y", "--sign"],
        ] {
            let line = command(&["drill"], &application(arguments));
            assert!(!line.contains("12345678") && line.contains("--sign"), "{line}");
        }
    }
}
