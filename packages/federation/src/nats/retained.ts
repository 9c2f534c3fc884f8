/** What nats-server retains of the packs' `head`, `epoch` and `state`: for a worker that starts with an empty store. */
import type { Consumer, JsMsg } from "@nats-io/jetstream";
import { fromBase64, fromUtf8 } from "@wattseal/base";
import { isThere, type Place } from "./stream.js";
import { RETAINED } from "./subjects.js";

export interface Retained {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** Since nats-server 2.11 a retained message is its payload, its topic in a header; before, both were in a JSON object. */
const TOPIC_HEADER = "Nmqtt-RTopic";
const PULL = { max_messages: 64, expires: 5_000 } as const;

/** Each retained message of the account, as of now. Throws what the client throws. */
export async function* readRetained({ js, jsm }: Place): AsyncGenerator<Retained> {
  if (!(await isThere(() => jsm.streams.info(RETAINED.stream)))) return;
  const { messages } = (await jsm.streams.info(RETAINED.stream)).state;
  if (messages === 0) return;
  const consumer = await js.consumers.get(RETAINED.stream, { inactive_threshold: 60_000 });
  for (;;) {
    const page = await pageOf(consumer);
    for (const { data, headers } of page) {
      const retained = retainedIn(data, headers?.get(TOPIC_HEADER));
      if (retained !== undefined) yield retained;
    }
    // an empty page: what was there has been replaced meanwhile, and comes as a message
    if (page.length === 0 || page.at(-1)?.info.pending === 0) return;
  }
}

async function pageOf(consumer: Consumer): Promise<readonly JsMsg[]> {
  const page: JsMsg[] = [];
  for await (const message of await consumer.fetch(PULL)) {
    page.push(message);
    if (message.info.pending === 0) break;
  }
  return page;
}

/** Undefined for what is none. */
export function retainedIn(data: Uint8Array, topic = ""): Retained | undefined {
  return topic === "" ? retainedInJson(data) : { topic, payload: data };
}

/** nats-server 2.9 and 2.10 (server/mqtt.go, mqttRetainedMsg) */
function retainedInJson(data: Uint8Array): Retained | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(data));
    if (typeof value !== "object" || value === null || !("topic" in value)) return undefined;
    const { topic } = value;
    const message = "msg" in value ? value.msg : "";
    if (typeof topic !== "string" || typeof message !== "string") return undefined;
    return { topic, payload: fromBase64(message) };
  } catch {
    return undefined;
  }
}
