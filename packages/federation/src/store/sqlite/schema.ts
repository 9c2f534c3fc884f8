import { ENERGY_COLUMNS } from "../fold-row.js";
import type { Schema } from "./database.js";

/** "wsfd": refuses to write into somebody else's database. */
const APPLICATION_ID = 0x77_73_66_64;
const SCHEMA_VERSION = 4;

/** Since version 2: what a store of version 1 is given. It fills as packs are next heard. */
const STAYS = `
  CREATE TABLE stay (
    pack INTEGER NOT NULL REFERENCES pack (id),
    module TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    t0 INTEGER NOT NULL,
    t1 INTEGER NOT NULL,
    in0 INTEGER NOT NULL,
    in1 INTEGER NOT NULL,
    out0 INTEGER NOT NULL,
    out1 INTEGER NOT NULL,
    PRIMARY KEY (module, pack, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE twice (
    module TEXT NOT NULL,
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    stays BLOB NOT NULL,
    told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (module, a, b)
  ) STRICT, WITHOUT ROWID;
`;

/** Since version 3; they are made of the stored leaves. */
const FOLDS = `
  ALTER TABLE pack ADD COLUMN fold_version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE pack ADD COLUMN fold_size INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE pack ADD COLUMN summary TEXT;
  CREATE TABLE energy (
    pack INTEGER NOT NULL REFERENCES pack (id),
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    ${ENERGY_COLUMNS.map((column) => `${column} INTEGER NOT NULL,`).join("\n    ")}
    PRIMARY KEY (pack, span, start)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX energy_time ON energy (span, start);
  CREATE TABLE mark (
    key TEXT NOT NULL,
    pack INTEGER NOT NULL REFERENCES pack (id),
    block INTEGER NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (key, pack, block)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE subtree (
    pack INTEGER NOT NULL REFERENCES pack (id),
    tile INTEGER NOT NULL,
    place INTEGER NOT NULL,
    root BLOB NOT NULL,
    PRIMARY KEY (pack, tile, place)
  ) STRICT, WITHOUT ROWID;
`;

/** Since version 4: begins with the next receipt. */
const RECEIPTS = `
  CREATE TABLE receipt_log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL,
    nodes BLOB NOT NULL,
    note TEXT
  ) STRICT;
  CREATE TABLE receipt_bundle (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE TABLE receipt_subtree (
    tile INTEGER NOT NULL,
    place INTEGER NOT NULL,
    root BLOB NOT NULL,
    PRIMARY KEY (tile, place)
  ) STRICT, WITHOUT ROWID;
`;

const FIRST = `
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
`;

export const STORE_SCHEMA: Schema = {
  name: "federation store",
  file: "federation.db",
  application: APPLICATION_ID,
  version: SCHEMA_VERSION,
  from: (version) =>
    [FIRST, STAYS, FOLDS, RECEIPTS]
      .slice(version)
      .concat(`PRAGMA user_version = ${SCHEMA_VERSION};`)
      .join("\n"),
};
