import type { Schema } from "../store/sqlite/database.js";

/** "wsrg": refuses to write into somebody else's database. */
const APPLICATION = 0x77_73_72_67;
const VERSION = 1;

export const REGISTRY_SCHEMA: Schema = {
  name: "registry",
  file: "registry.db",
  application: APPLICATION,
  version: VERSION,
  from: () => `
    CREATE TABLE token (
      hash BLOB PRIMARY KEY,
      grants BLOB NOT NULL,
      created INTEGER NOT NULL,
      expires INTEGER NOT NULL,
      spent_on TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE pending (
      token BLOB PRIMARY KEY REFERENCES token (hash),
      lct TEXT NOT NULL,
      expires INTEGER NOT NULL,
      record BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE lct (
      lct TEXT PRIMARY KEY,
      kind TEXT NOT NULL,
      state TEXT NOT NULL,
      since INTEGER NOT NULL,
      anchor BLOB NOT NULL,
      hardware BLOB,
      pcr_digest BLOB,
      document BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX lct_anchor ON lct (anchor);
    CREATE INDEX lct_hardware ON lct (hardware);
    CREATE TABLE statement (
      lct TEXT NOT NULL REFERENCES lct (lct),
      number INTEGER NOT NULL,
      sign1 BLOB NOT NULL,
      PRIMARY KEY (lct, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE evidence (
      lct TEXT NOT NULL REFERENCES lct (lct),
      digest BLOB NOT NULL,
      kind TEXT NOT NULL,
      size INTEGER NOT NULL,
      payload BLOB NOT NULL,
      receipt TEXT NOT NULL,
      PRIMARY KEY (lct, digest)
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = ${APPLICATION};
    PRAGMA user_version = ${VERSION};
  `,
};
