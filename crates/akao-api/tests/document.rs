//! `docs/server.md` lists codes and permissions; this holds the lists against the code.

use akao_api::status_of;
use akao_platform::{Code, Permission, Role};

const PAGE: &str = include_str!("../../../docs/server.md");

#[test]
fn every_code_is_documented_with_its_status() {
    for code in Code::ALL {
        let row = format!("| `{}` | {} | ", code.as_str(), status_of(code).as_u16());
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn every_permission_is_documented_with_its_roles() {
    for permission in Permission::ALL {
        let may = |role: Role| if role.permissions().contains(*permission) { " yes |" } else { "  |" };
        let row = format!("| `{permission}` |{}", Role::ALL.map(may).concat());
        assert!(PAGE.contains(&row), "{row}");
    }
}
