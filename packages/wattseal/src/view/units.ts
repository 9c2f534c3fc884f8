const grouped = new Intl.NumberFormat("en-US", {
  maximumFractionDigits: 1,
  minimumFractionDigits: 1,
});

/** Milliwatt-hours as watt-hours, for people. */
export const wattHours = (milliwattHours: number): string =>
  `${grouped.format(milliwattHours / 1000)} Wh`;

export const count = (value: number): string => new Intl.NumberFormat("en-US").format(value);

/** Date and time to the second. */
export const utc = (time: number): string =>
  new Date(time).toISOString().replace("T", " ").slice(0, 19);
