/** What a request says, read within bounds. Each throws HttpRefusal. */
import type { IncomingMessage } from "node:http";
import { HttpRefusal } from "./problem.js";
import { CBOR, JSON_TYPE, type Route } from "./routes.js";

const MOST_BODY = 32_768;
const TOKEN = /^Bearer ([A-Za-z0-9_-]{20,100})$/;

/** Of a target in origin-form or absolute-form (RFC 9112 §3.2). */
export function targetOf({ url = "" }: IncomingMessage): URL {
  const base = "http://localhost";
  if (URL.canParse(url, base)) return new URL(url, base);
  throw new HttpRefusal(400, "malformed", "that is no request target");
}

export function parametersOf(
  template: string,
  path: string,
): ReadonlyMap<string, string> | undefined {
  const wanted = template.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const parameters = new Map<string, string>();
  for (const [i, part] of wanted.entries()) {
    const text = given[i] ?? "";
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name !== undefined) parameters.set(name, unescaped(text));
    else if (part !== text) return undefined;
  }
  return parameters;
}

/** A colon may come as it is or escaped (RFC 3986 §3.3). */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function tokenOf({ headers }: IncomingMessage, { needsToken }: Route): string {
  const token = TOKEN.exec(headers.authorization ?? "")?.[1];
  if (token !== undefined || needsToken !== true) return token ?? "";
  const challenge = { "www-authenticate": "Bearer" };
  throw new HttpRefusal(
    401,
    "token",
    "an enrolment needs a token: Authorization: Bearer …",
    challenge,
  );
}

export async function bodyOf(request: IncomingMessage, route: Route): Promise<Uint8Array> {
  if (route.request === undefined) return new Uint8Array(0);
  const wanted = route.request === "cbor" ? CBOR : JSON_TYPE;
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
