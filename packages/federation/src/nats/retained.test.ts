import { utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { retainedIn } from "./retained.js";

const topic = "wattseal/1/demo/abcdefghijklmnopqrstuvwxyz234567/head";

describe("a message that nats-server retains", () => {
  it("is an object of JSON up to 2.10", () => {
    const text = `{"origin":"fj","subject":"${topic.replaceAll("/", ".")}","topic":"${topic}","msg":"aGVhZA==","flags":3,"source":"x"}`;
    expect(retainedIn(utf8(text))).toEqual({ topic, payload: utf8("head") });
  });

  it("is its payload from 2.11 on, its topic in a header", () => {
    expect(retainedIn(utf8("head"), topic)).toEqual({ topic, payload: utf8("head") });
  });

  it("is none when it is anything else", () => {
    for (const text of ["", "{", "[]", "null", '{"topic":1}', '{"topic":"a","msg":"="}']) {
      expect(retainedIn(utf8(text))).toBeUndefined();
    }
  });
});
