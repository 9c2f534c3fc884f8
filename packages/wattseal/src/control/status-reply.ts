import type { GatewayStatus, LegacyStatus, ModuleStatus, ShuntStatus } from "@wattseal/gateway";
import { z } from "zod";
import type { SignerStatus } from "../roles/signer.js";
import { reply } from "./fields.js";

const { mwh, time, count, uid, lct } = reply;

const reading = z.object({
  state: z.string().describe("off, standby, precharge or on."),
  volts: z.number(),
  amps: z.number().describe("Positive is charging."),
});

const moduleStatus = z.object({
  uid,
  slot: z.int(),
  linked: z.boolean().describe("It has a sealed session."),
  stale: z.boolean().describe("No reading for 2 s: what follows is old."),
  strikes: z.int().describe("Times 4 s of silence, up to three: then it counts as lost."),
  faults: z.int().describe("Fault bits as it last reported them."),
  accepted: count.describe("Sealed PDUs accepted on this link."),
  rejected: count,
  reading: reading
    .extend({
      socPercent: z.number(),
      inMwh: mwh.describe("The module's own counter, mWh."),
      outMwh: mwh.describe("The module's own counter, mWh."),
    })
    .optional(),
});

const legacyStatus = z.object({
  uid,
  slot: z.int().optional(),
  registered: z.boolean(),
  stale: z.boolean(),
  readings: count,
  reading: reading.extend({ socPercent: z.number().optional() }).optional(),
});

const shuntStatus = z
  .object({
    name: z.string(),
    readings: count,
    reading: z
      .object({ volts: z.number(), amps: z.number(), inMwh: mwh, outMwh: mwh })
      .optional()
      .describe("Absent when it has said nothing for 2 s."),
    checks: z
      .object({ entered: count, suspect: count, missed: count })
      .describe("Windows in which it was held against the modules."),
  })
  .describe("The pack's shunt. Nothing that it says is authenticated.");

/** Accounts, mWh each; docs/energy.md says what they are. */
export const accountsSchema = z.object({
  supply: mwh,
  atp: mwh,
  reserved: mwh,
  adp: mwh,
  eligible: mwh,
  withheld: mwh,
  unclaimed: mwh,
  deficit: mwh,
  opening: mwh,
  net: mwh,
  recordedLoss: mwh,
  claims: mwh,
  conversionLoss: mwh,
  wasted: mwh,
});

export const wasteSchema = z
  .object({
    alerts: count.describe("Entries since the start that wasted more than the policy's bound."),
    last: z.object({ entry: count, time, mwh }).optional(),
  })
  .describe("Lots that expired unused.");

const signerStatus = z
  .object({
    tpm: z.string().describe("As signer.tpm is configured; none: the keys are in files."),
    binding: z.string().describe("What the LCT is bound to."),
    epoch: z
      .object({
        epoch: count,
        state: z
          .enum(["attested", "unmeasured", "unattested", "software"])
          .describe(
            "attested: a TPM's, in an approved boot. unattested: in one that is not, all its charge is withheld. unmeasured: nobody vouches for the boot. software: no hardware vouches for anything.",
          ),
      })
      .optional()
      .describe("Absent before the first."),
    halves: z
      .array(
        z.object({
          reference: z.string(),
          state: z.enum(["open", "refused"]),
          reason: z.string().optional().describe("Why no link comes about under it, and the cure."),
        }),
      )
      .describe("The pack's device halves, one as a rule."),
    away: z
      .string()
      .optional()
      .describe("Why the device half does not answer. Sessions go on, new ones do not come."),
  })
  .describe("What holds the pack's keys, and how far it vouches for the present boot.");

export const statusReply = z.object({
  lct,
  time: time.describe("The pack's time, UTC ms since 1970."),
  clock: z
    .object({
      synchronised: z.boolean().describe("Only synchronised time expires anything."),
      source: z.string(),
      heldUntil: time.optional().describe("UTC was set back: the pack's time stands still."),
    })
    .describe("What the pack's time comes from."),
  modules: z.array(moduleStatus),
  legacyModules: z
    .array(legacyStatus)
    .describe("Modules without a sealed link: nothing of them is authenticated."),
  shunt: shuntStatus.optional(),
  isolated: z.boolean().describe("Relays close again only after allow."),
  orders: z
    .object({
      accepted: count.describe("Entered and obeyed since the start."),
      refused: z
        .record(z.string(), count)
        .describe("By reason; docs/federation-mqtt.md says what each means."),
    })
    .describe("Signed orders that came over the uplink."),
  bus: z.object({
    state: z.string(),
    foreignFrames: count.describe("Frames that belong to no paired slot."),
  }),
  energy: z
    .object({ inMwh: mwh, outMwh: mwh })
    .describe("Of record, gross, over the whole log, mWh."),
  society: accountsSchema,
  waste: wasteSchema,
  log: z.object({
    entries: count.describe("Durable."),
    checkpoints: count.describe("Signed since the start."),
    witnessed: count.describe("Entries that a quorum of the witnesses has receipted."),
    refused: count.describe("Entries that the ledger's rules refused."),
    stopped: z.string().optional().describe("Why nothing is recorded any more."),
    unsigned: z
      .object({ since: time, reason: z.string() })
      .optional()
      .describe("Nobody signs: what is entered meanwhile is signed when the signer is back."),
  }),
  storage: z
    .object({
      free: count.describe("Bytes left on the disk."),
      total: count.describe("Bytes of the disk."),
      reserve: count.describe("Bytes to be left free."),
      level: z.enum(["room", "short", "scarce"]),
    })
    .optional()
    .describe("Undefined where nobody watches the disk, or before the first look."),
  resolution: count.describe("UTC minutes of an interval: 1, or more where there is no room."),
  uplink: z.object({
    connected: z.boolean().describe("To as many destinations as the quorum asks for."),
    quorum: count.describe("Witnesses that have to have receipted what counts as witnessed."),
    destinations: z.array(
      z.object({
        witness: z.string().describe("Key name of its cosignatures."),
        connected: z.boolean(),
        witnessed: count.describe("Entries that it has receipted."),
        behind: count.describe("Signed entries that it has not."),
        lagMs: count.describe("ms for which it has owed a receipt; 0 where it owes none."),
      }),
    ),
  }),
  signer: signerStatus,
});
export type StatusReply = z.infer<typeof statusReply>;

const STATE_NAMES = ["off", "standby", "precharge", "on"];

export function statusReplyOf(status: GatewayStatus, signer: SignerStatus): StatusReply {
  const { lct: pack, time: now, modules, legacyModules, isolated, energy, society, waste } = status;
  const { entries, checkpoints, witnessed, refusedEntries, stopped, unsigned } = status;
  return {
    lct: pack,
    time: now,
    clock: status.utc,
    modules: modules.map(moduleReply),
    legacyModules: legacyModules.map(legacyReply),
    shunt: status.shunt === undefined ? undefined : shuntReply(status.shunt),
    isolated,
    orders: { accepted: status.orders.accepted, refused: { ...status.orders.refused } },
    bus: { state: status.busState, foreignFrames: status.foreignFrames },
    energy: { ...energy },
    society: { ...society },
    waste,
    log: { entries, checkpoints, witnessed, refused: refusedEntries, stopped, unsigned },
    storage: status.storage,
    resolution: status.resolution,
    uplink: uplinkReply(status),
    signer: { ...signerReply(signer), away: status.halfAway },
  };
}

function uplinkReply({ connected, quorum, destinations }: GatewayStatus): StatusReply["uplink"] {
  return {
    connected,
    quorum,
    destinations: destinations.map((destination) => {
      const { witness, connected: up, witnessed, behind, lagMs } = destination;
      return { witness, connected: up, witnessed, behind, lagMs };
    }),
  };
}

function signerReply({ tpm, binding, epoch, halves }: SignerStatus): StatusReply["signer"] {
  return {
    tpm,
    binding,
    epoch: epoch && { ...epoch },
    halves: halves.map((half) =>
      half.state === "open"
        ? { reference: half.reference, state: half.state }
        : { reference: half.reference, state: half.state, reason: half.reason },
    ),
  };
}

function moduleReply(module: ModuleStatus): StatusReply["modules"][number] {
  const { uid: id, slot, linked, stale, strikes, faults, counts, telemetry } = module;
  const { accepted = 0, rejected = 0 } = counts ?? {};
  const of = { uid: id, slot, linked, stale, strikes, faults, accepted, rejected };
  if (telemetry === undefined) return of;
  const { status1, inMwh, outMwh } = telemetry;
  return { ...of, reading: { ...electric(status1), socPercent: status1.soc, inMwh, outMwh } };
}

function legacyReply(module: LegacyStatus): StatusReply["legacyModules"][number] {
  const { uid: id, slot, registered, stale, readings, reading: told } = module;
  const of = { uid: id, slot, registered, stale, readings };
  if (told === undefined) return of;
  const socPercent = told.notTold.includes("soc") ? undefined : told.status1.soc;
  return { ...of, reading: { ...electric(told.status1), socPercent } };
}

function shuntReply({ name, readings, shown, checks }: ShuntStatus): StatusReply["shunt"] {
  const { entered, suspect, missed } = checks;
  const of = { name, readings, checks: { entered, suspect, missed } };
  if (shown === undefined) return of;
  const { volts, amps, inMwh, outMwh } = shown;
  return { ...of, reading: { volts, amps, inMwh, outMwh } };
}

function electric(status: { state: number; voltage: number; current: number }) {
  const { state, voltage, current } = status;
  return { state: STATE_NAMES[state] ?? "unknown", volts: voltage, amps: current };
}
