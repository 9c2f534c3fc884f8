import { toHex } from "@wattseal/base";
import { TRUST_CEILING_BPS } from "@wattseal/lct-keys/verify";
import type { ShownIdentity } from "../commands/identity-show.js";

const LABEL = 11;
const percent = (bps: number) => `${(bps / 100).toFixed(0)} %`;
const iso = (time: number) => new Date(time).toISOString();
const line = (label: string, text: string) => `${label.padEnd(LABEL)}${text}`;
const listed = (label: string, texts: readonly string[]) =>
  texts.map((text, i) => line(i === 0 ? label : "", text));

/** An identity for people, a line each. */
export function identityLines(shown: ShownIdentity): string[] {
  const { document, verdict, authority, held, standing } = shown;
  const { anchor, binding, strengthBps, issuer } = document;
  const named = anchor.type === "policy" ? anchor.text : toHex(anchor.publicKey);
  const issuerName = authority === undefined ? "" : `${authority}, `;
  const issuerLct = issuer.lct === undefined ? "" : `, ${issuer.lct}`;
  return [
    line("lct", document.lct),
    line("kind", `${document.kind}, ${document.class}`),
    line("anchor", `${anchor.type} ${named}`),
    line(
      "binding",
      `${binding}, strength ${percent(strengthBps)} of at most ${percent(TRUST_CEILING_BPS[binding])}`,
    ),
    ...listed("context", document.context),
    line("issuer", `${issuerName}Ed25519 ${toHex(issuer.publicKey)}${issuerLct}`),
    line("created", iso(document.created)),
    ...listed("witnesses", document.witnesses),
    ...listed(
      "links",
      document.mrh.map(({ relation, lct }) => `${relation} ${lct}`),
    ),
    ...(held === undefined ? [] : heldLines(held)),
    ...(standing === undefined ? [] : [line("standing", standingText(standing))]),
    line("verdict", verdict),
  ];
}

function standingText(standing: NonNullable<ShownIdentity["standing"]>): string {
  if (standing.state === "unknown") return "not known to this registry";
  const { state, since, reason } = standing;
  return `${state} since ${iso(since)}${reason === "" ? "" : `: ${reason}`}`;
}

function heldLines({ anchor, statuses, epochs }: NonNullable<ShownIdentity["held"]>): string[] {
  return [
    line("held", anchor),
    ...listed(
      "status",
      statuses.map(
        ({ entry, state, since, reason }) =>
          `${state} since ${iso(since)} (entry ${entry})${reason === "" ? "" : `: ${reason}`}`,
      ),
    ),
    ...listed(
      "epochs",
      epochs.map(
        ({ epoch, entry, time, state, softwareVersion, synchronised }) =>
          `${epoch} ${state}, ${iso(time)}${synchronised ? "" : " (clock not synchronised)"}, ${softwareVersion}, entry ${entry}`,
      ),
    ),
  ];
}
