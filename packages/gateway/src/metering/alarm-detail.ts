/** Longest phrase of an entry, in code points (docs/ledger-format.md, Encoding). */
const PHRASE_LENGTH = 200;

/** Somebody else's words as an entry takes them. */
export function phraseOf(text: string): string {
  return [...text.replace(/\p{Cc}+/gu, " ")].slice(0, PHRASE_LENGTH).join("");
}

/** Digits of a base (11 bits) and of an identifier (29 bits). */
const HEX_DIGITS: Readonly<Record<string, number>> = { base: 3, id: 8 };

/** What an alarm says beside its kind, as JSON; identifiers as bus tools write them. */
export function alarmDetail(detail: object): string {
  return JSON.stringify(detail, (name, value: unknown) => {
    const digits = HEX_DIGITS[name];
    if (digits === undefined || typeof value !== "number") return value;
    return `0x${value.toString(16).padStart(digits, "0").toUpperCase()}`;
  });
}
