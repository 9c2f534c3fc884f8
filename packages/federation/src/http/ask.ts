/** A question to one of our servers: bounded in time and in what comes back. What is answered is not believed here. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { messageOf } from "@wattseal/base";
import { z } from "zod";
import { isLoopback } from "./loopback.js";

export interface HttpTarget {
  /** For messages. */
  readonly where: string;
  readonly options: RequestOptions;
  readonly secure: boolean;
}

export interface HttpAsked {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly token?: string;
  readonly content?: { readonly type: string; readonly body: Uint8Array };
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Seconds after which to ask again, where the server says so. */
  readonly retryAfter: number | undefined;
}

const TIMEOUT_MS = 30_000;

/** `ca`: PEM of who signed the server's certificate; without it those that Node knows. Throws Error for an address that would send a token in clear. */
export function httpTarget(url: string, ca?: string): HttpTarget {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol !== "http:" && address?.protocol !== "https:") {
    throw new Error(`${url} is no http:// or https:// address`);
  }
  const secure = address.protocol === "https:";
  const host = address.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!secure && host !== "localhost" && !isLoopback(host)) {
    throw new Error(`${url} would send the token in clear: use https://`);
  }
  const port = address.port === "" ? (secure ? 443 : 80) : Number(address.port);
  return { where: url, options: { host, port, ca }, secure };
}

/** Rejects with an Error that says why nothing was answered. `most`: bytes of an answer. */
export function ask(
  { options, secure }: HttpTarget,
  { method, path, token, content }: HttpAsked,
  most: number,
): Promise<HttpAnswer> {
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(content && { "content-type": content.type, "content-length": content.body.length }),
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      const cure = isUntrusted(cause) ? UNTRUSTED : "";
      reject(new Error(`${messageOf(cause)}${cure}`, { cause }));
    };
    const asked = { ...options, agent: false, method, path, timeout: TIMEOUT_MS, headers };
    const outgoing = (secure ? httpsRequest : httpRequest)(asked, (response) => {
      const after = Number(response.headers["retry-after"] ?? Number.NaN);
      bytesOf(response, most).then(
        (body) =>
          resolve({
            status: response.statusCode ?? 0,
            body,
            retryAfter: Number.isFinite(after) ? after : undefined,
          }),
        fail,
      );
    });
    outgoing.once("error", fail);
    outgoing.once("timeout", () => {
      outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
    });
    outgoing.end(content?.body);
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
  "; nothing was told to it. Give the certificate of the authority that signed the server's (--ca), from its operator";

function isUntrusted(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && UNTRUSTED_CODES.includes(cause.code);
}

async function bytesOf(response: IncomingMessage, most: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response) {
    const bytes = Buffer.isBuffer(part) ? part : Buffer.from(String(part));
    length += bytes.length;
    if (length > most) throw new Error("the answer is too long");
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** Undefined for what is no JSON. */
export function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

const problemSchema = z.object({ status: z.int(), detail: z.string(), code: z.string() });

/** Problem details (RFC 9457) as our servers give them; undefined for anything else. */
export function problemIn(body: Buffer): z.infer<typeof problemSchema> | undefined {
  const read = problemSchema.safeParse(jsonIn(body));
  return read.success ? read.data : undefined;
}
