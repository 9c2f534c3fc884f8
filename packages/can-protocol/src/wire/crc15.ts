/** ISO 11898-1 §10.4.2.6: x^15 + x^14 + x^10 + x^8 + x^7 + x^4 + x^3 + 1, starting at 0. */
const POLYNOMIAL = 0x45_99;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 7;
  for (let i = 0; i < 8; i += 1) crc = (crc << 1) ^ ((crc & 0x40_00) === 0 ? 0 : POLYNOMIAL);
  return crc & 0x7f_ff;
});

/** The checksum after one more byte. */
export function crc15(crc: number, byte: number): number {
  return ((crc << 8) & 0x7f_ff) ^ (TABLE[((crc >>> 7) ^ byte) & 0xff] ?? 0);
}
