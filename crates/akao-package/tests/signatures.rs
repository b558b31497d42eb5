//! Signatures: what holds, what does not, and that the stock `minisign` and this crate agree. Case 109.

mod common;

use akao_package::{KeyError, PublicKey, Purpose, SecretKey, Signature, SignatureError, new_key, sign, sign_bytes};
use common::{Ground, open, write};
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

fn key() -> SecretKey {
    SecretKey::from_file(&new_key(None).unwrap().secret_file, None).unwrap()
}

fn minisign(folder: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new("minisign").args(args).current_dir(folder).output();
    let output = output.expect("the program `minisign` (Debian package minisign; `cargo xtask setup` installs it)");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_signature_holds_for_its_archive_and_its_key() {
    let (archive, key) = (Ground::new().archive(), key());
    let signature = sign(&archive, &key).unwrap();
    let read = Signature::read(signature.as_str()).unwrap();
    assert_eq!(read.key_number(), key.public().number());
    assert_eq!(read.verify(&archive, key.public()), Ok(()));
    let comment =
        format!("trusted comment: akao:1 id=com.example.hello version=1.0.0 sha256={}", archive.digest().hex());
    assert_eq!(signature.as_str().lines().nth(2), Some(comment.as_str()));
}

#[test]
fn another_key_is_told_by_its_number() {
    let (archive, ours, other) = (Ground::new().archive(), key(), key());
    let error = sign(&archive, &ours).unwrap().verify(&archive, other.public()).unwrap_err();
    let expected = SignatureError::WrongKey { expected: other.public().number(), found: ours.public().number() };
    assert_eq!(error, expected);
}

#[test]
fn a_key_that_only_claims_the_number_is_refused() {
    let (archive, ours, other) = (Ground::new().archive(), key(), key());
    let decode = |key: &PublicKey| minisign::PublicKey::from_base64(key.as_str()).unwrap().to_bytes();
    let (mut bytes, theirs) = (decode(ours.public()), decode(other.public()));
    bytes[10..].copy_from_slice(&theirs[10..]);
    let claimed: PublicKey = minisign::PublicKey::from_bytes(&bytes).unwrap().to_base64().parse().unwrap();
    assert_eq!(claimed.number(), ours.public().number());
    assert_ne!(claimed.fingerprint(), ours.public().fingerprint());
    assert_eq!(sign(&archive, &ours).unwrap().verify(&archive, &claimed), Err(SignatureError::Invalid));
}

#[test]
fn case_109_the_signature_of_another_version_is_refused() {
    let (ground, key) = (Ground::new(), key());
    let old = ground.archive();
    write(&ground.package(), &[("_.yaml", &common::MANIFEST.replace("1.0.0", "1.0.1"), false)]);
    let new = ground.archive();
    assert_eq!(sign(&old, &key).unwrap().verify(&new, key.public()), Err(SignatureError::Invalid));
    // Whoever has the key and signs these bytes as another version says something that is not so.
    let purpose = Purpose::of(&old);
    let crossed = sign_bytes(new.bytes(), &purpose, &key).unwrap();
    let expected = SignatureError::Other { expected: Purpose::of(&new).to_string(), found: purpose.to_string() };
    assert_eq!(crossed.verify(&new, key.public()), Err(expected));
    let document = sign_bytes(new.bytes(), &Purpose::document("kill-list", new.bytes()), &key).unwrap();
    assert!(matches!(document.verify(&new, key.public()), Err(SignatureError::Other { .. })));
}

#[test]
fn case_109_a_changed_signature_is_refused() {
    let (archive, key) = (Ground::new().archive(), key());
    let text = sign(&archive, &key).unwrap().as_str().to_owned();
    let lines: Vec<&str> = text.lines().collect();
    let swap = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line;
        lines.join("\n") + "\n"
    };
    let other = sign(&archive, &key).unwrap().as_str().to_owned();
    let other: Vec<&str> = other.lines().collect();
    let cases = [
        ("another version in the comment", swap(2, &lines[2].replace("1.0.0", "9.0.0")), SignatureError::Invalid),
        ("a word more in the comment", swap(2, &format!("{} x", lines[2])), SignatureError::Invalid),
        ("the signature of another signing", swap(1, other[1]), SignatureError::Invalid),
        ("the comment's signature of another signing", swap(3, other[3]), SignatureError::Invalid),
        ("no comment", swap(2, ""), SignatureError::Malformed),
        ("no lines", String::new(), SignatureError::Malformed),
        ("two lines", lines[..2].join("\n"), SignatureError::Malformed),
        ("a line more", text.clone() + "more\n", SignatureError::Malformed),
        ("not base64", swap(1, "****"), SignatureError::Malformed),
        ("a shorter signature", swap(1, &lines[1][..60]), SignatureError::Malformed),
        ("much text", "x".repeat(1 << 20), SignatureError::Malformed),
    ];
    for (what, text, expected) in cases {
        let result = Signature::read(&text).and_then(|signature| signature.verify(&archive, key.public()));
        assert_eq!(result, Err(expected), "{what}");
    }
    let untrusted = swap(0, "untrusted comment: anything");
    assert_eq!(Signature::read(&untrusted).unwrap().verify(&archive, key.public()), Ok(()), "it is untrusted");
}

#[test]
fn case_109_any_flipped_byte_of_a_signed_archive_is_refused() {
    let (archive, key) = (Ground::new().archive(), key());
    let signature = sign(&archive, &key).unwrap();
    let mut refused = 0;
    for at in 0..archive.bytes().len() {
        let mut bytes = archive.bytes().to_vec();
        bytes[at] ^= 1 << (at % 8);
        match open(bytes) {
            Ok(changed) => assert!(signature.verify(&changed, key.public()).is_err(), "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > archive.bytes().len() / 2);
}

#[test]
fn key_files_need_their_password_and_do_not_print_the_key() {
    let made = new_key(Some("correct horse")).unwrap();
    let read = SecretKey::from_file(&made.secret_file, Some("correct horse")).unwrap();
    assert_eq!(read.public(), &made.public);
    assert_eq!(SecretKey::from_file(&made.secret_file, Some("wrong")).unwrap_err(), KeyError::Password);
    assert_eq!(SecretKey::from_file(&made.secret_file, None).unwrap_err(), KeyError::Encrypted);
    for text in ["", "one line", "untrusted comment: x\nRWRTY0Iyshort\n", &made.public.to_file()] {
        assert_eq!(SecretKey::from_file(text, Some("x")).unwrap_err(), KeyError::Secret, "{text}");
    }
    assert_eq!(format!("{read:?}"), format!("SecretKey(of {})", made.public));
    let archive = Ground::new().archive();
    assert_eq!(sign(&archive, &read).unwrap().verify(&archive, &made.public), Ok(()));
    assert_eq!(made.public.to_file().parse::<PublicKey>().unwrap(), made.public);
    assert_ne!(read.ed25519_seed(), [0; 32]);
    for text in [
        "",
        "RW",
        "x".repeat(10_000).as_str(),
        &made.public.as_str()[1..],
        &made.public.as_str().replacen("RW", "AA", 1),
    ] {
        assert!(text.parse::<PublicKey>().is_err(), "{text}");
    }
}

#[test]
fn the_stock_minisign_verifies_ours() {
    let (ground, made) = (Ground::new(), new_key(None).unwrap());
    let key = SecretKey::from_file(&made.secret_file, None).unwrap();
    let archive = ground.archive();
    fs::write(ground.path("hello.akao"), archive.bytes()).unwrap();
    fs::write(ground.path("hello.akao.minisig"), sign(&archive, &key).unwrap().as_str()).unwrap();
    fs::write(ground.path("key.pub"), made.public.to_file()).unwrap();
    let (sound, told) = minisign(ground.folder.path(), &["-V", "-p", "key.pub", "-m", "hello.akao"]);
    assert!(sound && told.contains("version=1.0.0"), "{told}");
    let (sound, told) = minisign(ground.folder.path(), &["-V", "-P", made.public.as_str(), "-m", "hello.akao"]);
    assert!(sound, "{told}");
    fs::write(ground.path("hello.akao"), [archive.bytes(), b"x"].concat()).unwrap();
    assert!(!minisign(ground.folder.path(), &["-V", "-p", "key.pub", "-m", "hello.akao"]).0);
}

#[test]
fn what_the_stock_minisign_signed_is_verified_and_its_legacy_form_refused() {
    let ground = Ground::new();
    let archive = ground.archive();
    fs::write(ground.path("hello.akao"), archive.bytes()).unwrap();
    let (made, told) = minisign(ground.folder.path(), &["-G", "-W", "-p", "key.pub", "-s", "key.sec"]);
    assert!(made, "{told}");
    let public: PublicKey = fs::read_to_string(ground.path("key.pub")).unwrap().parse().unwrap();
    let secret = SecretKey::from_file(&fs::read_to_string(ground.path("key.sec")).unwrap(), None).unwrap();
    assert_eq!(secret.public(), &public);
    let comment = Purpose::of(&archive).to_string();
    let sign_with = |options: &[&str]| {
        let args = [&["-S", "-s", "key.sec", "-m", "hello.akao", "-t"][..], options].concat();
        let (signed, told) = minisign(ground.folder.path(), &args);
        assert!(signed, "{told}");
        Signature::read(&fs::read_to_string(ground.path("hello.akao.minisig")).unwrap())
    };
    assert_eq!(sign_with(&[&comment]).unwrap().verify(&archive, &public), Ok(()));
    let other = sign_with(&["timestamp:1 file:hello.akao"]).unwrap().verify(&archive, &public);
    assert!(matches!(other, Err(SignatureError::Comment(_))), "{other:?}");
    assert_eq!(sign_with(&[&comment, "-l"]).unwrap_err(), SignatureError::Legacy);
}

#[test]
fn the_stock_minisign_signs_with_our_encrypted_key() {
    let (ground, made) = (Ground::new(), new_key(Some("correct horse")).unwrap());
    let archive = ground.archive();
    fs::write(ground.path("hello.akao"), archive.bytes()).unwrap();
    fs::write(ground.path("key.sec"), &made.secret_file).unwrap();
    let comment = Purpose::of(&archive).to_string();
    let mut signing = Command::new("minisign");
    signing.args(["-S", "-s", "key.sec", "-m", "hello.akao", "-t", &comment]).current_dir(ground.folder.path());
    let mut signing = signing.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    signing.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    assert!(signing.wait().unwrap().success());
    let signature = Signature::read(&fs::read_to_string(ground.path("hello.akao.minisig")).unwrap()).unwrap();
    assert_eq!(signature.verify(&archive, &made.public), Ok(()));
}
