/**
 * Vectors of google/go-tpm, tpm2/test/testvectors/kdfa.json and kdfe.json (commits d88acdb and 388df4f, Apache-2.0, from
 * the tpm-test-vectors project, checked there against the reference TPM): those of whole bytes.
 */
import { fromHex, toHex } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { ALG } from "../wire/constants.js";
import { kdfa, kdfe } from "./kdf.js";

describe("KDFa", () => {
  it.each([
    {
      hash: ALG.sha1,
      key: "f33e8c7d0efe0f",
      label: "CFB",
      u: "002ba8440f2e389a7a086726c47b2bc332a0",
      v: "fb4746f1b68c0f75174fa7",
      bits: 400,
      result:
        "6e5d4c0212cb1f908c0aa34c91f74b3bf429eab89f0b532b1cc7f34f240ee100c63e0b4cf5bb0017e178ef8902a5bf18a3fd",
    },
    {
      hash: ALG.sha1,
      key: "ff9af522feced768e90933b774c6fb35f6086054",
      label: "IDENTITY",
      u: "2a2c2392200800",
      v: "",
      bits: 512,
      result:
        "04384a8ae06d793d28c402c088c29185fb6de2bb3227df9a604edf7beb2f29b46ff5aa66150ffcfb5d6d9130db5bc59d644c0d6259d111ed8fe8b81547d07bfe",
    },
    {
      hash: ALG.sha256,
      key: "",
      label: "SECRET",
      u: "fbf51f160255018bbc8efea4c36ac4fb4cbba34e9eff",
      v: "3cea0fdc2600",
      bits: 200,
      result: "a26c73dca13a265e09eec4b0abc4ecb2bf8d26db04e8823ee6",
    },
    {
      hash: ALG.sha256,
      key: "e38573d849a5cfc9973f58b4535e42b7c08ef28b1b3e775375b5c66b9644be",
      label: "STORAGE",
      u: "00586dccbebc998087e4",
      v: "",
      bits: 552,
      result:
        "968f349b066ed26be3bd4e78333eb5c5b51c26ea376efe5dfaf061a2cf7f5eb82e4fcc2a30736e30f12b48ab17efd10576a4cf33450324b3f20011628df7a07c411f8c0f6c",
    },
  ])("for $label, $bits bits", ({ hash, key, label, u, v, bits, result }) => {
    const derived = kdfa(hash, fromHex(key), { label, u: fromHex(u), v: fromHex(v) }, bits);
    expect(toHex(derived)).toBe(result);
  });
});

describe("KDFe", () => {
  it.each([
    {
      hash: ALG.sha1,
      z: "fffaefd2dcf59ac10ffee96d388ecc7fa0274b25",
      label: "INTEGRITY",
      u: "ff7876ca3325140c1739",
      v: "ffdaea80b8",
      bits: 320,
      result: "39bde917d4529cfb171ebb49c8aa83777481f50cf0df162c3f12b9c8ab21ddcbed2e8a8b688c8b66",
    },
    {
      hash: ALG.sha1,
      z: "69",
      label: "SECRET",
      u: "c8892d83e51bcf3164c6b32c47",
      v: "0080adc707de8aaf7726f6dd4946406ea42f9d",
      bits: 576,
      result:
        "a7f5347219e2ea2ef0f46abf91865104a948eacd402b1d7ae48dde7ab1515e43e0b2d3006d9127d849c012e95191cfc77d829225967e0f49eba285abac2546ed1818383e7af21629",
    },
    {
      hash: ALG.sha256,
      z: "6cbfdee9e66367b676",
      label: "STORAGE",
      u: "c303fe79ff",
      v: "79e34519a8a32f13d400",
      bits: 728,
      result:
        "e59560660988b3d66e3a76bcc96110cc199bfa0418dca315f7070619e04fa0b6cdb2912db3786aaa34f2cad7dcee560eed2b4c3f7566e533e4a3bba9c9364397dd2ce45a0b85dde5c83fea27b4fb20bb0125346d24e5d9321f81b2",
    },
  ])("for $label, $bits bits", ({ hash, z, label, u, v, bits, result }) => {
    const context = { label, partyU: fromHex(u), partyV: fromHex(v) };
    expect(toHex(kdfe(hash, fromHex(z), context, bits))).toBe(result);
  });
});
