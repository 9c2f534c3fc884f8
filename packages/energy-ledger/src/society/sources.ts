import type { Millis } from "@wattseal/base";
import type { SocietyCharge, SourceKind, SourcePayload } from "../entries/society.js";
import { LedgerError } from "../errors.js";
import type { SourcesState } from "../snapshot/state.js";
import { DAY } from "./policy.js";

const HOUR = 3_600_000;

/** How long a capacity proof counts, ms. Where the design names no age, that of the nearest kind. */
export const PROOF_AGE: Readonly<Record<SourceKind, number>> = {
  solar: 30 * DAY,
  wind: 30 * DAY,
  regen: 30 * DAY,
  declared: 30 * DAY,
  grid: 7 * DAY,
  fuel: 7 * DAY,
  compute: DAY,
  labour: DAY,
  battery: HOUR,
};

/** No allowance is kept beyond this, mWh: sums stay exact. */
const MOST_ALLOWANCE = 2 ** 51;

/** `earlier`: mWh it could have delivered in the time of the proofs before this one. */
type Source = SourcesState["sources"][number];

/** ⌊W × ms / 3600⌋ mWh, in whole hours and a rest so that products stay below 2^53. */
function deliverable(watts: number, duration: number): number {
  const hours = Math.floor(duration / HOUR);
  return watts * 1000 * hours + Math.floor((watts * (duration - hours * HOUR)) / 3600);
}

/** What may have been charged from `source` until `now`, mWh, whether used or not. */
function allowance(source: Source, now: number): number {
  const { proof, earlier } = source;
  const inDate = Math.max(0, Math.min(now - proof.provenAt, PROOF_AGE[proof.kind]));
  return Math.min(MOST_ALLOWANCE, earlier + deliverable(proof.ratedWatts, inDate));
}

/** The society's sources: capacity proofs in date, and use that cannot exceed rated power × time. */
export class SourceBook {
  readonly #sources: Map<string, Source>;
  #declaredUse: number;

  constructor({ sources, declaredUse }: SourcesState = { sources: [], declaredUse: 0 }) {
    this.#sources = new Map(sources.map((source) => [source.proof.source, source]));
    this.#declaredUse = declaredUse;
  }

  save(): SourcesState {
    const sources = [...this.#sources.values()];
    sources.sort((a, b) => (a.proof.source < b.proof.source ? -1 : 1));
    return { sources, declaredUse: this.#declaredUse };
  }

  /** The capacity proof in force. */
  proof(name: string): SourcePayload | undefined {
    return this.#sources.get(name)?.proof;
  }

  /** Throws LedgerError `source`; changes nothing then. */
  prove(proof: SourcePayload, now: Millis): void {
    const known = this.#sources.get(proof.source);
    const problem = this.#problemOf(proof, known, now);
    if (problem !== undefined)
      throw new LedgerError("source", `source ${proof.source}: ${problem}`);
    const earlier = known === undefined ? 0 : allowance(known, proof.provenAt);
    this.#sources.set(proof.source, { proof, earlier, used: known?.used ?? 0 });
  }

  #problemOf(proof: SourcePayload, known: Source | undefined, now: Millis): string | undefined {
    if (proof.provenAt > now) return "its capacity is proven in the future";
    if (known !== undefined && proof.provenAt <= known.proof.provenAt)
      return "its proof is no newer";
    if (known !== undefined && proof.kind !== known.proof.kind) return "it has changed its kind";
    const metered = proof.kind === "compute" || proof.kind === "labour";
    if (metered && proof.meter === undefined) return `${proof.kind} without a meter is declared`;
    return undefined;
  }

  /** mWh that may be charged from `name` at `now`; zero when unknown or out of date. */
  left(name: string, now: Millis, declaredCap: number): number {
    const source = this.#sources.get(name);
    if (source === undefined) return 0;
    const { proof, used } = source;
    if (now - proof.provenAt > PROOF_AGE[proof.kind]) return 0;
    const left = allowance(source, now) - used;
    if (proof.kind !== "declared") return left;
    return Math.max(0, Math.min(left, declaredCap - this.#declaredUse));
  }

  /** Throws LedgerError `source` unless every part of the charge is covered; changes nothing. */
  check(parts: SocietyCharge["sources"], now: Millis, declaredCap: number): void {
    const names = new Set(parts.map(({ source }) => source));
    if (names.size !== parts.length) throw new LedgerError("source", "a source is named twice");
    let declared = 0;
    for (const { source, amount } of parts) {
      const left = this.left(source, now, declaredCap);
      if (amount > left) {
        throw new LedgerError("source", `source ${source}: ${amount} mWh, but ${left} are covered`);
      }
      if (this.#isDeclared(source)) declared += amount;
    }
    if (declared > 0 && this.#declaredUse + declared > declaredCap) {
      throw new LedgerError("source", "declared sources exceed the policy's cap together");
    }
  }

  /** Counts a charge that `check` let pass. */
  use(parts: SocietyCharge["sources"]): void {
    for (const { source: name, amount } of parts) {
      const source = this.#sources.get(name);
      if (source === undefined) continue;
      this.#sources.set(name, { ...source, used: source.used + amount });
      if (source.proof.kind === "declared") this.#declaredUse += amount;
    }
  }

  #isDeclared(name: string): boolean {
    return this.#sources.get(name)?.proof.kind === "declared";
  }
}
