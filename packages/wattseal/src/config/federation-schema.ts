import { z } from "zod";
import { access, brokerUrl, fleet, log } from "./settings.js";

const natsUrl = z
  .string()
  .regex(
    /^(?:nats|tls):\/\/[^/@\s,]+(?:,[^/@\s,]+)*$/,
    "use nats://host:port or tls://host:port, several with commas",
  );

const databaseUrl = z
  .string()
  .regex(
    /^postgres(?:ql)?:\/\/[^:@/\s]+@[^@/\s]*\/[^@\s]+$/,
    'use "embedded" or postgres://USER@HOST:PORT/DATABASE, without a password',
  );

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
