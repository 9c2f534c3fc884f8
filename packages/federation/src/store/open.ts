import type { FederationStore } from "./port.js";
import { type PostgresOptions, PostgresStore } from "./postgres/postgres.js";
import { SqliteStore } from "./sqlite/sqlite.js";

/** Where what is verified is kept. */
export type StoreOptions =
  /** A folder of this process's own; made where it does not exist. */
  | { readonly kind: "embedded"; readonly directory: string }
  | ({ readonly kind: "postgres" } & PostgresOptions);

/** Throws FederationError. */
export function openStore(options: StoreOptions): Promise<FederationStore> {
  return options.kind === "embedded"
    ? SqliteStore.open(options.directory)
    : PostgresStore.open(options);
}
