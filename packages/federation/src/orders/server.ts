/**
 * A unix socket, its owner's alone (0600), at which signed orders are sent to packs. It gives no right: a pack obeys the
 * signature.
 */
import { createConnection } from "node:net";
import { type Logger, RangeViolation } from "@wattseal/base";
import { OrderError } from "@wattseal/energy-ledger";
import { FederationError } from "../errors.js";
import { openApiOf } from "../http/openapi.js";
import { problem, problemOf } from "../http/problem.js";
import { replyTo } from "../http/router.js";
import { HttpServer } from "../http/server.js";
import { type OrderRelay, Unsendable } from "./relay.js";
import { ORDER_ROUTES } from "./routes.js";

const UNPROCESSABLE = 422;
const UNAVAILABLE = 503;

/** Undefined where another worker of the same folder serves there already. Throws FederationError `listen`. */
export async function serveOrders(
  socket: string,
  relay: OrderRelay,
  logger: Logger,
): Promise<HttpServer | undefined> {
  if (await answers(socket)) {
    logger.info("orders.elsewhere", { socket });
    return undefined;
  }
  const service = {
    serves: relay,
    routes: ORDER_ROUTES,
    description: () => openApiOf(INFO, ORDER_ROUTES),
    tokenFor: "an order needs no token",
  };
  return HttpServer.listenAt(
    {
      name: "orders",
      answer: (request) => replyTo(service, request),
      problemOf: orderProblemOf,
      unservable: (message, cause) => new FederationError("listen", message, cause),
      logger,
    },
    socket,
  );
}

const INFO = {
  title: "Wattseal orders",
  version: "1",
  description: "Signed orders to packs, and what became of them. Over a unix socket alone.",
};

function orderProblemOf(thrown: unknown) {
  if (thrown instanceof Unsendable) return problem(UNAVAILABLE, "broker", thrown.message);
  if (thrown instanceof OrderError) return problem(UNPROCESSABLE, "order", thrown.message);
  if (thrown instanceof RangeViolation) return problem(UNPROCESSABLE, "pack", "it is for no pack");
  return problemOf(thrown);
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", () => resolve(false));
  });
}
