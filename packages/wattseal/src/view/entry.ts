import { decodeSign1, printable } from "@wattseal/base";
import { unverifiedCounterStatement } from "@wattseal/device-keys";
import {
  decodeAs,
  decodeOrder,
  decodePolicy,
  type Entry,
  mintPayload,
  type Schema,
  sourcePayload,
  statusPayload,
} from "@wattseal/energy-ledger";
import { decodeEpochEvidence, decodeGenesis } from "@wattseal/lct-keys/verify";

/** Of an epoch.begin: its state, which its evidence alone does not say. */
export interface EpochWorth {
  readonly state: string;
}

/** JSON of one entry: byte strings as hexadecimal, absent fields left out. Times stay UTC milliseconds, energy mWh. */
export function entryJson(index: number, entry: Entry, worth?: EpochWorth): string {
  const said = saidIn(entry);
  const body = printable(entry.body);
  return JSON.stringify({
    index,
    ...entry,
    body,
    ...(said && { said: printable(said) }),
    ...worth,
  });
}

/** A line for a list: index, time, type, and the fields that fit. */
export function entryLine(index: number, entry: Entry, width: number): string {
  const time = new Date(entry.timeMs).toISOString();
  const fields = briefly(saidIn(entry) ?? entry.body);
  const line = `${String(index).padStart(8)}  ${time}  ${entry.type.padEnd(17)} ${fields}`;
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}

/** Every field on a line of its own. */
export function entryText(index: number, entry: Entry, worth?: EpochWorth): string {
  const { type, timeMs, body } = entry;
  const lines = [`entry ${index}`, `type  ${type}`, `time  ${new Date(timeMs).toISOString()}`];
  for (const [name, value] of Object.entries({ ...body, ...saidIn(entry), ...worth })) {
    if (value !== undefined) lines.push(`  ${name}: ${JSON.stringify(printable(value))}`);
  }
  return `${lines.join("\n")}\n`;
}

/** What a signed object inside the entry says. Its signature is for `ledger audit` to check. */
function saidIn({ type, body }: Entry): object | undefined {
  const signed = (schema: Schema<object>) =>
    "sign1" in body ? decodeAs(schema, decodeSign1(body.sign1).payload, type) : undefined;
  if (type === "society.mint") return signed(mintPayload);
  if (type === "society.policy") return decodePolicy(decodeSign1(body.sign1).payload);
  if (type === "society.source") return signed(sourcePayload);
  if (type === "lct.status") return signed(statusPayload);
  if (type === "lct.document") return decodeGenesis(decodeSign1(body.sign1).payload);
  if (type === "ops.command") return orderIn(body.order);
  if (type === "energy.statement") return unverifiedCounterStatement(body.statement);
  return type === "epoch.begin" ? decodeEpochEvidence(body.evidence).body : undefined;
}

function orderIn(bytes: Uint8Array): object {
  const { id, what, expires } = decodeOrder(bytes);
  const { action, body } = what;
  return { id, action, ...(Object.keys(body).length > 0 && { body }), expires };
}

function briefly(body: object): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === "number" || typeof value === "string") parts.push(`${name}=${value}`);
  }
  return parts.join(" ");
}
