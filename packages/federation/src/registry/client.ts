/** The registry from outside: for an applicant, for whoever asks for a standing, and for the operator at its socket. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { fromBase64, type LctId, lctId, messageOf, millis, toBase64, toHex } from "@wattseal/base";
import type { LctState } from "@wattseal/energy-ledger";
import type { EnrolmentGrant, Registry } from "@wattseal/lct-keys";
import { z } from "zod";
import { isLoopback } from "../http/loopback.js";
import { CBOR, JSON_TYPE } from "../http/route.js";
import { RegistryError } from "./errors.js";
import {
  done,
  granted,
  page as pageSchema,
  type StandingReply,
  standingWithProof,
  tokens as tokensSchema,
} from "./http/schemas.js";
import type { GrantedToken, LctStanding } from "./registry.js";

const TIMEOUT_MS = 30_000;
/** A thousand standings, or sixteen pieces of evidence of 256 KiB. */
const MOST_REPLY = 8_388_608;

const problemSchema = z.object({ status: z.int(), detail: z.string(), code: z.string() });

/** The registry answered, and the answer is no: `problem` is its own code. */
export class RegistryRefusal extends RegistryError {
  readonly problem: string;

  constructor(problem: string, detail: string) {
    super("refused", detail);
    this.problem = problem;
  }
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

interface Ask {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly token?: string;
  readonly cbor?: Uint8Array;
  readonly json?: object;
}

/** Throws RegistryError `unreachable`, `answer`; RegistryRefusal. */
type Exchange = (ask: Ask) => Promise<Buffer>;

function exchangeWith(where: string, options: RequestOptions, secure: boolean): Exchange {
  return async (ask) => {
    const { status, body } = await sent(where, options, secure, ask);
    if (status === 200 || status === 201) return body;
    const problem = problemSchema.safeParse(parsed(body));
    if (problem.success) throw new RegistryRefusal(problem.data.code, problem.data.detail);
    throw new RegistryError("answer", `what answers at ${where} (status ${status}) is no registry`);
  };
}

function sent(
  where: string,
  options: RequestOptions,
  secure: boolean,
  { method, path, token, cbor, json }: Ask,
): Promise<Answer> {
  const body = cbor ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
  const type = cbor === undefined ? JSON_TYPE : CBOR;
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { "content-type": type, "content-length": body.length }),
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      const cure = isUntrusted(cause) ? UNTRUSTED : "";
      const message = `no registry answers at ${where}: ${messageOf(cause)}${cure}`;
      reject(new RegistryError("unreachable", message, { cause }));
    };
    const asked = { ...options, agent: false, method, path, timeout: TIMEOUT_MS, headers };
    const outgoing = (secure ? httpsRequest : httpRequest)(asked, (response) => {
      bytesOf(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 0, body: bytes }),
        fail,
      );
    });
    outgoing.once("error", fail);
    outgoing.once("timeout", () => {
      outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
    });
    outgoing.end(body);
  });
}

/** Node's words for a chain that does not lead to an authority it was given (X509_V_ERR_…). */
const UNTRUSTED_CODES: readonly unknown[] = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
];
const UNTRUSTED =
  "; nothing was told to it. Give the certificate of the authority that signed the registry's (--ca), from its operator";

function isUntrusted(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && UNTRUSTED_CODES.includes(cause.code);
}

async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response) {
    const bytes = Buffer.isBuffer(part) ? part : Buffer.from(String(part));
    length += bytes.length;
    if (length > MOST_REPLY) throw new Error("the answer is too long");
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function read<T>(schema: z.ZodType<T>, body: Buffer): T {
  const reply = schema.safeParse(parsed(body));
  if (reply.success) return reply.data;
  throw new RegistryError("answer", "the registry answered in a form that is not known here");
}

function standingOf({ lct, state, since, document, statements }: StandingReply): LctStanding {
  return {
    lct: lctId(lct),
    state,
    since: millis(since),
    document: document === undefined ? undefined : fromBase64(document, "document"),
    statements: statements.map((statement) => fromBase64(statement, "statement")),
  };
}

async function standing(exchange: Exchange, lct: LctId): Promise<LctStanding | undefined> {
  try {
    const body = await exchange({ method: "GET", path: `/v1/lct/${lct}` });
    return standingOf(read(standingWithProof, body));
  } catch (error) {
    if (error instanceof RegistryRefusal && error.problem === "lct") return undefined;
    throw error;
  }
}

export interface RegistryClientOptions {
  /** http:// or https:// */
  readonly url: string;
  /** Needed to enrol. */
  readonly token?: string;
  /** PEM of the authority that signed the server's certificate; without it those that Node knows. */
  readonly ca?: string;
}

/** What it gives is not verified: documents and statements are signed, and whoever uses them checks that. */
export class RegistryClient implements Registry {
  readonly #exchange: Exchange;
  readonly #token: string | undefined;

  /** Throws RegistryError `listen` for anything but https, or http to this machine. */
  constructor({ url, token, ca }: RegistryClientOptions) {
    const { protocol, hostname, port } = addressOf(url);
    const secure = protocol === "https:";
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    if (!secure && host !== "localhost" && !isLoopback(host)) {
      throw new RegistryError("listen", `${url} would send the token in clear: use https://`);
    }
    const options = { host, port: port === "" ? (secure ? 443 : 80) : Number(port), ca };
    this.#exchange = exchangeWith(url, options, secure);
    this.#token = token;
  }

  request(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#enrol("POST", "/v1/enrolments", bytes);
  }

  activate(id: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#enrol("PUT", `/v1/enrolments/${toHex(id)}`, bytes);
  }

  /** Undefined where the registry does not know it. */
  standing(lct: LctId): Promise<LctStanding | undefined> {
    return standing(this.#exchange, lct);
  }

  async #enrol(method: "POST" | "PUT", path: string, cbor: Uint8Array): Promise<Uint8Array> {
    const token = this.#token ?? "";
    return new Uint8Array(await this.#exchange({ method, path, token, cbor }));
  }
}

function addressOf(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol === "http:" || address?.protocol === "https:") return address;
  throw new RegistryError("listen", `${url} is no http:// or https:// address`);
}

/** Orders at the operator's socket. Throws RegistryError `unreachable`, `answer`; RegistryRefusal. */
export class RegistryOperator {
  readonly #exchange: Exchange;

  /** Path of the socket. */
  constructor(socket: string) {
    this.#exchange = exchangeWith(socket, { socketPath: socket }, false);
  }

  async grant(wish: Partial<EnrolmentGrant> & { readonly hours?: number }): Promise<GrantedToken> {
    const body = await this.#exchange({ method: "POST", path: "/v1/tokens", json: wish });
    const { token, expires } = read(granted, body);
    return { token, expires: millis(expires) };
  }

  /** Without what they are. */
  async tokens() {
    return read(tokensSchema, await this.#exchange({ method: "GET", path: "/v1/tokens" })).tokens;
  }

  async void(lct: LctId, reason: string): Promise<void> {
    const path = `/v1/lct/${lct}/void`;
    read(done, await this.#exchange({ method: "POST", path, json: { reason } }));
  }

  /** Of an LCT whose document this authority signed elsewhere. */
  async adopt(document: Uint8Array): Promise<LctId> {
    const json = { document: toBase64(document) };
    const body = await this.#exchange({ method: "POST", path: "/v1/documents", json });
    return lctId(read(done, body).lct);
  }

  standing(lct: LctId): Promise<LctStanding | undefined> {
    return standing(this.#exchange, lct);
  }

  /** Every LCT but pending ones, in the order of their ids. */
  async lcts(): Promise<readonly { lct: LctId; state: LctState; since: number }[]> {
    const all: { lct: LctId; state: LctState; since: number }[] = [];
    for (let after: string | undefined = ""; after !== undefined; ) {
      const path = `/v1/lct?after=${encodeURIComponent(after)}`;
      const page: z.infer<typeof pageSchema> = read(
        pageSchema,
        await this.#exchange({ method: "GET", path }),
      );
      all.push(...page.lcts.map((it) => ({ ...it, lct: lctId(it.lct) })));
      after = page.next;
    }
    return all;
  }
}
