//! Which call faults match a call, and which of those strikes it. Pure: what a rule remembers are
//! counts and a generator.

use std::sync::Arc;

use hsmsim_cluster::SetCallFault;
use hsmsim_network::{SimRng, stream};
use hsmsim_sim_config::{CallFault, CallProcess};

/// Where a rule comes from, with its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The cluster: all processes of the state directory have it.
    Cluster(u64),
    /// The file of this process alone; counted from 1.
    File(u64),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster(id) => write!(f, "{id}"),
            Self::File(id) => write!(f, "file:{id}"),
        }
    }
}

/// What a call is, as far as a rule may ask. Labels and ids are looked up only if one does.
pub(crate) trait Facts {
    fn function(&self) -> &'static str;
    fn slot(&self) -> u64;
    fn has_token(&self, label: &str) -> bool;
    fn session(&self) -> Option<u64>;
    fn mechanism(&self) -> Option<u64>;
    fn has_label(&self, label: &[u8]) -> bool;
    fn has_id(&self, id: &[u8]) -> bool;
}

/// Who the calling process is.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) pid: u32,
    pub(crate) program: String,
}

/// A call fault with what this process has seen of it.
pub(crate) struct Rule {
    pub(crate) origin: Origin,
    pub(crate) fault: Arc<CallFault>,
    /// Calls that matched.
    matched: u64,
    /// Those of them that `nth` lets through.
    counted: u64,
    /// Calls that it struck.
    struck: u64,
    chance: SimRng,
}

impl Rule {
    pub(crate) fn new(origin: Origin, fault: CallFault, seed: u64) -> Self {
        // Named after what it says, so that the same rule draws the same whatever its number is.
        let chance = stream(fault.seed.unwrap_or(seed), &format!("call fault {fault}"));
        Self { origin, fault: Arc::new(fault), matched: 0, counted: 0, struck: 0, chance }
    }

    fn matches(&self, facts: &dyn Facts, caller: &Caller) -> bool {
        let fault = &*self.fault;
        fault.strikes(facts.function())
            && fault.slot.is_none_or(|slot| slot == facts.slot())
            && fault.session.is_none_or(|session| Some(session) == facts.session())
            && fault.process.as_ref().is_none_or(|process| match process {
                CallProcess::Pid(pid) => *pid == caller.pid,
                CallProcess::Program(name) => *name == caller.program,
            })
            && fault.mechanism.as_ref().is_none_or(|it| Some(it.number) == facts.mechanism())
            && fault.token.as_ref().is_none_or(|label| facts.has_token(label))
            && fault.label.as_ref().is_none_or(|label| facts.has_label(label.as_bytes()))
            && fault.id.as_ref().is_none_or(|id| facts.has_id(id))
    }

    /// Counts a call that matches. Whether it may be struck.
    fn counts(&mut self) -> bool {
        self.matched += 1;
        if self.fault.nth.is_some_and(|range| !range.contains(self.matched)) {
            return false;
        }
        self.counted += 1;
        if self.fault.every.is_some_and(|every| !self.counted.is_multiple_of(every)) {
            return false;
        }
        // Drawn whether or not it may strike any more: `times` must not shift what follows.
        let drawn =
            self.fault.probability.is_none_or(|probability| self.chance.chance(probability));
        drawn && self.fault.times.is_none_or(|times| self.struck < times)
    }
}

/// The rules that hold in this process: those of its file, then those of the cluster.
pub(crate) struct Rules {
    caller: Caller,
    seed: u64,
    own: Vec<Rule>,
    /// What `shared` was made of.
    seen: Arc<Vec<SetCallFault>>,
    shared: Vec<Rule>,
}

impl Rules {
    pub(crate) fn new(caller: Caller, seed: u64, own: Vec<CallFault>) -> Self {
        let own = own.into_iter().zip(1..);
        let own = own.map(|(fault, id)| Rule::new(Origin::File(id), fault, seed)).collect();
        Self { caller, seed, own, seen: Arc::default(), shared: Vec::new() }
    }

    /// Takes over what is set in the cluster now. A rule that stays keeps its counts.
    pub(crate) fn follow(&mut self, set: Arc<Vec<SetCallFault>>) {
        if Arc::ptr_eq(&set, &self.seen) {
            return;
        }
        let mut before = std::mem::take(&mut self.shared);
        for SetCallFault { id, fault, .. } in set.iter() {
            let origin = Origin::Cluster(*id);
            let kept = before.iter().position(|rule| rule.origin == origin);
            let fresh = || Rule::new(origin, fault.clone(), self.seed);
            self.shared.push(kept.map_or_else(fresh, |index| before.swap_remove(index)));
        }
        self.seen = set;
    }

    /// The rule that strikes this call. Every rule that matches counts the call; the first that may
    /// strike does.
    pub(crate) fn strike(&mut self, facts: &dyn Facts) -> Option<(Origin, Arc<CallFault>)> {
        let mut struck: Option<(Origin, Arc<CallFault>)> = None;
        for rule in self.own.iter_mut().chain(&mut self.shared) {
            if rule.matches(facts, &self.caller) && rule.counts() && struck.is_none() {
                rule.struck += 1;
                struck = Some((rule.origin, Arc::clone(&rule.fault)));
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Call;

    impl Facts for Call {
        fn function(&self) -> &'static str {
            "C_Sign"
        }
        fn slot(&self) -> u64 {
            1
        }
        fn has_token(&self, label: &str) -> bool {
            label == "hsmsim-0"
        }
        fn session(&self) -> Option<u64> {
            Some(3)
        }
        fn mechanism(&self) -> Option<u64> {
            Some(0x1041)
        }
        fn has_label(&self, label: &[u8]) -> bool {
            label == b"web"
        }
        fn has_id(&self, id: &[u8]) -> bool {
            id == [1]
        }
    }

    /// Which of the calls 1 to 20 are struck.
    fn struck(rules: &[&str]) -> Vec<u64> {
        let faults = rules.iter().map(|text| text.parse().unwrap()).collect();
        let caller = Caller { pid: 9, program: "app".to_owned() };
        let mut rules = Rules::new(caller, 7, faults);
        (1..=20).filter(|_| rules.strike(&Call).is_some()).collect()
    }

    fn of(rule: &str) -> Vec<u64> {
        struck(&[&format!("C_Sign {rule} code=CKR_DEVICE_ERROR")])
    }

    #[test]
    fn every_condition_must_hold() {
        for rule in [
            "slot=1",
            "token=hsmsim-0",
            "mechanism=CKM_ECDSA",
            "mechanism=0x1041",
            "label=web",
            "id=01",
            "session=3",
            "process=9",
            "process=app",
            "label=web slot=1",
        ] {
            assert_eq!(of(rule).len(), 20, "{rule}");
        }
        for rule in [
            "slot=2",
            "token=hsmsim-1",
            "mechanism=CKM_RSA_PKCS",
            "label=we",
            "id=02",
            "session=1",
            "process=10",
            "process=ap",
            "label=web slot=2",
        ] {
            assert!(of(rule).is_empty(), "{rule}");
        }
        assert!(struck(&["C_Verify code=CKR_DEVICE_ERROR"]).is_empty());
        assert_eq!(struck(&["any delay=1s"]).len(), 20);
    }

    #[test]
    fn calls_are_chosen_by_number() {
        assert_eq!(of("nth=3"), [3]);
        assert_eq!(of("nth=3..5"), [3, 4, 5]);
        assert_eq!(of("nth=18.."), [18, 19, 20]);
        assert_eq!(of("every=7"), [7, 14]);
        assert_eq!(of("nth=3.. every=7"), [9, 16], "every seventh from the third on");
        assert_eq!(of("times=2"), [1, 2]);
        assert_eq!(of("every=5 times=3"), [5, 10, 15]);
    }

    #[test]
    fn the_same_seed_strikes_the_same_calls() {
        let seven = of("probability=0.3 seed=7");
        assert!((2..15).contains(&seven.len()), "{seven:?}");
        assert_eq!(of("probability=0.3 seed=7"), seven);
        assert_ne!(of("probability=0.3 seed=8"), seven);
        assert!(of("probability=0").is_empty());
        assert_eq!(of("probability=1").len(), 20);
        let twice = of("probability=0.3 seed=7 times=2");
        assert_eq!(twice.len(), 2);
    }

    #[test]
    fn the_first_rule_strikes_and_the_others_count_all_the_same() {
        let rules = ["C_Sign nth=2 code=CKR_DEVICE_ERROR", "C_Sign nth=2..3 delay=1s"];
        assert_eq!(struck(&rules), [2, 3]);
    }

    #[test]
    fn a_rule_that_stays_keeps_its_counts() {
        let caller = Caller { pid: 9, program: "app".to_owned() };
        let mut rules = Rules::new(caller, 7, Vec::new());
        let set = |id: u64, text: &str| SetCallFault {
            id,
            fault: text.parse().unwrap(),
            set_at_ns: 0,
            end_ns: None,
        };
        let third = || set(1, "C_Sign nth=3 code=CKR_DEVICE_ERROR");
        rules.follow(Arc::new(vec![third()]));
        assert!(rules.strike(&Call).is_none());
        rules.follow(Arc::new(vec![third(), set(2, "C_Verify delay=1s")]));
        assert!(rules.strike(&Call).is_none());
        assert_eq!(rules.strike(&Call).unwrap().0, Origin::Cluster(1));
        rules.follow(Arc::default());
        rules.follow(Arc::new(vec![third()]));
        assert!((0..2).all(|_| rules.strike(&Call).is_none()), "set anew it counts anew");
        assert!(rules.strike(&Call).is_some());
    }
}
