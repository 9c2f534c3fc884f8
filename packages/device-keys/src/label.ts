/**
 * The fingerprint printed on a module's label: it ties the half that a serial port shows to the module
 * in the technician's hand.
 */
import { concatBytes, fromHex, type ModuleUid, sha256, viewOf } from "@wattseal/base";

/** Groups printed; fewer may be typed, but no fewer than `LABEL_GROUPS_NEEDED` (5 × log2 100000 = 83 bits). */
export const LABEL_GROUPS = 8;
export const LABEL_GROUPS_NEEDED = 5;

export type LabelVerdict = "match" | "mismatch" | "too-few" | "malformed";

/** Eight groups of five digits: group i = u32be(SHA-256(uid ‖ half)[4i..]) mod 100000. */
export function labelGroups(uid: ModuleUid, half: Uint8Array): readonly string[] {
  const view = viewOf(sha256(concatBytes(fromHex(uid), half)));
  return Array.from({ length: LABEL_GROUPS }, (_, i) =>
    String(view.getUint32(4 * i) % 100_000).padStart(5, "0"),
  );
}

/** The groups as printed, with single spaces. */
export function labelText(uid: ModuleUid, half: Uint8Array): string {
  return labelGroups(uid, half).join(" ");
}

/** Judges what a technician typed or scanned: groups of five digits from the first on, any blanks or hyphens between. */
export function compareLabel(typed: string, uid: ModuleUid, half: Uint8Array): LabelVerdict {
  const digits = typed.replaceAll(/[\s-]/g, "");
  const groups = digits.match(/\d{5}/g) ?? [];
  if (!/^\d+$/.test(digits) || digits.length % 5 !== 0 || groups.length > LABEL_GROUPS) {
    return "malformed";
  }
  const printed = labelGroups(uid, half);
  if (groups.some((group, i) => group !== printed[i])) return "mismatch";
  return groups.length < LABEL_GROUPS_NEEDED ? "too-few" : "match";
}
