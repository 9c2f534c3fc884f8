/** An emulator that was started with one socket and ends with it (swtpm --fd): connections take turns on it. */
import type { Socket } from "node:net";
import { SocketConnection, type SwtpmOptions } from "./swtpm.js";
import type { Connection, Transport } from "./transport.js";

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * `socket`: connected, and from here on this transport's; closing it is its owner's. Once an answer did not come or could
 * not be read, nothing more can be asked over it: every later command throws the same.
 */
export function heldTransport(
  socket: Socket,
  { timeoutMs = DEFAULT_TIMEOUT_MS }: Pick<SwtpmOptions, "timeoutMs"> = {},
): Transport {
  const connection = new SocketConnection(socket, timeoutMs);
  let turn: Promise<void> = Promise.resolve();
  return {
    open: async (): Promise<Connection> => {
      const before = turn;
      let release = () => {};
      turn = new Promise((resolve) => {
        release = resolve;
      });
      await before;
      return {
        transmit: (command) => connection.transmit(command),
        close: async () => release(),
      };
    },
  };
}
