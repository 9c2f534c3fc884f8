/** What the registry serves: one table, which the server follows and the description is made of. */
import { fromBase64, type LctId, lctId, millis, toBase64, toHex } from "@wattseal/base";
import { z } from "zod";
import { type Call, CBOR, json, type Route } from "../../http/route.js";
import { RegistryError } from "../errors.js";
import type { LctRegistry, LctStanding } from "../registry.js";
import {
  adoption,
  done,
  evidence,
  granted,
  lctText,
  page,
  type StandingReply,
  standingWithProof,
  tokens,
  tokenWish,
  voiding,
} from "./schemas.js";

type RegistryRoute = Route<LctRegistry>;

export const ROUTES: readonly RegistryRoute[] = [
  {
    id: "health",
    method: "GET",
    path: "/v1/healthz",
    summary: "Whether it answers.",
    audience: "anyone",
    status: 200,
    response: z.object({ status: z.literal("ok") }),
    handle: async () => json({ status: "ok" }),
  },
  {
    id: "listLcts",
    method: "GET",
    path: "/v1/lct",
    summary: "Every LCT that is not pending, in the order of their ids.",
    audience: "anyone",
    query: { after: z.string().describe("An id: those after it.") },
    status: 200,
    response: page,
    handle: async (registry, { query }) => {
      const lcts = await registry.lcts(query.get("after") ?? "");
      const last = lcts.length < PAGE ? undefined : lcts.at(-1)?.lct;
      const short = lcts.map(({ lct, state: now, since }) => ({ lct, state: now, since }));
      return json({ lcts: short, ...(last === undefined ? {} : { next: last }) });
    },
  },
  {
    id: "getLct",
    method: "GET",
    path: "/v1/lct/{lct}",
    summary: "An LCT's document and every statement of its standing, for anyone to verify.",
    audience: "anyone",
    status: 200,
    response: standingWithProof,
    handle: async (registry, { parameters }) =>
      json(standingReply(await known(registry, parameters))),
  },
  {
    id: "requestEnrolment",
    method: "POST",
    path: "/v1/enrolments",
    summary: "A request for a challenge, both CBOR (docs/registry.md, Messages).",
    audience: "anyone",
    needsToken: true,
    request: "cbor",
    status: 201,
    response: "cbor",
    handle: async (registry, { token, body }) => {
      const { id, challenge } = await registry.request(token, body);
      const location = `/v1/enrolments/${toHex(id)}`;
      return { status: 201, type: CBOR, body: challenge, headers: { location } };
    },
  },
  {
    id: "activateEnrolment",
    method: "PUT",
    path: "/v1/enrolments/{id}",
    summary: "An activation for the result, both CBOR.",
    audience: "anyone",
    needsToken: true,
    request: "cbor",
    status: 200,
    response: "cbor",
    handle: async (registry, { token, parameters, body }) => {
      const id = Buffer.from(parameters.get("id") ?? "", "hex");
      return { status: 200, type: CBOR, body: await registry.activate(token, id, body) };
    },
  },
  {
    id: "grantToken",
    method: "POST",
    path: "/v1/tokens",
    summary: "A token for one enrolment. It is told once.",
    audience: "operator",
    request: tokenWish,
    status: 201,
    response: granted,
    handle: async (registry, { body }) => {
      const { succeeds, ...wish } = parse(tokenWish, body);
      const named = succeeds === undefined ? undefined : lctId(succeeds);
      return json(await registry.grant({ ...wish, succeeds: named }), 201);
    },
  },
  {
    id: "listTokens",
    method: "GET",
    path: "/v1/tokens",
    summary: "Tokens that were granted, without what they are.",
    audience: "operator",
    status: 200,
    response: tokens,
    handle: async (registry) => {
      const all = await registry.tokens();
      return json({ tokens: all.map(({ hash: _, ...token }) => token) });
    },
  },
  {
    id: "voidLct",
    method: "POST",
    path: "/v1/lct/{lct}/void",
    summary: "The hardware is gone. Final.",
    audience: "operator",
    request: voiding,
    status: 200,
    response: done,
    handle: async (registry, { parameters, body }) => {
      const lct = lctIn(parameters);
      await registry.void(lct, parse(voiding, body).reason);
      return json({ lct, state: "void" });
    },
  },
  {
    id: "adoptDocument",
    method: "POST",
    path: "/v1/documents",
    summary: "Keeps the standing of an LCT whose document this authority signed elsewhere.",
    audience: "operator",
    request: adoption,
    status: 201,
    response: done,
    handle: async (registry, { body }) => {
      const lct = await registry.adopt(fromBase64(parse(adoption, body).document, "document"));
      return json({ lct, state: "active" }, 201);
    },
  },
  {
    id: "getEvidence",
    method: "GET",
    path: "/v1/lct/{lct}/evidence",
    summary:
      "What an LCT was slashed for: the contradicting message, and the receipt of the stored log.",
    audience: "operator",
    status: 200,
    response: evidence,
    handle: async (registry, { parameters }) => {
      const { lct } = await known(registry, parameters);
      const kept = await registry.evidence(lct);
      return json({
        evidence: kept.map(({ kind, size, payload, receipt }) => ({
          kind,
          size,
          payload: toBase64(payload),
          receipt,
        })),
      });
    },
  },
];

/** As `LctRegistry.lcts` gives at most. */
const PAGE = 1_000;

function lctIn(parameters: Call["parameters"]): LctId {
  const given = parameters.get("lct") ?? "";
  if (!lctText.safeParse(given).success) throw new RegistryError("lct", "that is no LCT id");
  try {
    return lctId(given);
  } catch (cause) {
    throw new RegistryError("lct", "that is no LCT id", { cause });
  }
}

async function known(registry: LctRegistry, parameters: Call["parameters"]): Promise<LctStanding> {
  const lct = lctIn(parameters);
  const found = await registry.lct(lct);
  if (found === undefined) throw new RegistryError("lct", `${lct} is not known here`);
  return found;
}

function standingReply({
  lct,
  state: now,
  since,
  document,
  statements,
}: LctStanding): StandingReply {
  return {
    lct,
    state: now,
    since: millis(since),
    ...(document === undefined ? {} : { document: toBase64(document) }),
    statements: statements.map((statement) => toBase64(statement)),
  };
}

/** Throws ZodError. */
function parse<T>(schema: z.ZodType<T>, body: Uint8Array): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    value = undefined; // and is refused by the schema
  }
  return schema.parse(value);
}
