import { bytesEqual, type Logger } from "@wattseal/base";
import { type Federation, startFederation } from "@wattseal/federation";
import { openEd25519KeyFile } from "@wattseal/lct-keys";
import { decodeTrust } from "@wattseal/verifier";
import type { FederationConfig } from "../config/schema.js";
import { CliError } from "../errors.js";
import { systemClock, systemEntropy } from "../ports/system.js";
import { readBrokerAccess } from "../state/broker-access.js";
import { readRequired } from "../state/files.js";
import type { Layout } from "../state/layout.js";

/** A federation worker with its store, its witness key and, if configured, its own broker. */
export async function openFederation(options: {
  readonly layout: Layout;
  readonly config: FederationConfig;
  readonly logger: Logger;
}): Promise<Federation> {
  const { layout, config, logger } = options;
  const trust = decodeTrust(await readRequired(layout.federation.trust));
  const key = await openEd25519KeyFile(layout.federation.witnessKey);
  const own = trust.witnesses.find(({ publicKey }) => bytesEqual(publicKey, key.publicKey));
  if (own === undefined) {
    throw new CliError(
      "config",
      `${layout.federation.trust} does not name the key in ${layout.federation.witnessKey} as a witness`,
    );
  }
  const clock = systemClock();
  const { broker } = config;
  const access = await readBrokerAccess({
    path: layout.federation.config,
    table: "broker",
    config: broker,
    now: clock.now(),
  });
  return startFederation({
    directory: layout.federation.store,
    fleet: config.fleet,
    broker: broker.url,
    embeddedPort: broker.port,
    account: { ...access, ...(broker.user === "" ? {} : { username: broker.user }) },
    witnessKey: { ...own, sign: (message) => key.sign(message) },
    authorityKeys: trust.authorities.map(({ publicKey }) => publicKey),
    clock,
    entropy: systemEntropy,
    logger,
  });
}
