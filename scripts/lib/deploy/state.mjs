// The state folder of a deployment, and what its roles are told of who they are.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../prepare.mjs";
import { StepFailed } from "../run.mjs";

export const PROGRAM = join(root, "packages", "wattseal", "bin", "wattseal.mjs");
/** Of the state that `wattseal init --demo` writes. */
export const FLEET = "demo";

/** @param {readonly string[]} args @returns {string} what it says on standard output */
export function wattseal(args) {
  return execFileSync(process.execPath, [PROGRAM, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/**
 * Name of the pack in this state, which is made where there is none: its certificate bears it.
 *
 * @param {string} state
 * @param {readonly string[]} [options] of `wattseal init`
 */
export function enrolled(state, options = []) {
  const document = join(state, "gateway", "lct.cose");
  if (!existsSync(document)) {
    wattseal(["init", "--demo", "--tpm", "none", "--state", state, ...options]);
  }
  const [, pack] = /lct:pack:([a-z2-7]{32})/.exec(wattseal(["identity", "show", document])) ?? [];
  if (pack === undefined) throw new StepFailed(`${document} is not the document of a pack`);
  return pack;
}

/**
 * @param {"BROKER" | "UPLINK"} table
 * @param {import("./authority.mjs").DemoAuthority | undefined} authority
 * @param {string} name
 * @returns {Readonly<Record<string, string>>} environment
 */
export function accessOf(table, authority, name) {
  if (authority === undefined) return {};
  const { certificate, key } = authority.issue(name);
  return {
    [`WATTSEAL_${table}_CA`]: authority.certificate,
    [`WATTSEAL_${table}_CERTIFICATE`]: certificate,
    [`WATTSEAL_${table}_KEY`]: key,
  };
}
