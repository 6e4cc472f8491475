//! What a fault does to a link that carries messages all the same.

use hsmsim_network::{Distribution, ExtraDelay, Impairment, Loss};
use hsmsim_sim_config::Fault;

/// The impairments that a fault puts on each link it strikes.
pub(crate) fn impairments(fault: &Fault) -> Vec<Impairment> {
    let probability = fault.probability_param("probability").unwrap_or_default();
    let extra = fault.duration_param("extra").unwrap_or_default();
    match fault.spec.id {
        "link.delay" => vec![delay(fault)],
        "region.brownout" => {
            let lost = fault.probability_param("loss");
            [delay(fault)].into_iter().chain(lost.map(|lost| loss(fault, lost))).collect()
        }
        "link.loss" => vec![loss(fault, probability)],
        "link.duplicate" => vec![Impairment::Duplicate { probability }],
        "link.reorder" => vec![Impairment::Reorder { probability, by: extra }],
        "link.rate" => {
            let per_second = fault.count_param("per_second").unwrap_or_default();
            vec![Impairment::Rate { per_second }]
        }
        "link.corrupt" => vec![Impairment::Corrupt { probability }],
        "link.reset" => vec![Impairment::Reset { probability }],
        _ => Vec::new(),
    }
}

fn delay(fault: &Fault) -> Impairment {
    Impairment::Delay(ExtraDelay {
        base: fault.duration_param("extra").unwrap_or_default(),
        spread: fault.duration_param("spread").unwrap_or_default(),
        distribution: match fault.word_param("distribution") {
            Some("normal") => Distribution::Normal,
            Some("exponential") => Distribution::Exponential,
            Some("pareto") => Distribution::Pareto,
            _ => Distribution::Uniform,
        },
        correlation: fault.probability_param("correlation").unwrap_or_default(),
    })
}

fn loss(fault: &Fault, probability: f64) -> Impairment {
    let burst = fault.duration_param("burst").unwrap_or_default();
    Impairment::Loss(Loss { probability, burst })
}
