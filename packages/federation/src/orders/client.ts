/** The socket for orders, from outside. */
import { request } from "node:http";
import { type LctId, messageOf, toHex } from "@wattseal/base";
import { z } from "zod";
import { FederationError } from "../errors.js";
import { CBOR } from "../http/route.js";
import type { OrderStanding } from "./relay.js";
import { sentReply, standingReply } from "./routes.js";

const TIMEOUT_MS = 30_000;
const MOST_REPLY = 65_536;
const problemReply = z.object({ code: z.string(), detail: z.string() });

/** It answered, and sent nothing. */
export class OrderNotSent extends Error {
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Throws FederationError `listen` where nobody answers at the socket, or something else does; OrderNotSent. */
export class OrdersClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Gives the entry from which on the pack's answer may come. */
  async send(order: Uint8Array): Promise<number> {
    return this.#read(sentReply, await this.#exchange("POST", "/v1/orders", order)).from;
  }

  async standing(
    pack: LctId,
    id: Uint8Array,
    { from, command }: Pick<OrderStanding, "from" | "command">,
  ): Promise<OrderStanding> {
    const known = command === undefined ? "" : `&command=${command}`;
    const path = `/v1/orders/${pack}/${toHex(id)}?from=${from}${known}`;
    const reply = this.#read(standingReply, await this.#exchange("GET", path));
    const { outcome, detail = "" } = reply;
    return {
      from: reply.from,
      command: reply.command,
      outcome: outcome === undefined ? undefined : { outcome, detail },
      refused: reply.refused,
    };
  }

  #read<T>(schema: z.ZodType<T>, { status, body }: Answer): T {
    const reply = schema.safeParse(body);
    if (status < 300 && reply.success) return reply.data;
    const problem = problemReply.safeParse(body);
    if (problem.success) throw new OrderNotSent(problem.data.code, problem.data.detail);
    throw new FederationError("listen", `what answers at ${this.#socket} takes no orders`);
  }

  #exchange(method: "GET" | "POST", path: string, cbor?: Uint8Array): Promise<Answer> {
    const socketPath = this.#socket;
    const headers =
      cbor === undefined ? {} : { "content-type": CBOR, "content-length": cbor.length };
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => {
        const message = `no federation takes orders at ${socketPath}: ${messageOf(cause)}`;
        reject(new FederationError("listen", message, { cause }));
      };
      const asked = { socketPath, agent: false, method, path, timeout: TIMEOUT_MS, headers };
      const outgoing = request(asked, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
          if (text.length > MOST_REPLY) outgoing.destroy(new Error("the answer is too long"));
        });
        response.once("end", () => {
          resolve({ status: response.statusCode ?? 0, body: parsed(text) });
        });
        response.once("error", fail);
      });
      outgoing.once("error", fail);
      outgoing.once("timeout", () => {
        outgoing.destroy(new Error("no answer in time"));
      });
      outgoing.end(cbor);
    });
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
