import { join } from "node:path";

/**
 * Where a state folder keeps what. Each role has a folder of its own, because in the field they are apart:
 * the gateway's folder is the pack controller's, the federation's the fleet's, the authority's stays offline.
 */
export function layoutOf(root: string) {
  const gateway = join(root, "gateway");
  const federation = join(root, "federation");
  const authority = join(root, "authority");
  return {
    root,
    /** State of the emulated TPM that a demonstration pack has. */
    tpm: join(root, "tpm"),
    authority: {
      directory: authority,
      key: join(authority, "authority.pem"),
      updateKey: join(authority, "update.pem"),
    },
    gateway: {
      directory: gateway,
      config: join(gateway, "gateway.toml"),
      document: join(gateway, "lct.cose"),
      pairings: join(gateway, "pairings.cbor"),
      signer: join(gateway, "signer"),
      /** What the authority signed for this pack, entered at the start of a new log. */
      genesis: join(gateway, "genesis"),
      /** Boots that the update key approved (`*.boot`). */
      boot: join(gateway, "boot"),
      trust: join(gateway, "trust.json"),
      log: join(gateway, "log"),
      /** Accepted telemetry, as long as the configuration keeps it. */
      evidence: join(gateway, "evidence"),
    },
    federation: {
      directory: federation,
      config: join(federation, "federation.toml"),
      witnessKey: join(federation, "witness.pem"),
      receiptLogKey: join(federation, "receipts.pem"),
      /** Only while the receipt log changes its key. */
      nextReceiptLogKey: join(federation, "receipts-next.pem"),
      /** Only while the witness changes its key. */
      nextWitnessKey: join(federation, "witness-next.pem"),
      deviceHalf: join(federation, "device-half.key"),
      /** Pairing records of the fleet's packs (`*.cbor`), from commissioning. */
      modules: join(federation, "modules"),
      trust: join(federation, "trust.json"),
      store: join(federation, "store"),
      registry: join(federation, "registry"),
      /** Signed statements of what was lost for good. */
      missing: join(federation, "missing"),
    },
    /** Light packs of `sim fleet`, a layout each. */
    fleet: join(root, "fleet"),
    sim: { directory: join(root, "sim"), bus: join(root, "sim", "bus.sock") },
  };
}

export type Layout = ReturnType<typeof layoutOf>;

/** Key name of the demonstration federation's cosignatures. */
export const WITNESS_NAME = "wattseal-demo-federation";
