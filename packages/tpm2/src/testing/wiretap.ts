/** Somebody who sits between the client and the TPM. */
import type { Transport } from "../transport/transport.js";

export interface Wiretap {
  /** Sees every command; may answer in the TPM's place, which then does not see it. */
  readonly command?: (
    bytes: Uint8Array,
  ) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Sees every response of the TPM; what it gives goes to the client. */
  readonly response?: (bytes: Uint8Array, command: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

export function tapped(transport: Transport, { command, response }: Wiretap): Transport {
  return {
    open: async () => {
      const connection = await transport.open();
      return {
        transmit: async (bytes) => {
          const own = await command?.(bytes);
          if (own !== undefined) return own;
          const answer = await connection.transmit(bytes);
          return (await response?.(answer, bytes)) ?? answer;
        },
        close: () => connection.close(),
      };
    },
  };
}

/** Command code or response code: the third field of a header. */
export function codeOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(6);
}

/** A response without parameters: a refusal, or an empty success. */
export function bare(code: number): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x8001);
  view.setUint32(2, bytes.length);
  view.setUint32(6, code);
  return bytes;
}

/** Each of these as a TPM's answers, one after the other; at their end the connection is gone. */
export function scripted(...answers: readonly (Uint8Array | Error)[]): Transport {
  let next = 0;
  return {
    open: () =>
      Promise.resolve({
        transmit: () => {
          const answer = answers[next] ?? new Error("the script is at its end");
          next += 1;
          return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
        },
        close: () => Promise.resolve(),
      }),
  };
}
