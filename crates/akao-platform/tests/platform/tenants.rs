//! Tenants that go: their name is not free until nothing of them is left, and whoever was let in before does nothing in another
//! one that has it then.

use crate::{Ground, PASSWORD, custom_nodes::order};
use akao_platform::{Actor, Code, Deletion, Expected, Joined, PageRequest, delete_tenant};
use akao_step::Secret;
use akao_store::{Store, StoreError};
use serde_json::json;

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\nroot: { type: WaitForSignal, props: { signalName: go } }\n";

/// Makes the tenant `globex`; its owner.
fn made(ground: &Ground, operator: &Actor) -> Actor {
    let invited = ground.platform.make_tenant(operator, "globex", None, "bob@example.com", None).unwrap();
    let joined =
        Joined { code: invited.code, name: Some("Bob".to_owned()), password: Secret::new(PASSWORD), totp: None };
    Actor::clone(&ground.platform.join(&joined).unwrap().actor)
}

#[tokio::test]
async fn who_was_let_in_before_a_tenant_went_does_nothing_in_another_one_of_its_name() {
    let ground = Ground::new();
    let operator = ground.set_up().actor;
    let before = made(&ground, &operator);
    let store = Store::open(ground.folder.path()).unwrap();
    let deletion = Deletion { tenant: "globex".to_owned(), confirmed: "globex".to_owned(), cancels: false };
    let globex = delete_tenant(&store, None, &deletion, 1).unwrap().name;
    let page = PageRequest::new(None, None).unwrap();
    let told = ground.platform.audit(&operator, &page).unwrap().items;
    let told = told.iter().find(|line| line["what"] == "tenant.deletion_decided").unwrap();
    assert_eq!((&told["details"]["accounts"], &told["details"]["cancels"]), (&json!([before.user]), &json!(false)));
    let save = |actor: &Actor| ground.platform.save_workflow(actor, "waits", WAITS, &Expected::New).map(drop);
    assert_eq!(save(&before).unwrap_err().code, Code::NotFound);
    let refused = ground.platform.make_tenant(&operator, "globex", None, "bob@example.com", None).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::Conflict, "the tenant `globex` is being deleted already")
    );

    let gone: Result<(), StoreError> = store.write(|work| {
        while work.of(&globex).remove_some()? {}
        work.accounts().remove_tenant(&globex)
    });
    gone.unwrap();
    ground.later(1);
    let after = made(&ground, &operator);
    assert_eq!(save(&before).unwrap_err().code, Code::NotFound);
    let upload = ground.platform.add_custom_node(&before, order("1.0.0", "1")).await.unwrap_err();
    assert_eq!((upload.code, ground.nodes.made()), (Code::NotFound, 0), "nor is what was made of it kept");
    assert_eq!(ground.platform.workflows(&after, &page).unwrap().items, []);
    save(&after).unwrap();
    assert!(ground.platform.verify_audit(&after).unwrap().is_ok());
}
