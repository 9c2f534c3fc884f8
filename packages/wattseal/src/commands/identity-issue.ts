import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fromHex, type LctId, lctId, type ModuleUid, messageOf, moduleUid } from "@wattseal/base";
import { compareLabel, labelText } from "@wattseal/device-keys";
import { issueLctDocument, parseP256PublicKey } from "@wattseal/lct-keys";
import {
  type Binding,
  type LctAnchor,
  type LctClass,
  type LctKind,
  type LctLink,
  TRUST_CEILING_BPS,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { InvalidArgumentError } from "commander";
import { CliError, EXIT } from "../errors.js";
import { systemClock } from "../ports/system.js";
import { writeOut } from "../view/output.js";
import { type Signing, signWith } from "./sign-with.js";

const CLASSES: readonly LctClass[] = ["agentic", "responsive", "delegative"];
const RELATIONS: readonly LctLink["relation"][] = ["bound", "paired", "witnessing", "succeeds"];
/** Held by something that nobody here can examine. */
const BINDINGS: readonly Binding[] = ["secure-element", "mcu", "software", "unknown"];

/** What an entity of the kind does unless said otherwise: decide, answer, or stand for others. */
const CLASS_OF: Readonly<Record<LctKind, LctClass>> = {
  app: "responsive",
  agent: "agentic",
  module: "responsive",
  pack: "responsive",
  person: "agentic",
  policy: "responsive",
  society: "delegative",
  source: "responsive",
};

function choice<T extends string>(what: string, of: readonly T[]): (text: string) => T {
  return (text) => {
    const found = of.find((one) => one === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Choose one of these as ${what}: ${of.join(", ")}.`);
  };
}

const KINDS: readonly LctKind[] = [
  "app",
  "agent",
  "module",
  "pack",
  "person",
  "policy",
  "society",
  "source",
];
export const parseKind = choice("kind", KINDS);
export const parseClass = choice("class", CLASSES);
export const parseBinding = choice("binding", BINDINGS);

/** A public X25519 half. */
export function parseHalf(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/.test(text)) return fromHex(text);
  throw new InvalidArgumentError("Use 64 lower-case hexadecimal digits.");
}

export function parseUid(text: string): ModuleUid {
  try {
    return moduleUid(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

/** `paired=lct:module:…`, collected. */
export function parseLink(text: string, before: readonly LctLink[] = []): readonly LctLink[] {
  const [relation = "", id = ""] = text.split("=");
  const found = RELATIONS.find((one) => one === relation);
  if (found === undefined) {
    throw new InvalidArgumentError(`Use ${RELATIONS.join("=, ")}= and an LCT id.`);
  }
  return [...before, { relation: found, lct: parseLct(id) }];
}

export function parseLct(text: string): LctId {
  try {
    return lctId(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

export interface IssueOptions extends Signing {
  readonly kind: LctKind;
  readonly anchor?: string;
  readonly half?: Uint8Array;
  readonly uid?: ModuleUid;
  readonly label?: string;
  readonly text?: string;
  readonly class?: LctClass;
  readonly binding: Binding;
  /** Basis points. */
  readonly strength?: number;
  readonly context?: readonly string[];
  readonly witness?: readonly string[];
  readonly link?: readonly LctLink[];
  readonly json: boolean;
}

/** `wattseal identity issue`: a document signed by an authority, for what it vouches for itself. */
export async function issue(options: IssueOptions): Promise<number> {
  const { kind, binding } = options;
  requireStrength(options);
  const named = await anchorOf(options);
  let lct: LctId | undefined;
  const file = await signWith(options, (authority) => {
    const bytes = issueLctDocument(authority, {
      kind,
      class: options.class ?? CLASS_OF[kind],
      anchor: named.anchor,
      binding,
      strengthBps: options.strength ?? TRUST_CEILING_BPS[binding],
      context: [...named.context, ...(options.context ?? [])],
      created: systemClock().now(),
      witnesses: options.witness ?? [],
      mrh: options.link ?? [],
    });
    lct = verifyLctDocument(bytes, [authority.publicKey]).lct;
    return bytes;
  });
  await writeOut(`${options.json ? JSON.stringify({ lct, file }) : `${lct}\n${file}`}\n`);
  return EXIT.ok;
}

function requireStrength({ strength, binding }: IssueOptions): void {
  const most = TRUST_CEILING_BPS[binding];
  if (strength === undefined || strength <= most) return;
  throw new CliError("usage", `--strength: binding ${binding} carries ${most / 100} % at most`);
}

interface Named {
  readonly anchor: LctAnchor;
  readonly context: readonly string[];
}

/** A module is known by its half and label, a policy by its words, everyone else by a key that signs. */
async function anchorOf(options: IssueOptions): Promise<Named> {
  const { kind, anchor, half, uid, label, text } = options;
  if (kind === "module") {
    refuseGiven(options, kind, ["anchor", "text"]);
    if (half === undefined || uid === undefined || label === undefined) {
      throw new CliError("usage", "A module is named by --half, --uid and --label.");
    }
    return moduleAnchor(half, uid, label);
  }
  refuseGiven(options, kind, ["half", "uid", "label"]);
  if (kind === "policy") {
    refuseGiven(options, kind, ["anchor"]);
    if (text === undefined) throw new CliError("usage", "A policy is named by its --text.");
    return { anchor: { type: "policy", text: await readText(text) }, context: [] };
  }
  refuseGiven(options, kind, ["text"]);
  if (anchor === undefined) {
    throw new CliError("usage", `--kind ${kind} is named by a public key: --anchor FILE`);
  }
  return { anchor: await keyIn(anchor), context: [] };
}

function moduleAnchor(half: Uint8Array, uid: ModuleUid, label: string): Named {
  const verdict = compareLabel(label, uid, half);
  if (verdict !== "match") {
    throw new CliError(
      "usage",
      verdict === "mismatch"
        ? "--label is not that of this --half and --uid: another module's, or not the half that it holds"
        : `--label is ${verdict}: give the groups of five digits as printed, five of them at least`,
    );
  }
  const context = [`module ${uid}`, `label ${labelText(uid, half)}`];
  return { anchor: { type: "x25519", publicKey: half }, context };
}

async function keyIn(file: string): Promise<LctAnchor> {
  try {
    return { type: "p256", publicKey: parseP256PublicKey(await readText(file)) };
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError("usage", `${file}: ${messageOf(cause)}`, { cause });
  }
}

async function readText(file: string): Promise<string> {
  return readFile(resolve(file), "utf8").catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
}

function refuseGiven(
  options: IssueOptions,
  kind: LctKind,
  names: readonly ("anchor" | "half" | "uid" | "label" | "text")[],
): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new CliError("usage", `--${given} does not go with --kind ${kind}`);
}
