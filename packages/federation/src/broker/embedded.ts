/**
 * A broker inside the federation's process, for demonstrations: loopback only, in memory. A pack is whoever connects
 * with its name as client id and user name: nothing proves it, so any local process can publish in a
 * pack's place (and is refused by the worker for lack of its signature), replace its retained head, or drop
 * its connection. The federation's own account has a password that never leaves the process.
 */
import { createServer, type Server } from "node:net";
import type { Entropy, Logger } from "@wattseal/base";
import { toHex } from "@wattseal/base";
import type { FleetName } from "@wattseal/uplink";
import { Aedes, type AedesOptions } from "aedes";
import { FederationError } from "../errors.js";
import { maySubscribe, publishProblem, type Role } from "./access.js";

export interface EmbeddedBrokerOptions {
  readonly fleet: FleetName;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** 0: any free port. */
  readonly port?: number;
}

const FEDERATION = "federation";
const PACK = /^[a-z2-7]{32}$/;
const PASSWORD_BYTES = 32;

export class EmbeddedBroker {
  readonly url: string;
  /** How the federation itself connects. */
  readonly account: {
    readonly clientId: string;
    readonly username: string;
    readonly password: string;
  };
  readonly #aedes: Aedes;
  readonly #server: Server;

  private constructor(
    url: string,
    account: EmbeddedBroker["account"],
    aedes: Aedes,
    server: Server,
  ) {
    this.url = url;
    this.account = account;
    this.#aedes = aedes;
    this.#server = server;
  }

  /** Throws FederationError `broker` when the port is taken. */
  static async listen(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
    const password = toHex(options.entropy.bytes(PASSWORD_BYTES));
    const aedes = await Aedes.createBroker(rules(options, password));
    const server = createServer((socket) => {
      aedes.handle(socket);
    });
    const port = await listenOn(server, options.port ?? 0).catch(async (error: unknown) => {
      await closed(aedes); // its timers would keep the process alive
      throw error;
    });
    const account = { clientId: FEDERATION, username: FEDERATION, password };
    return new EmbeddedBroker(`mqtt://127.0.0.1:${port}`, account, aedes, server);
  }

  async close(): Promise<void> {
    await closed(this.#aedes);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

function closed(aedes: Aedes): Promise<void> {
  return new Promise((resolve) => {
    aedes.close(() => resolve());
  });
}

function rules({ fleet, logger }: EmbeddedBrokerOptions, password: string): AedesOptions {
  return {
    authenticate(client, username, given, done) {
      const known =
        client.id === FEDERATION ? given?.toString() === password : PACK.test(client.id);
      done(null, known && username === client.id);
    },
    // MQTT 3.1.1 cannot refuse one publish: an error ends the connection, which is better than silence.
    authorizePublish(client, packet, done) {
      const { topic, retain } = packet;
      const problem =
        client === null
          ? undefined
          : publishProblem(roleOf(client.id), fleet, {
              topic,
              retain,
              bytes: packet.payload.length,
            });
      if (problem === undefined) return done(null);
      logger.warn("broker.refused", { client: client?.id, topic, problem });
      done(new Error(problem));
    },
    authorizeSubscribe(client, subscription, done) {
      const role = roleOf(client?.id ?? "");
      done(null, maySubscribe(role, fleet, subscription.topic) ? subscription : null);
    },
  };
}

function roleOf(clientId: string): Role {
  return clientId === FEDERATION ? { kind: "federation" } : { kind: "pack", name: clientId };
}

function reasonOf(error: Error): string {
  const isTaken = "code" in error && error.code === "EADDRINUSE";
  return isTaken
    ? "another process has this port; stop it, or choose another port (0 takes a free one)"
    : `${error.message}; choose another port (0 takes a free one)`;
}

function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `the embedded broker cannot listen on 127.0.0.1:${port}: ${reasonOf(cause)}`;
      reject(new FederationError("broker", message, { cause }));
    });
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
