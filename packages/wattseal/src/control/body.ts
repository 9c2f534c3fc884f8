import type { IncomingMessage } from "node:http";
import { RequestError } from "./errors.js";

/** No order is anywhere near it. */
export const MOST_BODY = 64 * 1024;

/** The JSON of a request's body; `{}` where it has none. Throws RequestError. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const { "content-length": length = "0", "transfer-encoding": chunked } = request.headers;
  if (chunked === undefined && Number(length) === 0) return {};
  const [type] = (request.headers["content-type"] ?? "").split(";");
  if (type?.trim().toLowerCase() !== "application/json") {
    throw new RequestError("not-json", "Send the body as Content-Type: application/json.");
  }
  const bytes = await readBytes(request);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new RequestError("bad-request", "The body is no JSON text in UTF-8.");
  }
}

async function readBytes(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      if (!(part instanceof Uint8Array)) continue;
      length += part.length;
      if (length > MOST_BODY) break;
      parts.push(part);
    }
  } catch {
    throw new RequestError("bad-request", "The body was broken off.");
  }
  if (length <= MOST_BODY) return Buffer.concat(parts);
  throw new RequestError("too-large", `A body has at most ${MOST_BODY} bytes.`);
}
