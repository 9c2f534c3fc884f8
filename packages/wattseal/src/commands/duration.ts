import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `30s`, `500ms`, `2m`, `1h` in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const ms = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ""] ?? Number.NaN);
  if (!(ms > 0)) throw new InvalidArgumentError("Use a duration such as 500ms, 30s, 2m or 1h.");
  return ms;
}

export function parseModules(text: string): number {
  const modules = Number(text);
  if (!Number.isInteger(modules) || modules < 1 || modules > 31) {
    throw new InvalidArgumentError("A bus has 1 to 31 modules.");
  }
  return modules;
}

/** Clear-text modules beside at least one paired one. */
export function parseLegacy(text: string): number {
  const modules = Number(text);
  if (!Number.isInteger(modules) || modules < 0 || modules > 30) {
    throw new InvalidArgumentError("Use 0 to 30: a bus has 31 modules, one of them sealed.");
  }
  return modules;
}

export function parseSpeed(text: string): number {
  if (text === "max") return Number.POSITIVE_INFINITY;
  const speed = Number(text);
  if (!(speed > 0) || !Number.isFinite(speed)) {
    throw new InvalidArgumentError(
      'Use a number above 0 (30 is thirty times real time), or "max".',
    );
  }
  return speed;
}
