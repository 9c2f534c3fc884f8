// What a deployment needs of this machine.
import { StepFailed } from "../run.mjs";
import { hasOpenssl } from "./authority.mjs";
import { hasMosquitto } from "./mosquitto.mjs";
import { hasNats } from "./nats.mjs";

/** Throws StepFailed that says what to install. @param {import("./deployment.mjs").Kind} kind */
export function requirePrograms(kind) {
  const needed = {
    embedded: [],
    site: [
      ["mosquitto", hasMosquitto()],
      ["openssl", hasOpenssl()],
    ],
    cluster: [
      ["nats-server", hasNats()],
      ["openssl", hasOpenssl()],
    ],
  }[kind];
  const missing = needed.filter(([, isThere]) => !isThere).map(([name]) => name);
  if (missing.length === 0) return;
  const names = missing.join(" ");
  throw new StepFailed(`${names} is missing. Cure: sudo apt-get install ${names} (Debian)`, 2);
}
