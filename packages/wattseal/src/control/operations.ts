import { milliwattHours, toBase64 } from "@wattseal/base";
import type { Gateway } from "@wattseal/gateway";
import { z } from "zod";
import type { OpenSigner } from "../roles/signer.js";
import { RequestError } from "./errors.js";
import { reply, request } from "./fields.js";
import { societyReply, societyReplyOf } from "./society-reply.js";
import { statusReply, statusReplyOf } from "./status-reply.js";

/** What of a gateway can be ordered from outside. */
export interface Controlled {
  readonly status: Gateway["status"];
  readonly isolateAll: Gateway["isolateAll"];
  readonly allow: Gateway["allow"];
  readonly society: Pick<
    Gateway["society"],
    "accounts" | "reserve" | "commit" | "rollback" | "certify" | "resolve"
  > & { readonly trades: Pick<Gateway["society"]["trades"], "escrow" | "report" | "settle"> };
  readonly signer: Pick<OpenSigner, "status" | "attest">;
}

/** One thing that can be asked or ordered: served, described and called from this alone. */
export interface Operation<Out = unknown> {
  readonly id: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly summary: string;
  readonly request: z.ZodType | undefined;
  readonly response: z.ZodType<Out>;
  /** Throws RequestError `invalid` for a body that is not of `request`, and whatever the gateway throws. */
  readonly run: (gateway: Controlled, body: unknown) => Promise<Out>;
}

type Spec<Out> = Omit<Operation<Out>, "run" | "request" | "method">;

function asked<Out>(spec: Spec<Out>, answer: (gateway: Controlled) => Out): Operation<Out> {
  const run = async (gateway: Controlled) => answer(gateway);
  return { ...spec, method: "GET", request: undefined, run };
}

function ordered<Body, Out>(
  spec: Spec<Out> & { readonly request: z.ZodType<Body> },
  order: (gateway: Controlled, body: Body) => Promise<Out> | Out,
): Operation<Out> {
  const run = async (gateway: Controlled, body: unknown) =>
    order(gateway, bodyOf(spec.request, body));
  return { ...spec, method: "POST", run };
}

function bodyOf<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    problem: message,
  }));
  const all = errors.map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`));
  throw new RequestError("invalid", `The body is not what this takes: ${all.join("; ")}`, {
    errors,
  });
}

const { mwh, time, entry, lct, uid } = reply;
const entered = z.object({ entry });

export const OPERATIONS = {
  status: asked(
    {
      id: "status",
      path: "/status",
      summary: "The pack at this moment: modules, energy, accounts, log, uplink.",
      response: statusReply,
    },
    (gateway) => statusReplyOf(gateway.status(), gateway.signer.status()),
  ),
  attest: ordered(
    {
      id: "attest",
      path: "/identity/attest",
      summary: "Has the anchor say who it is and, with a TPM, which boot it runs in, over a nonce.",
      request: z.strictObject({ nonce: request.nonce }),
      response: z.object({
        attestation: z.string().describe("A file for wattseal verify, base64."),
      }),
    },
    async ({ signer }, { nonce }) => ({ attestation: toBase64(await signer.attest(nonce)) }),
  ),
  society: asked(
    {
      id: "society",
      path: "/society",
      summary: "The society's accounts, open tickets, and suspect intervals that can be settled.",
      response: societyReply,
    },
    ({ society }) => societyReplyOf(society.accounts()),
  ),
  reserve: ordered(
    {
      id: "reserve",
      path: "/society/reserve",
      summary: "Opens a work ticket, which takes the oldest lots; rolled back after 24 hours.",
      request: z.strictObject({
        amountMwh: request.amountMwh,
        worker: request.worker,
        task: request.label("What the work is, such as compute or maintenance."),
        orderSha256: request.sha256("the order"),
      }),
      response: z.object({
        ticket: entry.describe("Names the ticket from now on."),
        deadline: time,
      }),
    },
    ({ society }, { amountMwh: amount, worker, task, orderSha256: order }) =>
      society.reserve({ amount, worker, task, order }),
  ),
  commit: ordered(
    {
      id: "commit",
      path: "/society/commit",
      summary: "Closes a ticket whose work is done; what it still holds beyond the amount returns.",
      request: z.strictObject({
        ticket: request.entry,
        amountMwh: request.amountMwh
          .optional()
          .describe(
            "mWh of what the ticket still holds; absent where windows have used all of it.",
          ),
        qualityBps: request.basisPoints.describe(
          "Share of the work that earns its worker reputation, hundredths of a per cent.",
        ),
        proofSha256: request.sha256("what shows that the work is done"),
      }),
      response: z.object({ entry, worker: lct, reputationMwh: mwh }),
    },
    async ({ society }, { ticket, amountMwh: amount, qualityBps: quality, proofSha256: proof }) => {
      const { reputation, ...of } = await society.commit({ ticket, amount, quality, proof });
      return { ...of, reputationMwh: reputation };
    },
  ),
  rollback: ordered(
    {
      id: "rollback",
      path: "/society/rollback",
      summary:
        "Closes a ticket whose work failed; what it holds returns, but for what has expired.",
      request: z.strictObject({ ticket: request.entry }),
      response: z.object({ entry, returnedMwh: mwh, wastedMwh: mwh }),
    },
    async ({ society }, { ticket }) => {
      const { entry: index, returned, wasted } = await society.rollback(ticket);
      return { entry: index, returnedMwh: returned, wastedMwh: wasted };
    },
  ),
  certify: ordered(
    {
      id: "certify",
      path: "/society/certify",
      summary: "Turns the oldest withheld energy into lots: something outside bore it out.",
      request: z.strictObject({
        amountMwh: request.amountMwh,
        by: z.enum(["load", "application", "peer"]),
        certifier: request.name("Who bears it out: an LCT id or a name."),
        proofSha256: request.sha256("what they said"),
      }),
      response: entered,
    },
    ({ society }, { amountMwh: amount, by, certifier, proofSha256: proof }) =>
      society.certify({ amount, by, certifier, proof }),
  ),
  escrow: ordered(
    {
      id: "escrow",
      path: "/society/escrow",
      summary: "Keeps the oldest lots for a trade that the common witness decides.",
      request: z.strictObject({
        amountMwh: request.amountMwh,
        buyer: request.society("the society that gets the energy"),
        witness: request.society("the society whose log decides"),
        rateBps: request.basisPoints
          .min(1)
          .default(10_000)
          .describe("Share that arrives, hundredths of a per cent."),
        feeMwh: request.amountMwh.optional().describe("mWh taken off what arrives."),
        withinMs: z
          .int()
          .min(1)
          .max(86_400_000)
          .default(600_000)
          .describe("ms that the witness has to commit in."),
      }),
      response: z.object({
        ticket: entry.describe("Names the trade in this log."),
        trade: z.string().describe("SHA-256 of the terms: its name everywhere."),
        decideBy: time,
        expires: time.describe("The energy's last date: then the escrow ends by itself."),
      }),
    },
    async ({ society }, { amountMwh: amount, feeMwh: fee, rateBps, withinMs: within, ...who }) => {
      const order = { ...who, amount, rateBps, fee: fee ?? milliwattHours(0), within };
      const { trade, terms } = await society.trades.escrow(order);
      const { ticket, decideBy, expires } = terms;
      return { ticket, trade, decideBy, expires };
    },
  ),
  report: ordered(
    {
      id: "report",
      path: "/society/report",
      summary: "Closes a ticket whose work was for another society, which can charge it.",
      request: z.strictObject({
        ticket: request.entry,
        parent: request.society("the society that the work was for"),
        amountMwh: request.amountMwh.optional().describe("mWh; absent: all that it still holds."),
        qualityBps: request.basisPoints.describe("As for a commit."),
        proofSha256: request.sha256("what shows that the work is done"),
      }),
      response: z.object({ entry, amountMwh: mwh, expires: time, worker: lct, reputationMwh: mwh }),
    },
    async ({ society }, { amountMwh, qualityBps: quality, proofSha256: proof, ...work }) => {
      const part = amountMwh === undefined ? {} : { amount: amountMwh };
      const done = await society.trades.report({ ...work, ...part, quality, proof });
      const { amount, reputation, ...of } = done;
      return { ...of, amountMwh: amount, reputationMwh: reputation };
    },
  ),
  settle: ordered(
    {
      id: "settle",
      path: "/society/settle",
      summary:
        "Enters what another log's entry means here: the end of a trade, or a citizen's work.",
      request: z.strictObject({ proof: request.proof }),
      response: z.object({ entry, type: z.enum(["society.trade", "society.record"]) }),
    },
    ({ society }, { proof }) => society.trades.settle(proof),
  ),
  resolve: ordered(
    {
      id: "resolve",
      path: "/ledger/resolve",
      summary: "Settles a suspect interval: accepted, its in joins the next window.",
      request: z.strictObject({
        interval: request.entry.describe("Index of the energy.interval entry."),
        decision: z.enum(["accept", "reject"]),
        evidence: request.label("What settled it, such as pack-shunt or operator."),
        reason: request.phrase("For people.").default(""),
      }),
      response: entered,
    },
    ({ society }, body) => society.resolve(body),
  ),
  isolate: ordered(
    {
      id: "isolate",
      path: "/isolate",
      summary: "Orders every module to open its relay, and lets none close it until allow.",
      request: z.strictObject({}),
      response: z.object({
        isolated: z.boolean(),
        modules: z.array(
          z.object({
            uid,
            result: z
              .enum(["acknowledged", "refused", "timed-out", "unsent"])
              .describe("timed-out: whether it obeyed is not known. unsent: it got no order."),
            reason: z.string().optional(),
          }),
        ),
      }),
    },
    async (gateway) => {
      const results = await gateway.isolateAll();
      const modules = [...results].map(([module, { kind, ...why }]) => ({
        uid: module,
        result: kind,
        ...why,
      }));
      return { isolated: true, modules };
    },
  ),
  allow: ordered(
    {
      id: "allow",
      path: "/allow",
      summary: "Lets modules close their relays again after isolate, and orders them on.",
      request: z.strictObject({}),
      response: z.object({ isolated: z.boolean() }),
    },
    (gateway) => {
      gateway.allow();
      return { isolated: false };
    },
  ),
} as const;

export const OPERATION_LIST: readonly Operation[] = Object.values(OPERATIONS);
