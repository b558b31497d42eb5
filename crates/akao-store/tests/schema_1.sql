-- Platform data as the first schema kept them: the tables, and a row of each that is sealed since.
CREATE TABLE tenant (
  name TEXT PRIMARY KEY, title TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;

CREATE TABLE account (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password TEXT,
  operator INTEGER NOT NULL, disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT;

CREATE TABLE member (
  tenant TEXT NOT NULL REFERENCES tenant (name), account TEXT NOT NULL REFERENCES account (id),
  role TEXT NOT NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (tenant, account)) STRICT;
CREATE INDEX member_by_account ON member (account);

CREATE TABLE session (
  hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id), tenant TEXT NOT NULL REFERENCES tenant (name),
  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;
CREATE INDEX session_by_account ON session (account);
CREATE INDEX session_by_end ON session (expires_ms);

CREATE TABLE token (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, account TEXT NOT NULL REFERENCES account (id),
  name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, permissions TEXT NOT NULL, created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL, revoked_ms INTEGER, PRIMARY KEY (tenant, id)) STRICT;

CREATE TABLE setup (
  one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;

CREATE TABLE invitation (
  hash TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenant (name), email TEXT NOT NULL, role TEXT NOT NULL,
  invited_by TEXT NOT NULL, expires_ms INTEGER NOT NULL, UNIQUE (tenant, email)) STRICT;

CREATE TABLE workflow (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, name TEXT, latest INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, PRIMARY KEY (tenant, id)) STRICT;

CREATE TABLE workflow_version (
  tenant TEXT NOT NULL, workflow TEXT NOT NULL, number INTEGER NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,
  source TEXT NOT NULL, bundle TEXT NOT NULL, created_by TEXT NOT NULL, created_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, workflow, number), UNIQUE (tenant, workflow, version),
  FOREIGN KEY (tenant, workflow) REFERENCES workflow (tenant, id)) STRICT;

CREATE TABLE audit (
  tenant TEXT NOT NULL REFERENCES tenant (name), seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (tenant, seq)) STRICT;

INSERT INTO tenant VALUES ('acme', 'Acme', 1);
INSERT INTO account VALUES ('u', 'ada@example.com', 'Ada', NULL, 1, 0, 1);
INSERT INTO member VALUES ('acme', 'u', 'owner', 1);
INSERT INTO invitation VALUES ('code', 'acme', 'bob@example.com', 'viewer', 'u', 9);
INSERT INTO audit VALUES ('acme', 1, 1, '{"seq":1}');
PRAGMA application_id = 1095450960;
PRAGMA user_version = 1;
