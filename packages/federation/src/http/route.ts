/** A table of routes: what a server follows, and what its description is made of. */
import type { z } from "zod";

export const CBOR = "application/cbor";
export const JSON_TYPE = "application/json";

export interface Call {
  /** The parts of the path that stand in braces. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  /** Of the Authorization header; empty without one. */
  readonly token: string;
  readonly body: Uint8Array;
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array | object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `Serves`: what its handlers ask. */
export interface Route<Serves> {
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT";
  /** With `{name}` for a segment that varies, `{name+}` at the end for all that remain. */
  readonly path: string;
  readonly summary: string;
  /** `operator`: over the operator's socket alone. */
  readonly audience: "anyone" | "operator";
  /** Each text, as it comes; its schema describes it. */
  readonly query?: Readonly<Record<string, z.ZodType>>;
  readonly needsToken?: boolean;
  /** Undefined: it takes none. */
  readonly request?: "cbor" | z.ZodType;
  readonly status: 200 | 201;
  /** A schema for JSON; else CBOR, or what media types it has. */
  readonly response: "cbor" | z.ZodType | { readonly media: readonly string[] };
  readonly handle: (serves: Serves, call: Call) => Promise<Reply>;
}

export function json(body: object, status = 200): Reply {
  return { status, type: JSON_TYPE, body };
}
