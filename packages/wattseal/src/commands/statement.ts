import { type LctId, messageOf } from "@wattseal/base";
import {
  encodeAs,
  mintPayload,
  type PolicyWitness,
  policyPayload,
  policyPayload2,
  type Schema,
  type SourceKind,
  sourcePayload,
  type Tier,
} from "@wattseal/energy-ledger";
import { signAuthorityPayload } from "@wattseal/lct-keys";
import { parseVkey } from "@wattseal/tlog";
import { InvalidArgumentError } from "commander";
import { EXIT } from "../errors.js";
import { systemClock } from "../ports/system.js";
import { writeOut } from "../view/output.js";
import { parseLct } from "./identity-issue.js";
import { type Signing, signWith } from "./sign-with.js";

export interface StatementOptions extends Signing {
  /** The pack's. */
  readonly society: LctId;
  readonly json: boolean;
}

/** `wattseal statement mint`: raises the pack's supply. `amount`: mWh. */
export function signMint(
  amount: number,
  options: StatementOptions & { readonly serial: number },
): Promise<number> {
  const { society, serial } = options;
  return sign("society.mint", options, mintPayload, {
    purpose: "wattseal-mint-1",
    society,
    amount,
    serial,
  });
}

/** `wattseal statement source`: proves what a source can give, from now on. */
export function signSource(
  source: string,
  options: StatementOptions & {
    readonly kind: SourceKind;
    readonly watts: number;
    readonly meter?: LctId;
  },
): Promise<number> {
  const { society, kind, watts: ratedWatts, meter } = options;
  return sign("society.source", options, sourcePayload, {
    purpose: "wattseal-source-1",
    society,
    source,
    kind,
    ratedWatts,
    provenAt: systemClock().now(),
    meter,
  });
}

export interface PolicyOptions extends StatementOptions {
  readonly serial: number;
  /** Basis points, each. */
  readonly high: number;
  readonly developing: number;
  readonly low: number;
  readonly tier: Tier;
  readonly lotDays: number;
  readonly withheldDays: number;
  /** mWh, each. */
  readonly wasteAlert: number;
  readonly declaredCap?: number;
  readonly witness?: readonly PolicyWitness[];
  readonly counterparty?: readonly LctId[];
}

/** `wattseal statement policy`: the terms of the pack's society, with others in it where any is named. */
export function signPolicy(options: PolicyOptions): Promise<number> {
  const { society, serial, tier, wasteAlert, declaredCap = 0, lotDays, withheldDays } = options;
  const { witness: witnesses = [], counterparty: counterparties = [] } = options;
  const terms = {
    society,
    version: serial,
    highBps: options.high,
    developingBps: options.developing,
    lowBps: options.low,
    tier,
    lotDays,
    withheldDays,
    wasteAlert,
    declaredCap,
  };
  if (witnesses.length === 0 && counterparties.length === 0) {
    const purpose = "wattseal-policy-1";
    return sign("society.policy", options, policyPayload, { purpose, ...terms });
  }
  const purpose = "wattseal-policy-2";
  const others = { witnesses, counterparties };
  return sign("society.policy", options, policyPayload2, { purpose, ...terms, ...others });
}

async function sign<T>(
  entry: string,
  options: StatementOptions,
  schema: Schema<T>,
  payload: T,
): Promise<number> {
  const file = await signWith(options, (key) =>
    signAuthorityPayload(key, encodeAs(schema, payload)),
  );
  const text = options.json
    ? JSON.stringify({ entry, society: options.society, file })
    : `${file}\nFor the pack: as NUMBER-${entry}.cose into gateway/genesis of its state folder, NUMBER above those that are there. It is entered at the gateway's next start.`;
  await writeOut(`${text}\n`);
  return EXIT.ok;
}

export function parseSerial(text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError("Use a whole number from 1 on.");
}

export function parseWatts(text: string): number {
  const watts = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (watts >= 1 && watts < 2 ** 31) return watts;
  throw new InvalidArgumentError("Use whole watts, from 1 on.");
}

export function parseDays(text: string): number {
  const days = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= 366) return days;
  throw new InvalidArgumentError("Use whole days, 1 to 366.");
}

/** `LCT=VKEY`, collected: whose log decides, and the key of its cosignatures. */
export function parsePolicyWitness(
  text: string,
  before: readonly PolicyWitness[] = [],
): readonly PolicyWitness[] {
  const [, id = "", vkey = ""] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  try {
    const { name, type, publicKey } = parseVkey(vkey);
    if (type !== "cosignature") throw new InvalidArgumentError("is no key of cosignatures");
    return [...before, { lct: parseLct(id), name, publicKey }];
  } catch (error) {
    throw new InvalidArgumentError(`Use LCT=VKEY: ${messageOf(error)}.`);
  }
}

export function parseLcts(text: string, before: readonly LctId[] = []): readonly LctId[] {
  return [...before, parseLct(text)];
}
