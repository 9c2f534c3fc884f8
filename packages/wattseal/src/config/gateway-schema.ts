import { z } from "zod";
import { access, brokerUrl, fleet, log, signerToken } from "./settings.js";

/** A table, or a list of them; always a list once read. */
const oneOrMore = <Table extends z.ZodType>(table: Table) =>
  z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(table).min(1),
  );

const legacyModule = z.strictObject({
  capacityWh: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("Energy that the module holds, Wh; 0 when unknown."),
  stateChangeBytes: z
    .union([z.literal(2), z.literal(4)])
    .optional()
    .describe("Length of the state change that it takes; without it both are tried in turn."),
  swapped: z
    .boolean()
    .default(false)
    .describe("It sends voltage before current, unlike deployed firmware."),
});

const tpmSetting = z
  .string()
  .regex(
    /^(none|emulator|device(:.+)?|swtpm:.+)$/,
    "use none, emulator, device, device:PATH or swtpm:PATH",
  )
  .default("none");

/** gateway.toml */
export const gatewaySchema = z
  .strictObject({
    fleet,
    bus: z
      .strictObject({
        address: z
          .string()
          .regex(/^unix:./, "use unix:PATH")
          .default("unix:../sim/bus.sock")
          .describe(
            "The module bus: unix:PATH of a served virtual bus; a relative PATH starts at this file's folder.",
          ),
        telemetryHz: z.coerce
          .number()
          .int()
          .min(1)
          .max(10)
          .default(5)
          .describe(
            "Readings a second asked of each module, 1-10; fewer where the bus does not carry them.",
          ),
        legacy: z
          .enum(["refuse", "admit"])
          .default("refuse")
          .describe(
            '"admit" serves the clear-text modules listed under [legacy]; what they say is recorded as unauthenticated. "refuse": any clear frame is an alarm.',
          ),
        shunt: z
          .enum(["none", "can"])
          .default("none")
          .describe(
            '"can": the pack has a shunt of its own on the bus, and the modules\' records are held against it: what it does not bear out earns nothing. "none": it has none.',
          ),
      })
      .prefault({}),
    uplink: oneOrMore(
      z.strictObject({
        broker: brokerUrl
          .default("mqtt://127.0.0.1:1883")
          .describe("MQTT broker, mqtt:// or mqtts://."),
        ...access,
        witness: z.string().describe("Name of the witness in trust.json whose receipts count."),
      }),
    ).describe(
      "Where the log is sent, and who witnesses it. Several: a table [[uplink]] for each.",
    ),
    witnesses: z
      .strictObject({
        quorum: z.coerce
          .number()
          .int()
          .min(0)
          .max(64)
          .default(0)
          .describe(
            "How many of the uplinks' witnesses have to have receipted what counts as witnessed, and may be pruned; 0: as many as trust.json says.",
          ),
      })
      .prefault({}),
    society: z
      .strictObject({
        source: z
          .string()
          .default("charger")
          .describe("Registered source that charges are attributed to (society.source entries)."),
      })
      .prefault({}),
    ledger: z
      .strictObject({
        keepDays: z.coerce
          .number()
          .int()
          .min(0)
          .max(36_500)
          .default(0)
          .describe(
            "Days for which entries are kept that a quorum of the witnesses has; once a day, older ones are pruned up to a snapshot of the books. What went can be proven only from a copy of the whole log. 0 keeps all.",
          ),
        reserveMebibytes: z.coerce
          .number()
          .int()
          .min(0)
          .max(1_048_576)
          .default(64)
          .describe(
            "MiB to be left free on the disk, at most a tenth of it: below, readings kept as evidence go first, then entries that the witness has (keepDays or not), then intervals get longer, 10 and 60 minutes. Each is entered in the log, and comes back with room. 0: nothing gives way before the disk is full.",
          ),
      })
      .prefault({}),
    control: z
      .strictObject({
        socket: z
          .string()
          .min(1)
          .default("../run/control.sock")
          .describe(
            "Unix socket at which this gateway takes orders; a relative path starts at this file's folder. Who can open it can order everything.",
          ),
      })
      .prefault({})
      .describe("Orders from this machine: wattseal status, society, isolate."),
    orders: z
      .strictObject({
        keys: z
          .string()
          .regex(
            /^$|^[0-9a-f]{64}(?:,[0-9a-f]{64}){0,15}$/,
            "use keys of 64 hex digits as wattseal order key prints them, up to 16 with commas",
          )
          .default("")
          .describe(
            "Ed25519 keys, as hex with commas, whose signed orders over the uplink this pack obeys; empty: nobody's.",
          ),
      })
      .prefault({})
      .describe(
        "Orders from afar (docs/federation-mqtt.md). Who holds such a key's secret can isolate.",
      ),
    signer: z
      .strictObject({
        socket: z
          .string()
          .default("")
          .describe(
            "Unix socket of a `wattseal signer` that holds the keys in a process of its own; a relative path starts at this file's folder. Empty: the gateway holds them itself.",
          ),
        token: signerToken,
        tpm: tpmSetting.describe(
          'What holds the anchor: "none" is a key file, "device" /dev/tpmrm0 (device:PATH another), swtpm:PATH the socket of an emulator, "emulator" the demonstration\'s own. As wattseal init set it. With a signer of its own, that one reads it.',
        ),
      })
      .prefault({})
      .describe("The pack's anchor, its epochs and its device half (docs/identity.md)."),
    evidence: z
      .strictObject({
        days: z.coerce
          .number()
          .int()
          .min(1)
          .max(3_650)
          .default(7)
          .describe("Days that accepted readings are kept, 1-3650."),
        mebibytes: z.coerce
          .number()
          .int()
          .min(0)
          .max(1_048_576)
          .default(1_024)
          .describe(
            "MiB that they take at most, 0-1048576; the oldest go first, 0 keeps none. A day of 8 modules at 5 Hz takes about 260.",
          ),
      })
      .prefault({})
      .describe(
        "Readings kept in gateway/evidence, from which intervals can be derived again (docs/evidence.md).",
      ),
    log,
    legacy: z
      .record(
        z
          .string()
          .regex(
            /^[0-9a-f]{4}0000[0-9a-f]{8}$/,
            "use mfg, part, 0000 and unique id as 16 hex digits",
          ),
        legacyModule,
      )
      .default({})
      .describe(
        "Clear-text modules, a table each by unique id: [legacy.0a0b000078563412] with capacityWh, stateChangeBytes, swapped.",
      ),
  })
  .refine(({ bus, legacy }) => bus.legacy === "admit" || Object.keys(legacy).length === 0, {
    path: ["legacy"],
    error: 'lists modules, but bus.legacy is "refuse"',
  })
  .refine(({ bus, legacy }) => bus.legacy === "refuse" || Object.keys(legacy).length > 0, {
    path: ["bus", "legacy"],
    error: 'is "admit", but no module is listed under [legacy]',
  });
export type GatewayConfig = z.infer<typeof gatewaySchema>;
