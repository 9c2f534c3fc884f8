/** The registry from outside: for an applicant, for whoever asks for a standing, and for the operator at its socket. */
import { fromBase64, type LctId, lctId, messageOf, millis, toBase64, toHex } from "@wattseal/base";
import type { LctState } from "@wattseal/energy-ledger";
import type { EnrolmentGrant, Registry } from "@wattseal/lct-keys";
import type { z } from "zod";
import { ask, type HttpTarget, httpTarget, jsonIn, problemIn } from "../http/ask.js";
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

/** A thousand standings, or sixteen pieces of evidence of 256 KiB. */
const MOST_REPLY = 8_388_608;

/** The registry answered, and the answer is no: `problem` is its own code. */
export class RegistryRefusal extends RegistryError {
  readonly problem: string;

  constructor(problem: string, detail: string) {
    super("refused", detail);
    this.problem = problem;
  }
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

function exchangeWith(target: HttpTarget): Exchange {
  const { where } = target;
  return async ({ cbor, json, ...asked }) => {
    const body = cbor ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
    const type = cbor === undefined ? JSON_TYPE : CBOR;
    const content = body === undefined ? {} : { content: { type, body } };
    const answer = await ask(target, { ...asked, ...content }, MOST_REPLY).catch(
      (cause: unknown) => {
        const message = `no registry answers at ${where}: ${messageOf(cause)}`;
        throw new RegistryError("unreachable", message, { cause });
      },
    );
    const { status } = answer;
    if (status === 200 || status === 201) return answer.body;
    const problem = problemIn(answer.body);
    if (problem !== undefined) throw new RegistryRefusal(problem.code, problem.detail);
    throw new RegistryError("answer", `what answers at ${where} (status ${status}) is no registry`);
  };
}

function read<T>(schema: z.ZodType<T>, body: Buffer): T {
  const reply = schema.safeParse(jsonIn(body));
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
    let target: HttpTarget;
    try {
      target = httpTarget(url, ca);
    } catch (cause) {
      throw new RegistryError("listen", messageOf(cause), { cause });
    }
    this.#exchange = exchangeWith(target);
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

/** Orders at the operator's socket. Throws RegistryError `unreachable`, `answer`; RegistryRefusal. */
export class RegistryOperator {
  readonly #exchange: Exchange;

  /** Path of the socket. */
  constructor(socket: string) {
    this.#exchange = exchangeWith({
      where: socket,
      options: { socketPath: socket },
      secure: false,
    });
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
