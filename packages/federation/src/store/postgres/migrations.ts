/**
 * What the database looks like, one step after the other. A step that was released is never changed; the next is added.
 * Text is compared by its bytes (COLLATE "C"): the order does not depend on the machine's locale.
 */
const PARTITIONS = 16;

/** By pack: every question names one, and the ranges of a log stay in one table with one unique key. */
function partitions(table: string): string {
  return Array.from(
    { length: PARTITIONS },
    (_, i) =>
      `CREATE TABLE wattseal.${table}_${i} PARTITION OF wattseal.${table} FOR VALUES WITH (MODULUS ${PARTITIONS}, REMAINDER ${i});`,
  ).join("\n");
}

const FIRST = `
  CREATE TABLE wattseal.pack (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    size bigint NOT NULL,
    nodes bytea NOT NULL,
    receipt_size bigint,
    receipt text
  ) WITH (fillfactor = 50);

  CREATE TABLE wattseal.bundle (
    pack bigint NOT NULL,
    first bigint NOT NULL,
    count integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (pack, first)
  ) PARTITION BY HASH (pack);
  DO $$ BEGIN
    ALTER TABLE wattseal.bundle ALTER COLUMN data SET COMPRESSION lz4;
  EXCEPTION WHEN feature_not_supported THEN NULL; -- a server built without it: its own, slower one
  END $$;
  ${partitions("bundle")}

  CREATE TABLE wattseal.head (
    pack bigint NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    PRIMARY KEY (pack, size)
  ) PARTITION BY HASH (pack);
  ${partitions("head")}

  CREATE TABLE wattseal.fork (
    kept bigint GENERATED ALWAYS AS IDENTITY,
    pack text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    kind text NOT NULL,
    size bigint NOT NULL,
    payload bytea NOT NULL,
    receipt text NOT NULL,
    PRIMARY KEY (pack, digest)
  );
  CREATE TABLE wattseal.poison (
    kept bigint GENERATED ALWAYS AS IDENTITY,
    pack text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (pack, digest)
  );

  CREATE TABLE wattseal.module (
    uid text COLLATE "C" PRIMARY KEY
  );
  CREATE TABLE wattseal.stay (
    pack bigint NOT NULL,
    module text COLLATE "C" NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    t0 bigint NOT NULL,
    t1 bigint NOT NULL,
    in0 bigint NOT NULL,
    in1 bigint NOT NULL,
    out0 bigint NOT NULL,
    out1 bigint NOT NULL,
    PRIMARY KEY (module, pack, first)
  ) WITH (fillfactor = 70);
  CREATE TABLE wattseal.twice (
    module text COLLATE "C" NOT NULL,
    a text COLLATE "C" NOT NULL,
    b text COLLATE "C" NOT NULL,
    stays bytea NOT NULL,
    told boolean NOT NULL DEFAULT false,
    PRIMARY KEY (module, a, b)
  );
  CREATE INDEX twice_untold ON wattseal.twice (module, a, b) WHERE NOT told;
`;

/** They are made of the stored leaves. */
const FOLDS = `
  ALTER TABLE wattseal.pack ADD COLUMN fold_version integer NOT NULL DEFAULT 0,
    ADD COLUMN fold_size bigint NOT NULL DEFAULT 0, ADD COLUMN summary text;
  CREATE TABLE wattseal.energy (
    pack bigint NOT NULL,
    span bigint NOT NULL,
    start bigint NOT NULL,
    consistent_in bigint NOT NULL,
    consistent_out bigint NOT NULL,
    suspect_in bigint NOT NULL,
    suspect_out bigint NOT NULL,
    unauthenticated_in bigint NOT NULL,
    unauthenticated_out bigint NOT NULL,
    gap_in bigint NOT NULL,
    gap_out bigint NOT NULL,
    PRIMARY KEY (pack, span, start)
  ) WITH (fillfactor = 70);
  CREATE INDEX energy_time ON wattseal.energy (span, start);
  CREATE TABLE wattseal.mark (
    key text COLLATE "C" NOT NULL,
    pack bigint NOT NULL,
    block bigint NOT NULL,
    bits bytea NOT NULL,
    PRIMARY KEY (key, pack, block)
  ) WITH (fillfactor = 70);
  CREATE TABLE wattseal.subtree (
    pack bigint NOT NULL,
    tile integer NOT NULL,
    place bigint NOT NULL,
    root bytea NOT NULL,
    PRIMARY KEY (pack, tile, place)
  );
`;

/** Begins with the next receipt. */
const RECEIPTS = `
  CREATE TABLE wattseal.receipt_log (
    id integer PRIMARY KEY CHECK (id = 1),
    size bigint NOT NULL,
    nodes bytea NOT NULL,
    note text
  ) WITH (fillfactor = 10); -- one row, written by every commit: its next version fits the same page
  CREATE TABLE wattseal.receipt_bundle (
    first bigint PRIMARY KEY,
    count integer NOT NULL,
    data bytea NOT NULL
  );
  DO $$ BEGIN
    ALTER TABLE wattseal.receipt_bundle ALTER COLUMN data SET COMPRESSION lz4;
  EXCEPTION WHEN feature_not_supported THEN NULL;
  END $$;
  CREATE TABLE wattseal.receipt_subtree (
    tile integer NOT NULL,
    place bigint NOT NULL,
    root bytea NOT NULL,
    PRIMARY KEY (tile, place)
  );
`;

/** The registry's: columns as in the embedded one (../../registry/schema.ts). */
const REGISTRY = `
  CREATE TABLE wattseal.registry_token (
    hash bytea PRIMARY KEY,
    grants bytea NOT NULL,
    created bigint NOT NULL,
    expires bigint NOT NULL,
    spent_on text COLLATE "C"
  );
  CREATE TABLE wattseal.registry_pending (
    token bytea PRIMARY KEY REFERENCES wattseal.registry_token (hash),
    lct text COLLATE "C" NOT NULL,
    expires bigint NOT NULL,
    record bytea NOT NULL
  );
  CREATE TABLE wattseal.lct (
    lct text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    since bigint NOT NULL,
    anchor bytea NOT NULL,
    hardware bytea,
    pcr_digest bytea,
    document bytea NOT NULL
  );
  CREATE INDEX lct_anchor ON wattseal.lct (anchor);
  CREATE INDEX lct_hardware ON wattseal.lct (hardware);
  CREATE INDEX lct_ended ON wattseal.lct (lct) WHERE state <> 'active';
  CREATE TABLE wattseal.lct_statement (
    lct text COLLATE "C" NOT NULL REFERENCES wattseal.lct (lct),
    number integer NOT NULL,
    sign1 bytea NOT NULL,
    PRIMARY KEY (lct, number)
  );
  CREATE TABLE wattseal.lct_evidence (
    lct text COLLATE "C" NOT NULL REFERENCES wattseal.lct (lct),
    digest bytea NOT NULL,
    kind text NOT NULL,
    size bigint NOT NULL,
    payload bytea NOT NULL,
    receipt text NOT NULL,
    PRIMARY KEY (lct, digest)
  );
`;

/** The database's version is how many of these it has had. */
export const MIGRATIONS: readonly string[] = [FIRST, FOLDS, RECEIPTS, REGISTRY];
