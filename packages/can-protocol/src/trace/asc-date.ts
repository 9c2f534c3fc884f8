const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** What the tools write under a German locale, as far as it differs; without umlauts, whose encoding varies. */
const GERMAN_MONTHS: Readonly<Record<string, number>> = { mr: 2, mrz: 2, mai: 4, okt: 9, dez: 11 };
const DATE =
  /^\S+\s+(\S+)\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?(?:\s+([ap])m)?\s+(\d{4})$/i;

/** `Sat Sep 30 03:06:13.191 pm 2017` in ms of UTC, as which it is taken; undefined when it is no date. */
export function parseAscDate(text: string): number | undefined {
  const match = DATE.exec(text.trim());
  if (match === null) return undefined;
  const [, name = "", day, hours, minutes, seconds, fraction = "", half, year] = match;
  const month = monthOf(name.toLowerCase().replaceAll(/[^a-z]/g, ""));
  if (month === -1) return undefined;
  const hour =
    half === undefined ? Number(hours) : (Number(hours) % 12) + (/p/i.test(half) ? 12 : 0);
  const milliseconds = Number(fraction.padEnd(3, "0"));
  return Date.UTC(
    Number(year),
    month,
    Number(day),
    hour,
    Number(minutes),
    Number(seconds),
    milliseconds,
  );
}

function monthOf(name: string): number {
  const german = GERMAN_MONTHS[name];
  return german ?? MONTHS.findIndex((month) => month.toLowerCase() === name.slice(0, 3));
}

/** As ctime(3), in UTC. */
export function formatAscDate(milliseconds: number): string {
  const date = new Date(milliseconds);
  const day = String(date.getUTCDate()).padStart(2);
  const time = date.toISOString().slice(11, 19);
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${day} ${time} ${date.getUTCFullYear()}`;
}
