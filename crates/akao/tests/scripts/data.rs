//! numpy, pandas and scipy as they are published: what scripts compute with them, what becomes of their values, and that they are no way out.

use crate::{
    bench::{Case, Ran, run_all, run_in_turn},
    desk::{Desk, users},
    environments::{desk_with_wheels, wheel},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Looks for what an earlier run may have left in the libraries, draws, then leaves all that it can.
const PLANT: &str = "import numpy as np, pandas as pd, random, scipy.stats
found = [name for name in ('planted',) if hasattr(np, name) or hasattr(pd, name) or hasattr(scipy.stats, name)]
found += ['sum'] if np.sum([1, 2]) != 3 else []
found += ['option'] if pd.get_option('display.max_rows') == 3 else []
found += ['errors'] if np.geterr()['divide'] == 'raise' else []
found += ['constant'] if np.pi > 4 or scipy.stats.norm.cdf(0) != 0.5 else []
frame = pd.DataFrame({'n': range(1_000_000)})
drawn = [np.random.rand(), np.random.default_rng().random(), random.random(), scipy.stats.norm.rvs(), int(frame.n.sample(1).iloc[0]), np.random.RandomState().rand()]
np.planted = pd.planted = scipy.stats.planted = 1
np.sum = lambda *_: 0
np.pi = 5
pd.set_option('display.max_rows', 3)
np.seterr(divide='raise')
scipy.stats.norm.cdf = lambda *_: 0
np.random.seed(1)
random.seed(1)
result = {'found': found, 'drawn': drawn}";

/// A script in the environment of the libraries.
fn data(script: &str) -> Case {
    Case::new(&format!("import numpy as np, pandas as pd, scipy\n{script}")).with("environment", json!("data"))
}

/// What a value becomes.
fn becomes(value: &str) -> Case {
    data(&format!("import datetime, decimal, scipy.stats, scipy.optimize, scipy.sparse\nresult = {value}"))
}

#[test]
#[ignore = "fetches a hundred megabytes of packages"]
fn numpy_pandas_and_scipy_serve_scripts_and_keep_their_rules() {
    for user in users() {
        let desk = Desk::new(user);
        let made = desk.akao(&["env", "create", "data", "--python", "--packages", "numpy,pandas,scipy", "--json"]);
        assert_eq!(made.code, 0, "{made:?}");
        let listed = desk.akao(&["env", "list"]);
        assert!(listed.out.contains("data") && listed.out.contains("numpy, pandas, scipy"), "{listed:?}");
        let locked = desk.akao(&["env", "list", "data"]);
        for name in ["numpy==", "pandas==", "scipy=="] {
            assert!(locked.out.contains(name) && locked.out.contains("--hash=sha256:"), "{locked:?}");
        }
        values_become_json(&desk);
        values_that_are_not_json_are_refused(&desk);
        hostile_uses_are_ended_by_name(&desk);
        runs_share_nothing(&desk);
        what_is_missing_is_told(&desk);
        assert_eq!(desk.akao(&["env", "remove", "data"]).code, 0);
        assert!(!desk.akao(&["env", "list", "--json"]).out.contains("numpy"));
        let gone = run_all(&desk, &[data("result = 1")]);
        assert_eq!(gone[0].error["message"], "there is no environment `data`", "{gone:?}");
        let left = std::fs::read_dir(desk.path("data/nodes/scripts/environments/sha256")).expect("contents").count();
        assert_eq!(left, 0, "what no environment has is gone");
    }
}

/// Asks for each value what it becomes.
fn assert_become(desk: &Desk, cases: &[(&str, Value)]) {
    let ran = run_all(desk, &cases.iter().map(|(value, _)| becomes(value)).collect::<Vec<_>>());
    for ((value, expected), ran) in cases.iter().zip(&ran) {
        assert_eq!(ran.result, *expected, "{value}: {ran:?}");
    }
}

fn values_become_json(desk: &Desk) {
    assert_become(
        desk,
        &[
            ("np.int64(5)", json!(5)),
            (
                "[np.float32(1.5), np.float64(0.1), np.longdouble('1.5'), np.bool_(True), np.str_('ö')]",
                json!([1.5, 0.1, 1.5, true, "ö"]),
            ),
            ("np.array([[1, 2], [3, 4]])", json!([[1, 2], [3, 4]])),
            (
                "[np.array(7), np.array([True]), np.array(['a']), np.zeros((2, 0)), np.array([b'hi'])]",
                json!([7, [true], ["a"], [[], []], ["aGk="]]),
            ),
            (
                "np.array([1, None, decimal.Decimal('1.10'), datetime.date(2026, 1, 2)], dtype=object)",
                json!([1, null, "1.10", "2026-01-02"]),
            ),
            ("np.ma.array([1, 2], mask=[False, True])", json!([1, null])),
            (
                "[np.datetime64('2026-01-02T03:04:05'), np.datetime64('NaT'), np.timedelta64(90, 's')]",
                json!(["2026-01-02T03:04:05", null, 90.0]),
            ),
            ("np.array(['2026-01-02', 'NaT'], dtype='datetime64[D]')", json!(["2026-01-02", null])),
            // The list of such an array would say nanoseconds since 1970.
            (
                "np.array([(1, '2026-01-02', 90)], dtype=[('n', int), ('at', 'M8[ns]'), ('for', 'm8[ns]')])",
                json!([{"n": 1, "at": "2026-01-02T00:00:00.000000000", "for": 9e-8}]),
            ),
            (
                "{np.int64(1): 'a', np.float64(2.5): 'b', np.datetime64('2026-01-02'): 'c', pd.Timestamp('2026-01-03'): 'd'}",
                json!({"1": "a", "2.5": "b", "2026-01-02": "c", "2026-01-03T00:00:00": "d"}),
            ),
            (
                "[pd.Timestamp('2026-01-02T03:04:05', tz='Europe/Berlin'), pd.Timedelta('1h'), pd.NaT, pd.NA, pd.Period('2026-01')]",
                json!(["2026-01-02T03:04:05+01:00", 3600.0, null, null, "2026-01"]),
            ),
        ],
    );
    let frame = "pd.DataFrame({'n': [1.5, None], 'at': pd.to_datetime(['2026-01-02', None]), 'word': ['a', None], 'kind': pd.Categorical(['u', 'v'])})";
    let rows = json!([{"n": 1.5, "at": "2026-01-02T00:00:00", "word": "a", "kind": "u"}, {"n": null, "at": null, "word": null, "kind": "v"}]);
    let cases = [
        ("FRAME", rows),
        ("FRAME.set_index('word')[['n']]", json!([{"word": "a", "n": 1.5}, {"word": null, "n": null}])),
        ("FRAME['n']", json!([1.5, null])),
        ("FRAME.groupby('kind', observed=True)['n'].count()", json!({"u": 1, "v": 0})),
        (
            "[FRAME['word'].unique(), FRAME['kind'].unique(), FRAME['at'].unique()]",
            json!([["a", null], ["u", "v"], ["2026-01-02T00:00:00", null]]),
        ),
        (
            "[FRAME.columns, pd.array([1, None]), pd.MultiIndex.from_tuples([(1, 'a')])]",
            json!([["n", "at", "word", "kind"], [1, null], [[1, "a"]]]),
        ),
        ("pd.Series([decimal.Decimal('1.10'), None])", json!(["1.10", null])),
        // What scipy's tests tell of themselves is more than their fields.
        ("scipy.stats.ttest_ind([1, 2, 3], [1, 2, 3])", json!({"statistic": 0.0, "pvalue": 1.0})),
        ("round(scipy.optimize.brentq(lambda x: x * x - 9, 0, 5), 6)", json!(3.0)),
        ("np.linalg.solve(np.array([[2.0, 0], [0, 4]]), [2, 4])", json!([1.0, 1.0])),
        ("scipy.sparse.eye(2).toarray()", json!([[1.0, 0.0], [0.0, 1.0]])),
    ];
    assert_become(
        desk,
        &cases.each_ref().map(|(value, expected)| (&*value.replace("FRAME", frame).leak(), expected.clone())),
    );
}

fn values_that_are_not_json_are_refused(desk: &Desk) {
    let beyond = "is a whole number beyond 2^53, which others would read inexactly; give it as text";
    let no_word = "which JSON has no word for; give None or text";
    let cases = [
        ("np.array([1.5, np.nan])", format!("`result[1]` is nan, {no_word}")),
        ("{'a': np.array([[0, -np.inf]])}", format!("`result.a[0][1]` is -inf, {no_word}")),
        ("np.longdouble('nan')", format!("`result` is nan, {no_word}")),
        ("np.array([1, 2**53])", format!("`result[1]` {beyond}")),
        ("np.uint64(2**64 - 1)", format!("`result` {beyond}")),
        ("pd.DataFrame({'n': [1, 2**60]})", format!("`result[1].n` {beyond}")),
        ("pd.Series([1.5, np.inf])", format!("`result[1]` is inf, {no_word}")),
        ("np.array([1 + 2j])", "`result[0]` is of the type complex, which JSON has no word for; make text or an object of it".to_owned()),
        ("np.timedelta64(3, 'M')", "`result` is a timedelta64 of months, which is no number of seconds; give `int(value)` or text".to_owned()),
        ("np.zeros(200_000_000, dtype='int8')", "`result` has 200000000 values; a result may have 130000".to_owned()),
        ("pd.DataFrame({'a': [1], 'b': [2]}).set_index('a', drop=False)", "`result` has an index that is called as a column is; rename it, or leave it out with `reset_index(drop=True)`".to_owned()),
        ("pd.DataFrame({'a': [1], 'b': [2], 'c': [3]}).groupby(['a', 'b']).c.sum()", "`result` has an index of several levels; make columns of them with `reset_index()`".to_owned()),
        ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", "`result[0]` has two keys that are \"a\" as text".to_owned()),
        ("scipy.sparse.eye(2).tocsr()", "`result` is of the type csr_matrix, which JSON has no word for; make text or an object of it".to_owned()),
    ];
    let ran = run_all(desk, &cases.each_ref().map(|(value, _)| becomes(value)));
    for ((value, message), ran) in cases.iter().zip(&ran) {
        assert_eq!((&ran.error["kind"], &ran.error["message"]), (&json!("user"), &json!(message)), "{value}: {ran:?}");
    }
}

/// A hostile script, the kinds by which it may end, and a part of what is then told.
const HOSTILE: &[(&str, &[&str], &str)] = &[
    (
        "x = []\nwhile True:\n    x.append(np.ones(1_000_000))",
        &["resource"],
        "the script reached its limit of memory, 128MB (line 4)",
    ),
    ("np.ones(10**13)", &["resource"], "the script reached its limit of memory, 128MB (line 2)"),
    (
        "x = np.ones((1000, 1000))\nwhile True:\n    x = np.concatenate([x, x])",
        &["resource"],
        "the script reached its limit of memory, 128MB (line 4)",
    ),
    (
        "pd.DataFrame({'a': range(10**8)}).merge(pd.DataFrame({'a': range(10**8)}), how='cross')",
        &["resource"],
        "the script reached its limit of memory",
    ),
    // One call of native code that no signal of Python's ends.
    ("np.convolve(np.ones(1_000_000), np.ones(1_000_000))", &["timeout"], "the script did not end within 2s"),
    (
        "import threading\nall = [threading.Thread(target=np.convolve, args=(np.ones(500_000), np.ones(500_000))) for _ in range(2)]\nfor one in all:\n    one.start()\nall[0].join()",
        &["timeout", "user"],
        "",
    ),
    (
        "import os\nfor _ in range(6):\n    os.fork()\nx = np.random.rand(300, 300)\nwhile True:\n    x = np.linalg.inv(x)",
        &["timeout", "resource"],
        "the script ",
    ),
    (
        "import ctypes, glob\nlibrary = ctypes.CDLL(glob.glob('/environment/site/numpy.libs/*openblas*')[0])\nname = next(name for name in ('scipy_openblas_set_num_threads64_', 'openblas_set_num_threads64_', 'openblas_set_num_threads') if hasattr(library, name))\ngetattr(library, name)(10_000)\nx = np.random.rand(700, 700)\nwhile True:\n    x = x @ x / np.linalg.norm(x)",
        &["timeout", "user", "resource"],
        "the script",
    ),
    (
        "np.lib.stride_tricks.as_strided(np.zeros(1), (10**8,))[:] = 1",
        &["user"],
        "the script's process was ended by SIGSEGV",
    ),
    ("np.load('/nowhere/x.npy', allow_pickle=True)", &["user"], "FileNotFoundError"),
    ("pd.read_pickle('/nowhere/x.pickle')", &["user"], "FileNotFoundError"),
    (
        "import pickle\nclass Evil:\n    def __reduce__(self):\n        return (__import__('subprocess').check_output, (['/usr/bin/id'],))\nnp.save('/tmp/x.npy', np.array([Evil()], dtype=object), allow_pickle=True)\nnp.load('/tmp/x.npy', allow_pickle=True)",
        &["user"],
        "PermissionError",
    ),
    ("pd.read_csv('http://169.254.169.254/latest/meta-data/')", &["user"], "URLError"),
    ("pd.read_csv('/etc/shadow')", &["user"], "FileNotFoundError"),
    ("pd.DataFrame({'a': [1]}).query('@pd.io.common.os.system(\"id\") == 0')", &["user", ""], ""),
    ("np.save('/environment/site/numpy/planted.npy', np.ones(1))", &["user"], "/environment/site/numpy/planted.npy'"),
    ("open(np.__file__, 'a')", &["user"], "/environment/site/numpy/__init__.py'"),
    ("np.memmap('/tmp/x', dtype='int8', mode='w+', shape=(10**10,))[:] = 1", &["user", "resource"], ""),
    (
        "import subprocess, sys\nsubprocess.run(['/usr/bin/env', sys.executable], check=True)",
        &["user"],
        "PermissionError",
    ),
    (
        "import ctypes\nctypes.memset(id(np.ones), 0, 64)\nnp.ones(1)",
        &["user"],
        "the script's process was ended by SIGSEGV",
    ),
];

/// What must hold after each of them.
const AFTER: &str = "import os\nassert not os.listdir('/tmp') and len(os.listdir('/proc/self/task')) == 1\n\
                     result = [float((np.eye(2) @ [1, 2]).sum()), int(pd.Series([1, 2]).sum()), hasattr(np, 'planted')]";

fn hostile_uses_are_ended_by_name(desk: &Desk) {
    let bounded = |script: &str| data(script).with("timeout", json!("2s")).with("memory", json!("128MB"));
    let cases: Vec<Case> = HOSTILE.iter().flat_map(|(script, ..)| [bounded(script), bounded(AFTER)]).collect();
    let ran = run_in_turn(desk, &cases);
    for ((script, kinds, part), ran) in HOSTILE.iter().zip(ran.chunks(2)) {
        let text = |name: &str| ran[0].error[name].as_str().unwrap_or_default();
        assert!(kinds.contains(&text("kind")) && text("message").contains(part), "{script}: {:?}", ran[0]);
        assert_eq!(ran[1].result, json!([3.0, 3, false]), "after {script}: {:?}", ran[1]);
    }
}

fn runs_share_nothing(desk: &Desk) {
    let runs = 5;
    let ran = run_in_turn(desk, &vec![Case::new(PLANT).with("environment", json!("data")); runs]);
    assert!(ran.iter().all(|ran| ran.result["found"] == json!([])), "{ran:?}");
    for at in 0..6 {
        assert_eq!(drawn(&ran, at), runs, "random numbers of one kind are the same in two runs: {at}, {ran:?}");
    }
}

/// How many different numbers were drawn in one of the ways.
fn drawn(ran: &[Ran], at: usize) -> usize {
    ran.iter().map(|ran| ran.result["drawn"][at].to_string()).collect::<BTreeSet<_>>().len()
}

fn what_is_missing_is_told(desk: &Desk) {
    let cases = [
        Case::new("import pandas"),
        Case::new("from scipy.stats import norm"),
        data("import sklearn"),
        data("import numpy.absent"),
    ];
    let ran = run_all(desk, &cases);
    let told = |at: usize| ran[at].error["detail"]["suggestion"].as_str().unwrap_or_default();
    for at in [0, 1] {
        assert_eq!(told(at), "The environment `data` has it: set `environment: data`.", "{ran:?}");
    }
    assert_eq!(
        told(2),
        "Make an environment that has it: `akao env create NAME --python --packages sklearn`.",
        "{ran:?}"
    );
    assert_eq!(ran[3].error["message"], "ModuleNotFoundError: No module named 'numpy.absent' (line 2)", "{ran:?}");
}

/// What numpy has of this, in a wheel that is made here: a state that the interpreter has drawn before the runs were forked.
#[test]
fn what_numpy_draws_is_seeded_anew_for_each_run() {
    let desk = desk_with_wheels(*users().last().expect("a user"));
    let code = "import os, sys, types\nrandom = types.ModuleType('numpy.random')\nsys.modules['numpy.random'] = random\n\
                def seed():\n    random.state = os.urandom(8).hex()\n\
                random.seed = seed\nrandom.state = 'of the interpreter'\n";
    wheel(&desk, "numpy", "1.0", code);
    let made = desk.akao(&["env", "create", "seeds", "--python", "--packages", "numpy"]);
    assert_eq!(made.code, 0, "{made:?}");
    let script =
        Case::new("import numpy\nresult = {'drawn': [numpy.random.state]}").with("environment", json!("seeds"));
    let ran = run_in_turn(&desk, &vec![script; 4]);
    assert_eq!(drawn(&ran, 0), 4, "{ran:?}");
    assert!(ran.iter().all(|ran| ran.result["drawn"][0] != "of the interpreter"), "{ran:?}");
}
