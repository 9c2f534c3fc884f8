/** One open way to a TPM. Commands go one after the other; the caller waits for each answer. */
export interface Connection {
  /**
   * Sends a whole command and resolves with a whole response, at most 4096 bytes. Throws TpmError `tpm-unreachable`,
   * `tpm-timeout` or `tpm-response`; then the connection is of no further use.
   */
  transmit(command: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * A TPM. A transaction opens a connection of its own: behind the kernel's resource manager (/dev/tpmrm0) what it
 * loaded is gone when it closes.
 *
 * Trust: whoever sits between can read what is not encrypted and deny service; what sessions authenticate and encrypt
 * under a pinned storage key is out of their reach.
 */
export interface Transport {
  open(): Promise<Connection>;
}
