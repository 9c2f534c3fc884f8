/** "wsfd": refuses to write into somebody else's database. */
export const APPLICATION_ID = 0x77_73_66_64;
export const SCHEMA_VERSION = 1;

export const SCHEMA = `
  CREATE TABLE pack (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    nodes BLOB NOT NULL,
    receipt_size INTEGER NOT NULL DEFAULT 0,
    receipt TEXT
  ) STRICT;
  CREATE TABLE bundle (
    pack INTEGER NOT NULL REFERENCES pack (id),
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX bundle_first ON bundle (pack, first);
  CREATE TABLE head (
    pack INTEGER NOT NULL REFERENCES pack (id),
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    PRIMARY KEY (pack, size)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE fork (
    pack TEXT NOT NULL,
    digest BLOB NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    payload BLOB NOT NULL,
    receipt TEXT NOT NULL,
    PRIMARY KEY (pack, digest)
  ) STRICT;
  CREATE TABLE poison (
    pack TEXT NOT NULL,
    digest BLOB NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (pack, digest)
  ) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;
