/**
 * A unix socket, its owner's alone (0600), at which signed orders are sent to packs. It gives no right: a pack obeys the
 * signature.
 */
import { createConnection } from "node:net";
import { type Clock, type Logger, RangeViolation } from "@wattseal/base";
import { OrderError } from "@wattseal/energy-ledger";
import { FederationError } from "../errors.js";
import { Follower } from "../follow.js";
import { openApiOf } from "../http/openapi.js";
import { problem, problemOf } from "../http/problem.js";
import { replyTo } from "../http/router.js";
import { HttpServer } from "../http/server.js";
import { type OrderRelay, Unsendable } from "./relay.js";
import { ORDER_ROUTES } from "./routes.js";

const UNPROCESSABLE = 422;
const UNAVAILABLE = 503;

export interface OrdersServerOptions {
  readonly socket: string;
  readonly relay: OrderRelay;
  /** Time that only runs. */
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Of the workers in one folder one serves at the socket; each other looks every two seconds whether that one has gone, and
 * takes its place. Of several that do so at once the last to bind has the name, and the others find out at their next look.
 */
export class OrdersServer {
  readonly #options: OrdersServerOptions;
  #server: HttpServer | undefined;
  #following: Follower | undefined;
  /** What was last told of another worker that serves. */
  #isElsewhere = false;

  private constructor(options: OrdersServerOptions) {
    this.#options = options;
  }

  /** Serves, or waits to. Throws FederationError `listen`. */
  static async start(options: OrdersServerOptions): Promise<OrdersServer> {
    const orders = new OrdersServer(options);
    const look = () => orders.#look();
    await look();
    orders.#following = Follower.start({ ...options, look, failed: "orders.unservable" });
    return orders;
  }

  async close(): Promise<void> {
    await this.#following?.stop();
    await this.#server?.close();
  }

  async #look(): Promise<void> {
    const { socket, relay, logger } = this.#options;
    if (await this.#server?.isReachable()) return;
    await this.#server?.close();
    this.#server = undefined;
    const isElsewhere = await answers(socket);
    if (isElsewhere && !this.#isElsewhere) logger.info("orders.elsewhere", { socket });
    this.#isElsewhere = isElsewhere;
    if (!isElsewhere) this.#server = await serveOrders(socket, relay, logger);
  }
}

function serveOrders(socket: string, relay: OrderRelay, logger: Logger): Promise<HttpServer> {
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
