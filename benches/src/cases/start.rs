//! What an application waits for when it begins. A module is initialised once a process, so this
//! program runs itself: the child does what is asked, times it, and prints nanoseconds.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use cryptoki_sys::{CKA_LABEL, CKR_GENERAL_ERROR, CKU_USER};
use hsmsim_types::ReturnValue;

use super::{Runner, is};
use crate::{
    contender::Token,
    raw::Module,
    words::{Refusal, Result},
};

/// What a child times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Beginning {
    /// C_Initialize.
    Initialize,
    /// From C_Initialize to the end of the first search by label, with a session and a login between.
    FirstFind,
    /// C_Login and C_Logout, in a process that does nothing else.
    Login,
}

/// The child's own arguments.
#[derive(Clone, Debug, Args)]
pub struct Child {
    /// What is timed
    #[arg(long = "child", hide = true, requires_all = ["module", "label", "pin"])]
    pub beginning: Option<Beginning>,
    #[arg(long = "child-module", hide = true, id = "module")]
    module: Option<std::path::PathBuf>,
    #[arg(long = "child-label", hide = true, id = "label")]
    label: Option<String>,
    #[arg(long = "child-pin", hide = true, id = "pin")]
    pin: Option<String>,
    #[arg(long = "child-calls", hide = true, id = "calls", default_value_t = 1)]
    calls: u64,
}

/// C_Initialize in a fresh process.
pub fn initialize(token: &Token) -> Result<Runner> {
    one_a_process(token, Beginning::Initialize)
}

/// A fresh process up to what it first finds.
pub fn first_find(token: &Token) -> Result<Runner> {
    one_a_process(token, Beginning::FirstFind)
}

/// C_Login and C_Logout as a user, in a process of its own, as they concern all sessions of one.
pub fn login(token: &Token) -> Result<Runner> {
    let mut run = child(token, Beginning::Login);
    run(1)?;
    Ok(Box::new(run))
}

fn one_a_process(token: &Token, beginning: Beginning) -> Result<Runner> {
    let mut run = child(token, beginning);
    run(1)?;
    Ok(Box::new(move |calls| (0..calls).map(|_| run(1)).sum()))
}

/// Runs this program as a child that makes `calls` calls.
fn child(
    token: &Token,
    beginning: Beginning,
) -> impl FnMut(u64) -> Result<Duration> + Send + use<> {
    let credentials = token.credentials().clone();
    move |calls| {
        let lost = |reason: String| {
            eprintln!("{}: a child: {reason}", credentials.path.display());
            Refusal { function: "a fresh process", rv: ReturnValue(CKR_GENERAL_ERROR) }
        };
        let program = std::env::current_exe().map_err(|error| lost(error.to_string()))?;
        let value = beginning.to_possible_value().map(|value| value.get_name().to_owned());
        let output = Command::new(program)
            .args(["--child", value.as_deref().unwrap_or_default(), "--child-module"])
            .arg(&credentials.path)
            .args(["--child-label", &credentials.label, "--child-pin", &credentials.pin])
            .args(["--child-calls", &calls.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| lost(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let nanoseconds = text.lines().last().and_then(|line| line.parse().ok());
        nanoseconds.map(Duration::from_nanos).ok_or_else(|| lost(output.status.to_string()))
    }
}

impl Child {
    /// Does what was asked and says how long it took.
    ///
    /// # Errors
    /// A sentence about what refused.
    pub fn run(&self, beginning: Beginning) -> std::result::Result<Duration, String> {
        let (Some(path), Some(label), Some(pin)) = (&self.module, &self.label, &self.pin) else {
            return Err("a child needs module, label and PIN".to_owned());
        };
        let module = Module::load(path)?;
        self.time(beginning, module, label, pin).map_err(|refusal| refusal.to_string())
    }

    fn time(
        &self,
        beginning: Beginning,
        module: &'static Module,
        label: &str,
        pin: &str,
    ) -> Result<Duration> {
        let start = Instant::now();
        module.initialize()?;
        let initialized = start.elapsed();
        let slots = module.token_slots()?;
        let slot = slots.iter().find(|slot| slot.label == label).map_or(0, |slot| slot.slot);
        let session = module.open_session(slot)?;
        let taken = match beginning {
            Beginning::Initialize => initialized,
            Beginning::FirstFind => {
                session.login(CKU_USER, pin)?;
                session.find(&[is(CKA_LABEL, b"one of the crowd 50")], &mut [0; 2])?;
                start.elapsed()
            }
            Beginning::Login => {
                let start = Instant::now();
                for _ in 0..self.calls {
                    session.login(CKU_USER, pin)?;
                    session.logout()?;
                }
                start.elapsed()
            }
        };
        session.close()?;
        module.finalize()?;
        Ok(taken)
    }
}
