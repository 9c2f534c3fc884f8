import { hasOpenssl } from "../../scripts/lib/deploy/authority.mjs";
import { hasMosquitto } from "../../scripts/lib/deploy/mosquitto.mjs";
import { hasNats } from "../../scripts/lib/deploy/nats.mjs";
import { postgresMissing } from "../../scripts/lib/postgres.mjs";

/** @typedef {import("../../scripts/lib/deploy/deployment.mjs").Kind} Kind */

/** Why a deployment cannot be measured here. @returns {Partial<Record<Kind, string>>} */
export function missingDeployments() {
  const openssl = hasOpenssl() ? undefined : "openssl is not installed";
  const site = hasMosquitto() ? openssl : "mosquitto is not installed";
  const cluster = hasNats() ? (openssl ?? postgresMissing()) : "nats-server is not installed";
  return { ...(site && { site }), ...(cluster && { cluster }) };
}
