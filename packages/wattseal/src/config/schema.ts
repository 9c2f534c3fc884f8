import { z } from "zod";
import { LOG_LEVELS } from "../ports/system.js";

const fleet = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "use 1-63 characters a-z, 0-9 and -")
  .default("demo")
  .describe(
    "Fleet that the pack belongs to: part of every MQTT topic. 1-63 characters a-z, 0-9, -.",
  );

const log = z
  .strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default("info")
      .describe(`One of ${LOG_LEVELS.join(", ")}.`),
  })
  .prefault({})
  .describe("Structured log lines (JSON) on standard error.");

const brokerUrl = z
  .string()
  .regex(/^mqtts?:\/\/[^/\s]+$/, "use mqtt://host:port or mqtts://host:port");

const natsUrl = z
  .string()
  .regex(
    /^(?:nats|tls):\/\/[^/@\s,]+(?:,[^/@\s,]+)*$/,
    "use nats://host:port or tls://host:port, several with commas",
  );

const pathTo = (what: string) =>
  z
    .string()
    .default("")
    .describe(`${what} A relative path starts at this file's folder; "" for none.`);

/** How a broker is believed, and how it knows us. */
const access = {
  ca: pathTo("PEM file of the CA that the broker's certificate is of; with it, TLS (mqtts://)."),
  certificate: pathTo("PEM file of our own certificate, for a broker that asks for one."),
  key: pathTo("PEM file of its private key, readable by nobody else (chmod 600)."),
  passwordFile: pathTo("File that holds the password, for a broker that asks for one (chmod 600)."),
};

/** A table, or a list of them; always a list once read. */
const oneOrMore = <Table extends z.ZodType>(table: Table) =>
  z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(table).min(1),
  );

const databaseUrl = z
  .string()
  .regex(
    /^postgres(?:ql)?:\/\/[^:@/\s]+@[^@/\s]*\/[^@\s]+$/,
    'use "embedded" or postgres://USER@HOST:PORT/DATABASE, without a password',
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

const signerToken = z
  .string()
  .min(1)
  .default("signer.token")
  .describe(
    "File with the 32 bytes, as hex, that admit the gateway to the signer; a relative path starts at this file's folder. A systemd credential named signer-token comes before it.",
  );

/** signer.toml: a signer that shares no folder with its gateway. */
export const signerSchema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .default("/var/lib/wattseal-signer")
    .describe("Folder of the anchor and of what the signer keeps durable; of its user alone."),
  document: z
    .string()
    .min(1)
    .default("lct.cose")
    .describe("The pack's LCT document; a relative path starts at the signer's folder."),
  boot: z
    .string()
    .min(1)
    .default("boot")
    .describe("Folder of approved boots (*.boot); a relative path starts at the signer's folder."),
  socket: z
    .string()
    .min(1)
    .default("/run/wattseal-signer/signer.sock")
    .describe("Unix socket to serve, in a folder of mode 0750 of the signer's group."),
  token: signerToken,
  tpm: z
    .string()
    .regex(/^(none|device(:.+)?|swtpm:.+)$/, "use none, device, device:PATH or swtpm:PATH")
    .default("device")
    .describe(
      'What holds the anchor: "none" is a key file, "device" /dev/tpmrm0 (device:PATH another), swtpm:PATH the socket of an emulator.',
    ),
  log,
});

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

const listenAddress = z
  .string()
  .regex(
    /^$|^(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/,
    "use address:port or [address]:port",
  )
  .default("");

/** federation.toml */
export const federationSchema = z.strictObject({
  fleet,
  broker: z
    .strictObject({
      url: z
        .union([z.literal("embedded"), brokerUrl, natsUrl])
        .default("embedded")
        .describe(
          '"embedded" to run a broker here; mqtt:// or mqtts:// for one of your own; nats:// or tls:// with all nodes of a NATS cluster (host:port,host:port), for any number of workers.',
        ),
      user: z
        .string()
        .default("")
        .describe("Our user name at the broker, where the certificate does not say it."),
      ...access,
      port: z.coerce
        .number()
        .int()
        .min(0)
        .max(65535)
        .default(1883)
        .describe("Loopback port of the embedded broker, 0-65535; 0 takes a free one."),
    })
    .prefault({}),
  store: z
    .strictObject({
      url: z
        .union([z.literal("embedded"), databaseUrl])
        .default("embedded")
        .describe(
          "\"embedded\" keeps the packs' logs in federation/store, for one worker; postgres://USER@HOST:PORT/DATABASE in a PostgreSQL of one's own, for any number of them. Without a password.",
        ),
      passwordFile: z
        .string()
        .default("")
        .describe(
          "File with the database's password, its owner's alone; a relative path starts at this file's folder. Empty: none, or as PGPASSFILE says.",
        ),
    })
    .prefault({})
    .refine(({ url, passwordFile }) => url !== "embedded" || passwordFile === "", {
      path: ["passwordFile"],
      error: "is given, but the embedded store has no password",
    }),
  registry: z
    .strictObject({
      key: z
        .string()
        .default("")
        .describe(
          "Authority's key (Ed25519, PEM) that enrols LCTs and keeps their standing: one that trust.json accepts. Relative paths here start at this file's folder. Empty: no registry in this process; on a PostgreSQL store it follows those of other workers.",
        ),
      listen: listenAddress.describe(
        "Where applicants and auditors reach it, such as 127.0.0.1:8443; anything but loopback needs a certificate. Empty: nowhere.",
      ),
      certificate: z.string().default("").describe("The registry's TLS certificate, PEM."),
      certificateKey: z
        .string()
        .default("")
        .describe("Its key, PEM, in a file of its owner's alone."),
      roots: z
        .string()
        .default("")
        .describe(
          "PEM file with the roots of TPM makers whose endorsement certificates mean hardware. Empty: every TPM counts as an emulated one.",
        ),
      updateKeys: z
        .string()
        .default("")
        .describe(
          'PEM file with the public keys (P-256) whose boot approvals an LCT may rest on, or "any". Empty: none.',
        ),
      socket: z
        .string()
        .min(1)
        .default("../run/registry.sock")
        .describe("The operator's unix socket. Who can open it grants tokens and voids LCTs."),
    })
    .prefault({})
    .describe("Enrolment and standing of LCTs (docs/registry.md)."),
  orders: z
    .strictObject({
      socket: z
        .string()
        .default("../run/orders.sock")
        .describe(
          "Unix socket at which signed orders to packs are taken (wattseal order); a relative path starts at this file's folder. Empty: nowhere.",
        ),
    })
    .prefault({})
    .describe("Signed orders on their way to packs (docs/federation-mqtt.md)."),
  query: z
    .strictObject({
      listen: listenAddress.describe(
        "Where programs ask for what is stored, and Prometheus for metrics, such as 127.0.0.1:8480; anything but loopback needs a certificate. Empty: nowhere.",
      ),
      tokenFile: z
        .string()
        .min(1)
        .default("query.token")
        .describe(
          "File with the token that callers show, its owner's alone: openssl rand -hex 32. A relative path starts at this file's folder.",
        ),
      certificate: z.string().default("").describe("The query API's TLS certificate, PEM."),
      certificateKey: z
        .string()
        .default("")
        .describe("Its key, PEM, in a file of its owner's alone."),
    })
    .prefault({})
    .describe("Queries over what is stored, and metrics (docs/federation-api.md)."),
  log,
});
export type FederationConfig = z.infer<typeof federationSchema>;
