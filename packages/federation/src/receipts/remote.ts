/** A federation's receipt log over its query API. Nothing of what it answers is believed here. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Clock, fromUtf8, messageOf, millis } from "@wattseal/base";
import { decodeBundle, entriesPath, TILE_WIDTH, unverifiedCheckpoint } from "@wattseal/tlog";
import { z } from "zod";
import { FederationError } from "../errors.js";
import { isLoopback } from "../http/loopback.js";

export interface QueryAddress {
  /** http:// or https:// */
  readonly url: string;
  /** As `query.tokenFile` has it. */
  readonly token: string;
  /** PEM of the authority that signed the server's certificate; without it those that Node knows. */
  readonly ca?: string;
}

/** A latest receipt as a federation shows it. */
export interface ShownReceipt {
  readonly pack: string;
  readonly text: string;
}

const TIMEOUT_MS = 30_000;
/** 256 records of 64 KiB. */
const MOST_REPLY = 16_842_752;
const PAGE = 100;
const RATE_LIMITED = 429;
const MISSING = 404;

const packsReply = z.object({
  packs: z.array(z.object({ pack: z.string() })),
  next: z.string().optional(),
});
const receiptsReply = z.object({ receipts: z.array(z.object({ text: z.string() })) });

export class RemoteReceiptLog {
  readonly #get: (path: string) => Promise<Buffer | undefined>;

  /** Throws FederationError `configuration` for anything but https, or http to this machine. */
  constructor(address: QueryAddress, clock: Clock) {
    const base = baseOf(address.url);
    this.#get = async (path) => {
      for (;;) {
        const { status = 0, body, retryAfter } = await asked(new URL(path, base), address);
        if (status === RATE_LIMITED) {
          await new Promise<void>((resume) => {
            clock.at(millis(clock.now() + 1000 * retryAfter), resume);
          });
          continue;
        }
        if (status === MISSING) return undefined;
        if (status === 200) return body;
        throw unreachable(address, `it answers ${path} with status ${status}`);
      }
    };
  }

  /** The newest head; undefined where there is none. */
  async note(): Promise<string | undefined> {
    const body = await this.#get("v1/receipts/checkpoint");
    return body && fromUtf8(body, "head of the receipt log");
  }

  /** Leaves under a head, from index 0 on; ends where one is missing. Throws TlogError for a bundle that is none. */
  async *records(note: string | undefined): AsyncGenerator<Uint8Array> {
    const size = note === undefined ? 0 : unverifiedCheckpoint(note).size;
    for (let first = 0; first < size; first += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, size - first);
      const path = entriesPath(first / TILE_WIDTH, width);
      const body = await this.#get(`v1/receipts/${path}`);
      if (body === undefined) return;
      yield* decodeBundle(new Uint8Array(body), width, path);
    }
  }

  /** The latest receipt of each pack. */
  async *receipts(): AsyncGenerator<ShownReceipt> {
    for (let after: string | undefined = ""; after !== undefined; ) {
      const page: z.infer<typeof packsReply> = await this.#json(
        packsReply,
        `v1/packs?limit=${PAGE}&after=${encodeURIComponent(after)}`,
      );
      for (const { pack } of page.packs) {
        const path = `v1/packs/${encodeURIComponent(pack)}/receipts`;
        const { receipts } = await this.#json(receiptsReply, path);
        for (const { text } of receipts) yield { pack, text };
      }
      after = page.next;
    }
  }

  async #json<T>(schema: z.ZodType<T>, path: string): Promise<T> {
    const body = await this.#get(path);
    try {
      return schema.parse(JSON.parse(fromUtf8(body ?? new Uint8Array(0))));
    } catch (cause) {
      throw new FederationError("query", `${path} is not answered in a form that is known here`, {
        cause,
      });
    }
  }
}

/** With a slash at its end, so that paths are put behind it. */
function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url.endsWith("/") ? url : `${url}/`) : undefined;
  if (base?.protocol !== "https:" && base?.protocol !== "http:") {
    throw new FederationError("configuration", `${url} is no http:// or https:// address`);
  }
  const host = base.hostname.replace(/^\[(.*)\]$/, "$1");
  if (base.protocol === "http:" && host !== "localhost" && !isLoopback(host)) {
    throw new FederationError(
      "configuration",
      `${url} would send the token in clear: use https://`,
    );
  }
  return base;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: Buffer;
  /** Seconds. */
  readonly retryAfter: number;
}

function asked(url: URL, address: QueryAddress): Promise<Answer> {
  const { token, ca } = address;
  const headers = { authorization: `Bearer ${token}` };
  const options = { agent: false, timeout: TIMEOUT_MS, headers, ...(ca && { ca }) };
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      reject(unreachable(address, messageOf(cause), { cause }));
    };
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing = send(url, options, (response) => {
      const retryAfter = Math.min(60, Math.max(1, Number(response.headers["retry-after"]) || 1));
      bytesOf(response).then((body) => {
        resolve({ status: response.statusCode, body, retryAfter });
      }, fail);
    });
    outgoing.once("error", fail);
    outgoing.once("timeout", () => {
      outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
    });
    outgoing.end();
  });
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

function unreachable({ url }: QueryAddress, problem: string, options?: ErrorOptions) {
  const cure = "Is query.listen set there, and is this its address and token?";
  return new FederationError(
    "query",
    `no federation answers queries at ${url}: ${problem}. ${cure}`,
    options,
  );
}
