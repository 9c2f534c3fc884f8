/** What is served at the socket for orders. */
import { fromHex, lctId, toHex } from "@wattseal/base";
import { z } from "zod";
import { json, type Route } from "../http/route.js";
import type { OrderRelay } from "./relay.js";

const lctText = z.string().regex(/^lct:pack:[a-z2-7]{32}$/);
const idText = z.string().regex(/^[0-9a-f]{32}$/);
const indexText = z.string().regex(/^\d{1,16}$/);

export const sentReply = z.object({ pack: lctText, id: idText, from: z.int() });
export const standingReply = z.object({
  from: z.int(),
  command: z.int().optional(),
  outcome: z.enum(["done", "partial", "refused"]).optional(),
  detail: z.string().optional(),
  refused: z
    .string()
    .optional()
    .describe("Reason of the last order-refused entry from `from` on; it may be another order's."),
});

export const ORDER_ROUTES: readonly Route<OrderRelay>[] = [
  {
    id: "sendOrder",
    method: "POST",
    path: "/v1/orders",
    summary: "Publishes a signed order, COSE_Sign1, on its pack's order topic.",
    audience: "operator",
    request: "cbor",
    status: 201,
    response: sentReply,
    handle: async (relay, { body }) => {
      const { pack, id, from } = await relay.send(body);
      return json({ pack, id: toHex(id), from }, 201);
    },
  },
  {
    id: "getOrder",
    method: "GET",
    path: "/v1/orders/{pack}/{id}",
    summary: "What the pack's stored log says of an order: its ops.command, and its ops.outcome.",
    audience: "operator",
    query: {
      from: indexText.describe("Entry to look from, as the reply before said it."),
      command: indexText.optional().describe("Index of its ops.command, once that is known."),
    },
    status: 200,
    response: standingReply,
    handle: async (relay, { parameters, query }) => {
      const pack = lctId(lctText.parse(parameters.get("pack")));
      const id = fromHex(idText.parse(parameters.get("id")));
      const from = Number(indexText.parse(query.get("from") ?? "0"));
      const command = query.get("command") ?? undefined;
      const known = command === undefined ? undefined : Number(indexText.parse(command));
      const { outcome, ...standing } = await relay.standing(pack, id, { from, command: known });
      return json({ ...standing, ...outcome });
    },
  },
];
