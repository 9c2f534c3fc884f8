import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { demoState, temporaryFolder, wattseal } from "./support/program.js";

it("a federation whose port is taken says so, and what to do, and ends", async () => {
  const state = `${await temporaryFolder()}/state`;
  await demoState(state, "--modules", "1");
  const other = createServer();
  onTestFinished(() => void other.close());
  const port = await new Promise<number>((resolve) => {
    other.listen(0, "127.0.0.1", () => {
      const address = other.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  for (let i = 0; i < 2; i += 1) {
    // The second start finds the store unlocked.
    const ended = await wattseal(["federation", "--state", state, "--port", String(port)]);
    expect(ended.status).toBe(3);
    expect(ended.stderr).toContain(`127.0.0.1:${port}`);
    expect(ended.stderr).toContain("choose another port");
  }
});
