import { describe, expect, it } from "vitest";
import { Latencies } from "./latencies.js";

describe("Latencies", () => {
  it("gives quantiles that are right within 5 %, never below", () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 1000; ms += 1) latencies.add(ms, 1);
    for (const q of [0.01, 0.5, 0.9, 0.99, 1]) {
      expect(latencies.quantile(q)).toBeGreaterThanOrEqual(1000 * q * (1 - 1e-9));
      expect(latencies.quantile(q)).toBeLessThanOrEqual(1000 * q * 1.0501);
    }
  });

  it("counts many at once, and has none before the first", () => {
    const latencies = new Latencies();
    expect(latencies.quantile(0.5)).toBeUndefined();
    latencies.add(10, 99);
    latencies.add(1000, 1);
    expect(latencies.count).toBe(100);
    expect(latencies.quantile(0.99)).toBeLessThan(11);
    expect(latencies.quantile(1)).toBeGreaterThan(999);
  });
});
