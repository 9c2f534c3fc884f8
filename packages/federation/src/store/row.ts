import { FederationError } from "../errors.js";

export type Row = ReadonlyMap<string, unknown>;
export type Value = number | string | Uint8Array | null;

/** Statements inside a store. */
export interface Access {
  run(sql: string, values: Value[]): number;
  all(sql: string, values: Value[]): Row[];
}

const HASH_BYTES = 32;

export function rowOf(record: object): Row {
  return new Map(Object.entries(record));
}

function refuse(column: string): never {
  throw new FederationError("store-corrupt", `column ${column} holds a value of another type`);
}

/** `none` stands for NULL where given. */
export function integer(row: Row, column: string, none?: number): number {
  const value = row.get(column);
  if (value === null && none !== undefined) return none;
  return typeof value === "number" && Number.isSafeInteger(value) ? value : refuse(column);
}

export function text(row: Row, column: string): string {
  const value = row.get(column);
  return typeof value === "string" ? value : refuse(column);
}

export function textOrNone(row: Row, column: string): string | undefined {
  return row.get(column) === null ? undefined : text(row, column);
}

export function blob(row: Row, column: string): Uint8Array {
  const value = row.get(column);
  return value instanceof Uint8Array ? value : refuse(column);
}

/** Concatenated hashes. */
export function split(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length % HASH_BYTES !== 0) return refuse("nodes");
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}
