import { type Clock, type Entropy, InvariantViolation } from "@wattseal/base";
import { encodeAs, statusPayload } from "@wattseal/energy-ledger";
import {
  type Ed25519SecretKey,
  type EnrolmentGrant,
  encodeEnrolmentResult,
  type HardwareRoots,
  type PendingEnrolment,
  Registrar,
  type Registry,
  signAuthorityPayload,
} from "@wattseal/lct-keys";

/** The authority of a demonstration as a registry in this process, for one enrolment. */
export function demoRegistry(
  authority: Ed25519SecretKey,
  grant: EnrolmentGrant,
  {
    clock,
    entropy,
    makers,
  }: {
    readonly clock: Clock;
    readonly entropy: Entropy;
    readonly makers?: { readonly roots: HardwareRoots };
  },
): Registry {
  const roots = makers?.roots ?? [];
  const registrar = new Registrar({ authority, entropy, roots, updateKeys: "any" });
  let pending: PendingEnrolment | undefined;
  return {
    async request(bytes) {
      pending = registrar.challenge(bytes, grant, clock.now());
      return pending.challenge;
    },
    async activate(_, bytes) {
      if (pending === undefined) throw new InvariantViolation("an activation without a request");
      const since = clock.now();
      const { lct, document } = registrar.activate(pending, bytes, since);
      const said = {
        purpose: "wattseal-status-1",
        lct,
        state: "active",
        since,
        reason: "",
      } as const;
      const status = signAuthorityPayload(authority, encodeAs(statusPayload, said));
      return encodeEnrolmentResult({ document, status });
    },
  };
}
