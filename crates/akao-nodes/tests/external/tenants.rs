//! Processes of two tenants, or of two sets of grants, that try to meet.

use crate::{
    Case,
    ground::{Ground, Package, run},
    world::Server,
};
use serde_json::{Value, json};

pub(crate) const CASES: &[Case] = &[
    ("case_51_52_94_two_tenants_find_no_meeting_point", meeting_points),
    ("case_96_a_warm_process_serves_one_tenant_and_one_set_of_grants", warm),
];

/// Leaves a mark at every place where another process could find it; says which places took it.
const LEAVE: &str = r"
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), 'call')
    return 'done'
def file(path):
    with open(path, 'w') as f:
        f.write('mark')
def listen(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    KEPT.setdefault('sockets', []).append(s)
def shared():
    return call(29, 0x616b616f, 4096, 0o1666)
def queue():
    return call(68, 0x616b616f, 0o1666)
def named_queue():
    return call(240, b'akao', 0o102, 0o666, None)
out = {place: tried(file, place) for place in ['/tmp/mark', '/workspace/mark', '/dev/shm/mark', '/package/mark', '/var/tmp/mark', '/mark']}
out.update({'abstract': tried(listen, '\0akao-mark'), 'path': tried(listen, '/tmp/mark.socket'), 'port': tried(socket.create_server, ('127.0.0.1', 4712)).__class__.__name__,
    'shared': tried(shared), 'queue': tried(queue), 'named queue': tried(named_queue)})
KEPT['mark'] = True
";

/// Looks for the marks.
const LOOK: &str = r"
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), 'call')
    return 'done'
def reach(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
out = {place: os.path.exists(place) for place in ['/tmp/mark', '/workspace/mark', '/dev/shm/mark', '/package/mark', '/var/tmp/mark', '/mark', '/tmp/mark.socket']}
out.update({'abstract': tried(reach, '\0akao-mark') == 'done', 'path': tried(reach, '/tmp/mark.socket') == 'done',
    'shared': tried(call, 29, 0x616b616f, 4096, 0o666) == 'done', 'queue': tried(call, 68, 0x616b616f, 0o666) == 'done',
    'named queue': tried(call, 240, b'akao', 2, 0, None) == 'done', 'memory': 'mark' in KEPT})
";

fn meeting_points() {
    run(async {
        let ground = Ground::new();
        let server = Server::echo();
        ground.names.then("api.example", &["93.184.216.34"]);
        for package in [Package::acts(), Package::with_hosts(&[&format!("api.example:{}", server.port)])] {
            let step = |code: &str, tenant| ground.code(&package, code).of(tenant);
            let left = ground.run(step(LEAVE, "local")).await.result();
            for place in ["/tmp/mark", "/workspace/mark", "/dev/shm/mark"] {
                assert_eq!(left[place], "done", "the control takes a mark: {left}");
            }
            let own = ground.run(step(LOOK, "local")).await.result();
            assert_eq!(
                (&own["/tmp/mark"], &own["memory"]),
                (&json!(true), &json!(true)),
                "the control finds it: {own}"
            );
            let others = ground.run(step(LOOK, "neighbour")).await.result();
            for (place, found) in others.as_object().unwrap() {
                assert_eq!(*found, json!(false), "{place} is a meeting point; it was left: {left}");
            }
            for place in ["/package/mark", "/mark"] {
                assert_ne!(left[place], "done", "{place} can be written");
            }
        }
        // Neither sees, signals nor traces a process of the other.
        let both = |tenant| {
            ground
                .code(
                    &Package::acts(),
                    "KEPT['me'] = 1\nout = sorted(int(p) for p in os.listdir('/proc') if p.isdigit())",
                )
                .of(tenant)
        };
        let seen = [ground.run(both("local")).await.result(), ground.run(both("neighbour")).await.result()];
        assert!(seen.iter().all(|seen| seen.as_array().unwrap().len() == 1), "each sees itself alone: {seen:?}");
        let outside: Vec<u32> = ground.processes();
        let reach = format!(
            "out = [tried(os.kill, pid, 9) for pid in {outside:?}] + [tried(os.kill, -1, 0)] + [tried(open, '/proc/%d/environ' % pid) for pid in {outside:?}]"
        );
        let said = ground.run(ground.code(&Package::acts(), &reach).of("neighbour")).await;
        for said in said.result().as_array().unwrap() {
            assert!(["ESRCH", "EPERM", "ENOENT", "EACCES"].contains(&said.as_str().unwrap_or_default()), "{said}");
        }
        assert_eq!(ground.says(&Package::acts(), "out = KEPT.get('me')").await, 1, "the other still runs");
        ground.end().await;
    });
}

fn warm() {
    run(async {
        let ground = Ground::new();
        let remember = "KEPT.setdefault('seen', []).append(given['code'][-9:])\nout = len(KEPT['seen']) # ";
        let package = Package {
            permissions: json!([{"network.tcp": {"hosts": ["one.example:443"]}}, {"secrets": ["TOKEN"]}]),
            ..Package::acts()
        };
        let remember = remember.replace("given['code'][-9:]", "1");
        let step = |tenant: &'static str, grants: &[&str], secret: &str| {
            let mut step = ground.code(&package, &remember).of(tenant);
            step.grants = grants.iter().map(|grant| (*grant).to_owned()).collect();
            step.secrets.insert("TOKEN".into(), akao_step::Secret::new(secret));
            step
        };
        let usual = ["network.tcp=one.example:443", "secrets=TOKEN"];
        let wider = ["network.tcp=*.example:443", "network.tcp=one.example:443", "secrets=TOKEN"];
        let count = async |step| ground.run(step).await.result();
        assert_eq!(count(step("local", &usual, "token-of-one")).await, 1);
        assert_eq!(count(step("local", &usual, "token-of-one")).await, 2, "the control: the same is served again");
        assert_eq!(count(step("neighbour", &usual, "token-of-one")).await, 1, "another tenant");
        assert_eq!(count(step("local", &usual, "token-of-two")).await, 1, "another value of a secret");
        let wide = count(step("local", &wider, "token-of-one")).await;
        assert!(wide == 1 || wide == 3, "wider grants give no more than is asked for: {wide}");
        let other = ground.add(&Package { resources: "{ memory: 120MB, cpu: 1 }".into(), ..package.clone() });
        let content = crate::ground::Step { node: other, ..step("local", &usual, "token-of-one") };
        assert_eq!(count(content).await, 1, "another content");
        let pools: Vec<Value> = ground.nodes.snapshot().iter().map(|pool| json!(pool.tenant.as_str())).collect();
        assert!(pools.len() >= 4, "{pools:?}");
        ground.end().await;
    });
}
