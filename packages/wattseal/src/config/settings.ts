/** Settings that more than one role has. */
import { z } from "zod";
import { LOG_LEVELS } from "../ports/system.js";

export const fleet = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "use 1-63 characters a-z, 0-9 and -")
  .default("demo")
  .describe(
    "Fleet that the pack belongs to: part of every MQTT topic. 1-63 characters a-z, 0-9, -.",
  );

export const log = z
  .strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default("info")
      .describe(`One of ${LOG_LEVELS.join(", ")}.`),
  })
  .prefault({})
  .describe("Structured log lines (JSON) on standard error.");

export const brokerUrl = z
  .string()
  .regex(/^mqtts?:\/\/[^/\s]+$/, "use mqtt://host:port or mqtts://host:port");

const pathTo = (what: string) =>
  z
    .string()
    .default("")
    .describe(`${what} A relative path starts at this file's folder; "" for none.`);

/** How a broker is believed, and how it knows us. */
export const access = {
  ca: pathTo("PEM file of the CA that the broker's certificate is of; with it, TLS (mqtts://)."),
  certificate: pathTo("PEM file of our own certificate, for a broker that asks for one."),
  key: pathTo("PEM file of its private key, readable by nobody else (chmod 600)."),
  passwordFile: pathTo("File that holds the password, for a broker that asks for one (chmod 600)."),
};

export const signerToken = z
  .string()
  .min(1)
  .default("signer.token")
  .describe(
    "File with the 32 bytes, as hex, that admit the gateway to the signer; a relative path starts at this file's folder. A systemd credential named signer-token comes before it.",
  );
