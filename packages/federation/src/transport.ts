/** Which broker a URL names, and how its fleet port is opened. */
import type { Clock, Entropy, Logger } from "@wattseal/base";
import type { FleetName } from "@wattseal/uplink";
import { EmbeddedBroker } from "./broker/embedded.js";
import { FederationError } from "./errors.js";
import { MqttFleet } from "./mqtt/client.js";
import { NatsFleet } from "./nats/client.js";
import type { BrokerAccount, Delivery, FleetPort } from "./worker/ports.js";

export interface TransportOptions {
  /** `embedded`, `mqtt://…`, `mqtts://…`, or NATS: `nats://host:port,host:port`, over TLS `tls://…`. */
  readonly broker: string;
  readonly embeddedPort?: number;
  readonly account?: BrokerAccount;
  readonly fleet: FleetName;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

export interface Transport {
  /** Where it connects, without credentials. */
  readonly url: string;
  open(deliver: (delivery: Delivery) => void): FleetPort;
  /** What was started for it. */
  close(): Promise<void>;
}

/** Throws FederationError `broker`, `configuration`. */
export async function transportTo(options: TransportOptions): Promise<Transport> {
  const { broker: url, fleet, entropy, logger, clock, account = {} } = options;
  if (url === "embedded") {
    const port = options.embeddedPort ?? 0;
    const embedded = await EmbeddedBroker.listen({ fleet, entropy, logger, port });
    const { clientId, ...own } = embedded.account;
    const connection = { url: embedded.url, fleet, logger, clientId, account: own };
    return {
      url: embedded.url,
      open: (deliver) => MqttFleet.open(connection, deliver),
      close: () => embedded.close(),
    };
  }
  const close = async () => {};
  const isNats = /^(?:nats|tls):\/\//.test(url);
  const isTls = /^(?:mqtts|tls):\/\//.test(url);
  if (account.tls !== undefined && !isTls) {
    throw new FederationError(
      "configuration",
      `${withoutAccount(url)} does not use TLS, but certificates are configured: write ${isNats ? "tls" : "mqtts"}:// or remove them`,
    );
  }
  if (isNats) {
    const servers = url.replace(/^[a-z]+:\/\//, "").split(",");
    const connection = { servers, secure: isTls, fleet, logger, clock, account };
    return { url, open: (deliver) => NatsFleet.open(connection, deliver), close };
  }
  const connection = { url, fleet, clientId: `wattseal-federation-${fleet}`, logger, account };
  return {
    url: withoutAccount(url),
    open: (deliver) => MqttFleet.open(connection, deliver),
    close,
  };
}

function withoutAccount(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}
