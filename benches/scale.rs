//! How cost grows with what there is: objects, sessions, threads, devices, owed keys.
//!
//! `cargo bench -p hsmsim-benches --bench scale` measures every curve, each point in a process of its
//! own, and prints tables; `-- --help` lists what can be chosen. The process ends with 1 if a point
//! failed.

#![forbid(unsafe_code)]

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use clap::Parser;
use hsmsim_benches::{
    locate::fresh_module,
    output::{Output, as_given},
    scale::{
        chart,
        curve::{Curve, Measured, Point, TOPOLOGIES, table},
        load, owed,
        probe::Child,
    },
};

/// Measures how cost grows.
#[derive(Parser)]
struct Arguments {
    /// Only these curves
    curves: Vec<Curve>,
    /// Leaves out the sizes that take minutes
    #[arg(long)]
    quick: bool,
    /// Where the state of many objects lies; in memory a commit is free, and filling is fast
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    memory: PathBuf,
    /// Another build of hsmsim's module than the one beside this program; the command lies beside it
    #[arg(long, value_name = "PATH")]
    hsmsim: Option<PathBuf>,
    /// Writes all values to this file
    #[arg(long, value_name = "FILE")]
    json: Option<Output>,
    /// Draws the curves into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<Output>,
    /// Measures nothing: tells and draws what an earlier run wrote with --json
    #[arg(long, value_name = "FILE")]
    of: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    child: Child,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.child.probe {
        Some(probe) => arguments.child.run(probe).map(|values| println!("{values}")),
        None => scale(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn scale(arguments: &Arguments) -> Result<(), String> {
    let measured = match &arguments.of {
        Some(path) => earlier(&as_given(path))?,
        None => measure(arguments)?,
    };
    if let Some(file) = &arguments.json {
        file.write(serde_json::to_string_pretty(&measured).map_err(|error| error.to_string())?)?;
    }
    if let Some(file) = &arguments.svg {
        file.write(chart::svg(&measured))?;
    }
    Ok(())
}

/// What an earlier run has measured.
fn earlier(path: &Path) -> Result<Vec<Measured>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    let measured: Vec<Measured> = serde_json::from_str(&text).map_err(|error| told(&error))?;
    measured.iter().for_each(|curve| println!("{}", table(curve)));
    Ok(measured)
}

fn measure(arguments: &Arguments) -> Result<Vec<Measured>, String> {
    let module = arguments.hsmsim.clone().map_or_else(fresh_module, Ok)?;
    let chosen: &[Curve] =
        if arguments.curves.is_empty() { &Curve::ALL } else { &arguments.curves };
    let mut measured = Vec::with_capacity(chosen.len());
    for curve in chosen {
        let points = points(*curve, arguments, &module)?;
        let (title, axis) = curve.words();
        let curve = Measured { title: title.to_owned(), axis: axis.to_owned(), points };
        println!("{}", table(&curve));
        measured.push(curve);
    }
    Ok(measured)
}

fn points(curve: Curve, arguments: &Arguments, module: &Path) -> Result<Vec<Point>, String> {
    let sizes = curve.sizes(arguments.quick);
    // On the disk of the build, or in memory; each curve has a state of its own.
    let on_disk = || tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    let in_memory = || tempfile::tempdir_in(&arguments.memory);
    let directory = |directory: std::io::Result<tempfile::TempDir>| {
        directory.map_err(|error| format!("a state directory: {error}"))
    };
    let mut points = Vec::with_capacity(sizes.len());
    match curve {
        Curve::Objects => {
            let state = directory(in_memory())?;
            let here = Place { module, state: state.path(), topology: "instant" };
            let mut there_are = 0;
            for size in sizes {
                let mut fill = here.command("fill", size);
                fill.args(["--from", &there_are.to_string()]);
                let filled = here.values(fill)?;
                there_are = size;
                let mut values = here.values(here.command("objects", size))?;
                values.extend(filled);
                points.push(Point { size, values });
            }
            per_object(&mut points);
        }
        Curve::Sessions | Curve::Threads => {
            let probe = if curve == Curve::Sessions { "sessions" } else { "threads" };
            let here = Place { module, state: Path::new("memory"), topology: "instant" };
            for size in sizes {
                points.push(Point { size, values: here.values(here.command(probe, size))? });
            }
        }
        Curve::Makers => {
            for size in sizes {
                let state = directory(on_disk())?;
                let here = Place { module, state: state.path(), topology: "instant" };
                points.push(Point { size, values: here.values(here.command("makers", size))? });
            }
        }
        Curve::Topologies => {
            for topology in TOPOLOGIES {
                let state = directory(on_disk())?;
                let here = Place { module, state: state.path(), topology };
                // The first start makes the state; what is measured finds it.
                here.values(here.command("start", 0))?;
                let values = here.values(here.command("start", 0))?;
                points.push(Point { size: devices(topology)?, values });
            }
        }
        Curve::Owed => {
            let command = module.with_file_name("hsmsim");
            for size in sizes {
                let state = directory(on_disk())?;
                let here = Place { module, state: state.path(), topology: "ha-pair" };
                here.values(here.command("start", 0))?;
                let point = |probe: &str, size: u64| here.command(probe, size);
                points.push(owed::measure(size, &command, &point)?);
            }
        }
        Curve::Load => {
            let state = directory(on_disk())?;
            let topology = load::topology(state.path())?;
            let cluster = state.path().join("state");
            let here = Place { module, state: &cluster, topology: &topology };
            here.values(here.command("start", 0))?;
            let point = |probe: &str, size: u64| here.command(probe, size);
            let record = state.path().join("record");
            for size in sizes {
                points.push(load::measure(size, points.first(), &record, &point)?);
            }
        }
    }
    Ok(points)
}

/// What an object adds to the memory of a process that does not touch it.
fn per_object(points: &mut [Point]) {
    let memory = |point: &Point| {
        point.values.iter().find(|(name, _)| name == "resident, MiB").map(|(_, value)| *value)
    };
    let Some((first, base)) = points.first().and_then(|first| Some((first.size, memory(first)?)))
    else {
        return;
    };
    for point in points {
        let grown = memory(point).unwrap_or(base) - base;
        let each = grown * 1024.0 * 1024.0 / (point.size - first).max(1) as f64;
        point.values.push(("resident, B an object".to_owned(), each.max(0.0)));
    }
}

fn devices(topology: &str) -> Result<u64, String> {
    let topology =
        hsmsim_sim_config::Topology::shipped(topology).map_err(|error| error.to_string())?;
    Ok(topology.devices.len() as u64)
}

/// Where a point is measured.
struct Place<'a> {
    module: &'a Path,
    state: &'a Path,
    topology: &'a str,
}

impl Place<'_> {
    /// This program again, as the process of one point.
    fn command(&self, probe: &str, size: u64) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| "scale".into());
        let mut command = Command::new(program);
        command
            .args(["--child", probe, "--size", &size.to_string(), "--child-module"])
            .arg(self.module)
            .env("HSMSIM_STATE", self.state)
            .env("HSMSIM_CONFIG", self.topology);
        for name in ["HSMSIM_LOG", "HSMSIM_RECORD", "HSMSIM_TIME_SCALE"] {
            command.env_remove(name);
        }
        command
    }

    fn values(&self, mut command: Command) -> Result<Vec<(String, f64)>, String> {
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("a point on {}: {error}", self.topology))?;
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.trim())
            .map_err(|error| format!("a point on {}: {}, {error}", self.topology, output.status))
    }
}
