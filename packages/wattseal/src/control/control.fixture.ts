/** A gateway that writes down what it is ordered, behind a control socket of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Logger,
  lctId,
  millis,
  milliwattHours,
  moduleUid,
  silentLogger,
} from "@wattseal/base";
import type { SocietySummary, TradeTerms } from "@wattseal/energy-ledger";
import type { GatewayStatus } from "@wattseal/gateway";
import { onTestFinished } from "vitest";
import type { SignerStatus } from "../roles/signer.js";
import type { Controlled } from "./operations.js";
import { ControlServer } from "./server.js";

export const PACK = lctId(`lct:pack:${"b".repeat(32)}`);
export const WORKER = lctId(`lct:agent:${"a".repeat(32)}`);
export const MODULE = moduleUid("5701000000000001");
export const ACCOUNTS: SocietySummary = {
  supply: 1000,
  atp: 400,
  reserved: 100,
  adp: 500,
  eligible: 1,
  withheld: 2,
  unclaimed: 3,
  deficit: 0,
  opening: 4,
  net: 5,
  recordedLoss: -6,
  claims: -8,
  conversionLoss: 9,
  wasted: 7,
};

const TERMS: TradeTerms = {
  seller: PACK,
  ticket: 10,
  buyer: WORKER,
  witness: PACK,
  amount: milliwattHours(5),
  rateBps: 9_800,
  fee: milliwattHours(1),
  decideBy: millis(7),
  expires: millis(9),
};

const STATUS: GatewayStatus = {
  lct: PACK,
  time: millis(1_767_614_400_000),
  utc: { synchronised: true, source: "simulated", heldUntil: undefined },
  modules: [],
  legacyModules: [],
  shunt: undefined,
  entries: 42,
  checkpoints: 3,
  witnessed: 40,
  connected: true,
  quorum: 1,
  destinations: [],
  society: ACCOUNTS,
  waste: { alerts: 0 },
  energy: { inMwh: 10, outMwh: 20 },
  isolated: false,
  orders: { accepted: 2, refused: { expired: 1 } },
  foreignFrames: 0,
  busState: "active",
  refusedEntries: 0,
  storage: undefined,
  resolution: 1,
  stopped: undefined,
  unsigned: undefined,
  halfAway: undefined,
};

const SIGNER: SignerStatus = {
  tpm: "device",
  binding: "tpm",
  epoch: { epoch: 7, state: "unattested" },
  halves: [
    { reference: "a.sealed", state: "open", publicKey: new Uint8Array(32) },
    { reference: "b.sealed", state: "refused", publicKey: undefined, reason: "approve this boot" },
  ],
};

/** A gateway that says yes; `changes` for one that does not. */
export function gatewayOf(changes: Partial<Controlled["society"]> = {}) {
  const orders: unknown[] = [];
  const noted = <Order, Answer>(name: string, answer: Answer) => {
    return (order: Order) => {
      orders.push([name, order]);
      return Promise.resolve(answer);
    };
  };
  const gateway: Controlled = {
    status: () => STATUS,
    isolateAll: () => {
      orders.push(["isolate"]);
      return Promise.resolve(new Map([[MODULE, { kind: "refused", reason: "state" } as const]]));
    },
    allow: () => {
      orders.push(["allow"]);
    },
    society: {
      accounts: () => ({
        summary: ACCOUNTS,
        reservable: 400,
        policy: undefined,
        tickets: [
          {
            ticket: 9,
            worker: WORKER,
            deadline: millis(5),
            held: 60,
            used: 40,
          },
        ],
        trades: [],
        suspects: { count: 1, oldest: [{ interval: 7, in: 70, until: millis(8) }] },
        waste: { alerts: 0 },
      }),
      reserve: noted("reserve", { ticket: 9, deadline: millis(5) }),
      commit: noted("commit", { entry: 10, worker: WORKER, reputation: milliwattHours(8) }),
      rollback: noted("rollback", {
        entry: 10,
        returned: milliwattHours(6),
        wasted: milliwattHours(0),
      }),
      certify: noted("certify", { entry: 10 }),
      resolve: noted("resolve", { entry: 10 }),
      trades: {
        escrow: noted("escrow", { trade: "ab".repeat(32), terms: TERMS }),
        report: noted("report", {
          entry: 10,
          amount: milliwattHours(5),
          expires: millis(9),
          worker: WORKER,
          reputation: milliwattHours(4),
        }),
        settle: noted("settle", { entry: 10, type: "society.record" as const }),
      },
      ...changes,
    },
    signer: {
      status: () => SIGNER,
      attest: noted("attest", Uint8Array.of(1, 2, 3)),
    },
  };
  return { gateway, orders };
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "wattseal-control-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function serving(gateway: Controlled, logger: Logger = silentLogger) {
  const folder = await temporaryFolder();
  const path = join(folder, "run", "control.sock");
  const server = await ControlServer.listen({ gateway, path, logger });
  onTestFinished(() => server.close());
  return { folder, path, server };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

/** A request as any HTTP client might make it. */
export function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Readonly<Record<string, string>> = { "content-type": "application/json" },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath, path, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        const json: unknown = text === "" ? undefined : JSON.parse(text);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    sent.once("error", reject);
    sent.end(body);
  });
}
