import { resolve } from "node:path";
import { type LctId, millis, toHex } from "@wattseal/base";
import {
  encodeOrder,
  MAX_ORDER_LIFE,
  type Order,
  OrderError,
  type OrderedAction,
} from "@wattseal/energy-ledger";
import {
  FederationError,
  OrderNotSent,
  type OrderStanding,
  OrdersClient,
} from "@wattseal/federation";
import { createEd25519KeyFile, openEd25519KeyFile } from "@wattseal/lct-keys";
import { InvalidArgumentError } from "commander";
import { federationSchema } from "../config/federation-schema.js";
import { loadConfig } from "../config/file.js";
import { CliError, EXIT } from "../errors.js";
import { systemClock, systemEntropy } from "../ports/system.js";
import { ordersSocketOf } from "../roles/federation.js";
import { layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { parseDuration } from "./duration.js";

const ID_BYTES = 16;
const LOOK_MS = 500;

export interface OrderOptions {
  readonly pack: LctId;
  readonly key: string;
  readonly state?: string;
  readonly socket?: string;
  /** ms that the order is good for. */
  readonly life: number;
  /** UTC ms that its life begins at; undefined: now. */
  readonly at?: number;
  /** ms that its answer is waited for. */
  readonly wait: number;
  readonly json: boolean;
}

/** At most what a pack takes. */
export function parseLife(text: string): number {
  const life = parseDuration(text);
  if (life <= MAX_ORDER_LIFE) return life;
  throw new InvalidArgumentError("An order is good for five minutes at most.");
}

/** UTC ms. */
export function parseTime(text: string): number {
  const time = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(time)) return time;
  throw new InvalidArgumentError(
    "Use milliseconds since 1970, as wattseal status --json has them.",
  );
}

/** `wattseal order key`. */
export async function orderKey(options: {
  readonly out: string;
  readonly json: boolean;
}): Promise<number> {
  const file = resolve(options.out);
  const key = await createEd25519KeyFile(file, systemEntropy);
  const publicKey = toHex(key.publicKey);
  key.dispose();
  await writeOut(
    options.json
      ? `${JSON.stringify({ key: file, publicKey })}\n`
      : `${file}: who has this file orders the packs that name its key.\n${publicKey}: for orders.keys in a pack's gateway.toml\n`,
  );
  return EXIT.ok;
}

/** `wattseal order isolate` and the others: signs, has it sent, and waits for the answer in the pack's log. */
export async function sendOrder(what: OrderedAction, options: OrderOptions): Promise<number> {
  const clock = systemClock();
  const { pack, life, at = clock.now(), wait, json } = options;
  const id = systemEntropy.bytes(ID_BYTES);
  const order: Order = { id, pack, what, expires: millis(Math.floor(at + life)), chain: [] };
  const bytes = await signed(order, options.key);
  const client = new OrdersClient(await socketOf(options));
  const said = await told(client, order, bytes, wait, () => clock.now());
  const hex = toHex(id);
  if (said instanceof OrderNotSent) {
    if (json)
      await writeOut(`${JSON.stringify({ id: hex, code: said.code, detail: said.message })}\n`);
    process.stderr.write(`wattseal: ${said.message}\n`);
    return said.code === "broker" ? EXIT.unavailable : EXIT.failed;
  }
  const { command, outcome } = said;
  const refused = command === undefined ? said.refused : undefined;
  await writeOut(
    json
      ? `${JSON.stringify({ id: hex, command, ...outcome, refused })}\n`
      : `${lineOf(what.action, said, wait)}\n`,
  );
  return outcome?.outcome === "done" ? EXIT.ok : EXIT.failed;
}

function lineOf(action: string, said: OrderStanding, wait: number): string {
  const { command, outcome, refused } = said;
  if (outcome !== undefined)
    return `entry ${command}: ${action} ${outcome.outcome}: ${outcome.detail}`;
  if (command !== undefined)
    return `entry ${command}: ${action} was taken; no outcome in ${wait} ms`;
  const why =
    refused === undefined
      ? "The pack is offline, or refused it: its order-refused alarms and its status say so"
      : `The pack has entered that it refused an order, this one or another: ${refused} (docs/federation-mqtt.md, Refusals)`;
  return `${action} was sent; nothing of it in the pack's log in ${wait} ms. ${why}`;
}

async function told(
  client: OrdersClient,
  { pack, id }: Order,
  bytes: Uint8Array,
  wait: number,
  now: () => number,
): Promise<OrderStanding | OrderNotSent> {
  try {
    const until = now() + wait;
    let standing: OrderStanding = {
      from: await client.send(bytes),
      command: undefined,
      outcome: undefined,
      refused: undefined,
    };
    while (standing.outcome === undefined && now() < until) {
      await new Promise<void>((look) => {
        setTimeout(look, LOOK_MS);
      });
      const { refused } = standing;
      standing = await client.standing(pack, id, standing);
      standing = { ...standing, refused: standing.refused ?? refused };
    }
    return standing;
  } catch (error) {
    if (error instanceof OrderNotSent) return error;
    if (!(error instanceof FederationError)) throw error;
    throw new CliError("unreachable", `${error.message}. Start it: wattseal federation`, {
      cause: error,
    });
  }
}

async function signed(order: Order, path: string): Promise<Uint8Array> {
  const key = await openEd25519KeyFile(resolve(path));
  try {
    return encodeOrder(order, key.publicKey, (bytes) => key.sign(bytes));
  } catch (error) {
    if (!(error instanceof OrderError)) throw error;
    throw new CliError("usage", error.reason, { cause: error });
  } finally {
    key.dispose();
  }
}

async function socketOf({ state, socket }: OrderOptions): Promise<string> {
  if (socket !== undefined) return resolve(socket);
  if (state === undefined) {
    throw new CliError(
      "usage",
      "Say which federation sends it: --state DIR, its state folder, or --socket PATH.",
    );
  }
  const layout = layoutOf(resolve(state));
  const path = layout.federation.config;
  const given = { path, environment: process.env, flags: {} };
  const configured = ordersSocketOf(
    layout,
    await loadConfig({ schema: federationSchema, ...given }),
  );
  if (configured !== undefined) return configured;
  throw new CliError("config", `${path} has orders.socket empty: no order is sent from there`);
}
