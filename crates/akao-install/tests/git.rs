//! Git repositories as sources: real ones, made here, sound and hostile.

mod support;

use akao_install::{Candidate, CandidateError, Git, GitError, GitLimits, InstalledSource, Source};
use akao_package::ArchiveLimits;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use support::{Ground, Repo, git, package};

fn fetch(address: &str, git: &Git, work: &Path) -> Result<Candidate, CandidateError> {
    let Ok(Source::Git(source)) = Source::parse(address, Path::new("/")) else { panic!("{address}") };
    Candidate::from_git(&source, git, work, &ArchiveLimits::default())
}

fn refused(repo: &Repo, ground: &Ground) -> GitError {
    match fetch(&format!("{}#main", repo.address()), &ground.git, &ground.places.cache()) {
        Err(CandidateError::Git(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A repository with a package in it at two commits, the first of which has the tag `v1`.
fn repo(ground: &Ground) -> (Repo, [String; 2]) {
    let repo = Repo::new(ground.path("repo"));
    package("com.example.enrich", "1.0.0").write_into(&repo.folder);
    let first = repo.commit();
    repo.git(&["tag", "--annotate", "--message=x", "v1"]);
    package("com.example.enrich", "1.1.0").write_into(&repo.folder);
    package("com.example.below", "3.0.0").write_into(&repo.folder.join("nodes/below"));
    let second = repo.commit();
    (repo, [first, second])
}

#[test]
fn a_branch_a_tag_a_commit_and_a_folder_are_found() {
    let ground = Ground::new();
    let (repo, [first, second]) = repo(&ground);
    let at = repo.address();
    for (fragment, expected, commit) in [
        (String::new(), "com.example.enrich 1.1.0", &second),
        ("#main".into(), "com.example.enrich 1.1.0", &second),
        ("#v1".into(), "com.example.enrich 1.0.0", &first),
        ("#refs/tags/v1".into(), "com.example.enrich 1.0.0", &first),
        (format!("#{first}"), "com.example.enrich 1.0.0", &first),
        ("#main:nodes/below".into(), "com.example.below 3.0.0", &second),
        ("#:nodes/below/".into(), "com.example.below 3.0.0", &second),
    ] {
        let candidate = fetch(&format!("{at}{fragment}"), &ground.git, &ground.places.cache()).unwrap();
        let manifest = candidate.manifest();
        assert_eq!(format!("{} {}", manifest.id, manifest.version), expected, "{fragment}");
        let InstalledSource::Git { commit: found, .. } = &candidate.source else { panic!() };
        assert_eq!(found, commit, "{fragment}");
    }
    assert_eq!(fs::read_dir(ground.places.cache()).unwrap().count(), 0, "something is left");
}

#[test]
fn a_commit_is_the_package_that_its_folder_is() {
    let ground = Ground::new();
    let repo = Repo::new(ground.path("repo"));
    package("com.example.enrich", "1.0.0").write_into(&repo.folder);
    repo.commit();
    let from_git = fetch(&repo.address(), &ground.git, &ground.places.cache()).unwrap();
    let from_folder = Candidate::from_folder(&repo.folder, &ArchiveLimits::default()).unwrap();
    assert_eq!(from_git.archive.digest(), from_folder.archive.digest());
}

#[test]
fn what_is_not_there_is_told() {
    let ground = Ground::new();
    let (repo, [first, _]) = repo(&ground);
    let at = repo.address();
    let missing = "0123456789012345678901234567890123456789";
    for (address, told) in [
        (format!("{at}#nowhere"), "cannot fetch"),
        (format!("{at}#{missing}"), "cannot fetch"),
        (format!("{at}#{}", &first[..10]), "cannot fetch"),
        (format!("{at}-none"), "cannot fetch"),
        (format!("{at}#main:nodes/other"), "has no folder `nodes/other`"),
        (format!("{at}#main:LICENSE"), "has no folder `LICENSE`"),
    ] {
        let error = fetch(&address, &ground.git, &ground.places.cache()).unwrap_err();
        assert!(error.to_string().contains(told), "{address}: {error}");
        assert!(!error.suggestion().is_empty());
    }
    let error = fetch(&format!("{at}#main:nodes"), &ground.git, &ground.places.cache()).unwrap_err();
    assert!(matches!(error, CandidateError::Pack { .. }), "{error}");
}

#[test]
fn a_branch_that_is_called_like_a_commit_is_not_taken_for_it() {
    let ground = Ground::new();
    let (repo, _) = repo(&ground);
    let name = "0123456789012345678901234567890123456789";
    repo.git(&["update-ref", &format!("refs/heads/{name}"), "HEAD"]);
    let error = fetch(&format!("{}#{name}", repo.address()), &ground.git, &ground.places.cache()).unwrap_err();
    assert!(error.to_string().contains("is not a commit") || error.to_string().contains("cannot fetch"), "{error}");
}

#[test]
fn links_submodules_and_files_kept_elsewhere_are_refused_by_their_path() {
    let ground = Ground::new();
    let (linked, with_submodule, lfs) =
        (Repo::new(ground.path("a")), Repo::new(ground.path("b")), Repo::new(ground.path("c")));
    for repo in [&linked, &with_submodule, &lfs] {
        package("com.example.enrich", "1.0.0").write_into(&repo.folder);
    }
    std::os::unix::fs::symlink("/etc/passwd", linked.folder.join("resources")).unwrap();
    linked.commit();
    let error = refused(&linked, &ground);
    assert!(
        matches!(&error, GitError::Content { path, problem, .. } if path == "resources" && problem == "is a link"),
        "{error}"
    );

    let other = Repo::new(ground.path("other"));
    package("com.example.other", "1.0.0").write_into(&other.folder);
    other.commit();
    with_submodule.git(&["submodule", "--quiet", "add", &format!("file://{}", other.folder.display()), "parts/other"]);
    with_submodule.commit();
    let error = refused(&with_submodule, &ground);
    assert!(
        matches!(&error, GitError::Content { path, problem, .. } if path == "parts/other" && problem.contains("submodule")),
        "{error}"
    );

    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    fs::write(lfs.folder.join("model.bin"), pointer).unwrap();
    lfs.commit();
    let error = refused(&lfs, &ground);
    assert!(
        matches!(&error, GitError::Content { path, problem, .. } if path == "model.bin" && problem.contains("LFS")),
        "{error}"
    );
}

#[test]
fn names_that_no_checkout_would_make_are_refused() {
    let ground = Ground::new();
    let names = ["..", ".git", ".GIT", ".git ", "git~1", "a\u{1b}[31m", "a\nb", "a\\b", "e\u{202e}f"];
    for (at, name) in names.into_iter().enumerate() {
        let repo = Repo::new(ground.path(&format!("repo{at}")));
        let blob = repo.blob("x");
        repo.commit_tree(&[format!("100644 blob {blob}\t{name}")]);
        let error = refused(&repo, &ground).to_string();
        // What git itself refuses when it looks at what arrives is refused before we see it.
        let told = ["cannot fetch", "its name", "leads out", "git's own"].iter().any(|told| error.contains(told));
        assert!(told && !error.contains('\u{1b}') && !error.contains('\n'), "{name:?}: {error:?}");
    }
    let repo = Repo::new(ground.path("above"));
    let (blob, inner) = (repo.blob("x"), Repo::new(ground.path("inner")));
    drop(inner);
    let tree = repo.with_input(&["mktree", "-z"], format!("100644 blob {blob}\tfile").as_bytes());
    repo.commit_tree(&[format!("040000 tree {tree}\t..")]);
    assert!(matches!(refused(&repo, &ground), GitError::Refused { .. } | GitError::Content { .. }));
    assert!(!ground.path("file").exists() && !ground.places.cache().join("file").exists());
}

#[test]
fn names_that_are_one_where_capitals_do_not_count_are_refused() {
    let ground = Ground::new();
    let repo = Repo::new(ground.path("repo"));
    package("com.example.enrich", "1.0.0").write_into(&repo.folder);
    fs::write(repo.folder.join("Data.txt"), "a").unwrap();
    fs::write(repo.folder.join("data.txt"), "b").unwrap();
    repo.commit();
    let error = fetch(&repo.address(), &ground.git, &ground.places.cache()).unwrap_err();
    let CandidateError::Pack { source, .. } = error else { panic!("{error}") };
    assert!(source.to_string().contains("where capitals do not count"), "{source}");
}

#[test]
fn no_filter_hook_or_attribute_of_a_repository_takes_part() {
    let ground = Ground::new();
    let repo = Repo::new(ground.path("repo"));
    let trace = ground.path("ran");
    let script = format!("#!/bin/sh\necho ran >> {}\n", trace.display());
    package("com.example.enrich", "1.0.0").write_into(&repo.folder);
    fs::write(repo.folder.join(".gitattributes"), "* filter=evil ident text eol=crlf export-subst\n").unwrap();
    fs::write(repo.folder.join("words.txt"), "$Id$ $Format:%H$\n").unwrap();
    repo.commit();
    for hook in ["post-checkout", "reference-transaction", "post-upload-pack", "pre-auto-gc"] {
        let hook = repo.folder.join(".git/hooks").join(hook);
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, &script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let evil = ground.path("evil.sh");
    fs::write(&evil, &script).unwrap();
    fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
    let evil = evil.display().to_string();
    repo.git(&["config", "filter.evil.smudge", &evil]);
    repo.git(&["config", "core.fsmonitor", &evil]);
    repo.git(&["config", "uploadpack.packObjectsHook", &evil]);
    let candidate = fetch(&repo.address(), &ground.git, &ground.places.cache()).unwrap();
    assert_eq!(&*candidate.archive.file("words.txt").unwrap(), &b"$Id$ $Format:%H$\n"[..]);
    assert!(!trace.exists(), "{}", fs::read_to_string(&trace).unwrap_or_default());
}

#[test]
fn the_environment_of_git_is_what_it_is_given() {
    let ground = Ground::new();
    let (repo, _) = repo(&ground);
    let mut git = git();
    for (name, value) in [
        ("GIT_DIR", "/nonexistent"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "protocol.allow"),
        ("GIT_CONFIG_VALUE_0", "never"),
        ("GIT_EXEC_PATH", "/nonexistent"),
        ("GIT_OBJECT_DIRECTORY", "/nonexistent"),
    ] {
        git.environment.push((name.into(), value.into()));
    }
    assert!(fetch(&repo.address(), &git, &ground.places.cache()).is_ok());
}

#[test]
fn too_much_and_too_slow_is_ended() {
    let ground = Ground::new();
    let repo = Repo::new(ground.path("repo"));
    package("com.example.enrich", "1.0.0").write_into(&repo.folder);
    let noise: Vec<u8> = (0..100_000u32).flat_map(|at| *akao_contract::Digest::of(&at.to_le_bytes()).bytes()).collect();
    fs::write(repo.folder.join("noise"), noise).unwrap();
    repo.commit();
    let limits = GitLimits { fetched_bytes_max: 1 << 20, ..GitLimits::default() };
    let small = Git { limits, ..git() };
    let error = fetch(&repo.address(), &small, &ground.places.cache()).unwrap_err();
    assert!(matches!(error, CandidateError::Git(GitError::Large { .. })), "{error}");

    let Ok(Source::Git(source)) = Source::parse(&repo.address(), Path::new("/")) else { panic!() };
    let limits = ArchiveLimits { bytes_max: 1 << 20, ..ArchiveLimits::default() };
    let error = Candidate::from_git(&source, &git(), &ground.places.cache(), &limits).unwrap_err();
    assert!(matches!(&error, CandidateError::Git(GitError::Content { path, .. }) if path == "noise"), "{error}");
    let limits = ArchiveLimits { entries_max: 3, ..ArchiveLimits::default() };
    let error = Candidate::from_git(&source, &git(), &ground.places.cache(), &limits).unwrap_err();
    assert!(error.to_string().contains("more than the 3 files"), "{error}");

    let idle = ground.path("idle.sh");
    fs::write(&idle, "#!/bin/sh\nsleep 600\n").unwrap();
    fs::set_permissions(&idle, fs::Permissions::from_mode(0o755)).unwrap();
    let limits = GitLimits { timeout: Duration::from_millis(200), ..GitLimits::default() };
    let slow = Git { program: idle, limits, ..git() };
    let error = fetch(&repo.address(), &slow, &ground.places.cache()).unwrap_err();
    assert!(matches!(error, CandidateError::Git(GitError::Slow { .. })), "{error}");
}

#[test]
fn a_machine_without_git_is_told_so() {
    let ground = Ground::new();
    let none = Git { program: "/nonexistent/git".into(), ..git() };
    let error = fetch("git+file:///srv/nodes", &none, &ground.places.cache()).unwrap_err();
    assert!(error.to_string().contains("`/nonexistent/git` cannot be started"), "{error}");
    assert!(error.suggestion().starts_with("Install git"), "{}", error.suggestion());
}
