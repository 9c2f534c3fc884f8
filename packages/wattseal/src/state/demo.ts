import { join } from "node:path";
import { type LctId, type Millis, messageOf, slot } from "@wattseal/base";
import {
  DeviceHalf,
  encodePackPairing,
  HALF_LENGTH,
  labelText,
  type PairedModule,
} from "@wattseal/device-keys";
import { encodeAs, mintPayload, policyPayload, sourcePayload } from "@wattseal/energy-ledger";
import {
  createEd25519KeyFile,
  type Ed25519SecretKey,
  signAuthorityPayload,
} from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import {
  provisionLegacyModules,
  provisionModules,
  type SimLegacyModule,
  writeLegacyModules,
  writeModuleFlash,
} from "@wattseal/sim-hardware";
import { encodeTrust } from "@wattseal/verifier";
import { federationSchema } from "../config/federation-schema.js";
import { renderConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { CliError } from "../errors.js";
import { tpmSetting } from "../tpm/address.js";
import { type DemoIdentity, type DemoIdentityOptions, makeDemoIdentity } from "./demo-identity.js";
import { makeFederationKeys } from "./federation-keys.js";
import { exists, makeFolder, writeWhole } from "./files.js";
import { type Layout, WITNESS_NAME } from "./layout.js";

export interface DemoOptions extends DemoIdentityOptions {
  /** 1 to 31. */
  readonly modules: number;
  /** Clear-text modules beside them; 31 in all at most. */
  readonly legacy: number;
  readonly broker: string;
}

const BUS_ID = 0;
/** Of a simulated clear-text module, as people would read it off its plate. */
const LEGACY_CAPACITY_WH = 5500;
const MILLIWATT_HOURS_PER_MODULE_MINTED = 20_000_000;

/**
 * Writes what commissioning and enrolment write in the field: an authority and what it signed for this pack, the
 * pack's anchor and device half, the pairing on both sides, the federation's keys, and a configuration for each
 * role. Refuses a folder that already holds any of it: nothing precious is overwritten.
 */
export async function initDemo(options: DemoOptions): Promise<LctDocument> {
  const { layout, entropy, clock } = options;
  await makeFolder(layout.root).catch((cause: unknown) => {
    throw new CliError("usage", `${layout.root} cannot be a state folder: ${messageOf(cause)}`, {
      cause,
    });
  });
  for (const folder of [layout.authority, layout.gateway, layout.federation, layout.sim]) {
    if (await exists(folder.directory)) {
      throw new CliError(
        "state-exists",
        `${folder.directory} is there already; keys are never overwritten. Choose another --state, or remove it yourself.`,
      );
    }
  }
  for (const folder of [
    layout.authority.directory,
    layout.gateway.directory,
    layout.gateway.signer,
    layout.gateway.genesis,
    layout.federation.directory,
    layout.sim.directory,
  ]) {
    await makeFolder(folder);
  }
  const authority = await createEd25519KeyFile(layout.authority.key, entropy);
  const names = { authority: "demonstration authority", witness: WITNESS_NAME };
  const trust = await makeFederationKeys({ layout, names, authority, entropy });
  const { document, half } = await makeDemoIdentity(options, authority);
  await writeStatements(layout, authority, document.lct, options.modules, clock.now());
  await pair(options, document, half);
  await writeWhole(layout.gateway.trust, encodeTrust(trust), 0o644);
  const legacy = provisionLegacyModules(options.legacy, entropy);
  if (legacy.length > 0) await writeLegacyModules(layout.sim.directory, legacy);
  await writeConfigs(options, legacy);
  authority.dispose();
  return document;
}

/** What an authority signs for a demonstration's society, numbered in the order in which the gateway enters them. */
export async function writeStatements(
  { gateway }: Pick<Layout, "gateway">,
  authority: Ed25519SecretKey,
  society: LctId,
  modules: number,
  now: Millis,
): Promise<void> {
  const policy = encodeAs(policyPayload, {
    purpose: "wattseal-policy-1",
    society,
    version: 1,
    highBps: 10_000,
    developingBps: 9000,
    lowBps: 6000,
    tier: "low",
    lotDays: 7,
    withheldDays: 7,
    wasteAlert: 100_000,
    declaredCap: 0,
  });
  const mint = encodeAs(mintPayload, {
    purpose: "wattseal-mint-1",
    society,
    amount: modules * MILLIWATT_HOURS_PER_MODULE_MINTED,
    serial: 1,
  });
  const source = encodeAs(sourcePayload, {
    purpose: "wattseal-source-1",
    society,
    source: "charger",
    kind: "grid",
    ratedWatts: 150_000,
    provenAt: now,
    meter: undefined,
  });
  const statements = {
    "1-society.policy": policy,
    "2-society.mint": mint,
    "3-society.source": source,
  };
  for (const [name, payload] of Object.entries(statements)) {
    const signed = signAuthorityPayload(authority, payload);
    await writeWhole(join(gateway.genesis, `${name}.cose`), signed, 0o644);
  }
}

/** Both sides of every pairing: the pack's record, and each module's flash. */
async function pair(
  { layout, entropy, modules }: DemoOptions,
  document: LctDocument,
  packHalf: DemoIdentity["half"],
): Promise<void> {
  const fedSecret = entropy.bytes(HALF_LENGTH);
  const fed = DeviceHalf.fromSecret(fedSecret);
  await writeWhole(layout.federation.deviceHalf, fedSecret, 0o600);

  const paired: PairedModule[] = [];
  for (const [i, module] of provisionModules(modules, entropy).entries()) {
    const { uid, half, ratedCapacity, ratedWatts } = module;
    const place = { slot: slot(i + 1), busId: BUS_ID };
    const label = labelText(uid, half.publicKey);
    paired.push({ uid, half: half.publicKey, label, ratedCapacity, ratedWatts, ...place });
    await writeModuleFlash(layout.sim.directory, {
      uid,
      half,
      pairing: {
        packHash: document.packHash,
        packHalf: packHalf.publicKey,
        fed: fed.publicKey,
        ...place,
      },
    });
    half.dispose();
  }
  const pairing = {
    packHash: document.packHash,
    packHalf,
    modules: paired,
  };
  const record = encodePackPairing(pairing);
  await writeWhole(layout.gateway.pairings, record, 0o644);
  await makeFolder(layout.federation.modules);
  await writeWhole(join(layout.federation.modules, `${document.label}.cbor`), record, 0o644);
  fed.dispose();
  fedSecret.fill(0);
}

async function writeConfigs(
  { layout, fleet, broker, tpm }: DemoOptions,
  legacy: readonly SimLegacyModule[],
): Promise<void> {
  const listed = Object.fromEntries(
    legacy.map(({ uid }) => [uid, { capacityWh: LEGACY_CAPACITY_WH }]),
  );
  const gateway = renderConfig(gatewaySchema, "Wattseal gateway", {
    fleet,
    "uplink.broker": broker,
    "uplink.witness": WITNESS_NAME,
    "bus.shunt": "can",
    "signer.tpm": tpmSetting(tpm),
    ...(legacy.length === 0 ? {} : { "bus.legacy": "admit", legacy: listed }),
  });
  const federation = renderConfig(federationSchema, "Wattseal federation", {
    fleet,
    "registry.key": "../authority/authority.pem",
    "registry.updateKeys": "any",
  });
  await writeWhole(layout.gateway.config, gateway, 0o644);
  await writeWhole(layout.federation.config, federation, 0o644);
}
