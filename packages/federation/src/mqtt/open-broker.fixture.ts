/** A broker without access control that keeps what is published, and what AsyncAPI says of it. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { type CborValue, decodeCbor } from "@wattseal/base";
import { Aedes } from "aedes";
import { z } from "zod";

export interface Published {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
}

export async function openBroker() {
  const published: Published[] = [];
  const aedes = await Aedes.createBroker();
  aedes.on("publish", ({ topic, payload, qos, retain }) => {
    if (topic.startsWith("$SYS/")) return;
    published.push({ topic, payload: Buffer.from(payload), qos, retain });
  });
  const server = createServer((socket) => void aedes.handle(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = async () => {
    await new Promise<void>((resolve) => {
      aedes.close(() => resolve());
    });
    server.close();
  };
  return { url: `mqtt://127.0.0.1:${port}`, published, close };
}

const documentSchema = z.object({
  asyncapi: z.literal("3.0.0"),
  channels: z.record(z.string(), z.object({ address: z.string() })),
  operations: z.record(
    z.string(),
    z.object({
      action: z.enum(["send", "receive"]),
      bindings: z.object({ mqtt: z.object({ qos: z.int(), retain: z.boolean() }) }),
    }),
  ),
  components: z.object({
    messages: z.record(
      z.string(),
      z.object({ contentType: z.string(), payload: z.record(z.string(), z.json()) }),
    ),
  }),
});

export const asyncApi = documentSchema.parse(
  JSON.parse(
    readFileSync(
      new URL("../../../../docs/federation-mqtt.asyncapi.json", import.meta.url),
      "utf8",
    ),
  ),
);

/** As the document's schemas have it: byte strings in base64. */
function asJson(value: CborValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [String(key), asJson(item)]));
  }
  return Array.isArray(value) ? value.map(asJson) : value;
}

/** What is wrong with a message by the document; undefined where nothing is. */
export function problemWith(channel: string, payload: Uint8Array): string | undefined {
  const message = asyncApi.components.messages[channel];
  if (message === undefined) return "is no channel of the document";
  const schema = z.fromJSONSchema(message.payload);
  const { contentType } = message;
  let value: unknown = Buffer.from(payload).toString("base64");
  if (contentType.startsWith("text/plain")) value = Buffer.from(payload).toString("utf8");
  else if (message.payload["type"] === "object") {
    value = asJson(decodeCbor(new Uint8Array(payload), { maps: true }));
  }
  const parsed = schema.safeParse(value);
  return parsed.success ? undefined : parsed.error.message;
}
