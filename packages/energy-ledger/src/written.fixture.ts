import { decodeAs, encodeInto, type Schema } from "./codec/schema.js";
import { FieldWriter } from "./codec/writer.js";
import { MAX_SNAPSHOT_LENGTH } from "./snapshot/state.js";

/** The state as it comes out of its bytes. */
export function written<T>(schema: Schema<T>, state: T): T {
  const writer = new FieldWriter(16, MAX_SNAPSHOT_LENGTH);
  return decodeAs(schema, encodeInto(writer, schema, state), "state");
}
