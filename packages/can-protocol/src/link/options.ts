/** What both ends of a link are made with. */
import type { Entropy, Millis, ModuleUid, Slot } from "@wattseal/base";
import type { DeviceCustody, ModulePairing } from "@wattseal/device-keys";

/** Times in milliseconds. Defaults: DEFAULT_LIMITS. */
export interface LinkLimits {
  /** What holds the pack half is awaited this long, each time it is asked. */
  readonly custodyMs: number;
  /** Message 2 awaited, and after it the first PDU under the new keys. */
  readonly answerMs: number;
  readonly proofMs: number;
  /** Least time between two attempts, and the first step of the back-off. */
  readonly spacingMs: number;
  readonly backoffMaxMs: number;
  readonly attemptsPerMinute: number;
  /** Most time between two handshakes that forged PDUs or hellos force on a session that works. */
  readonly resyncMaxMs: number;
  /** Handshake messages of anyone that an end works through: up to four Diffie-Hellmans each. */
  readonly handshakesPerSecond: number;
  /** A new handshake after this many PDUs in one class and direction, or this age. */
  readonly sessionPdus: number;
  readonly sessionAgeMs: number;
  /** How long keys live on after their successor was proven. */
  readonly overlapMs: number;
  readonly heartbeatMs: number;
  /** Age up to which a module obeys. */
  readonly freshnessMs: number;
  /** How long the pack waits for what becomes of an order. */
  readonly outcomeMs: number;
  /** One strike. */
  readonly packSilenceMs: number;
  readonly moduleSilenceMs: number;
  /** A deadline missed by more than this: the host was asleep. */
  readonly asleepMs: number;
  /** Least time between two alarms of one kind. */
  readonly alarmSpacingMs: number;
}

export interface PackLinkOptions {
  readonly packHash: Uint8Array;
  readonly module: {
    readonly uid: ModuleUid;
    readonly slot: Slot;
    readonly busId: number;
    readonly half: Uint8Array;
  };
  /** The pack's public half, 32 bytes. What holds the secret one answers the effect `dh`. */
  readonly packHalf: Uint8Array;
  /** While the pack half is being rolled: the new one, which this module may or may not know yet. */
  readonly nextHalf?: Uint8Array;
  readonly entropy: Entropy;
  /** Send FD frames: only on a bus configured as having no classic-only node. */
  readonly fd: boolean;
  /** Granted by heartbeats until an event says otherwise (MODULE_STATE, default off). */
  readonly maxState?: number;
  readonly limits?: Partial<LinkLimits>;
}

export interface ModuleLinkOptions {
  readonly uid: ModuleUid;
  readonly pairing: ModulePairing;
  /** Holds the module half; outlives the link. */
  readonly custody: DeviceCustody;
  readonly entropy: Entropy;
  readonly fd: boolean;
  /** When this start of the module was: tick 0. */
  readonly bootedAt: Millis;
  /** Bits of CAPABILITY. Without `keyRoll`, a key-roll is refused. */
  readonly capabilities: number;
  readonly limits?: Partial<LinkLimits>;
}
