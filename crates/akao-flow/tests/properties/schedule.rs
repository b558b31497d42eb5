//! Random things that happen to an execution. What an action means depends on what is open when its turn comes, so that
//! every list of actions makes sense for every workflow.

use proptest::{collection::vec, prelude::*, sample::select};

/// What a driver, a person or a clock may do next.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A running leaf answers as its type says.
    Answer(usize),
    /// A running leaf answers something else: 0 success, 1 failure, 2 cancelled.
    AnswerWith(usize, u8),
    /// The earliest timer fires.
    Timer,
    /// Any timer fires; the clock has jumped.
    AnyTimer(usize),
    Signal(&'static str, Option<&'static str>),
    Task(usize, bool),
    Child(usize, u8),
    Load(usize, bool),
    Cancel(bool),
    Pause,
    Resume,
    Debug(bool),
    Stepped(u8),
    Breakpoint {
        node: usize,
        once: bool,
        condition: Option<&'static str>,
    },
    ClearBreakpoint(usize),
    Edit(&'static str, i64),
    /// Something that was answered before is answered again.
    Again(usize),
    /// An answer of the wrong kind, or for an operation that never was.
    Nonsense(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) debug: bool,
    pub(crate) breakpoint: Option<usize>,
    pub(crate) actions: Vec<Action>,
}

fn action() -> impl Strategy<Value = Action> {
    let pick = 0usize..8;
    prop_oneof![
        20 => pick.clone().prop_map(Action::Answer),
        6 => (pick.clone(), 0u8..3).prop_map(|(pick, how)| Action::AnswerWith(pick, how)),
        5 => Just(Action::Timer),
        2 => pick.clone().prop_map(Action::AnyTimer),
        4 => (select(vec!["s", "t"]), proptest::option::of(select(vec!["k", "l"]))).prop_map(|(name, key)| Action::Signal(name, key)),
        3 => (pick.clone(), any::<bool>()).prop_map(|(pick, approved)| Action::Task(pick, approved)),
        3 => (pick.clone(), 0u8..4).prop_map(|(pick, how)| Action::Child(pick, how)),
        3 => (pick.clone(), prop::bool::weighted(0.8)).prop_map(|(pick, well)| Action::Load(pick, well)),
        1 => prop::bool::weighted(0.3).prop_map(Action::Cancel),
        1 => Just(Action::Pause),
        2 => Just(Action::Resume),
        1 => any::<bool>().prop_map(Action::Debug),
        2 => (0u8..4).prop_map(Action::Stepped),
        1 => (0usize..40, any::<bool>(), proptest::option::of(select(vec!["a == 1", "item == 2", "1 == 1"])))
            .prop_map(|(node, once, condition)| Action::Breakpoint { node, once, condition }),
        1 => (0usize..40).prop_map(Action::ClearBreakpoint),
        1 => (select(vec!["a", "bb.b.c", "input.x", "steps.n1.outputs.result"]), 0i64..3).prop_map(|(path, value)| Action::Edit(path, value)),
        2 => pick.clone().prop_map(Action::Again),
        2 => pick.prop_map(Action::Nonsense),
    ]
}

pub(crate) fn schedule() -> impl Strategy<Value = Schedule> {
    let breakpoint = prop_oneof![4 => Just(None), 1 => (0usize..20).prop_map(Some)];
    (prop::bool::weighted(0.1), breakpoint, vec(action(), 0..40)).prop_map(|(debug, breakpoint, actions)| Schedule {
        debug,
        breakpoint,
        actions,
    })
}
