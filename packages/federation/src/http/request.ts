/** What a request says, read within bounds. Each throws HttpRefusal. */
import type { IncomingMessage } from "node:http";
import { HttpRefusal } from "./problem.js";
import { CBOR, JSON_TYPE, type Route } from "./route.js";

const MOST_BODY = 32_768;
const TOKEN = /^Bearer ([A-Za-z0-9_-]{20,100})$/;

/** Of a target in origin-form or absolute-form (RFC 9112 §3.2). */
export function targetOf({ url = "" }: IncomingMessage): URL {
  const base = "http://localhost";
  if (URL.canParse(url, base)) return new URL(url, base);
  throw new HttpRefusal(400, "malformed", "that is no request target");
}

/** Undefined where the path is another. */
export function parametersOf(
  template: string,
  path: string,
): ReadonlyMap<string, string> | undefined {
  const wanted = template.split("/");
  const given = path.split("/");
  const parameters = new Map<string, string>();
  for (const [i, part] of wanted.entries()) {
    const [, name, rest] = /^\{(\w+)(\+?)\}$/.exec(part) ?? [];
    if (name !== undefined && rest === "+") {
      if (given.length <= i) return undefined;
      return parameters.set(name, given.slice(i).map(unescaped).join("/"));
    }
    const text = given[i];
    if (text === undefined || (name === undefined && part !== text)) return undefined;
    if (name !== undefined) parameters.set(name, unescaped(text));
  }
  return wanted.length === given.length ? parameters : undefined;
}

/** A colon may come as it is or escaped (RFC 3986 §3.3). */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Empty where there is none. */
export function tokenOf({ headers }: IncomingMessage): string {
  return TOKEN.exec(headers.authorization ?? "")?.[1] ?? "";
}

/** `what` it is for. */
export function unauthorised(what: string): HttpRefusal {
  const challenge = { "www-authenticate": "Bearer" };
  return new HttpRefusal(401, "token", `${what}: Authorization: Bearer …`, challenge);
}

export async function bodyOf(
  request: IncomingMessage,
  takes: Route<unknown>["request"],
): Promise<Uint8Array> {
  if (takes === undefined) return new Uint8Array(0);
  const wanted = takes === "cbor" ? CBOR : JSON_TYPE;
  const given = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (given !== wanted) throw new HttpRefusal(415, "media-type", `this takes ${wanted}`);
  const parts: Buffer[] = [];
  let length = Number(request.headers["content-length"] ?? 0);
  if (length > MOST_BODY) throw tooLong();
  length = 0;
  for await (const part of request) {
    const bytes = Buffer.isBuffer(part) ? part : Buffer.from(String(part));
    length += bytes.length;
    if (length > MOST_BODY) throw tooLong();
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function tooLong(): HttpRefusal {
  return new HttpRefusal(413, "too-long", `a body has at most ${MOST_BODY} bytes`, {
    connection: "close",
  });
}
