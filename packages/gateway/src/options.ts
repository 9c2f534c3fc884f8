import type { Clock, Entropy, Logger, TimeSource } from "@wattseal/base";
import type { CanBus } from "@wattseal/can-protocol";
import type { PackCustody, PackPairing } from "@wattseal/device-keys";
import type { Signer } from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { FleetName } from "@wattseal/uplink";
import type { Trust } from "@wattseal/verifier";
import type { EvidenceSink } from "./evidence/sink.js";
import type { EvidenceStore } from "./evidence/store.js";
import type { ContinuedLog } from "./ledger/energy-log-options.js";
import type { StatementDraft } from "./ledger/entered.js";
import type { LegacyUnit } from "./legacy/clear-bus.js";
import type { DiskSpace } from "./pressure/space.js";
import type { Uplink } from "./uplink/delivery.js";

export interface SignerTime {
  readonly clock: Clock;
  readonly synchronised: boolean;
}

export interface GatewayOptions {
  readonly bus: CanBus;
  /** The pack's steady time: that of frames and links. The simulator's when the bus is virtual. */
  readonly clock: Clock;
  /** UTC, which dates what is entered; only synchronised time expires anything. */
  readonly timeSource: TimeSource;
  /** Real time, for delivery's waits: it only runs, also where the pack's is simulated and the machine's is set. */
  readonly wallClock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** Folder of the log. */
  readonly directory: string;
  readonly document: LctDocument;
  /** Authorities that this pack obeys. */
  readonly trust: Trust;
  /** What the authority signed for this society, each entered once. */
  readonly statements: readonly StatementDraft[];
  readonly pairing: PackPairing;
  /** Clear-text modules that the configuration admits; undefined: any clear frame is an alarm. */
  readonly legacy?: readonly LegacyUnit[] | undefined;
  /** Name of the pack's shunt, as energy.check entries have it; undefined: the pack has none. */
  readonly shunt?: string | undefined;
  /** Holds the pack's device half; outlives the gateway. */
  readonly custody: PackCustody;
  /** `time` is the log's: what the signer dates must not be later. */
  readonly openSigner: (log: ContinuedLog, time: SignerTime) => Promise<Signer>;
  /** Readings a second to ask each module for, 1 to 10; fewer where the wire does not carry them. */
  readonly telemetryHz: number;
  /** Makes the pack's pairing record durable. */
  readonly storePairing: (pairing: PackPairing) => Promise<void>;
  /** The half that is to follow, while the record says that a roll is under way. */
  readonly nextCustody?: PackCustody | undefined;
  /** Name of the registered source that charges are attributed to. */
  readonly source: string;
  readonly fleet: FleetName;
  readonly uplinks: readonly Uplink[];
  /** How many of their witnesses have to have receipted what counts as witnessed; default: all. */
  readonly quorum?: number | undefined;
  /** How long entries are kept that a quorum of the witnesses has, ms; undefined: for good. */
  readonly keepMs?: number | undefined;
  /** Ed25519 keys whose orders over the uplinks are obeyed; none: nobody's. */
  readonly orderKeys?: readonly Uint8Array[] | undefined;
  /** Keeps accepted telemetry and the keys of ended sessions; closed with the gateway. */
  readonly evidence?:
    | (EvidenceSink & Pick<EvidenceStore, "close" | "shed" | "keep" | "unkept">)
    | undefined;
  /** The disk of log and evidence, and how many bytes are to be left free there; undefined: nobody watches it. */
  readonly disk?: { readonly space: DiskSpace; readonly reserve: number } | undefined;
  /** An entry that was acknowledged, with its leaf hash: for whoever keeps accounts of that elsewhere. */
  readonly onDurable?: ((index: number, leafHash: Uint8Array) => void) | undefined;
}
