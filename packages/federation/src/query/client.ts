/**
 * The query API from outside, for whoever takes a log back. What it gives is not verified here: entries and notes are
 * signed, and whoever uses them holds them against that.
 */
import { type Clock, fromUtf8, messageOf, millis } from "@wattseal/base";
import { decodeBundle, entriesPath, TILE_WIDTH } from "@wattseal/tlog";
import { type PackName, packName } from "@wattseal/uplink";
import type { z } from "zod";
import { FederationError } from "../errors.js";
import {
  ask,
  type HttpAnswer,
  type HttpTarget,
  httpTarget,
  jsonIn,
  problemIn,
} from "../http/ask.js";
import * as form from "./schemas.js";

export interface QueryClientOptions {
  /** http:// or https:// */
  readonly url: string;
  readonly token: string;
  /** PEM of the authority that signed the server's certificate; without it those that Node knows. */
  readonly ca?: string;
  /** Waits where the federation asks for it. */
  readonly clock: Clock;
}

export type PackReply = z.infer<typeof form.packView>;

/** 256 entries of 16 KiB, with their lengths. */
const MOST_REPLY = 8_388_608;
const TOO_MANY = 429;
const UNAVAILABLE = 503;
/** Times that one question is put again where the server asks for it. */
const ATTEMPTS = 30;

export class QueryClient {
  readonly #target: HttpTarget;
  readonly #token: string;
  readonly #clock: Clock;

  /** Throws FederationError `configuration` for anything but https, or http to this machine. */
  constructor({ url, token, ca, clock }: QueryClientOptions) {
    try {
      this.#target = httpTarget(url, ca);
    } catch (cause) {
      throw new FederationError("configuration", messageOf(cause), { cause });
    }
    this.#token = token;
    this.#clock = clock;
  }

  get url(): string {
    return this.#target.where;
  }

  /** Packs in the order of their names. Throws FederationError `query-unreachable`, `query-answer`. */
  async *packs(): AsyncGenerator<PackName> {
    for (let after: string | undefined = ""; after !== undefined; ) {
      const page: z.infer<typeof form.packs> = await this.#json(
        form.packs,
        `/v1/packs?after=${after}&limit=500`,
      );
      for (const { pack } of page.packs) yield packName(pack);
      after = page.next;
    }
  }

  /** Undefined where it stores no log of that pack. Throws as `packs`. */
  async pack(pack: PackName): Promise<PackReply | undefined> {
    const body = await this.#get(`/v1/packs/${pack}`, "pack");
    return body && this.#read(form.packView, body);
  }

  /** The latest receipt, a note; undefined before the first. Throws as `packs`. */
  async receipt(pack: PackName): Promise<string | undefined> {
    const body = await this.#get(`/v1/packs/${pack}/checkpoint`, "receipt");
    return body && fromUtf8(body, "receipt");
  }

  /** Entries [from, to) of a log that has them, in lists of at most 256. Throws as `packs`. */
  async *entries(pack: PackName, from: number, to: number): AsyncGenerator<readonly Uint8Array[]> {
    for (let at = from; at < to; ) {
      const index = Math.floor(at / TILE_WIDTH);
      const width = Math.min(TILE_WIDTH, to - index * TILE_WIDTH);
      const path = `/v1/packs/${pack}/${entriesPath(index, width)}`;
      const bundle = await this.#get(path);
      if (bundle === undefined) throw this.#noSuch(path);
      yield this.#bundle(bundle, width).slice(at - index * TILE_WIDTH);
      at = index * TILE_WIDTH + width;
    }
  }

  /** Newest head of its receipt log, a note; undefined where there is none. Throws as `packs`. */
  async receiptLogHead(): Promise<string | undefined> {
    const body = await this.#get("/v1/receipts/checkpoint", "receipt-log");
    return body && fromUtf8(body, "head of the receipt log");
  }

  /** The receipt log's leaves from index 0 on, `size` of them; ends where it has no more. Throws as `packs`. */
  async *receiptRecords(size: number): AsyncGenerator<Uint8Array> {
    for (let first = 0; first < size; first += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, size - first);
      const path = `/v1/receipts/${entriesPath(first / TILE_WIDTH, width)}`;
      const bundle = await this.#get(path, "tile");
      if (bundle === undefined) return;
      yield* this.#bundle(bundle, width);
    }
  }

  #bundle(bytes: Uint8Array, width: number): readonly Uint8Array[] {
    try {
      return decodeBundle(new Uint8Array(bytes), width);
    } catch (cause) {
      throw this.#malformed(messageOf(cause), { cause });
    }
  }

  async #json<T>(schema: z.ZodType<T>, path: string): Promise<T> {
    const body = await this.#get(path);
    if (body === undefined) throw this.#noSuch(path);
    return this.#read(schema, body);
  }

  #read<T>(schema: z.ZodType<T>, body: Buffer): T {
    const reply = schema.safeParse(jsonIn(body));
    if (reply.success) return reply.data;
    throw this.#malformed("it answers in a form that is not known here");
  }

  /** Undefined where it answers 404 for the reason `absent`. */
  async #get(path: string, absent?: string): Promise<Buffer | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const { status, body, retryAfter } = await this.#ask(path);
      if (status === 200) return body;
      const problem = problemIn(body);
      if (status === 404 && problem?.code === absent) return undefined;
      const again = status === TOO_MANY || status === UNAVAILABLE;
      if (!again || attempt === ATTEMPTS) {
        throw this.#malformed(problem?.detail ?? `status ${status}: this is no query API`);
      }
      await this.#wait(1000 * Math.min(retryAfter ?? 1, 10));
    }
  }

  async #ask(path: string): Promise<HttpAnswer> {
    try {
      return await ask(this.#target, { method: "GET", path, token: this.#token }, MOST_REPLY);
    } catch (cause) {
      const message = `no federation answers at ${this.url}: ${messageOf(cause)}`;
      throw new FederationError("query-unreachable", message, { cause });
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.at(millis(this.#clock.now() + ms), resolve);
    });
  }

  #noSuch(path: string): FederationError {
    return this.#malformed(`it has nothing at ${path}`);
  }

  #malformed(problem: string, options?: ErrorOptions): FederationError {
    return new FederationError(
      "query-answer",
      `the federation at ${this.url}: ${problem}`,
      options,
    );
  }
}
