// A cable that can be pulled: connections to one place pass through here, whatever they speak, and suffer what it suffers.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/**
 * What a network does to connections:
 * drop: they break, and no new one is made; delay: every piece comes later, in order; deaf, mute: half-open, what the server
 * or what the client says is lost without a sign. A connection that has lost something breaks when the fault ends: TCP
 * would have sent it again. Lost acknowledgements make either side send again what had arrived.
 *
 * @typedef {"drop" | "delay" | "deaf" | "mute"} Fault
 */
export const FAULTS = /** @type {const} */ (["drop", "delay", "deaf", "mute"]);
const DELAY_MS = 150;

/** @typedef {import("node:net").Socket} Socket */
/** @typedef {import("node:net").NetConnectOpts} Target */
/** @typedef {{ readonly ends: readonly [Socket, Socket], hasLost: boolean }} Connection */

export class Link {
  #target;
  #server;
  /** @type {Set<Connection>} */ #connections = new Set();
  /** @type {Fault | undefined} */ #fault;

  /** @param {() => Target} target asked for each connection */
  constructor(target) {
    this.#target = target;
    this.#server = createServer((client) => this.#connected(client));
  }

  /** @param {() => Target} target */
  static async open(target) {
    const link = new Link(target);
    link.#server.listen(0, "127.0.0.1");
    await once(link.#server, "listening");
    return link;
  }

  get port() {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /**
   * @param {Fault} fault
   * @param {number} ms
   */
  async suffer(fault, ms) {
    this.#fault = fault;
    if (fault === "drop") this.#break(() => true);
    await pause(ms);
    this.#fault = undefined;
    this.#break(({ hasLost }) => hasLost);
  }

  async close() {
    this.#server.close();
    this.#break(() => true);
    await once(this.#server, "close");
  }

  /** @param {(connection: Connection) => boolean} which */
  #break(which) {
    for (const connection of [...this.#connections].filter(which)) {
      this.#connections.delete(connection);
      const [client, server] = connection.ends;
      client.resetAndDestroy();
      server.destroy(); // a unix socket cannot be reset
    }
  }

  /** @param {Socket} client */
  #connected(client) {
    if (this.#fault === "drop") {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target());
    /** @type {Connection} */
    const connection = { ends: [client, server], hasLost: false };
    this.#connections.add(connection);
    this.#pass(client, server, connection, "mute");
    this.#pass(server, client, connection, "deaf");
  }

  /**
   * @param {Socket} from
   * @param {Socket} to
   * @param {Connection} connection
   * @param {Fault} losing
   */
  #pass(from, to, connection, losing) {
    let queue = Promise.resolve();
    from.setNoDelay(true);
    from.on("error", () => {}); // its close is what counts
    from.on("data", (chunk) => {
      if (this.#fault === losing) {
        connection.hasLost = true;
        return;
      }
      const ms = this.#fault === "delay" ? DELAY_MS : 0;
      queue = queue.then(async () => {
        if (ms > 0) await pause(ms);
        to.write(chunk);
      });
    });
    from.on("close", () => {
      if (this.#fault === losing) {
        connection.hasLost = true; // the other end does not hear of it
        return;
      }
      this.#connections.delete(connection);
      to.destroy();
    });
  }
}
