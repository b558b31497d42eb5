//! What a process that runs gets to know: changes of what is installed, and what repositories say of it.

mod support;

use akao_install::{Watcher, disable, enable, note_offers, uninstall};
use akao_repository::Deprecation;
use std::{thread, time::Duration};
use support::{Ground, Publisher, id, package, start};

#[tokio::test]
async fn each_change_is_told_once_and_in_the_order_of_ids() {
    let ground = Ground::new();
    let mut watcher = Watcher::new(&ground.places).unwrap();
    let changed = |watcher: &mut Watcher| {
        let changed = watcher.changed().unwrap();
        changed.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(changed(&mut watcher).is_empty(), "nothing is installed");
    for name in ["lib", "enrich"] {
        package(&format!("com.example.{name}"), "1.0.0").write(&ground.path(name));
        ground.install(&format!("./{name}")).await;
    }
    assert_eq!(changed(&mut watcher), ["com.example.enrich", "com.example.lib"]);
    assert!(changed(&mut watcher).is_empty());
    let enrich = id("com.example.enrich");
    // The clocks of file systems are coarse, so that two changes may bear one time.
    for _ in 0..5 {
        disable(&ground.places, &enrich, "not now", start()).unwrap();
        assert_eq!(changed(&mut watcher), ["com.example.enrich"]);
        enable(&ground.places, &enrich, &ground.open(start()).await, start()).unwrap();
        assert_eq!(changed(&mut watcher), ["com.example.enrich"]);
    }
    package("com.example.enrich", "1.1.0").write(&ground.path("enrich"));
    ground.install("./enrich").await;
    assert_eq!(changed(&mut watcher), ["com.example.enrich"]);
    uninstall(&ground.places, &id("com.example.lib"), None, &[], false, start()).unwrap();
    assert_eq!(changed(&mut watcher), ["com.example.lib"]);
    // When the folders have been quiet for a while a look is short, and the next change is seen all the same.
    thread::sleep(Duration::from_millis(2_200));
    assert!(changed(&mut watcher).is_empty() && changed(&mut watcher).is_empty());
    disable(&ground.places, &enrich, "not now", start()).unwrap();
    assert_eq!(changed(&mut watcher), ["com.example.enrich"]);
}

#[tokio::test]
async fn what_a_repository_offers_is_noted_and_does_not_make_a_plan_wrong() {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    let enrich = id("com.example.enrich");
    publisher.publish(&package("com.example.enrich", "1.0.0"), start());
    publisher.add_to(&ground, "main", &["com.example"], true);
    ground.install("com.example.enrich").await;
    let record = || ground.installed().record(&enrich).unwrap().unwrap();
    note_offers(&ground.places, &ground.open(start()).await).unwrap();
    assert_eq!((record().update(), record().offered.unwrap().warning), (None, None));

    publisher.publish(&package("com.example.enrich", "1.1.0"), start());
    let successor = id("com.example.enrich-next");
    let word = Deprecation { reason: "it is slow", successor: Some(&successor) };
    publisher.folder.deprecate(&enrich, None, Some(&word), publisher.keys(), start()).unwrap();
    let plan = ground.update_at(&[], false, start()).await;
    let warning = "it is slow. Use com.example.enrich-next instead.";
    assert_eq!(plan.packages[0].warning.as_deref(), Some(warning));
    note_offers(&ground.places, &ground.open(start()).await).unwrap();
    assert_eq!(record().update(), Some(&"1.1.0".parse().unwrap()));
    assert_eq!(record().offered.unwrap().warning.as_deref(), Some(warning));
    // The plan was made before that was noted.
    ground.agree(&plan).await;
    note_offers(&ground.places, &ground.open(start()).await).unwrap();
    assert_eq!((record().active.to_string(), record().update()), ("1.1.0".to_owned(), None));

    // A repository that cannot be opened takes back nothing.
    std::fs::remove_dir_all(publisher.folder.dir()).unwrap();
    note_offers(&ground.places, &ground.open(start()).await).unwrap();
    assert_eq!(record().offered.unwrap().warning.as_deref(), Some(warning));
}
